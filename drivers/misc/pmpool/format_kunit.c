// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the on-memory format, with the kernel's own CRC32C, barriers
 * and compiler options. They contain the code that they test.
 */
#include <kunit/test.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "format.c"

#define POOL_SIZE	(1ULL * SZ_1G)	/* of which the tests only touch the metadata */
#define NOW		1700000000000000000ULL

static const u8 pool_uuid[16] = "pmpool-kunit-set";

static int format_setup(struct kunit *test)
{
	struct pmpool_format *fmt = kunit_kzalloc(test, sizeof(*fmt), GFP_KERNEL);
	void *mem = vmalloc(PMPOOL_FORMAT_BLOCK_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, fmt);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	memset(mem, 0xa5, PMPOOL_FORMAT_BLOCK_SIZE);
	KUNIT_ASSERT_EQ(test, pmpool_format_init(fmt, mem, POOL_SIZE), 0);
	KUNIT_ASSERT_EQ(test, fmt->meta_blocks, 1);
	pmpool_format_make(fmt, pool_uuid, NOW);
	test->priv = fmt;
	return 0;
}

static void format_teardown(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;

	if (fmt)
		vfree(fmt->mem);
}

static int reopen(struct pmpool_format *fmt)
{
	return pmpool_format_init(fmt, fmt->mem, POOL_SIZE) ?: pmpool_format_open(fmt);
}

static void sample(const struct pmpool_format *fmt, u32 slot, struct pmpool_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	rec->type = PMPOOL_FORMAT_RECORD_EXTENT;
	rec->id = pmpool_format_next_id(fmt, slot);
	rec->first_block = 3;
	rec->blocks = 2;
	rec->length = 3 * SZ_1M;
	rec->generation = 7;
	rec->create_time = NOW;
	rec->uid = 1000;
	rec->gid = 0xfffffffe;
	rec->mode = 0640;
	rec->clean = true;
	memcpy(rec->uuid, "an extent's uuid", sizeof(rec->uuid));
	memcpy(rec->tag, "schema 1", 8);
	snprintf(rec->name, sizeof(rec->name), "slot-%u", slot);
}

static void format_sizes(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	struct pmpool_format other;

	KUNIT_EXPECT_EQ(test, pmpool_format_init(&other, fmt->mem, 3 * SZ_1M), -EINVAL);
	KUNIT_EXPECT_EQ(test, pmpool_format_init(&other, fmt->mem, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, pmpool_format_init(&other, fmt->mem, SZ_2M), -EINVAL);
	KUNIT_EXPECT_EQ(test, pmpool_format_init(&other, fmt->mem, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, other.blocks - other.meta_blocks, 1);
	KUNIT_EXPECT_EQ(test, pmpool_format_init(&other, fmt->mem, 1ULL << 44), 0);
	KUNIT_EXPECT_LE(test, other.bitmap_offset + other.bitmap_size, other.copy_offset);
}

static void format_names(struct kunit *test)
{
	static const char * const good[] = { "a", "...", "-", "A.b_c-9", ".hidden" };
	static const char * const bad[] = { "", ".", "..", "a/b", "a b", "a\n", "\xc3\xa4" };
	char name[64];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		strscpy_pad(name, good[i], sizeof(name));
		KUNIT_EXPECT_TRUE_MSG(test, pmpool_name_valid(name), "'%s'", good[i]);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		strscpy_pad(name, bad[i], sizeof(name));
		KUNIT_EXPECT_FALSE_MSG(test, pmpool_name_valid(name), "'%s'", bad[i]);
	}
	memset(name, 'x', sizeof(name));
	KUNIT_EXPECT_FALSE(test, pmpool_name_valid(name));
	name[63] = '\0';
	KUNIT_EXPECT_TRUE(test, pmpool_name_valid(name));
	name[10] = '\0';
	KUNIT_EXPECT_FALSE(test, pmpool_name_valid(name));
}

static void format_super(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	u8 *first = fmt->mem, *second = fmt->mem + fmt->copy_offset;

	KUNIT_EXPECT_EQ(test, reopen(fmt), 0);
	KUNIT_EXPECT_EQ(test, fmt->super.generation, 0);
	KUNIT_EXPECT_TRUE(test, fmt->super.clean);
	KUNIT_EXPECT_MEMEQ(test, fmt->super.uuid, pool_uuid, sizeof(pool_uuid));

	pmpool_format_attach(fmt, NOW + 1, "6.12-kunit");
	KUNIT_EXPECT_EQ(test, reopen(fmt), 0);
	KUNIT_EXPECT_EQ(test, fmt->super.generation, 1);
	KUNIT_EXPECT_FALSE(test, fmt->super.clean);
	KUNIT_EXPECT_STREQ(test, fmt->super.kernel, "6.12-kunit");

	first[200] ^= 1;
	KUNIT_EXPECT_EQ(test, reopen(fmt), 0);
	KUNIT_EXPECT_EQ(test, fmt->bad_copies, 1);
	KUNIT_EXPECT_EQ(test, fmt->super.generation, 1);
	pmpool_format_detach(fmt, NOW + 2);
	KUNIT_EXPECT_EQ(test, reopen(fmt), 0);
	KUNIT_EXPECT_EQ(test, fmt->bad_copies, 0);
	KUNIT_EXPECT_TRUE(test, fmt->super.clean);

	first[300] ^= 0x10;
	second[400] ^= 0x20;
	KUNIT_EXPECT_EQ(test, reopen(fmt), -ENODATA);
	pmpool_format_free(fmt, 77);
	KUNIT_EXPECT_EQ(test, reopen(fmt), -EBADMSG);
	memset(first, 0, SUPER_SIZE);
	memset(second, 0, SUPER_SIZE);
	KUNIT_EXPECT_EQ(test, reopen(fmt), -EBADMSG);
	memset(fmt->mem + fmt->table_offset + 77 * sizeof(struct pmpool_format_slot), 0,
	       sizeof(struct pmpool_format_slot));
	KUNIT_EXPECT_EQ(test, reopen(fmt), -ENODATA);
}

static void format_records(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	struct pmpool_record rec, got;
	u64 id;

	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 5, &got), -ENOENT);
	sample(fmt, 5, &rec);
	pmpool_format_create(fmt, 5, &rec);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 5, &got), 0);
	KUNIT_EXPECT_MEMEQ(test, &got, &rec, sizeof(rec));
	KUNIT_EXPECT_EQ(test, rec.id % PMPOOL_FORMAT_SLOTS, 5);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 4, &got), -ENOENT);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 6, &got), -ENOENT);

	/* The last slot is not in the way of the bitmap. */
	sample(fmt, PMPOOL_FORMAT_SLOTS - 1, &rec);
	pmpool_format_create(fmt, PMPOOL_FORMAT_SLOTS - 1, &rec);
	KUNIT_EXPECT_FALSE(test, pmpool_format_block_ready(fmt, 3));
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, PMPOOL_FORMAT_SLOTS - 1, &got), 0);

	/* An id is never used again. */
	id = pmpool_format_next_id(fmt, 5);
	pmpool_format_free(fmt, 5);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 5, &got), -ENOENT);
	KUNIT_EXPECT_GT(test, pmpool_format_next_id(fmt, 5), id);

	/* Not even when an image has counted to the end. */
	sample(fmt, 5, &rec);
	rec.id = (U64_MAX / PMPOOL_FORMAT_SLOTS - 1) * PMPOOL_FORMAT_SLOTS + 5;
	pmpool_format_create(fmt, 5, &rec);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 5, &got), 0);
	pmpool_format_free(fmt, 5);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 5, &got), -ENOENT);
	KUNIT_EXPECT_EQ(test, pmpool_format_next_id(fmt, 5), 0);
}

/* One flipped bit, anywhere, is noticed, and costs nothing while one copy is left. */
static void format_record_damage(struct kunit *test)
{
	struct pmpool_format *fmt = test->priv;
	struct pmpool_format_slot *slot = fmt->mem + fmt->table_offset;
	struct pmpool_record rec, got;
	u8 *copy[2] = { (u8 *)&slot->record[0], (u8 *)&slot->record[1] };
	u32 bit, c;

	sample(fmt, 0, &rec);
	pmpool_format_create(fmt, 0, &rec);

	for (bit = 0; bit < RECORD_SIZE * 8; bit += 3) {
		for (c = 0; c < 2; c++) {
			copy[c][bit / 8] ^= 1 << bit % 8;
			KUNIT_ASSERT_EQ(test, pmpool_format_read(fmt, 0, &got), 0);
			KUNIT_ASSERT_EQ(test, got.bad_copies, 1);
			got.bad_copies = 0;
			KUNIT_ASSERT_MEMEQ(test, &got, &rec, sizeof(rec));
			copy[!c][(RECORD_SIZE * 8 - 1 - bit) / 8] ^= 1;
			KUNIT_ASSERT_EQ(test, pmpool_format_read(fmt, 0, &got), -EBADMSG);
			copy[!c][(RECORD_SIZE * 8 - 1 - bit) / 8] ^= 1;
			copy[c][bit / 8] ^= 1 << bit % 8;
		}
	}
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 0, &got), 0);
	KUNIT_EXPECT_EQ(test, got.bad_copies, 0);

	/* The first place was written, the second not yet: the change counts. */
	memcpy(copy[1], copy[0], RECORD_SIZE);
	rec.mode = 0600;
	pmpool_format_write(fmt, 0, &rec);
	memset(copy[1] + 100, 0x77, 50);
	KUNIT_EXPECT_EQ(test, pmpool_format_read(fmt, 0, &got), 0);
	KUNIT_EXPECT_EQ(test, got.mode, 0600);
}

static void format_bitmap(struct kunit *test)
{
	static const u64 spans[][2] = {
		{ 1, 1 }, { 63, 1 }, { 64, 1 }, { 63, 2 }, { 60, 8 }, { 64, 64 }, { 1, 511 },
		{ 65, 62 }, { 100, 300 }, { 511, 1 },
	};
	struct pmpool_format *fmt = test->priv;
	u64 b;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(spans); i++) {
		u64 first = spans[i][0], blocks = spans[i][1];

		for (b = 0; b < fmt->blocks; b++)
			pmpool_format_set_block_ready(fmt, b);
		pmpool_format_clear_blocks(fmt, first, blocks);
		for (b = 0; b < fmt->blocks; b++)
			KUNIT_ASSERT_EQ_MSG(test, pmpool_format_block_ready(fmt, b),
					    b < first || b >= first + blocks,
					    "block %llu after %llu+%llu", b, first, blocks);
	}
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE(format_sizes),
	KUNIT_CASE(format_names),
	KUNIT_CASE(format_super),
	KUNIT_CASE(format_records),
	KUNIT_CASE(format_record_damage),
	KUNIT_CASE(format_bitmap),
	{ }
};

static struct kunit_suite format_suite = {
	.name = "pmpool-format",
	.init = format_setup,
	.exit = format_teardown,
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);
