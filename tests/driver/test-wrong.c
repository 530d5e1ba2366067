// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool at wrong times and in wrong places: hibernation while it is attached,
 * loading twice at once, a region that is not where the pool is, one that another
 * driver has, one that is no memory, and a crash kernel.
 *
 * The last of them ends with a real crash: the kernel panics into the crash
 * kernel, which must leave the pool alone, and which has the firmware reset the
 * machine; the first kernel, started anew, finds the pool as it was.
 *
 * Run in every boot, as root, with the module not loaded.
 */
#include <dirent.h>
#include <sys/reboot.h>

#include "next.h"

#define COLD	(2 * BLOCK)
#define ROUNDS	8

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret, err;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

static int open_pool(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(POOL);
	return fd;
}

/* Both ways of user space to ask for it; opening the second one only prepares. */
static void hibernate(void)
{
	const char *said;
	int fd;

	begin("hibernate");
	check(strstr(slurp("/sys/power/state"), "disk"), "this kernel can hibernate");
	messages();
	check_errno(write_file("/sys/power/state", "disk"), EBUSY, "while the pool is attached");
	said = messages();
	check(strstr(said, "pmpool: hibernation would lose the pool: unload pmpool first"),
	      "the kernel's log says why and what to do");
	check_errno(open("/dev/snapshot", O_RDONLY | O_CLOEXEC), EBUSY, "/dev/snapshot");

	check_errno(unload(), 0, "pmpool unloads");
	fd = open("/dev/snapshot", O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "then hibernation can be prepared");
	close(fd);
	check_errno(load(region_param()), 0, "and undone, and pmpool loads");
}

/* Two processes load at the same instant; their results are in results[]. */
static void load_two(const char *second, int *results)
{
	const char *params = region_param();
	int *ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int i;

	for (i = 0; i < 2; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		__atomic_add_fetch(&ready[0], 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&ready[0], __ATOMIC_SEQ_CST) < 2)
			;
		ready[1 + i] = load_file(i ? second : MODULE, params) ? errno : 0;
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	results[0] = ready[1];
	results[1] = ready[2];
	munmap(ready, 4096);
}

static void copy_module(const char *to)
{
	static char text[1 << 16];
	int in = open(MODULE, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t len;

	while ((len = read(in, text, sizeof(text))) > 0)
		if (write(out, text, len) != len)
			die(to);
	close(in);
	close(out);
}

static void twice(void)
{
	unsigned int i, same = 0, other = 0, once = 0;
	uint64_t generation = sysfs("generation");
	int results[2];

	begin("twice");
	copy_module("/tmp/other.ko");
	check_errno(load(region_param()), EEXIST, "loading it while it is loaded");
	unload();
	for (i = 0; i < ROUNDS; i++) {
		load_two("/tmp/other.ko", results);
		/* EBUSY: it was on its way when looked for, and not when waited for. */
		other += !results[0] != !results[1] &&
			 (results[0] + results[1] == EEXIST || results[0] + results[1] == EBUSY);
		once += sysfs("generation") == ++generation;
		unload();
	}
	check(other == ROUNDS, "two loads at once: one succeeds, the other gets EEXIST: %u of %u times, "
	      "last %d and %d", other, ROUNDS, results[0], results[1]);
	for (i = 0; i < ROUNDS; i++) {
		/* The kernel makes one of them when it is the same file. */
		load_two(MODULE, results);
		same += (!results[0] || results[0] == EEXIST) && (!results[1] || results[1] == EEXIST) &&
			(!results[0] || !results[1]);
		once += sysfs("generation") == ++generation;
		unload();
	}
	check(same == ROUNDS, "the same with one file for both: %u of %u times, last %d and %d", same,
	      ROUNDS, results[0], results[1]);
	check(once == 2 * ROUNDS, "the pool was attached once each time: %u of %u", once, 2 * ROUNDS);
	load(region_param());
	check(sysfs("extents") == 1 && !strcmp(slurp(SYSFS "state"), "ok"),
	      "it has its extent and is in state ok");
}

/* A range that a driver has claimed: the disk's, whose kernel is under /kexec. */
static bool claimed_range(unsigned long long *from, unsigned long long *to)
{
	char *text = strdup(slurp("/proc/iomem")), *line, *save;
	bool found = false;

	for (line = strtok_r(text, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save))
		found = sscanf(line, " %llx-%llx", from, to) == 2 && strstr(line, " : nvme");
	free(text);
	return found;
}

static void in_use(void)
{
	unsigned long long from = 0, to;
	char params[80];
	const char *said;

	begin("in-use");
	check(claimed_range(&from, &to), "a driver has a region: %#llx", from);
	unload();
	snprintf(params, sizeof(params), "region=4M@%#llx", from & ~(BLOCK - 1));
	messages();
	check_errno(load(params), ENODEV, "pmpool is given it");
	said = messages();
	check(strstr(said, "is in use: see /proc/iomem"), "the message says where to look");
	check(access(POOL, F_OK), "there is no pool");
	check(!strstr(slurp("/proc/iomem"), "Persistent Memory Pool"), "and nothing is claimed");
	check_errno(load(region_param()), 0, "with its own region it loads");
	check(sysfs("extents") == 1, "and has its extent");
}

static void refused(const char *value, const char *params, const char *why)
{
	char text[128];

	snprintf(text, sizeof(text), "region=%s%s", value, params);
	messages();
	check_errno(load(text), ENODEV, "%s", text);
	check(strstr(messages(), why) && access(POOL, F_OK), "and the message says: %s", why);
}

static void load_at(uint64_t size, uint64_t base, const char *params, int wanted)
{
	char text[128];

	snprintf(text, sizeof(text), "region=%#llx@%#llx%s", (unsigned long long)size,
		 (unsigned long long)base, params);
	messages();
	check_errno(load(text), wanted, "%s", text);
}

/* The region of the command line: "region=SIZE@BASE", SIZE in MiB. */
static void given(uint64_t *size, uint64_t *base)
{
	const char *at = strchr(region_param(), '=') + 1;
	char *end;

	*size = strtoull(at, &end, 0) * MIB;
	*base = strtoull(strchr(at, '@') + 1, NULL, 0);
}

/*
 * A pool in the middle of what is reserved, so that there is room on either side,
 * and then the region is given otherwise.
 */
static void moved(void)
{
	static const struct {
		const char *how;
		long long base, size;	/* in MiB, besides the pool's */
	} wrong[] = {
		{ "2 MiB higher, up to the same end", 2, -2 },
		{ "2 MiB higher", 2, 0 },
		{ "2 MiB lower", -2, 0 },
		{ "far lower, only its end is the pool's", -24, 0 },
		{ "far higher, only its start is the pool's", 30, 0 },
		{ "half as long", 0, -16 },
		{ "twice as long", 0, 32 },
		{ "all around it", -32, 96 },
	};
	uint64_t size, base, all, start, id;
	char was[160], ours[64];
	unsigned int i;
	uint64_t *mem;
	int fd;

	begin("moved");
	given(&all, &start);
	base = start + 32 * MIB;
	size = 32 * MIB;
	load_at(size, base, "", ENODEV);
	check(strstr(messages(), "not formatted, for there is a pool at"),
	      "the pool around it is named");
	load_at(size, base, " format=1", 0);
	check(strstr(messages(), "format=1: giving up a pool at [mem"), "and given up for it");
	fd = open_pool();
	check_errno(create(fd, "filled", 15 * BLOCK), 0, "an extent of all that there is");
	close(fd);
	mem = map_node("filled", 15 * BLOCK, PROT_READ | PROT_WRITE);
	fill(mem, 15 * BLOCK, 11);
	munmap(mem, 15 * BLOCK);
	id = sysfs("generation");
	unload();

	snprintf(was, sizeof(was), "name its region, region=%#llx@%#llx, or give it up: load once with format=1",
		 (unsigned long long)size, (unsigned long long)base);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint64_t from = base + wrong[i].base * (long long)MIB;
		uint64_t length = size + wrong[i].size * (long long)MIB;
		const char *said;

		load_at(length, from, "", ENODEV);
		said = messages();
		snprintf(ours, sizeof(ours), "[mem %#010llx-%#010llx", (unsigned long long)from,
			 (unsigned long long)(from + length - 1));
		check(strstr(said, was) && strstr(said, ours) && strstr(said, "generation 1"),
		      "%s: refused, naming both", wrong[i].how);
	}
	check(access(POOL, F_OK) && !strstr(slurp("/proc/iomem"), "Persistent Memory Pool"),
	      "there is no pool after all that, and nothing is claimed");

	load_at(16 * MIB, start, "", 0);
	check(sysfs("generation") == 1, "a region beside it is formatted");
	unload();

	load_at(size, base, "", 0);
	check(sysfs("generation") == id + 1, "where it was it is found, attached once more");
	mem = map_node("filled", 15 * BLOCK, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, 15 * BLOCK, 11), "with every byte of its extent");
	munmap(mem, 15 * BLOCK);
	unload();

	load_at(all, start, " format=1", 0);
	check(strstr(messages(), "format=1: giving up a pool at [mem") && sysfs("generation") == 1 &&
	      sysfs("extents") == 0, "format=1 gives it up, and says so");
	unload();
	load_at(size, base, "", ENODEV);
	check(strstr(messages(), "not formatted, for there is a pool at"),
	      "it is not found any more; the new one is");
	check_errno(load(region_param()), 0, "which loads");
}

/* What is reserved, and holds no memory; what holds some, and is not reserved. */
static void nowhere(const char *hole, const char *half, const char *pci, const char *legacy)
{
	char why[80];

	begin("nowhere");
	check_errno(unload(), 0, "pmpool unloads");
	refused(hole, "", "holds no memory at");
	refused(hole, " format=1", "holds no memory at");
	snprintf(why, sizeof(why), "holds no memory at %#llx",
		 strtoull(strchr(half, '@') + 1, NULL, 0) + BLOCK);
	refused(half, "", why);
	refused(pci, "", "is not reserved, it is in [mem");
	refused(legacy, "", "is not reserved, some of it is persistent memory, memmap=SIZE!BASE");
	check(!strstr(slurp("/proc/iomem"), "Persistent Memory Pool"), "nothing is claimed");
	check_errno(load(region_param()), 0, "with its own region it loads");
}

/* An extent mapped for writing goes down with the kernel. */
__attribute__((noreturn))
static void crash(void)
{
	char cmdline[CMDLINE_SIZE];
	uint64_t *mem;

	begin("crash");
	snprintf(cmdline, sizeof(cmdline), "%s", next_cmdline(1, "nr_cpus=1 reset_devices"));
	drop_arguments(cmdline, "crashkernel=");
	check(strtoull(slurp("/sys/kernel/kexec_crash_size"), NULL, 0) > 0,
	      "memory is reserved for a crash kernel");
	check_errno(stage(cmdline, KEXEC_FILE_ON_CRASH), 0, "a crash kernel with this pool on its command line");
	mem = map_node("hot", BLOCK, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED, "an extent is mapped");
	fill(mem, BLOCK, 2);
	if (done())
		exit(1);
	write_file("/proc/sysrq-trigger", "c");
	sleep(60);
	die("there was no panic");
}

__attribute__((noreturn))
static void crash_kernel(void)
{
	begin("crash-kernel");
	check(!access("/proc/vmcore", F_OK), "this is a crash kernel: it has /proc/vmcore");
	messages();
	check_errno(load(region_param()), ENODEV, "pmpool is loaded");
	check(strstr(messages(), "not attached: this is a crash kernel"), "the message says why not");
	check(access(POOL, F_OK) && !strstr(slurp("/proc/iomem"), "Persistent Memory Pool"),
	      "there is no pool, and nothing is claimed");
	if (done())
		exit(1);
	reboot(RB_AUTOBOOT);
	die("resetting");
}

static void crashed(int fd)
{
	struct pmpool_info pool = info(fd);
	struct pmpool_extent_info ext = { 0 };
	uint64_t *mem, generation;

	begin("crashed");
	mem = map_node("cold", COLD, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem + 1, COLD - 8, 1), "every byte of 'cold'");
	generation = mem[0];
	munmap(mem, COLD);
	check(pool.generation == generation + 1,
	      "generation %llu: the crash kernel did not attach the pool", pool.generation);
	check(!pool.was_clean && pool.state == PMPOOL_STATE_OK && pool.extents == 2,
	      "it was not left clean, and is in state ok");
	open_extent(fd, "hot", 0, &ext);
	check(!(ext.flags & PMPOOL_EXTENT_CLEAN), "'hot' is dirty");
	mem = map_node("hot", BLOCK, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, BLOCK, 2), "every byte of 'hot'");
	munmap(mem, BLOCK);
}

int main(int argc, char **argv)
{
	struct pmpool_extent_info ext;
	uint64_t *mem;
	int fd;

	if (atoi(getenv("PMPOOL_BOOT") ?: "1") == 2)
		crash_kernel();
	if (load(region_param()))
		die("loading the driver");
	fd = open_pool();
	if (!open_extent(fd, "hot", 0, &ext)) {
		crashed(fd);
		return done();
	}
	close(fd);
	if (argc != 5)
		die("usage: test-wrong HOLE HALF PCI LEGACY");
	unload();
	moved();
	nowhere(argv[1], argv[2], argv[3], argv[4]);
	fd = open_pool();
	if (create(fd, "cold", COLD))
		die("creating an extent");
	close(fd);

	hibernate();
	twice();
	in_use();

	fd = open_pool();
	/* What the kernel after the crash is to find. */
	mem = map_node("cold", COLD, PROT_READ | PROT_WRITE);
	mem[0] = info(fd).generation;
	fill(mem + 1, COLD - 8, 1);
	munmap(mem, COLD);
	if (create(fd, "hot", BLOCK))
		die("creating an extent");
	close(fd);
	crash();
}
