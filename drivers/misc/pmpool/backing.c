// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: backings
 *
 * Where the region is, and what all kinds of backing do alike.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/dev_printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "backing.h"
#include "format.h"

static char *region_param;
/* An address of hardware, so a kernel that is locked down does not take it. */
module_param_hw_named(region, region_param, charp, iomem, 0444);
MODULE_PARM_DESC(region, "the pool's memory, SIZE@BASE, as in memmap=SIZE$BASE");

/**
 * pmpool_region_find - find out where the pool is, and of which backing
 * @dev: for messages
 * @region: to fill
 *
 * Return: 0, or an error that was said.
 */
int pmpool_region_find(struct device *dev, struct pmpool_region *region)
{
	int ret;

	if (IS_ENABLED(CONFIG_PMPOOL_CMA)) {
		region->ops = &pmpool_backing_cma;
		ret = region->ops->find(dev, region);
		if (ret != -ENODEV)
			return ret;
	}
	region->ops = &pmpool_backing_reserved;
	return region->ops->find(dev, region);
}

/**
 * pmpool_region_given - the region that the administrator names
 * @dev: for messages
 * @region: to fill
 *
 * Return: 0; -ENOENT, with nothing said, when none is named; or -EINVAL.
 */
int pmpool_region_given(struct device *dev, struct pmpool_region *region)
{
	char *at, *end;
	u64 base, size;

	if (!region_param || !*region_param)
		return -ENOENT;

	size = memparse(region_param, &at);
	if (at == region_param || *at != '@')
		goto malformed;
	base = memparse(at + 1, &end);
	if (end == at + 1 || *end)
		goto malformed;

	if (!IS_ALIGNED(base, PMPOOL_FORMAT_BLOCK_SIZE) ||
	    !IS_ALIGNED(size, PMPOOL_FORMAT_BLOCK_SIZE)) {
		dev_err(dev, "region=%s is not aligned: base and size must be multiples of 2 MiB\n",
			region_param);
		return -EINVAL;
	}
	if (size < PMPOOL_FORMAT_MIN_SIZE) {
		dev_err(dev, "region=%s is too small: a pool needs at least %llu MiB\n",
			region_param, PMPOOL_FORMAT_MIN_SIZE / SZ_1M);
		return -EINVAL;
	}
	if (base + size < base || base + size - 1 > (phys_addr_t)-1) {
		dev_err(dev, "region=%s is not inside the address space\n", region_param);
		return -EINVAL;
	}

	region->base = base;
	region->size = size;
	return 0;

malformed:
	dev_err(dev, "region=%s is malformed: write SIZE@BASE, for example 4G@0x100000000\n",
		region_param);
	return -EINVAL;
}

/**
 * pmpool_region_request - claim the region in the resource tree
 * @dev: for messages
 * @region: found
 *
 * Return: 0, or an error that was said.
 */
int pmpool_region_request(struct device *dev, struct pmpool_region *region)
{
	struct resource span = DEFINE_RES_MEM(region->base, region->size);

	/*
	 * Neither device-managed nor named by the module's own memory: the claim
	 * must outlast everything that could fail.
	 */
	region->name = kstrdup("Persistent Memory Pool", GFP_KERNEL);
	if (!region->name)
		return -ENOMEM;
	region->res = request_mem_region(region->base, region->size, region->name);
	if (!region->res) {
		if (region_intersects(region->base, region->size, IORESOURCE_MEM | IORESOURCE_BUSY,
				      IORES_DESC_NONE) == REGION_DISJOINT)
			dev_err(dev, "region %pR is not wholly in one range of the memory map: see /proc/iomem\n",
				&span);
		else
			dev_err(dev, "region %pR is in use: see /proc/iomem\n", &span);
		kfree(region->name);
		return -EBUSY;
	}
	return 0;
}

/**
 * pmpool_region_free - undo pmpool_region_request()
 * @dev: for messages
 * @region: claimed
 */
void pmpool_region_free(struct device *dev, struct pmpool_region *region)
{
	release_mem_region(region->base, region->size);
	region->res = NULL;
	kfree(region->name);
}
