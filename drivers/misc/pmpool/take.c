// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: blocks that others may have
 *
 * In some backings the system has the blocks that are in no extent. It has to
 * empty them before an extent gets them, which lasts as long as it takes to move
 * what is there, and may fail. So whoever makes an extent, or one longer, reserves
 * the place, lets go of every lock, has it emptied, and begins again: everything is
 * looked at anew, but for the place, which is its own by then. Where a block can
 * not be emptied another place is tried; when there is none, the same ones again,
 * until the time is up.
 *
 * In every backing users inside the kernel may have blocks, which no extent gets.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "internal.h"

/*
 * Blocks that are emptied at once. In between a process can be killed, and others
 * get on who want something of the backing.
 */
#define TAKE_STEP	16

/* How long to wait before what was busy is tried again. */
#define TAKE_PAUSE	(HZ / 5)

static void take_release(struct pmpool *pool, struct pmpool_taking *taking)
{
	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock)
		pmpool_space_remove(&pool->space, taking->first, PMPOOL_SPACE_TAKING);
}

/**
 * pmpool_give_back - give blocks that are in no extent any more back to the system
 * @pool: its admin mutex is held
 * @first: block
 * @blocks: how many
 */
void pmpool_give_back(struct pmpool *pool, u64 first, u64 blocks)
{
	const struct pmpool_region *region = &pool->region;
	int ret;

	lockdep_assert_held(&pool->admin);

	if (!region->ops->give || !blocks)
		return;
	ret = region->ops->give(region, first, blocks);
	/* This kernel ends: what nobody has the next one finds out. */
	if (ret && ret != -EBUSY)
		dev_warn(pool->dev, "blocks %llu to %llu can not be given back: error %d\n",
			 first, first + blocks - 1, ret);
}

/**
 * pmpool_take_find - find a place for an extent
 * @pool: its admin mutex is held
 * @taking: of the call that wants it
 * @blocks: how many it needs
 * @align: in blocks
 * @first: out: where it can start
 *
 * Return: 0 when pmpool_take_place() is next, -ENOSPC, or -EAGAIN when there are
 * places, in each of which something is in the way now.
 */
int pmpool_take_find(struct pmpool *pool, struct pmpool_taking *taking, u64 blocks, u64 align,
		     u64 *first)
{
	u64 base = pool->region.base >> PMPOOL_FORMAT_BLOCK_SHIFT;
	int ret;

	lockdep_assert_held(&pool->admin);

	if (taking->taken && taking->blocks == blocks) {
		*first = taking->first;
		return 0;
	}
	ret = pmpool_space_find_beside(&pool->space, blocks, align, base, taking->busy,
				       taking->busy_count, first);
	if (ret && taking->busy_count &&
	    !pmpool_space_find(&pool->space, blocks, align, base, first)) {
		taking->pause = true;
		ret = -EAGAIN;
	}
	return ret;
}

/**
 * pmpool_take_place - make blocks the driver's
 * @pool: its admin mutex is held
 * @taking: of the call that wants them
 * @first: block, free
 * @blocks: how many
 *
 * Return: 0, and they are; the caller says pmpool_take_used(). Or -EAGAIN: to be
 * tried again after pmpool_take_wait().
 */
int pmpool_take_place(struct pmpool *pool, struct pmpool_taking *taking, u64 first, u64 blocks)
{
	u32 i;

	lockdep_assert_held(&pool->admin);

	if (!pool->region.ops->take)
		return 0;
	if (taking->taken && taking->first == first && taking->blocks == blocks)
		return 0;
	/* What it was for has changed meanwhile. */
	if (taking->taken)
		pmpool_give_back(pool, taking->first, taking->blocks);
	taking->taken = false;
	taking->blocks = 0;

	for (i = 0; i < taking->busy_count; i++)
		if (taking->busy[i] >= first && taking->busy[i] - first < blocks)
			taking->pause = true;
	scoped_guard(rwsem_write, &pool->lock) {
		/* So many at the same time that there is no room to note it? */
		if (taking->pause || pmpool_space_insert(&pool->space, first, blocks,
							 PMPOOL_SPACE_TAKING)) {
			taking->pause = true;
			return -EAGAIN;
		}
	}
	taking->first = first;
	taking->blocks = blocks;
	return -EAGAIN;
}

/**
 * pmpool_take_used - an extent has the blocks that were taken for it
 * @taking: of the call
 */
void pmpool_take_used(struct pmpool_taking *taking)
{
	taking->taken = false;
	taking->blocks = 0;
}

/**
 * pmpool_take_begin - before a call is run, or run again
 * @pool: its admin mutex is held, and will be until pmpool_take_end()
 * @taking: of the call
 */
void pmpool_take_begin(struct pmpool *pool, struct pmpool_taking *taking)
{
	if (taking->taken)
		take_release(pool, taking);
	pmpool_held_refresh(pool);
}

/**
 * pmpool_take_end - after a call was run
 * @pool: its admin mutex is held
 * @taking: of the call
 */
void pmpool_take_end(struct pmpool *pool, struct pmpool_taking *taking)
{
	if (!taking->taken)
		return;
	pmpool_give_back(pool, taking->first, taking->blocks);
	pmpool_take_used(taking);
}

/**
 * pmpool_take_cancel - a call ends that is not run again
 * @pool: none of its locks is held
 * @taking: of the call
 */
void pmpool_take_cancel(struct pmpool *pool, struct pmpool_taking *taking)
{
	if (!taking->taken)
		return;

	guard(mutex)(&pool->admin);

	take_release(pool, taking);
	pmpool_take_end(pool, taking);
}

/* Take blocks one step after the other. -EBUSY: *done is the block that is in the way. */
static int take_blocks(struct pmpool *pool, u64 first, u64 blocks, u64 *done)
{
	const struct pmpool_region *region = &pool->region;
	u64 step = TAKE_STEP;
	int ret;

	*done = 0;
	while (*done < blocks) {
		if (fatal_signal_pending(current))
			return -EINTR;
		step = min(step, blocks - *done);
		ret = region->ops->take(region, first + *done, step);
		if (ret == -EBUSY && step > 1) {
			step /= 2;
			continue;
		}
		if (ret)
			return ret;
		*done += step;
	}
	return 0;
}

/* Return: 0, with which the call is to be run again, or an error of it. */
static int take_now(struct pmpool *pool, struct pmpool_taking *taking)
{
	u64 done;
	int ret;

	ret = take_blocks(pool, taking->first, taking->blocks, &done);
	if (!ret) {
		taking->taken = true;
		return 0;
	}

	scoped_guard(mutex, &pool->admin) {
		pmpool_give_back(pool, taking->first, done);
		take_release(pool, taking);
	}
	taking->blocks = 0;
	/* There is nowhere to move it, from this place or another. */
	if (ret == -ENOMEM)
		return -ENOSPC;
	if (ret != -EBUSY)
		return ret;
	taking->busy[taking->busy_next] = taking->first + done;
	taking->busy_next = (taking->busy_next + 1) % ARRAY_SIZE(taking->busy);
	taking->busy_count = min(taking->busy_count + 1, (u32)ARRAY_SIZE(taking->busy));
	return 0;
}

/**
 * pmpool_take_wait - have the system empty what a call needs
 * @pool: none of its locks is held
 * @taking: of a call that returned -EAGAIN
 * @left: time to wait, in jiffies; adjusted
 *
 * Return: 0 when the call is to be run again, -EAGAIN when the time is up, -EINTR.
 */
int pmpool_take_wait(struct pmpool *pool, struct pmpool_taking *taking, long *left)
{
	unsigned long start = jiffies;
	int ret = 0;

	if (!taking->pause) {
		ret = take_now(pool, taking);
	} else if (*left <= 0) {
		ret = -EAGAIN;
	} else {
		schedule_timeout_killable(min_t(long, *left, TAKE_PAUSE));
		if (fatal_signal_pending(current))
			ret = -EINTR;
		taking->pause = false;
		taking->busy_count = 0;
		taking->busy_next = 0;
	}
	*left -= min_t(long, *left, jiffies - start);
	return ret;
}

/**
 * pmpool_held_load - find out what users inside the kernel have
 * @pool: being attached, with no extent known yet
 *
 * What can not be read, or is said to be two users', makes the pool a degraded one:
 * nobody knows which blocks are in use.
 */
void pmpool_held_load(struct pmpool *pool)
{
	struct pmpool_format *fmt = &pool->format;
	struct pmpool_hold hold;
	u64 blocks;
	u32 i;
	int ret;

	if (pmpool_hold_state(fmt, pool->region.base) == PMPOOL_HOLD_DAMAGED)
		dev_warn(pool->dev, "the header of the kernel's own part, at offset %#x, is damaged, or of another region: see pmpoolctl check\n",
			 PMPOOL_HOLD_HEADER_OFFSET);

	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++) {
		ret = pmpool_hold_read(fmt, i, &hold);
		if (ret == -ENOENT)
			continue;
		if (!ret) {
			pmpool_space_insert(&pool->space, hold.first, hold.blocks,
					    PMPOOL_SPACE_HELD);
			continue;
		}
		dev_err(pool->dev, "what a user inside the kernel has can not be read: record %u, at offset %#zx, is damaged: see pmpoolctl check\n",
			i, PMPOOL_HOLD_TABLE_OFFSET + i * sizeof(struct pmpool_hold_record));
		pool->damaged_holds++;
	}

	pool->damaged_holds += pmpool_space_mark_overlaps(&pool->space);
	for (i = 0; i < pool->space.count; i++)
		if (pool->space.runs[i].overlaps)
			dev_err(pool->dev, "what a user inside the kernel has, at offset %#llx, shares blocks with another's\n",
				pool->space.runs[i].first << PMPOOL_FORMAT_BLOCK_SHIFT);
	if (pool->damaged_holds && pool->state == PMPOOL_STATE_OK)
		pool->state = PMPOOL_STATE_DEGRADED;

	blocks = pmpool_space_blocks(&pool->space, PMPOOL_SPACE_HELD);
	if (blocks)
		dev_info(pool->dev, "users inside the kernel have %llu MiB\n",
			 blocks * PMPOOL_FORMAT_BLOCK_SIZE / SZ_1M);
}

/**
 * pmpool_held_refresh - find out what users inside the kernel have now
 * @pool: its admin mutex is held
 */
void pmpool_held_refresh(struct pmpool *pool)
{
	const struct pmpool_region *region = &pool->region;
	struct pmpool_hold hold;
	u32 index = 0, count = 0, i;

	lockdep_assert_held(&pool->admin);

	/* Without its records all in order it is left at what was found at first. */
	if (!pool->held || pool->damaged_holds)
		return;

	/* The kernel may be emptying blocks: who only uses an extent does not wait for that. */
	while (count < PMPOOL_HOLD_SLOTS && !region->ops->next_hold(region, &index, &hold))
		pool->held[count++] = (struct pmpool_run){
			.first = hold.first, .blocks = hold.blocks,
		};

	guard(rwsem_write)(&pool->lock);

	pmpool_space_clear(&pool->space, PMPOOL_SPACE_HELD);
	for (i = 0; i < count; i++)
		pmpool_space_insert(&pool->space, pool->held[i].first, pool->held[i].blocks,
				    PMPOOL_SPACE_HELD);
}

/**
 * pmpool_held_look - the same, for who only wants to know
 * @pool: none of its locks is held
 *
 * When the pool is being changed it is what it was a moment before.
 */
void pmpool_held_look(struct pmpool *pool)
{
	if (!pool->held || !mutex_trylock(&pool->admin))
		return;
	pmpool_held_refresh(pool);
	mutex_unlock(&pool->admin);
}

/**
 * pmpool_held_name - what a user inside the kernel calls what it has
 * @pool: its lock is held
 * @first: block that it starts at
 * @name: to fill
 */
void pmpool_held_name(struct pmpool *pool, u64 first, char name[PMPOOL_NAME_SIZE])
{
	struct pmpool_hold hold;
	u32 i;

	lockdep_assert_held(&pool->lock);

	memset(name, 0, PMPOOL_NAME_SIZE);
	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++) {
		if (pmpool_hold_read(&pool->format, i, &hold) || hold.first != first)
			continue;
		memcpy(name, hold.name, sizeof(hold.name));
		break;
	}
}

/**
 * pmpool_blocks_kept - whether an extent's blocks are what they were
 * @pool: its lock or admin mutex is held, or it is being attached
 * @first: block
 * @blocks: how many
 * @lost: out: where the first blocks are that are not; or NULL
 * @count: out: how many there are of them; or NULL
 *
 * Return: false when the system had some of them: what is there is anybody's.
 */
bool pmpool_blocks_kept(struct pmpool *pool, u64 first, u64 blocks, u64 *lost, u64 *count)
{
	const struct pmpool_region *region = &pool->region;
	u64 block;

	if (!region->ops->has || region->ops->has(region, first, blocks))
		return true;
	if (!lost)
		return false;

	*count = 0;
	for (block = first; block < first + blocks; block++) {
		if (region->ops->has(region, block, 1))
			continue;
		if (!*count)
			*lost = block;
		*count += 1;
	}
	return false;
}

/**
 * pmpool_settle_blocks - give back to the system what nobody has
 * @pool: being attached, or its admin mutex is held
 *
 * A pool of which something is damaged gives nothing back: it may be an extent's.
 */
void pmpool_settle_blocks(struct pmpool *pool)
{
	const struct pmpool_region *region = &pool->region;
	unsigned long *mine;
	u64 released = 0;
	u32 i;
	int ret;

	if (!region->ops->settle || pool->state != PMPOOL_STATE_OK)
		return;

	mine = kvcalloc(BITS_TO_LONGS(pool->format.blocks), sizeof(*mine), GFP_KERNEL);
	if (!mine) {
		ret = -ENOMEM;
		goto failed;
	}
	bitmap_set(mine, 0, pool->format.meta_blocks);
	for (i = 0; i < pool->space.count; i++) {
		const struct pmpool_run *run = &pool->space.runs[i];

		if (pmpool_run_is_extent(run))
			bitmap_set(mine, run->first, run->blocks);
	}
	ret = region->ops->settle(region, mine, &released);
	kvfree(mine);
	if (ret)
		goto failed;
	if (released)
		dev_info(pool->dev, "%llu MiB that nobody has are given to the system\n",
			 released * PMPOOL_FORMAT_BLOCK_SIZE / SZ_1M);
	return;

failed:
	dev_err(pool->dev, "what is free can not be given to the system: error %d\n", ret);
}
