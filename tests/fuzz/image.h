/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an input of the fuzzer is: how large the region is, and a list of
 * instructions, first for what is in the region and then for what is done with
 * it once it is attached. tests/fuzz/seed makes inputs from text.
 */
#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include <linux/types.h>

enum instruction_op {
	/* What is in the region. Places: bit 0 the first, bit 1 the second. */
	IMAGE_SUPER,		/* arg places; slot generation; value seq */
	IMAGE_SUPER_FIELD,	/* arg places, WRONG_SUM; slot member; value */
	IMAGE_EXTENT,		/* arg places; slot; value: see extent_of() */
	IMAGE_RECORD_FIELD,	/* arg places, WRONG_SUM, member from bit 3; slot; value */
	IMAGE_LIMIT,		/* arg places, uid from bit 2; slot; value */
	IMAGE_FREE,		/* arg places; slot; value seq */
	IMAGE_WORD,		/* arg and slot: which word of the metadata; value */
	IMAGE_FLIP,		/* arg and slot: which word of the metadata; value: bit */
	IMAGE_BITMAP,		/* slot: which word; value */
	IMAGE_HOLD,		/* slot; value: see image_hold() */
	IMAGE_HOLD_FIELD,	/* arg WRONG_SUM, member from bit 3; slot; value */
	IMAGE_HEADER,		/* arg: state; value: what the bitmap's checksum is wrong by */
	IMAGE_HEADER_FIELD,	/* arg WRONG_SUM; slot member; value */
	IMAGE_OPS,

	/* What is done. Extent: the slot'th of those that are there. */
	DO_CREATE = IMAGE_OPS,	/* arg log2 of align and name; value length */
	DO_REMOVE,		/* slot: extent */
	DO_RENAME,		/* slot: extent; value name */
	DO_RESIZE,		/* slot: extent; value length */
	DO_SET,			/* slot: extent; value */
	DO_TOUCH,		/* slot: extent; value: block in it */
	DO_LIMIT,		/* arg uid; value */
	DO_REPAIR,		/* arg place to take it from, 2 to free it; slot */
	DO_REATTACH,
	ALL_OPS,
};

#define WRONG_SUM	4	/* in arg: leave the checksum as it was */

struct instruction {
	__u8 op;
	__u8 arg;
	__u16 slot;
	__u64 value;
} __attribute__((packed));

struct input {
	__u8 size;		/* see region_sizes */
	__u8 flags;
	struct instruction list[];
} __attribute__((packed));

#define INPUT_FORMAT	1	/* flag: with the parameter format=1 */
#define MAX_INSTRUCTIONS 48

#endif /* TESTS_FUZZ_IMAGE_H */
