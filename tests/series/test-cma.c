// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backing cma, on a kernel that keeps the pool itself: what no extent has
 * serves the system, and is had back while a program uses it, or not; and all of
 * it through two kexecs, beside what a user inside the kernel has.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded and pmpool= on the command line. The sample client, which is
 * /lib/pmpool-sample.ko, has some of the pool as well.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "memory.h"
#include "series.h"

#define SAMPLE	"/lib/pmpool-sample.ko"
#define KEPT	(10 * BLOCK + 4096)
#define LAST	3
/* What the kernel needs for itself is not in the pool: it must not run out. */
#define ROOM	(160 * MIB)

static unsigned int boot;
static uint64_t base, size;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static int create_within(int fd, const char *name, uint64_t length, uint32_t timeout)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = length, .mode = 0600,
				     .timeout = timeout };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_CREATE, &arg);
}

static int resize(int fd, const char *name, uint64_t length)
{
	struct pmpool_resize arg = { .size = sizeof(arg), .length = length };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_RESIZE, &arg);
}

/* Bytes that extents have, in whole blocks. */
static uint64_t in_extents(int fd)
{
	struct pmpool_next arg = { .size = sizeof(arg) };
	uint64_t bytes = 0;

	while (!ioctl(fd, PMPOOL_NEXT, &arg))
		bytes += (arg.info.length + BLOCK - 1) / BLOCK * BLOCK;
	return bytes;
}

/* Metadata, extents, what is held and what is free are the pool. */
static bool adds_up(int fd)
{
	struct pmpool_info pool = info(fd);

	return pool.metadata_size + in_extents(fd) + pool.held + pool.free == pool.pool_size &&
	       pool.held == sysfs("held") && pool.free == sysfs("free");
}

/* All that is free and not the kernel's to keep, but for so much. */
static size_t all_but(size_t left)
{
	size_t avail = meminfo("MemAvailable:");

	return avail > left + 16 * MIB ? (avail - left) & ~(BLOCK - 1) : 16 * MIB;
}

static void test_attach(void)
{
	struct pmpool_lend lend = { .size = sizeof(lend) };
	struct pmpool_info pool;
	int fd;

	begin("cma-attach");
	if (boot == 1) {
		messages();
		check_errno(load("region=64M@1T"), ENODEV, "a region that is another one");
		check(strstr(messages(), "but this kernel keeps the pool at"), "and the kernel says so");
	}
	check_errno(load(""), 0, "boot %u: no region is given", boot);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(POOL);
	pool = info(fd);
	base = pool.base;
	size = pool.pool_size;
	check(!strcmp(slurp(SYSFS "backing"), "cma") && pool.backing == PMPOOL_BACKING_CMA,
	      "the backing is cma");
	/* The second boot attaches it twice. */
	check(pool.state == PMPOOL_STATE_OK && pool.generation == boot + (boot > 2) && pool.was_clean,
	      "state ok, generation %llu, left clean", pool.generation);
	check(adds_up(fd), "extents, what is held and what is free add up");
	lend.lent = pool.free;
	check_errno(ioctl(fd, PMPOOL_LEND, &lend), EOPNOTSUPP, "what is lent");
	lend.flags = PMPOOL_LEND_SET;
	check_errno(ioctl(fd, PMPOOL_LEND, &lend), EOPNOTSUPP, "to lend");
	check(pool.lent == 0 && sysfs("lent") == 0, "nothing is");
	close(fd);
}

static void test_mapping(int fd)
{
	const char *line, *list;
	unsigned int wrong = 0, found = 0;
	unsigned long long from, to;
	uint64_t *mem;

	begin("cma-mapping");
	check_errno(create(fd, "map", 3 * BLOCK), 0, "an extent");
	mem = map_node("map", 3 * BLOCK, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED && zeroes(mem, 3 * BLOCK), "it reads as zeroes");
	fill(mem, 3 * BLOCK, 5);
	check(!mismatches(mem, 3 * BLOCK, 5), "and is written");
	/* Firmware that leaves MTRRs off would make it uncached. */
	list = slurp(DEBUGFS "/x86/pat_memtype_list");
	for (line = list; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "PAT: [mem %llx-%llx]", &from, &to) != 2 || from >= base + size ||
		    to <= base)
			continue;
		found++;
		if (strncmp(strchr(line, ']') + 1, " write-back", 11)) {
			printf("# %.*s\n", (int)strcspn(line, "\n"), line);
			wrong++;
		}
	}
	check(found && !wrong, "all that maps the region does so write-back: %u of %u not", wrong, found);
	munmap(mem, 3 * BLOCK);
	check_errno(resize(fd, "map", 5 * BLOCK), 0, "it grows");
	mem = map_node("map", 5 * BLOCK, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, 3 * BLOCK, 5) && zeroes(mem + 3 * BLOCK / 8, 2 * BLOCK),
	      "with zeroes behind");
	munmap(mem, 5 * BLOCK);
	check_errno(resize(fd, "map", BLOCK), 0, "and shrinks");
	check(adds_up(fd), "and everything adds up");
	check_errno(remove_extent(fd, "map"), 0, "removed");
}

/* What is free is used; an extent has it back, and what was there is moved. */
static void test_moved(int fd)
{
	uint64_t before = meminfo("CmaFree:"), after, *mem, *mine;
	const uint64_t length = 48 * BLOCK;
	struct pmpool_info pool = info(fd);
	size_t used, got;

	begin("cma-moved");
	check(meminfo("CmaTotal:") >= size && before + 16 * MIB >= pool.free,
	      "%llu of %llu MiB that are free are the system's", (unsigned long long)(before / MIB),
	      (unsigned long long)(pool.free / MIB));
	used = all_but(length + ROOM);
	mem = secrets(used);
	got = pages_in(mem, used, base, base + size) * 4096;
	check(got >= 16 * MIB && meminfo("CmaFree:") < before,
	      "a program has some of it by itself");
	printf("# %zu of %zu MiB\n", got / (size_t)MIB, used / (size_t)MIB);
	check_errno(create_within(fd, "moved", length, 600000), 0, "an extent meanwhile");
	check(all_secret(mem, used), "what the program has is intact");
	mine = map_node("moved", length, PROT_READ | PROT_WRITE);
	check(mine != MAP_FAILED && zeroes(mine, length), "the extent reads as zeroes");
	fill(mine, length, 6);
	check(all_secret(mem, used) && !mismatches(mine, length, 6), "they are apart");
	check(adds_up(fd) && info(fd).free == pool.free - length, "everything adds up");

	check_errno(create_within(fd, "huge", pool.free + BLOCK, 0), ENOSPC, "more than is free");
	check(adds_up(fd) && info(fd).free == pool.free - length && info(fd).extents == 1,
	      "leaves the pool as it was");
	check(all_secret(mem, used) && !mismatches(mine, length, 6), "and everything else");
	munmap(mem, used);
	munmap(mine, length);

	before = meminfo("CmaFree:");
	check_errno(remove_extent(fd, "moved"), 0, "removed");
	after = meminfo("CmaFree:");
	check(after >= before + length - BLOCK, "the system has it again: %llu of %llu MiB",
	      (unsigned long long)((after - before) / MIB), (unsigned long long)(length / MIB));
	check(info(fd).free == pool.free && adds_up(fd), "it is free");
}

static void test_pinned(int fd)
{
	uint64_t *mem, began, took;
	struct pmpool_info pool = info(fd);
	int pipes[2], status;
	char junk[4096];
	size_t used;
	pid_t child;

	begin("cma-pinned");
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	used = all_but(pool.free + 32 * MIB);
	if (used < 64 * MIB)
		used = 64 * MIB;
	mem = secrets(used);
	check(pin(pipes[1], mem, used, base, base + size, 4), "pages that can not be moved");
	munmap(mem, used);

	began = now_ms();
	check_errno(create_within(fd, "all", pool.free, 700), EAGAIN, "an extent of all, in the given time");
	took = now_ms() - began;
	check(took >= 700, "is told so after that time");
	check(adds_up(fd) && info(fd).free == pool.free && info(fd).extents == 0, "the pool is as it was");
	check_errno(create_within(fd, "beside", 4 * BLOCK, 600000), 0, "a small one finds a place beside them");
	check_errno(remove_extent(fd, "beside"), 0, "removed");

	child = fork();
	if (!child) {
		create_within(fd, "all", pool.free, 600000);
		_exit(0);
	}
	poll(NULL, 0, 300);
	check(info(fd).extents == 0, "nobody waits for one that waits");
	check(waitpid(child, &status, WNOHANG) == 0, "which still does");
	kill(child, SIGKILL);
	check(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "and can be killed");
	check(adds_up(fd) && info(fd).free == pool.free, "with nothing left of it");

	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	while (read(pipes[0], junk, sizeof(junk)) > 0)
		;
	check_errno(create_within(fd, "all", pool.free, 600000), 0, "once they are let go of it can be made");
	check(info(fd).free == 0 && adds_up(fd), "nothing is free then");
	check_errno(remove_extent(fd, "all"), 0, "removed");
	close(pipes[0]);
	close(pipes[1]);
}

/* Killed at any time: there is an extent or there is none, and nothing is lost. */
static void test_killed(int fd)
{
	struct pmpool_info pool = info(fd);
	unsigned int i, made = 0, wrong = 0;
	uint64_t *mem, began, took;
	uint64_t before = meminfo("CmaFree:"), after;
	struct timespec pause = { 0 };
	size_t used;
	pid_t child;

	begin("cma-killed");
	used = all_but(pool.free / 2 + ROOM);
	mem = secrets(used);
	began = now_ms();
	check_errno(create_within(fd, "killed", pool.free / 2, 600000), 0, "one that is not killed");
	took = now_ms() - began + 1;
	check_errno(remove_extent(fd, "killed"), 0, "removed");
	for (i = 0; i < 12; i++) {
		child = fork();
		if (!child) {
			create_within(fd, "killed", pool.free / 2, 600000);
			_exit(0);
		}
		pause.tv_nsec = took * 1000000 / 12 * i % 1000000000;
		nanosleep(&pause, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		wrong += !adds_up(fd);
		if (!remove_extent(fd, "killed"))
			made++;
		wrong += !adds_up(fd) || info(fd).free != pool.free;
	}
	check(!wrong, "12 that were killed left nothing behind");
	printf("# %u of them had made it, in %u ms at first\n", made, (unsigned int)took);
	check(all_secret(mem, used), "what was in their way is intact");
	munmap(mem, used);
	after = meminfo("CmaFree:");
	check(after + 2 * BLOCK >= before, "the system has all of it again: %llu MiB, %llu MiB before",
	      (unsigned long long)(after / MIB), (unsigned long long)(before / MIB));
	check_errno(create_within(fd, "all", pool.free, 600000), 0, "and all of it can still be had");
	check_errno(remove_extent(fd, "all"), 0, "removed");
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* What a user inside the kernel has: bytes. */
static uint64_t held_told(int fd, char name[PMPOOL_NAME_SIZE], uint64_t *offset)
{
	struct pmpool_next arg = { .size = sizeof(arg), .flags = PMPOOL_NEXT_HELD };
	uint64_t bytes = 0;

	while (!ioctl(fd, PMPOOL_NEXT, &arg)) {
		memcpy(name, arg.info.name, PMPOOL_NAME_SIZE);
		*offset = arg.info.offset;
		bytes += arg.info.length;
	}
	return bytes;
}

static void test_held(int fd)
{
	char name[PMPOOL_NAME_SIZE] = "";
	struct pmpool_next arg = { .size = sizeof(arg) };
	uint64_t offset = 0, bytes;
	bool apart = true;

	begin("cma-held");
	if (boot == 1) {
		check_errno(load_file(SAMPLE, ""), 0, "a user inside the kernel");
		check(put(DEBUGFS "/pmpool_deposit/deposit", "1024"), "takes 1024 pages");
	}
	bytes = held_told(fd, name, &offset);
	check(bytes == 2 * BLOCK && info(fd).held == bytes && !strcmp(name, "deposit.0"),
	      "boot %u: what it has is told", boot);
	check(adds_up(fd), "and everything adds up");
	check_errno(create_within(fd, "rest", info(fd).largest_free, 600000), 0, "a large extent beside it");
	while (!ioctl(fd, PMPOOL_NEXT, &arg))
		apart &= arg.info.offset >= offset + bytes || arg.info.offset + arg.info.length <= offset;
	check(apart, "no extent is where it is");
	check_errno(remove_extent(fd, "rest"), 0, "removed");
	if (boot > 1) {
		check_errno(load_file(SAMPLE, ""), 0, "the user inside the kernel is there again");
		check(strstr(slurp(DEBUGFS "/pmpool_deposit/verify"), ": 0 wrong words"),
		      "and finds every word");
	}
}

static void make_kept(int fd)
{
	uint64_t *mem;

	begin("cma-kept");
	check_errno(create(fd, "kept", KEPT), 0, "an extent that is kept");
	mem = map_node("kept", KEPT, PROT_READ | PROT_WRITE);
	fill(mem, KEPT, 8);
	munmap(mem, KEPT);
}

static void check_kept(int fd)
{
	struct pmpool_extent_info ext;
	uint64_t *mem;

	begin("cma-kept");
	mem = map_node("kept", KEPT, PROT_READ);
	check(mem != MAP_FAILED && !mismatches(mem, KEPT, 8), "boot %u: every byte of it", boot);
	munmap(mem, KEPT);
	check(!open_extent(fd, "kept", 0, &ext) && ext.create_generation == 1 &&
	      ext.flags & PMPOOL_EXTENT_CLEAN, "of generation 1, clean");
}

/* A record that tells of blocks which the system has had meanwhile. */
static void test_lost(void)
{
	struct pmpool_repair fix = { .size = sizeof(fix) };
	struct pmpool_format_record rec = { .magic = PMPOOL_FORMAT_RECORD_MAGIC };
	struct pmpool_open arg = { .size = sizeof(arg) };
	struct area area = { .base = base, .size = size };
	uint8_t *raw, slot_was[512];
	size_t at;
	int fd;

	begin("cma-lost");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(create(fd, "lost", 3 * BLOCK), 0, "an extent");
	set_name(arg.name, "lost");
	if (ioctl(fd, PMPOOL_OPEN, &arg))
		die("lost");
	fix.slot = arg.info.id % PMPOOL_FORMAT_SLOTS;
	at = PMPOOL_FORMAT_TABLE_OFFSET + fix.slot * 512;
	if (pread(fd, slot_was, 512, at) != 512)
		die("its record");
	check_errno(remove_extent(fd, "lost"), 0, "removed: the system has its blocks");
	close(fd);
	check_errno(unload(), 0, "unloaded");

	raw = (uint8_t *)map_blocks(&area, 0, 1);
	memcpy(raw + at, slot_was, 512);
	munmap(raw, BLOCK);
	messages();
	check_errno(load(""), 0, "with the record it had");
	check(strstr(messages(), "extent 'lost', at offset") &&
	      !strcmp(slurp(SYSFS "state"), "degraded") && sysfs("damaged") == 1,
	      "the pool is degraded, and the kernel says which it is");
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	check_errno(open_extent(fd, "lost", PMPOOL_OPEN_READ, NULL), ENOENT, "it is not trusted");
	check_kept(fd);
	begin("cma-lost");
	check_errno(create(fd, "new", BLOCK), EUCLEAN, "create");
	memcpy(fix.record, slot_was, sizeof(fix.record));
	check_errno(ioctl(fd, PMPOOL_REPAIR, &fix), EBUSY, "it can not be brought back");
	memset(fix.record, 0, sizeof(fix.record));
	memcpy(fix.record, &rec, sizeof(rec));
	check_errno(ioctl(fd, PMPOOL_REPAIR, &fix), 0, "but be given up");
	check(!strcmp(slurp(SYSFS "state"), "ok") && adds_up(fd), "all is well then");
	close(fd);
}

/* Write to all memory that this kernel takes for its own, before the driver is there. */
static void overwrite(void)
{
	size_t used = all_but(ROOM);
	uint64_t *mem = secrets(used);

	begin("cma-kept");
	check(true, "boot %u: all that is free was written to before the driver was loaded", boot);
	munmap(mem, used);
}

int main(void)
{
	int fd, ret;

	boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	load_poke();
	count_what_is_free();

	if (boot > 1)
		overwrite();
	test_attach();
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (boot == 1) {
		test_mapping(fd);
		test_moved(fd);
		test_pinned(fd);
		test_killed(fd);
		make_kept(fd);
	} else {
		check_kept(fd);
	}
	test_held(fd);
	close(fd);
	if (boot == 2)
		test_lost();
	if (boot == LAST) {
		check(true, "%u kexecs", boot - 1);
		return done();
	}
	begin("cma-kept");
	check_errno(stage(next_cmdline(boot, NULL), 0), 0, "boot %u: the next kernel is staged", boot);
	ret = done();
	if (ret)
		return ret;
	start_next();
}
