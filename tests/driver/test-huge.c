// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of 1 GiB, in a guest with a pool that has a whole one: an extent that
 * was used is mapped by one fault, whichever way it is opened.
 *
 * Run as root with the module not loaded yet and a pool of 2304 MiB.
 */
#include <sys/resource.h>

#include "guest.h"

#define GIB	(1024 * MIB)

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void touch(volatile char *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += 4096)
		mem[at] = at >> 12;
}

static bool right(const volatile char *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += 4096)
		if (mem[at] != (char)(at >> 12))
			return false;
	return true;
}

int main(void)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = GIB + BLOCK, .mode = 0600,
				     .align = GIB };
	const char *region = strstr(slurp("/proc/cmdline"), "pmpool.region=");
	struct pmpool_extent_info ext;
	char params[128];
	long before, after;
	char *mem;
	int fd;

	begin("huge");
	if (!region)
		die("no pmpool.region= on the kernel command line");
	snprintf(params, sizeof(params), "%.*s", (int)strcspn(region + 7, " \n"), region + 7);
	check_errno(load(params), 0, "%s", params);
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	set_name(arg.name, "huge");
	check_errno(ioctl(fd, PMPOOL_CREATE, &arg), 0, "an extent of 1 GiB and a block, aligned to 1 GiB");
	check((info(fd).base + arg.offset) % GIB == 0, "is aligned in the machine's memory");

	mem = map_node("huge", GIB + BLOCK, PROT_READ | PROT_WRITE);
	check(mem != MAP_FAILED && (uintptr_t)mem % GIB == 0, "it is mapped at an address that suits");
	before = faults();
	before = faults();
	touch(mem, GIB + BLOCK);
	after = faults();
	check(after - before == 513, "new, it takes a fault for each block: %ld", after - before);
	munmap(mem, GIB + BLOCK);

	mem = map_node("huge", GIB + BLOCK, PROT_READ | PROT_WRITE);
	before = faults();
	check(right(mem, GIB + BLOCK), "mapped again, every page is there");
	mem[1] = 1;
	after = faults();
	check(after - before <= 6, "by pages of 1 GiB: %ld faults", after - before);
	munmap(mem, GIB + BLOCK);

	open_extent(fd, "huge", PMPOOL_OPEN_WRITE, &ext);
	mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ext.offset);
	check(mem != MAP_FAILED && (uintptr_t)mem % GIB == 0, "the pool's device maps it as well");
	before = faults();
	touch(mem, GIB);
	after = faults();
	check(after - before == 1, "writing to all of it takes one fault: %ld", after - before);

	/* A hole makes smaller pages of it, which are read and written as before. */
	check(!munmap(mem + 5 * BLOCK, BLOCK) && right(mem, 5 * BLOCK) &&
	      right(mem + 6 * BLOCK, GIB - 6 * BLOCK), "with a hole in it the rest is there");
	touch(mem, 5 * BLOCK);
	munmap(mem, 5 * BLOCK);
	munmap(mem + 6 * BLOCK, GIB - 6 * BLOCK);

	mem = map_node("huge", GIB, PROT_READ | PROT_WRITE);
	touch(mem, GIB);
	{
		struct pmpool_seal sealing = { .size = sizeof(sealing) };
		int node = open(NODES "huge", O_RDWR | O_CLOEXEC);

		munmap(mem, GIB);
		mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, node, 0);
		touch(mem, GIB);
		check_errno(ioctl(node, PMPOOL_SEAL, &sealing), 0, "sealed");
		open_extent(fd, "huge", 0, &ext);
		check(ext.flags & PMPOOL_EXTENT_CLEAN && right(mem, GIB), "clean, and read");
		open_extent(fd, "huge", 0, &ext);
		check(ext.flags & PMPOOL_EXTENT_CLEAN, "still clean");
		mem[GIB - 1] = 1;
		open_extent(fd, "huge", 0, &ext);
		check(!(ext.flags & PMPOOL_EXTENT_CLEAN) && mem[GIB - 1] == 1, "written: dirty");
		munmap(mem, GIB);
		close(node);
	}
	check_errno(remove_extent(fd, "huge"), 0, "removed");
	return done();
}
