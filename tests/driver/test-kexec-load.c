// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kexec-tools does by kexec_load(2) to a pool some of which is lent, when nobody
 * holds it back: it asks the firmware's map what is RAM, which has the region as RAM,
 * and the kernel takes the segments wherever they are. So an extent at the end of the
 * pool, which is near the end of RAM, where kexec-tools begins, gets lost.
 * pmpool-kexec(7) says so, and this shows it.
 *
 * Run in every boot, as root, with the module not loaded, and with kexec as /bin/kexec.
 * The argument says where the libraries are that only kexec needs.
 */
#include <sys/stat.h>

#include "lend.h"
#include "next.h"

#define KEXEC	"/bin/kexec"
#define INITRD	"/tmp/initrd"
#define LARGE	(220 * MIB)
#define PART	(64 * MIB)

/* An extent at each end of the pool, and what is between them lent. */
static void prepare(int fd)
{
	uint64_t *mem;

	if (create(fd, "first", PART) || create(fd, "between", info(fd).largest_free - PART) ||
	    create(fd, "last", PART) || remove_extent(fd, "between"))
		die("PMPOOL_CREATE");
	mem = map_node("first", PART, PROT_READ | PROT_WRITE);
	fill(mem, PART, 1);
	munmap(mem, PART);
	mem = map_node("last", PART, PROT_READ | PROT_WRITE);
	fill(mem, PART, 2);
	munmap(mem, PART);
	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be is lent");
	online(fd, "online_movable");
}

/* The initramfs of this kernel, and as many zeroes as make it large. */
static void make_initrd(void)
{
	static char buf[1 << 20];
	int from = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	int to = open(INITRD, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t length = 0;
	ssize_t len;

	if (from < 0 || to < 0)
		die(INITRD);
	while (length < LARGE && (len = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, len) != len)
			die(INITRD);
		length += len;
	}
	if (ftruncate(to, LARGE))
		die(INITRD);
	close(from);
	close(to);
}

/* What kexec -l says of what it does; its status in *status. */
static char *kexec_load(unsigned int boot, int *status)
{
	static char text[1 << 18];
	char line[CMDLINE_SIZE + 32];
	size_t used = 0;
	ssize_t len;
	int out[2];
	pid_t pid;

	snprintf(line, sizeof(line), "--command-line=%s", next_cmdline(boot, NULL));
	if (pipe2(out, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		execl(KEXEC, KEXEC, "-d", "-c", "-l", "/kexec/vmlinuz", "--initrd=" INITRD, line,
		      NULL);
		_exit(127);
	}
	close(out[1]);
	while (used < sizeof(text) - 1 &&
	       (len = read(out[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += len;
	close(out[0]);
	text[used] = '\0';
	waitpid(pid, status, 0);
	return text;
}

/* Ranges that it tells of, as START-END, that begin or end in the region. */
static unsigned int ranges_in(const char *said, uint64_t end, unsigned int *all)
{
	unsigned int n = 0;

	*all = 0;
	for (; *said; said += strcspn(said, "\n"), said += *said == '\n') {
		unsigned long long from, to;

		if (sscanf(said, " %16llx-%16llx (%*d)", &from, &to) != 2)
			continue;
		*all += 1;
		n += (from > base && from < end) || (to >= base && to < end - 1);
	}
	return n;
}

static void load_around(int fd, unsigned int boot)
{
	uint64_t end = base + info(fd).pool_size, in = 0;
	struct pmpool_lend lent = lending(fd);
	unsigned int segments = 0, ranges, all;
	char *said, *at;
	int status;

	make_initrd();
	said = kexec_load(boot, &status);
	check(!status && !strcmp(slurp("/sys/kernel/kexec_loaded"), "1"),
	      "kexec -c -l loads a kernel with an initramfs of %llu MiB: status %#x",
	      LARGE / MIB, status);
	ranges = ranges_in(said, end, &all);
	check(all && !ranges, "of %u ranges of memory that it knows %u begin or end in the region: "
	      "none is what is lent", all, ranges);
	for (at = said; (at = strstr(at, "].mem ")); at++) {
		uint64_t start = strtoull(strchr(at, '=') + 1, NULL, 0), length;
		char *size = strstr(at, "].memsz");

		if (!size)
			break;
		length = strtoull(strchr(size, '=') + 1, NULL, 0);
		printf("# segment %u: %#llx-%#llx%s\n", segments++, (unsigned long long)start,
		       (unsigned long long)(start + length - 1),
		       start < end && start + length > base ? ", in the region" : "");
		if (start < end && start + length > base)
			in += (start + length < end ? start + length : end) -
			      (start > base ? start : base);
	}
	check(segments >= 3 && in, "of %u segments %llu MiB are in the region, of which %llu MiB are lent",
	      segments, (unsigned long long)(in / MIB), lent.lent / MIB);
	if (!segments)
		printf("# %.4000s\n", said);
}

int main(int argc, char **argv)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	uint64_t *mem;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		setenv("LD_LIBRARY_PATH", argv[1], 1);
	begin("kexec-load");
	check_errno(load(region_param()), 0, "boot %u: the pool attaches", boot);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	base = info(fd).base;
	if (boot == 1) {
		prepare(fd);
		load_around(fd, boot);
		/* As kexec -e does. */
		start_next();
	}
	check(info(fd).state == PMPOOL_STATE_OK && info(fd).was_clean && info(fd).extents == 2,
	      "started all the same, the next kernel finds a pool that seems well");
	check(!lending(fd).lent && !strstr(slurp("/proc/iomem"), "(pmpool)") &&
	      !firmware_entries(firmware_map(), base, base + info(fd).pool_size),
	      "it was told nothing of what was lent");
	mem = map_node("first", PART, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, PART, 1), "the extent at the start has its bytes");
	munmap(mem, PART);
	mem = map_node("last", PART, PROT_READ);
	check(mem != MAP_FAILED && mismatches(mem, PART, 2), "of the one at the end %zu MiB are gone",
	      (size_t)(mismatches(mem, PART, 2) * 8 / MIB));
	munmap(mem, PART);
	return done();
}
