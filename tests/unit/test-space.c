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
	ok(pmpool_space_room(&space, 10, 0, false) == 15 && pmpool_space_room(&space, 25, 1, false) == 231,
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

/* Users inside the kernel, what is being taken, and blocks that are in the way. */
static void test_others(void)
{
	static const u64 in_the_way[] = { 60, 40, 41, 100, 39 };
	u64 first, total, largest;

	/* 1..9 extent, 10..39 free, 40..59 held, 60..69 taking, 70..79 held, then free. */
	start();
	pmpool_space_insert(&space, 1, 9, 0);
	pmpool_space_insert(&space, 40, 20, PMPOOL_SPACE_HELD);
	pmpool_space_insert(&space, 60, 10, PMPOOL_SPACE_TAKING);
	pmpool_space_insert(&space, 70, 10, PMPOOL_SPACE_HELD);
	ok(!pmpool_space_mark_overlaps(&space), "extents, holds and what is taken beside each other");
	pmpool_space_free(&space, &total, &largest);
	ok(total == 30 + 10 + 176 && largest == 176,
	   "what is being taken is free still, but in no run; holds are not free");
	ok(pmpool_space_blocks(&space, PMPOOL_SPACE_HELD) == 30 &&
	   pmpool_space_blocks(&space, PMPOOL_SPACE_TAKING) == 10 &&
	   pmpool_space_blocks(&space, PMPOOL_SPACE_LENT) == 0 &&
	   pmpool_space_blocks(&space, 0) == 9, "how much is in use in which way");
	ok(pmpool_run_is_extent(&runs[0]) && !pmpool_run_is_extent(&runs[1]) &&
	   !pmpool_run_is_extent(&runs[2]), "which runs are extents");
	ok(!pmpool_space_find(&space, 30, 1, 0, &first) && first == 10 &&
	   !pmpool_space_find(&space, 31, 1, 0, &first) && first == 80, "no extent is put there");
	ok(pmpool_space_room(&space, 1, 0, true) == 39, "none grows there");
	pmpool_space_set_lent(&space, 80, 256);
	ok(pmpool_space_room(&space, 1, 0, true) == 39 &&
	   pmpool_space_find_lent(&space, 40, 1, 0, 0, &first, &total) == 0 && total <= 256 &&
	   first >= 80, "nor by way of what is lent");
	pmpool_space_set_lent(&space, 80, 80);
	pmpool_space_insert(&space, 55, 2, 3);
	ok(pmpool_space_mark_overlaps(&space) == 2, "an extent in a hold is found");
	pmpool_space_remove(&space, 55, 3);
	pmpool_space_clear(&space, PMPOOL_SPACE_HELD);
	ok(space.count == 2 && pmpool_space_at(&space, 5)->slot == 0 && !pmpool_space_at(&space, 75) &&
	   pmpool_space_at(&space, 65)->slot == PMPOOL_SPACE_TAKING, "all holds gone, and nothing else");
	pmpool_space_clear(&space, PMPOOL_SPACE_TAKING);

	/* Free: 10..255. */
	ok(!pmpool_space_find_beside(&space, 30, 1, 0, in_the_way, 5, &first) && first == 61,
	   "a place without the blocks that are in the way");
	ok(!pmpool_space_find_beside(&space, 29, 1, 0, in_the_way, 5, &first) && first == 10,
	   "the first one");
	ok(!pmpool_space_find_beside(&space, 16, 32, 0, in_the_way, 5, &first) && first == 64,
	   "aligned");
	ok(pmpool_space_find_beside(&space, 156, 1, 0, in_the_way, 5, &first) == -ENOSPC &&
	   !pmpool_space_find_beside(&space, 155, 1, 0, in_the_way, 5, &first) && first == 101,
	   "the longest one, and no longer");
	ok(pmpool_space_find_beside(&space, ~0ULL, 1, 0, in_the_way, 5, &first) == -ENOSPC,
	   "a length that is none");
	pmpool_space_insert(&space, 100, 156, 1);
	ok(!pmpool_space_find_beside(&space, 39, 1, 0, in_the_way, 1, &first) && first == 10 + 0 &&
	   pmpool_space_find_beside(&space, 51, 1, 0, in_the_way, 1, &first) == -ENOSPC,
	   "before it or behind it");
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

static void test_lent(void)
{
	u64 first, end, total, largest;

	/* 1..9 extent, 10..39 free, 40..103 lent, 104..255 free but for 200..203. */
	start();
	pmpool_space_insert(&space, 1, 9, 0);
	pmpool_space_insert(&space, 200, 4, 1);
	pmpool_space_set_lent(&space, 40, 104);
	pmpool_space_free(&space, &total, &largest);
	ok(total == 242 && largest == 190, "what is lent counts as free, and as one run with its neighbours");
	ok(pmpool_space_at(&space, 50)->slot == PMPOOL_SPACE_LENT, "its blocks are known to be lent");
	ok(pmpool_space_find(&space, 96, 1, 0, &first) == 0 && first == 104 &&
	   pmpool_space_find(&space, 97, 1, 0, &first) == -ENOSPC, "no extent is put there");
	ok(pmpool_space_room(&space, 1, 0, false) == 39 && pmpool_space_room(&space, 1, 0, true) == 199,
	   "an extent before it can grow into it");
	ok(pmpool_space_find_lent(&space, 97, 1, 0, 0, &first, &end) == 0 && first == 40 && end == 103,
	   "a place takes from the end that leaves more");
	pmpool_space_insert(&space, 110, 10, 2);
	ok(pmpool_space_find_lent(&space, 97, 1, 0, PMPOOL_AT(PMPOOL_BACK), &first, &end) == 0 &&
	   first > 40 && end == 104, "unless nothing can be had there");
	ok(pmpool_space_find_lent(&space, 90, 1, 0, 0, &first, &end) == 0 && first == 100 && end == 104,
	   "or else from the other one");
	ok(pmpool_space_find_lent(&space, 100, 1, 0, 0, &first, &end) == 0 && first == end,
	   "or all of it");
	ok(pmpool_space_find_lent(&space, 101, 1, 0, 0, &first, &end) == -ENOSPC, "more there is not");
	ok(pmpool_space_find_lent(&space, 40, 32, 0, 0, &first, &end) == 0 && first == 72 && end == 104,
	   "aligned");

	ok(pmpool_space_find_to_lend(&space, 8, 0, &first) == 0 && first == 32, "lent next is what is below");
	pmpool_space_set_lent(&space, 16, 104);
	ok(pmpool_space_find_to_lend(&space, 8, 0, &first) == -ENOSPC, "as long as whole units are free");
	pmpool_space_remove(&space, 110, 2);
	ok(pmpool_space_find_to_lend(&space, 8, 0, &first) == 0 && first == 104, "then what is above");
	ok(pmpool_space_lendable(&space, 8, 0) == 184, "all that can be lent in one piece");
	pmpool_space_set_lent(&space, 16, 16);
	ok(!pmpool_space_find_to_lend(&space, 8, 0, &first) && first == 192 &&
	   pmpool_space_lendable(&space, 8, 0) == 184, "the end of the largest gap is lent first");
	ok(pmpool_space_find_lent(&space, 1, 1, 0, 0, &first, &end) == -ENOSPC &&
	   pmpool_space_lendable(&space, 256, 0) == 0 &&
	   pmpool_space_find_to_lend(&space, 256, 0, &first) == -ENOSPC, "nothing lent, nothing to take back");
	ok(pmpool_space_find_to_lend(&space, 8, 3, &first) == 0 && (first + 3) % 8 == 0,
	   "it is the machine's memory that is aligned");
}

/* What is lent is in one piece, and what is left of it after a place was taken is enough for it. */
static void test_lent_random(void)
{
	u32 i, wrong = 0, taken = 0, none = 0;

	srand(3);
	for (i = 0; i < 20000; i++) {
		u64 unit = 1ULL << rand() % 5, base = rand() % 16, lent_first, lent_end, first, end;
		u64 blocks, align = 1ULL << rand() % 4, total, largest, after, place;
		u32 j, extents = rand() % 6, units = 1 + rand() % 8, n = 0;

		start();
		for (j = 0; j < extents; j++)
			if (!pmpool_space_find(&space, 1 + rand() % 30, 1ULL << rand() % 6, base, &first))
				pmpool_space_insert(&space, first, 1, j);
		lent_first = lent_end = 0;
		while (n < units && !pmpool_space_find_to_lend(&space, unit, base, &first)) {
			wrong += (base + first) % unit || first < 1 || first + unit > BLOCKS;
			wrong += n && first != lent_end && first + unit != lent_first;
			lent_first = n && lent_first < first ? lent_first : first;
			lent_end = n && lent_end > first + unit ? lent_end : first + unit;
			pmpool_space_set_lent(&space, lent_first, lent_end);
			n++;
		}
		wrong += n && pmpool_space_lendable(&space, unit, base) < n * unit;
		wrong += n < units && n && pmpool_space_lendable(&space, unit, base) != n * unit;
		pmpool_space_free(&space, &total, &largest);
		blocks = 1 + rand() % BLOCKS;
		if (!pmpool_space_find(&space, blocks, align, base, &place))
			continue;
		if (pmpool_space_find_lent(&space, blocks, align, base, 0, &first, &end)) {
			/* Without the lent run it fits neither. */
			pmpool_space_set_lent(&space, 0, 0);
			wrong += !n ? 0 : !pmpool_space_find(&space, blocks, align, base, &place);
			none++;
			continue;
		}
		wrong += first > end || first < lent_first || end > lent_end ||
			 (first != lent_first && end != lent_end) || end - first == lent_end - lent_first;
		pmpool_space_set_lent(&space, first, end);
		wrong += !!pmpool_space_find(&space, blocks, align, base, &place);
		pmpool_space_free(&space, &total, &after);
		wrong += after != largest;
		taken++;
	}
	ok(!wrong && taken > 1000 && none > 1000, "20000 pools: %u places need some of what is lent, %u are "
	   "nowhere, %u wrong", taken, none, wrong);
}

int main(void)
{
	test_simple();
	test_full();
	test_overlaps();
	test_others();
	test_random();
	test_lent();
	test_lent_random();
	return done();
}
