// SPDX-License-Identifier: GPL-2.0-only
/*
 * The on-memory format, with the driver's own code, including what a kernel
 * that stops in the middle of a change leaves behind.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <linux/kernel.h>

#include "format.h"
#include "tap.h"

#define MIB		(1ULL << 20)
#define POOL_SIZE	(64 * MIB)

static u8 *mem;
static const u8 uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* The world stops after so many stores; never, when 0. */
static unsigned long stop_after, stores;
static jmp_buf stopped;

void test_stored(const struct pmpool_format *fmt, const void *at)
{
	u8 *byte = (u8 *)at;

	if (byte < (u8 *)fmt->mem || byte + 8 > (u8 *)fmt->mem + fmt->size)
		abort();
	if (++stores == stop_after)
		longjmp(stopped, 1);
}

static struct pmpool_format fresh(void)
{
	struct pmpool_format fmt;

	memset(mem, 0xa5, POOL_SIZE);
	pmpool_format_init(&fmt, mem, POOL_SIZE);
	pmpool_format_make(&fmt, uuid, 1000);
	return fmt;
}

static int reopen(struct pmpool_format *fmt)
{
	int ret = pmpool_format_init(fmt, mem, POOL_SIZE);

	return ret ?: pmpool_format_open(fmt);
}

static struct pmpool_record sample(const struct pmpool_format *fmt, u32 slot, const char *name)
{
	struct pmpool_record rec = {
		.type = PMPOOL_FORMAT_RECORD_EXTENT,
		.id = pmpool_format_next_id(fmt, slot),
		.first_block = 3, .blocks = 2, .length = 3 * MIB,
		.generation = 7, .create_time = 12345,
		.uid = 1000, .gid = 0xfffffffe, .mode = 0640, .clean = true,
		.uuid = { 9, 8, 7 }, .tag = "schema 1",
	};

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	return rec;
}

static bool same(const struct pmpool_record *a, const struct pmpool_record *b)
{
	return a->type == b->type && a->id == b->id && a->first_block == b->first_block && a->blocks == b->blocks &&
	       a->length == b->length && a->generation == b->generation &&
	       a->create_time == b->create_time && a->uid == b->uid && a->gid == b->gid &&
	       a->mode == b->mode && a->clean == b->clean &&
	       !memcmp(a->uuid, b->uuid, 16) && !memcmp(a->tag, b->tag, 16) &&
	       !memcmp(a->name, b->name, 64);
}

static void test_crc(void)
{
	u8 copy[512];
	__le32 crc;

	fresh();
	crc = ((struct pmpool_format_super *)mem)->crc;

	/* RFC 3720, B.4: 32 bytes of zeroes. */
	memset(copy, 0, 32);
	ok(~crc32c(~0U, copy, 32) == 0x8a9136aa, "the tests' CRC32C is that of RFC 3720");

	memcpy(copy, mem, 512);
	memset(copy + 8, 0, 4);
	ok(le32_to_cpu(crc) == ~crc32c(~0U, copy, 512),
	   "a superblock's checksum is CRC32C with its own bytes as zero");
}

static void test_geometry(void)
{
	struct pmpool_format fmt;

	ok(pmpool_format_init(&fmt, mem, 3 * MIB) == -EINVAL &&
	   strstr(fmt.why, "0x300000") && strstr(fmt.why, "use 0x200000"),
	   "a size of 3 MiB is refused: %s", fmt.why);
	ok(pmpool_format_init(&fmt, mem, 2 * MIB) == -EINVAL && strstr(fmt.why, "at least 0x400000"),
	   "a size of 2 MiB is refused: %s", fmt.why);
	ok(pmpool_format_init(&fmt, mem, 4 * MIB) == 0 && fmt.meta_blocks == 1 && fmt.blocks == 2,
	   "a pool of 4 MiB has one block of metadata and one of data");
	ok(pmpool_format_init(&fmt, mem, 1ULL << 40) == 0 && fmt.meta_blocks == 1 &&
	   fmt.bitmap_size == 64 * 1024, "a pool of 1 TiB has one block of metadata");
	ok(pmpool_format_init(&fmt, mem, 1ULL << 44) == 0 && fmt.meta_blocks == 2 &&
	   fmt.copy_offset == 4 * MIB - 4096 &&
	   fmt.bitmap_offset + fmt.bitmap_size <= fmt.copy_offset,
	   "a pool of 16 TiB has two, and the superblock's copy behind the bitmap");
}

static void test_open(void)
{
	struct pmpool_format fmt;

	memset(mem, 0, POOL_SIZE);
	ok(reopen(&fmt) == -ENODATA, "zeroes are no pool");
	memset(mem, 0x5a, POOL_SIZE);
	ok(reopen(&fmt) == -ENODATA, "what another used is no pool");

	fmt = fresh();
	ok(reopen(&fmt) == 0 && !memcmp(fmt.super.uuid, uuid, 16) && fmt.super.generation == 0 &&
	   fmt.super.clean && fmt.super.format_time == 1000 && !fmt.bad_copies && !fmt.read_only,
	   "a fresh pool opens, clean, generation 0");

	pmpool_format_attach(&fmt, 2000, "6.12.0-test");
	ok(reopen(&fmt) == 0 && fmt.super.generation == 1 && !fmt.super.clean &&
	   fmt.super.attach_time == 2000 && !strcmp(fmt.super.kernel, "6.12.0-test"),
	   "an attach counts the generation and takes the clean mark");
	pmpool_format_detach(&fmt, 3000);
	ok(reopen(&fmt) == 0 && fmt.super.clean && fmt.super.handover_time == 3000,
	   "a detach sets the clean mark");

	mem[64] ^= 1;
	ok(reopen(&fmt) == 0 && fmt.bad_copies == 1 && fmt.super.handover_time == 3000,
	   "with the first superblock damaged the second serves, nothing is lost");
	pmpool_format_attach(&fmt, 4000, "k");
	ok(reopen(&fmt) == 0 && fmt.bad_copies == 0 && fmt.super.generation == 2,
	   "an attach mends the first superblock");
	mem[fmt.copy_offset + 500] ^= 0x80;
	ok(reopen(&fmt) == 0 && fmt.bad_copies == 1 && fmt.super.generation == 2,
	   "with the second damaged the first serves");
	mem[20] ^= 4;
	ok(reopen(&fmt) == -ENODATA, "with both damaged and nothing in it no pool is lost");
	pmpool_format_set_block_ready(&fmt, 3);
	ok(reopen(&fmt) == -EBADMSG && strstr(fmt.why, "format=1"),
	   "with both damaged and a trace of extents it is refused: %s", fmt.why);

	fmt = fresh();
	pmpool_format_init(&fmt, mem, POOL_SIZE / 2);
	ok(pmpool_format_open(&fmt) == -ERANGE && strstr(fmt.why, "0x4000000"),
	   "a pool of another size is refused: %s", fmt.why);
}

/* What is a pool is not taken for none, whatever became of its superblocks. */
static void test_no_super(void)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_record rec = sample(&fmt, 2047, "the last one");
	u8 *slot = mem + fmt.table_offset + 2047 * 512;

	pmpool_format_write(&fmt, 2047, &rec);
	mem[0] ^= 1;
	mem[fmt.copy_offset] ^= 1;
	ok(reopen(&fmt) == -EBADMSG && strstr(fmt.why, "2 copies of records") &&
	   strstr(fmt.why, "format=1"), "one bit of each magic, and a record: %s", fmt.why);
	memset(mem, 0, 512);
	memset(mem + fmt.copy_offset, 0, 512);
	slot[0] ^= 1;
	ok(reopen(&fmt) == -EBADMSG && strstr(fmt.why, "1 copies of records"),
	   "no superblock at all, and one place of a record: %s", fmt.why);
	pmpool_format_init(&fmt, mem, 4 * MIB);
	ok(pmpool_format_open(&fmt) == -EBADMSG, "a record that lies outside of a smaller region counts");
	slot[256 + 100] ^= 1;
	ok(reopen(&fmt) == -ENODATA, "with that damaged too there is nothing that could be believed");

	fmt = fresh();
	pmpool_format_free(&fmt, 0);
	memset(mem, 0, 512);
	memset(mem + fmt.copy_offset, 0, 512);
	ok(reopen(&fmt) == -EBADMSG, "a record of what was removed counts: it was a pool");

	fmt = fresh();
	memcpy(mem, "\211PMPOOL\r", 8);
	ok(reopen(&fmt) == -ENODATA && pmpool_format_begun(&fmt) && strstr(fmt.why, "cut short"),
	   "where formatting was begun there is no pool, also with a whole second superblock");
	pmpool_format_make(&fmt, uuid, 1);
	ok(!reopen(&fmt) && !pmpool_format_begun(&fmt), "until it is formatted to the end");
}

/* Where a pool of @size would be found whose superblock is at mem + @at. */
static u64 found_at(u64 at, u64 base, u64 size)
{
	struct pmpool_format fmt;
	struct pmpool_found found;
	u64 offset = 0;

	pmpool_format_init(&fmt, mem + at, size);
	if (!pmpool_format_search(&fmt, base + at, &offset, &found))
		return 0;
	ok(found.size == POOL_SIZE && found.generation == 3 && found.version == 1 &&
	   !memcmp(found.uuid, uuid, 16) && pmpool_found_overlaps(&found, base + at, size),
	   "what is found is that pool");
	return found.base;
}

static void test_search(void)
{
	const u64 base = 5ULL << 30, block = PMPOOL_FORMAT_BLOCK_SIZE;
	struct pmpool_format fmt = fresh();
	struct pmpool_found found;
	unsigned int count = 0, i;
	u64 offset = 0;

	for (i = 0; i < 3; i++)
		pmpool_format_attach(&fmt, i, "k");
	ok(found_at(0, base, POOL_SIZE / 2) == base, "a region that was halved: the pool is found");
	ok(!found_at(block, base, POOL_SIZE / 2), "its superblocks are not above its metadata");
	ok(pmpool_format_recognise(mem, base, &found) && found.base == base &&
	   pmpool_found_overlaps(&found, base + POOL_SIZE - block, 4 * MIB) &&
	   !pmpool_found_overlaps(&found, base + POOL_SIZE, 4 * MIB) &&
	   pmpool_found_overlaps(&found, base - 4 * MIB, 6 * MIB) &&
	   !pmpool_found_overlaps(&found, base - 4 * MIB, 4 * MIB),
	   "but below: it has bytes of a region up to its end, and of one from below");
	ok(pmpool_format_recognise(mem + fmt.copy_offset, base + fmt.copy_offset, &found) &&
	   found.base == base, "the second superblock tells the same");
	mem[13]++;
	((struct pmpool_format_super *)mem)->crc = 0;
	((struct pmpool_format_super *)mem)->crc = cpu_to_le32(~crc32c(~0U, mem, 512));
	ok(pmpool_format_recognise(mem, base, &found) && found.version != PMPOOL_FORMAT_VERSION &&
	   pmpool_found_overlaps(&found, base + 8 * POOL_SIZE, 4 * MIB),
	   "of a pool of another version nobody knows how far it goes");
	mem[100] ^= 1;
	ok(!pmpool_format_recognise(mem, base, &found), "what is damaged says nothing");
	ok(found_at(0, base, POOL_SIZE) == base, "but the second superblock does");

	/* The pool begins in the middle of a region that begins below it. */
	memmove(mem + 3 * block, mem, block);
	memset(mem, 0x33, block);
	ok(found_at(0, base, POOL_SIZE) == base + 3 * block, "a region that was moved down");
	ok(found_at(3 * block, base, POOL_SIZE / 2) == base + 3 * block, "and one that was not");
	pmpool_format_init(&fmt, mem, POOL_SIZE);
	memcpy(mem + 7 * block, mem + 4 * block - 4096, 512);
	memcpy(mem + POOL_SIZE - 4096, mem + 4 * block - 4096, 512);
	memcpy(mem + 9 * block + 4096, mem + 4 * block - 4096, 512);
	while (pmpool_format_search(&fmt, base, &offset, &found))
		count++;
	ok(count == 3, "at the start and in the last page of blocks, nowhere else: %u found", count);
	for (offset = 0; pmpool_format_search(&fmt, base, &offset, &found);)
		pmpool_format_erase(&fmt, offset);
	offset = 0;
	ok(!pmpool_format_search(&fmt, base, &offset, &found), "what is erased is not found again");

	fmt = fresh();
	memcpy(mem, "\211PMPOOL\r", 8);
	memcpy(mem + 5 * block, mem + fmt.copy_offset, 512);
	offset = 0;
	ok(pmpool_format_search(&fmt, base, &offset, &found) && found.base == base + 5 * block &&
	   !pmpool_format_search(&fmt, base, &offset, &found),
	   "where formatting was begun only what is behind its metadata counts");
}

/* A whole superblock, in both places, with one member changed. */
static void forge(u64 offset, u64 value, size_t size)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_format_super *sb = (void *)mem;

	memcpy(mem + offset, &value, size);
	sb->crc = 0;
	sb->crc = cpu_to_le32(~crc32c(~0U, sb, sizeof(*sb)));
	memcpy(mem + fmt.copy_offset, sb, sizeof(*sb));
}

static void test_features(void)
{
	struct pmpool_format fmt;
	u64 i;

	forge(offsetof(struct pmpool_format_super, version), 2, 4);
	ok(reopen(&fmt) == -EPROTONOSUPPORT && strstr(fmt.why, "version 2"),
	   "a newer version is refused: %s", fmt.why);
	forge(offsetof(struct pmpool_format_super, incompat), 1ULL << 40, 8);
	ok(reopen(&fmt) == -EPROTONOSUPPORT && strstr(fmt.why, "0x10000000000"),
	   "an unknown incompatible feature is refused: %s", fmt.why);
	forge(offsetof(struct pmpool_format_super, ro_compat), 1, 8);
	ok(reopen(&fmt) == 0 && fmt.read_only, "an unknown ro_compat feature makes it read-only");
	forge(offsetof(struct pmpool_format_super, compat), 1, 8);
	ok(reopen(&fmt) == 0 && !fmt.read_only, "an unknown compat feature changes nothing");
	pmpool_format_attach(&fmt, 1, "k");
	ok(reopen(&fmt) == 0 && fmt.super.compat == 1, "and is kept");

	static const size_t geometry[] = {
		offsetof(struct pmpool_format_super, block_shift),
		offsetof(struct pmpool_format_super, record_size),
		offsetof(struct pmpool_format_super, record_slots),
		offsetof(struct pmpool_format_super, meta_blocks),
		offsetof(struct pmpool_format_super, table_offset),
		offsetof(struct pmpool_format_super, bitmap_offset),
		offsetof(struct pmpool_format_super, bitmap_size),
		offsetof(struct pmpool_format_super, copy_offset),
		offsetof(struct pmpool_format_super, flags),
		offsetof(struct pmpool_format_super, reserved0),
		offsetof(struct pmpool_format_super, reserved) + 284,
	};
	for (i = 0; i < sizeof(geometry) / sizeof(*geometry); i++) {
		forge(geometry[i], 0x7777, 4);
		mem[PMPOOL_FORMAT_BITMAP_OFFSET] = 2;
		ok(reopen(&fmt) == -EBADMSG, "a wrong value at offset %zu is damage", geometry[i]);
	}
}

static void test_names(void)
{
	static const char *const good[] = {
		"a", "A-Z_0.9", "...", ".hidden", "-",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};
	static const char *const bad[] = { "", ".", "..", "a b", "a/b", "\xc3\xa4", "a\tb", "a!" };
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		strncpy(name, good[i], sizeof(name));
		ok(pmpool_name_valid(name), "'%s' is a name", good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strncpy(name, bad[i], sizeof(name));
		ok(!pmpool_name_valid(name), "'%s' is no name", bad[i]);
	}
	memset(name, 'a', sizeof(name));
	ok(!pmpool_name_valid(name), "64 characters are no name");
	memset(name, 0, sizeof(name));
	strcpy(name, "tail");
	name[60] = 'x';
	ok(!pmpool_name_valid(name), "nothing may stand behind the NUL");
}

static void test_records(void)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_record rec, got;
	u64 id;
	u8 *slot;

	ok(pmpool_format_read(&fmt, 5, &got) == -ENOENT, "a slot never used is free");
	rec = sample(&fmt, 5, "one");
	id = rec.id;
	ok(id % PMPOOL_FORMAT_SLOTS == 5, "an id tells its slot");
	pmpool_format_write(&fmt, 5, &rec);
	ok(pmpool_format_read(&fmt, 5, &got) == 0 && same(&rec, &got) && !got.bad_copies,
	   "what is written is read");

	slot = mem + fmt.table_offset + 5 * 512;
	ok(!memcmp(slot, slot + 256, 256), "both places hold it");
	rec.mode = 0600;
	pmpool_format_write(&fmt, 5, &rec);
	slot[30] ^= 1;
	ok(pmpool_format_read(&fmt, 5, &got) == 0 && same(&rec, &got) && got.bad_copies == 1,
	   "with the first place damaged nothing is lost, not even the last change");
	pmpool_format_write(&fmt, 5, &rec);
	slot[256 + 255] ^= 1;
	ok(pmpool_format_read(&fmt, 5, &got) == 0 && same(&rec, &got) && got.bad_copies == 1,
	   "nor with the second");
	slot[0] ^= 1;
	ok(pmpool_format_read(&fmt, 5, &got) == -EBADMSG, "with both damaged the slot is");

	fmt = fresh();
	pmpool_format_write(&fmt, 5, &rec);
	pmpool_format_free(&fmt, 5);
	ok(pmpool_format_read(&fmt, 5, &got) == -ENOENT, "a removed extent is gone");
	ok(pmpool_format_next_id(&fmt, 5) > id, "its id is not used again");

	rec.id = (~0ULL / PMPOOL_FORMAT_SLOTS - 1) * PMPOOL_FORMAT_SLOTS + 5;
	pmpool_format_write(&fmt, 5, &rec);
	ok(pmpool_format_read(&fmt, 5, &got) == 0 && got.id == rec.id, "the last id there is can be read");
	pmpool_format_free(&fmt, 5);
	ok(pmpool_format_next_id(&fmt, 5) == 0, "and when it is free again, no id is left in its slot");

	rec = sample(&fmt, 6, "two");
	rec.length = 2 * MIB;
	pmpool_format_write(&fmt, 6, &rec);
	ok(pmpool_format_read(&fmt, 6, &got) == -EBADMSG, "too many blocks for the length is damage");
	rec.length = 4 * MIB + 1;
	pmpool_format_write(&fmt, 6, &rec);
	ok(pmpool_format_read(&fmt, 6, &got) == -EBADMSG, "too few as well");
	rec = sample(&fmt, 7, "three");
	rec.first_block = 0;
	pmpool_format_write(&fmt, 7, &rec);
	ok(pmpool_format_read(&fmt, 7, &got) == -EBADMSG, "an extent over the metadata is damage");
	rec.first_block = 31;
	pmpool_format_write(&fmt, 7, &rec);
	ok(pmpool_format_read(&fmt, 7, &got) == -EBADMSG, "an extent over the end is damage");
	rec.first_block = ~0ULL;
	pmpool_format_write(&fmt, 7, &rec);
	ok(pmpool_format_read(&fmt, 7, &got) == -EBADMSG, "also far over it");
	rec = sample(&fmt, 7, "three");
	rec.id++;
	pmpool_format_write(&fmt, 7, &rec);
	ok(pmpool_format_read(&fmt, 7, &got) == -EBADMSG, "the id of another slot is damage");
}

static void test_limits(void)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_record got;
	u8 *slot = mem + fmt.table_offset + 3 * 512;

	pmpool_format_write_limit(&fmt, 3, 1000, 77, ~0ULL);
	ok(pmpool_format_read(&fmt, 3, &got) == 0 && got.type == PMPOOL_FORMAT_RECORD_LIMIT &&
	   got.uid == 1000 && got.blocks == 77 && got.length == ~0ULL && !got.id && !got.name[0],
	   "a limit is read as it was written");
	slot[40] = slot[256 + 40] = 1;
	ok(pmpool_format_read(&fmt, 3, &got) == -EBADMSG, "and is damaged like any record");
	pmpool_format_write_limit(&fmt, 3, 1000, 77, 1);
	pmpool_format_free(&fmt, 3);
	ok(pmpool_format_read(&fmt, 3, &got) == -ENOENT, "a limit taken away is gone");
}

static bool filled(u64 from, u64 to, u8 value)
{
	for (; from < to; from++)
		if (mem[from] != value)
			return false;
	return true;
}

static void test_resize(void)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_record old = sample(&fmt, 1, "grown"), rec;

	memset(mem + 6 * MIB, 0x77, 8 * MIB);
	pmpool_format_create(&fmt, 1, &old);
	ok(!pmpool_format_block_ready(&fmt, 3) && !pmpool_format_block_ready(&fmt, 4),
	   "the blocks of a new extent are not ready");
	pmpool_format_set_block_ready(&fmt, 4);
	pmpool_format_set_block_ready(&fmt, 5);

	rec = old;
	rec.blocks = 3;
	rec.length = 5 * MIB + 1;
	pmpool_format_resize(&fmt, 1, &rec, &old);
	ok(filled(6 * MIB, 9 * MIB, 0x77), "growing leaves what the extent holds");
	ok(filled(9 * MIB, 10 * MIB, 0), "and zeroes the rest of its last block");
	ok(filled(10 * MIB, 14 * MIB, 0x77) && !pmpool_format_block_ready(&fmt, 5),
	   "what is added is zeroed when it is touched, not now");
	old = rec;
	rec.blocks = 2;
	rec.length = 2 * MIB + 4097;
	pmpool_format_resize(&fmt, 1, &rec, &old);
	ok(pmpool_format_read(&fmt, 1, &old) == 0 && same(&rec, &old), "shrinking is recorded");
	rec.length = 4 * MIB;
	memset(mem + 8 * MIB, 0x66, 2 * MIB);
	pmpool_format_resize(&fmt, 1, &rec, &old);
	ok(filled(8 * MIB, 8 * MIB + 4097, 0x66) && filled(8 * MIB + 4097, 10 * MIB, 0),
	   "what was cut off does not come back, not even in the last page");
}

/* Every single bit of a record in one place: noticed, and nothing is lost. */
static void test_flips(void)
{
	struct pmpool_format fmt = fresh();
	struct pmpool_record rec = sample(&fmt, 0, "flip"), got;
	u8 *slot = mem + fmt.table_offset;
	unsigned int bit, wrong = 0;

	pmpool_format_write(&fmt, 0, &rec);
	for (bit = 0; bit < 512 * 8; bit++) {
		slot[bit / 8] ^= 1 << bit % 8;
		if (pmpool_format_read(&fmt, 0, &got) || !same(&rec, &got) || got.bad_copies != 1)
			wrong++;
		slot[bit / 8] ^= 1 << bit % 8;
	}
	ok(!wrong, "%u single flipped bits, %u of them lost or unnoticed", bit, wrong);
}

static void test_bitmap(void)
{
	struct pmpool_format fmt = fresh();
	unsigned int first, count, block, wrong = 0;

	/* 32 blocks only: take a larger layout in the same memory. */
	pmpool_format_init(&fmt, mem, 1ULL << 30);
	for (first = 60; first < 70; first++) {
		for (count = 1; count < 140; count++) {
			for (block = 0; block < 512; block++)
				pmpool_format_set_block_ready(&fmt, block);
			pmpool_format_clear_blocks(&fmt, first, count);
			for (block = 0; block < 512; block++)
				if (pmpool_format_block_ready(&fmt, block) ==
				    (block >= first && block < first + count))
					wrong++;
		}
	}
	ok(!wrong, "a run of blocks is cleared and no other, at every place in a word");
}

enum change { CHANGE_CREATE, CHANGE_UPDATE, CHANGE_REMOVE, CHANGE_REUSE, CHANGE_ATTACH, CHANGES };

static void do_change(enum change change, struct pmpool_format *fmt, struct pmpool_record *rec)
{
	switch (change) {
	case CHANGE_CREATE:
	case CHANGE_UPDATE:
	case CHANGE_REUSE:
		pmpool_format_write(fmt, 9, rec);
		break;
	case CHANGE_REMOVE:
		pmpool_format_free(fmt, 9);
		break;
	default:
		pmpool_format_attach(fmt, 55, "next");
	}
}

/* The record, with found == -ENOENT when there is none, and the generation. */
static u64 look(struct pmpool_record *rec, int *found)
{
	struct pmpool_format fmt;
	struct pmpool_record other;

	if (reopen(&fmt) || pmpool_format_read(&fmt, 8, &other) || strcmp(other.name, "other"))
		return ~0ULL;
	memset(rec, 0, sizeof(*rec));
	*found = pmpool_format_read(&fmt, 9, rec);
	return fmt.super.generation;
}

/* Stop after every store of every kind of change: the state before or behind it. */
static void test_stops(void)
{
	static const char *const names[] = { "create", "update", "remove", "use again", "attach" };
	static struct pmpool_format fmt;
	static struct pmpool_record before, after, now, rec;
	static int found_before, found_after, found;
	static u64 gen_before, gen_after, gen;
	static volatile unsigned long points, wrong;
	static volatile int change;
	static volatile bool finished;

	for (change = 0; change < CHANGES; change++) {
		points = 0;
		wrong = 0;
		finished = false;
		while (!finished) {
			fmt = fresh();
			rec = sample(&fmt, 8, "other");
			pmpool_format_write(&fmt, 8, &rec);
			rec = sample(&fmt, 9, "before");
			if (change != CHANGE_CREATE)
				pmpool_format_write(&fmt, 9, &rec);
			if (change == CHANGE_REUSE)
				pmpool_format_free(&fmt, 9);
			gen_before = look(&before, &found_before);
			rec = sample(&fmt, 9, "after");

			stores = 0;
			stop_after = points + 1;
			if (!setjmp(stopped)) {
				do_change(change, &fmt, &rec);
				finished = true;
			} else {
				points++;
			}
			stop_after = 0;
			gen = look(&now, &found);

			if (!finished) {
				do_change(change, &fmt, &rec);
			}
			gen_after = look(&after, &found_after);
			if (!(gen == gen_before && found == found_before && same(&now, &before)) &&
			    !(found == found_after && (found || !strcmp(now.name, after.name)) &&
			      (gen == gen_after || (change == CHANGE_ATTACH && gen == 1))))
				wrong++;
		}
		ok(points > 30 && !wrong, "%s: stopped after each of %lu stores, %lu torn",
		   names[change], points, wrong);
	}

	/* Formatting: no pool until it is whole. */
	points = 0;
	wrong = 0;
	finished = false;
	while (!finished) {
		memset(mem, 0, 2 * MIB);
		for (unsigned int i = 0; i < 2 * MIB; i += 4096)
			mem[i] = 0xee;
		pmpool_format_init(&fmt, mem, POOL_SIZE);
		stores = 0;
		stop_after = points + 1;
		if (!setjmp(stopped)) {
			pmpool_format_make(&fmt, uuid, 1);
			finished = true;
		} else {
			points++;
		}
		stop_after = 0;
		found = reopen(&fmt);
		if (finished ? found : (found != -ENODATA && found != 0))
			wrong++;
		if (!found && pmpool_format_read(&fmt, 0, &now) != -ENOENT)
			wrong++;
	}
	ok(points > 100 && !wrong, "format: stopped after each of %lu stores, %lu torn",
	   points, wrong);
}

int main(void)
{
	mem = aligned_alloc(4096, POOL_SIZE);
	if (!mem)
		return 1;

	test_crc();
	test_geometry();
	test_open();
	test_no_super();
	test_search();
	test_features();
	test_names();
	test_records();
	test_limits();
	test_resize();
	test_flips();
	test_bitmap();
	test_stops();
	free(mem);
	return done();
}
