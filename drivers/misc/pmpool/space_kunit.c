// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the free space, in the kernel's own environment. They contain
 * the code that they test: nothing of it is exported.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "space.c"

#define FIRST	1ULL	/* block 0 is metadata */
#define END	64ULL
#define RUNS	32

struct fixture {
	struct pmpool_space space;
	struct pmpool_run runs[RUNS];
};

static int space_setup(struct kunit *test)
{
	struct fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fix);
	pmpool_space_init(&fix->space, FIRST, END, fix->runs, RUNS);
	test->priv = &fix->space;
	return 0;
}

static void expect_free(struct kunit *test, u64 want_total, u64 want_largest)
{
	u64 total, largest;

	pmpool_space_free(test->priv, &total, &largest);
	KUNIT_EXPECT_EQ(test, total, want_total);
	KUNIT_EXPECT_EQ(test, largest, want_largest);
}

static void space_empty(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u64 first;

	expect_free(test, 63, 63);
	KUNIT_EXPECT_NULL(test, pmpool_space_at(space, FIRST));
	KUNIT_EXPECT_NULL(test, pmpool_space_from(space, 0));
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 63, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, FIRST);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 64, 1, 0, &first), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, U64_MAX, 1, 0, &first), -ENOSPC);
}

static void space_sorted(struct kunit *test)
{
	static const u64 places[] = { 40, 2, 20, 10, 60, 30 };
	struct pmpool_space *space = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, places[i], 2, i), 0);
	KUNIT_EXPECT_EQ(test, space->count, ARRAY_SIZE(places));
	for (i = 1; i < space->count; i++)
		KUNIT_EXPECT_LT(test, space->runs[i - 1].first, space->runs[i].first);

	KUNIT_EXPECT_EQ(test, pmpool_space_at(space, 21)->slot, 2);
	KUNIT_EXPECT_NULL(test, pmpool_space_at(space, 22));
	KUNIT_EXPECT_EQ(test, pmpool_space_from(space, 22)->slot, 5);
	KUNIT_EXPECT_EQ(test, pmpool_space_from(space, 31)->slot, 5);
	KUNIT_EXPECT_NULL(test, pmpool_space_from(space, 62));

	/* What is not there can be removed as often as one likes. */
	pmpool_space_remove(space, 20, 3);
	pmpool_space_remove(space, 21, 2);
	KUNIT_EXPECT_EQ(test, space->count, 6);
	pmpool_space_remove(space, 20, 2);
	pmpool_space_remove(space, 20, 2);
	KUNIT_EXPECT_EQ(test, space->count, 5);
	KUNIT_EXPECT_NULL(test, pmpool_space_at(space, 20));
}

static void space_full(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u64 first;
	u32 i;

	for (i = 0; i < RUNS; i++)
		KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, FIRST + i, 1, i), 0);
	KUNIT_EXPECT_EQ(test, pmpool_space_insert(space, FIRST + i, 1, i), -ENOSPC);
	expect_free(test, 63 - RUNS, 63 - RUNS);

	pmpool_space_remove(space, FIRST + 7, 7);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 1, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, FIRST + 7);
}

static void space_best_fit(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u64 first;

	/* Gaps of 9, 4, 4 and 38 blocks. */
	pmpool_space_insert(space, 10, 2, 0);
	pmpool_space_insert(space, 16, 2, 1);
	pmpool_space_insert(space, 22, 4, 2);
	expect_free(test, 55, 38);

	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 3, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 12);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 5, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 1);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 10, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 26);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 39, 1, 0, &first), -ENOSPC);
}

static void space_aligned(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u64 first;

	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 1, 16, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 16);
	/* The machine's memory is what is aligned, not the pool's. */
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 1, 16, 0x1005, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 11);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 48, 16, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 16);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 49, 16, 0, &first), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 1, 64, 0, &first), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 1, 1ULL << 43, 0, &first), -ENOSPC);
}

static void space_overlaps(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u32 i;

	pmpool_space_insert(space, 2, 2, 0);
	pmpool_space_insert(space, 4, 20, 1);	/* holds the next two */
	pmpool_space_insert(space, 6, 2, 2);
	pmpool_space_insert(space, 23, 3, 3);
	pmpool_space_insert(space, 26, 2, 4);
	pmpool_space_insert(space, 30, 2, 5);	/* twice the same place */
	pmpool_space_insert(space, 30, 2, 6);
	KUNIT_EXPECT_EQ(test, pmpool_space_mark_overlaps(space), 5);
	for (i = 0; i < space->count; i++)
		KUNIT_EXPECT_EQ(test, space->runs[i].overlaps,
				space->runs[i].slot != 0 && space->runs[i].slot != 4);

	/* Their counterparts gone, they are sound again. */
	pmpool_space_remove(space, 4, 1);
	pmpool_space_remove(space, 30, 6);
	KUNIT_EXPECT_EQ(test, pmpool_space_mark_overlaps(space), 0);
}

static void space_lent(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	u64 first, end;

	pmpool_space_insert(space, FIRST, 4, 0);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_to_lend(space, 8, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 56);
	pmpool_space_set_lent(space, 24, 64);
	expect_free(test, 59, 59);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_to_lend(space, 8, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 16);
	KUNIT_EXPECT_EQ(test, pmpool_space_lendable(space, 8, 0), 56);

	/* Blocks that are lent are given to nobody, but can be had back. */
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 19, 1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 5);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 20, 1, 0, &first), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_lent(space, 20, 1, 0, 0, &first, &end), 0);
	KUNIT_EXPECT_EQ(test, first, 25);
	KUNIT_EXPECT_EQ(test, end, 64);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_lent(space, 60, 1, 0, 0, &first, &end), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_room(space, FIRST, 0, false), 23);
	KUNIT_EXPECT_EQ(test, pmpool_space_room(space, FIRST, 0, true), 63);

	pmpool_space_set_lent(space, 0, 0);
	KUNIT_EXPECT_EQ(test, space->count, 1);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_lent(space, 1, 1, 0, 0, &first, &end), -ENOSPC);
}

/* Against a model that is a byte a block. */
static void space_model(struct kunit *test)
{
	struct pmpool_space *space = test->priv;
	struct rnd_state rnd;
	u8 used[END] = { };
	u32 step, b;

	prandom_seed_state(&rnd, 20240607);
	for (step = 0; step < 4000; step++) {
		u32 slot = prandom_u32_state(&rnd) % RUNS;
		u64 blocks = 1 + prandom_u32_state(&rnd) % 6;
		u64 align = 1 << prandom_u32_state(&rnd) % 3;
		u64 free = 0, largest = 0, run = 0, first;
		int ret;

		for (b = FIRST; b < END && used[b] != slot + 1; b++)
			;
		if (b < END) {
			pmpool_space_remove(space, b, slot);
			for (; b < END && used[b] == slot + 1; b++)
				used[b] = 0;
		} else {
			ret = pmpool_space_find(space, blocks, align, 0, &first);
			if (!ret) {
				KUNIT_ASSERT_EQ(test, first % align, 0);
				KUNIT_ASSERT_LE(test, first + blocks, END);
				KUNIT_ASSERT_GE(test, first, FIRST);
				for (b = first; b < first + blocks; b++) {
					KUNIT_ASSERT_EQ(test, used[b], 0);
					used[b] = slot + 1;
				}
				KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, first, blocks,
									  slot), 0);
			} else {
				for (b = FIRST; b < END; b++) {
					run = used[b] ? 0 : run + 1;
					/* A run this long has an aligned place. */
					KUNIT_ASSERT_LT(test, run, blocks + align - 1);
				}
			}
		}

		run = 0;
		for (b = FIRST; b < END; b++) {
			const struct pmpool_run *at = pmpool_space_at(space, b);

			KUNIT_ASSERT_EQ(test, at ? at->slot + 1 : 0, used[b]);
			run = used[b] ? 0 : run + 1;
			free += !used[b];
			largest = max(largest, run);
		}
		expect_free(test, free, largest);
		KUNIT_ASSERT_EQ(test, pmpool_space_mark_overlaps(space), 0);
	}
}

static void space_others(struct kunit *test)
{
	static const u64 in_the_way[] = { 30, 20 };
	struct pmpool_space *space = test->priv;
	u64 first;

	KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, 1, 9, 0), 0);
	KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, 40, 4, PMPOOL_SPACE_HELD), 0);
	KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, 44, 4, PMPOOL_SPACE_TAKING), 0);
	KUNIT_ASSERT_EQ(test, pmpool_space_insert(space, 48, 6, PMPOOL_SPACE_HELD), 0);
	KUNIT_EXPECT_EQ(test, pmpool_space_mark_overlaps(space), 0);
	expect_free(test, 30 + 4 + 10, 30);
	KUNIT_EXPECT_EQ(test, pmpool_space_blocks(space, PMPOOL_SPACE_HELD), 10);
	KUNIT_EXPECT_EQ(test, pmpool_space_room(space, 1, 0, true), 39);
	KUNIT_EXPECT_EQ(test, pmpool_space_find(space, 31, 1, 0, &first), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_beside(space, 9, 1, 0, in_the_way, 2, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 54);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_beside(space, 10, 1, 0, in_the_way, 1, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 54);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_beside(space, 11, 1, 0, in_the_way, 2, &first),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, pmpool_space_find_beside(space, 20, 1, 0, in_the_way, 1, &first), 0);
	KUNIT_EXPECT_EQ(test, first, 10);
	KUNIT_EXPECT_EQ(test, pmpool_space_insert(space, 52, 4, 1), 0);
	KUNIT_EXPECT_EQ(test, pmpool_space_mark_overlaps(space), 2);
	pmpool_space_clear(space, PMPOOL_SPACE_HELD);
	KUNIT_EXPECT_EQ(test, space->count, 3);
	KUNIT_EXPECT_NULL(test, pmpool_space_at(space, 41));
}

static struct kunit_case space_cases[] = {
	KUNIT_CASE(space_empty),
	KUNIT_CASE(space_sorted),
	KUNIT_CASE(space_full),
	KUNIT_CASE(space_best_fit),
	KUNIT_CASE(space_aligned),
	KUNIT_CASE(space_overlaps),
	KUNIT_CASE(space_lent),
	KUNIT_CASE(space_model),
	KUNIT_CASE(space_others),
	{ }
};

static struct kunit_suite space_suite = {
	.name = "pmpool-space",
	.init = space_setup,
	.test_cases = space_cases,
};

kunit_test_suite(space_suite);

MODULE_DESCRIPTION("KUnit tests of the persistent memory pool");
MODULE_LICENSE("GPL");
