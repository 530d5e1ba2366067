// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl check and dump, on images that the driver's own code makes: every
 * fault there is, what is said of it, what is done about it, and that doing it
 * twice does nothing more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catalog.h>

#include "ctl.h"
#include "examine.h"
#include "tap.h"

#define MIB (1ULL << 20)
#define SIZE (16 * MIB)

static const u8 uuid[16] = { 0x11, 0x22, 0x33 };
static u8 *mem;
static struct pmpool_format fmt;
static char output[1 << 16];

static struct pmpool_record extent(u32 slot, const char *name, u64 first, u64 blocks, u64 length)
{
	struct pmpool_record rec = {
		.type = PMPOOL_FORMAT_RECORD_EXTENT,
		.id = pmpool_format_next_id(&fmt, slot),
		.first_block = first, .blocks = blocks, .length = length,
		.generation = 1, .create_time = 1000, .uid = 4000001, .gid = 4000002,
		.mode = 0640, .clean = true, .tag = "schema 1",
	};

	memset(rec.uuid, 0xa0 + (int)slot, sizeof(rec.uuid));
	snprintf(rec.name, sizeof(rec.name), "%s", name);
	return rec;
}

static void put_extent(u32 slot, const char *name, u64 first, u64 blocks, u64 length)
{
	struct pmpool_record rec = extent(slot, name, first, blocks, length);

	pmpool_format_create(&fmt, slot, &rec);
}

/* The pool that every test starts from, in the file "image". */
static void fresh(void)
{
	memset(mem, 0, SIZE);
	pmpool_format_init(&fmt, mem, SIZE);
	pmpool_format_make(&fmt, uuid, 500);
	pmpool_format_attach(&fmt, 600, "6.12.0-test");
	put_extent(0, "a", 1, 2, 3 * MIB);
	put_extent(1, "b", 3, 1, 4096);
	put_extent(2, "gone", 4, 1, 4096);
	pmpool_format_free(&fmt, 2);
	pmpool_format_write_limit(&fmt, 3, 4000001, 4, 10);
}

/* The pool as it is now, as pmpoold would write it down, in the file "catalog". */
static void write_catalog(void)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog));
	struct pmpool_space space;
	struct pmpool_run *runs = extent_runs(&fmt, &space);
	struct pmpool_record rec;
	struct catalog_extent *e;
	size_t len;
	void *fdt;
	FILE *file;
	u32 i;

	memcpy(catalog->uuid, uuid, sizeof(uuid));
	catalog->generation = fmt.super.generation;
	catalog->base = 1ULL << 32;
	catalog->size = SIZE;
	catalog->metadata_size = 2 * MIB;
	for (i = 0; i < space.count; i++) {
		pmpool_format_read(&fmt, runs[i].slot, &rec);
		e = catalog_add(catalog);
		memcpy(e->name, rec.name, sizeof(e->name));
		memcpy(e->uuid, rec.uuid, sizeof(e->uuid));
		memcpy(e->tag, rec.tag, sizeof(e->tag));
		e->id = rec.id;
		e->offset = rec.first_block * 2 * MIB;
		e->size = rec.length;
		e->generation = rec.generation;
		e->uid = rec.uid;
		e->gid = rec.gid;
		e->mode = rec.mode;
	}
	free(runs);

	fdt = catalog_format(catalog, &len);
	file = fopen("catalog", "w");
	if (!file || fwrite(fdt, 1, len, file) != len || fclose(file))
		abort();
	free(fdt);
	catalog_free(catalog);
}

static u64 at(u32 slot, int place)
{
	return place_offset(&fmt, slot, (unsigned int)place);
}

static struct pmpool_format_record *record(u32 slot, int place)
{
	return (struct pmpool_format_record *)(mem + at(slot, place));
}

/* After a change that is to be found by something else than the checksum. */
static void sign(u32 slot)
{
	int i;

	for (i = 0; i < 2; i++)
		record(slot, i)->crc = cpu_to_le32(record_checksum(record(slot, i)));
}

/* A bit of every word: what is left is not legible. */
static void wreck(u32 slot)
{
	u64 i;

	for (i = 0; i < 512; i += 2)
		mem[at(slot, 0) + i] ^= 0x80;
}

/* Run a verb; what it prints, on both streams, is in output. */
static int run(int (*verb)(int, char **), ...)
{
	char *argv[16] = { (char *)"pmpoolctl" };
	int out = dup(1), err = dup(2);
	int argc = 1;
	va_list args;
	ssize_t n;
	int status;
	int fd;

	va_start(args, verb);
	while ((argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);

	fflush(NULL);
	fd = open("output", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || out < 0 || err < 0)
		abort();
	dup2(fd, 1);
	dup2(fd, 2);
	optind = 0;
	status = verb(argc, argv);
	fflush(NULL);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);

	n = pread(fd, output, sizeof(output) - 1, 0);
	output[n > 0 ? n : 0] = '\0';
	close(fd);
	return status;
}

static void expect(const char *what, int status, int must, const char *text)
{
	bool good = status == must && !strcmp(output, text);
	const char *p;

	ok(good, "%s", what);
	if (good)
		return;
	printf("# status %d, must be %d; said:\n# ", status, must);
	for (p = output; *p; p++)
		printf(*p == '\n' && p[1] ? "\n# " : "%c", *p);
	printf("# must be said:\n# ");
	for (p = text; *p; p++)
		printf(*p == '\n' && p[1] ? "\n# " : "%c", *p);
}

#define CHECK(what, must, text, ...) \
	expect(what, run(verb_check, ##__VA_ARGS__, "image", NULL), must, text)

static u8 before[2 * MIB];

static void remember(void)
{
	memcpy(before, mem, sizeof(before));
}

static bool unchanged(void)
{
	return !memcmp(before, mem, sizeof(before));
}

static void write_super(u64 offset, struct pmpool_format_super *super)
{
	super->crc = 0;
	super->crc = cpu_to_le32(~crc32c(~0U, super, sizeof(*super)));
	memcpy(mem + offset, super, sizeof(*super));
}

static void supers(void)
{
	struct pmpool_format_super super;

	fresh();
	mem[100] ^= 1;
	remember();
	CHECK("first superblock damaged", 1,
	      "fault: superblock, offset 0x0: first copy: wrong checksum: 0x378e1b67 is stored, its bytes give 0xc3678e9a\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	CHECK("first superblock damaged: dry run", 1,
	      "fault: superblock, offset 0x0: first copy: wrong checksum: 0x378e1b67 is stored, its bytes give 0xc3678e9a\n"
	      "would repair: superblock: first copy written anew from the second\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run");
	ok(unchanged(), "a check and a dry run change nothing");
	CHECK("first superblock damaged: repair", 0,
	      "fault: superblock, offset 0x0: first copy: wrong checksum: 0x378e1b67 is stored, its bytes give 0xc3678e9a\n"
	      "repaired: superblock: first copy written anew from the second\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	CHECK("first superblock damaged: repair again", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--repair");

	fresh();
	memset(mem + fmt.copy_offset, 0, 512);
	CHECK("second superblock zero", 0,
	      "fault: superblock, offset 0x1ff000: second copy: all zero\n"
	      "repaired: superblock: second copy written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	CHECK("second superblock zero: after", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n");

	fresh();
	memcpy(&super, mem, sizeof(super));
	super.copy_offset++;
	write_super(fmt.copy_offset, &super);
	CHECK("second superblock with a wrong field", 1,
	      "fault: superblock, offset 0x1ff000: second copy: copy_offset is 2093057, must be 2093056\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	super.copy_offset--;
	super.reserved[5] = 1;
	write_super(fmt.copy_offset, &super);
	CHECK("second superblock with reserved bytes", 1,
	      "fault: superblock, offset 0x1ff000: second copy: reserved bytes are not zero\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	super.reserved[5] = 0;
	super.flags |= 0x10;
	write_super(fmt.copy_offset, &super);
	CHECK("second superblock with unknown flags", 1,
	      "fault: superblock, offset 0x1ff000: second copy: unknown flags 0x10\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");

	fresh();
	memcpy(&super, mem, sizeof(super));
	pmpool_format_detach(&fmt, 700);
	memcpy(mem, &super, sizeof(super));
	CHECK("superblocks differ", 0,
	      "fault: superblock, offset 0x0: first copy: older: change 2, the second copy has change 3\n"
	      "repaired: superblock: first copy written anew from the second\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	ok(!memcmp(mem, mem + fmt.copy_offset, sizeof(super)) && memcmp(mem, &super, sizeof(super)),
	   "the newer superblock has won");
	super.generation++;
	super.seq = ((struct pmpool_format_super *)mem)->seq;
	write_super(fmt.copy_offset, &super);
	CHECK("superblocks of one change differ", 0,
	      "fault: superblock, offset 0x1ff000: second copy: differs from the first, though both are change 3\n"
	      "repaired: superblock: second copy written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");

	fresh();
	write_catalog();
	mem[100] ^= 1;
	memset(mem + fmt.copy_offset, 0, 512);
	CHECK("both superblocks lost, no catalog", 1,
	      "fault: superblock, offset 0x0: first copy: wrong checksum: 0x378e1b67 is stored, its bytes give 0xc3678e9a\n"
	      "fault: superblock, offset 0x1ff000: second copy: all zero\n"
	      "left: superblock, first copy: both are lost, and there is no catalog of this pool to make them from\n"
	      "left: superblock, second copy: both are lost, and there is no catalog of this pool to make them from\n"
	      "image: 2 extents, 1 limit: 2 faults\n"
	      "image: 2 faults left\n", "--repair");
	CHECK("both superblocks lost, with a catalog", 0,
	      "fault: superblock, offset 0x0: first copy: wrong checksum: 0x378e1b67 is stored, its bytes give 0xc3678e9a\n"
	      "fault: superblock, offset 0x1ff000: second copy: all zero\n"
	      "repaired: superblock: both copies made anew, with uuid and generation 1 from catalog catalog\n"
	      "image: 2 extents, 1 limit: 2 faults\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	ok(!pmpool_format_init(&fmt, mem, SIZE) && !pmpool_format_open(&fmt) &&
	   !memcmp(fmt.super.uuid, uuid, 16) && fmt.super.generation == 1 && !fmt.super.clean,
	   "the superblock has the catalog's uuid and generation");
	memset(mem, 0, 512);
	memset(mem + fmt.copy_offset, 0, 512);
	CHECK("both superblocks all zero, but extents", 1,
	      "fault: superblock, offset 0x0: first copy: all zero\n"
	      "fault: superblock, offset 0x1ff000: second copy: all zero\n"
	      "image: 2 extents, 1 limit: 2 faults\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");

	fresh();
	memcpy(&super, mem, sizeof(super));
	super.version = 2;
	write_super(0, &super);
	CHECK("a later version", 1,
	      "fault: superblock, offset 0x0: format version 2, this driver knows 1: load the driver that wrote it\n"
	      "left: superblock, offset 0x0: format version 2, this driver knows 1: load the driver that wrote it: what is not understood is not mended; nothing is changed\n"
	      "image: 0 extents, 0 limits: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	super.version = 1;
	super.incompat = 4;
	write_super(0, &super);
	CHECK("an unknown feature", 1,
	      "fault: superblock, offset 0x0: incompatible features 0x4, this driver knows 0x0: load a newer driver\n"
	      "image: 0 extents, 0 limits: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	super.incompat = 0;
	super.region_size *= 2;
	write_super(0, &super);
	CHECK("another size", 1,
	      "fault: superblock, offset 0x0: the pool has size 0x2000000, the region 0x1000000: give the region that size\n"
	      "image: 0 extents, 0 limits: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	super.region_size /= 2;
	super.ro_compat = 2;
	super.seq++;
	write_super(0, &super);
	write_super(fmt.copy_offset, &super);
	record(0, 0)->mode ^= 1;
	remember();
	CHECK("only to be read", 1,
	      "fault: 'a', slot 0, offset 0x1000: first place: wrong checksum: 0x42f17899 is stored, its bytes give 0x33206931\n"
	      "left: 'a', slot 0: the pool has a feature with which this pmpoolctl may only read it; use a newer one; nothing is changed\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	ok(unchanged(), "what may only be read is not written");

	fresh();
	memcpy(mem, PMPOOL_FORMAT_BEGUN, PMPOOL_FORMAT_MAGIC_SIZE);
	remember();
	CHECK("formatting that was cut short", 4,
	      "pmpoolctl: image holds no pool\n", "--repair");
	ok(unchanged(), "what is left of the pool before it is not made one");
	memset(mem, 0, SIZE);
	CHECK("zeroes", 4,
	      "pmpoolctl: image holds no pool\n");
	memset(mem, 0x5a, SIZE);
	CHECK("anything", 4,
	      "pmpoolctl: image holds no pool\n", "--repair");
}

static void one_place(void)
{
	struct pmpool_format_record old;
	struct pmpool_record rec;

	fresh();
	record(0, 1)->mode ^= 1;
	remember();
	CHECK("second place damaged: dry run", 1,
	      "fault: 'a', slot 0, offset 0x1100: second place: wrong checksum: 0x42f17899 is stored, its bytes give 0x33206931\n"
	      "would repair: 'a', slot 0: second place written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run");
	ok(unchanged(), "the dry run changes nothing");
	CHECK("second place damaged: repair", 0,
	      "fault: 'a', slot 0, offset 0x1100: second place: wrong checksum: 0x42f17899 is stored, its bytes give 0x33206931\n"
	      "repaired: 'a', slot 0: second place written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	CHECK("second place damaged: after", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n");
	ok(!memcmp(record(0, 0), record(0, 1), sizeof(old)), "both places are the same");

	fresh();
	memset(record(1, 0), 0, sizeof(old));
	CHECK("first place zero", 0,
	      "fault: 'b', slot 1, offset 0x1200: first place: all zero\n"
	      "repaired: 'b', slot 1: first place written anew from the second\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	ok(!memcmp(record(1, 0), record(1, 1), sizeof(old)), "both places are the same");

	fresh();
	record(3, 0)->uid ^= 1;
	record(2, 1)->seq ^= 1;
	CHECK("a place of a limit and of a free slot", 0,
	      "fault: slot 2, offset 0x1500: second place: wrong checksum: 0x68b840fb is stored, its bytes give 0xd1586b7d\n"
	      "fault: limit of user 4000001, slot 3, offset 0x1600: first place: wrong checksum: 0x405fe1d8 is stored, its bytes give 0x69c7a60d\n"
	      "repaired: slot 2: second place written anew from the first\n"
	      "repaired: limit of user 4000001, slot 3: first place written anew from the second\n"
	      "image: 2 extents, 1 limit: 2 faults\n"
	      "image: 0 faults left\n", "--repair");

	fresh();
	old = *record(1, 0);
	pmpool_format_read(&fmt, 1, &rec);
	rec.mode = 0600;
	pmpool_format_write(&fmt, 1, &rec);
	*record(1, 0) = old;
	CHECK("first place older", 0,
	      "fault: 'b', slot 1, offset 0x1200: first place: older: change 1, the second place has change 2\n"
	      "repaired: 'b', slot 1: first place written anew from the second\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	ok(!pmpool_format_read(&fmt, 1, &rec) && rec.mode == 0600 && !rec.bad_copies,
	   "the newer place has won");

	fresh();
	record(1, 1)->mode ^= cpu_to_le32(1);
	record(1, 1)->crc = cpu_to_le32(record_checksum(record(1, 1)));
	CHECK("places of one change differ", 0,
	      "fault: 'b', slot 1, offset 0x1300: second place: differs from the first, though both are change 1\n"
	      "repaired: 'b', slot 1: second place written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");

	/* The same as a first change that was cut short between the places. */
	fresh();
	memset(record(0, 1), 0, sizeof(old));
	CHECK("second place zero", 0,
	      "fault: 'a', slot 0, offset 0x1100: second place: all zero\n"
	      "repaired: 'a', slot 0: second place written anew from the first\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	ok(!pmpool_format_read(&fmt, 0, &rec) && !rec.bad_copies, "both places are there");

	fresh();
	memset(record(0, 0), 0, sizeof(old));
	memset(record(0, 1), 0, 8);
	CHECK("a first change cut short", 0,
	      "note: 'a'?, slot 0, offset 0x1100: a first change that was cut short; the slot is unused\n"
	      "image: 1 extent, 1 limit: nothing is wrong\n");
}

static void unused(void)
{
	struct pmpool_record rec;

	fresh();
	write_catalog();
	memset(record(0, 0), 0, sizeof(*record(0, 0)));
	record(0, 1)->mode ^= 1;
	CHECK("one place zero, one damaged", 1,
	      "fault: 'a'?, slot 0, offset 0x1100: second place: wrong checksum: 0x42f17899 is stored, its bytes give 0x33206931; the first place is all zero, so the slot counts as unused\n"
	      "left: 'a'?, slot 0: there is no catalog to restore it from; --give-up 0 gives it up\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	CHECK("one place zero, one damaged: repair", 0,
	      "fault: 'a'?, slot 0, offset 0x1100: second place: wrong checksum: 0x42f17899 is stored, its bytes give 0x33206931; the first place is all zero, so the slot counts as unused\n"
	      "repaired: 'a', slot 0: record written anew from catalog catalog: 3.0 MiB at offset 0x200000, owner 4000001:4000002, mode 0640; marked dirty\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	ok(!pmpool_format_read(&fmt, 0, &rec) && !strcmp(rec.name, "a"), "the extent is back");

	memset(record(0, 0), 0, sizeof(*record(0, 0)));
	record(0, 1)->mode ^= 1;
	put_extent(5, "thief", 2, 1, 1);
	CHECK("one place zero, one damaged, blocks taken", 1,
	      "fault: 'a'?, slot 0, offset 0x1100: second place: wrong checksum: 0x664dcd45 is stored, its bytes give 0x179cdced; the first place is all zero, so the slot counts as unused\n"
	      "left: 'a'?, slot 0: catalog catalog lists 'a' there, but its blocks are in use by 'thief', slot 5; --give-up 0 gives it up\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair", "--catalog", "catalog");
	CHECK("one place zero, one damaged, given up", 0,
	      "fault: 'a'?, slot 0, offset 0x1100: second place: wrong checksum: 0x664dcd45 is stored, its bytes give 0x179cdced; the first place is all zero, so the slot counts as unused\n"
	      "repaired: 'a'?, slot 0: given up, as told; its slot is free\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "a");
}

static void no_place(void)
{
	struct pmpool_record rec;

	fresh();
	write_catalog();
	wreck(1);
	remember();
	CHECK("no place valid", 1,
	      "fault: slot 1, offset 0x1200: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	CHECK("no place valid, no catalog", 1,
	      "fault: slot 1, offset 0x1200: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "left: slot 1: there is no catalog to restore it from; --give-up 1 gives it up\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	CHECK("no place valid: dry run", 1,
	      "fault: slot 1, offset 0x1200: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "would repair: 'b', slot 1: record written anew from catalog catalog: 4.0 KiB at offset 0x600000, owner 4000001:4000002, mode 0640; marked dirty\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run", "--catalog", "catalog");
	ok(unchanged(), "without a catalog, or dry, nothing is changed");
	CHECK("no place valid: repair", 0,
	      "fault: slot 1, offset 0x1200: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "repaired: 'b', slot 1: record written anew from catalog catalog: 4.0 KiB at offset 0x600000, owner 4000001:4000002, mode 0640; marked dirty\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	ok(!pmpool_format_read(&fmt, 1, &rec) && !strcmp(rec.name, "b") && rec.first_block == 3 &&
	   rec.blocks == 1 && rec.length == 4096 && rec.uid == 4000001 && rec.gid == 4000002 &&
	   rec.mode == 0640 && !rec.clean && rec.id == 2048 + 1 && rec.uuid[0] == 0xa1 &&
	   !memcmp(rec.tag, "schema 1", 8), "what the catalog knows is back, dirty");
	ok(pmpool_format_next_id(&fmt, 1) > rec.id, "its id will not be given again");
	CHECK("no place valid: repair again", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--repair", "--catalog", "catalog");

	fresh();
	record(1, 0)->mode ^= 1;
	record(1, 1)->uid ^= 1;
	CHECK("given up by name", 1,
	      "fault: 'b'?, slot 1, offset 0x1200: no place is valid: first place: wrong checksum: 0xa39f70e5 is stored, its bytes give 0xd24e614d; second place: wrong checksum: 0xa39f70e5 is stored, its bytes give 0x8a073730\n"
	      "would repair: 'b'?, slot 1: given up, as told; its slot is free\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run", "--give-up", "b");
	CHECK("given up by number", 0,
	      "fault: 'b'?, slot 1, offset 0x1200: no place is valid: first place: wrong checksum: 0xa39f70e5 is stored, its bytes give 0xd24e614d; second place: wrong checksum: 0xa39f70e5 is stored, its bytes give 0x8a073730\n"
	      "repaired: 'b'?, slot 1: given up, as told; its slot is free\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "1");
	ok(pmpool_format_read(&fmt, 1, &rec) == -ENOENT &&
	   pmpool_format_next_id(&fmt, 1) == 3 * 2048 + 1, "the slot is free, and its ids go on");
	CHECK("given up twice", 2,
	      "pmpoolctl: --give-up '1': slot 1: not damaged; see pmpoolctl remove\n", "--repair", "--give-up", "1");
	CHECK("given up, but intact", 2,
	      "pmpoolctl: --give-up 'a': it is not damaged; see pmpoolctl remove\n", "--repair", "--give-up", "a");
	CHECK("given up, but unknown", 2,
	      "pmpoolctl: --give-up 'x': no damaged record is of that name; give the number of a slot\n", "--repair", "--give-up", "x");
	CHECK("given up, but out of range", 2,
	      "pmpoolctl: --give-up '2048': the last slot is 2047\n", "--repair", "--give-up", "2048");
	CHECK("given up without repair", 2,
	      "pmpoolctl: --give-up needs --repair or --dry-run\n"
	      "Try 'pmpoolctl check --help'.\n", "--give-up", "a");

	/* Something else is where the catalog has it. */
	fresh();
	wreck(0);
	put_extent(5, "z", 2, 1, MIB);
	remember();
	CHECK("blocks taken", 1,
	      "fault: slot 0, offset 0x1000: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "left: slot 0: catalog catalog lists 'a' there, but its blocks are in use by 'z', slot 5; --give-up 0 gives it up\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair", "--catalog", "catalog");
	fresh();
	wreck(0);
	put_extent(5, "a", 5, 1, MIB);
	CHECK("name taken", 1,
	      "fault: slot 0, offset 0x1000: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "left: slot 0: catalog catalog lists 'a' there, but slot 5 has that name; --give-up 0 gives it up\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair", "--catalog", "catalog");

	fresh();
	record(3, 0)->type = cpu_to_le32(9);
	record(3, 1)->type = cpu_to_le32(9);
	sign(3);
	CHECK("unknown type", 1,
	      "fault: slot 3, offset 0x1600: no place is valid: first place: unknown type 9; second place: unknown type 9\n"
	      "left: slot 3: no catalog lists an extent of this slot; --give-up 3 gives it up\n"
	      "image: 2 extents, 0 limits: 1 fault\n"
	      "image: 1 fault left\n", "--repair", "--catalog", "catalog");

	fresh();
	record(0, 0)->id = record(0, 1)->id = cpu_to_le64(2049);
	sign(0);
	CHECK("id of another slot", 1,
	      "fault: 'a'?, slot 0, offset 0x1000: no place is valid: first place: id 2049 does not fit: it is of slot 1; second place: id 2049 does not fit: it is of slot 1\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh();
	record(0, 0)->blocks = cpu_to_le64(100);
	record(0, 1)->reserved[3] = 1;
	sign(0);
	CHECK("blocks outside, reserved bytes", 1,
	      "fault: 'a'?, slot 0, offset 0x1000: no place is valid: first place: 100 blocks from block 1 are not inside blocks 1 to 7; second place: reserved bytes are not zero\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh();
	record(0, 0)->length = cpu_to_le64(1);
	record(0, 1)->name[0] = '/';
	sign(0);
	CHECK("length, name", 1,
	      "fault: 'a'?, slot 0, offset 0x1000: no place is valid: first place: length 1 does not fit 2 blocks; second place: its name is not one that an extent can have\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh();
	record(0, 0)->mode = cpu_to_le32(01000);
	record(0, 1)->flags = cpu_to_le32(4);
	sign(0);
	CHECK("mode, flags", 1,
	      "fault: 'a'?, slot 0, offset 0x1000: no place is valid: first place: mode 01000 has more than permission bits; second place: unknown flags 0x4\n"
	      "image: 1 extent, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh();
	record(2, 0)->uid = cpu_to_le32(1);
	record(2, 1)->seq = 0;
	sign(2);
	CHECK("a free one with bytes, change 0", 1,
	      "fault: slot 2, offset 0x1400: no place is valid: first place: reserved bytes are not zero; second place: change 0, they begin with 1\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
}

static void conflicts(void)
{
	struct pmpool_record rec;

	fresh();
	write_catalog();
	put_extent(4, "d", 2, 3, 6 * MIB);
	CHECK("overlaps, no catalog", 1,
	      "fault: 'a', slot 0, offset 0x400000: shares block 2 with 'd', slot 4\n"
	      "fault: 'd', slot 4, offset 0x600000: shares block 3 with 'b', slot 1\n"
	      "left: 'a', slot 0, and 'd', slot 4: no catalog lists exactly one of them; give one up: --give-up 0 or --give-up 4\n"
	      "left: 'd', slot 4, and 'b', slot 1: no catalog lists exactly one of them; give one up: --give-up 4 or --give-up 1\n"
	      "image: 3 extents, 1 limit: 2 faults\n"
	      "image: 2 faults left\n", "--repair");
	CHECK("overlaps: dry run", 1,
	      "fault: 'a', slot 0, offset 0x400000: shares block 2 with 'd', slot 4\n"
	      "fault: 'd', slot 4, offset 0x600000: shares block 3 with 'b', slot 1\n"
	      "would repair: 'd', slot 4: given up: catalog catalog lists 'a' in its blocks, and not it\n"
	      "image: 3 extents, 1 limit: 2 faults\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run", "--catalog", "catalog");
	CHECK("overlaps: repair", 0,
	      "fault: 'a', slot 0, offset 0x400000: shares block 2 with 'd', slot 4\n"
	      "fault: 'd', slot 4, offset 0x600000: shares block 3 with 'b', slot 1\n"
	      "repaired: 'd', slot 4: given up: catalog catalog lists 'a' in its blocks, and not it\n"
	      "image: 3 extents, 1 limit: 2 faults\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	CHECK("overlaps: repair again", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--repair", "--catalog", "catalog");

	fresh();
	put_extent(4, "d", 3, 2, 4 * MIB);
	CHECK("overlap: one given up", 0,
	      "fault: 'b', slot 1, offset 0x600000: shares block 3 with 'd', slot 4\n"
	      "repaired: 'b', slot 1: given up, as told; its slot is free\n"
	      "image: 3 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "b");

	/* One that the catalog has elsewhere. */
	fresh();
	pmpool_format_read(&fmt, 1, &rec);
	rec.first_block = 1;
	pmpool_format_write(&fmt, 1, &rec);
	CHECK("overlap: put back", 0,
	      "fault: 'a', slot 0, offset 0x200000: shares block 1 with 'b', slot 1\n"
	      "repaired: 'b', slot 1: put where catalog catalog lists it: 4.0 KiB at offset 0x600000; marked dirty\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	ok(!pmpool_format_read(&fmt, 1, &rec) && rec.first_block == 3 && !rec.clean,
	   "it is where the catalog has it");

	fresh();
	put_extent(4, "a", 5, 1, MIB);
	CHECK("two of a name, no catalog", 1,
	      "fault: 'a', slot 4, offset 0x1800: slot 0 has this name, too\n"
	      "left: 'a', slot 4, and slot 0: no catalog lists exactly one of them; give one up: --give-up 4 or --give-up 0\n"
	      "image: 3 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	CHECK("two of a name: which", 2,
	      "pmpoolctl: --give-up 'a': slots 0 and 4 have that name: say which slot\n", "--repair", "--give-up", "a");
	CHECK("two of a name: repair", 0,
	      "fault: 'a', slot 4, offset 0x1800: slot 0 has this name, too\n"
	      "repaired: 'a', slot 4: renamed 'a.slot4': catalog catalog gives the name to another\n"
	      "image: 3 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");
	CHECK("two of a name: after", 0,
	      "image: 3 extents, 1 limit: nothing is wrong\n");
	fresh();
	pmpool_format_read(&fmt, 1, &rec);
	snprintf(rec.name, sizeof(rec.name), "a");
	pmpool_format_write(&fmt, 1, &rec);
	CHECK("two of a name: the catalog's name", 0,
	      "fault: 'a', slot 1, offset 0x1200: slot 0 has this name, too\n"
	      "repaired: 'a', slot 1: renamed 'b': catalog catalog gives the name to another\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--catalog", "catalog");

	fresh();
	pmpool_format_write_limit(&fmt, 5, 4000001, 1, 1);
	pmpool_format_write_limit(&fmt, 6, PMPOOL_FORMAT_ANY_UID, 1, 1);
	pmpool_format_write_limit(&fmt, 7, PMPOOL_FORMAT_ANY_UID, 1, 1);
	CHECK("two limits of a user", 1,
	      "fault: limit of user 4000001, slot 5, offset 0x1a00: slot 3 has a limit of this user, too\n"
	      "fault: default limit, slot 7, offset 0x1e00: slot 6 has a limit of this user, too\n"
	      "left: limit of user 4000001, slot 5, and slot 3: give up one of them: --give-up 5 or --give-up 3\n"
	      "left: default limit, slot 7, and slot 6: give up one of them: --give-up 7 or --give-up 6\n"
	      "image: 2 extents, 4 limits: 2 faults\n"
	      "image: 2 faults left\n", "--repair");
	CHECK("two limits of a user: repair", 0,
	      "fault: limit of user 4000001, slot 5, offset 0x1a00: slot 3 has a limit of this user, too\n"
	      "fault: default limit, slot 7, offset 0x1e00: slot 6 has a limit of this user, too\n"
	      "repaired: limit of user 4000001, slot 5: given up, as told; its slot is free\n"
	      "repaired: default limit, slot 6: given up, as told; its slot is free\n"
	      "image: 2 extents, 4 limits: 2 faults\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "5", "-g", "6");
}

static void rest(void)
{
	fresh();
	mem[0x300] = 1;
	mem[fmt.copy_offset - 1] = 7;
	mem[fmt.copy_offset + 4095] = 7;
	pmpool_format_set_block_ready(&fmt, 1);
	pmpool_format_set_block_ready(&fmt, 5);
	mem[fmt.bitmap_offset + 1] = 0x80;
	CHECK("reserved bytes: dry run", 1,
	      "note: bitmap, offset 0x101000: blocks of no extent are marked as zeroed: 1 of them, the first is block 5; creating an extent clears that\n"
	      "fault: bitmap, offset 0x101001: bits behind the last block are set: 1 of them\n"
	      "fault: reserved bytes, offset 0x300: not zero behind the first superblock: 1 of them\n"
	      "fault: reserved bytes, offset 0x1fefff: not zero behind the bitmap: 1 of them\n"
	      "fault: reserved bytes, offset 0x1fffff: not zero behind the second superblock: 1 of them\n"
	      "would repair: reserved bytes, behind the first superblock: set to zero\n"
	      "would repair: reserved bytes, behind the bitmap: set to zero\n"
	      "would repair: reserved bytes, behind the second superblock: set to zero\n"
	      "would repair: bitmap: bits behind the last block cleared\n"
	      "image: 2 extents, 1 limit: 4 faults\n"
	      "image: 0 faults would be left; nothing was changed\n", "--dry-run");
	CHECK("reserved bytes: repair", 0,
	      "note: bitmap, offset 0x101000: blocks of no extent are marked as zeroed: 1 of them, the first is block 5; creating an extent clears that\n"
	      "fault: bitmap, offset 0x101001: bits behind the last block are set: 1 of them\n"
	      "fault: reserved bytes, offset 0x300: not zero behind the first superblock: 1 of them\n"
	      "fault: reserved bytes, offset 0x1fefff: not zero behind the bitmap: 1 of them\n"
	      "fault: reserved bytes, offset 0x1fffff: not zero behind the second superblock: 1 of them\n"
	      "repaired: reserved bytes, behind the first superblock: set to zero\n"
	      "repaired: reserved bytes, behind the bitmap: set to zero\n"
	      "repaired: reserved bytes, behind the second superblock: set to zero\n"
	      "repaired: bitmap: bits behind the last block cleared\n"
	      "image: 2 extents, 1 limit: 4 faults\n"
	      "image: 0 faults left\n", "--repair");
	CHECK("reserved bytes: after", 0,
	      "note: bitmap, offset 0x101000: blocks of no extent are marked as zeroed: 1 of them, the first is block 5; creating an extent clears that\n"
	      "image: 2 extents, 1 limit: nothing is wrong\n");
	ok(pmpool_format_block_ready(&fmt, 1) && pmpool_format_block_ready(&fmt, 5),
	   "the marks of blocks stay");

	fresh();
	write_catalog();
	CHECK("no such catalog", 1,
	      "pmpoolctl: catalog missing is not used: there is none\n", "--repair", "--catalog", "missing");
	CHECK("catalog without repair", 2,
	      "pmpoolctl: --catalog needs --repair or --dry-run\n"
	      "Try 'pmpoolctl check --help'.\n", "--catalog", "catalog");
	CHECK("two files", 2,
	      "pmpoolctl: check takes one file, not 'image' as well\n"
	      "Try 'pmpoolctl check --help'.\n", "x");
	fmt.super.uuid[0]++;
	pmpool_format_attach(&fmt, 700, "other");
	CHECK("a catalog of another pool", 1,
	      "pmpoolctl: catalog catalog is not used: it is of another pool\n", "--repair", "--catalog", "catalog");

	fresh();
	expect("no such file", run(verb_check, "missing", NULL), 1,
	      "pmpoolctl: cannot open missing: No such file or directory\n");
	expect("a small file", run(verb_check, "catalog", NULL), 4,
	      "pmpoolctl: catalog holds no image of a pool: size 0x30b is not a multiple of 2 MiB: use 0\n");
	expect("a device that is no pool", run(verb_check, "/dev/null", NULL), 4,
	      "pmpoolctl: /dev/null is a device, but not a pool\n");
	expect("dump of a device that is no pool", run(verb_dump, "/dev/null", NULL), 4,
	      "pmpoolctl: /dev/null is a device, but not a pool\n");
}

static struct json_object *parsed(void)
{
	struct json_object *json = json_tokener_parse(output);

	ok(json, "it is JSON");
	if (!json)
		printf("# said: %s\n", output);
	return json;
}

static struct json_object *get(struct json_object *json, const char *key, size_t i)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, key, &value);
	if (json_object_is_type(value, json_type_array))
		value = json_object_array_get_idx(value, i);
	return value;
}

static void json(void)
{
	struct json_object *top, *fault, *left, *slot, *place;
	int status;

	fresh();
	record(1, 1)->mode ^= 1;
	wreck(0);
	status = run(verb_check, "--dry-run", "--json", "image", NULL);
	ok(status == 1, "check --json fails where check does");
	top = parsed();
	fault = get(top, "faults", 0);
	ok(!strcmp(json_object_get_string(get(fault, "kind", 0)), "record-damaged") &&
	   json_object_get_int(get(fault, "slot", 0)) == 0 && !get(fault, "name", 0) &&
	   json_object_get_int(get(fault, "offset", 0)) == 4096, "the first fault");
	fault = get(top, "faults", 1);
	ok(!strcmp(json_object_get_string(get(fault, "kind", 0)), "place-damaged") &&
	   !strcmp(json_object_get_string(get(fault, "name", 0)), "b"), "the second fault");
	left = get(top, "left", 0);
	ok(json_object_get_int(get(left, "slot", 0)) == 0 && get(left, "why", 0), "what is left");
	ok(!json_object_get_boolean(get(get(top, "repairs", 0), "done", 0)), "nothing was done");
	json_object_put(top);

	pmpool_format_set_block_ready(&fmt, 1);
	pmpool_format_set_block_ready(&fmt, 2);
	pmpool_format_set_block_ready(&fmt, 5);
	status = run(verb_dump, "--json", "image", NULL);
	ok(status == 0, "dump of a damaged pool");
	top = parsed();
	slot = get(top, "slots", 0);
	ok(!strcmp(json_object_get_string(get(slot, "state", 0)), "damaged") &&
	   !get(slot, "in_force", 0), "the damaged slot");
	slot = get(top, "slots", 1);
	place = get(slot, "places", 0);
	ok(json_object_get_int(get(slot, "in_force", 0)) == 0 && !get(place, "problem", 0) &&
	   !strcmp(json_object_get_string(get(place, "name", 0)), "b") &&
	   get(get(slot, "places", 1), "problem", 0), "the one with one good place");
	slot = get(top, "slots", 2);
	ok(json_object_get_int(get(slot, "slot", 0)) == 3 && !get(slot, "places", 1) &&
	   json_object_get_int(get(get(slot, "places", 0), "type", 0)) == 2, "the limit, once");
	ok(!get(top, "slots", 3), "and no more");
	ok(json_object_get_int(get(get(top, "bitmap", 0), "zeroed", 0)) == 3 &&
	   json_object_array_get_idx(get(get(top, "bitmap", 0), "runs", 1), 0), "the bitmap");
	place = get(top, "superblocks", 1);
	ok(json_object_get_int64(get(place, "at", 0)) == (int64_t)fmt.copy_offset &&
	   !strcmp(json_object_get_string(get(place, "kernel", 0)), "6.12.0-test"),
	   "the second superblock");
	json_object_put(top);
}

/*
 * The kernel's own part.
 */

static void put_hold(u32 index, u64 first, u64 blocks, const char *name)
{
	struct pmpool_hold_record disk = {
		.first_block = cpu_to_le64(first), .blocks = cpu_to_le64(blocks),
	};

	snprintf(disk.name, sizeof(disk.name), "%s", name);
	disk.crc = cpu_to_le32(~crc32c(~0U, &disk, sizeof(disk)));
	memcpy(mem + hold_offset(index), &disk, sizeof(disk));
}

static void put_header(u32 state)
{
	struct pmpool_hold_header disk = {
		.magic = PMPOOL_HOLD_MAGIC,
		.version = cpu_to_le32(PMPOOL_HOLD_VERSION),
		.base = cpu_to_le64(1ULL << 32),
		.size = cpu_to_le64(SIZE),
		.id = { 5 },
		.state = cpu_to_le32(state),
		.bitmap_crc = cpu_to_le32(state ? pmpool_hold_bitmap_crc(&fmt) : 0),
		.table_offset = cpu_to_le64(PMPOOL_HOLD_TABLE_OFFSET),
		.table_size = cpu_to_le64(PMPOOL_HOLD_TABLE_SIZE),
		.bitmap_offset = cpu_to_le64(PMPOOL_HOLD_BITMAP_OFFSET),
		.bitmap_size = cpu_to_le64(PMPOOL_HOLD_BITMAP_SIZE(SIZE)),
	};

	disk.crc = cpu_to_le32(~crc32c(~0U, &disk, sizeof(disk)));
	memcpy(mem + PMPOOL_HOLD_HEADER_OFFSET, &disk, sizeof(disk));
}

/* Blocks 1 to 3 are extents', 5 and 6 a user's inside the kernel. */
static void fresh_kernel(void)
{
	fresh();
	put_hold(1, 5, 2, "deposit");
	mem[PMPOOL_HOLD_BITMAP_OFFSET] = 0x6f;
	put_header(PMPOOL_HOLD_SEALED);
}

static void kernel(void)
{
	struct json_object *root, *to;
	const char *text;

	fresh_kernel();
	remember();
	CHECK("the kernel's own part, sealed", 0, "image: 2 extents, 1 limit: nothing is wrong\n");
	CHECK("nor is anything to be mended", 0, "image: 2 extents, 1 limit: nothing is wrong\n",
	      "--repair");
	ok(unchanged(), "nothing of it is changed");
	put_header(0);
	mem[PMPOOL_HOLD_BITMAP_OFFSET] = 0;
	CHECK("a bitmap that nobody vouches for can be anything", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n");

	fresh_kernel();
	ok(run(verb_dump, "image", NULL) == 0, "dump");
	root = json_tokener_parse(output);
	ok(json_object_object_get_ex(root, "kernel", &to) && to, "dump has the kernel's own part");
	text = json_object_to_json_string_ext(to, JSON_C_TO_STRING_PLAIN);
	ok(strstr(text, "\"state\":\"good\"") && strstr(text, "\"name\":\"deposit\"") &&
	   strstr(text, "\"first_block\":5"), "with what is held");
	ok(strstr(text, "\"runs\":[[0,4],[5,2]]") != NULL, "and the runs of the bitmap");
	json_object_put(root);
	fresh();
	run(verb_dump, "image", NULL);
	root = json_tokener_parse(output);
	ok(json_object_object_get_ex(root, "kernel", &to) && !to, "dump says when there is none");
	json_object_put(root);

	fresh_kernel();
	mem[PMPOOL_HOLD_BITMAP_OFFSET] ^= 0x80;
	CHECK("the bitmap is damaged", 0,
	      "fault: kernel, bitmap, offset 0x1a0000: wrong checksum: 0x234a1dff is stored, its bytes give 0x174b8b9b\n"
	      "repaired: kernel, bitmap: not to be believed any more; the next kernel that keeps the pool itself finds out anew what is free\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	ok(pmpool_hold_state(&fmt, 1ULL << 32) == PMPOOL_HOLD_OPEN, "it is not vouched for");
	fresh_kernel();
	mem[PMPOOL_HOLD_BITMAP_OFFSET] = 0x65;
	put_header(PMPOOL_HOLD_SEALED);
	CHECK("a bitmap that lacks an extent", 0,
	      "fault: 'a', slot 0: blocks of it are marked as free in the kernel's bitmap, offset 0x1a0000\n"
	      "fault: 'b', slot 1: blocks of it are marked as free in the kernel's bitmap, offset 0x1a0000\n"
	      "repaired: kernel, bitmap: not to be believed any more; the next kernel that keeps the pool itself finds out anew what is free\n"
	      "image: 2 extents, 1 limit: 2 faults\n"
	      "image: 0 faults left\n", "--repair");
	fresh_kernel();
	mem[PMPOOL_HOLD_BITMAP_OFFSET] = 0x2f;
	put_header(PMPOOL_HOLD_SEALED);
	CHECK("a bitmap that lacks what the kernel has", 1,
	      "fault: kernel, bitmap, offset 0x1a0000: blocks that the kernel itself has are marked as free\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");

	fresh_kernel();
	mem[PMPOOL_HOLD_HEADER_OFFSET + 40] ^= 1;
	CHECK("the header is damaged", 0,
	      "fault: kernel, header, offset 0x180000: wrong checksum: 0xf7d8b28b is stored, its bytes give 0xf0cd7cd8\n"
	      "repaired: kernel, header: set to zero; the next kernel that needs one makes it anew\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair");
	CHECK("what is held is known all the same", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--repair");

	fresh_kernel();
	mem[hold_offset(1) + 30] ^= 1;
	CHECK("what the kernel has is damaged", 1,
	      "fault: kernel, record 1, offset 0x181040: wrong checksum: 0xaf8ffd42 is stored, its bytes give 0xd17b7693\n"
	      "left: kernel, record 1: nothing else tells what is in use inside the kernel; --give-up kernel:N gives up the record with that number\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	CHECK("what is intact is not given up", 2,
	      "pmpoolctl: --give-up 'kernel:2': not in use: not damaged\n", "--repair", "--give-up",
	      "kernel:2");
	CHECK("what there is not, neither", 2,
	      "pmpoolctl: --give-up 'kernel:1024': the kernel's records are kernel:0 to kernel:1023\n",
	      "--repair", "--give-up", "kernel:1024");
	CHECK("given up", 0,
	      "fault: kernel, record 1, offset 0x181040: wrong checksum: 0xaf8ffd42 is stored, its bytes give 0xd17b7693\n"
	      "repaired: kernel, record 1: given up, as told; nobody inside the kernel has it any more\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "kernel:1");
	fresh_kernel();
	put_hold(0, 7, 2, "too far");
	CHECK("out of the region", 1,
	      "fault: kernel, record 0, offset 0x181000: blocks 7 to 8, or its name, can not be\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh_kernel();
	memset(mem + hold_offset(1), 0, 4);
	CHECK("cut short", 0,
	      "note: kernel, record 1, offset 0x181040: a change that was cut short; it is not in use\n"
	      "image: 2 extents, 1 limit: nothing is wrong\n");

	fresh_kernel();
	put_hold(2, 6, 1, "same");
	CHECK("two users inside the kernel have a block", 1,
	      "fault: kernel, 'same', offset 0xc00000: shares blocks with the kernel's 'deposit'\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "'pmpoolctl check --dry-run' shows what can be mended\n");
	fresh_kernel();
	put_extent(4, "in it", 6, 1, 4096);
	mem[at(4, 0) + 120 + 2] = mem[at(4, 1) + 120 + 2] = '-';
	sign(4);
	mem[PMPOOL_HOLD_BITMAP_OFFSET] = 0x7f;
	put_header(PMPOOL_HOLD_SEALED);
	CHECK("an extent where the kernel has something", 1,
	      "fault: 'in-it', slot 4, offset 0xc00000: shares blocks with the kernel's 'deposit'\n"
	      "left: 'in-it', slot 4: it is in use inside the kernel; --give-up 4 gives the extent up\n"
	      "image: 3 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair");
	CHECK("the extent is given up", 0,
	      "fault: 'in-it', slot 4, offset 0xc00000: shares blocks with the kernel's 'deposit'\n"
	      "repaired: 'in-it', slot 4: given up, as told; its slot is free\n"
	      "image: 3 extents, 1 limit: 1 fault\n"
	      "image: 0 faults left\n", "--repair", "--give-up", "4");

	/* What a catalog lists is not put where the kernel has something. */
	fresh();
	put_extent(4, "late", 6, 1, 4096);
	write_catalog();
	put_hold(1, 5, 2, "deposit");
	wreck(4);
	CHECK("a lost extent whose blocks the kernel has meanwhile", 1,
	      "fault: slot 4, offset 0x1800: no place is valid: first place: not a record: its first bytes are 0x52d84dd0; second place: not a record: its first bytes are 0x52d84dd0\n"
	      "left: slot 4: catalog catalog lists 'late' there, but its blocks are in use inside the kernel; --give-up 4 gives it up\n"
	      "image: 2 extents, 1 limit: 1 fault\n"
	      "image: 1 fault left\n", "--repair", "--catalog", "catalog");

	fresh_kernel();
	mem[0x180100] = 1;
	mem[0x191000] = 1;
	mem[0x1a0008] = 1;
	CHECK("bytes beside the kernel's", 0,
	      "fault: reserved bytes, offset 0x180100: not zero behind the kernel's header: 1 of them\n"
	      "fault: reserved bytes, offset 0x191000: not zero behind the kernel's records: 1 of them\n"
	      "fault: reserved bytes, offset 0x1a0008: not zero behind the kernel's bitmap: 1 of them\n"
	      "repaired: reserved bytes, behind the kernel's header: set to zero\n"
	      "repaired: reserved bytes, behind the kernel's records: set to zero\n"
	      "repaired: reserved bytes, behind the kernel's bitmap: set to zero\n"
	      "image: 2 extents, 1 limit: 3 faults\n"
	      "image: 0 faults left\n", "--repair");
	ok(pmpool_hold_state(&fmt, 1ULL << 32) == PMPOOL_HOLD_CLOSED, "and nothing else");
}

static void cases(void)
{
	fresh();
	write_catalog();
	CHECK("a pool without faults", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n");
	CHECK("a pool without faults: repair", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--repair");
	CHECK("a pool without faults: its catalog", 0,
	      "image: 2 extents, 1 limit: nothing is wrong\n", "--dry-run", "--catalog", "catalog");
	supers();
	one_place();
	unused();
	no_place();
	conflicts();
	rest();
	json();
	kernel();
}

int main(void)
{
	char dir[] = "/tmp/test-pmpoolctl-check-XXXXXX";
	int fd;

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	fd = open("image", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SIZE))
		return 1;
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return 1;

	cases();

	unlink("image");
	unlink("catalog");
	unlink("output");
	if (chdir("/") || rmdir(dir))
		return 1;
	return done();
}
