// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: backing "reserved"
 *
 * The memory map keeps the region out of "System RAM": memmap=SIZE$BASE on the
 * command line, or the firmware. The kernel then never touches it, kexec never
 * places an image there, and a next kernel that is given the same argument
 * leaves it alone whether or not it has this driver.
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
module_param_named(region, region_param, charp, 0444);
MODULE_PARM_DESC(region, "the pool's memory, SIZE@BASE, as in memmap=SIZE$BASE");

static int reserved_find(struct device *dev, struct pmpool_region *region)
{
	char *at, *end;
	u64 base, size;

	if (!region_param || !*region_param) {
		dev_err(dev, "no region given: boot with memmap=SIZE$BASE pmpool.region=SIZE@BASE\n");
		return -EINVAL;
	}

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

static int reserved_claim(struct device *dev, struct pmpool_region *region)
{
	struct resource span = DEFINE_RES_MEM(region->base, region->size);

	if (region_intersects(region->base, region->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		dev_err(dev, "region %pR is System RAM: boot with memmap=%#llx$%#llx (in GRUB's configuration write \\$)\n",
			&span, region->size, (u64)region->base);
		return -EBUSY;
	}

	/*
	 * Neither device-managed nor named by the module's own memory: the claim
	 * must outlast everything that could fail.
	 */
	region->name = kstrdup("Persistent Memory Pool", GFP_KERNEL);
	if (!region->name)
		return -ENOMEM;
	region->res = request_mem_region(region->base, region->size, region->name);
	if (!region->res) {
		dev_err(dev, "region %pR is in use: see /proc/iomem\n", &span);
		kfree(region->name);
		return -EBUSY;
	}
	return 0;
}

static void reserved_release(struct device *dev, struct pmpool_region *region)
{
	release_mem_region(region->base, region->size);
	region->res = NULL;
	kfree(region->name);
}

const struct pmpool_backing_ops pmpool_backing_reserved = {
	.name = "reserved",
	.id = PMPOOL_BACKING_RESERVED,
	.find = reserved_find,
	.claim = reserved_claim,
	.release = reserved_release,
};
