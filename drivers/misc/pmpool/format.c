// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the on-memory format
 *
 * Everything that knows where a byte of metadata lies is in this file. It
 * checks what it reads as it would check input from a stranger, since another
 * kernel wrote it and anything may have happened to it since; and it changes
 * the region through pmpool_format_store() alone, so that a test can stop the
 * world after any store.
 *
 * Not only another kernel reads it, after a kexec; the firmware may reset the
 * machine in between, and then what was in a cache alone is lost, line by line.
 * So each step of a change is written back to memory before the next one begins:
 * pmpool_write_back() stands where a barrier would do for other CPUs.
 *
 * The file also builds in user space: unit tests, fuzzers and the offline
 * checker run this code, not a copy of it.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <asm/barrier.h>

#include "compat.h"
#include "format.h"
#include "hold.h"

#define SUPER_SIZE	sizeof(struct pmpool_format_super)
#define RECORD_SIZE	sizeof(struct pmpool_format_record)
/* Behind all that a kernel may keep in its own part of the largest region. */
#define HOLD_END \
	(PMPOOL_HOLD_BITMAP_OFFSET + PMPOOL_HOLD_BITMAP_SIZE(PMPOOL_HOLD_MAX_SIZE))
/* Of a record. Nobody counts so far, but an image may say so; ids have room. */
#define SEQ_MAX		(U64_MAX / PMPOOL_FORMAT_SLOTS - 1)
#define CRC_OFFSET_END(type)	(offsetof(type, crc) + sizeof(__le32))

/* Told after each store to the region; tests define it. */
#ifndef pmpool_format_stored
#define pmpool_format_stored(fmt, at)	((void)(fmt), (void)(at))
#endif

#define assert_offset(type, member, offset) \
	static_assert(offsetof(struct pmpool_format_##type, member) == (offset))

assert_offset(super, magic, 0);
assert_offset(super, crc, 8);
assert_offset(super, version, 12);
assert_offset(super, seq, 16);
assert_offset(super, compat, 24);
assert_offset(super, ro_compat, 32);
assert_offset(super, incompat, 40);
assert_offset(super, uuid, 48);
assert_offset(super, region_size, 64);
assert_offset(super, block_shift, 72);
assert_offset(super, record_size, 76);
assert_offset(super, record_slots, 80);
assert_offset(super, meta_blocks, 84);
assert_offset(super, table_offset, 88);
assert_offset(super, bitmap_offset, 96);
assert_offset(super, bitmap_size, 104);
assert_offset(super, copy_offset, 112);
assert_offset(super, generation, 120);
assert_offset(super, flags, 128);
assert_offset(super, reserved0, 132);
assert_offset(super, format_time, 136);
assert_offset(super, attach_time, 144);
assert_offset(super, handover_time, 152);
assert_offset(super, kernel, 160);
assert_offset(super, reserved, 224);
static_assert(SUPER_SIZE == 512);

assert_offset(record, magic, 0);
assert_offset(record, crc, 4);
assert_offset(record, seq, 8);
assert_offset(record, type, 16);
assert_offset(record, flags, 20);
assert_offset(record, uid, 24);
assert_offset(record, gid, 28);
assert_offset(record, mode, 32);
assert_offset(record, reserved0, 36);
assert_offset(record, first_block, 40);
assert_offset(record, blocks, 48);
assert_offset(record, length, 56);
assert_offset(record, id, 64);
assert_offset(record, generation, 72);
assert_offset(record, create_time, 80);
assert_offset(record, uuid, 88);
assert_offset(record, tag, 104);
assert_offset(record, name, 120);
assert_offset(record, reserved, 184);
static_assert(RECORD_SIZE == 256);
static_assert(sizeof(struct pmpool_format_slot) == 512);

/* The kernel's own part is where no pool that may have one keeps anything. */
static_assert(PMPOOL_FORMAT_BITMAP_OFFSET + PMPOOL_HOLD_BITMAP_SIZE(PMPOOL_HOLD_MAX_SIZE) <=
	      PMPOOL_HOLD_HEADER_OFFSET);
static_assert(HOLD_END + PMPOOL_FORMAT_PAGE_SIZE <= PMPOOL_FORMAT_BLOCK_SIZE);

/**
 * pmpool_format_store - the one place that changes the region
 * @fmt: whose
 * @at: in @fmt->mem
 * @word: as it lies in memory
 */
void pmpool_format_store(struct pmpool_format *fmt, void *at, __le64 word)
{
	WRITE_ONCE(*(__le64 *)at, word);
	pmpool_format_stored(fmt, at);
}

static void meta_store(struct pmpool_format *fmt, void *at, u64 value)
{
	pmpool_format_store(fmt, at, (__force __le64)value);
}

/*
 * Write a structure to one place. Its checksum is taken away first and put there
 * last, so that no remains of an earlier, unfinished change and no part of this
 * one ever look like a whole structure.
 */
static void meta_write(struct pmpool_format *fmt, u64 offset, const void *from, size_t size,
		       size_t crc_offset)
{
	const u64 *word = from;
	u64 *at = fmt->mem + offset;
	size_t i, crc = crc_offset / sizeof(u64);

	meta_store(fmt, &at[crc], 0);
	pmpool_write_back(&at[crc], sizeof(*at)); /* no checksum while it changes */
	for (i = 0; i < size / sizeof(u64); i++)
		if (i != crc)
			meta_store(fmt, &at[i], word[i]);
	pmpool_write_back(at, size); /* everything else before the checksum */
	meta_store(fmt, &at[crc], word[crc]);
	pmpool_write_back(&at[crc], sizeof(*at)); /* all of it before what relies on it */
}

/*
 * Two places, one after the other: at every instant one of them is whole. So
 * the one that is not good goes first, if there is one: it may be the remains
 * of a change that was cut short. What the structure refers to was written back
 * by who changed that.
 */
static void write_both(struct pmpool_format *fmt, const u64 place[2], unsigned int good,
		       const void *from, size_t size, size_t crc_offset)
{
	meta_write(fmt, place[!good], from, size, crc_offset);
	meta_write(fmt, place[good], from, size, crc_offset);
}

static void meta_zero(struct pmpool_format *fmt, u64 offset, u64 size)
{
	u64 *at = fmt->mem + offset;
	u64 i;

	for (i = 0; i < size / sizeof(u64); i++)
		if (at[i])
			meta_store(fmt, &at[i], 0);
	pmpool_write_back(at, size);
}

/* CRC32C of a structure whose crc member ends at @crc_end, that member as zero. */
static u32 checksum(const void *from, size_t size, size_t crc_end)
{
	static const __le32 zero;
	u32 crc = ~0U;

	crc = pmpool_crc32c(crc, from, crc_end - sizeof(zero));
	crc = pmpool_crc32c(crc, &zero, sizeof(zero));
	crc = pmpool_crc32c(crc, from + crc_end, size - crc_end);
	return ~crc;
}

static bool all_zero(const void *from, size_t size)
{
	return !memchr_inv(from, 0, size);
}

/* Text in a fixed field: terminated, and nothing behind the terminator. */
static bool text_valid(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	return len < size && all_zero(text + len, size - len);
}

/**
 * pmpool_name_valid - whether an extent may be called this
 * @name: field of 64 bytes
 *
 * Return: true for 1 to 63 characters of [A-Za-z0-9._-] that are not "." or
 * "..", with only NULs behind them.
 */
bool pmpool_name_valid(const char name[64])
{
	const char *c;

	if (!text_valid(name, 64) || !name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;

	for (c = name; *c; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') &&
		    !(*c >= '0' && *c <= '9') && *c != '.' && *c != '_' && *c != '-')
			return false;

	return true;
}

/**
 * pmpool_format_init - lay out a region
 * @fmt: to fill
 * @mem: the region
 * @size: of the region, in bytes
 *
 * Return: 0, or -EINVAL when a pool can not have this size; @fmt->why says why.
 */
int pmpool_format_init(struct pmpool_format *fmt, void *mem, u64 size)
{
	memset(fmt, 0, sizeof(*fmt));
	fmt->mem = mem;
	fmt->size = size;

	if (size % PMPOOL_FORMAT_BLOCK_SIZE) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "size %#llx is not a multiple of 2 MiB: use %#llx",
			 (unsigned long long)size,
			 (unsigned long long)(size & ~(PMPOOL_FORMAT_BLOCK_SIZE - 1)));
		return -EINVAL;
	}
	if (size < PMPOOL_FORMAT_MIN_SIZE) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "size %#llx is too small: a pool needs at least %#llx",
			 (unsigned long long)size, (unsigned long long)PMPOOL_FORMAT_MIN_SIZE);
		return -EINVAL;
	}

	fmt->blocks = size >> PMPOOL_FORMAT_BLOCK_SHIFT;
	fmt->table_offset = PMPOOL_FORMAT_TABLE_OFFSET;
	fmt->bitmap_offset = PMPOOL_FORMAT_BITMAP_OFFSET;
	fmt->bitmap_size = DIV_ROUND_UP_ULL(fmt->blocks, 64) * sizeof(__le64);
	fmt->meta_blocks = (fmt->bitmap_offset + fmt->bitmap_size + PMPOOL_FORMAT_PAGE_SIZE +
			    PMPOOL_FORMAT_BLOCK_SIZE - 1) >> PMPOOL_FORMAT_BLOCK_SHIFT;
	fmt->copy_offset = (fmt->meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT) -
			   PMPOOL_FORMAT_PAGE_SIZE;
	return 0;
}

static void super_encode(const struct pmpool_format *fmt, struct pmpool_format_super *disk)
{
	const struct pmpool_super *sb = &fmt->super;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->magic, PMPOOL_FORMAT_MAGIC, PMPOOL_FORMAT_MAGIC_SIZE);
	disk->version = cpu_to_le32(PMPOOL_FORMAT_VERSION);
	disk->seq = cpu_to_le64(sb->seq);
	disk->compat = cpu_to_le64(sb->compat);
	disk->ro_compat = cpu_to_le64(sb->ro_compat);
	disk->incompat = cpu_to_le64(sb->incompat);
	memcpy(disk->uuid, sb->uuid, sizeof(disk->uuid));
	disk->region_size = cpu_to_le64(fmt->size);
	disk->block_shift = cpu_to_le32(PMPOOL_FORMAT_BLOCK_SHIFT);
	disk->record_size = cpu_to_le32(RECORD_SIZE);
	disk->record_slots = cpu_to_le32(PMPOOL_FORMAT_SLOTS);
	disk->meta_blocks = cpu_to_le32(fmt->meta_blocks);
	disk->table_offset = cpu_to_le64(fmt->table_offset);
	disk->bitmap_offset = cpu_to_le64(fmt->bitmap_offset);
	disk->bitmap_size = cpu_to_le64(fmt->bitmap_size);
	disk->copy_offset = cpu_to_le64(fmt->copy_offset);
	disk->generation = cpu_to_le64(sb->generation);
	disk->flags = cpu_to_le32(sb->clean ? PMPOOL_FORMAT_SB_CLEAN : 0);
	disk->format_time = cpu_to_le64(sb->format_time);
	disk->attach_time = cpu_to_le64(sb->attach_time);
	disk->handover_time = cpu_to_le64(sb->handover_time);
	memcpy(disk->kernel, sb->kernel, sizeof(disk->kernel));
	disk->crc = cpu_to_le32(checksum(disk, sizeof(*disk),
					 CRC_OFFSET_END(struct pmpool_format_super)));
}

static void super_write(struct pmpool_format *fmt)
{
	const u64 place[2] = { 0, fmt->copy_offset };
	struct pmpool_format_super disk;

	fmt->super.seq++;
	super_encode(fmt, &disk);
	write_both(fmt, place, fmt->super_place, &disk, sizeof(disk),
		   offsetof(struct pmpool_format_super, crc));
}

/* Magic and checksum are at the same place, and mean the same, in every version. */
static bool super_marked(const struct pmpool_format_super *disk)
{
	return !memcmp(disk->magic, PMPOOL_FORMAT_MAGIC, PMPOOL_FORMAT_MAGIC_SIZE);
}

static bool super_whole(const struct pmpool_format_super *disk)
{
	return super_marked(disk) &&
	       le32_to_cpu(disk->crc) == checksum(disk, sizeof(*disk),
						  CRC_OFFSET_END(struct pmpool_format_super));
}

enum super_state {
	SUPER_NONE,		/* no magic */
	SUPER_DAMAGED,
	SUPER_FOREIGN,		/* whole, but of another version, or with unknown features */
	SUPER_RESIZED,		/* whole, but for a region of another size */
	SUPER_VALID,
};

static enum super_state super_decode(struct pmpool_format *fmt, u64 offset,
				     struct pmpool_super *sb)
{
	struct pmpool_format_super disk;

	memcpy(&disk, fmt->mem + offset, sizeof(disk));

	if (!super_marked(&disk))
		return SUPER_NONE;
	/* A superblock of a later version is not taken for a damaged one. */
	if (!super_whole(&disk))
		return SUPER_DAMAGED;

	if (le32_to_cpu(disk.version) != PMPOOL_FORMAT_VERSION) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "format version %u, this driver knows %u: load the driver that wrote it",
			 le32_to_cpu(disk.version), PMPOOL_FORMAT_VERSION);
		return SUPER_FOREIGN;
	}
	if (le64_to_cpu(disk.incompat) & ~PMPOOL_FORMAT_INCOMPAT_KNOWN) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "incompatible features 0x%llx, this driver knows 0x%llx: load a newer driver",
			 (unsigned long long)le64_to_cpu(disk.incompat),
			 (unsigned long long)PMPOOL_FORMAT_INCOMPAT_KNOWN);
		return SUPER_FOREIGN;
	}
	if (le64_to_cpu(disk.region_size) != fmt->size) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "the pool has size %#llx, the region %#llx: give the region that size",
			 (unsigned long long)le64_to_cpu(disk.region_size),
			 (unsigned long long)fmt->size);
		return SUPER_RESIZED;
	}

	if (le32_to_cpu(disk.block_shift) != PMPOOL_FORMAT_BLOCK_SHIFT ||
	    le32_to_cpu(disk.record_size) != RECORD_SIZE ||
	    le32_to_cpu(disk.record_slots) != PMPOOL_FORMAT_SLOTS ||
	    le32_to_cpu(disk.meta_blocks) != fmt->meta_blocks ||
	    le64_to_cpu(disk.table_offset) != fmt->table_offset ||
	    le64_to_cpu(disk.bitmap_offset) != fmt->bitmap_offset ||
	    le64_to_cpu(disk.bitmap_size) != fmt->bitmap_size ||
	    le64_to_cpu(disk.copy_offset) != fmt->copy_offset ||
	    le32_to_cpu(disk.flags) & ~PMPOOL_FORMAT_SB_CLEAN ||
	    disk.reserved0 || !all_zero(disk.reserved, sizeof(disk.reserved)) ||
	    !text_valid(disk.kernel, sizeof(disk.kernel)))
		return SUPER_DAMAGED;

	sb->seq = le64_to_cpu(disk.seq);
	sb->compat = le64_to_cpu(disk.compat);
	sb->ro_compat = le64_to_cpu(disk.ro_compat);
	sb->incompat = le64_to_cpu(disk.incompat);
	memcpy(sb->uuid, disk.uuid, sizeof(sb->uuid));
	sb->generation = le64_to_cpu(disk.generation);
	sb->clean = le32_to_cpu(disk.flags) & PMPOOL_FORMAT_SB_CLEAN;
	sb->format_time = le64_to_cpu(disk.format_time);
	sb->attach_time = le64_to_cpu(disk.attach_time);
	sb->handover_time = le64_to_cpu(disk.handover_time);
	memcpy(sb->kernel, disk.kernel, sizeof(sb->kernel));
	return SUPER_VALID;
}

static bool record_whole(const struct pmpool_format_record *disk)
{
	return le32_to_cpu(disk->magic) == PMPOOL_FORMAT_RECORD_MAGIC &&
	       disk->seq && le64_to_cpu(disk->seq) <= SEQ_MAX &&
	       le32_to_cpu(disk->crc) == checksum(disk, sizeof(*disk),
						  CRC_OFFSET_END(struct pmpool_format_record));
}

/* Places that hold a record, also one that is not for a region of this size. */
static u32 whole_records(const struct pmpool_format *fmt)
{
	struct pmpool_format_record disk;
	u32 i, count = 0;

	for (i = 0; i < 2 * PMPOOL_FORMAT_SLOTS; i++) {
		memcpy(&disk, fmt->mem + fmt->table_offset + i * RECORD_SIZE, sizeof(disk));
		count += record_whole(&disk);
	}
	return count;
}

/*
 * No superblock is whole. Whether this is no pool: there is nothing of one, or no
 * more than what writing the first superblocks leaves when it is cut short.
 */
static int without_super(struct pmpool_format *fmt, bool damaged)
{
	u32 records = whole_records(fmt);

	if (records || (damaged && !pmpool_format_unused(fmt))) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "both superblocks are damaged, at offsets 0 and %#llx, %u copies of records are not: to give up what the pool held, load the driver once with format=1",
			 (unsigned long long)fmt->copy_offset, records);
		return -EBADMSG;
	}
	snprintf(fmt->why, sizeof(fmt->why), "the region holds no pool");
	return -ENODATA;
}

/**
 * pmpool_format_unused - whether nothing was ever recorded in a pool
 * @fmt: of pmpool_format_init()
 *
 * Return: whether the extent table and the initialised bitmap are all zero.
 */
bool pmpool_format_unused(const struct pmpool_format *fmt)
{
	return all_zero(fmt->mem + fmt->table_offset,
			fmt->bitmap_offset + fmt->bitmap_size - fmt->table_offset);
}

/**
 * pmpool_format_begun - whether formatting a region was begun and not finished
 * @fmt: of pmpool_format_init()
 *
 * Return: if so nothing else in its metadata means anything.
 */
bool pmpool_format_begun(const struct pmpool_format *fmt)
{
	return !memcmp(fmt->mem, PMPOOL_FORMAT_BEGUN, PMPOOL_FORMAT_MAGIC_SIZE);
}

/**
 * pmpool_format_recognise - whether there is a superblock, of whatever pool
 * @mem: SUPER_SIZE bytes
 * @at: their physical address: the start of a block, or of the last page of one
 * @found: out: the pool that it belongs to
 *
 * Return: whether it is whole.
 */
bool pmpool_format_recognise(const void *mem, u64 at, struct pmpool_found *found)
{
	struct pmpool_format_super disk;
	u64 block = at & ~(PMPOOL_FORMAT_BLOCK_SIZE - 1);

	memcpy(&disk, mem, sizeof(disk));
	if (!super_whole(&disk))
		return false;

	found->version = le32_to_cpu(disk.version);
	found->size = le64_to_cpu(disk.region_size);
	found->generation = le64_to_cpu(disk.generation);
	memcpy(found->uuid, disk.uuid, sizeof(found->uuid));
	found->base = at == block ? at : at - le64_to_cpu(disk.copy_offset);
	/* What another version says may be something else. */
	if (found->base > block || found->base % PMPOOL_FORMAT_BLOCK_SIZE)
		found->base = block;
	return true;
}

/**
 * pmpool_found_overlaps - whether a pool has bytes of a region
 * @found: the pool
 * @base: physical address of the region
 * @size: of the region, in bytes
 *
 * Return: true also for a pool of another version, which may mean another size.
 */
bool pmpool_found_overlaps(const struct pmpool_found *found, u64 base, u64 size)
{
	return found->version != PMPOOL_FORMAT_VERSION ||
	       (found->base < base + size && base - min(base, found->base) < found->size);
}

/**
 * pmpool_format_search - look for superblocks that are in a region, of whatever pool
 * @fmt: of pmpool_format_init(); all of the region is there, not only its metadata
 * @base: physical address of the region
 * @offset: where to go on looking, 0 at first; out: behind what was found
 * @found: out: the pool that it belongs to
 *
 * Return: whether there is one, at @offset or behind.
 */
bool pmpool_format_search(const struct pmpool_format *fmt, u64 base, u64 *offset,
			  struct pmpool_found *found)
{
	const u64 last_page = PMPOOL_FORMAT_BLOCK_SIZE - PMPOOL_FORMAT_PAGE_SIZE;

	if (pmpool_format_begun(fmt))
		*offset = max(*offset, fmt->meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT);
	while (*offset < fmt->size) {
		u64 at = *offset;

		*offset += at % PMPOOL_FORMAT_BLOCK_SIZE ? PMPOOL_FORMAT_PAGE_SIZE : last_page;
		if (pmpool_format_recognise(fmt->mem + at, base + at, found))
			return true;
	}
	return false;
}

/**
 * pmpool_format_erase - take away the superblock that was found last
 * @fmt: as it was given to pmpool_format_search()
 * @offset: as that left it
 */
void pmpool_format_erase(struct pmpool_format *fmt, u64 offset)
{
	const u64 last_page = PMPOOL_FORMAT_BLOCK_SIZE - PMPOOL_FORMAT_PAGE_SIZE;
	u64 at = offset - (offset % PMPOOL_FORMAT_BLOCK_SIZE ? last_page : PMPOOL_FORMAT_PAGE_SIZE);

	meta_store(fmt, fmt->mem + at, 0);
	pmpool_write_back(fmt->mem + at, sizeof(u64));
}

/**
 * pmpool_format_open - find the pool that a region holds
 * @fmt: of pmpool_format_init()
 *
 * Changes nothing in the region.
 *
 * Return: 0; -ENODATA when the region's metadata is of no pool, or of one that was
 * not made to the end; -EPROTONOSUPPORT when it holds a pool that this driver can
 * not attach, -ERANGE when it holds one for a region of another size, -EBADMSG when
 * it holds one without a whole superblock. @fmt->why then says what to do.
 */
int pmpool_format_open(struct pmpool_format *fmt)
{
	struct pmpool_super sb[2] = { };
	enum super_state state[2];
	unsigned int use;

	if (pmpool_format_begun(fmt)) {
		snprintf(fmt->why, sizeof(fmt->why),
			 "the region holds no pool: formatting it was cut short");
		return -ENODATA;
	}

	state[0] = super_decode(fmt, 0, &sb[0]);
	if (state[0] == SUPER_FOREIGN)
		return -EPROTONOSUPPORT;
	if (state[0] == SUPER_RESIZED)
		return -ERANGE;

	state[1] = super_decode(fmt, fmt->copy_offset, &sb[1]);
	if (state[0] != SUPER_VALID && state[1] == SUPER_FOREIGN)
		return -EPROTONOSUPPORT;
	if (state[0] != SUPER_VALID && state[1] == SUPER_RESIZED)
		return -ERANGE;

	if (state[0] != SUPER_VALID && state[1] != SUPER_VALID)
		return without_super(fmt, state[0] != SUPER_NONE || state[1] != SUPER_NONE);

	use = state[0] != SUPER_VALID ||
	      (state[1] == SUPER_VALID && sb[1].seq > sb[0].seq);
	fmt->super = sb[use];
	fmt->super_place = use;
	fmt->bad_copies = state[!use] != SUPER_VALID;
	fmt->read_only = fmt->super.ro_compat & ~PMPOOL_FORMAT_RO_COMPAT_KNOWN;
	return 0;
}

/**
 * pmpool_format_make - make an empty pool
 * @fmt: of pmpool_format_init()
 * @uuid: of the pool
 * @now: in ns since the Unix epoch
 *
 * Whatever extents the region held are lost; what users inside the kernel have is
 * not. Interrupted, it leaves a region that is as it was, or one that is known to
 * hold no pool, not half of one.
 */
void pmpool_format_make(struct pmpool_format *fmt, const u8 uuid[16], u64 now)
{
	u64 begun;

	/*
	 * With this store the old pool is gone, and the rest of it means nothing. It
	 * is in memory when meta_zero() returns, which writes back that line too.
	 */
	memcpy(&begun, PMPOOL_FORMAT_BEGUN, sizeof(begun));
	meta_store(fmt, fmt->mem, begun);
	meta_zero(fmt, sizeof(begun), SUPER_SIZE - sizeof(begun));
	meta_zero(fmt, fmt->copy_offset, PMPOOL_FORMAT_PAGE_SIZE);
	if (pmpool_hold_present(fmt)) {
		meta_zero(fmt, SUPER_SIZE, PMPOOL_HOLD_HEADER_OFFSET - SUPER_SIZE);
		meta_zero(fmt, HOLD_END, fmt->copy_offset - HOLD_END);
	} else {
		meta_zero(fmt, SUPER_SIZE, fmt->copy_offset - SUPER_SIZE);
	}

	memset(&fmt->super, 0, sizeof(fmt->super));
	memcpy(fmt->super.uuid, uuid, sizeof(fmt->super.uuid));
	fmt->super.format_time = now;
	fmt->super.clean = true;
	fmt->super_place = 0;
	fmt->bad_copies = 0;
	fmt->read_only = false;
	super_write(fmt);
}

/**
 * pmpool_format_attach - count an attach
 * @fmt: of pmpool_format_open() or pmpool_format_make()
 * @now: in ns since the Unix epoch
 * @kernel: release of this kernel
 *
 * Mends a damaged superblock on the way.
 */
void pmpool_format_attach(struct pmpool_format *fmt, u64 now, const char *kernel)
{
	struct pmpool_super *sb = &fmt->super;

	sb->generation++;
	sb->clean = false;
	sb->attach_time = now;
	memset(sb->kernel, 0, sizeof(sb->kernel));
	strscpy(sb->kernel, kernel, sizeof(sb->kernel));
	super_write(fmt);
}

/**
 * pmpool_format_detach - say that the pool was let go of in an orderly way
 * @fmt: of an attached pool
 * @now: in ns since the Unix epoch
 */
void pmpool_format_detach(struct pmpool_format *fmt, u64 now)
{
	fmt->super.clean = true;
	fmt->super.handover_time = now;
	super_write(fmt);
}

static u64 record_offset(const struct pmpool_format *fmt, u32 slot, unsigned int copy)
{
	return fmt->table_offset + slot * sizeof(struct pmpool_format_slot) + copy * RECORD_SIZE;
}

static bool extent_sound(const struct pmpool_format *fmt, u32 slot,
			 const struct pmpool_format_record *disk)
{
	u64 first = le64_to_cpu(disk->first_block);
	u64 blocks = le64_to_cpu(disk->blocks);
	u64 length = le64_to_cpu(disk->length);
	u64 id = le64_to_cpu(disk->id);

	return !(le32_to_cpu(disk->flags) & ~PMPOOL_FORMAT_RECORD_CLEAN) &&
	       !(le32_to_cpu(disk->mode) & ~0777) &&
	       !disk->reserved0 && all_zero(disk->reserved, sizeof(disk->reserved)) &&
	       first >= fmt->meta_blocks && first < fmt->blocks &&
	       blocks && blocks <= fmt->blocks - first &&
	       length <= blocks << PMPOOL_FORMAT_BLOCK_SHIFT &&
	       length > (blocks - 1) << PMPOOL_FORMAT_BLOCK_SHIFT &&
	       id && id % PMPOOL_FORMAT_SLOTS == slot &&
	       pmpool_name_valid(disk->name);
}

static bool limit_sound(const struct pmpool_format_record *disk)
{
	struct pmpool_format_record rest = *disk;

	rest.uid = 0;
	rest.blocks = 0;
	rest.length = 0;
	return all_zero(&rest.flags,
			sizeof(rest) - offsetof(struct pmpool_format_record, flags));
}

static bool record_sound(const struct pmpool_format *fmt, u32 slot,
			 const struct pmpool_format_record *disk)
{
	if (le32_to_cpu(disk->magic) != PMPOOL_FORMAT_RECORD_MAGIC)
		return false;

	switch (le32_to_cpu(disk->type)) {
	case PMPOOL_FORMAT_RECORD_FREE:
		return all_zero(&disk->flags,
				sizeof(*disk) - offsetof(struct pmpool_format_record, flags));
	case PMPOOL_FORMAT_RECORD_EXTENT:
		return extent_sound(fmt, slot, disk);
	case PMPOOL_FORMAT_RECORD_LIMIT:
		return limit_sound(disk);
	}
	return false;
}

/* Whole and sound: @disk is a copy that nobody else can change. */
static bool record_valid(const struct pmpool_format *fmt, u32 slot,
			 const struct pmpool_format_record *disk)
{
	return record_whole(disk) && record_sound(fmt, slot, disk);
}

/*
 * Whether a slot was never used: one place is zero, and in the other there is at
 * most a first change that was cut short, which nobody was told of. It would get
 * its magic and checksum last.
 */
static bool unfinished(const struct pmpool_format_record *none,
		       const struct pmpool_format_record *begun)
{
	return all_zero(none, sizeof(*none)) && !begun->magic && !begun->crc;
}

/*
 * Copy the current record of a slot. Returns -ENOENT when the slot was never
 * used, -EBADMSG when it is damaged, and else 0, with the place it is at in
 * @place, and in @bad how many of the two places do not hold it.
 */
static int record_current(const struct pmpool_format *fmt, u32 slot,
			  struct pmpool_format_record *disk, unsigned int *place,
			  unsigned int *bad)
{
	struct pmpool_format_record second;
	bool valid, second_valid;

	memcpy(disk, fmt->mem + record_offset(fmt, slot, 0), sizeof(*disk));
	memcpy(&second, fmt->mem + record_offset(fmt, slot, 1), sizeof(second));

	valid = record_valid(fmt, slot, disk);
	second_valid = record_valid(fmt, slot, &second);
	if (!valid && !second_valid)
		return unfinished(disk, &second) || unfinished(&second, disk) ? -ENOENT : -EBADMSG;

	*bad = !valid || !second_valid || disk->seq != second.seq;
	*place = !valid || (second_valid && le64_to_cpu(second.seq) > le64_to_cpu(disk->seq));
	if (*place)
		*disk = second;
	return 0;
}

static void record_decode(const struct pmpool_format_record *disk, struct pmpool_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	rec->type = le32_to_cpu(disk->type);
	rec->id = le64_to_cpu(disk->id);
	rec->first_block = le64_to_cpu(disk->first_block);
	rec->blocks = le64_to_cpu(disk->blocks);
	rec->length = le64_to_cpu(disk->length);
	rec->generation = le64_to_cpu(disk->generation);
	rec->create_time = le64_to_cpu(disk->create_time);
	rec->uid = le32_to_cpu(disk->uid);
	rec->gid = le32_to_cpu(disk->gid);
	rec->mode = le32_to_cpu(disk->mode);
	rec->clean = le32_to_cpu(disk->flags) & PMPOOL_FORMAT_RECORD_CLEAN;
	memcpy(rec->uuid, disk->uuid, sizeof(rec->uuid));
	memcpy(rec->tag, disk->tag, sizeof(rec->tag));
	memcpy(rec->name, disk->name, sizeof(rec->name));
}

/**
 * pmpool_format_decode - decode a record that is not in the region
 * @fmt: of an open pool
 * @slot: that it is for
 * @disk: the record; seq and crc are ignored
 * @rec: to fill
 *
 * Return: whether it is sound: whether it could stand in that slot.
 */
bool pmpool_format_decode(const struct pmpool_format *fmt, u32 slot,
			  const struct pmpool_format_record *disk, struct pmpool_record *rec)
{
	if (!record_sound(fmt, slot, disk))
		return false;
	record_decode(disk, rec);
	return true;
}

/**
 * pmpool_format_read - read the record of a slot
 * @fmt: of an open pool
 * @slot: below PMPOOL_FORMAT_SLOTS
 * @rec: to fill
 *
 * Return: 0; -ENOENT when the slot is free, -EBADMSG when it is damaged.
 */
int pmpool_format_read(const struct pmpool_format *fmt, u32 slot, struct pmpool_record *rec)
{
	struct pmpool_format_record disk;
	unsigned int place, bad;
	int ret;

	ret = record_current(fmt, slot, &disk, &place, &bad);
	if (ret)
		return ret;
	if (le32_to_cpu(disk.type) == PMPOOL_FORMAT_RECORD_FREE)
		return -ENOENT;

	record_decode(&disk, rec);
	rec->bad_copies = bad;
	return 0;
}

/**
 * pmpool_format_guess_name - what the extent of a damaged record may be called
 * @fmt: of an open pool
 * @slot: of the record
 * @name: out
 *
 * Return: whether one of the places has a name in it. It is for people only.
 */
bool pmpool_format_guess_name(const struct pmpool_format *fmt, u32 slot, char name[64])
{
	struct pmpool_format_record disk;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		memcpy(&disk, fmt->mem + record_offset(fmt, slot, copy), sizeof(disk));
		memcpy(name, disk.name, sizeof(disk.name));
		if (pmpool_name_valid(name))
			return true;
	}
	return false;
}

/*
 * How often a slot was changed. Where a damaged one does not say, a number that
 * is greater for sure: nothing happens to a slot once a second all the time.
 */
static u64 record_seq(const struct pmpool_format *fmt, u32 slot, unsigned int *place)
{
	struct pmpool_format_record disk;
	unsigned int bad;
	int ret;

	ret = record_current(fmt, slot, &disk, place, &bad);
	if (!ret)
		return le64_to_cpu(disk.seq);
	*place = 0;
	return ret == -ENOENT ? 0 : div_u64(fmt->super.attach_time, 1000000000);
}

static void record_write(struct pmpool_format *fmt, u32 slot, struct pmpool_format_record *disk)
{
	const u64 at[2] = { record_offset(fmt, slot, 0), record_offset(fmt, slot, 1) };
	unsigned int place;
	u64 seq = record_seq(fmt, slot, &place) + 1;

	/* An extent that is restored keeps its id, and no later one gets it. */
	seq = max(seq, div_u64(le64_to_cpu(disk->id), PMPOOL_FORMAT_SLOTS));
	/* At the end of all numbers it stays: better than no valid record. */
	seq = min(seq, SEQ_MAX);

	disk->magic = cpu_to_le32(PMPOOL_FORMAT_RECORD_MAGIC);
	disk->seq = cpu_to_le64(seq);
	disk->crc = 0;
	disk->crc = cpu_to_le32(checksum(disk, sizeof(*disk),
					 CRC_OFFSET_END(struct pmpool_format_record)));
	write_both(fmt, at, place, disk, sizeof(*disk),
		   offsetof(struct pmpool_format_record, crc));
}

/**
 * pmpool_format_next_id - the id of an extent that is created in a slot next
 * @fmt: of an open pool
 * @slot: a free one
 *
 * Return: a number that no extent of this pool had or will have; 0 when the slot
 * has none left, which only happens in an image that says so.
 */
u64 pmpool_format_next_id(const struct pmpool_format *fmt, u32 slot)
{
	unsigned int place;
	u64 seq = record_seq(fmt, slot, &place);

	return seq < SEQ_MAX ? (seq + 1) * PMPOOL_FORMAT_SLOTS + slot : 0;
}

/**
 * pmpool_format_create - create an extent
 * @fmt: of an attached pool; changes of the bitmap are locked out
 * @slot: of its record, a free one
 * @rec: what it is
 */
void pmpool_format_create(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec)
{
	/* Nobody's bytes but its own are in a block whose bit is set. */
	pmpool_format_clear_blocks(fmt, rec->first_block, rec->blocks);
	pmpool_format_write(fmt, slot, rec);
}

/**
 * pmpool_format_resize - change how long an extent is
 * @fmt: of an attached pool; changes of the bitmap are locked out
 * @slot: of its record
 * @rec: what it becomes: at the same place
 * @old: what it was
 */
void pmpool_format_resize(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec,
			  const struct pmpool_record *old)
{
	void *end = fmt->mem + (old->first_block << PMPOOL_FORMAT_BLOCK_SHIFT) + old->length;
	u64 behind = (old->blocks << PMPOOL_FORMAT_BLOCK_SHIFT) - old->length;
	u64 block = old->first_block + old->blocks - 1;

	/*
	 * Behind the end is what a longer extent had there, perhaps, or what was
	 * written to the rest of the last page: it must not become part of the
	 * extent. It goes now, not when the extent shrinks: cut short, this loses
	 * nothing that belongs to the extent before or after. The extent may be
	 * mapped, but nobody has been told yet that there is anything to write.
	 */
	if (rec->length > old->length && pmpool_format_block_ready(fmt, block)) {
		memset(end, 0, behind);
		pmpool_write_back(end, behind); /* the zeroes before the record */
	}

	if (rec->blocks > old->blocks)
		pmpool_format_clear_blocks(fmt, old->first_block + old->blocks,
					   rec->blocks - old->blocks);
	pmpool_format_write(fmt, slot, rec);
}

/**
 * pmpool_format_write - change an extent, but for its place and length
 * @fmt: of an attached pool
 * @slot: of its record
 * @rec: what it becomes
 */
void pmpool_format_write(struct pmpool_format *fmt, u32 slot, const struct pmpool_record *rec)
{
	struct pmpool_format_record disk = { };

	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_EXTENT);
	disk.flags = cpu_to_le32(rec->clean ? PMPOOL_FORMAT_RECORD_CLEAN : 0);
	disk.uid = cpu_to_le32(rec->uid);
	disk.gid = cpu_to_le32(rec->gid);
	disk.mode = cpu_to_le32(rec->mode);
	disk.first_block = cpu_to_le64(rec->first_block);
	disk.blocks = cpu_to_le64(rec->blocks);
	disk.length = cpu_to_le64(rec->length);
	disk.id = cpu_to_le64(rec->id);
	disk.generation = cpu_to_le64(rec->generation);
	disk.create_time = cpu_to_le64(rec->create_time);
	memcpy(disk.uuid, rec->uuid, sizeof(disk.uuid));
	memcpy(disk.tag, rec->tag, sizeof(disk.tag));
	memcpy(disk.name, rec->name, sizeof(disk.name));
	record_write(fmt, slot, &disk);
}

/**
 * pmpool_format_write_limit - create or change a limit
 * @fmt: of an attached pool
 * @slot: of its record
 * @uid: whose, or PMPOOL_FORMAT_ANY_UID
 * @blocks: that all extents of that user may take
 * @extents: that the user may have
 */
void pmpool_format_write_limit(struct pmpool_format *fmt, u32 slot, u32 uid, u64 blocks,
			       u64 extents)
{
	struct pmpool_format_record disk = { };

	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_LIMIT);
	disk.uid = cpu_to_le32(uid);
	disk.blocks = cpu_to_le64(blocks);
	disk.length = cpu_to_le64(extents);
	record_write(fmt, slot, &disk);
}

/**
 * pmpool_format_free - remove an extent or a limit
 * @fmt: of an attached pool
 * @slot: of its record
 */
void pmpool_format_free(struct pmpool_format *fmt, u32 slot)
{
	struct pmpool_format_record disk = { };

	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_FREE);
	record_write(fmt, slot, &disk);
}

static __le64 *bitmap_word(const struct pmpool_format *fmt, u64 block)
{
	return (__le64 *)(fmt->mem + fmt->bitmap_offset) + block / 64;
}

/**
 * pmpool_format_block_ready - whether a block may be shown to its owner
 * @fmt: of an open pool
 * @block: of an extent
 *
 * Return: whether the block was zeroed since its extent was created. If so, the
 * zeroes are visible to the caller.
 */
bool pmpool_format_block_ready(const struct pmpool_format *fmt, u64 block)
{
	u64 word = le64_to_cpu(READ_ONCE(*bitmap_word(fmt, block)));
	bool ready = word & (1ULL << block % 64);

	smp_rmb(); /* pairs with the write-back before pmpool_format_set_block_ready() */
	return ready;
}

/**
 * pmpool_format_set_block_ready - remember that a block was zeroed
 * @fmt: of an attached pool
 * @block: of an extent; the zeroes are written back
 */
void pmpool_format_set_block_ready(struct pmpool_format *fmt, u64 block)
{
	__le64 *word = bitmap_word(fmt, block);

	meta_store(fmt, word, (__force u64)(*word | cpu_to_le64(1ULL << block % 64)));
	pmpool_write_back(word, sizeof(*word)); /* the bit before what the owner writes */
}

/**
 * pmpool_format_clear_blocks - forget that blocks were zeroed
 * @fmt: of an attached pool
 * @first: block
 * @blocks: how many
 *
 * To be called before the blocks get a new owner.
 */
void pmpool_format_clear_blocks(struct pmpool_format *fmt, u64 first, u64 blocks)
{
	__le64 *from = bitmap_word(fmt, first);
	u64 end = first + blocks;
	u64 block, next;

	for (block = first; block < end; block = next) {
		__le64 *word = bitmap_word(fmt, block);
		u64 mask;

		next = min(end, (block / 64 + 1) * 64);
		mask = (~0ULL >> (64 - (next - block))) << block % 64;
		if (*word & cpu_to_le64(mask))
			meta_store(fmt, word, (__force u64)(*word & cpu_to_le64(~mask)));
	}
	/* The bits before the record. */
	pmpool_write_back(from, (u8 *)(bitmap_word(fmt, end - 1) + 1) - (u8 *)from);
}
