// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: backing "cma"
 *
 * The kernel keeps the region itself (CONFIG_PMPOOL_CMA, pmpool=SIZE on the
 * command line, or the word of the kernel before). It is a CMA area: what is not
 * held serves movable allocations, and is emptied when it is wanted; what is held
 * never reaches the page allocator, from the boot on. Every next kernel, whatever
 * it knows, is told that the region is reserved.
 *
 * The same bytes as in any other backing: a pool moves between kernels.
 */
#include <linux/dev_printk.h>
#include <linux/ioport.h>
#include <linux/pmpool.h>
#include <linux/string.h>

/* What has a name there is a hold; an extent's may be longer. */
#undef PMPOOL_NAME_SIZE

#include "backing.h"

static int cma_find(struct device *dev, struct pmpool_region *region)
{
	struct pmpool_region given;
	struct resource has, wants;
	struct pmpool_area area;
	int ret;

	ret = pmpool_get_area(&area);
	if (ret)
		return ret;

	ret = pmpool_region_given(dev, &given);
	if (ret && ret != -ENOENT)
		return ret;
	if (!ret && (given.base != area.base || given.size != area.size)) {
		has = DEFINE_RES_MEM(area.base, area.size);
		wants = DEFINE_RES_MEM(given.base, given.size);
		dev_err(dev, "region=%#llx@%#llx is %pR, but this kernel keeps the pool at %pR: leave region= out, or boot with pmpool=%#llx@%#llx\n",
			given.size, (u64)given.base, &wants, &has, given.size, (u64)given.base);
		return -EINVAL;
	}
	if (area.boot == PMPOOL_BOOT_HELD)
		dev_info(dev, "nobody vouches for what was free in the pool: all of it is kept until its extents are known\n");

	region->base = area.base;
	region->size = area.size;
	return 0;
}

static int cma_take(const struct pmpool_region *region, u64 first, u64 blocks)
{
	return pmpool_take(first, blocks);
}

static int cma_give(const struct pmpool_region *region, u64 first, u64 blocks)
{
	return pmpool_give(first, blocks);
}

static bool cma_has(const struct pmpool_region *region, u64 first, u64 blocks)
{
	return pmpool_is_held(first, blocks);
}

static int cma_settle(const struct pmpool_region *region, const unsigned long *mine,
		      u64 *released)
{
	return pmpool_settle(mine, released);
}

static int cma_next_hold(const struct pmpool_region *region, u32 *index,
			 struct pmpool_hold *hold)
{
	return pmpool_next_hold(index, &hold->first, &hold->blocks, hold->name);
}

const struct pmpool_backing_ops pmpool_backing_cma = {
	.name = "cma",
	.id = PMPOOL_BACKING_CMA,
	.find = cma_find,
	.claim = pmpool_region_request,
	.release = pmpool_region_free,
	.take = cma_take,
	.give = cma_give,
	.has = cma_has,
	.settle = cma_settle,
	.next_hold = cma_next_hold,
};
