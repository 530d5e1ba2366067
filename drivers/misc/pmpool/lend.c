// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: lending
 *
 * Blocks that are in no extent can be lent to the system as memory that a driver
 * manages: no firmware map shows it, kexec neither places an image there nor tells
 * the next kernel of it. So the next kernel finds the pool as if nothing had been
 * lent.
 *
 * What is lent is one run of whole memory blocks of the machine. A thread takes it
 * back, one memory block after the other, since that lasts as long as it takes to
 * move what is there: whoever needs it waits for the thread, holding nothing, and
 * may give up waiting. To bring the memory online is left to user space, as it is
 * for all memory that is added to a running system, but it can only become
 * movable.
 *
 * Memory is added one memory block at a time, too: a larger piece would be mapped
 * by larger pages, which can not be taken apart again.
 */
#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/ioport.h>
#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

/* The thread stops trying when nobody has waited for so long. */
#define LEND_PATIENCE	(60 * HZ)
/* How long unloading by force waits for what is lent. */
#define LEND_LAST_WAIT	(10 * HZ)

static u64 base_block(const struct pmpool *pool)
{
	return pool->region.base >> PMPOOL_FORMAT_BLOCK_SHIFT;
}

static u64 unit_size(const struct pmpool *pool)
{
	return pool->lend.unit << PMPOOL_FORMAT_BLOCK_SHIFT;
}

static phys_addr_t unit_address(const struct pmpool *pool, u64 block)
{
	return pool->region.base + (block << PMPOOL_FORMAT_BLOCK_SHIFT);
}

static u64 lent_blocks(const struct pmpool *pool)
{
	return pool->lend.end - pool->lend.first;
}

/* Readable without a lock, for it is what the thread waits for. */
static u64 emptying_blocks(const struct pmpool *pool)
{
	return READ_ONCE(pool->lend.emptying);
}

static void set_keep(struct pmpool *pool, u64 first, u64 end)
{
	struct pmpool_lending *lend = &pool->lend;

	lockdep_assert_held_write(&pool->lock);

	lend->keep_first = clamp(first, lend->first, lend->end);
	lend->keep_end = clamp(end, lend->keep_first, lend->end);
	WRITE_ONCE(lend->emptying, lent_blocks(pool) - (lend->keep_end - lend->keep_first));
}

/**
 * pmpool_lent - how much of a pool is lent
 * @pool: its lock is held
 * @emptying: out: how much of that is being taken back, in bytes; or NULL
 *
 * Return: how many bytes.
 */
u64 pmpool_lent(struct pmpool *pool, u64 *emptying)
{
	lockdep_assert_held(&pool->lock);

	if (emptying)
		*emptying = emptying_blocks(pool) << PMPOOL_FORMAT_BLOCK_SHIFT;
	return lent_blocks(pool) << PMPOOL_FORMAT_BLOCK_SHIFT;
}

/* What is lent from now on. Whoever waits for some of it looks again. */
static void set_lent(struct pmpool *pool, u64 first, u64 end)
{
	struct pmpool_lending *lend = &pool->lend;

	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock) {
		lend->first = first;
		lend->end = end;
		set_keep(pool, lend->keep_first, lend->keep_end);
		pmpool_space_set_lent(&pool->space, first, end);
	}
	WRITE_ONCE(lend->progress, lend->progress + 1);
	wake_up_all(&lend->waiters);
}

/*
 * A range of the region can be given to the system only while the claim of the
 * whole is not marked busy. What is lent is, as a child of it.
 */
static void begin_lending(struct pmpool *pool)
{
	__module_get(THIS_MODULE);
	pool->region.res->flags &= ~IORESOURCE_BUSY;
}

static void end_lending(struct pmpool *pool)
{
	pool->region.res->flags |= IORESOURCE_BUSY;
	module_put(THIS_MODULE);
}

/* Take one unit back, from the end of what is lent at which it is wanted. */
static int take_unit_back(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	u64 unit, first, end;
	int ret;

	guard(mutex)(&lend->mutex);

	scoped_guard(rwsem_read, &pool->lock) {
		if (!emptying_blocks(pool))
			return 0;
		first = lend->first;
		end = lend->end;
		if (first < lend->keep_first) {
			unit = first;
			first += lend->unit;
		} else {
			end -= lend->unit;
			unit = end;
		}
	}

	ret = offline_and_remove_memory(unit_address(pool, unit), unit_size(pool));
	scoped_guard(mutex, &pool->admin) {
		if (!ret)
			set_lent(pool, first, end);
		else
			/* It stays lent, until somebody needs it again. */
			scoped_guard(rwsem_write, &pool->lock)
				set_keep(pool, lend->first, lend->end);
	}
	if (ret) {
		WRITE_ONCE(lend->failures, lend->failures + 1);
		wake_up_all(&lend->waiters);
	} else if (lend->first == lend->end) {
		end_lending(pool);
	}
	return ret;
}

static int lend_thread(void *data)
{
	struct pmpool *pool = data;
	struct pmpool_lending *lend = &pool->lend;
	int ret;

	/* The only thing that ends offlining before it is done. */
	allow_signal(SIGKILL);
	while (!kthread_should_stop()) {
		wait_event_interruptible(lend->work,
					 kthread_should_stop() || emptying_blocks(pool));
		if (kthread_should_stop())
			break;
		ret = take_unit_back(pool);
		if (ret)
			dev_info(pool->dev, "lent memory can not be emptied now: error %d\n", ret);
		if (signal_pending(current))
			flush_signals(current);
	}
	return 0;
}

static void lend_out_of_patience(struct work_struct *work)
{
	struct pmpool_lending *lend = container_of(to_delayed_work(work), struct pmpool_lending,
						   patience);

	send_sig(SIGKILL, lend->thread, 1);
}

/* Have the thread take back all that is lent but what lies from @first to @end. */
static void demand(struct pmpool *pool, u64 first, u64 end)
{
	struct pmpool_lending *lend = &pool->lend;

	lockdep_assert_held(&pool->admin);

	/* Whole units stay. */
	first = clamp(first, lend->first, lend->end);
	end = clamp(end, lend->first, lend->end);
	first = round_up(base_block(pool) + first, lend->unit) - base_block(pool);
	end = round_down(base_block(pool) + end, lend->unit) - base_block(pool);
	scoped_guard(rwsem_write, &pool->lock)
		set_keep(pool, clamp(first, lend->keep_first, lend->keep_end),
			 clamp(end, lend->keep_first, lend->keep_end));
	mod_delayed_work(system_wq, &lend->patience, LEND_PATIENCE);
	wake_up(&lend->work);
}

/**
 * pmpool_lend_room - whether an extent finds its place among what is lent
 * @pool: its admin mutex is held; pmpool_space_find() found no place
 * @blocks: how many the extent needs
 * @align: in blocks
 * @first: out: of what may stay lent
 * @end: out: behind that
 *
 * Return: -EAGAIN when it does, or else -ENOSPC.
 */
int pmpool_lend_room(struct pmpool *pool, u64 blocks, u64 align, u64 *first, u64 *end)
{
	lockdep_assert_held(&pool->admin);

	return pmpool_space_find_lent(&pool->space, blocks, align, base_block(pool), first, end) ?:
	       -EAGAIN;
}

/**
 * pmpool_lend_demand - take memory back
 * @pool: its admin mutex is held
 * @first: of what may stay lent
 * @end: behind that
 *
 * Return: -EAGAIN. What was demanded is there when pmpool_lend_wait() has
 * succeeded, unless somebody else took it.
 */
int pmpool_lend_demand(struct pmpool *pool, u64 first, u64 end)
{
	demand(pool, first, end);
	return -EAGAIN;
}

/**
 * pmpool_lend_look - remember how far the thread is
 * @pool: to demand something of
 * @wait: to fill, before the demand
 */
void pmpool_lend_look(struct pmpool *pool, struct pmpool_lend_wait *wait)
{
	wait->progress = READ_ONCE(pool->lend.progress);
	wait->failures = READ_ONCE(pool->lend.failures);
}

/**
 * pmpool_lend_wait - wait until some of what was demanded is there
 * @pool: none of its locks is held
 * @wait: of pmpool_lend_look(); its time left is adjusted
 *
 * Return: 0 when there is some more, -EAGAIN when the time is up, -EBUSY when the
 * thread has given up, -EINTR.
 */
int pmpool_lend_wait(struct pmpool *pool, struct pmpool_lend_wait *wait)
{
	struct pmpool_lending *lend = &pool->lend;
	long left;

	left = wait_event_killable_timeout(lend->waiters,
					   READ_ONCE(lend->progress) != wait->progress ||
					   READ_ONCE(lend->failures) != wait->failures,
					   wait->left);
	if (left < 0)
		return -EINTR;
	wait->left = left;
	if (READ_ONCE(lend->progress) != wait->progress)
		return 0;
	return READ_ONCE(lend->failures) != wait->failures ? -EBUSY : -EAGAIN;
}

/* Make one unit more lent, or say why there is none. */
static int lend_unit(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	u64 unit, first, end;
	phys_addr_t phys;
	int nid, ret;

	lockdep_assert_held(&lend->mutex);

	if (mutex_lock_killable(&pool->admin))
		return -EINTR;
	ret = pmpool_writable(pool);
	if (!ret && emptying_blocks(pool))
		ret = -EAGAIN;
	if (!ret)
		ret = pmpool_space_find_to_lend(&pool->space, lend->unit, base_block(pool), &unit);
	if (ret) {
		mutex_unlock(&pool->admin);
		return ret;
	}
	first = lend->first;
	end = lend->end;
	if (first == end) {
		begin_lending(pool);
		first = unit;
		end = unit;
	}
	/* It is in no extent from here on; it is the system's when it was added. */
	set_lent(pool, min(first, unit), max(end, unit + lend->unit));
	scoped_guard(rwsem_write, &pool->lock)
		set_keep(pool, lend->first, lend->end);
	mutex_unlock(&pool->admin);

	phys = unit_address(pool, unit);
	nid = phys_to_target_node(phys);
	if (nid == NUMA_NO_NODE)
		nid = memory_add_physaddr_to_nid(phys);
	ret = add_memory_driver_managed(nid, phys, unit_size(pool), lend->name, MHP_MERGE_RESOURCE);
	if (!ret)
		return 0;

	dev_warn(pool->dev, "memory at %pa can not be lent: error %d\n", &phys, ret);
	scoped_guard(mutex, &pool->admin)
		set_lent(pool, first, end);
	if (first == end)
		end_lending(pool);
	return ret;
}

/*
 * Only memory from which everything can be moved away can be taken back. To what
 * else it would be brought online, by whatever policy, is refused; it is offline
 * then, and can still become movable.
 */
static int lend_online(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pmpool *pool = container_of(nb, struct pmpool, lend.online);
	const struct memory_notify *arg = data;
	phys_addr_t phys = PFN_PHYS(arg->start_pfn);

	if (action != MEM_GOING_ONLINE || phys < pool->region.base ||
	    phys - pool->region.base >= pool->region.size)
		return NOTIFY_DONE;
	return page_zonenum(pfn_to_page(arg->start_pfn)) == ZONE_MOVABLE ? NOTIFY_OK : NOTIFY_BAD;
}

/* What the first lending needs, and all later ones as well. */
static int lend_prepare(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	struct task_struct *thread;
	int ret;

	lockdep_assert_held(&lend->mutex);

	if (!lend->name)
		lend->name = kstrdup("System RAM (pmpool)", GFP_KERNEL);
	if (!lend->name)
		return -ENOMEM;
	if (lend->thread)
		return 0;
	lend->online.notifier_call = lend_online;
	ret = register_memory_notifier(&lend->online);
	if (ret)
		return ret;
	thread = kthread_run(lend_thread, pool, "pmpool-lend");
	if (IS_ERR(thread)) {
		unregister_memory_notifier(&lend->online);
		return PTR_ERR(thread);
	}
	lend->thread = thread;
	return 0;
}

static int lend_more(struct pmpool *pool, u64 blocks)
{
	struct pmpool_lending *lend = &pool->lend;
	bool some = false;
	int ret;

	if (mutex_lock_killable(&lend->mutex))
		return -EINTR;
	ret = lend_prepare(pool);
	while (!ret && lent_blocks(pool) < blocks) {
		ret = fatal_signal_pending(current) ? -EINTR : lend_unit(pool);
		some |= !ret;
	}
	mutex_unlock(&lend->mutex);
	/* As much as there is, or as could be. Without an error something is. */
	return some ? 0 : ret;
}

static int lend_less(struct pmpool *pool, u64 blocks, struct pmpool_lend_wait *wait)
{
	struct pmpool_lending *lend = &pool->lend;
	int ret;

	do {
		pmpool_lend_look(pool, wait);
		scoped_guard(mutex, &pool->admin) {
			if (lent_blocks(pool) <= blocks)
				return 0;
			/* Free blocks below and what becomes free are one piece then. */
			demand(pool, lend->end - blocks, lend->end);
		}
		ret = pmpool_lend_wait(pool, wait);
	} while (!ret);
	return ret;
}

static void lend_describe(struct pmpool *pool, struct pmpool_lend *arg)
{
	guard(rwsem_read)(&pool->lock);

	arg->lent = pmpool_lent(pool, NULL);
	arg->offset = lent_blocks(pool) ? pool->lend.first << PMPOOL_FORMAT_BLOCK_SHIFT : 0;
	arg->unit = unit_size(pool);
	arg->lendable = pmpool_space_lendable(&pool->space, pool->lend.unit, base_block(pool)) <<
			PMPOOL_FORMAT_BLOCK_SHIFT;
}

/**
 * pmpool_do_lend - ioctl(PMPOOL_LEND)
 * @call: under way
 *
 * Return: 0 or an error of the command.
 */
int pmpool_do_lend(struct pmpool_call *call)
{
	struct pmpool_lend *arg = &call->arg.lend;
	struct pmpool *pool = call->pool;
	u64 blocks, lent;
	int ret;

	/* Or the system has what is free anyway. */
	if (!pool->region.ops->lends)
		return -EOPNOTSUPP;
	if (arg->__reserved)
		return -EINVAL;
	if (!(arg->flags & PMPOOL_LEND_SET)) {
		lend_describe(pool, arg);
		return pmpool_call_tell(call);
	}
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	blocks = round_down(arg->lent >> PMPOOL_FORMAT_BLOCK_SHIFT, pool->lend.unit);
	scoped_guard(rwsem_read, &pool->lock) {
		ret = pmpool_writable(pool);
		lent = lent_blocks(pool);
		/* The thread may be at it for long, and holds what is needed. */
		if (!ret && blocks > lent && emptying_blocks(pool))
			ret = -EAGAIN;
	}
	if (ret)
		return ret;
	return blocks > lent ? lend_more(pool, blocks) : lend_less(pool, blocks, &call->wait);
}

/**
 * pmpool_lend_init - a pool of which nothing is lent
 * @pool: with its region found
 */
void pmpool_lend_init(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;

	mutex_init(&lend->mutex);
	init_waitqueue_head(&lend->work);
	init_waitqueue_head(&lend->waiters);
	INIT_DELAYED_WORK(&lend->patience, lend_out_of_patience);
	lend->unit = memory_block_size_bytes() >> PMPOOL_FORMAT_BLOCK_SHIFT;
}

/**
 * pmpool_lend_exit - end lending
 * @pool: that is detached
 *
 * Nothing is lent, for the module could not be unloaded then, unless it was by
 * force. In that case the thread takes back what can be had in some seconds.
 *
 * Return: whether the region is all the pool's. If not, its claim and the names in
 * the resource tree have to stay for good, for the system goes on using a part.
 */
bool pmpool_lend_exit(struct pmpool *pool)
{
	struct pmpool_lend_wait wait = { .left = LEND_LAST_WAIT };
	struct pmpool_lending *lend = &pool->lend;

	if (lend->thread) {
		lend_less(pool, 0, &wait);
		cancel_delayed_work_sync(&lend->patience);
		/* What it has not begun by now it shall not begin any more. */
		scoped_guard(rwsem_write, &pool->lock)
			set_keep(pool, lend->first, lend->end);
		send_sig(SIGKILL, lend->thread, 1);
		kthread_stop(lend->thread);
		unregister_memory_notifier(&lend->online);
	}

	if (lend->first < lend->end) {
		dev_err(pool->dev, "%llu MiB of %pR stay lent: the region can not be used before the next boot\n",
			lent_blocks(pool) * PMPOOL_FORMAT_BLOCK_SIZE / SZ_1M, pool->region.res);
		return false;
	}
	kfree(lend->name);
	return true;
}
