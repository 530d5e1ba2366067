// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kexec after kexec while most of a pool is lent and in use, with an initramfs
 * of hundreds of MiB, for which the region would do well, lent or not: no part of
 * the next kernel is placed there, that kernel is told of none of it, and every
 * extent is intact. One of them while the driver tries to empty what can not be, and
 * one with a page that is broken, which no later kernel may use.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded.
 */
#include <linux/mempolicy.h>
#include <poll.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "lend.h"
#include "next.h"

#define BOOTS		6
/* What is to be different in the kernel that boots so often. */
#define STUCK		2
#define NOT_LENT	3
#define BROKEN		5
#define KEPT		(20 * MIB)
#define INITRD		(100 * MIB)
#define GIB		(1024 * MIB)

static uint64_t size;

/* Seconds by the machine's clock, which has the same idea of them in every kernel. */
static uint64_t rtc(void)
{
	return strtoull(slurp("/sys/class/rtc/rtc0/since_epoch"), NULL, 10);
}

/* Whether each memory block is on the node that the firmware says: half of the memory each. */
static bool on_its_node(struct pmpool_lend lent)
{
	uint64_t at;
	char path[96];

	for (at = lent.offset; at < lent.offset + lent.lent; at += lent.unit) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/node%d",
			 (unsigned long long)((base + at) / lent.unit), base + at >= GIB);
		if (access(path, F_OK))
			return false;
	}
	return true;
}

static void lend_all(int fd)
{
	char *firmware = strdup(firmware_map());
	struct pmpool_lend arg;

	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be is lent");
	online(fd, "online_movable");
	arg = lending(fd);
	check(arg.lent >= size / 2, "%llu of %llu MiB", arg.lent / MIB, (unsigned long long)(size / MIB));
	check(!strcmp(firmware_map(), firmware), "the firmware's map is as it was");
	check(base < GIB && base + size > GIB && on_its_node(arg), "each block on its own node, of two");
	free(firmware);
}

/* Have the driver try to empty what it can not. The pages stay where they are until the end. */
static void get_stuck(int fd)
{
	struct pmpool_lend arg = lending(fd);
	uint64_t length = meminfo("MemAvailable:") / 10 * 4, *mem;
	unsigned int units = 0;
	uint64_t at, before;
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	mem = secrets(length);
	for (at = base + arg.offset; at < base + arg.offset + arg.lent; at += arg.unit)
		units += !!pin(pipes[1], mem, length, at, at + arg.unit, 2);
	munmap(mem, length);
	check(units, "pages that can not be moved, in %u of %llu units", units, arg.lent / arg.unit);
	/* Somebody waits for it, for longer than the next kernel may. */
	if (!fork()) {
		lend(fd, 0, 600000);
		_exit(0);
	}
	/* Until it does not get on: each end is tried for some seconds. */
	do {
		before = lending(fd).lent;
		poll(NULL, 0, 5000);
	} while (lending(fd).lent != before || !info(fd).emptying);
	check(info(fd).emptying && lending(fd).lent >= units * arg.unit,
	      "%llu MiB are still to be emptied", info(fd).emptying / MIB);
}

/* Break a page that the system has in what is lent. Returns where it is, or 0. */
static uint64_t break_page(struct pmpool_lend lent)
{
	uint64_t start = base + lent.offset, *page;
	int status;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		die("a page");
	/* Whoever has it dies of it. */
	if (!fork()) {
		uint64_t length = meminfo("MemAvailable:") / 10 * 4, at;
		char *mem = (char *)secrets(length);
		size_t i;

		for (i = 0; i < length; i += 4096)
			if (pages_in(mem + i, 4096, start, start + lent.lent))
				break;
		if (i == length)
			_exit(1);
		for (at = start; !pages_in(mem + i, 4096, at, at + lent.unit); at += lent.unit)
			;
		*page = at;
		_exit(madvise(mem + i, 4096, MADV_HWPOISON) ? 2 : 3);
	}
	wait(&status);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS ? *page : 0;
}

/* The kernel forgets what is broken when memory is taken away. The driver does not take it. */
static uint64_t break_memory(int fd)
{
	struct pmpool_lend arg = lending(fd);
	uint64_t broken = break_page(arg);

	check(broken, "a page of the unit at %#llx is broken", (unsigned long long)broken);
	check_errno(lend(fd, 0, 600000), EBUSY, "all of it back");
	arg = lending(fd);
	check(broken && arg.lent == arg.unit && base + arg.offset == broken,
	      "but for that unit, it is: %llu MiB at %#llx are left", arg.lent / MIB,
	      (unsigned long long)(base + arg.offset));
	return broken;
}

/* What broke under the last kernel: an extent of root's has the block, and keeps it. */
static void find_broken(int fd, uint64_t unit)
{
	struct pmpool_next next = { .size = sizeof(next) };
	struct pmpool_extent_info *ext = &next.info;
	struct pmpool_lend arg;

	while (!ioctl(fd, PMPOOL_NEXT, &next) && strncmp(ext->name, "broken-", 7))
		;
	check(!strncmp(ext->name, "broken-", 7) && ext->length == BLOCK &&
	      base + ext->offset >= unit && base + ext->offset < unit + lending(fd).unit,
	      "an extent has the block that broke");
	check(!ext->uid && !ext->mode && ext->flags == PMPOOL_EXTENT_CLEAN, "root's, and nobody may open it");
	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be is lent");
	arg = lending(fd);
	check(ext->offset + BLOCK <= arg.offset || ext->offset >= arg.offset + arg.lent,
	      "the block is not");
	check_errno(lend(fd, 0, 60000), 0, "all of it back");
	check_errno(remove_extent(fd, ext->name), 0, "it can be removed");
}

/* Fill what is free, so that the system has used what is lent, and leave it to it. */
static void use_memory(void)
{
	struct sysinfo si;
	size_t length, i;
	uint64_t *mem;

	sysinfo(&si);
	length = si.freeram / 10 * 8 & ~4095UL;
	mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		die("memory");
	for (i = 0; i < length / 8; i += 512)
		mem[i] = ~0ULL;
	munmap(mem, length);
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	unsigned long second = 1UL << 1;
	uint64_t *mem;
	int fd;

	/*
	 * Most of what is lent is on the second node. What can not be moved is on the
	 * first, and would run out there before the other one is used.
	 */
	if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, &second, 8 * sizeof(second)))
		die("set_mempolicy");
	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("lend-kexec");
	check(!strstr(slurp("/proc/iomem"), "pmpool"), "boot %u: no memory map tells of what was lent", boot);
	check_errno(load(region_param()), 0, "boot %u: the pool attaches", boot);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	base = info(fd).base;
	size = info(fd).pool_size;
	check(info(fd).generation == boot && info(fd).state == PMPOOL_STATE_OK && info(fd).was_clean,
	      "generation %u, ok, clean", boot);
	check(!lending(fd).lent, "nothing of it is lent");
	/* What a kernel is told by the one before is the firmware's map to it. */
	check(*firmware_map() && !firmware_entries(firmware_map(), base, base + size),
	      "the firmware's map has no entry that begins or ends in the region");

	if (boot == 1) {
		check_errno(create(fd, "kept", KEPT), 0, "an extent");
		mem = map_node("kept", KEPT, PROT_READ | PROT_WRITE);
		fill(mem, KEPT, 3);
	} else {
		mem = map_node("kept", KEPT, PROT_READ | PROT_WRITE);
		check(mem != MAP_FAILED && !mismatches(mem, KEPT - 16, 3), "boot %u: every byte of the extent", boot);
	}
	if (boot == STUCK + 1) {
		long took = rtc() - mem[KEPT / 8 - 1];

		check(took >= 0 && took < 590, "the last kernel did not wait for what it tried: %ld s", took);
	}
	if (boot == BOOTS) {
		find_broken(fd, mem[KEPT / 8 - 2]);
		return done();
	}
	if (boot != NOT_LENT) {
		lend_all(fd);
		use_memory();
	}
	stage_large(next_cmdline(boot, NULL), INITRD, base, size);
	use_memory();
	if (boot == STUCK)
		get_stuck(fd);
	if (boot == BROKEN)
		mem[KEPT / 8 - 2] = break_memory(fd);
	mem[KEPT / 8 - 1] = rtc();
	munmap(mem, KEPT);
	start_next();
}
