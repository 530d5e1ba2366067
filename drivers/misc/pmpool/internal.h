/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the driver share.
 */
#ifndef PMPOOL_INTERNAL_H
#define PMPOOL_INTERNAL_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/hashtable.h>
#include <linux/ioport.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <uapi/linux/pmpool.h>

#include "backing.h"
#include "format.h"
#include "hold.h"
#include "space.h"

#define PMPOOL_NAME_BITS	8

/**
 * DOC: locking
 *
 * From the outside in:
 *
 * - pool->lend.mutex: memory is given to the system, or taken back, by one at a
 *   time. Held for as long as that lasts, so by nobody who has to be quick.
 * - pool->admin, a mutex: one change of the set of extents at a time, since
 *   devices come and go with them.
 * - mmap_lock, of a process, and the lock of a VMA.
 * - ext->fault, a read-write semaphore: read by faults, which take no other lock
 *   of the pool while they hold it, so that faults on different extents do not
 *   meet. Written by sealing, which may last: all that waits for it is faults on
 *   that extent.
 * - pool->lock, a read-write semaphore: records, extents, mappings. Taken in
 *   mmap() and when a mapping goes away, so nothing may be done under it that
 *   takes mmap_lock, or that waits for readers of sysfs, who take it. Never held
 *   for long.
 * - ext->zero, a mutex: one block of an extent is zeroed at a time.
 * - pool->bitmap_lock, a mutex: words of the initialised bitmap.
 *
 * A caller's memory is touched with none of them held: it is the caller's to say how
 * long that takes, by way of userfaultfd or a file system of its own.
 */

/**
 * struct pmpool_lending - what of a pool is lent to the system
 * @mutex: see above
 * @unit: blocks that are lent at once, a memory block
 * @first: block of what is lent. This and @end are changed with the pool's admin mutex
 *	and its lock held, all that follows up to @stopped with its lock held
 * @end: behind that
 * @keep_first: block of what may stay lent; the thread takes back the rest
 * @keep_end: behind that
 * @emptying: how many blocks are to be taken back
 * @progress: counts what those who wait for memory want to know
 * @ends: what came of taking back at either end
 * @ends.failures: counts what could not be emptied
 * @ends.failed_at: when something was last given up, or took long, in jiffies
 * @ends.deadline: when what is being emptied is given up, in jiffies
 * @ends.avoid: that has happened, and nothing has been emptied since
 * @turn: the end at which the thread empties something
 * @busy: it does
 * @began: when it began with that, in jiffies
 * @alarm: when it is to be looked after, in jiffies
 * @slow: those who wait were told that this takes long
 * @stopped: nothing is taken back any more, for this kernel ends
 * @name: of lent memory in the resource tree; the tree points to it
 * @rest: claims in the resource tree, while memory is added or removed, on what is
 *	not lent, at either end
 * @rest_name: of these; the tree points to it
 * @thread: takes memory back; there is one since the first lending
 * @work: the thread waits for something to do
 * @waiters: for the thread to get on
 * @ring: looks after the thread
 * @online: called before memory is brought online
 */
struct pmpool_lending {
	struct mutex mutex;
	u64 unit;
	u64 first;
	u64 end;
	u64 keep_first;
	u64 keep_end;
	u64 emptying;
	unsigned int progress;
	struct {
		unsigned int failures;
		unsigned long failed_at;
		unsigned long deadline;
		bool avoid;
	} ends[PMPOOL_ENDS];
	enum pmpool_end turn;
	bool busy;
	unsigned long began;
	unsigned long alarm;
	bool slow;
	bool stopped;
	const char *name;
	struct resource rest[PMPOOL_ENDS];
	const char *rest_name;
	struct task_struct *thread;
	wait_queue_head_t work;
	wait_queue_head_t waiters;
	struct delayed_work ring;
	struct notifier_block online;
};

/**
 * struct pmpool_lend_wait - waiting for memory that is lent
 * @progress: of the pool's lending, when something was last demanded
 * @failures: of each end, when the call began
 * @left: time to wait, in jiffies
 */
struct pmpool_lend_wait {
	unsigned int progress;
	unsigned int failures[PMPOOL_ENDS];
	long left;
};

/**
 * struct pmpool_taking - blocks that one call needs, and the system has
 * @first: block of its place, reserved in the pool's space
 * @blocks: how many; 0 when none is reserved
 * @taken: they are the driver's
 * @pause: it has to wait before it tries again
 * @busy_count: of @busy
 * @busy_next: which of @busy is next
 * @busy: blocks that could not be emptied
 *
 * Belongs to the process that makes the call.
 */
struct pmpool_taking {
	u64 first;
	u64 blocks;
	bool taken;
	bool pause;
	u32 busy_count;
	u32 busy_next;
	u64 busy[32];
};

/**
 * struct pmpool - an attached pool
 * @dev: the platform device it is a driver of; parent of all others
 * @region: its memory and how it is kept
 * @mem: mapping of the whole region, write-back. It lives as long as the pool:
 *	on x86 it is also what makes user mappings cacheable
 * @format: the metadata; guarded by @lock except for the bitmap
 * @bitmap_lock: see above
 * @admin: see above
 * @lock: see above; guards what follows
 * @space: blocks in use
 * @slots: the extent of each record, or NULL
 * @used: slots whose record is not free, damaged ones included
 * @names: the same extents by name
 * @limits: by uid: what a user may have; changed with @admin held too
 * @extents: how many there are
 * @damaged: records that are no extent because they are damaged
 * @damaged_holds: records of users inside the kernel that are damaged, or share
 *	blocks with another
 * @state: one of enum pmpool_state
 * @was_clean: how the previous kernel left the pool
 * @previous_handover: when it did, in ns since the Unix epoch, or 0
 * @lend: what of it is lent
 * @held: room for what users inside the kernel have, of a backing where they come
 *	and go, or NULL; guarded by @admin
 * @misc: /dev/pmpool
 * @devt: first of two device numbers for each slot: an extent that is renamed
 *	has both for a moment
 * @cdev: has all of them
 * @reboot: called before the next kernel starts
 * @panic: called when this kernel breaks
 * @pm: called before hibernation
 */
struct pmpool {
	struct device *dev;
	struct pmpool_region region;
	void *mem;
	struct pmpool_format format;
	struct mutex bitmap_lock;

	struct mutex admin;
	struct rw_semaphore lock;
	struct pmpool_space space;
	struct pmpool_extent **slots;
	unsigned long *used;
	DECLARE_HASHTABLE(names, PMPOOL_NAME_BITS);
	struct xarray limits;
	u32 extents;
	u32 damaged;
	u32 damaged_holds;
	enum pmpool_state state;
	bool was_clean;
	u64 previous_handover;
	struct pmpool_lending lend;
	struct pmpool_run *held;

	struct miscdevice misc;
	dev_t devt;
	struct cdev cdev;
	struct notifier_block reboot;
	struct notifier_block panic;
	struct notifier_block pm;
};

#define PMPOOL_MINORS	(2 * PMPOOL_FORMAT_SLOTS)

/* One for each extent and each user inside the kernel, for what is lent, and some more. */
#define PMPOOL_RUNS	(PMPOOL_FORMAT_SLOTS + PMPOOL_HOLD_SLOTS + 1 + 63)

/**
 * struct pmpool_extent - an extent
 * @dev: of class pmpool, for /dev/pmpool-extents/NAME; its reference count is the
 *	extent's
 * @pool: it is in
 * @slot: of its record
 * @record: id, name, place, uuid and times never change; the rest is guarded by
 *	@pool->lock
 * @by_name: in @pool->names; guarded by @pool->lock
 * @live: it can be opened and mapped; guarded by @pool->lock
 * @was_clean: how the previous kernel left it; set before @live
 * @first_open: when somebody opened it first since the pool was attached, in ns
 *	since the Unix epoch, or 0; guarded by @pool->lock
 * @mappings: VMAs that map it; guarded by @pool->lock
 * @writable: those of them that are or can be made writable; guarded by
 *	@pool->lock
 * @sealed: no page of it is mapped writable, and its record says clean. Set with
 *	@fault and @pool->lock held for writing, taken away with @pool->lock held
 * @fault: see above
 * @zero: see above
 */
struct pmpool_extent {
	struct device dev;
	struct pmpool *pool;
	u32 slot;
	struct pmpool_record record;
	struct hlist_node by_name;
	bool live;
	bool was_clean;
	u64 first_open;
	unsigned int mappings;
	unsigned int writable;
	bool sealed;
	struct rw_semaphore fault;
	struct mutex zero;
};

/**
 * struct pmpool_grant - what a file may do with an extent
 * @id: of the extent
 * @flags: PMPOOL_OPEN_*
 * @writable: VMAs of the file that map it and are or can be made writable
 */
struct pmpool_grant {
	u64 id;
	u32 flags;
	u32 writable;
};

/**
 * struct pmpool_file - an open /dev/pmpool or /dev/pmpool-extents/NAME
 * @pool: it is of
 * @ext: whose device it is, or NULL; the file has a reference to it
 * @grants: by slot, so that there are no more than slots: the grant for the extent
 *	that has the slot, or for one that was removed, which grants nothing since
 *	ids are never used again. Guarded by @pool->lock
 */
struct pmpool_file {
	struct pmpool *pool;
	struct pmpool_extent *ext;
	struct xarray grants;
};

/**
 * struct pmpool_call - one ioctl under way
 * @pool: it is for
 * @file: it came through
 * @pf: that file's
 * @user: where the caller's struct is
 * @user_size: how long the caller's struct is
 * @op: what the table says of the command
 * @wait: for memory that is lent
 * @taking: memory that the system has
 * @tell: what is in @arg is for the caller even if the call fails
 * @arg: the struct, as this kernel knows it; what is beyond @user_size is zero
 */
struct pmpool_call {
	struct pmpool *pool;
	struct file *file;
	struct pmpool_file *pf;
	void __user *user;
	u32 user_size;
	const struct pmpool_op *op;
	struct pmpool_lend_wait wait;
	struct pmpool_taking taking;
	bool tell;
	union {
		u32 head[2];	/* every struct: size, flags */
		struct pmpool_info info;
		struct pmpool_create create;
		struct pmpool_open open;
		struct pmpool_remove remove;
		struct pmpool_next next;
		struct pmpool_rename rename;
		struct pmpool_resize resize;
		struct pmpool_set set;
		struct pmpool_seal seal;
		struct pmpool_limit limit;
		struct pmpool_repair repair;
		struct pmpool_lend lend;
	} arg;
};

static inline u64 pmpool_extent_offset(const struct pmpool_extent *ext)
{
	return ext->record.first_block << PMPOOL_FORMAT_BLOCK_SHIFT;
}

static inline kuid_t pmpool_extent_uid(const struct pmpool_extent *ext)
{
	return make_kuid(&init_user_ns, ext->record.uid);
}

static inline kgid_t pmpool_extent_gid(const struct pmpool_extent *ext)
{
	return make_kgid(&init_user_ns, ext->record.gid);
}

/* core.c */
int pmpool_writable(const struct pmpool *pool);

/* extent.c */
extern const struct class pmpool_class;
int pmpool_extents_load(struct pmpool *pool);
void pmpool_extents_publish(struct pmpool *pool);
void pmpool_extents_unpublish(struct pmpool *pool);
void pmpool_extents_unload(struct pmpool *pool);
bool pmpool_create_valid(const struct pmpool_create *arg);
struct pmpool_extent *pmpool_extent_prepare(struct pmpool *pool, const struct pmpool_create *arg,
					    struct pmpool_taking *taking,
					    struct pmpool_lend_wait *wait);
void pmpool_extent_abort(struct pmpool_extent *ext);
void pmpool_extent_commit(struct pmpool_extent *ext);
int pmpool_extent_remove(struct pmpool_extent *ext);
struct pmpool_extent *pmpool_extent_prepare_rename(struct pmpool_extent *old, const char *name);
int pmpool_extent_rename(struct pmpool_extent *old, struct pmpool_extent *ext);
struct pmpool_extent *pmpool_extent_lookup(struct pmpool *pool, u64 id, const char *name);
struct pmpool_extent *pmpool_extent_at(struct pmpool *pool, u64 offset);
struct pmpool_extent *pmpool_extent_of_device(struct pmpool *pool, dev_t devt);
struct pmpool_extent *pmpool_extent_of(const struct pmpool *pool, const struct pmpool_run *run);
void pmpool_extent_describe(const struct pmpool_extent *ext, struct pmpool_extent_info *info);
bool pmpool_extent_permits(const struct pmpool_extent *ext, u32 flags);
void pmpool_extent_opened(struct pmpool_extent *ext);
void pmpool_extent_keep_broken(struct pmpool *pool, u64 block);
int pmpool_extent_restore(struct pmpool *pool, u32 slot, const struct pmpool_record *rec);

/* change.c: ioctls that change an extent */
int pmpool_do_remove(struct pmpool_call *call);
int pmpool_do_rename(struct pmpool_call *call);
int pmpool_do_resize(struct pmpool_call *call);
int pmpool_do_set(struct pmpool_call *call);

/* ioctl.c */
extern const struct file_operations pmpool_fops;
extern const struct file_operations pmpool_extent_fops;
struct pmpool_grant *pmpool_file_grant(struct pmpool_file *pf, const struct pmpool_extent *ext);

/* lend.c */
#ifdef CONFIG_MEMORY_HOTREMOVE
u64 pmpool_lent(struct pmpool *pool, u64 *emptying);
int pmpool_lend_room(struct pmpool *pool, const struct pmpool_lend_wait *wait, u64 blocks,
		     u64 align, u64 *first, u64 *end);
int pmpool_lend_demand(struct pmpool *pool, struct pmpool_lend_wait *wait, u64 first, u64 end);
void pmpool_lend_look(struct pmpool *pool, struct pmpool_lend_wait *wait);
int pmpool_lend_wait(struct pmpool *pool, struct pmpool_lend_wait *wait);
int pmpool_do_lend(struct pmpool_call *call);
void pmpool_lend_init(struct pmpool *pool);
void pmpool_lend_stop(struct pmpool *pool);
bool pmpool_lend_exit(struct pmpool *pool);
#else
static inline u64 pmpool_lent(struct pmpool *pool, u64 *emptying)
{
	if (emptying)
		*emptying = 0;
	return 0;
}

static inline int pmpool_lend_room(struct pmpool *pool, const struct pmpool_lend_wait *wait,
				   u64 blocks, u64 align, u64 *first, u64 *end)
{
	return -ENOSPC;
}

static inline int pmpool_lend_demand(struct pmpool *pool, struct pmpool_lend_wait *wait,
				     u64 first, u64 end)
{
	return -ENOSPC;
}

static inline void pmpool_lend_look(struct pmpool *pool, struct pmpool_lend_wait *wait) { }

static inline int pmpool_lend_wait(struct pmpool *pool, struct pmpool_lend_wait *wait)
{
	return -EAGAIN;
}

static inline int pmpool_do_lend(struct pmpool_call *call)
{
	return -EOPNOTSUPP;
}

static inline void pmpool_lend_init(struct pmpool *pool) { }

static inline void pmpool_lend_stop(struct pmpool *pool) { }

static inline bool pmpool_lend_exit(struct pmpool *pool)
{
	return true;
}
#endif

/* limit.c */
int pmpool_limit_load(struct pmpool *pool, u32 slot, const struct pmpool_record *rec);
bool pmpool_limit_has(struct pmpool *pool, u32 slot);
void pmpool_limits_unload(struct pmpool *pool);
int pmpool_limit_check(struct pmpool *pool, u32 uid, u64 blocks, u64 extents);
int pmpool_do_limit(struct pmpool_call *call);

/* mmap.c */
void pmpool_map_prepare(struct vm_area_struct *vma);
int pmpool_map(struct pmpool_extent *ext, struct vm_area_struct *vma, u64 offset);
unsigned long pmpool_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
				   unsigned long pgoff, unsigned long flags);
int pmpool_do_seal(struct pmpool_call *call);

/* repair.c */
int pmpool_do_repair(struct pmpool_call *call);

/* take.c */
void pmpool_give_back(struct pmpool *pool, u64 first, u64 blocks);
int pmpool_take_find(struct pmpool *pool, struct pmpool_taking *taking, u64 blocks, u64 align,
		     u64 *first);
int pmpool_take_place(struct pmpool *pool, struct pmpool_taking *taking, u64 first, u64 blocks);
void pmpool_take_used(struct pmpool_taking *taking);
void pmpool_take_begin(struct pmpool *pool, struct pmpool_taking *taking);
void pmpool_take_end(struct pmpool *pool, struct pmpool_taking *taking);
void pmpool_take_cancel(struct pmpool *pool, struct pmpool_taking *taking);
int pmpool_take_wait(struct pmpool *pool, struct pmpool_taking *taking, long *left);
void pmpool_held_load(struct pmpool *pool);
void pmpool_held_refresh(struct pmpool *pool);
void pmpool_held_look(struct pmpool *pool);
void pmpool_held_name(struct pmpool *pool, u64 first, char name[PMPOOL_NAME_SIZE]);
bool pmpool_blocks_kept(struct pmpool *pool, u64 first, u64 blocks, u64 *lost, u64 *count);
void pmpool_settle_blocks(struct pmpool *pool);

/* sysfs.c */
extern const struct attribute_group *pmpool_groups[];
extern const struct attribute_group *pmpool_extent_groups[];

#endif /* PMPOOL_INTERNAL_H */
