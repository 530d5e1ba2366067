// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents in the minimal guest through a row of kexecs: three into kernels with
 * the driver, one into a kernel without it that uses all the memory it has, and
 * one back.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded.
 */
#include <sys/sysinfo.h>

#include "guest.h"

#define COLD	(5 * BLOCK)
#define HOT	(2 * BLOCK)
#define WITHOUT	5	/* the boot that does not load the driver */
#define LAST	6

static unsigned int boot;

static const char *region(void)
{
	static char value[80];
	const char *at = strstr(slurp("/proc/cmdline"), "pmpool.region=");

	if (!at)
		die("no pmpool.region= on the kernel command line");
	at += strlen("pmpool.");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " \n"), at);
	return value;
}

static void verify(int fd, unsigned int attaches)
{
	struct pmpool_extent_info ext;
	struct pmpool_info pool = info(fd);
	uint64_t *mem;

	check(pool.generation == attaches, "generation %llu", pool.generation);
	check(pool.extents == 3 && pool.state == PMPOOL_STATE_OK, "3 extents, state ok");
	check(pool.was_clean == 1 && pool.handover_time && pool.handover_time < pool.attach_time,
	      "the kernel before let go of the pool, and when is known");

	mem = map_node("cold", COLD, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, COLD, 1), "every byte of 'cold'");
	munmap(mem, COLD);
	open_extent(fd, "cold", 0, &ext);
	check(ext.flags == PMPOOL_EXTENT_CLEAN && ext.create_generation == 1 && ext.mode == 0640,
	      "'cold' is clean, of generation 1, mode 0640");

	open_extent(fd, "hot", 0, &ext);
	check(ext.flags == 0, "'hot', mapped until the last moment, is dirty");
	check(sysfs("../../pmpool/hot/first_open") == 0, "nobody has opened it in this kernel");
	mem = map_node("hot", HOT, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, HOT, 2), "every byte of 'hot'");
	munmap(mem, HOT);
	check(sysfs("../../pmpool/hot/first_open") > pool.attach_time, "now somebody has");
	munmap(map_node("hot", HOT, PROT_READ | PROT_WRITE), HOT);
	check(sysfs("../../pmpool/hot/clean") == 1 && sysfs("../../pmpool/hot/was_clean") == 0 &&
	      sysfs("../../pmpool/cold/was_clean") == 1, "it is clean, and how it was left is known");

	mem = map_node("count", 4096, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED && mem[0] == attaches - 1, "'count' has what the last boot wrote");
	mem[0] = attaches;
	munmap(mem, 4096);
}

static void make(int fd)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = COLD, .mode = 0640 };
	uint64_t *mem;

	set_name(arg.name, "cold");
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), 0, "created 'cold'");
	check_errno(create(fd, "hot", HOT), 0, "created 'hot'");
	check_errno(create(fd, "count", 8), 0, "created 'count'");
	mem = map_node("cold", COLD, PROT_READ | PROT_WRITE);
	fill(mem, COLD, 1);
	munmap(mem, COLD);
	mem = map_node("count", 4096, PROT_READ | PROT_WRITE);
	mem[0] = 1;
	munmap(mem, 4096);
}

/* Held by a process that is there when the kernel ends. */
static void hold_hot(void)
{
	int pipes[2];
	char byte;

	if (pipe(pipes))
		die("pipe");
	if (!fork()) {
		uint64_t *mem = map_node("hot", HOT, PROT_READ | PROT_WRITE);

		fill(mem, HOT, 2);
		if (write(pipes[1], "", 1) != 1)
			die("pipe");
		for (;;)
			pause();
	}
	if (read(pipes[0], &byte, 1) != 1)
		die("the process that holds 'hot'");
}

/* Use all the memory there is, so that whatever this kernel takes for RAM changes. */
static void hog(void)
{
	struct sysinfo si;
	size_t chunk = 16 * MIB, total = 0, want, at;
	char *mem;

	sysinfo(&si);
	want = si.freeram / 10 * 8;
	while (total < want) {
		mem = mmap(NULL, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mem == MAP_FAILED)
			break;
		/* The kernel zeroes each page when it is touched. */
		for (at = 0; at < chunk; at += 4096)
			mem[at] = 0xff;
		total += chunk;
	}
	check(total >= want, "a kernel without the driver: %zu MiB of %lu MiB free were overwritten",
	      (size_t)(total / MIB), (unsigned long)(si.freeram / MIB));
}

static void without(void)
{
	unsigned long long base, size, from, to;
	char *text, *line, *save;
	bool in_ram = false;

	sscanf(strchr(region(), '@') + 1, "%lli", (long long *)&base);
	size = strtoull(region() + strlen("region="), NULL, 0) * MIB;
	check(access(POOL, F_OK), "there is no pool");
	text = strdup(slurp("/proc/iomem"));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, " %llx-%llx", &from, &to) == 2 && strstr(line, "System RAM"))
			in_ram |= from < base + size && to >= base;
	check(!in_ram && base && size, "the region is in no System RAM range");
	free(text);
	hog();
}

int main(void)
{
	const char *number = getenv("PMPOOL_BOOT");
	int fd, ret;

	boot = number ? atoi(number) : 0;
	if (!boot)
		die("PMPOOL_BOOT is not set");
	begin(boot == WITHOUT ? "without" : boot == LAST ? "back" : "row");

	if (boot == WITHOUT) {
		without();
	} else {
		check_errno(load(region()), 0, "boot %u, the driver is loaded", boot);
		fd = open(POOL, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			die(POOL);
		if (boot == 1)
			make(fd);
		else
			verify(fd, boot < WITHOUT ? boot : boot - 1);
		close(fd);
		hold_hot();
	}

	if (boot == LAST) {
		check(true, "%u kexecs", boot - 1);
		return done();
	}
	ret = done();
	if (ret)
		return ret;
	execl("/bin/mini-kexec", "mini-kexec", NULL);
	die("mini-kexec");
}
