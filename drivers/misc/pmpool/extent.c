// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: extents
 *
 * An extent exists three times: as a record in the region, which is the one
 * that counts; as a struct pmpool_extent, which the ioctls and mmap() find; and
 * as a device with /dev/pmpool-extents/NAME. They come in this order when a
 * pool is attached. When an extent is created the device is made first, since
 * making it may fail, and nobody can open it before the record is written.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/uuid.h>

#include "internal.h"

static void extent_release(struct device *dev)
{
	kfree(container_of(dev, struct pmpool_extent, dev));
}

static char *extent_devnode(const struct device *dev, umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	const struct pmpool_extent *ext = container_of_const(dev, struct pmpool_extent, dev);

	/* To find the node that goes away only the name is asked for. */
	if (mode)
		*mode = ext->record.mode;
	if (uid)
		*uid = make_kuid(&init_user_ns, ext->record.uid);
	if (gid)
		*gid = make_kgid(&init_user_ns, ext->record.gid);

	/*
	 * Without a name the core would take another one, make or leave a node
	 * of that name, and tell nobody. 80 bytes can be waited for.
	 */
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "pmpool-extents/%s", dev_name(dev));
}

static const struct device_type extent_type = {
	.name = "extent",
	.groups = pmpool_extent_groups,
	.devnode = extent_devnode,
	.release = extent_release,
};

const struct class pmpool_class = {
	.name = "pmpool",
};

static u32 name_hash(const char *name)
{
	return full_name_hash(NULL, name, strlen(name));
}

/* What the device of an extent needs; undone by put_device(). */
static struct pmpool_extent *extent_new(struct pmpool *pool, u32 slot, unsigned int minor,
					const struct pmpool_record *rec)
{
	struct pmpool_extent *ext;
	int ret;

	ext = kzalloc(sizeof(*ext), GFP_KERNEL);
	if (!ext)
		return ERR_PTR(-ENOMEM);

	ext->pool = pool;
	ext->slot = slot;
	ext->record = *rec;
	ext->was_clean = rec->clean;
	init_rwsem(&ext->fault);
	mutex_init(&ext->zero);

	device_initialize(&ext->dev);
	ext->dev.class = &pmpool_class;
	ext->dev.type = &extent_type;
	ext->dev.parent = pool->dev;
	ext->dev.devt = pool->devt + minor;

	ret = dev_set_name(&ext->dev, "%s", rec->name);
	if (ret) {
		put_device(&ext->dev);
		return ERR_PTR(ret);
	}
	return ext;
}

/* Let the ioctls and mmap() find it. There is room: a slot has one run. */
static void extent_link(struct pmpool_extent *ext)
{
	struct pmpool *pool = ext->pool;

	lockdep_assert_held_write(&pool->lock);

	pool->slots[ext->slot] = ext;
	__set_bit(ext->slot, pool->used);
	hash_add(pool->names, &ext->by_name, name_hash(ext->record.name));
	pool->extents++;
	ext->live = true;
}

static void extent_unlink(struct pmpool_extent *ext)
{
	struct pmpool *pool = ext->pool;

	lockdep_assert_held_write(&pool->lock);

	ext->live = false;
	pool->extents--;
	hash_del(&ext->by_name);
	__clear_bit(ext->slot, pool->used);
	pool->slots[ext->slot] = NULL;
}

static struct pmpool_extent *extent_by_name(struct pmpool *pool, const char *name)
{
	struct pmpool_extent *ext;

	hash_for_each_possible(pool->names, ext, by_name, name_hash(name))
		if (!strcmp(ext->record.name, name))
			return ext;
	return NULL;
}

/**
 * pmpool_extent_lookup - find an extent
 * @pool: attached, its lock or admin mutex held
 * @id: of the extent, or 0
 * @name: of the extent, when @id is 0; a field of PMPOOL_NAME_SIZE bytes
 *
 * Return: the extent, -EINVAL when not exactly one of @id and @name is given or
 * @name is malformed, -ENOENT when there is none.
 */
struct pmpool_extent *pmpool_extent_lookup(struct pmpool *pool, u64 id, const char *name)
{
	struct pmpool_extent *ext;

	if (id) {
		if (memchr_inv(name, 0, PMPOOL_NAME_SIZE))
			return ERR_PTR(-EINVAL);
		ext = pool->slots[id % PMPOOL_FORMAT_SLOTS];
		if (ext && ext->record.id != id)
			ext = NULL;
	} else {
		if (!pmpool_name_valid(name))
			return ERR_PTR(-EINVAL);
		ext = extent_by_name(pool, name);
	}
	return ext ?: ERR_PTR(-ENOENT);
}

/**
 * pmpool_extent_at - find the extent that holds an offset
 * @pool: attached, its lock held
 * @offset: in bytes from the start of the region
 *
 * Return: the extent, or NULL.
 */
struct pmpool_extent *pmpool_extent_at(struct pmpool *pool, u64 offset)
{
	const struct pmpool_run *run;

	lockdep_assert_held(&pool->lock);

	run = pmpool_space_at(&pool->space, offset >> PMPOOL_FORMAT_BLOCK_SHIFT);
	return run ? pmpool_extent_of(pool, run) : NULL;
}

/**
 * pmpool_extent_of_device - find an extent by the number of its device
 * @pool: attached, its lock held
 * @devt: one of the pool's
 *
 * Return: the extent, or NULL.
 */
struct pmpool_extent *pmpool_extent_of_device(struct pmpool *pool, dev_t devt)
{
	struct pmpool_extent *ext = pool->slots[(devt - pool->devt) % PMPOOL_FORMAT_SLOTS];

	lockdep_assert_held(&pool->lock);

	return ext && ext->dev.devt == devt ? ext : NULL;
}

/**
 * pmpool_extent_of - the extent that has blocks
 * @pool: attached, its lock or admin mutex held
 * @run: of its blocks
 *
 * Return: the extent, or NULL when it is damaged, or the blocks are in use in
 * another way.
 */
struct pmpool_extent *pmpool_extent_of(const struct pmpool *pool, const struct pmpool_run *run)
{
	return pmpool_run_is_extent(run) ? pool->slots[run->slot] : NULL;
}

/**
 * pmpool_extent_describe - fill in what user space is told of an extent
 * @ext: its pool's lock is held
 * @info: to fill
 */
void pmpool_extent_describe(const struct pmpool_extent *ext, struct pmpool_extent_info *info)
{
	const struct pmpool_record *rec = &ext->record;
	struct user_namespace *ns = current_user_ns();

	lockdep_assert_held(&ext->pool->lock);

	memset(info, 0, sizeof(*info));
	memcpy(info->name, rec->name, sizeof(info->name));
	memcpy(info->uuid, rec->uuid, sizeof(info->uuid));
	memcpy(info->tag, rec->tag, sizeof(info->tag));
	info->id = rec->id;
	info->offset = pmpool_extent_offset(ext);
	info->length = rec->length;
	info->create_generation = rec->generation;
	info->create_time = rec->create_time;
	info->uid = from_kuid_munged(ns, make_kuid(&init_user_ns, rec->uid));
	info->gid = from_kgid_munged(ns, make_kgid(&init_user_ns, rec->gid));
	info->mode = rec->mode;
	info->flags = (rec->clean ? PMPOOL_EXTENT_CLEAN : 0) |
		      (ext->mappings ? PMPOOL_EXTENT_MAPPED : 0);
}

/**
 * pmpool_extent_permits - whether the caller may open an extent
 * @ext: its pool's lock is held
 * @flags: PMPOOL_OPEN_READ, PMPOOL_OPEN_WRITE
 *
 * Return: what the VFS would say of a file of that owner, group and mode. A
 * mapping that can be written can be read, so writing includes reading.
 */
bool pmpool_extent_permits(const struct pmpool_extent *ext, u32 flags)
{
	u32 want = flags & PMPOOL_OPEN_WRITE ? 06 : 04;
	u32 mode = ext->record.mode;

	lockdep_assert_held(&ext->pool->lock);

	if (uid_eq(current_fsuid(), pmpool_extent_uid(ext)))
		mode >>= 6;
	else if (in_group_p(pmpool_extent_gid(ext)))
		mode >>= 3;

	return (mode & want) == want || capable(CAP_DAC_OVERRIDE);
}

/**
 * pmpool_extent_opened - note that an extent was opened
 * @ext: by a caller that may; its pool's lock is held for writing
 */
void pmpool_extent_opened(struct pmpool_extent *ext)
{
	lockdep_assert_held_write(&ext->pool->lock);

	if (!ext->first_open)
		ext->first_open = ktime_get_real_ns();
}

/**
 * pmpool_create_valid - whether what a caller asks for makes sense
 * @arg: of PMPOOL_CREATE
 *
 * Return: whether it does.
 */
bool pmpool_create_valid(const struct pmpool_create *arg)
{
	if (!pmpool_name_valid(arg->name) || !arg->length || arg->mode & ~0777)
		return false;

	return !arg->align ||
	       (is_power_of_2(arg->align) && arg->align >= PMPOOL_FORMAT_BLOCK_SIZE);
}

/* Make the extent's device. No uevent yet: whoever gets one opens it at once. */
static int extent_add_quietly(struct pmpool_extent *ext)
{
	dev_set_uevent_suppress(&ext->dev, true);
	return device_add(&ext->dev);
}

static void extent_announce(struct pmpool_extent *ext)
{
	dev_set_uevent_suppress(&ext->dev, false);
	kobject_uevent(&ext->dev.kobj, KOBJ_ADD);
}

static void extent_del(struct pmpool_extent *ext)
{
	device_del(&ext->dev);
	put_device(&ext->dev);
}

/* What is in the record of every extent that is created now. */
static void record_begin(const struct pmpool *pool, struct pmpool_record *rec)
{
	uuid_t uuid;

	uuid_gen(&uuid);
	memcpy(rec->uuid, uuid.b, sizeof(rec->uuid));
	rec->type = PMPOOL_FORMAT_RECORD_EXTENT;
	rec->generation = pool->format.super.generation;
	rec->create_time = ktime_get_real_ns();
	rec->clean = true;
}

/* The first slot that an extent can have. Return: the extent's id, or 0. */
static u64 free_slot(struct pmpool *pool, u32 *slot)
{
	u64 id;

	lockdep_assert_held(&pool->admin);

	for_each_clear_bit(*slot, pool->used, PMPOOL_FORMAT_SLOTS) {
		id = pmpool_format_next_id(&pool->format, *slot);
		if (id)
			return id;
	}
	return 0;
}

/**
 * pmpool_extent_prepare - do all of a creation that can fail
 * @pool: attached, its admin mutex held
 * @arg: of PMPOOL_CREATE, valid
 * @taking: of the call
 * @wait: likewise
 *
 * Return: an extent for pmpool_extent_commit() or pmpool_extent_abort(), or an
 * error of PMPOOL_CREATE.
 */
struct pmpool_extent *pmpool_extent_prepare(struct pmpool *pool, const struct pmpool_create *arg,
					    struct pmpool_taking *taking,
					    struct pmpool_lend_wait *wait)
{
	struct pmpool_record rec = { };
	struct pmpool_extent *ext;
	u64 align, blocks, keep_first, keep_end;
	int found, lent = 0, ret;
	u32 slot;

	lockdep_assert_held(&pool->admin);

	ret = pmpool_writable(pool);
	if (ret)
		return ERR_PTR(ret);
	if (extent_by_name(pool, arg->name))
		return ERR_PTR(-EEXIST);

	rec.id = free_slot(pool, &slot);
	if (!rec.id)
		return ERR_PTR(-ENFILE);

	if (arg->length > pool->region.size)
		return ERR_PTR(-ENOSPC);
	blocks = DIV_ROUND_UP_ULL(arg->length, PMPOOL_FORMAT_BLOCK_SIZE);
	align = (arg->align ?: PMPOOL_FORMAT_BLOCK_SIZE) >> PMPOOL_FORMAT_BLOCK_SHIFT;
	found = pmpool_take_find(pool, taking, blocks, align, &rec.first_block);
	if (found == -ENOSPC) {
		lent = pmpool_lend_room(pool, wait, blocks, align, &keep_first, &keep_end);
		if (lent != -EAGAIN)
			return ERR_PTR(lent);
	}

	rec.uid = from_kuid(&init_user_ns, current_fsuid());
	ret = pmpool_limit_check(pool, rec.uid, blocks, 1);
	if (ret)
		return ERR_PTR(ret);
	if (lent)
		return ERR_PTR(pmpool_lend_demand(pool, wait, keep_first, keep_end));
	if (!found)
		found = pmpool_take_place(pool, taking, rec.first_block, blocks);
	if (found)
		return ERR_PTR(found);

	record_begin(pool, &rec);
	rec.blocks = blocks;
	rec.length = arg->length;
	rec.gid = from_kgid(&init_user_ns, current_fsgid());
	rec.mode = arg->mode;
	memcpy(rec.tag, arg->tag, sizeof(rec.tag));
	memcpy(rec.name, arg->name, sizeof(rec.name));

	ext = extent_new(pool, slot, slot, &rec);
	if (IS_ERR(ext))
		return ext;

	ret = extent_add_quietly(ext);
	if (ret) {
		put_device(&ext->dev);
		return ERR_PTR(ret);
	}
	return ext;
}

/**
 * pmpool_extent_abort - undo pmpool_extent_prepare() or pmpool_extent_prepare_rename()
 * @ext: that it returned
 */
void pmpool_extent_abort(struct pmpool_extent *ext)
{
	lockdep_assert_held(&ext->pool->admin);

	extent_del(ext);
}

/**
 * pmpool_extent_commit - make a prepared extent exist
 * @ext: of pmpool_extent_prepare(), the admin mutex held all the time
 */
void pmpool_extent_commit(struct pmpool_extent *ext)
{
	struct pmpool_record *rec = &ext->record;
	struct pmpool *pool = ext->pool;

	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock) {
		scoped_guard(mutex, &pool->bitmap_lock)
			pmpool_format_create(&pool->format, ext->slot, rec);
		pmpool_space_insert(&pool->space, rec->first_block, rec->blocks, ext->slot);
		extent_link(ext);
	}
	extent_announce(ext);
}

/**
 * pmpool_extent_remove - remove an extent
 * @ext: live, its pool's admin mutex held
 *
 * Return: 0, or -EBUSY when it is mapped.
 */
int pmpool_extent_remove(struct pmpool_extent *ext)
{
	u64 first = ext->record.first_block, blocks = ext->record.blocks;
	struct pmpool *pool = ext->pool;

	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock) {
		if (ext->mappings)
			return -EBUSY;
		pmpool_format_free(&pool->format, ext->slot);
		pmpool_space_remove(&pool->space, ext->record.first_block, ext->slot);
		extent_unlink(ext);
	}
	extent_del(ext);
	pmpool_give_back(pool, first, blocks);
	return 0;
}

/**
 * pmpool_extent_prepare_rename - do all of a renaming that can fail
 * @old: live, its pool's admin mutex held
 * @name: new one, valid
 *
 * A device can not change its name and keep its node, so there is a new one.
 *
 * Return: an extent for pmpool_extent_rename() or pmpool_extent_abort(), or
 * -EEXIST, -ENOMEM.
 */
struct pmpool_extent *pmpool_extent_prepare_rename(struct pmpool_extent *old, const char *name)
{
	unsigned int minor = old->dev.devt - old->pool->devt;
	struct pmpool_record rec = old->record;
	struct pmpool *pool = old->pool;
	struct pmpool_extent *ext;
	int ret;

	lockdep_assert_held(&pool->admin);

	if (extent_by_name(pool, name))
		return ERR_PTR(-EEXIST);

	memcpy(rec.name, name, sizeof(rec.name));
	ext = extent_new(pool, old->slot, minor ^ PMPOOL_FORMAT_SLOTS, &rec);
	if (IS_ERR(ext))
		return ext;

	ret = extent_add_quietly(ext);
	if (ret) {
		put_device(&ext->dev);
		return ERR_PTR(ret);
	}
	return ext;
}

/**
 * pmpool_extent_rename - put a renamed extent in the place of the old one
 * @old: as it was
 * @ext: of pmpool_extent_prepare_rename(), the admin mutex held all the time
 *
 * Return: 0, or -EBUSY when it is mapped.
 */
int pmpool_extent_rename(struct pmpool_extent *old, struct pmpool_extent *ext)
{
	struct pmpool *pool = old->pool;

	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock) {
		if (old->mappings)
			return -EBUSY;
		ext->record.clean = old->record.clean;
		ext->was_clean = old->was_clean;
		ext->first_open = old->first_open;
		pmpool_format_write(&pool->format, ext->slot, &ext->record);
		extent_unlink(old);
		extent_link(ext);
	}
	extent_del(old);
	extent_announce(ext);
	return 0;
}

/**
 * pmpool_extent_keep_broken - keep a broken block from the next kernel
 * @pool: attached, of a kernel that ends
 * @block: that is lent
 *
 * An extent is what every kernel leaves alone, whatever version of the driver it has.
 * It is root's, to be removed when the memory was replaced. The record is enough: this
 * kernel does not open it any more.
 */
void pmpool_extent_keep_broken(struct pmpool *pool, u64 block)
{
	u64 offset = block << PMPOOL_FORMAT_BLOCK_SHIFT;
	phys_addr_t phys = pool->region.base + offset;
	struct pmpool_record rec = {
		.first_block = block,
		.blocks = 1,
		.length = PMPOOL_FORMAT_BLOCK_SIZE,
		.tag = "pmpool broken",
	};
	unsigned int n = 1;
	u32 slot;

	guard(mutex)(&pool->admin);

	rec.id = free_slot(pool, &slot);
	if (!rec.id || pmpool_writable(pool)) {
		dev_err(pool->dev, "memory at %pa is broken, and the next kernel will use it: no record is left for an extent in its place\n",
			&phys);
		return;
	}
	snprintf(rec.name, sizeof(rec.name), "broken-%llx", offset);
	while (extent_by_name(pool, rec.name))
		snprintf(rec.name, sizeof(rec.name), "broken-%llx-%u", offset, ++n);
	record_begin(pool, &rec);

	scoped_guard(rwsem_write, &pool->lock) {
		guard(mutex)(&pool->bitmap_lock);

		pmpool_format_create(&pool->format, slot, &rec);
		/* Nobody's bytes, and to zero them is what must not be tried. */
		pmpool_format_set_block_ready(&pool->format, block);
		__set_bit(slot, pool->used);
	}
	dev_warn(pool->dev, "memory at %pa is broken: extent '%s' keeps it out of use; remove that when the memory was replaced\n",
		 &phys, rec.name);
}

static int extent_load(struct pmpool *pool, u32 slot, const struct pmpool_record *rec)
{
	struct pmpool_extent *ext;
	int ret;

	ext = extent_new(pool, slot, slot, rec);
	if (IS_ERR(ext))
		return PTR_ERR(ext);

	scoped_guard(rwsem_write, &pool->lock)
		extent_link(ext);

	ret = extent_add_quietly(ext);
	if (ret) {
		scoped_guard(rwsem_write, &pool->lock)
			extent_unlink(ext);
		put_device(&ext->dev);
	}
	return ret;
}

/*
 * Read every record and find out which are intact. What is not keeps its slot
 * and its blocks, and makes the pool a degraded one.
 */
static int extents_scan(struct pmpool *pool, struct pmpool_record *rec)
{
	struct pmpool_format *fmt = &pool->format;
	u64 lost, count;
	u32 slot, i;
	int ret;

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		ret = pmpool_format_read(fmt, slot, rec);
		if (ret == -ENOENT)
			continue;
		__set_bit(slot, pool->used);
		if (ret) {
			if (!pmpool_format_guess_name(fmt, slot, rec->name))
				strscpy(rec->name, "?", sizeof(rec->name));
			dev_err(pool->dev, "extent record %u ('%s'), at offset %#llx, is damaged: see pmpoolctl check\n",
				slot, rec->name, fmt->table_offset +
				slot * (u64)sizeof(struct pmpool_format_slot));
			pool->damaged++;
			continue;
		}
		if (rec->type == PMPOOL_FORMAT_RECORD_EXTENT)
			ret = pmpool_space_insert(&pool->space, rec->first_block, rec->blocks,
						  slot);
		else
			ret = pmpool_limit_load(pool, slot, rec);
		if (ret)
			return ret;
	}

	pmpool_space_mark_overlaps(&pool->space);
	for (i = 0; i < pool->space.count; i++) {
		const struct pmpool_run *run = &pool->space.runs[i];

		if (!pmpool_run_is_extent(run))
			continue;
		if (run->overlaps) {
			pool->damaged++;
			pmpool_format_read(fmt, run->slot, rec);
			dev_err(pool->dev, "extent '%s', at offset %#llx, shares blocks with another, or with a user inside the kernel\n",
				rec->name, run->first << PMPOOL_FORMAT_BLOCK_SHIFT);
		} else if (!pmpool_blocks_kept(pool, run->first, run->blocks, &lost, &count)) {
			pool->damaged++;
			pmpool_format_read(fmt, run->slot, rec);
			dev_err(pool->dev, "extent '%s', at offset %#llx, has lost %llu of its %llu blocks to the system, from block %llu on: it is not trusted\n",
				rec->name, run->first << PMPOOL_FORMAT_BLOCK_SHIFT, count,
				run->blocks, lost);
		}
	}

	if (pool->damaged && pool->state == PMPOOL_STATE_OK)
		pool->state = PMPOOL_STATE_DEGRADED;
	return 0;
}

/**
 * pmpool_extents_load - make the extents that the records tell of
 * @pool: with its format open
 *
 * Their nodes are there then, but can not be opened before pmpool_extents_publish().
 *
 * Return: 0, or -ENOMEM with nothing left behind.
 */
int pmpool_extents_load(struct pmpool *pool)
{
	struct pmpool_record *rec __free(kfree) = kmalloc(sizeof(*rec), GFP_KERNEL);
	struct pmpool_run *runs;
	u32 i;
	int ret;

	runs = kvcalloc(PMPOOL_RUNS, sizeof(*runs), GFP_KERNEL);
	pool->slots = kvcalloc(PMPOOL_FORMAT_SLOTS, sizeof(*pool->slots), GFP_KERNEL);
	pool->used = bitmap_zalloc(PMPOOL_FORMAT_SLOTS, GFP_KERNEL);
	pmpool_space_init(&pool->space, pool->format.meta_blocks, pool->format.blocks,
			  runs, PMPOOL_RUNS);
	if (pool->region.ops->next_hold)
		pool->held = kvcalloc(PMPOOL_HOLD_SLOTS, sizeof(*pool->held), GFP_KERNEL);
	if (!rec || !runs || !pool->slots || !pool->used ||
	    (pool->region.ops->next_hold && !pool->held)) {
		ret = -ENOMEM;
		goto unload;
	}

	pmpool_held_load(pool);
	ret = extents_scan(pool, rec);
	if (ret)
		goto unload;

	for (i = 0; i < pool->space.count; i++) {
		const struct pmpool_run *run = &pool->space.runs[i];

		if (!pmpool_run_is_extent(run) || run->overlaps ||
		    !pmpool_blocks_kept(pool, run->first, run->blocks, NULL, NULL))
			continue;
		pmpool_format_read(&pool->format, run->slot, rec);
		if (extent_by_name(pool, rec->name)) {
			dev_err(pool->dev, "extent '%s', at offset %#llx, has the name of another\n",
				rec->name, run->first << PMPOOL_FORMAT_BLOCK_SHIFT);
			pool->damaged++;
			if (pool->state == PMPOOL_STATE_OK)
				pool->state = PMPOOL_STATE_DEGRADED;
			continue;
		}
		/* Mend it now, so that the next damage finds two good places again. */
		if (rec->bad_copies && pool->state == PMPOOL_STATE_OK)
			pmpool_format_write(&pool->format, run->slot, rec);
		ret = extent_load(pool, run->slot, rec);
		if (ret)
			goto unload;
	}
	return 0;

unload:
	pmpool_extents_unload(pool);
	return ret;
}

/**
 * pmpool_extents_publish - let the extents be opened by their nodes
 * @pool: attached: nothing can fail any more
 *
 * From here on a process may be inside the driver by way of a node, and the kernel
 * does not wait for it when it discards a module that fails to load.
 */
void pmpool_extents_publish(struct pmpool *pool)
{
	u32 slot;

	cdev_init(&pool->cdev, &pmpool_extent_fops);
	pool->cdev.owner = THIS_MODULE;
	/* 48 bytes can be waited for. */
	while (cdev_add(&pool->cdev, pool->devt, PMPOOL_MINORS))
		schedule_timeout_uninterruptible(1);

	guard(mutex)(&pool->admin);

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++)
		if (pool->slots[slot] && dev_get_uevent_suppress(&pool->slots[slot]->dev))
			extent_announce(pool->slots[slot]);
}

/**
 * pmpool_extents_unpublish - undo pmpool_extents_publish()
 * @pool: being detached
 */
void pmpool_extents_unpublish(struct pmpool *pool)
{
	cdev_del(&pool->cdev);
}

/**
 * pmpool_extent_restore - bring an extent back whose record was damaged
 * @pool: attached, its admin mutex held
 * @slot: of its record, used by no extent
 * @rec: what it is; its blocks are free
 *
 * Return: 0, -EEXIST or -ENOMEM.
 */
int pmpool_extent_restore(struct pmpool *pool, u32 slot, const struct pmpool_record *rec)
{
	struct pmpool_extent *ext;
	int ret;

	lockdep_assert_held(&pool->admin);

	if (extent_by_name(pool, rec->name))
		return -EEXIST;

	ext = extent_new(pool, slot, slot, rec);
	if (IS_ERR(ext))
		return PTR_ERR(ext);
	ret = extent_add_quietly(ext);
	if (ret) {
		put_device(&ext->dev);
		return ret;
	}

	scoped_guard(rwsem_write, &pool->lock) {
		pmpool_format_write(&pool->format, slot, rec);
		pmpool_space_insert(&pool->space, rec->first_block, rec->blocks, slot);
		extent_link(ext);
	}
	extent_announce(ext);
	return 0;
}

/**
 * pmpool_extents_unload - undo pmpool_extents_load()
 * @pool: nothing of which is open or mapped
 */
void pmpool_extents_unload(struct pmpool *pool)
{
	struct pmpool_extent *ext;
	u32 slot;

	for (slot = 0; pool->slots && slot < PMPOOL_FORMAT_SLOTS; slot++) {
		ext = pool->slots[slot];
		if (!ext)
			continue;
		scoped_guard(rwsem_write, &pool->lock)
			extent_unlink(ext);
		extent_del(ext);
	}

	pmpool_limits_unload(pool);
	bitmap_free(pool->used);
	kvfree(pool->held);
	kvfree(pool->slots);
	kvfree(pool->space.runs);
	pool->space.runs = NULL;
}
