// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: free space
 *
 * Nothing in the region says which blocks are free: it follows from the extent
 * records, so the two can not disagree. In memory the runs in use stand in an
 * array sorted by place. A pool has at most some thousand extents, and an array
 * is walked faster than anything cleverer at that size.
 *
 * The file also builds in user space.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>

#include "space.h"

/**
 * pmpool_space_init - start with nothing in use
 * @space: to fill
 * @first: block that can be given away
 * @end: behind the last one
 * @runs: room for the runs
 * @max: how many there is room for
 */
void pmpool_space_init(struct pmpool_space *space, u64 first, u64 end,
		       struct pmpool_run *runs, u32 max)
{
	space->first = first;
	space->end = end;
	space->runs = runs;
	space->count = 0;
	space->max = max;
}

/* Index of the first run that starts at @first or behind, with @slot or higher. */
static u32 run_index(const struct pmpool_space *space, u64 first, u32 slot)
{
	u32 low = 0, high = space->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct pmpool_run *run = &space->runs[mid];

		if (run->first < first || (run->first == first && run->slot < slot))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * pmpool_space_insert - put blocks into use
 * @space: of the pool
 * @first: block
 * @blocks: how many, inside the pool
 * @slot: of the extent, not yet in use
 *
 * Does not ask whether they overlap another run: records that another kernel
 * wrote may, and pmpool_space_mark_overlaps() finds out.
 *
 * Return: 0, or -ENOSPC when there is no room for another run.
 */
int pmpool_space_insert(struct pmpool_space *space, u64 first, u64 blocks, u32 slot)
{
	u32 i;

	if (space->count == space->max)
		return -ENOSPC;

	i = run_index(space, first, slot);
	memmove(&space->runs[i + 1], &space->runs[i],
		(space->count - i) * sizeof(*space->runs));
	space->runs[i] = (struct pmpool_run){ .first = first, .blocks = blocks, .slot = slot };
	space->count++;
	return 0;
}

/* Index of an extent's run, or space->count. */
static u32 run_of(const struct pmpool_space *space, u64 first, u32 slot)
{
	u32 i = run_index(space, first, slot);

	if (i < space->count && space->runs[i].first == first && space->runs[i].slot == slot)
		return i;
	return space->count;
}

/**
 * pmpool_space_remove - free the blocks of an extent
 * @space: of the pool
 * @first: block it starts at
 * @slot: of the extent
 */
void pmpool_space_remove(struct pmpool_space *space, u64 first, u32 slot)
{
	u32 i = run_of(space, first, slot);

	if (i == space->count)
		return;

	space->count--;
	memmove(&space->runs[i], &space->runs[i + 1],
		(space->count - i) * sizeof(*space->runs));
}

/**
 * pmpool_space_resize - change how many blocks an extent has
 * @space: of the pool
 * @first: block it starts at
 * @slot: of the extent
 * @blocks: how many it has from now on, at most pmpool_space_room()
 */
void pmpool_space_resize(struct pmpool_space *space, u64 first, u32 slot, u64 blocks)
{
	u32 i = run_of(space, first, slot);

	if (i < space->count)
		space->runs[i].blocks = blocks;
}

/**
 * pmpool_space_room - how many blocks an extent can have where it is
 * @space: of the pool, without overlaps
 * @first: block it starts at
 * @slot: of the extent
 *
 * Return: those it has and those behind them that are free.
 */
u64 pmpool_space_room(const struct pmpool_space *space, u64 first, u32 slot)
{
	u32 i = run_of(space, first, slot);

	return (i + 1 < space->count ? space->runs[i + 1].first : space->end) - first;
}

/**
 * pmpool_space_mark_overlaps - find runs that share blocks
 * @space: of the pool
 *
 * Return: how many runs share blocks with another; they are marked.
 */
u32 pmpool_space_mark_overlaps(struct pmpool_space *space)
{
	struct pmpool_run *reach = NULL; /* of the runs so far, the one that ends last */
	u32 i, marked = 0;

	for (i = 0; i < space->count; i++)
		space->runs[i].overlaps = false;

	for (i = 0; i < space->count; i++) {
		struct pmpool_run *run = &space->runs[i];

		if (reach && run->first < reach->first + reach->blocks) {
			run->overlaps = true;
			reach->overlaps = true;
		}
		if (!reach || run->first + run->blocks > reach->first + reach->blocks)
			reach = run;
	}

	for (i = 0; i < space->count; i++)
		marked += space->runs[i].overlaps;
	return marked;
}

/**
 * pmpool_space_from - the first run at or behind a block
 * @space: of the pool
 * @block: where to begin
 *
 * Return: the run that holds @block, or else starts next; NULL when none does.
 */
const struct pmpool_run *pmpool_space_from(const struct pmpool_space *space, u64 block)
{
	u32 i = run_index(space, block, 0);

	if (i && block < space->runs[i - 1].first + space->runs[i - 1].blocks)
		i--;
	return i < space->count ? &space->runs[i] : NULL;
}

/**
 * pmpool_space_at - the run that holds a block
 * @space: of the pool, without overlaps
 * @block: to look for
 *
 * Return: the run, or NULL when the block is free.
 */
const struct pmpool_run *pmpool_space_at(const struct pmpool_space *space, u64 block)
{
	const struct pmpool_run *run = pmpool_space_from(space, block);

	return run && block >= run->first ? run : NULL;
}

/* Where the gap before run @i starts and ends; the last gap has @i == count. */
static void gap_before(const struct pmpool_space *space, u32 i, u64 *start, u64 *end)
{
	*start = i ? space->runs[i - 1].first + space->runs[i - 1].blocks : space->first;
	*end = i < space->count ? space->runs[i].first : space->end;
}

/**
 * pmpool_space_find - find a place for an extent
 * @space: of the pool, without overlaps
 * @blocks: how many it needs
 * @align: in blocks, a power of two
 * @base: block number, in the machine's memory, of the pool's first block: it is
 *	there that the place is aligned
 * @first: out: where it can start
 *
 * Takes the smallest gap that is large enough, and of equal ones the first, so
 * that large gaps stay large.
 *
 * Return: 0, or -ENOSPC when there is no such place.
 */
int pmpool_space_find(const struct pmpool_space *space, u64 blocks, u64 align,
		      u64 base, u64 *first)
{
	u64 best = U64_MAX;
	u32 i;

	for (i = 0; i <= space->count; i++) {
		u64 start, end, place;

		gap_before(space, i, &start, &end);
		place = ((base + start + align - 1) & ~(align - 1)) - base;
		if (place >= end || end - place < blocks || end - start >= best)
			continue;
		best = end - start;
		*first = place;
	}
	return best == U64_MAX ? -ENOSPC : 0;
}

/**
 * pmpool_space_free - how many blocks are free
 * @space: of the pool, without overlaps
 * @total: out: all of them
 * @largest: out: those of the longest run
 */
void pmpool_space_free(const struct pmpool_space *space, u64 *total, u64 *largest)
{
	u32 i;

	*total = 0;
	*largest = 0;
	for (i = 0; i <= space->count; i++) {
		u64 start, end;

		gap_before(space, i, &start, &end);
		if (end <= start)
			continue;
		*total += end - start;
		*largest = max(*largest, end - start);
	}
}
