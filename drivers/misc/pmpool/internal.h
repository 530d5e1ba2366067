/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the driver share.
 */
#ifndef PMPOOL_INTERNAL_H
#define PMPOOL_INTERNAL_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/hashtable.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pmpool.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "backing.h"
#include "format.h"
#include "space.h"

#define PMPOOL_NAME_BITS	8

/**
 * struct pmpool - an attached pool
 * @dev: the platform device it is a driver of; parent of all others
 * @region: its memory and how it is kept
 * @mem: mapping of the whole region, write-back. It lives as long as the pool:
 *	on x86 it is also what makes user mappings cacheable
 * @format: the metadata; guarded by @lock except for the bitmap
 * @bitmap_lock: guards the words of the initialised bitmap
 * @admin: serialises create, remove and detach, which register and unregister
 *	devices. Taken before mmap_lock and @lock
 * @lock: guards everything below, and the records. Taken inside mmap_lock,
 *	so nothing that touches user memory or waits for a sysfs reader
 *	(device_del() does) may be called with it held
 * @space: blocks in use
 * @slots: the extent of each record, or NULL
 * @used: slots whose record is not free, damaged ones included
 * @names: the same extents by name
 * @extents: how many there are
 * @damaged: records that are no extent because they are damaged
 * @state: one of enum pmpool_state
 * @was_clean: how the previous kernel left the pool
 * @previous_handover: when it did, in ns since the Unix epoch, or 0
 * @misc: /dev/pmpool
 * @devt: first of PMPOOL_FORMAT_SLOTS device numbers for the extents
 * @reboot: called before the next kernel starts
 * @pm: called before hibernation
 */
struct pmpool {
	struct device *dev;
	struct pmpool_region region;
	void *mem;
	struct pmpool_format format;
	spinlock_t bitmap_lock;

	struct mutex admin;
	struct rw_semaphore lock;
	struct pmpool_space space;
	struct pmpool_extent **slots;
	unsigned long *used;
	DECLARE_HASHTABLE(names, PMPOOL_NAME_BITS);
	u32 extents;
	u32 damaged;
	enum pmpool_state state;
	bool was_clean;
	u64 previous_handover;

	struct miscdevice misc;
	dev_t devt;
	struct notifier_block reboot;
	struct notifier_block pm;
};

/**
 * struct pmpool_extent - an extent
 * @dev: of class pmpool; its reference count is the extent's
 * @cdev: /dev/pmpool-extents/NAME
 * @pool: it is in
 * @slot: of its record
 * @record: all but the clean mark never changes; that is guarded by @pool->lock
 * @by_name: in @pool->names; guarded by @pool->lock
 * @live: it can be opened and mapped; guarded by @pool->lock
 * @mappings: VMAs that map it; guarded by @pool->lock
 * @writable: those of them that are or can be made writable; guarded by
 *	@pool->lock
 * @zero: held while a block is zeroed for its first owner; innermost but for
 *	@pool->bitmap_lock
 */
struct pmpool_extent {
	struct device dev;
	struct cdev cdev;
	struct pmpool *pool;
	u32 slot;
	struct pmpool_record record;
	struct hlist_node by_name;
	bool live;
	unsigned int mappings;
	unsigned int writable;
	struct mutex zero;
};

static inline u64 pmpool_extent_offset(const struct pmpool_extent *ext)
{
	return ext->record.first_block << PMPOOL_FORMAT_BLOCK_SHIFT;
}

/* core.c */
int pmpool_writable(const struct pmpool *pool);

/* extent.c */
extern const struct class pmpool_class;
int pmpool_extents_load(struct pmpool *pool);
void pmpool_extents_unload(struct pmpool *pool);
int pmpool_extent_check(const struct pmpool *pool, const struct pmpool_create *arg);
struct pmpool_extent *pmpool_extent_prepare(struct pmpool *pool, const struct pmpool_create *arg);
void pmpool_extent_abort(struct pmpool_extent *ext);
void pmpool_extent_commit(struct pmpool_extent *ext);
int pmpool_extent_remove(struct pmpool *pool, u64 id, const char *name);
struct pmpool_extent *pmpool_extent_lookup(struct pmpool *pool, u64 id, const char *name);
struct pmpool_extent *pmpool_extent_at(struct pmpool *pool, u64 offset);
void pmpool_extent_describe(const struct pmpool_extent *ext, struct pmpool_extent_info *info);

/* ioctl.c */
extern const struct file_operations pmpool_fops;
extern const struct file_operations pmpool_extent_fops;

/* mmap.c */
int pmpool_map(struct pmpool_extent *ext, struct vm_area_struct *vma, u64 offset);

/* sysfs.c */
extern const struct attribute_group *pmpool_groups[];
extern const struct attribute_group *pmpool_extent_groups[];

#endif /* PMPOOL_INTERNAL_H */
