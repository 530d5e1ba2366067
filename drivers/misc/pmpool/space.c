// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: free space
 *
 * Nothing in the region says which blocks are free: it follows from the extent
 * records, so the two can not disagree. In memory the runs in use stand in an
 * array sorted by place. A pool has at most some thousand extents, and an array
 * is walked faster than anything cleverer at that size.
 *
 * What is lent to the system is a run as well, the only one of its kind: it is
 * not free, but can be had back. So is what each user inside the kernel has, and
 * what is being taken from the system for an extent that will have it.
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

/* Index of what is lent, or space->count. */
static u32 lent_run(const struct pmpool_space *space)
{
	u32 i;

	for (i = 0; i < space->count; i++)
		if (space->runs[i].slot == PMPOOL_SPACE_LENT)
			break;
	return i;
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
 * pmpool_space_blocks - how many blocks are in use in one way
 * @space: of the pool, without overlaps
 * @slot: of an extent, or one of PMPOOL_SPACE_*
 *
 * Return: all of them.
 */
u64 pmpool_space_blocks(const struct pmpool_space *space, u32 slot)
{
	u64 blocks = 0;
	u32 i;

	for (i = 0; i < space->count; i++)
		if (space->runs[i].slot == slot)
			blocks += space->runs[i].blocks;
	return blocks;
}

/**
 * pmpool_space_clear - free all blocks that are in use in one way
 * @space: of the pool
 * @slot: of an extent, or one of PMPOOL_SPACE_*
 */
void pmpool_space_clear(struct pmpool_space *space, u32 slot)
{
	u32 i, kept = 0;

	for (i = 0; i < space->count; i++)
		if (space->runs[i].slot != slot)
			space->runs[kept++] = space->runs[i];
	space->count = kept;
}

/**
 * pmpool_space_set_lent - say which blocks are lent
 * @space: of the pool; there is room for a run more than there are extents
 * @first: block
 * @end: behind the last one; none when it is @first
 */
void pmpool_space_set_lent(struct pmpool_space *space, u64 first, u64 end)
{
	u32 i = lent_run(space);

	if (i < space->count)
		pmpool_space_remove(space, space->runs[i].first, PMPOOL_SPACE_LENT);
	if (first < end)
		pmpool_space_insert(space, first, end - first, PMPOOL_SPACE_LENT);
}

/**
 * pmpool_space_room - how many blocks an extent can have where it is
 * @space: of the pool, without overlaps
 * @first: block it starts at
 * @slot: of the extent
 * @lent: count blocks behind it that are lent
 *
 * Return: those it has and those behind them that are free.
 */
u64 pmpool_space_room(const struct pmpool_space *space, u64 first, u32 slot, bool lent)
{
	u32 i = run_of(space, first, slot) + 1;

	if (lent && i < space->count && space->runs[i].slot == PMPOOL_SPACE_LENT)
		i++;
	return (i < space->count ? space->runs[i].first : space->end) - first;
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

/*
 * The next gap, and where it starts and ends. *i is 0 at first. With @lent, blocks
 * that are lent count as free.
 */
static bool next_gap(const struct pmpool_space *space, bool lent, u32 *i, u64 *start, u64 *end)
{
	u32 next = *i;

	if (next > space->count)
		return false;

	*start = next ? space->runs[next - 1].first + space->runs[next - 1].blocks : space->first;
	if (lent && next < space->count && space->runs[next].slot == PMPOOL_SPACE_LENT)
		next++;
	*end = next < space->count ? space->runs[next].first : space->end;
	*i = next + 1;
	return true;
}

static u64 align_up(u64 block, u64 align, u64 base)
{
	return ((base + block + align - 1) & ~(align - 1)) - base;
}

/* Where in a gap there is a place that has none of the blocks in @avoid. */
static u64 place_in_gap(u64 start, u64 end, u64 blocks, u64 align, u64 base,
			const u64 *avoid, u32 count)
{
	u64 place = align_up(start, align, base);
	u32 i;

	for (i = 0; i < count && place < end && blocks <= end - place; i++) {
		if (avoid[i] < place || avoid[i] - place >= blocks)
			continue;
		/* Another of them may be in the way there: from the beginning. */
		place = align_up(avoid[i] + 1, align, base);
		i = U32_MAX;
	}
	return place < end && blocks <= end - place ? place : U64_MAX;
}

/**
 * pmpool_space_find_beside - find a place for an extent that avoids blocks
 * @space: of the pool, without overlaps
 * @blocks: how many it needs
 * @align: in blocks, a power of two
 * @base: block number, in the machine's memory, of the pool's first block: it is
 *	there that the place is aligned
 * @avoid: blocks that are free, but are not to be in it
 * @count: of @avoid
 * @first: out: where it can start
 *
 * Takes the smallest gap that is large enough, and of equal ones the first, so
 * that large gaps stay large. No lent blocks.
 *
 * Return: 0, or -ENOSPC when there is no such place.
 */
int pmpool_space_find_beside(const struct pmpool_space *space, u64 blocks, u64 align,
			     u64 base, const u64 *avoid, u32 count, u64 *first)
{
	u64 best = U64_MAX, start, end;
	u32 i = 0;

	while (next_gap(space, false, &i, &start, &end)) {
		u64 place;

		if (end <= start || end - start < blocks || end - start >= best)
			continue;
		place = place_in_gap(start, end, blocks, align, base, avoid, count);
		if (place == U64_MAX)
			continue;
		best = end - start;
		*first = place;
	}
	return best == U64_MAX ? -ENOSPC : 0;
}

/**
 * pmpool_space_find - find a place for an extent
 * @space: of the pool, without overlaps
 * @blocks: how many it needs
 * @align: in blocks, a power of two
 * @base: as of pmpool_space_find_beside()
 * @first: out: where it can start
 *
 * Return: 0, or -ENOSPC when there is no such place.
 */
int pmpool_space_find(const struct pmpool_space *space, u64 blocks, u64 align,
		      u64 base, u64 *first)
{
	return pmpool_space_find_beside(space, blocks, align, base, NULL, 0, first);
}

/**
 * pmpool_space_find_lent - find out what has to be taken back for an extent
 * @space: of the pool, without overlaps; pmpool_space_find() found no place
 * @blocks: how many it needs
 * @align: in blocks, a power of two
 * @base: as of pmpool_space_find_beside()
 * @avoid: PMPOOL_AT() of an end at which memory can not be taken back
 * @first: out: of the lent blocks, the first that need not be taken back
 * @end: out: behind the last one
 *
 * A place is taken from one end of the lent blocks, for they are to stay in one
 * piece: from the one that is not to be avoided, or else leaves more of them.
 *
 * Return: 0, or -ENOSPC when there is no place even with all lent blocks back.
 */
int pmpool_space_find_lent(const struct pmpool_space *space, u64 blocks, u64 align,
			   u64 base, unsigned int avoid, u64 *first, u64 *end)
{
	u64 lent_first, lent_end, low, high, start = 0, stop = 0;
	u32 i = 0, n = lent_run(space);
	bool front;

	if (n == space->count)
		return -ENOSPC;
	lent_first = space->runs[n].first;
	lent_end = lent_first + space->runs[n].blocks;

	/* The gap that it is in. */
	while (stop < lent_end)
		next_gap(space, true, &i, &start, &stop);

	low = align_up(start, align, base);
	if (low >= stop || stop - low < blocks)
		return -ENOSPC;
	/* The last place that is aligned; there is one, at low. */
	high = ((base + stop - blocks) & ~(align - 1)) - base;

	front = max(low + blocks, lent_first) - lent_first <= lent_end - min(high, lent_end);
	if (avoid == PMPOOL_AT(PMPOOL_FRONT) || avoid == PMPOOL_AT(PMPOOL_BACK))
		front = avoid == PMPOOL_AT(PMPOOL_BACK);
	if (front) {
		*first = min(max(low + blocks, lent_first), lent_end);
		*end = lent_end;
	} else {
		*first = lent_first;
		*end = max(min(high, lent_end), lent_first);
	}
	return 0;
}

/**
 * pmpool_space_find_to_lend - find blocks that can be lent
 * @space: of the pool, without overlaps
 * @unit: how many blocks are lent at once, a power of two, aligned to itself
 * @base: as of pmpool_space_find_beside()
 * @first: out: the first of @unit blocks
 *
 * They are at an end of what is lent already, or else at the end of the gap that
 * has most to lend.
 *
 * Return: 0, or -ENOSPC when there are none.
 */
int pmpool_space_find_to_lend(const struct pmpool_space *space, u64 unit, u64 base, u64 *first)
{
	u64 most = 0, start, end;
	u32 i = 0;

	while (next_gap(space, false, &i, &start, &end)) {
		/* i counts the run behind the gap already. */
		const struct pmpool_run *behind = i <= space->count ? &space->runs[i - 1] : NULL;
		const struct pmpool_run *before = i > 1 ? &space->runs[i - 2] : NULL;
		u64 low = align_up(start, unit, base);
		u64 high = ((base + end) & ~(unit - 1)) - base;

		if (low >= end || high < low + unit)
			continue;
		if (behind && behind->slot == PMPOOL_SPACE_LENT) {
			*first = high - unit;
			return 0;
		}
		if (before && before->slot == PMPOOL_SPACE_LENT) {
			*first = low;
			return 0;
		}
		if (high - low > most) {
			most = high - low;
			*first = high - unit;
		}
	}
	/* What is lent is to stay in one piece. */
	return most && lent_run(space) == space->count ? 0 : -ENOSPC;
}

/**
 * pmpool_space_lendable - how much can be lent
 * @space: of the pool, without overlaps
 * @unit: as of pmpool_space_find_to_lend()
 * @base: as of pmpool_space_find_beside()
 *
 * Return: how many blocks, those that are lent included.
 */
u64 pmpool_space_lendable(const struct pmpool_space *space, u64 unit, u64 base)
{
	u32 lent = lent_run(space), i = 0;
	u64 most = 0, start, end;

	while (next_gap(space, true, &i, &start, &end)) {
		u64 low = align_up(start, unit, base);
		u64 high = ((base + end) & ~(unit - 1)) - base;

		if (low >= end || high < low)
			continue;
		if (lent < space->count && start <= space->runs[lent].first &&
		    end > space->runs[lent].first)
			return high - low;
		most = max(most, high - low);
	}
	return most;
}

/**
 * pmpool_space_free - how many blocks are free
 * @space: of the pool, without overlaps
 * @total: out: all of them, those that are lent or being taken included
 * @largest: out: those of the longest run, those that are lent included
 */
void pmpool_space_free(const struct pmpool_space *space, u64 *total, u64 *largest)
{
	u64 start, end;
	u32 i = 0;

	*total = pmpool_space_blocks(space, PMPOOL_SPACE_TAKING);
	*largest = 0;
	while (next_gap(space, true, &i, &start, &end)) {
		if (end <= start)
			continue;
		*total += end - start;
		*largest = max(*largest, end - start);
	}
}
