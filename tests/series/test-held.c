// SPDX-License-Identifier: GPL-2.0-only
/*
 * A panic and the firmware's warm reset: nobody has vouched for what is held, so
 * all of it is, until the one who manages the pool has said what is its.
 *
 * Which of the two boots this is the pool tells. Run as root.
 */
#include "series.h"

#define TAKEN	4
#define COUNT	3

static void before(const struct area *area)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	begin("before");
	check(area->boot == FRESH, "a new pool");
	check_errno(poke("alloc 600 first"), 0, "a hold of two blocks");
	check_errno(poke("take %d %d", TAKEN, COUNT), 0, "blocks are taken");
	check_errno(poke("take %d %d", TAKEN + COUNT, COUNT), 0, "and others, which nobody will speak for");
	fill_blocks(area, 1, 2);
	fill_blocks(area, TAKEN, COUNT);
	if (done())
		exit(1);
	if (write(fd, "c", 1) != 1)
		die("/proc/sysrq-trigger");
	for (;;)
		pause();
}

static void after(const struct area *area)
{
	uint64_t blocks = area->size / BLOCK, mine = ((1ULL << COUNT) - 1) << TAKEN;
	uint64_t before, released;

	begin("held");
	count_what_is_free();
	check(area->boot == HELD, "the bitmap is not believed");
	check(held(0, blocks), "every block is held");
	check(meminfo("CmaFree:") < BLOCK, "and none is the system's");
	check(hog() > 0 && !lost_bytes(area, 1, 2) && !lost_bytes(area, TAKEN, COUNT),
	      "a program takes all the memory, and every byte is there");
	check_errno(poke("find first"), 0, "a hold is found by its name");
	check_errno(poke("give 1 1"), EINVAL, "a hold's block is not the manager's to give");
	before = meminfo("CmaFree:");
	check_errno(poke("settle %llx", (unsigned long long)mine), 0, "the manager says what is its");
	released = strtoull(poke_said(), NULL, 0);
	check(released == blocks - 1 - 2 - COUNT, "%llu blocks are given to the system",
	      (unsigned long long)released);
	before = meminfo("CmaFree:") - before;
	check(before > (released - 1) * BLOCK, "which has them: %llu KiB", (unsigned long long)before / 1024);
	check(held(0, 3) && held(TAKEN, COUNT) && !held(3, 1) && !held(TAKEN + COUNT, 1),
	      "held is what is somebody's");
	check_errno(poke("settle %llx", (unsigned long long)mine << COUNT), EBUSY,
		    "a block that the system has is nobody's");
	check(hog() > released * BLOCK && !lost_bytes(area, 1, 2) && !lost_bytes(area, TAKEN, COUNT),
	      "a program uses them, and every byte is there");
}

int main(void)
{
	struct area area;

	setvbuf(stdout, NULL, _IOLBF, 0);
	load_poke();
	area = get_area();
	if (area.boot < 0) {
		begin("before");
		check(false, "there is a pool");
		return done();
	}
	if (area.boot == FRESH)
		before(&area);
	after(&area);
	return done();
}
