// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: lending
 *
 * Blocks that are in no extent can be lent to the system as memory that a driver
 * manages: no firmware map shows it, kexec_file_load() neither places an image there
 * nor tells the next kernel of it. So the next kernel finds the pool as if nothing
 * had been lent.
 *
 * What is lent is one run of whole memory blocks of the machine. A thread takes it
 * back, one memory block after the other, since that lasts as long as it takes to
 * move what is there: whoever needs it waits for the thread, holding nothing, and
 * may give up waiting. Memory that somebody pins can not be moved, but the kernel
 * tries for ever. So after a while those who wait are told, and can have something
 * from the other end, for which the thread is interrupted.
 *
 * To bring the memory online is left to user space, as it is for all memory that is
 * added to a running system, but it can only become movable.
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

/* How long the thread tries to empty one unit, when nobody waits longer. */
#define LEND_PATIENCE	(60 * HZ)
/* And before the other end is thought of. */
#define LEND_TURN	(2 * HZ)
/* How long unloading by force waits for what is lent. */
#define LEND_LAST_WAIT	(10 * HZ)

static unsigned long later(unsigned long a, unsigned long b)
{
	return time_after(a, b) ? a : b;
}

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

/* Whether something is to be taken back from an end of what is lent. */
static bool wanted(const struct pmpool_lending *lend, enum pmpool_end end)
{
	return end == PMPOOL_FRONT ? lend->first < lend->keep_first : lend->keep_end < lend->end;
}

/* When the thread is to be looked after in what it does now. */
static void set_alarm(struct pmpool_lending *lend)
{
	unsigned long alarm = lend->ends[lend->turn].deadline;

	if (!lend->slow || !wanted(lend, lend->turn) || wanted(lend, !lend->turn))
		alarm = lend->began + LEND_TURN;
	lend->alarm = alarm;
	mod_delayed_work(system_wq, &lend->ring,
			 time_after(alarm, jiffies) ? alarm - jiffies : 0);
}

static void set_keep(struct pmpool *pool, u64 first, u64 end)
{
	struct pmpool_lending *lend = &pool->lend;

	lockdep_assert_held_write(&pool->lock);

	lend->keep_first = clamp(first, lend->first, lend->end);
	lend->keep_end = clamp(end, lend->keep_first, lend->end);
	WRITE_ONCE(lend->emptying, lent_blocks(pool) - (lend->keep_end - lend->keep_first));
}

/* Whoever waits looks again. The pool's lock is held: the count is not atomic. */
static void tell_waiters(struct pmpool_lending *lend)
{
	WRITE_ONCE(lend->progress, lend->progress + 1);
	wake_up_all(&lend->waiters);
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

static void avoid_end(struct pmpool_lending *lend, enum pmpool_end end)
{
	lend->ends[end].avoid = true;
	lend->ends[end].failed_at = jiffies;
}

static void lend_ring(struct work_struct *work)
{
	struct pmpool_lending *lend = container_of(to_delayed_work(work), struct pmpool_lending,
						   ring);
	struct pmpool *pool = container_of(lend, struct pmpool, lend);

	guard(rwsem_write)(&pool->lock);

	/* It came too late; or it was put off, and there is another one to come. */
	if (!lend->busy || time_before(jiffies, lend->alarm))
		return;
	if (!lend->slow) {
		lend->slow = true;
		avoid_end(lend, lend->turn);
		tell_waiters(lend);
	}
	if (wanted(lend, lend->turn) && !wanted(lend, !lend->turn) &&
	    time_before(jiffies, lend->ends[lend->turn].deadline))
		set_alarm(lend);
	else
		send_sig(SIGKILL, lend->thread, 1);
}

/* What is lent from now on. */
static void set_lent(struct pmpool *pool, u64 first, u64 end, bool keep)
{
	struct pmpool_lending *lend = &pool->lend;

	lockdep_assert_held(&pool->admin);

	scoped_guard(rwsem_write, &pool->lock) {
		lend->first = first;
		lend->end = end;
		if (keep)
			set_keep(pool, first, end);
		else
			set_keep(pool, lend->keep_first, lend->keep_end);
		pmpool_space_set_lent(&pool->space, first, end);
		tell_waiters(lend);
	}
}

/* What is lent is used by the system, and nothing of it may point to what is gone. */
static void begin_lending(struct pmpool *pool)
{
	__module_get(THIS_MODULE);
}

static void end_lending(struct pmpool *pool)
{
	module_put(THIS_MODULE);
}

static void release_rest(struct pmpool_lending *lend)
{
	enum pmpool_end end;

	for (end = 0; end < PMPOOL_ENDS; end++)
		if (lend->rest[end].parent)
			release_resource(&lend->rest[end]);
}

/*
 * The kernel adds memory to a range, and removes it, only while no claim around it
 * is busy. Others have no business in the region, so what is not lent, below and
 * above, gets a busy claim of its own for as long as that lasts, which can be minutes.
 */
static int uncover(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	struct resource *res = pool->region.res;
	enum pmpool_end end;
	int ret;

	lockdep_assert_held(&lend->mutex);

	for (end = 0; end < PMPOOL_ENDS; end++)
		lend->rest[end] = (struct resource){
			.start = res->start,
			.end = res->end,
			.name = lend->rest_name,
			.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
		};
	/* There are blocks below, for the metadata. */
	lend->rest[PMPOOL_FRONT].end = unit_address(pool, lend->first) - 1;
	lend->rest[PMPOOL_BACK].start = unit_address(pool, lend->end);
	for (end = 0; end < PMPOOL_ENDS; end++) {
		if (lend->rest[end].start > lend->rest[end].end)
			continue;
		ret = request_resource(res, &lend->rest[end]);
		if (ret) {
			release_rest(lend);
			return ret;
		}
	}
	WRITE_ONCE(res->flags, res->flags & ~IORESOURCE_BUSY);
	return 0;
}

static void cover(struct pmpool *pool)
{
	struct resource *res = pool->region.res;

	lockdep_assert_held(&pool->lend.mutex);

	WRITE_ONCE(res->flags, res->flags | IORESOURCE_BUSY);
	release_rest(&pool->lend);
}

/* Of lent memory. Return: where the first broken page is, or 0. */
static phys_addr_t find_broken(phys_addr_t start, u64 size)
{
	unsigned long pfn;

	for (pfn = PHYS_PFN(start); pfn < PHYS_PFN(start + size); pfn++) {
		struct page *page = pfn_to_online_page(pfn);

		if (page && PageHWPoison(page))
			return PFN_PHYS(pfn);
		if (!(pfn % PAGES_PER_SECTION))
			cond_resched();
	}
	return 0;
}

static int empty_unit(struct pmpool *pool, u64 unit)
{
	phys_addr_t start = unit_address(pool, unit), broken;
	int ret;

	/* The kernel gives memory back that is broken, and forgets that it is. */
	broken = find_broken(start, unit_size(pool));
	if (broken) {
		dev_warn_ratelimited(pool->dev, "memory at %pa is broken: %llu MiB that it is in stay lent\n",
				     &broken, unit_size(pool) / SZ_1M);
		return -EHWPOISON;
	}

	ret = uncover(pool);
	if (ret)
		return ret;
	ret = offline_and_remove_memory(start, unit_size(pool));
	cover(pool);
	return ret;
}

/* What is wanted at this end stays lent, until somebody wants it again. */
static void withdraw(struct pmpool *pool, enum pmpool_end end)
{
	struct pmpool_lending *lend = &pool->lend;

	if (end == PMPOOL_FRONT)
		set_keep(pool, lend->first, lend->keep_end);
	else
		set_keep(pool, lend->keep_first, lend->end);
	tell_waiters(lend);
}

static void give_up(struct pmpool *pool, enum pmpool_end end, int error)
{
	struct pmpool_lending *lend = &pool->lend;

	avoid_end(lend, end);
	withdraw(pool, end);
	/* When it took too long, whoever waited knows by the time. */
	if (error != -EINTR)
		WRITE_ONCE(lend->ends[end].failures, lend->ends[end].failures + 1);
}

/* What comes after a unit that was emptied, or could not be. Return: what to tell. */
static int unit_done(struct pmpool *pool, enum pmpool_end turn, int error)
{
	struct pmpool_lending *lend = &pool->lend;
	unsigned long *deadline = &lend->ends[turn].deadline;

	guard(rwsem_write)(&pool->lock);

	lend->busy = false;
	if (!error) {
		lend->ends[turn].avoid = false;
		*deadline = later(*deadline, jiffies + LEND_PATIENCE);
		return 0;
	}
	/* Nobody waits for it any more, or it was interrupted for the other end. */
	if (!wanted(lend, turn))
		return 0;
	if (error == -EINTR && time_before(jiffies, *deadline)) {
		lend->turn = !turn;
		return 0;
	}
	give_up(pool, turn, error);
	return error;
}

/* Take one unit back, from an end of what is lent at which it is wanted. */
static int take_unit_back(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	u64 unit, first, end;
	enum pmpool_end turn;
	int ret;

	guard(mutex)(&lend->mutex);

	/* If the alarm rang too late for the last unit. */
	flush_signals(current);
	scoped_guard(rwsem_write, &pool->lock) {
		if (!emptying_blocks(pool))
			return 0;
		if (!wanted(lend, lend->turn))
			lend->turn = !lend->turn;
		turn = lend->turn;
		first = lend->first;
		end = lend->end;
		if (turn == PMPOOL_FRONT) {
			unit = first;
			first += lend->unit;
		} else {
			end -= lend->unit;
			unit = end;
		}
		lend->busy = true;
		lend->began = jiffies;
		lend->slow = false;
		set_alarm(lend);
	}

	ret = empty_unit(pool, unit);
	cancel_delayed_work(&lend->ring);

	scoped_guard(mutex, &pool->admin) {
		if (!ret)
			set_lent(pool, first, end, false);
		ret = unit_done(pool, turn, ret);
	}
	if (lend->first == lend->end)
		end_lending(pool);
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
			dev_info_ratelimited(pool->dev, "lent memory can not be emptied now: error %d: it stays lent\n",
					     ret);
	}
	return 0;
}

/* Ends of what is lent at which a call had better not want anything: PMPOOL_AT(). */
static unsigned int ends_to_avoid(const struct pmpool *pool, const struct pmpool_lend_wait *wait)
{
	const struct pmpool_lending *lend = &pool->lend;
	unsigned int failed = 0, recent = 0;
	enum pmpool_end end;

	for (end = 0; end < PMPOOL_ENDS; end++) {
		if (lend->ends[end].failures != wait->failures[end])
			failed |= PMPOOL_AT(end);
		if (lend->ends[end].avoid &&
		    time_before(jiffies, lend->ends[end].failed_at + LEND_PATIENCE))
			recent |= PMPOOL_AT(end);
	}
	recent |= failed;
	return recent == (PMPOOL_AT(PMPOOL_FRONT) | PMPOOL_AT(PMPOOL_BACK)) ? failed : recent;
}

/**
 * pmpool_lend_room - whether an extent finds its place among what is lent
 * @pool: its admin mutex is held; pmpool_space_find() found no place
 * @wait: of the call
 * @blocks: how many the extent needs
 * @align: in blocks
 * @first: out: of what may stay lent
 * @end: out: behind that
 *
 * Return: -EAGAIN when it does, or else -ENOSPC.
 */
int pmpool_lend_room(struct pmpool *pool, const struct pmpool_lend_wait *wait, u64 blocks,
		     u64 align, u64 *first, u64 *end)
{
	lockdep_assert_held(&pool->admin);

	return pmpool_space_find_lent(&pool->space, blocks, align, base_block(pool),
				      ends_to_avoid(pool, wait), first, end) ?: -EAGAIN;
}

/**
 * pmpool_lend_demand - take memory back
 * @pool: its admin mutex is held
 * @wait: of the call, in which it is noted how far the thread is
 * @first: of what may stay lent
 * @end: behind that
 *
 * Return: -EAGAIN: what was demanded is there when pmpool_lend_wait() has
 * succeeded, unless somebody else took it. -ENOSPC when it could not be emptied
 * since the call began.
 */
int pmpool_lend_demand(struct pmpool *pool, struct pmpool_lend_wait *wait, u64 first, u64 end)
{
	struct pmpool_lending *lend = &pool->lend;
	unsigned int at = 0, had = 0;
	enum pmpool_end i;

	lockdep_assert_held(&pool->admin);

	/* Whole units stay. */
	first = clamp(first, lend->first, lend->end);
	end = clamp(end, lend->first, lend->end);
	first = round_up(base_block(pool) + first, lend->unit) - base_block(pool);
	end = round_down(base_block(pool) + end, lend->unit) - base_block(pool);
	if (first > lend->first)
		at |= PMPOOL_AT(PMPOOL_FRONT);
	if (end < lend->end)
		at |= PMPOOL_AT(PMPOOL_BACK);

	guard(rwsem_write)(&pool->lock);

	wait->progress = lend->progress;
	for (i = 0; i < PMPOOL_ENDS; i++) {
		if (at & PMPOOL_AT(i) && lend->ends[i].failures != wait->failures[i])
			return -ENOSPC;
		if (wanted(lend, i))
			had |= PMPOOL_AT(i);
	}
	/* Who waits then does so in vain, but not for long. */
	if (lend->stopped)
		return -EAGAIN;

	set_keep(pool, clamp(first, lend->keep_first, lend->keep_end),
		 clamp(end, lend->keep_first, lend->keep_end));
	for (i = 0; i < PMPOOL_ENDS; i++) {
		unsigned long until = jiffies + wait->left;

		if (!(at & PMPOOL_AT(i)))
			continue;
		/* To want the same once more does not make it last longer. */
		if (had & PMPOOL_AT(i))
			lend->ends[i].deadline = later(lend->ends[i].deadline, until);
		else
			lend->ends[i].deadline = later(jiffies + LEND_PATIENCE, until);
	}
	if (lend->busy)
		set_alarm(lend);
	wake_up(&lend->work);
	return -EAGAIN;
}

/**
 * pmpool_lend_look - remember what could not be emptied up to now
 * @pool: whose memory may be demanded
 * @wait: of a call that begins
 */
void pmpool_lend_look(struct pmpool *pool, struct pmpool_lend_wait *wait)
{
	enum pmpool_end i;

	for (i = 0; i < PMPOOL_ENDS; i++)
		wait->failures[i] = READ_ONCE(pool->lend.ends[i].failures);
}

/**
 * pmpool_lend_wait - wait until some of what was demanded is there, or can not be
 * @pool: none of its locks is held
 * @wait: of pmpool_lend_demand(); its time left is adjusted
 *
 * Return: 0 when there is some more, or is to be demanded in another way; -EAGAIN
 * when the time is up; -EINTR.
 */
int pmpool_lend_wait(struct pmpool *pool, struct pmpool_lend_wait *wait)
{
	struct pmpool_lending *lend = &pool->lend;
	unsigned long start = jiffies;
	long left;

	left = wait_event_killable_timeout(lend->waiters,
					   READ_ONCE(lend->progress) != wait->progress,
					   wait->left);
	wait->left -= min_t(long, wait->left, jiffies - start);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -EAGAIN;
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
	if (!ret && (READ_ONCE(lend->stopped) || emptying_blocks(pool)))
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
	set_lent(pool, min(first, unit), max(end, unit + lend->unit), true);
	mutex_unlock(&pool->admin);

	phys = unit_address(pool, unit);
	nid = phys_to_target_node(phys);
	if (nid == NUMA_NO_NODE)
		nid = memory_add_physaddr_to_nid(phys);
	ret = uncover(pool);
	if (!ret) {
		ret = add_memory_driver_managed(nid, phys, unit_size(pool), lend->name,
						MHP_MERGE_RESOURCE);
		cover(pool);
	}
	if (!ret)
		return 0;

	dev_warn(pool->dev, "memory at %pa can not be lent: error %d\n", &phys, ret);
	scoped_guard(mutex, &pool->admin)
		set_lent(pool, first, end, false);
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
	if (!lend->rest_name)
		lend->rest_name = kasprintf(GFP_KERNEL, "%s, not lent", pool->region.name);
	if (!lend->name || !lend->rest_name)
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

/* Take back what is more than @blocks, at either end. */
static int demand_less(struct pmpool *pool, u64 blocks, struct pmpool_lend_wait *wait)
{
	struct pmpool_lending *lend = &pool->lend;
	unsigned int avoid = ends_to_avoid(pool, wait);
	enum pmpool_end end = PMPOOL_FRONT;

	/* Some may be wanted already. Free blocks below and what becomes free are one piece. */
	if (wanted(lend, PMPOOL_BACK) && !wanted(lend, PMPOOL_FRONT))
		end = PMPOOL_BACK;
	if (avoid == PMPOOL_AT(end)) {
		scoped_guard(rwsem_write, &pool->lock)
			withdraw(pool, end);
		end = !end;
	}
	blocks = min(blocks, lend->keep_end - lend->keep_first);
	return end == PMPOOL_FRONT ?
	       pmpool_lend_demand(pool, wait, lend->keep_end - blocks, lend->keep_end) :
	       pmpool_lend_demand(pool, wait, lend->keep_first, lend->keep_first + blocks);
}

static int lend_less(struct pmpool *pool, u64 blocks, struct pmpool_lend_wait *wait)
{
	int ret;

	do {
		if (mutex_lock_killable(&pool->admin))
			return -EINTR;
		ret = lent_blocks(pool) > blocks ? demand_less(pool, blocks, wait) : 0;
		mutex_unlock(&pool->admin);
		if (ret == -EAGAIN)
			ret = pmpool_lend_wait(pool, wait);
		else
			break;
	} while (!ret);
	return ret == -ENOSPC ? -EBUSY : ret;
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
		return 0;
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
	INIT_DELAYED_WORK(&lend->ring, lend_ring);
	lend->unit = memory_block_size_bytes() >> PMPOOL_FORMAT_BLOCK_SHIFT;
}

/* What the thread has not begun by now it shall not begin any more. */
static void stop_taking_back(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;

	scoped_guard(rwsem_write, &pool->lock) {
		WRITE_ONCE(lend->stopped, true);
		set_keep(pool, lend->first, lend->end);
	}
	send_sig(SIGKILL, lend->thread, 1);
}

/* What broke while it was lent would be used by the next kernel, which does not know. */
static void keep_broken(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;
	phys_addr_t end = unit_address(pool, lend->end), broken;
	u64 block;

	for (block = lend->first; block < lend->end; block++) {
		broken = find_broken(unit_address(pool, block), end - unit_address(pool, block));
		if (!broken)
			break;
		block = (broken - pool->region.base) >> PMPOOL_FORMAT_BLOCK_SHIFT;
		pmpool_extent_keep_broken(pool, block);
	}
}

/**
 * pmpool_lend_stop - leave what is lent alone, for this kernel ends
 * @pool: attached
 *
 * Devices are shut down next, memory blocks among them: that waits for the thread.
 */
void pmpool_lend_stop(struct pmpool *pool)
{
	struct pmpool_lending *lend = &pool->lend;

	if (!lend->thread)
		return;
	stop_taking_back(pool);
	/* When it is done with what it had begun. */
	guard(mutex)(&lend->mutex);

	keep_broken(pool);
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
		pmpool_lend_look(pool, &wait);
		lend_less(pool, 0, &wait);
		stop_taking_back(pool);
		/* It is nobody's who could be looked after any more. */
		cancel_delayed_work_sync(&lend->ring);
		kthread_stop(lend->thread);
		unregister_memory_notifier(&lend->online);
	}

	if (lend->first < lend->end) {
		dev_err(pool->dev, "%llu MiB of %pR stay lent: the region can not be used before the next boot\n",
			lent_blocks(pool) * PMPOOL_FORMAT_BLOCK_SIZE / SZ_1M, pool->region.res);
		return false;
	}
	kfree(lend->rest_name);
	kfree(lend->name);
	return true;
}
