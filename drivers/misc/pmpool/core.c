// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: attaching and detaching
 *
 * A pool is attached in one go, and published last: first /dev/pmpool, by which
 * every extent can be opened at once, then their own nodes, which are announced
 * when they can be. Detaching runs the other way round.
 *
 * There are two ways to end. Unloading the module detaches the pool. A reboot,
 * kexec included, only marks it as left in an orderly way, because processes
 * may use their extents until the very last.
 */
#include <linux/bitmap.h>
#include <linux/cc_platform.h>
#include <linux/cleanup.h>
#include <linux/crash_dump.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/panic_notifier.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <linux/uuid.h>

#include "compat.h"
#include "internal.h"

static bool format_param;
module_param_named(format, format_param, bool, 0444);
MODULE_PARM_DESC(format, "make an empty pool where another one is in the way (loses what it held)");

/**
 * pmpool_writable - whether the pool's records may be changed
 * @pool: to change; its lock or admin mutex is held
 *
 * Return: 0, -EROFS or -EUCLEAN.
 */
int pmpool_writable(const struct pmpool *pool)
{
	switch (pool->state) {
	case PMPOOL_STATE_OK:
		return 0;
	case PMPOOL_STATE_READ_ONLY:
		return -EROFS;
	case PMPOOL_STATE_DEGRADED:
		return -EUCLEAN;
	}
	return -EIO;
}

static void pmpool_mark_detached(struct pmpool *pool)
{
	guard(rwsem_write)(&pool->lock);

	if (!pool->format.read_only)
		pmpool_format_detach(&pool->format, ktime_get_real_ns());
}

static int pmpool_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pmpool *pool = container_of(nb, struct pmpool, reboot);

	pmpool_lend_stop(pool);
	/* What the firmware may reset away goes to memory; last the mark, by itself. */
	pmpool_write_back_all_caches();
	pmpool_mark_detached(pool);
	dev_info(pool->dev, "left clean for the next kernel, generation %llu\n",
		 pool->format.super.generation);
	return NOTIFY_DONE;
}

/*
 * What is in the caches has to be in memory before the firmware resets the
 * machine. On other CPUs it is beyond reach: they may hang, or be stopped.
 */
static int pmpool_panic(struct notifier_block *nb, unsigned long action, void *data)
{
	pmpool_write_back_caches();
	return NOTIFY_DONE;
}

/*
 * A hibernation image does not hold the region, and what is in it would not
 * match the processes that the image brings back.
 */
static int pmpool_pm(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pmpool *pool = container_of(nb, struct pmpool, pm);

	if (action != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;

	dev_err(pool->dev, "hibernation would lose the pool: unload pmpool first\n");
	return notifier_from_errno(-EBUSY);
}

static void pmpool_say_found(struct pmpool *pool, const struct pmpool_found *found)
{
	const struct resource span = DEFINE_RES_MEM(found->base, found->size);

	if (format_param)
		dev_warn(pool->dev, "%pR: format=1: giving up a pool at %pR, uuid %pUb, generation %llu\n",
			 pool->region.res, &span, found->uuid, found->generation);
	else
		dev_err(pool->dev, "%pR: not formatted, for there is a pool at %pR, uuid %pUb, generation %llu: name its region, region=%#llx@%#llx, or give it up: load once with format=1\n",
			pool->region.res, &span, found->uuid, found->generation, found->size,
			found->base);
}

/*
 * Look for a pool that formatting would destroy: one whose region was moved, or
 * given another size. Returns whether it may be.
 */
static bool pmpool_may_format(struct pmpool *pool)
{
	const struct pmpool_backing_ops *ops = pool->region.ops;
	struct pmpool_found found, last = { };
	u64 offset = 0;

	if (ops->neighbour && ops->neighbour(&pool->region, &found, false)) {
		pmpool_say_found(pool, &found);
		if (!format_param)
			return false;
		last = found;
	}
	while (pmpool_format_search(&pool->format, pool->region.base, &offset, &found)) {
		/* Most have two superblocks. */
		if (found.base != last.base || memcmp(found.uuid, last.uuid, sizeof(last.uuid)))
			pmpool_say_found(pool, &found);
		if (!format_param)
			return false;
		last = found;
		cond_resched();
	}
	return true;
}

/* Whether memory has what was made, not only a cache. */
static bool pmpool_reads_back(struct pmpool *pool)
{
	struct pmpool_format fmt;

	pmpool_forget_caches(pool->mem, pool->format.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT);
	return !pmpool_format_init(&fmt, pool->mem, pool->region.size) &&
	       !pmpool_format_open(&fmt) && !fmt.bad_copies &&
	       !memcmp(fmt.super.uuid, pool->format.super.uuid, sizeof(fmt.super.uuid)) &&
	       pmpool_format_unused(&fmt);
}

static int pmpool_make(struct pmpool *pool)
{
	const struct pmpool_backing_ops *ops = pool->region.ops;
	struct device *dev = pool->dev;
	struct pmpool_found found;
	u64 offset = 0;
	uuid_t uuid;
	int ret;

	ret = ops->probe ? ops->probe(dev, &pool->region, pool->mem) : 0;
	if (ret)
		return ret;
	/*
	 * A pool that is given up must not be found again, half overwritten. But
	 * where blocks are the system's they may hold an image of one.
	 */
	if (ops->neighbour)
		ops->neighbour(&pool->region, &found, true);
	while (!ops->take &&
	       pmpool_format_search(&pool->format, pool->region.base, &offset, &found))
		pmpool_format_erase(&pool->format, offset);

	uuid_gen(&uuid);
	pmpool_format_make(&pool->format, uuid.b, ktime_get_real_ns());
	if (!pmpool_reads_back(pool)) {
		dev_err(dev, "%pR: what was formatted can not be read back: its first %#llx bytes are no memory, or broken\n",
			pool->region.res,
			pool->format.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT);
		return -EIO;
	}
	dev_info(dev, "%pR: formatted, uuid %pUb\n", pool->region.res, &uuid);
	return 0;
}

/* Find the pool that the region holds, or make one. */
static int pmpool_open_format(struct pmpool *pool)
{
	struct pmpool_format *fmt = &pool->format;
	struct device *dev = pool->dev;
	int ret;

	ret = pmpool_format_init(fmt, pool->mem, pool->region.size);
	if (!ret)
		ret = pmpool_format_open(fmt);

	if (ret == -ENODATA || ret == -EBADMSG || ret == -ERANGE) {
		if (!pmpool_may_format(pool))
			return -EEXIST;
		if (ret == -EBADMSG && format_param)
			dev_warn(dev, "%pR: format=1: %s\n", pool->region.res, fmt->why);
		if (ret == -ENODATA || format_param) {
			ret = pmpool_make(pool);
			if (ret)
				return ret;
		}
	}
	if (ret) {
		dev_err(dev, "%pR: %s\n", pool->region.res, fmt->why);
		return ret;
	}

	if (fmt->bad_copies)
		dev_warn(dev, "%pR: one of two superblocks was damaged, using the other\n",
			 pool->region.res);
	if (fmt->read_only)
		pool->state = PMPOOL_STATE_READ_ONLY;
	pool->was_clean = fmt->super.clean;
	pool->previous_handover = fmt->super.handover_time;
	return 0;
}

static int pmpool_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct pmpool *pool;
	int ret;

	/* Its memory is not spare memory for a dump of the crashed kernel. */
	if (is_kdump_kernel()) {
		dev_info(dev, "not attached: this is a crash kernel\n");
		return -ENODEV;
	}

	/* memremap() maps such memory decrypted, a program's page table does not. */
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		dev_err(dev, "not attached: the machine's memory is encrypted (SME, SEV or TDX), so programs and the driver would read different bytes; if it is SME boot with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return -ENOMEM;

	pool->dev = dev;
	mutex_init(&pool->bitmap_lock);
	mutex_init(&pool->admin);
	init_rwsem(&pool->lock);
	hash_init(pool->names);
	xa_init(&pool->limits);
	pmpool_lend_init(pool);
	platform_set_drvdata(pdev, pool);

	ret = pmpool_region_find(dev, &pool->region);
	if (ret)
		goto free_pool;

	ret = pool->region.ops->claim(dev, &pool->region);
	if (ret)
		goto free_pool;

	pool->mem = memremap(pool->region.base, pool->region.size, MEMREMAP_WB);
	if (!pool->mem) {
		dev_err(dev, "%pR: can not be mapped\n", pool->region.res);
		ret = -ENOMEM;
		goto release_region;
	}

	ret = pmpool_open_format(pool);
	if (ret)
		goto unmap;

	ret = alloc_chrdev_region(&pool->devt, 0, PMPOOL_MINORS, "pmpool-extents");
	if (ret)
		goto unmap;

	ret = pmpool_extents_load(pool);
	if (ret)
		goto unregister_chrdev;

	if (!pool->format.read_only) {
		/* From now on extents come and go that its bitmap does not know of. */
		if (!pool->region.ops->take &&
		    pmpool_hold_unseal(&pool->format, pool->region.base))
			dev_info(dev, "a kernel that keeps the pool itself had it before: the next one of them finds out anew what is free\n");
		pmpool_format_attach(&pool->format, ktime_get_real_ns(),
				     init_utsname()->release);
	}
	pmpool_settle_blocks(pool);

	pool->pm.notifier_call = pmpool_pm;
	ret = register_pm_notifier(&pool->pm);
	if (ret)
		goto detach;

	pool->reboot.notifier_call = pmpool_reboot;
	ret = register_reboot_notifier(&pool->reboot);
	if (ret)
		goto unregister_pm;

	pool->panic.notifier_call = pmpool_panic;
	ret = atomic_notifier_chain_register(&panic_notifier_list, &pool->panic);
	if (ret)
		goto unregister_reboot;
	return 0;

unregister_reboot:
	unregister_reboot_notifier(&pool->reboot);
unregister_pm:
	unregister_pm_notifier(&pool->pm);
detach:
	pmpool_mark_detached(pool);
	pmpool_extents_unload(pool);
unregister_chrdev:
	unregister_chrdev_region(pool->devt, PMPOOL_MINORS);
unmap:
	memunmap(pool->mem);
release_region:
	pool->region.ops->release(dev, &pool->region);
free_pool:
	kfree(pool);
	return ret;
}

/* Nothing is open or mapped: a file of any of the devices pins the module. */
static void pmpool_remove(struct platform_device *pdev)
{
	struct pmpool *pool = platform_get_drvdata(pdev);
	bool whole;

	atomic_notifier_chain_unregister(&panic_notifier_list, &pool->panic);
	unregister_reboot_notifier(&pool->reboot);
	unregister_pm_notifier(&pool->pm);
	pmpool_mark_detached(pool);
	whole = pmpool_lend_exit(pool);
	pmpool_extents_unload(pool);
	unregister_chrdev_region(pool->devt, PMPOOL_MINORS);
	memunmap(pool->mem);
	if (whole)
		pool->region.ops->release(pool->dev, &pool->region);
	kfree(pool);
}

static struct platform_driver pmpool_driver = {
	.driver = {
		.name = "pmpool",
		.suppress_bind_attrs = true,
	},
	.remove = pmpool_remove,
};

static struct platform_device *pmpool_device;

/*
 * Whoever sees a device opens it at once, and would be in a module that is gone if
 * anything failed later: the driver core, too, has things to do after a probe.
 */
static int pmpool_publish(struct pmpool *pool)
{
	int ret;

	pool->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = "pmpool",
		.fops = &pmpool_fops,
		.groups = pmpool_groups,
		.parent = pool->dev,
		.mode = 0600,
	};
	ret = misc_register(&pool->misc);
	if (ret)
		return ret;
	pmpool_extents_publish(pool);

	dev_info(pool->dev, "attached %pR, generation %llu, %u extents%s%s\n", pool->region.res,
		 pool->format.super.generation, pool->extents,
		 pool->was_clean ? "" : ", not left clean",
		 pool->state == PMPOOL_STATE_READ_ONLY ? ", read-only" :
		 pool->state == PMPOOL_STATE_DEGRADED ? ", degraded" : "");
	return 0;
}

static void pmpool_unpublish(struct pmpool *pool)
{
	pmpool_extents_unpublish(pool);
	misc_deregister(&pool->misc);
}

static int __init pmpool_init(void)
{
	int ret;

	ret = class_register(&pmpool_class);
	if (ret)
		return ret;

	pmpool_device = platform_create_bundle(&pmpool_driver, pmpool_probe, NULL, 0, NULL, 0);
	if (IS_ERR(pmpool_device)) {
		ret = PTR_ERR(pmpool_device);
		goto unregister_class;
	}

	ret = pmpool_publish(platform_get_drvdata(pmpool_device));
	if (ret)
		goto unregister_device;
	return 0;

unregister_device:
	platform_device_unregister(pmpool_device);
	platform_driver_unregister(&pmpool_driver);
unregister_class:
	class_unregister(&pmpool_class);
	return ret;
}
module_init(pmpool_init);

static void __exit pmpool_exit(void)
{
	pmpool_unpublish(platform_get_drvdata(pmpool_device));
	platform_device_unregister(pmpool_device);
	platform_driver_unregister(&pmpool_driver);
	class_unregister(&pmpool_class);
}
module_exit(pmpool_exit);

MODULE_DESCRIPTION("Persistent memory pool: named memory that outlives the kernel");
MODULE_LICENSE("GPL");
/* What it can attach: whoever stages a kernel with this driver asks before. */
MODULE_INFO(pmpool_format, __stringify(PMPOOL_FORMAT_VERSION) "-"
			   __stringify(PMPOOL_FORMAT_VERSION));
#ifdef CONFIG_PMPOOL_CMA
MODULE_INFO(pmpool_backings, "reserved cma");
#else
MODULE_INFO(pmpool_backings, "reserved");
#endif
