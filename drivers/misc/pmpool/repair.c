// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: repairing a degraded pool
 *
 * The driver does not guess. What a damaged record becomes is decided outside,
 * by pmpoolctl and an administrator who have a second opinion, and told slot by
 * slot; here it is only made sure that the decision is sound, and that no extent
 * that is intact suffers from it.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/cleanup.h>

#include "internal.h"

/* The run of a slot whose record is valid but shares blocks or its name. */
static bool find_run(const struct pmpool *pool, u32 slot, struct pmpool_run *run)
{
	u32 i;

	for (i = 0; i < pool->space.count; i++) {
		if (pool->space.runs[i].slot == slot) {
			*run = pool->space.runs[i];
			return true;
		}
	}
	return false;
}

/* Whether blocks are in use by an intact extent, or a user inside the kernel. */
static bool blocks_taken(const struct pmpool *pool, const struct pmpool_record *rec)
{
	u32 i;

	for (i = 0; i < pool->space.count; i++) {
		const struct pmpool_run *run = &pool->space.runs[i];

		if ((pmpool_extent_of(pool, run) || run->slot == PMPOOL_SPACE_HELD) &&
		    run->first < rec->first_block + rec->blocks &&
		    rec->first_block < run->first + run->blocks)
			return true;
	}
	return false;
}

static void slot_mended(struct pmpool *pool)
{
	lockdep_assert_held_write(&pool->lock);

	if (!--pool->damaged && !pool->damaged_holds && pool->state == PMPOOL_STATE_DEGRADED)
		pool->state = PMPOOL_STATE_OK;
}

/* Free the slot of a record that is given up. */
static void slot_free(struct pmpool *pool, u32 slot, const struct pmpool_run *run)
{
	guard(rwsem_write)(&pool->lock);

	pmpool_format_free(&pool->format, slot);
	if (run)
		pmpool_space_remove(&pool->space, run->first, slot);
	__clear_bit(slot, pool->used);
	slot_mended(pool);
}

/**
 * pmpool_do_repair - ioctl(PMPOOL_REPAIR)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_repair(struct pmpool_call *call)
{
	struct pmpool_repair *arg = &call->arg.repair;
	struct pmpool_format_record disk;
	struct pmpool *pool = call->pool;
	struct pmpool_record rec;
	struct pmpool_run run;
	bool had_run;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (pool->state == PMPOOL_STATE_READ_ONLY)
		return -EROFS;
	if (arg->__reserved || arg->slot >= PMPOOL_FORMAT_SLOTS)
		return -EINVAL;
	memcpy(&disk, arg->record, sizeof(disk));
	if (!pmpool_format_decode(&pool->format, arg->slot, &disk, &rec) ||
	    rec.type == PMPOOL_FORMAT_RECORD_LIMIT)
		return -EINVAL;
	if (!test_bit(arg->slot, pool->used) || pool->slots[arg->slot] ||
	    pmpool_limit_has(pool, arg->slot))
		return -EINVAL;

	had_run = find_run(pool, arg->slot, &run);

	if (rec.type == PMPOOL_FORMAT_RECORD_FREE) {
		slot_free(pool, arg->slot, had_run ? &run : NULL);
		pmpool_settle_blocks(pool);
		return 0;
	}

	/* What the system had meanwhile is not the extent's any more, but anybody's. */
	if (blocks_taken(pool, &rec) ||
	    !pmpool_blocks_kept(pool, rec.first_block, rec.blocks, NULL, NULL))
		return -EBUSY;
	if (had_run) {
		/* Of a run that overlapped: what is restored gets its own. */
		scoped_guard(rwsem_write, &pool->lock)
			pmpool_space_remove(&pool->space, run.first, arg->slot);
	}
	ret = pmpool_extent_restore(pool, arg->slot, &rec);
	scoped_guard(rwsem_write, &pool->lock) {
		if (!ret)
			slot_mended(pool);
		else if (had_run)
			pmpool_space_insert(&pool->space, run.first, run.blocks, arg->slot);
	}
	if (!ret)
		pmpool_settle_blocks(pool);
	return ret;
}
