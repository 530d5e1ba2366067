/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Persistent memory pool: the kernel's own part of the region.
 *
 * One kernel writes this and another, of any other version, reads it. It is an
 * interface in the same sense as a file system's format.
 */
#ifndef _UAPI_LINUX_PMPOOL_HOLD_H
#define _UAPI_LINUX_PMPOOL_HOLD_H

#include <linux/types.h>

/**
 * DOC: what the kernel keeps in a persistent memory pool
 *
 * A pool is a region of memory, divided into blocks of 2 MiB. The kernel knows
 * of each block whether it is held, that is, whether it must keep its contents,
 * and has a table of what its own users hold. Both are in block 0 of the region,
 * which is always held, at fixed places::
 *
 *   0x180000   header
 *   0x181000   holds: PMPOOL_HOLD_SLOTS records
 *   0x1a0000   bitmap: one bit a block, 1 when it is held
 *
 * The rest of block 0 belongs to whoever manages the pool; it begins with the
 * eight bytes PMPOOL_HOLD_SUPER_MAGIC when somebody does, and so does its last
 * page.
 *
 * Integers are little-endian. Everything that is not described is zero. The
 * checksum of a structure is CRC32C (initial value and final inversion of all
 * ones) of all its bytes, with the checksum's own four bytes taken as zero.
 *
 * **Sealed.** While a kernel uses the pool, the bitmap changes and nothing
 * vouches for it. The last thing that kernel does is to put the bitmap's
 * checksum into the header and to set PMPOOL_HOLD_SEALED. A kernel that finds a
 * sealed header believes the bitmap: it gives out the blocks that are not held.
 * Otherwise every block counts as held. Whoever changes what is held clears
 * PMPOOL_HOLD_SEALED first; a kernel that does not keep the bitmap may change
 * nothing else here.
 *
 * **Holds.** A record that is not used is all zero. One with a checksum of zero
 * which should have another is a change that was cut short: it is not used, and
 * its blocks belong to nobody. One with any other wrong checksum is damaged, and
 * so are holds that overlap, have the same name, or lie outside the region or in
 * block 0: nobody knows then what is held, and nothing is given out.
 */

#define PMPOOL_HOLD_VERSION		1
#define PMPOOL_HOLD_MAGIC		"\211PMHOLD\n"
#define PMPOOL_HOLD_MAGIC_SIZE		8

#define PMPOOL_HOLD_BLOCK_SHIFT		21
#define PMPOOL_HOLD_BLOCK_SIZE		(1ULL << PMPOOL_HOLD_BLOCK_SHIFT)
#define PMPOOL_HOLD_MIN_SIZE		(2 * PMPOOL_HOLD_BLOCK_SIZE)
#define PMPOOL_HOLD_MAX_SIZE		(1ULL << 42)

#define PMPOOL_HOLD_HEADER_OFFSET	0x180000
#define PMPOOL_HOLD_TABLE_OFFSET	0x181000
#define PMPOOL_HOLD_SLOTS		1024
#define PMPOOL_HOLD_TABLE_SIZE		(PMPOOL_HOLD_SLOTS * 64)
#define PMPOOL_HOLD_BITMAP_OFFSET	0x1a0000
/* Bytes in the bitmap of a region of @size bytes; whole 64-bit words */
#define PMPOOL_HOLD_BITMAP_SIZE(size)	\
	((((size) >> PMPOOL_HOLD_BLOCK_SHIFT) + 63) / 64 * 8)
#define PMPOOL_HOLD_NAME_SIZE		40

/*
 * The superblock of whoever manages the rest: what the kernel looks at. Its copy
 * is in the last page of block 0.
 */
#define PMPOOL_HOLD_SUPER_MAGIC		"\211PMPOOL\n"
#define PMPOOL_HOLD_SUPER_BYTES		512
#define PMPOOL_HOLD_SUPER_CRC		8	/* offset of its checksum */
#define PMPOOL_HOLD_SUPER_SIZE		64	/* and of the region's size */
#define PMPOOL_HOLD_SUPER_COPY		0x1ff000

/* Bits of struct pmpool_hold_header.state; all others are zero */
#define PMPOOL_HOLD_SEALED		(1U << 0)

/**
 * struct pmpool_hold_header - the header
 * @magic: PMPOOL_HOLD_MAGIC
 * @crc: checksum of this structure
 * @version: PMPOOL_HOLD_VERSION
 * @base: physical address of the region
 * @size: of the region, in bytes; a multiple of PMPOOL_HOLD_BLOCK_SIZE
 * @id: random, made with the header
 * @state: PMPOOL_HOLD_SEALED
 * @bitmap_crc: CRC32C of the bitmap when sealed, else zero
 * @table_offset: PMPOOL_HOLD_TABLE_OFFSET
 * @table_size: PMPOOL_HOLD_TABLE_SIZE
 * @bitmap_offset: PMPOOL_HOLD_BITMAP_OFFSET
 * @bitmap_size: PMPOOL_HOLD_BITMAP_SIZE(@size)
 * @reserved: zero
 *
 * Offsets are in bytes from the start of the region.
 */
struct pmpool_hold_header {
	__u8 magic[PMPOOL_HOLD_MAGIC_SIZE];
	__le32 crc;
	__le32 version;
	__le64 base;
	__le64 size;
	__u8 id[16];
	__le32 state;
	__le32 bitmap_crc;
	__le64 table_offset;
	__le64 table_size;
	__le64 bitmap_offset;
	__le64 bitmap_size;
	__u8 reserved[40];
};

/**
 * struct pmpool_hold_record - what a user in the kernel holds
 * @crc: checksum of this structure; zeroed before the rest is changed, and
 *	written after it
 * @reserved: zero
 * @first_block: where it starts, in blocks from the start of the region
 * @blocks: how many it takes, at least one
 * @name: padded with NULs; at least one. All NULs when it has no name
 */
struct pmpool_hold_record {
	__le32 crc;
	__le32 reserved;
	__le64 first_block;
	__le64 blocks;
	char name[PMPOOL_HOLD_NAME_SIZE];
};

#endif /* _UAPI_LINUX_PMPOOL_HOLD_H */
