// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: limits
 *
 * How much of the pool a user may have: a record of the extent table each, so
 * that it outlives the kernel with what it limits. What a user has is counted
 * when it matters; a pool has some thousand extents at most.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "internal.h"

/**
 * struct user_limit - what a user may have
 * @slot: of its record
 * @blocks: of all extents of the user, or U64_MAX
 * @extents: how many, or U64_MAX
 */
struct user_limit {
	u32 slot;
	u64 blocks;
	u64 extents;
};

static void count_user(struct pmpool *pool, u32 uid, u64 *blocks, u64 *extents)
{
	u32 i;

	*blocks = 0;
	*extents = 0;
	for (i = 0; i < pool->space.count; i++) {
		const struct pmpool_extent *ext = pmpool_extent_of(pool, &pool->space.runs[i]);

		if (ext && ext->record.uid == uid) {
			*blocks += ext->record.blocks;
			*extents += 1;
		}
	}
}

/**
 * pmpool_limit_check - whether a user may have more
 * @pool: attached, its admin mutex held
 * @uid: of the user, in the initial user namespace
 * @blocks: how many more
 * @extents: how many more
 *
 * Return: 0, or -EDQUOT when that is more than the user's limit.
 */
int pmpool_limit_check(struct pmpool *pool, u32 uid, u64 blocks, u64 extents)
{
	const struct user_limit *limit;
	u64 has_blocks, has_extents;

	lockdep_assert_held(&pool->admin);

	limit = xa_load(&pool->limits, uid);
	if (!limit)
		limit = xa_load(&pool->limits, PMPOOL_FORMAT_ANY_UID);
	if (!limit)
		return 0;

	count_user(pool, uid, &has_blocks, &has_extents);
	if ((!blocks || size_add(has_blocks, blocks) <= limit->blocks) &&
	    (!extents || size_add(has_extents, extents) <= limit->extents))
		return 0;
	return capable(CAP_SYS_RESOURCE) ? 0 : -EDQUOT;
}

/**
 * pmpool_limit_load - take over a limit that a record tells of
 * @pool: being attached
 * @slot: of the record
 * @rec: the record
 *
 * Return: 0 or -ENOMEM.
 */
int pmpool_limit_load(struct pmpool *pool, u32 slot, const struct pmpool_record *rec)
{
	struct user_limit *limit;
	int ret;

	limit = kmalloc(sizeof(*limit), GFP_KERNEL);
	if (!limit)
		return -ENOMEM;

	if (rec->bad_copies && pool->state == PMPOOL_STATE_OK)
		pmpool_format_write_limit(&pool->format, slot, rec->uid, rec->blocks, rec->length);

	*limit = (struct user_limit){ .slot = slot, .blocks = rec->blocks, .extents = rec->length };
	ret = xa_insert(&pool->limits, rec->uid, limit, GFP_KERNEL);
	if (ret)
		kfree(limit);
	if (ret == -EBUSY) {
		dev_err(pool->dev, "extent record %u is a second limit for user %u\n",
			slot, rec->uid);
		pool->damaged++;
		return 0;
	}
	return ret;
}

/**
 * pmpool_limit_has - whether a record is a limit in force
 * @pool: attached, its admin mutex held
 * @slot: of the record
 *
 * Return: whether it is.
 */
bool pmpool_limit_has(struct pmpool *pool, u32 slot)
{
	struct user_limit *limit;
	unsigned long uid;

	lockdep_assert_held(&pool->admin);

	xa_for_each(&pool->limits, uid, limit)
		if (limit->slot == slot)
			return true;
	return false;
}

/**
 * pmpool_limits_unload - forget all limits
 * @pool: that goes away
 */
void pmpool_limits_unload(struct pmpool *pool)
{
	struct user_limit *limit;
	unsigned long uid;

	xa_for_each(&pool->limits, uid, limit)
		kfree(limit);
	xa_destroy(&pool->limits);
}

static u64 to_blocks(u64 bytes)
{
	return bytes == U64_MAX ? U64_MAX : bytes >> PMPOOL_FORMAT_BLOCK_SHIFT;
}

/* Make, change or take away a user's limit. */
static int limit_set(struct pmpool *pool, u32 uid, u64 blocks, u64 extents)
{
	struct user_limit *limit = xa_load(&pool->limits, uid);
	bool none = blocks == U64_MAX && extents == U64_MAX;
	int ret;

	lockdep_assert_held(&pool->admin);

	ret = pmpool_writable(pool);
	if (ret)
		return ret;

	if (!limit && none)
		return 0;

	if (!limit) {
		limit = kmalloc(sizeof(*limit), GFP_KERNEL);
		if (!limit)
			return -ENOMEM;
		limit->slot = find_first_zero_bit(pool->used, PMPOOL_FORMAT_SLOTS);
		if (limit->slot == PMPOOL_FORMAT_SLOTS) {
			ret = -ENFILE;
			goto free_limit;
		}
		ret = xa_insert(&pool->limits, uid, limit, GFP_KERNEL);
		if (ret)
			goto free_limit;
	}

	guard(rwsem_write)(&pool->lock);

	if (none) {
		pmpool_format_free(&pool->format, limit->slot);
		__clear_bit(limit->slot, pool->used);
		xa_erase(&pool->limits, uid);
		kfree(limit);
		return 0;
	}

	limit->blocks = blocks;
	limit->extents = extents;
	pmpool_format_write_limit(&pool->format, limit->slot, uid, blocks, extents);
	__set_bit(limit->slot, pool->used);
	return 0;

free_limit:
	kfree(limit);
	return ret;
}

/**
 * pmpool_do_limit - ioctl(PMPOOL_LIMIT)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_limit(struct pmpool_call *call)
{
	struct pmpool_limit *arg = &call->arg.limit;
	struct pmpool *pool = call->pool;
	const struct user_limit *limit;
	u32 uid = PMPOOL_FORMAT_ANY_UID;
	u64 blocks;
	kuid_t kuid;

	if (arg->__reserved)
		return -EINVAL;
	if (arg->uid != (u32)-1) {
		kuid = make_kuid(current_user_ns(), arg->uid);
		if (!uid_valid(kuid))
			return -EINVAL;
		uid = from_kuid(&init_user_ns, kuid);
	}

	if ((arg->flags & PMPOOL_LIMIT_SET ||
	     (arg->uid != (u32)-1 && !uid_eq(kuid, current_fsuid()))) && !capable(CAP_SYS_ADMIN))
		return -EPERM;

	/* All of this changes with the admin mutex held only. */
	count_user(pool, uid, &blocks, &arg->extents);
	arg->bytes = blocks << PMPOOL_FORMAT_BLOCK_SHIFT;
	limit = xa_load(&pool->limits, uid);
	if (arg->flags & PMPOOL_LIMIT_SET) {
		blocks = to_blocks(arg->max_bytes);
	} else {
		blocks = limit ? limit->blocks : U64_MAX;
		arg->max_extents = limit ? limit->extents : U64_MAX;
	}
	arg->max_bytes = blocks == U64_MAX ? U64_MAX : blocks << PMPOOL_FORMAT_BLOCK_SHIFT;

	return arg->flags & PMPOOL_LIMIT_SET ? limit_set(pool, uid, blocks, arg->max_extents) : 0;
}
