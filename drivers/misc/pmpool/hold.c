// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: what users inside the kernel have
 *
 * A kernel that keeps the pool itself (CONFIG_PMPOOL_CMA) has users of its own,
 * whose blocks no extent may have. They are told of in a part of the metadata that
 * is that kernel's; here it is read, by every kernel, since a pool moves between
 * kernels of both kinds. It is checked as it would be input from a stranger.
 *
 * A kernel of the other kind changes one thing there: it takes away the word for
 * the bitmap, which says which blocks must be kept, before it gives blocks to
 * extents and does not note that in the bitmap.
 *
 * The file also builds in user space.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <asm/barrier.h>

#include "compat.h"
#include "format.h"
#include "hold.h"

#define HEADER_SIZE	sizeof(struct pmpool_hold_header)
#define RECORD_SIZE	sizeof(struct pmpool_hold_record)
/* Of the header: the checksum with the version, the state with the bitmap's checksum. */
#define CRC_WORD	(offsetof(struct pmpool_hold_header, crc) / sizeof(__le64))
#define STATE_WORD	(offsetof(struct pmpool_hold_header, state) / sizeof(__le64))

#define assert_offset(type, member, offset) \
	static_assert(offsetof(struct pmpool_hold_##type, member) == (offset))

assert_offset(header, magic, 0);
assert_offset(header, crc, 8);
assert_offset(header, version, 12);
assert_offset(header, base, 16);
assert_offset(header, size, 24);
assert_offset(header, id, 32);
assert_offset(header, state, 48);
assert_offset(header, bitmap_crc, 52);
assert_offset(header, table_offset, 56);
assert_offset(header, table_size, 64);
assert_offset(header, bitmap_offset, 72);
assert_offset(header, bitmap_size, 80);
assert_offset(header, reserved, 88);
static_assert(HEADER_SIZE == 128);

assert_offset(record, crc, 0);
assert_offset(record, reserved, 4);
assert_offset(record, first_block, 8);
assert_offset(record, blocks, 16);
assert_offset(record, name, 24);
static_assert(RECORD_SIZE == 64);
static_assert(PMPOOL_HOLD_SLOTS * RECORD_SIZE == PMPOOL_HOLD_TABLE_SIZE);
static_assert(PMPOOL_HOLD_BLOCK_SHIFT == PMPOOL_FORMAT_BLOCK_SHIFT);

/* CRC32C of a structure, the member at @at as zero. */
static u32 checksum(const void *from, size_t size, size_t at)
{
	static const __le32 zero;
	u32 crc = ~0U;

	crc = pmpool_crc32c(crc, from, at);
	crc = pmpool_crc32c(crc, &zero, sizeof(zero));
	crc = pmpool_crc32c(crc, from + at + sizeof(zero), size - at - sizeof(zero));
	return ~crc;
}

static bool all_zero(const void *from, size_t size)
{
	return !memchr_inv(from, 0, size);
}

/**
 * pmpool_hold_possible - whether a region has room for the kernel's own part
 * @fmt: of pmpool_format_init()
 *
 * Return: false for a region that is too large; no kernel keeps it itself.
 */
bool pmpool_hold_possible(const struct pmpool_format *fmt)
{
	return fmt->size <= PMPOOL_HOLD_MAX_SIZE;
}

static void header_get(const struct pmpool_format *fmt, struct pmpool_hold_header *disk)
{
	memcpy(disk, fmt->mem + PMPOOL_HOLD_HEADER_OFFSET, HEADER_SIZE);
}

static u32 header_checksum(const struct pmpool_hold_header *disk)
{
	return checksum(disk, HEADER_SIZE, offsetof(struct pmpool_hold_header, crc));
}

static bool header_valid(const struct pmpool_format *fmt, const struct pmpool_hold_header *disk,
			 u64 base)
{
	u32 state = le32_to_cpu(disk->state);

	return !memcmp(disk->magic, PMPOOL_HOLD_MAGIC, PMPOOL_HOLD_MAGIC_SIZE) &&
	       le32_to_cpu(disk->crc) == header_checksum(disk) &&
	       le32_to_cpu(disk->version) == PMPOOL_HOLD_VERSION &&
	       (base == PMPOOL_HOLD_ANY_BASE || le64_to_cpu(disk->base) == base) &&
	       le64_to_cpu(disk->size) == fmt->size &&
	       !(state & ~PMPOOL_HOLD_SEALED) && (state || !disk->bitmap_crc) &&
	       le64_to_cpu(disk->table_offset) == PMPOOL_HOLD_TABLE_OFFSET &&
	       le64_to_cpu(disk->table_size) == PMPOOL_HOLD_TABLE_SIZE &&
	       le64_to_cpu(disk->bitmap_offset) == PMPOOL_HOLD_BITMAP_OFFSET &&
	       le64_to_cpu(disk->bitmap_size) == PMPOOL_HOLD_BITMAP_SIZE(fmt->size) &&
	       all_zero(disk->reserved, sizeof(disk->reserved));
}

/**
 * pmpool_hold_state - what the header says
 * @fmt: of an open pool
 * @base: physical address of the region, or PMPOOL_HOLD_ANY_BASE
 *
 * What is held can be read, whatever the header says.
 *
 * Return: one of enum pmpool_hold_state.
 */
enum pmpool_hold_state pmpool_hold_state(const struct pmpool_format *fmt, u64 base)
{
	struct pmpool_hold_header disk;

	if (!pmpool_hold_possible(fmt))
		return PMPOOL_HOLD_NONE;
	header_get(fmt, &disk);
	if (all_zero(&disk, sizeof(disk)))
		return PMPOOL_HOLD_NONE;
	if (!header_valid(fmt, &disk, base))
		return PMPOOL_HOLD_DAMAGED;
	return disk.state ? PMPOOL_HOLD_CLOSED : PMPOOL_HOLD_OPEN;
}

static bool record_sound(const struct pmpool_format *fmt, const struct pmpool_hold_record *disk)
{
	u64 first = le64_to_cpu(disk->first_block);
	u64 blocks = le64_to_cpu(disk->blocks);
	size_t len = strnlen(disk->name, sizeof(disk->name));

	return !disk->reserved && first >= fmt->meta_blocks && first < fmt->blocks &&
	       blocks && blocks <= fmt->blocks - first &&
	       len < sizeof(disk->name) && all_zero(disk->name + len, sizeof(disk->name) - len);
}

/**
 * pmpool_hold_read - read what one user inside the kernel has
 * @fmt: of a pool that is formatted
 * @index: below PMPOOL_HOLD_SLOTS
 * @hold: to fill
 *
 * Does not ask whether it shares blocks with another one, or with an extent.
 *
 * Return: 0; -ENOENT when the record is not in use, -EBADMSG when it is damaged.
 */
int pmpool_hold_read(const struct pmpool_format *fmt, u32 index, struct pmpool_hold *hold)
{
	struct pmpool_hold_record disk;
	u32 crc;

	if (!pmpool_hold_possible(fmt))
		return -ENOENT;
	memcpy(&disk, fmt->mem + PMPOOL_HOLD_TABLE_OFFSET + index * RECORD_SIZE, RECORD_SIZE);
	if (all_zero(&disk, sizeof(disk)))
		return -ENOENT;
	crc = checksum(&disk, RECORD_SIZE, offsetof(struct pmpool_hold_record, crc));
	/* Nobody was told of a change that was cut short. */
	if (!disk.crc && crc)
		return -ENOENT;
	if (le32_to_cpu(disk.crc) != crc || !record_sound(fmt, &disk))
		return -EBADMSG;

	hold->first = le64_to_cpu(disk.first_block);
	hold->blocks = le64_to_cpu(disk.blocks);
	memcpy(hold->name, disk.name, sizeof(hold->name));
	return 0;
}

/**
 * pmpool_hold_present - whether a kernel uses its own part of a region
 * @fmt: of pmpool_format_init(), of a region that may hold anything
 *
 * Return: whether there is the beginning of a header, or a hold.
 */
bool pmpool_hold_present(const struct pmpool_format *fmt)
{
	struct pmpool_hold hold;
	u32 i;

	if (!pmpool_hold_possible(fmt))
		return false;
	if (!memcmp(fmt->mem + PMPOOL_HOLD_HEADER_OFFSET, PMPOOL_HOLD_MAGIC,
		    PMPOOL_HOLD_MAGIC_SIZE))
		return true;
	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++)
		if (!pmpool_hold_read(fmt, i, &hold))
			return true;
	return false;
}

/**
 * pmpool_hold_unseal - say that the bitmap is not to be believed any more
 * @fmt: of an open pool that may be written
 * @base: physical address of the region
 *
 * To be called before the first change that the bitmap would have to show, by who
 * does not keep it. At every instant the header is either unchanged or not
 * believed.
 *
 * Return: whether it was to be believed.
 */
bool pmpool_hold_unseal(struct pmpool_format *fmt, u64 base)
{
	__le64 *at = fmt->mem + PMPOOL_HOLD_HEADER_OFFSET;
	__le64 words[HEADER_SIZE / sizeof(__le64)];
	struct pmpool_hold_header disk;

	if (pmpool_hold_state(fmt, base) != PMPOOL_HOLD_CLOSED)
		return false;

	header_get(fmt, &disk);
	disk.state = 0;
	disk.bitmap_crc = 0;
	disk.crc = 0;
	memcpy(words, &disk, sizeof(words));
	pmpool_format_store(fmt, &at[CRC_WORD], words[CRC_WORD]);
	pmpool_write_back(at, HEADER_SIZE); /* no checksum while it changes */
	pmpool_format_store(fmt, &at[STATE_WORD], words[STATE_WORD]);
	pmpool_write_back(at, HEADER_SIZE); /* everything else before the checksum */
	disk.crc = cpu_to_le32(header_checksum(&disk));
	memcpy(words, &disk, sizeof(words));
	pmpool_format_store(fmt, &at[CRC_WORD], words[CRC_WORD]);
	/* All this before what the bitmap does not know of. */
	pmpool_write_back(at, HEADER_SIZE);
	return true;
}

/**
 * pmpool_hold_bitmap_crc - the checksum of the bitmap as it is
 * @fmt: of an open pool with a header
 *
 * Return: what the header has to have when the bitmap is to be believed.
 */
u32 pmpool_hold_bitmap_crc(const struct pmpool_format *fmt)
{
	return ~pmpool_crc32c(~0U, fmt->mem + PMPOOL_HOLD_BITMAP_OFFSET,
			      PMPOOL_HOLD_BITMAP_SIZE(fmt->size));
}

/**
 * pmpool_hold_bit - whether the bitmap says that a block is held
 * @fmt: of an open pool with a header
 * @block: of the region
 *
 * Return: what it says.
 */
bool pmpool_hold_bit(const struct pmpool_format *fmt, u64 block)
{
	const u8 *bytes = fmt->mem + PMPOOL_HOLD_BITMAP_OFFSET;

	return bytes[block / 8] & 1 << block % 8;
}
