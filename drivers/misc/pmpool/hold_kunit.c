// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of reading the kernel's own part of a region. They contain the code
 * that they test.
 */
#include <kunit/test.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "hold.c"

#define POOL_SIZE	(1ULL * SZ_1G)	/* of which the tests only touch the metadata */
#define BASE		(4ULL * SZ_1G)

static int hold_setup(struct kunit *test)
{
	static const u8 uuid[16] = "pmpool-kunit-set";
	struct pmpool_format *fmt = kunit_kzalloc(test, sizeof(*fmt), GFP_KERNEL);
	void *mem = vzalloc(PMPOOL_FORMAT_BLOCK_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, fmt);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, pmpool_format_init(fmt, mem, POOL_SIZE), 0);
	pmpool_format_make(fmt, uuid, 1);
	test->priv = fmt;
	return 0;
}

static void hold_teardown(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;

	if (fmt)
		vfree(fmt->mem);
}

static struct pmpool_hold_record *record(struct pmpool_format *fmt, u32 index)
{
	return fmt->mem + PMPOOL_HOLD_TABLE_OFFSET + index * RECORD_SIZE;
}

static void sign(struct pmpool_hold_record *disk)
{
	disk->crc = cpu_to_le32(checksum(disk, RECORD_SIZE, 0));
}

static void put(struct pmpool_format *fmt, u32 index, u64 first, u64 blocks, const char *name)
{
	struct pmpool_hold_record *disk = record(fmt, index);

	memset(disk, 0, sizeof(*disk));
	disk->first_block = cpu_to_le64(first);
	disk->blocks = cpu_to_le64(blocks);
	strscpy_pad(disk->name, name, sizeof(disk->name));
	sign(disk);
}

static void put_header(struct pmpool_format *fmt, u32 state)
{
	struct pmpool_hold_header *disk = fmt->mem + PMPOOL_HOLD_HEADER_OFFSET;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->magic, PMPOOL_HOLD_MAGIC, PMPOOL_HOLD_MAGIC_SIZE);
	disk->version = cpu_to_le32(PMPOOL_HOLD_VERSION);
	disk->base = cpu_to_le64(BASE);
	disk->size = cpu_to_le64(fmt->size);
	disk->state = cpu_to_le32(state);
	if (state)
		disk->bitmap_crc = cpu_to_le32(pmpool_hold_bitmap_crc(fmt));
	disk->table_offset = cpu_to_le64(PMPOOL_HOLD_TABLE_OFFSET);
	disk->table_size = cpu_to_le64(PMPOOL_HOLD_TABLE_SIZE);
	disk->bitmap_offset = cpu_to_le64(PMPOOL_HOLD_BITMAP_OFFSET);
	disk->bitmap_size = cpu_to_le64(PMPOOL_HOLD_BITMAP_SIZE(fmt->size));
	disk->crc = cpu_to_le32(header_checksum(disk));
}

static void hold_records(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	struct pmpool_hold hold;

	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 0, &hold), -ENOENT);
	KUNIT_EXPECT_FALSE(test, pmpool_hold_present(fmt));
	put(fmt, 5, 1, 511, "all of it");
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 5, &hold), 0);
	KUNIT_EXPECT_EQ(test, hold.first, 1);
	KUNIT_EXPECT_EQ(test, hold.blocks, 511);
	KUNIT_EXPECT_STREQ(test, hold.name, "all of it");
	KUNIT_EXPECT_TRUE(test, pmpool_hold_present(fmt));
	put(fmt, PMPOOL_HOLD_SLOTS - 1, 7, 1, "");
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, PMPOOL_HOLD_SLOTS - 1, &hold), 0);
	KUNIT_EXPECT_STREQ(test, hold.name, "");
}

static void hold_hostile(struct kunit *test)
{
	static const u64 places[][2] = {
		{ 0, 1 }, { 512, 1 }, { 1, 512 }, { 1, 0 }, { U64_MAX, 1 }, { 1, U64_MAX },
		{ 511, 2 }, { U64_MAX, U64_MAX },
	};
	struct pmpool_format *fmt = test->priv;
	struct pmpool_hold_record *disk = record(fmt, 3);
	struct pmpool_hold hold;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		put(fmt, 3, places[i][0], places[i][1], "x");
		KUNIT_EXPECT_EQ_MSG(test, pmpool_hold_read(fmt, 3, &hold), -EBADMSG,
				    "%llu blocks at %llu", places[i][1], places[i][0]);
	}
	put(fmt, 3, 2, 2, "x");
	memset(disk->name, 'x', sizeof(disk->name));
	sign(disk);
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 3, &hold), -EBADMSG);
	put(fmt, 3, 2, 2, "x");
	disk->name[20] = 'y';
	sign(disk);
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 3, &hold), -EBADMSG);
	put(fmt, 3, 2, 2, "x");
	disk->reserved = cpu_to_le32(1);
	sign(disk);
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 3, &hold), -EBADMSG);

	put(fmt, 3, 2, 2, "x");
	for (i = 0; i < 8 * RECORD_SIZE; i++) {
		((u8 *)disk)[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_NE_MSG(test, pmpool_hold_read(fmt, 3, &hold), 0, "bit %zu", i);
		((u8 *)disk)[i / 8] ^= 1 << i % 8;
	}
	/* Cut short, not damaged. */
	disk->crc = 0;
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 3, &hold), -ENOENT);
}

static void hold_header(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	struct pmpool_hold_header *disk = fmt->mem + PMPOOL_HOLD_HEADER_OFFSET;
	u8 before[HEADER_SIZE];
	size_t i;

	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_NONE);
	put_header(fmt, 0);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_OPEN);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, PMPOOL_HOLD_ANY_BASE), PMPOOL_HOLD_OPEN);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, 2 * BASE), PMPOOL_HOLD_DAMAGED);
	KUNIT_EXPECT_FALSE(test, pmpool_hold_unseal(fmt, BASE));

	put_header(fmt, PMPOOL_HOLD_SEALED);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_CLOSED);
	for (i = 0; i < 8 * HEADER_SIZE; i++) {
		((u8 *)disk)[i / 8] ^= 1 << i % 8;
		KUNIT_EXPECT_EQ_MSG(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_DAMAGED,
				    "bit %zu", i);
		((u8 *)disk)[i / 8] ^= 1 << i % 8;
	}
	memcpy(before, disk, sizeof(before));
	KUNIT_EXPECT_FALSE(test, pmpool_hold_unseal(fmt, 2 * BASE));
	KUNIT_EXPECT_MEMEQ(test, disk, before, sizeof(before));
	KUNIT_EXPECT_TRUE(test, pmpool_hold_unseal(fmt, BASE));
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_OPEN);
	KUNIT_EXPECT_EQ(test, disk->bitmap_crc, 0);
}

static void hold_formatting(struct kunit *test)
{
	static const u8 uuid[16] = "another one's id";
	struct pmpool_format *fmt = test->priv;
	struct pmpool_hold hold;

	put(fmt, 0, 10, 20, "kept");
	put_header(fmt, PMPOOL_HOLD_SEALED);
	pmpool_format_make(fmt, uuid, 2);
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 0, &hold), 0);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_CLOSED);

	/* What no kernel wrote is no reason to keep it. */
	memset(fmt->mem, 0xa5, PMPOOL_FORMAT_BLOCK_SIZE);
	pmpool_format_make(fmt, uuid, 3);
	KUNIT_EXPECT_EQ(test, pmpool_hold_state(fmt, BASE), PMPOOL_HOLD_NONE);
	KUNIT_EXPECT_EQ(test, pmpool_hold_read(fmt, 0, &hold), -ENOENT);
}

static struct kunit_case hold_cases[] = {
	KUNIT_CASE(hold_records),
	KUNIT_CASE(hold_hostile),
	KUNIT_CASE(hold_header),
	KUNIT_CASE(hold_formatting),
	{ }
};

static struct kunit_suite hold_suite = {
	.name = "pmpool-hold",
	.init = hold_setup,
	.exit = hold_teardown,
	.test_cases = hold_cases,
};

kunit_test_suite(hold_suite);
