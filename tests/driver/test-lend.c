// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is lent to the system: who may lend it, that the system really
 * uses it, that extents get it back zeroed, that whoever waits for it can be
 * killed and does not hold others up.
 *
 * Run as root with the module not loaded yet and a pool of some memory blocks.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "lend.h"

static int create_within(int fd, const char *name, uint64_t length, uint32_t timeout)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = length, .mode = 0600,
				     .timeout = timeout };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_CREATE, &arg);
}

static int resize_within(int fd, const char *name, uint64_t length, uint32_t timeout)
{
	struct pmpool_resize arg = { .size = sizeof(arg), .length = length, .timeout = timeout };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_RESIZE, &arg);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void test_contract(int fd)
{
	struct pmpool_lend arg = lending(fd);
	struct pmpool_info pool = info(fd);
	uint64_t unit = arg.unit;
	int status;

	begin("lend-abi");
	check(arg.lent == 0 && pool.lent == 0 && pool.emptying == 0 && sysfs("lent") == 0,
	      "nothing is lent at first");
	check(arg.unit == strtoull(slurp("/sys/devices/system/memory/block_size_bytes"), NULL, 16),
	      "the unit is a memory block, %llu MiB", arg.unit / MIB);
	check(arg.lendable && arg.lendable % arg.unit == 0 &&
	      arg.lendable <= pool.free, "%llu of %llu MiB can be lent", arg.lendable / MIB,
	      pool.free / MIB);

	arg = (struct pmpool_lend){ .size = sizeof(arg), .__reserved = 1 };
	check_errno(ioctl(fd, PMPOOL_LEND, &arg), EINVAL, "padding");
	arg = (struct pmpool_lend){ .size = sizeof(arg) - 8 };
	check_errno(ioctl(fd, PMPOOL_LEND, &arg), EINVAL, "too short");
	arg = (struct pmpool_lend){ .size = sizeof(arg), .flags = 2 };
	check_errno(ioctl(fd, PMPOOL_LEND, &arg), EOPNOTSUPP, "an unknown flag");
	check_errno(ioctl(fd, PMPOOL_LEND, NULL), EFAULT, "no struct");

	if (!fork()) {
		if (setresuid(1000, 1000, 1000))
			_exit(99);
		_exit(lend(fd, pool.free, 0) == -1 && errno == EPERM && !lending(fd).lent ? 0 : 1);
	}
	wait(&status);
	check(status == 0, "a user may ask, and not lend: EPERM");

	check_errno(lend(fd, unit - 1, 0), 0, "less than a unit");
	check(lending(fd).lent == 0, "is nothing");
}

/* Whether /dev/mem refuses a page of the machine. It would give it if nobody claimed it. */
static bool nowhere(uint64_t phys)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	void *page;

	if (fd < 0)
		die("/dev/mem");
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, phys);
	close(fd);
	if (page != MAP_FAILED)
		munmap(page, 4096);
	return page == MAP_FAILED && errno == EPERM;
}

static void test_lent(int fd)
{
	struct pmpool_lend arg = lending(fd);
	uint64_t total = meminfo("MemTotal:"), start, want = arg.lendable;
	char *firmware = strdup(firmware_map());
	unsigned int outside, units;

	begin("lend-system");
	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be");
	arg = lending(fd);
	start = base + arg.offset;
	check(arg.lent == want && arg.lendable == want && info(fd).lent == want &&
	      sysfs("lent") == want, "is lent: %llu MiB at offset %#llx", arg.lent / MIB, arg.offset);
	check(start % arg.unit == 0, "whole memory blocks of the machine");
	check(nowhere(base + info(fd).metadata_size) && nowhere(start - BLOCK),
	      "what is not lent is nobody else's: /dev/mem refuses it");
	check(info(fd).free == sysfs("free") && info(fd).largest_free >= want,
	      "they still count as free");
	check(iomem_lent(&outside) == 1 && !outside, "/proc/iomem has them inside the pool, in one piece");
	check(*firmware && !strcmp(firmware_map(), firmware) &&
	      !firmware_entries(firmware, base, base + info(fd).pool_size),
	      "the firmware's map is as it was");
	units = online(fd, "online_movable");
	check(units == arg.lent / arg.unit && meminfo("MemTotal:") >= total + want / 100 * 98,
	      "online, they are %llu MiB more memory", (meminfo("MemTotal:") - total) / MIB);
	check_errno(lend(fd, arg.lent, 0), 0, "as much as is lent");
	check(unload() == -1 && errno == EWOULDBLOCK, "the driver can not be unloaded meanwhile");
	check_errno(lend(fd, ~0ULL, 0), ENOSPC, "more than all");
	free(firmware);
}

static void test_taken_back(int fd)
{
	struct pmpool_lend arg = lending(fd);
	uint64_t start = base + arg.offset, end = start + arg.lent, before = arg.lent;
	struct pmpool_extent_info ext;
	size_t size = meminfo("MemAvailable:") / 10 * 6, used;
	char *firmware = strdup(firmware_map());
	uint64_t *mem, *mine;

	begin("lend-back");
	mem = secrets(size);
	used = pages_in(mem, size, start, end) * 4096;
	check(used > 16 * MIB && pages_in(mem, size, start, start + arg.unit) &&
	      pages_in(mem, size, end - arg.unit, end),
	      "the system has put %zu MiB of a program there, at both ends too", (size_t)(used / MIB));

	/* More than is free beside it. */
	check_errno(create_within(fd, "back", arg.unit + 2 * BLOCK, 600000), 0,
		    "an extent that needs some of it");
	/* Emptying one end may take so long that the other one is tried as well. */
	while (info(fd).emptying)
		poll(NULL, 0, 20);
	arg = lending(fd);
	check(arg.lent < before && arg.lent && arg.lent % arg.unit == 0,
	      "what it needed is taken back, and no more: %llu of %llu MiB are lent",
	      arg.lent / MIB, before / MIB);
	check(!open_extent(fd, "back", 0, &ext) &&
	      (ext.offset + ext.length <= arg.offset || ext.offset >= arg.offset + arg.lent),
	      "and is not where anything is lent");
	mine = map_node("back", arg.unit, PROT_READ | PROT_WRITE);
	check(mine != MAP_FAILED && zeroes(mine, arg.unit), "it reads as zeroes");
	fill(mine, 4 * MIB, 7);
	check(all_secret(mem, size), "and what the program had is intact");

	check_errno(lend(fd, arg.lent - arg.unit, 600000), 0, "a unit less");
	check(lending(fd).lent == arg.lent - arg.unit, "is lent");
	check(!strcmp(firmware_map(), firmware), "the firmware's map is as it was");
	free(firmware);
	check_errno(lend(fd, arg.lent, 0), 0, "and one more again");
	online(fd, "online_movable");
	check(lending(fd).lent == arg.lent, "is lent");
	check(!mismatches(mine, 4 * MIB, 7) && all_secret(mem, size), "nothing else has changed");
	munmap(mine, arg.unit);
	munmap(mem, size);
	check_errno(remove_extent(fd, "back"), 0, "removed");
}

static void test_grow(int fd)
{
	struct pmpool_resize arg = { .size = sizeof(arg) };
	struct pmpool_extent_info ext;
	struct pmpool_lend lent;
	uint64_t *mine;

	begin("lend-grow");
	check_errno(create(fd, "grow", BLOCK), 0, "a small extent");
	mine = map_node("grow", BLOCK, PROT_READ | PROT_WRITE);
	fill(mine, BLOCK, 9);
	munmap(mine, BLOCK);
	lend(fd, ~0ULL, 0);
	online(fd, "online_movable");
	lent = lending(fd);
	open_extent(fd, "grow", 0, &ext);
	set_name(arg.name, "grow");
	arg.length = ~0ULL >> 1;
	check_errno(ioctl(fd, PMPOOL_RESIZE, &arg), ENOSPC, "too long");
	check(arg.largest >= lent.lent, "can be as long as all that is free, with what is lent");
	arg.length = lent.offset + lent.unit - ext.offset;
	arg.__reserved = 1;
	check_errno(ioctl(fd, PMPOOL_RESIZE, &arg), EINVAL, "padding");
	check(ext.offset < lent.offset, "what is lent lies behind it");
	check_errno(resize_within(fd, "grow", lent.offset + lent.unit - ext.offset, 600000), 0,
		    "into what was lent");
	check(lending(fd).lent == lent.lent - lent.unit && lending(fd).offset == lent.offset + lent.unit,
	      "it got the unit it needed");
	mine = map_node("grow", lent.unit, PROT_READ);
	check(mine != MAP_FAILED && !mismatches(mine, BLOCK, 9) &&
	      zeroes(mine + BLOCK / 8, lent.unit - BLOCK), "and has its bytes, and zeroes");
	munmap(mine, lent.unit);
	check_errno(remove_extent(fd, "grow"), 0, "removed");
}

/* Who waits in vain is ended with the guest. */
static void wait_lent(int fd, uint64_t bytes)
{
	while (lending(fd).lent > bytes)
		poll(NULL, 0, 20);
}

static void test_stuck(int fd)
{
	struct pmpool_lend arg;
	struct pmpool_info pool;
	uint64_t *mem, start, end, began, took, size;
	int pipes[2], status, null;
	char junk[4096];
	pid_t child;

	begin("lend-stuck");
	lend(fd, ~0ULL, 0);
	online(fd, "online_movable");
	/* Room for one small extent beside what is lent, wherever that is. */
	arg = lending(fd);
	start = base + arg.offset;
	end = start + arg.lent;
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	size = meminfo("MemAvailable:") / 10 * 6;
	mem = secrets(size);
	/* In all of it, so that some is in the unit that is wanted. */
	check(pin(pipes[1], mem, size, start, start + arg.unit, 8) &&
	      pin(pipes[1], mem, size, end - arg.unit, end, 8), "pages that can not be moved");

	pool = info(fd);
	began = now_ms();
	check_errno(create_within(fd, "stuck", pool.free - BLOCK, 700), EAGAIN,
		    "what needs them, in the given time");
	took = now_ms() - began;
	check(took >= 700, "is told so after that time: %llu ms",
	      (unsigned long long)took);
	pool = info(fd);
	check(pool.emptying && pool.emptying <= pool.lent, "%llu MiB are being emptied",
	      pool.emptying / MIB);
	check(nowhere(base) && nowhere(start - BLOCK), "and nothing else is uncovered: /dev/mem refuses it");
	check(pool.extents == 0 && !sysfs("extents"), "and there is no such extent");

	child = fork();
	if (!child) {
		create_within(fd, "stuck", pool.free - BLOCK, 600000);
		_exit(0);
	}
	check_errno(create(fd, "other", BLOCK), 0, "another extent, beside");
	check_errno(remove_extent(fd, "other"), 0, "comes and goes meanwhile");
	check(waitpid(child, &status, WNOHANG) == 0, "without delay: the one that waits still waits");
	kill(child, SIGKILL);
	check(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "and can be killed");
	check_errno(lend(fd, ~0ULL, 0), EAGAIN, "to lend more while some is being emptied");
	check_errno(lend(fd, 0, 200), EAGAIN, "to lend nothing, in the given time");

	/* Read, the pages can go where they like. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	while (read(pipes[0], junk, sizeof(junk)) > 0)
		;
	close(null);
	munmap(mem, size);
	wait_lent(fd, 0);
	check(lending(fd).lent == 0, "once they are free it is emptied without further asking");
	check_errno(create_within(fd, "stuck", pool.free - BLOCK, 600000), 0, "and can be had");
	check_errno(remove_extent(fd, "stuck"), 0, "removed");
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * Memory that can not be emptied at one end of what is lent: whoever needs some
 * has it from the other end.
 */
static void test_one_end(int fd)
{
	struct pmpool_extent_info ext;
	uint64_t *mem, began, size;
	struct pmpool_lend arg;
	int pipes[2], status;

	begin("lend-end");
	lend(fd, ~0ULL, 0);
	online(fd, "online_movable");
	arg = lending(fd);
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	size = meminfo("MemAvailable:") / 10 * 6;
	mem = secrets(size);
	check(arg.lent >= 3 * arg.unit &&
	      pin(pipes[1], mem, size, base + arg.offset, base + arg.offset + arg.unit, 8),
	      "pages that can not be moved in the first of %llu units", arg.lent / arg.unit);

	/* A little more than is free in front of it, so that is where it would be put. */
	began = now_ms();
	check_errno(create_within(fd, "end", arg.unit, 600000), 0, "an extent of one unit");
	open_extent(fd, "end", 0, &ext);
	check(lending(fd).offset == arg.offset && lending(fd).lent < arg.lent &&
	      ext.offset >= arg.offset + lending(fd).lent,
	      "is put at the other end, after %llu ms", (unsigned long long)(now_ms() - began));
	do {
		status = lend(fd, 0, 1000);
	} while (status == -1 && (errno == EAGAIN || errno == EBUSY) && lending(fd).lent > arg.unit);
	check(status == -1 && (errno == EAGAIN || errno == EBUSY), "all of it back: an error");
	check(lending(fd).offset == arg.offset && lending(fd).lent == arg.unit,
	      "but for what can not be emptied, it is: %llu MiB at %#llx are left",
	      lending(fd).lent / MIB, lending(fd).offset);
	check(all_secret(mem, size), "what the program had is intact");

	munmap(mem, size);
	close(pipes[0]);
	close(pipes[1]);
	check_errno(lend(fd, 0, 600000), 0, "the rest, when it can be");
	check_errno(remove_extent(fd, "end"), 0, "removed");
}

static void test_end(int fd)
{
	unsigned int outside;

	begin("lend-unload");
	lend(fd, ~0ULL, 0);
	check_errno(lend(fd, 0, 600000), 0, "memory that was never online");
	check(lending(fd).lent == 0 && iomem_lent(&outside) == 0 && !outside, "is back");
	lend(fd, ~0ULL, 0);
	online(fd, "online_movable");
	check_errno(lend(fd, 0, 600000), 0, "all of it, online");
	check(lending(fd).lent == 0 && sysfs("lent") == 0 && iomem_lent(&outside) == 0 && !outside,
	      "is back");
	close(fd);
	check_errno(unload(), 0, "and the driver can be unloaded");
	check(!strstr(slurp("/proc/iomem"), "Persistent Memory Pool"), "with nothing left of it");
}

int main(void)
{
	const char *region = strstr(slurp("/proc/cmdline"), "pmpool.region=");
	char params[128];
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!region)
		die("no pmpool.region= on the kernel command line");
	snprintf(params, sizeof(params), "%.*s", (int)strcspn(region + 7, " \n"), region + 7);
	begin("lend-abi");
	check_errno(load(params), 0, "%s", params);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	base = info(fd).base;

	test_contract(fd);
	test_lent(fd);
	test_taken_back(fd);
	test_grow(fd);
	test_stuck(fd);
	test_one_end(fd);
	test_end(fd);
	return done();
}
