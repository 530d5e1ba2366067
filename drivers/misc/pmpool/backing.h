/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a pool's region is obtained and kept from the next kernel.
 */
#ifndef PMPOOL_BACKING_H
#define PMPOOL_BACKING_H

#include <linux/types.h>
#include <uapi/linux/pmpool.h>

#include "hold.h"

struct device;
struct pmpool_backing_ops;
struct pmpool_found;
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
 * @lends: the driver can lend memory of it
 * @find: fill in base and size of the region, or fail having said why; -ENODEV,
 *	with nothing said, when there is none of this kind
 * @claim: make the region this driver's, or fail having said why
 * @release: undo @claim
 * @neighbour: find a pool whose superblock is outside the region and which has
 *	bytes of it, or erase all those superblocks; false when there is none. Left
 *	out where that can not be
 * @probe: see whether the whole region holds memory, or fail having said where
 *	not. What is in it stays. Left out where the system knows
 *
 * A backing in which the system has the blocks that are not in use has what
 * follows, all of it; in another one all blocks are the driver's all the time.
 *
 * @take: have the system empty blocks, and give them. May take long, and sleeps.
 *	All or nothing: 0, -EBUSY when it can not empty them, -EINTR
 * @give: give blocks back to the system. Sleeps
 * @has: whether blocks are the driver's, or some user's inside the kernel
 * @settle: give back all blocks that nobody has. One bit a block: what the driver
 *	has; out: how many were given back
 * @next_hold: what the user inside the kernel has that is @index or behind, for
 *	they come and go; -ENOENT
 */
struct pmpool_backing_ops {
	const char *name;
	enum pmpool_backing id;
	bool lends;
	int (*find)(struct device *dev, struct pmpool_region *region);
	int (*claim)(struct device *dev, struct pmpool_region *region);
	void (*release)(struct device *dev, struct pmpool_region *region);
	bool (*neighbour)(const struct pmpool_region *region, struct pmpool_found *found,
			  bool erase);
	int (*probe)(struct device *dev, const struct pmpool_region *region, void *mem);
	int (*take)(const struct pmpool_region *region, u64 first, u64 blocks);
	int (*give)(const struct pmpool_region *region, u64 first, u64 blocks);
	bool (*has)(const struct pmpool_region *region, u64 first, u64 blocks);
	int (*settle)(const struct pmpool_region *region, const unsigned long *mine,
		      u64 *released);
	int (*next_hold)(const struct pmpool_region *region, u32 *index,
			 struct pmpool_hold *hold);
};

extern const struct pmpool_backing_ops pmpool_backing_reserved;
extern const struct pmpool_backing_ops pmpool_backing_cma;

int pmpool_region_find(struct device *dev, struct pmpool_region *region);
int pmpool_region_given(struct device *dev, struct pmpool_region *region);
int pmpool_region_request(struct device *dev, struct pmpool_region *region);
void pmpool_region_free(struct device *dev, struct pmpool_region *region);

#endif /* PMPOOL_BACKING_H */
