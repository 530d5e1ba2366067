// SPDX-License-Identifier: GPL-2.0-only
/*
 * The free-space code, with the driver's own file, against a map of bytes.
 */
#include <stdlib.h>
#include <linux/kernel.h>

#include "space.h"
#include "tap.h"

#define BLOCKS	256
#define RUNS	64

static struct pmpool_run runs[RUNS];
static struct pmpool_space space;

static void start(void)
{
	pmpool_space_init(&space, 1, BLOCKS, runs, RUNS);
}

static void test_simple(void)
{
	u64 first = 0, total, largest;

	start();
	pmpool_space_free(&space, &total, &largest);
	ok(total == 255 && largest == 255, "an empty pool is free but for its metadata");
	ok(pmpool_space_find(&space, 255, 1, 0, &first) == 0 && first == 1, "all of it can be had");
	ok(pmpool_space_find(&space, 256, 1, 0, &first) == -ENOSPC, "more can not");
	ok(pmpool_space_find(&space, ~0ULL, 1, 0, &first) == -ENOSPC, "far more neither");
	ok(pmpool_space_find(&space, 1, 64, 0, &first) == 0 && first == 64,
	   "an alignment of 64 blocks gives block 64");
	ok(pmpool_space_find(&space, 1, 64, 3, &first) == 0 && first == 61,
	   "it is aligned in the machine's memory, not in the pool");
	ok(pmpool_space_find(&space, 1, 512, 0, &first) == -ENOSPC, "one that no block has fails");

	/* Free: 1-9, 20-24, 30-255. */
	pmpool_space_insert(&space, 10, 10, 0);
	pmpool_space_insert(&space, 25, 5, 1);
	ok(pmpool_space_find(&space, 5, 1, 0, &first) == 0 && first == 20, "the smallest gap is taken");
	ok(pmpool_space_find(&space, 6, 1, 0, &first) == 0 && first == 1, "or else the next larger");
	ok(pmpool_space_find(&space, 3, 8, 0, &first) == 0 && first == 32,
	   "a gap that is long enough but not when aligned is passed over");
	ok(!pmpool_space_at(&space, 9) && pmpool_space_at(&space, 10)->slot == 0 &&
	   pmpool_space_at(&space, 19)->slot == 0 && !pmpool_space_at(&space, 20),
	   "a block is found in its extent and in no other");
	ok(pmpool_space_from(&space, 0)->slot == 0 && pmpool_space_from(&space, 15)->slot == 0 &&
	   pmpool_space_from(&space, 20)->slot == 1 && !pmpool_space_from(&space, 30),
	   "the next extent is found from anywhere");
	ok(pmpool_space_room(&space, 10, 0) == 15 && pmpool_space_room(&space, 25, 1) == 231,
	   "an extent can grow up to the next one, or the end");
	pmpool_space_resize(&space, 10, 0, 15);
	ok(pmpool_space_at(&space, 24)->slot == 0 && pmpool_space_find(&space, 5, 1, 0, &first) == 0 &&
	   first == 1, "grown, it has the blocks");
	pmpool_space_resize(&space, 10, 0, 10);
	ok(!pmpool_space_at(&space, 24), "and shrunk, it has not");
	pmpool_space_remove(&space, 25, 0);
	ok(space.count == 2, "another extent's place removes nothing");
	pmpool_space_remove(&space, 25, 1);
	pmpool_space_remove(&space, 10, 0);
	pmpool_space_free(&space, &total, &largest);
	ok(total == 255 && largest == 255 && !space.count, "removed, all is free again");
}

static void test_full(void)
{
	u32 i;

	start();
	for (i = 0; i < RUNS; i++)
		pmpool_space_insert(&space, 1 + i, 1, i);
	ok(pmpool_space_insert(&space, 200, 1, 99) == -ENOSPC && space.count == RUNS,
	   "no more runs than there is room for");
}

static void test_overlaps(void)
{
	u32 i, j, k, marked, wrong = 0, rounds = 0;

	srand(1);
	for (i = 0; i < 2000; i++) {
		u32 count = 1 + rand() % 12, expect = 0;

		start();
		for (j = 0; j < count; j++)
			pmpool_space_insert(&space, 1 + rand() % 60, 1 + rand() % 12, j);
		marked = pmpool_space_mark_overlaps(&space);
		for (j = 0; j < count; j++) {
			bool overlaps = false;

			for (k = 0; k < count; k++)
				overlaps |= k != j &&
					runs[j].first < runs[k].first + runs[k].blocks &&
					runs[k].first < runs[j].first + runs[j].blocks;
			expect += overlaps;
			wrong += overlaps != runs[j].overlaps;
		}
		wrong += marked != expect;
		rounds += !!expect;
	}
	ok(!wrong && rounds > 500, "overlaps are found: %u of 2000 sets had some, %u wrong",
	   rounds, wrong);
}

static void test_random(void)
{
	static u8 map[BLOCKS];
	u32 i, j, wrong = 0, found = 0, full = 0;
	u64 where[RUNS] = { }, len[RUNS] = { };

	start();
	map[0] = 1;
	srand(2);
	for (i = 0; i < 20000; i++) {
		u32 slot = rand() % RUNS;
		u64 first = 0, align = 1ULL << rand() % 4, blocks = 1 + rand() % 20;
		u64 base = rand() % 8, total, largest, run = 0, most = 0, all = 0;
		bool fits = false;

		if (len[slot]) {
			memset(map + where[slot], 0, len[slot]);
			pmpool_space_remove(&space, where[slot], slot);
			len[slot] = 0;
			continue;
		}
		for (j = 0; j < BLOCKS; j++) {
			u64 k;

			run = map[j] ? 0 : run + 1;
			all += !map[j];
			most = max(most, run);
			if ((base + j) % align || j + blocks > BLOCKS)
				continue;
			for (k = 0; k < blocks && !map[j + k]; k++)
				;
			fits |= k == blocks;
		}
		pmpool_space_free(&space, &total, &largest);
		wrong += total != all || largest != most;
		if (pmpool_space_find(&space, blocks, align, base, &first)) {
			wrong += fits;
			full++;
			continue;
		}
		wrong += !fits || (base + first) % align || first + blocks > BLOCKS;
		for (j = 0; j < blocks; j++)
			wrong += map[first + j];
		memset(map + first, 1, blocks);
		pmpool_space_insert(&space, first, blocks, slot);
		where[slot] = first;
		len[slot] = blocks;
		found++;
	}
	ok(!wrong && found > 1000 && full > 100,
	   "20000 random steps: %u places given, %u refused, %u wrong", found, full, wrong);
}

int main(void)
{
	test_simple();
	test_full();
	test_overlaps();
	test_random();
	return done();
}
