/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a pool's region is obtained and kept from the next kernel.
 */
#ifndef PMPOOL_BACKING_H
#define PMPOOL_BACKING_H

#include <linux/pmpool.h>
#include <linux/types.h>

struct device;
struct pmpool_backing_ops;
struct resource;

/**
 * struct pmpool_region - the memory of a pool
 * @base: physical address
 * @size: in bytes
 * @ops: of its backing
 * @res: its place in the resource tree, while it is claimed
 * @name: of that, in memory that stays when the claim does
 */
struct pmpool_region {
	phys_addr_t base;
	u64 size;
	const struct pmpool_backing_ops *ops;
	struct resource *res;
	const char *name;
};

/**
 * struct pmpool_backing_ops - a kind of backing
 * @name: as sysfs shows it
 * @id: as PMPOOL_INFO tells it
 * @find: fill in base and size of the region, or fail having said why
 * @claim: make the region this driver's, or fail having said why
 * @release: undo @claim
 */
struct pmpool_backing_ops {
	const char *name;
	enum pmpool_backing id;
	int (*find)(struct device *dev, struct pmpool_region *region);
	int (*claim)(struct device *dev, struct pmpool_region *region);
	void (*release)(struct device *dev, struct pmpool_region *region);
};

extern const struct pmpool_backing_ops pmpool_backing_reserved;

#endif /* PMPOOL_BACKING_H */
