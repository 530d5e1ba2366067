/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metadata inside a pool's region: finding, reading and changing it.
 *
 * The layout itself is described in <linux/pmpool_format.h>.
 */
#ifndef PMPOOL_FORMAT_H
#define PMPOOL_FORMAT_H

#include <linux/types.h>
#include <linux/pmpool_format.h>

/**
 * struct pmpool_super - a superblock, decoded
 * @seq: counts changes
 * @compat: feature bits
 * @ro_compat: feature bits
 * @incompat: feature bits
 * @uuid: of the pool
 * @generation: attaches since the pool was formatted
 * @clean: the last kernel let go of the pool
 * @format_time: in ns since the Unix epoch, like the other times
 * @attach_time: of the last attach
 * @handover_time: of the last handover
 * @kernel: release of the kernel that attached last, NUL-terminated
 */
struct pmpool_super {
	u64 seq;
	u64 compat;
	u64 ro_compat;
	u64 incompat;
	u8 uuid[16];
	u64 generation;
	bool clean;
	u64 format_time;
	u64 attach_time;
	u64 handover_time;
	char kernel[64];
};

/**
 * struct pmpool_record - a record, decoded
 * @type: PMPOOL_FORMAT_RECORD_EXTENT or PMPOOL_FORMAT_RECORD_LIMIT. Of a limit
 *	all is 0 but @uid, @blocks and @length, see <linux/pmpool_format.h>
 * @id: its number
 * @first_block: where it starts
 * @blocks: how many it takes
 * @length: in bytes
 * @generation: of the pool at creation
 * @create_time: in ns since the Unix epoch
 * @uid: owner, in the initial user namespace
 * @gid: group, in the initial user namespace
 * @mode: permission bits
 * @clean: no writable mapping exists, or it was sealed
 * @bad_copies: places of the record that were damaged or stale when it was read,
 *	0 or 1; not written
 * @uuid: of the extent
 * @tag: of the application
 * @name: NUL-terminated
 */
struct pmpool_record {
	u32 type;
	u64 id;
	u64 first_block;
	u64 blocks;
	u64 length;
	u64 generation;
	u64 create_time;
	u32 uid;
	u32 gid;
	u32 mode;
	bool clean;
	u8 bad_copies;
	u8 uuid[16];
	u8 tag[16];
	char name[64];
};

/**
 * struct pmpool_found - a pool of which a superblock was found somewhere
 * @base: physical address of its region
 * @size: of its region, in bytes
 * @generation: attaches since it was formatted
 * @version: of its format; of another one than PMPOOL_FORMAT_VERSION the rest may
 *	be wrong
 * @uuid: of the pool
 */
struct pmpool_found {
	u64 base;
	u64 size;
	u64 generation;
	u32 version;
	u8 uuid[16];
};

#define PMPOOL_FORMAT_WHY_SIZE	192

/**
 * struct pmpool_format - the metadata of one pool
 * @mem: the region
 * @size: of the region, in bytes
 * @blocks: of the whole region
 * @meta_blocks: of them, from the first, that hold metadata
 * @table_offset: in bytes, like the other offsets
 * @bitmap_offset: of the initialised bitmap
 * @bitmap_size: in bytes
 * @copy_offset: of the second superblock
 * @super: what the superblock says now
 * @super_place: which of the two superblocks is good, 0 or 1, if one is not
 * @bad_copies: superblocks that were damaged when the pool was opened, 0 or 1
 * @read_only: an unknown ro_compat feature is set
 * @why: after an error: what was wrong, with the value, and what to do
 *
 * Callers serialise changes, those of the bitmap apart from the others.
 */
struct pmpool_format {
	void *mem;
	u64 size;
	u64 blocks;
	u64 meta_blocks;
	u64 table_offset;
	u64 bitmap_offset;
	u64 bitmap_size;
	u64 copy_offset;
	struct pmpool_super super;
	unsigned int super_place;
	unsigned int bad_copies;
	bool read_only;
	char why[PMPOOL_FORMAT_WHY_SIZE];
};

int pmpool_format_init(struct pmpool_format *fmt, void *mem, u64 size);
void pmpool_format_make(struct pmpool_format *fmt, const u8 uuid[16], u64 now);
int pmpool_format_open(struct pmpool_format *fmt);
bool pmpool_format_unused(const struct pmpool_format *fmt);
bool pmpool_format_begun(const struct pmpool_format *fmt);
void pmpool_format_attach(struct pmpool_format *fmt, u64 now, const char *kernel);
void pmpool_format_detach(struct pmpool_format *fmt, u64 now);

bool pmpool_format_recognise(const void *mem, u64 at, struct pmpool_found *found);
bool pmpool_found_overlaps(const struct pmpool_found *found, u64 base, u64 size);
bool pmpool_format_search(const struct pmpool_format *fmt, u64 base, u64 *offset,
			  struct pmpool_found *found);
void pmpool_format_erase(struct pmpool_format *fmt, u64 offset);

void pmpool_format_store(struct pmpool_format *fmt, void *at, __le64 word);

bool pmpool_name_valid(const char name[64]);
int pmpool_format_read(const struct pmpool_format *fmt, u32 slot, struct pmpool_record *rec);
bool pmpool_format_guess_name(const struct pmpool_format *fmt, u32 slot, char name[64]);
u64 pmpool_format_next_id(const struct pmpool_format *fmt, u32 slot);
bool pmpool_format_decode(const struct pmpool_format *fmt, u32 slot,
			  const struct pmpool_format_record *disk, struct pmpool_record *rec);
void pmpool_format_create(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec);
void pmpool_format_resize(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec,
			  const struct pmpool_record *old);
void pmpool_format_write(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec);
void pmpool_format_write_limit(struct pmpool_format *fmt, u32 slot, u32 uid, u64 blocks,
			       u64 extents);
void pmpool_format_free(struct pmpool_format *fmt, u32 slot);

bool pmpool_format_block_ready(const struct pmpool_format *fmt, u64 block);
void pmpool_format_set_block_ready(struct pmpool_format *fmt, u64 block);
void pmpool_format_clear_blocks(struct pmpool_format *fmt, u64 first, u64 blocks);

#endif /* PMPOOL_FORMAT_H */
