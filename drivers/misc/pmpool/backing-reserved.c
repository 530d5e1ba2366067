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
#include <linux/dev_printk.h>

#include "backing.h"

static int reserved_find(struct device *dev, struct pmpool_region *region)
{
	int ret = pmpool_region_given(dev, region);

	if (ret == -ENOENT) {
		dev_err(dev, "no region given: boot with memmap=SIZE$BASE pmpool.region=SIZE@BASE\n");
		return -EINVAL;
	}
	return ret;
}

static int reserved_claim(struct device *dev, struct pmpool_region *region)
{
	struct resource span = DEFINE_RES_MEM(region->base, region->size);

	/* By a driver that was unloaded by force, with its claim still there. */
	if (region_intersects(region->base, region->size,
			      IORESOURCE_SYSTEM_RAM | IORESOURCE_SYSRAM_DRIVER_MANAGED,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		dev_err(dev, "region %pR is in use: some of it is still lent to the system, see /proc/iomem; reboot\n",
			&span);
		return -EBUSY;
	}
	if (region_intersects(region->base, region->size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		dev_err(dev, "region %pR is System RAM: boot with memmap=%#llx$%#llx (in GRUB's configuration write \\\\\\$ for the $ in /etc/default/grub, or use pmpoolctl reserve)\n",
			&span, region->size, (u64)region->base);
		return -EBUSY;
	}
	return pmpool_region_request(dev, region);
}

const struct pmpool_backing_ops pmpool_backing_reserved = {
	.name = "reserved",
	.id = PMPOOL_BACKING_RESERVED,
	.lends = true,
	.find = reserved_find,
	.claim = reserved_claim,
	.release = pmpool_region_free,
};
