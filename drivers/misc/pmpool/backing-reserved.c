// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: backing "reserved"
 *
 * The memory map keeps the region out of "System RAM": memmap=SIZE$BASE on the
 * command line, or the firmware. The kernel then never touches it, kexec never
 * places an image there, and a next kernel that is given the same argument
 * leaves it alone whether or not it has this driver.
 */
#include <linux/cleanup.h>
#include <linux/dev_printk.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "backing.h"
#include "compat.h"
#include "format.h"

static int reserved_find(struct device *dev, struct pmpool_region *region)
{
	int ret = pmpool_region_given(dev, region);

	if (ret == -ENOENT) {
		dev_err(dev, "no region given: boot with memmap=SIZE$BASE pmpool.region=SIZE@BASE\n");
		return -EINVAL;
	}
	return ret;
}

/* What the memory map has besides RAM, and what is reserved. */
static const struct {
	unsigned long desc;
	const char *name;
} others[] = {
	{ IORES_DESC_ACPI_TABLES, "ACPI tables" },
	{ IORES_DESC_ACPI_NV_STORAGE, "ACPI non-volatile storage" },
	{ IORES_DESC_PERSISTENT_MEMORY, "persistent memory" },
	{ IORES_DESC_PERSISTENT_MEMORY_LEGACY, "persistent memory, memmap=SIZE!BASE" },
	{ IORES_DESC_SOFT_RESERVED, "soft reserved, for one purpose" },
};

static int reserved_request(struct device *dev, struct pmpool_region *region)
{
	struct resource span = DEFINE_RES_MEM(region->base, region->size);
	const struct resource *in;
	int ret, i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (region_intersects(region->base, region->size, IORESOURCE_MEM,
				      others[i].desc) == REGION_DISJOINT)
			continue;
		dev_err(dev, "region %pR is not reserved, some of it is %s: name a part of the machine's RAM, in memmap= too\n",
			&span, others[i].name);
		return -EBUSY;
	}

	ret = pmpool_region_request(dev, region);
	if (ret)
		return ret;

	/* It is wholly inside of what it was claimed from. */
	in = region->res->parent;
	if (in->desc == IORES_DESC_RESERVED)
		return 0;
	if (in->parent)
		dev_err(dev, "region %pR is not reserved, it is in %pR, %s: name a part of the machine's RAM, in memmap= too\n",
			&span, in, in->name);
	else
		dev_err(dev, "region %pR is not reserved, the memory map knows nothing of it: name a part of the machine's RAM, in memmap= too\n",
			&span);
	pmpool_region_free(dev, region);
	return -EBUSY;
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
	return reserved_request(dev, region);
}

/* Whether a pool has a superblock in that page, which is no part of the region. */
static bool neighbour_at(const struct pmpool_region *region, phys_addr_t at,
			 struct pmpool_found *found, bool erase)
{
	bool there;
	u64 *mem;

	/* Another driver's, which may be no memory at all. */
	if (region_intersects(at, PAGE_SIZE, IORESOURCE_MEM | IORESOURCE_BUSY,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return false;

	mem = memremap(at, PAGE_SIZE, MEMREMAP_WB);
	if (!mem)
		return false;
	there = pmpool_format_recognise(mem, at, found) &&
		pmpool_found_overlaps(found, region->base, region->size);
	if (there && erase) {
		WRITE_ONCE(*mem, 0);
		pmpool_write_back(mem, sizeof(*mem));
	}
	memunmap(mem);
	return there;
}

/* A pool that was given more, or began elsewhere, in what is reserved. */
static bool reserved_neighbour(const struct pmpool_region *region, struct pmpool_found *found,
			       bool erase)
{
	const u64 last_page = PMPOOL_FORMAT_BLOCK_SIZE - PMPOOL_FORMAT_PAGE_SIZE;
	const struct resource *span = region->res->parent;
	u64 at = ALIGN(span->start, PMPOOL_FORMAT_BLOCK_SIZE);
	bool there = false;

	for (; at + PMPOOL_FORMAT_BLOCK_SIZE - 1 <= span->end && (erase || !there);
	     at += PMPOOL_FORMAT_BLOCK_SIZE) {
		if (at >= region->base && at - region->base < region->size)
			continue;
		there |= neighbour_at(region, at, found, erase);
		if (erase || !there)
			there |= neighbour_at(region, at + last_page, found, erase);
		cond_resched();
	}
	return there;
}

/* Two words of each block, one at either end. */
static u64 *probe_word(void *mem, u64 i)
{
	return mem + (i / 2 << PMPOOL_FORMAT_BLOCK_SHIFT) +
	       (i % 2 ? PMPOOL_FORMAT_BLOCK_SIZE - sizeof(u64) : 0);
}

/*
 * Each word gets a value of its own, and all are there before the first is read:
 * an address that means another one's memory is noticed too.
 */
static int reserved_probe(struct device *dev, const struct pmpool_region *region, void *mem)
{
	u64 words = 2 * (region->size >> PMPOOL_FORMAT_BLOCK_SHIFT), bad = words, i;

	u64 *saved __free(kvfree) = kvmalloc_array(words, sizeof(*saved), GFP_KERNEL);

	if (!saved)
		return -ENOMEM;

	for (i = 0; i < words; i++, cond_resched())
		saved[i] = READ_ONCE(*probe_word(mem, i));
	for (i = 0; i < words; i++, cond_resched()) {
		WRITE_ONCE(*probe_word(mem, i), ~saved[i] ^ i);
		pmpool_forget_caches(probe_word(mem, i), sizeof(u64));
	}
	for (i = 0; i < words && bad == words; i++, cond_resched())
		if (READ_ONCE(*probe_word(mem, i)) != (~saved[i] ^ i))
			bad = i;
	for (i = 0; i < words; i++, cond_resched()) {
		WRITE_ONCE(*probe_word(mem, i), saved[i]);
		pmpool_forget_caches(probe_word(mem, i), sizeof(u64));
	}
	if (bad == words)
		return 0;

	dev_err(dev, "region %pR holds no memory at %#llx: name a part of the machine's RAM, in memmap= too\n",
		region->res, region->base + ((u8 *)probe_word(mem, bad) - (u8 *)mem));
	return -ENXIO;
}

const struct pmpool_backing_ops pmpool_backing_reserved = {
	.name = "reserved",
	.id = PMPOOL_BACKING_RESERVED,
	.lends = true,
	.find = reserved_find,
	.claim = reserved_claim,
	.release = pmpool_region_free,
	.neighbour = reserved_neighbour,
	.probe = reserved_probe,
};
