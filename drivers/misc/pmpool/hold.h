/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What users inside the kernel have of a pool: reading the kernel's own part of
 * its region.
 *
 * The layout itself is described in <linux/pmpool_hold.h>.
 */
#ifndef PMPOOL_HOLD_H
#define PMPOOL_HOLD_H

#include <linux/types.h>
#include <linux/pmpool_hold.h>

struct pmpool_format;

/**
 * struct pmpool_hold - what one of them has, decoded
 * @first: block
 * @blocks: how many
 * @name: NUL-terminated, "" when it has none. Any bytes: it is not an extent's
 */
struct pmpool_hold {
	u64 first;
	u64 blocks;
	char name[PMPOOL_HOLD_NAME_SIZE];
};

/**
 * enum pmpool_hold_state - what the header of the kernel's own part says
 * @PMPOOL_HOLD_NONE: nothing: no kernel has used this part
 * @PMPOOL_HOLD_OPEN: nobody vouches for the bitmap
 * @PMPOOL_HOLD_CLOSED: the next kernel that uses the bitmap believes it
 * @PMPOOL_HOLD_DAMAGED: nothing that could be believed
 */
enum pmpool_hold_state {
	PMPOOL_HOLD_NONE,
	PMPOOL_HOLD_OPEN,
	PMPOOL_HOLD_CLOSED,
	PMPOOL_HOLD_DAMAGED,
};

/* Of a region that may be anywhere. */
#define PMPOOL_HOLD_ANY_BASE	(~0ULL)

bool pmpool_hold_possible(const struct pmpool_format *fmt);
bool pmpool_hold_present(const struct pmpool_format *fmt);
enum pmpool_hold_state pmpool_hold_state(const struct pmpool_format *fmt, u64 base);
int pmpool_hold_read(const struct pmpool_format *fmt, u32 index, struct pmpool_hold *hold);
bool pmpool_hold_unseal(struct pmpool_format *fmt, u64 base);
u32 pmpool_hold_bitmap_crc(const struct pmpool_format *fmt);
bool pmpool_hold_bit(const struct pmpool_format *fmt, u64 block);

#endif /* PMPOOL_HOLD_H */
