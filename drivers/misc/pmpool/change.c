// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: changing extents
 *
 * The ioctls that change an extent that exists. Each is the change of one
 * record, so a kernel that stops in the middle leaves it undone or done. All
 * are for the owner and for CAP_SYS_ADMIN.
 */
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/user_namespace.h>

#include "internal.h"

/* The extent that a caller may change, or an error that every command has. */
static struct pmpool_extent *extent_to_change(struct pmpool *pool, u64 id, const char *name)
{
	struct pmpool_extent *ext;
	int ret;

	lockdep_assert_held(&pool->admin);

	ext = pmpool_extent_lookup(pool, id, name);
	if (IS_ERR(ext))
		return ext;
	if (!uid_eq(current_fsuid(), pmpool_extent_uid(ext)) && !capable(CAP_SYS_ADMIN))
		return ERR_PTR(-EPERM);
	ret = pmpool_writable(pool);
	return ret ? ERR_PTR(ret) : ext;
}

/**
 * pmpool_do_remove - ioctl(PMPOOL_REMOVE)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_remove(struct pmpool_call *call)
{
	struct pmpool_remove *arg = &call->arg.remove;
	struct pmpool_extent *ext;

	ext = extent_to_change(call->pool, arg->id, arg->name);
	return IS_ERR(ext) ? PTR_ERR(ext) : pmpool_extent_remove(ext);
}

/**
 * pmpool_do_rename - ioctl(PMPOOL_RENAME)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_rename(struct pmpool_call *call)
{
	struct pmpool_rename *arg = &call->arg.rename;
	struct pmpool_extent *old, *ext;
	int ret;

	if (!pmpool_name_valid(arg->new_name))
		return -EINVAL;
	old = extent_to_change(call->pool, arg->id, arg->name);
	if (IS_ERR(old))
		return PTR_ERR(old);

	ext = pmpool_extent_prepare_rename(old, arg->new_name);
	if (IS_ERR(ext))
		return PTR_ERR(ext);
	ret = pmpool_extent_rename(old, ext);
	if (ret)
		pmpool_extent_abort(ext);
	return ret;
}

/**
 * pmpool_do_resize - ioctl(PMPOOL_RESIZE)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_resize(struct pmpool_call *call)
{
	struct pmpool_resize *arg = &call->arg.resize;
	struct pmpool *pool = call->pool;
	struct pmpool_record rec;
	struct pmpool_extent *ext;
	u64 first, room, blocks, had;
	int ret;

	if (!arg->length || arg->__reserved)
		return -EINVAL;
	ext = extent_to_change(pool, arg->id, arg->name);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	/* Places and lengths do not change while the admin mutex is held. */
	first = ext->record.first_block;
	room = pmpool_space_room(&pool->space, first, ext->slot, true);
	arg->largest = room << PMPOOL_FORMAT_BLOCK_SHIFT;
	call->tell = true;
	if (arg->length > arg->largest)
		return -ENOSPC;

	blocks = DIV_ROUND_UP_ULL(arg->length, PMPOOL_FORMAT_BLOCK_SIZE);
	if (blocks > ext->record.blocks) {
		ret = pmpool_limit_check(pool, ext->record.uid, blocks - ext->record.blocks, 0);
		if (ret)
			return ret;
	}
	if (blocks > pmpool_space_room(&pool->space, first, ext->slot, false))
		return pmpool_lend_demand(pool, &call->wait, first + blocks, U64_MAX);
	had = ext->record.blocks;
	if (blocks > had) {
		ret = pmpool_take_place(pool, &call->taking, first + had, blocks - had);
		if (ret)
			return ret;
	}

	scoped_guard(rwsem_write, &pool->lock) {
		if (arg->length < ext->record.length && ext->mappings)
			return -EBUSY;

		rec = ext->record;
		rec.length = arg->length;
		rec.blocks = blocks;
		scoped_guard(mutex, &pool->bitmap_lock)
			pmpool_format_resize(&pool->format, ext->slot, &rec, &ext->record);
		pmpool_space_resize(&pool->space, rec.first_block, ext->slot, rec.blocks);
		ext->record = rec;
	}
	pmpool_take_used(&call->taking);
	if (blocks < had)
		pmpool_give_back(pool, first + blocks, had - blocks);

	kobject_uevent(&ext->dev.kobj, KOBJ_CHANGE);
	return 0;
}

/* What PMPOOL_SET makes of a record, or an error of the command. */
static int set_attributes(const struct pmpool_set *arg, const struct pmpool_extent *ext,
			  struct pmpool_record *rec)
{
	bool gives = false;

	if (arg->flags & PMPOOL_SET_MODE)
		rec->mode = arg->mode;

	if (arg->flags & PMPOOL_SET_UID) {
		kuid_t uid = make_kuid(current_user_ns(), arg->uid);

		if (!uid_valid(uid))
			return -EINVAL;
		gives |= !uid_eq(uid, pmpool_extent_uid(ext));
		rec->uid = from_kuid(&init_user_ns, uid);
	}

	if (arg->flags & PMPOOL_SET_GID) {
		kgid_t gid = make_kgid(current_user_ns(), arg->gid);

		if (!gid_valid(gid))
			return -EINVAL;
		gives |= !gid_eq(gid, pmpool_extent_gid(ext)) && !in_group_p(gid);
		rec->gid = from_kgid(&init_user_ns, gid);
	}

	if (arg->flags & PMPOOL_SET_TAG)
		memcpy(rec->tag, arg->tag, sizeof(rec->tag));
	/* Asked only when it matters: the answer may be for the audit log. */
	return gives && !capable(CAP_CHOWN) ? -EPERM : 0;
}

static bool set_valid(const struct pmpool_set *arg)
{
	return !arg->__reserved && !(arg->mode & ~0777) &&
	       (arg->flags & PMPOOL_SET_MODE || !arg->mode) &&
	       (arg->flags & PMPOOL_SET_UID || !arg->uid) &&
	       (arg->flags & PMPOOL_SET_GID || !arg->gid) &&
	       (arg->flags & PMPOOL_SET_TAG || !memchr_inv(arg->tag, 0, sizeof(arg->tag)));
}

/* The node's owner and mode are udev's to change: it is told what they are now. */
static void announce_change(struct pmpool_extent *ext, const struct pmpool_record *rec)
{
	char mode[32], uid[32], gid[32];
	char *env[4] = { mode, uid, gid };

	snprintf(mode, sizeof(mode), "PMPOOL_MODE=%04o", rec->mode);
	snprintf(uid, sizeof(uid), "PMPOOL_UID=%u", rec->uid);
	snprintf(gid, sizeof(gid), "PMPOOL_GID=%u", rec->gid);
	kobject_uevent_env(&ext->dev.kobj, KOBJ_CHANGE, env);
}

/**
 * pmpool_do_set - ioctl(PMPOOL_SET)
 * @call: under way, the admin mutex held
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_set(struct pmpool_call *call)
{
	struct pmpool_set *arg = &call->arg.set;
	struct pmpool *pool = call->pool;
	struct pmpool_record rec;
	struct pmpool_extent *ext;
	int ret;

	if (!set_valid(arg))
		return -EINVAL;
	ext = extent_to_change(pool, arg->id, arg->name);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	scoped_guard(rwsem_write, &pool->lock) {
		rec = ext->record;
		ret = set_attributes(arg, ext, &rec);
		if (ret)
			return ret;
		pmpool_format_write(&pool->format, ext->slot, &rec);
		ext->record = rec;
	}

	/* The extent can not go away: the admin mutex is held. */
	announce_change(ext, &rec);
	return 0;
}
