/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Persistent memory pool: what its region holds.
 *
 * One kernel writes this and another, of any other version, reads it. It is an
 * interface in the same sense as a file system's format.
 */
#ifndef _UAPI_LINUX_PMPOOL_FORMAT_H
#define _UAPI_LINUX_PMPOOL_FORMAT_H

#include <linux/types.h>

/**
 * DOC: format, version 1
 *
 * The region is divided into blocks of 2 MiB. The first ``meta_blocks`` of them
 * hold the metadata::
 *
 *   0                    superblock
 *   table_offset         extent table: record_slots x 2 records
 *   bitmap_offset        initialised bitmap: one bit a block of the region
 *   copy_offset          the superblock again, in the last page
 *
 * and the others the extents' data. All of this follows from the size of the
 * region alone, so that the copy can be found when the superblock is damaged.
 *
 * Integers are little-endian. Everything that is not described is zero, and a
 * reader that finds it otherwise takes the structure for damaged.
 *
 * The checksum of a structure is CRC32C (initial value and final inversion of
 * all ones) of all its bytes, with the checksum's own four bytes taken as zero.
 *
 * **Two places.** The superblock and every record exist twice. A change, with
 * the next ``seq``, is written to one place and, when that is complete, to the
 * other; to the one that is not good first, if one is not. A reader takes the
 * valid one, and of two valid ones the one with the higher ``seq``: so a change
 * is either not there or whole, and one damaged place loses nothing, not even
 * the last change. In each place the eight bytes that hold the checksum are
 * zeroed before the others are written, and written after them.
 *
 * **Records.** Each slot of the extent table has the two places for one record.
 * A slot that has no valid record is damaged, unless one of its places is all
 * zero and the other has neither magic nor checksum: then it was never used, and
 * what is there is the beginning of a first change that was cut short.
 *
 * **Initialised bitmap.** Bit b (bit b % 64 of little-endian word b / 64) is 1
 * when block b belongs to an extent and was zeroed since it was created. A
 * block whose bit is 0 holds bytes of an earlier owner and must be zeroed
 * before it is shown to anybody.
 *
 * **Formatting** begins with ``PMPOOL_FORMAT_BEGUN`` in place of the first
 * superblock's magic, and ends with the first superblock. Where a reader finds it
 * there is no pool, whatever else there is.
 *
 * **Memory.** Each step above is written back to memory before the next one: the
 * checksum that is taken away, the other bytes, the checksum, then the other place;
 * the zeroes of a block before its bit, bits that are taken away before the record
 * that gives the blocks to somebody. So all this holds for a reset that loses what
 * is in caches too.
 *
 * **Features.** A set bit that the reader does not know means: in ``compat``,
 * nothing; in ``ro_compat``, that it must not write anything; in ``incompat``,
 * that it must not attach the pool.
 */

#define PMPOOL_FORMAT_VERSION		1
#define PMPOOL_FORMAT_MAGIC		"\211PMPOOL\n"
#define PMPOOL_FORMAT_BEGUN		"\211PMPOOL\r"
#define PMPOOL_FORMAT_MAGIC_SIZE	8
#define PMPOOL_FORMAT_BLOCK_SHIFT	21
#define PMPOOL_FORMAT_BLOCK_SIZE	(1ULL << PMPOOL_FORMAT_BLOCK_SHIFT)
#define PMPOOL_FORMAT_PAGE_SIZE		4096
#define PMPOOL_FORMAT_SLOTS		2048
#define PMPOOL_FORMAT_TABLE_OFFSET	PMPOOL_FORMAT_PAGE_SIZE
#define PMPOOL_FORMAT_BITMAP_OFFSET	\
	(PMPOOL_FORMAT_TABLE_OFFSET + PMPOOL_FORMAT_SLOTS * 512)
/* One block of metadata and one of data. */
#define PMPOOL_FORMAT_MIN_SIZE		(2 * PMPOOL_FORMAT_BLOCK_SIZE)

#define PMPOOL_FORMAT_COMPAT_KNOWN	0ULL
#define PMPOOL_FORMAT_RO_COMPAT_KNOWN	0ULL
#define PMPOOL_FORMAT_INCOMPAT_KNOWN	0ULL

/* Flags of the superblock */
#define PMPOOL_FORMAT_SB_CLEAN		(1 << 0) /* the last kernel let go of the pool */

/**
 * struct pmpool_format_super - the superblock
 * @magic: PMPOOL_FORMAT_MAGIC
 * @crc: checksum
 * @version: PMPOOL_FORMAT_VERSION
 * @seq: counts the changes of the superblock
 * @compat: feature bits, see above
 * @ro_compat: feature bits
 * @incompat: feature bits
 * @uuid: made when the pool was formatted
 * @region_size: of the region, in bytes; a multiple of the block size
 * @block_shift: log2 of the block size
 * @record_size: bytes in a record
 * @record_slots: slots in the extent table
 * @meta_blocks: blocks that hold metadata
 * @table_offset: bytes from the start of the region to the extent table
 * @bitmap_offset: to the bitmap
 * @bitmap_size: bytes in the bitmap, a multiple of 8
 * @copy_offset: to the second superblock
 * @generation: attaches since the pool was formatted
 * @flags: PMPOOL_FORMAT_SB_CLEAN
 * @reserved0: zero
 * @format_time: nanoseconds since the Unix epoch
 * @attach_time: of the last attach
 * @handover_time: of the last handover or detach; 0 while attached by a kernel
 *	that had no predecessor
 * @kernel: release of the kernel that attached last, padded with NULs
 * @reserved: zero
 */
struct pmpool_format_super {
	__u8 magic[PMPOOL_FORMAT_MAGIC_SIZE];
	__le32 crc;
	__le32 version;
	__le64 seq;
	__le64 compat;
	__le64 ro_compat;
	__le64 incompat;
	__u8 uuid[16];
	__le64 region_size;
	__le32 block_shift;
	__le32 record_size;
	__le32 record_slots;
	__le32 meta_blocks;
	__le64 table_offset;
	__le64 bitmap_offset;
	__le64 bitmap_size;
	__le64 copy_offset;
	__le64 generation;
	__le32 flags;
	__le32 reserved0;
	__le64 format_time;
	__le64 attach_time;
	__le64 handover_time;
	char kernel[64];
	__u8 reserved[288];
};

#define PMPOOL_FORMAT_RECORD_MAGIC	0x52584d50 /* "PMXR" */

/* Types of record. An unknown one makes the slot a damaged one. */
#define PMPOOL_FORMAT_RECORD_FREE	0
#define PMPOOL_FORMAT_RECORD_EXTENT	1
#define PMPOOL_FORMAT_RECORD_LIMIT	2

/* Flags of a record */
#define PMPOOL_FORMAT_RECORD_CLEAN	(1 << 0) /* no writable mapping, or sealed */

/* Owner of a limit that is for everybody without one of its own */
#define PMPOOL_FORMAT_ANY_UID		0xffffffff

/**
 * struct pmpool_format_record - an extent, or the limit of a user
 * @magic: PMPOOL_FORMAT_RECORD_MAGIC
 * @crc: checksum
 * @seq: counts the changes of this slot, from 1; never reset, also not when the
 *	slot is freed and used again
 * @type: PMPOOL_FORMAT_RECORD_FREE, in which case all below is zero; _EXTENT; or
 *	_LIMIT, in which case all below is zero but for @uid, @blocks, how many
 *	that user's extents may take, and @length, how many extents it may have
 * @flags: PMPOOL_FORMAT_RECORD_CLEAN
 * @uid: owner, in the initial user namespace
 * @gid: group, in the initial user namespace
 * @mode: permission bits, at most 0777
 * @reserved0: zero
 * @first_block: where it starts, in blocks from the start of the region
 * @blocks: how many it takes
 * @length: in bytes: more than @blocks - 1 blocks, and at most @blocks
 * @id: seq at creation times record_slots plus slot: never used again
 * @generation: of the pool at creation
 * @create_time: nanoseconds since the Unix epoch
 * @uuid: made at creation
 * @tag: for the application
 * @name: padded with NULs
 * @reserved: zero
 */
struct pmpool_format_record {
	__le32 magic;
	__le32 crc;
	__le64 seq;
	__le32 type;
	__le32 flags;
	__le32 uid;
	__le32 gid;
	__le32 mode;
	__le32 reserved0;
	__le64 first_block;
	__le64 blocks;
	__le64 length;
	__le64 id;
	__le64 generation;
	__le64 create_time;
	__u8 uuid[16];
	__u8 tag[16];
	char name[64];
	__u8 reserved[72];
};

/**
 * struct pmpool_format_slot - a slot of the extent table
 * @record: the two places of its record
 */
struct pmpool_format_slot {
	struct pmpool_format_record record[2];
};

#endif /* _UAPI_LINUX_PMPOOL_FORMAT_H */
