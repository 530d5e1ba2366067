// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile images. An input is a region's metadata, told by a list of
 * instructions that can make any bytes, but are most at home with superblocks
 * and records whose checksums are right and whose members are not. The region is
 * attached by the driver's own format.c and space.c as the driver does it, and
 * what can be done with the pool then is done: nothing of what is found may make
 * the code write where it must not, hand out blocks twice, lose what was intact,
 * or do anything that a sanitizer objects to.
 *
 * Only the metadata is there in memory, and ends where no memory is.
 */
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <linux/kernel.h>

#include "format.h"
#include "hold.h"
#include "space.h"
#include "image.h"

#undef memset

#define SLOTS		PMPOOL_FORMAT_SLOTS
#define BLOCK_SIZE	PMPOOL_FORMAT_BLOCK_SIZE
#define META_MAX	(2 * BLOCK_SIZE)
#define MAX_DIRTY	(1 << 20)
#define BASE		0x140000000ULL

static const u64 region_sizes[] = {
	16ULL << 20, 4ULL << 20, 6ULL << 20, 64ULL << 20, 260ULL << 20, 1ULL << 30,
	1ULL << 40,
	1ULL << 44,	/* two blocks of metadata */
};

#define SIZES	(sizeof(region_sizes) / sizeof(*region_sizes))

enum state { STATE_OK, STATE_DEGRADED, STATE_READ_ONLY };

/* What the driver knows of the pool. */
static struct pool {
	struct pmpool_format format;
	struct pmpool_space space;
	enum state state;
	u32 damaged;
	u32 damaged_holds;
	struct pmpool_run runs[SLOTS + PMPOOL_HOLD_SLOTS];
	bool used[SLOTS];	/* the record is something, perhaps damaged */
	bool live[SLOTS];	/* an extent or a limit that can be used */
	struct pmpool_record rec[SLOTS];
	u32 live_slots[SLOTS];	/* in no order */
	u32 lives;
} pool;

static u8 *memory_end;		/* of META_MAX bytes */
static u64 *mem;
static u64 meta_size;
static u32 *dirty;		/* words of the metadata that are not zero, perhaps */
static u32 dirties;
static bool touched[SLOTS];	/* has words that are not zero, perhaps */

/* Where stores are allowed to go, now. */
static struct {
	bool super;
	bool everything;
	bool unseal;
	u32 slot;
	u64 first_block, blocks;	/* whose bits */
	u64 zero_from, zero_to;		/* bytes of blocks */
} may;

#define NO_SLOT	(~0U)

static void nothing_allowed(void)
{
	may.super = false;
	may.everything = false;
	may.unseal = false;
	may.slot = NO_SLOT;
	may.blocks = 0;
	may.zero_to = 0;
	may.zero_from = 0;
}

static void check_at(bool good, const char *what, int line)
{
	if (good)
		return;
	fprintf(stderr, "fuzz.c:%d: broken: %s\n", line, what);
	abort();
}
#define check(condition)	check_at(condition, #condition, __LINE__)

/* --------------------------------------------------------------------- memory */

static void note_dirty(u64 word)
{
	u64 slot = (word * 8 - pool.format.table_offset) / sizeof(struct pmpool_format_slot);

	if (slot < SLOTS)
		touched[slot] = true;
	if (dirties < MAX_DIRTY)
		dirty[dirties] = word;
	dirties++;
}

void fuzz_stored(const struct pmpool_format *fmt, const void *at)
{
	u64 offset = (u8 *)at - (u8 *)mem;
	u64 slot = (offset - fmt->table_offset) / sizeof(struct pmpool_format_slot);
	u64 bits = (offset - fmt->bitmap_offset) * 8;
	u64 super = sizeof(struct pmpool_format_super);
	bool good = may.everything;

	check(fmt->mem == mem && offset < meta_size && offset % 8 == 0);
	check(!pool.format.read_only);
	if (offset < super || (offset >= fmt->copy_offset && offset < fmt->copy_offset + super))
		good |= may.super;
	else if (offset >= fmt->table_offset && offset < fmt->bitmap_offset)
		good |= slot == may.slot;
	else if (offset >= fmt->bitmap_offset && offset < fmt->bitmap_offset + fmt->bitmap_size)
		good |= may.blocks && bits < may.first_block + may.blocks &&
			may.first_block < bits + 64;
	else if (offset == PMPOOL_HOLD_HEADER_OFFSET + 8 || offset == PMPOOL_HOLD_HEADER_OFFSET + 48)
		good |= may.unseal;
	check(good);
	note_dirty(offset / 8);
}

/* Only what a resize zeroes of a block is not ordinary memory. */
void *fuzz_memset(void *at, int byte, size_t size)
{
	u64 offset = (u8 *)at - (u8 *)mem;

	if (!may.zero_to)
		return memset(at, byte, size);
	check(!byte && offset >= may.zero_from && offset <= may.zero_to &&
	      size <= may.zero_to - offset);
	return at;
}

/* That nothing is zero here or there is not what coverage should be about. */
#ifdef __clang__
__attribute__((no_sanitize("coverage")))
#endif
__attribute__((noinline))
void *fuzz_memchr_inv(const void *start, int byte, size_t size)
{
	const u8 *at = start;
	u64 word[4];

	for (; !byte && size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(word, at, sizeof(word));
		if (word[0] | word[1] | word[2] | word[3])
			break;
	}
	return (memchr_inv)(at, byte, size);
}

static void store(u64 offset, const void *from, size_t size)
{
	u64 word;

	memcpy((u8 *)mem + offset, from, size);
	for (word = offset / 8; word <= (offset + size - 1) / 8; word++)
		note_dirty(word);
}

static void clean_up(void)
{
	u32 i;

	if (dirties > MAX_DIRTY)
		memset(memory_end - META_MAX, 0, META_MAX);
	else
		for (i = 0; i < dirties; i++)
			mem[dirty[i]] = 0;
	dirties = 0;
	memset(touched, 0, sizeof(touched));
}

/* ------------------------------------------------------------------ the image */

/* A member that a mutation can set: where, and how long. */
struct member {
	u16 offset;
	u16 size;
};

#define MEMBER(type, name) \
	{ offsetof(struct pmpool_format_##type, name), \
	  sizeof(((struct pmpool_format_##type *)0)->name) }

static const struct member super_members[] = {
	MEMBER(super, magic), MEMBER(super, crc), MEMBER(super, version), MEMBER(super, seq),
	MEMBER(super, compat), MEMBER(super, ro_compat), MEMBER(super, incompat),
	MEMBER(super, uuid), MEMBER(super, region_size), MEMBER(super, block_shift),
	MEMBER(super, record_size), MEMBER(super, record_slots), MEMBER(super, meta_blocks),
	MEMBER(super, table_offset), MEMBER(super, bitmap_offset), MEMBER(super, bitmap_size),
	MEMBER(super, copy_offset), MEMBER(super, generation), MEMBER(super, flags),
	MEMBER(super, reserved0), MEMBER(super, format_time), MEMBER(super, attach_time),
	MEMBER(super, handover_time), MEMBER(super, kernel), MEMBER(super, reserved),
};

static const struct member record_members[] = {
	MEMBER(record, magic), MEMBER(record, crc), MEMBER(record, seq), MEMBER(record, type),
	MEMBER(record, flags), MEMBER(record, uid), MEMBER(record, gid), MEMBER(record, mode),
	MEMBER(record, reserved0), MEMBER(record, first_block), MEMBER(record, blocks),
	MEMBER(record, length), MEMBER(record, id), MEMBER(record, generation),
	MEMBER(record, create_time), MEMBER(record, uuid), MEMBER(record, tag),
	MEMBER(record, name), MEMBER(record, reserved),
};

#define HOLD_MEMBER(type, name) \
	{ offsetof(struct pmpool_hold_##type, name), \
	  sizeof(((struct pmpool_hold_##type *)0)->name) }

static const struct member hold_members[] = {
	HOLD_MEMBER(record, crc), HOLD_MEMBER(record, reserved), HOLD_MEMBER(record, first_block),
	HOLD_MEMBER(record, blocks), HOLD_MEMBER(record, name),
};

static const struct member header_members[] = {
	HOLD_MEMBER(header, magic), HOLD_MEMBER(header, crc), HOLD_MEMBER(header, version),
	HOLD_MEMBER(header, base), HOLD_MEMBER(header, size), HOLD_MEMBER(header, id),
	HOLD_MEMBER(header, state), HOLD_MEMBER(header, bitmap_crc),
	HOLD_MEMBER(header, table_offset), HOLD_MEMBER(header, table_size),
	HOLD_MEMBER(header, bitmap_offset), HOLD_MEMBER(header, bitmap_size),
	HOLD_MEMBER(header, reserved),
};

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

static __le32 sum(void *from, size_t size, size_t crc_offset)
{
	memset((u8 *)from + crc_offset, 0, sizeof(__le32));
	return cpu_to_le32(~fast_crc32c(~0U, from, size));
}

static u64 record_at(const struct instruction *in, unsigned int place)
{
	return pool.format.table_offset + in->slot % SLOTS * sizeof(struct pmpool_format_slot) +
	       place * sizeof(struct pmpool_format_record);
}

static void store_record(const struct instruction *in, struct pmpool_format_record *disk)
{
	unsigned int place;

	disk->magic = cpu_to_le32(PMPOOL_FORMAT_RECORD_MAGIC);
	disk->crc = sum(disk, sizeof(*disk), offsetof(struct pmpool_format_record, crc));
	for (place = 0; place < 2; place++)
		if (in->arg & 1 << place)
			store(record_at(in, place), disk, sizeof(*disk));
}

static void image_super(const struct instruction *in)
{
	struct pmpool_format *fmt = &pool.format;
	struct pmpool_format_super disk;

	memset(&disk, 0, sizeof(disk));
	memcpy(disk.magic, PMPOOL_FORMAT_MAGIC, PMPOOL_FORMAT_MAGIC_SIZE);
	disk.version = cpu_to_le32(PMPOOL_FORMAT_VERSION);
	disk.seq = cpu_to_le64(in->value);
	memset(disk.uuid, 0x77, sizeof(disk.uuid));
	disk.region_size = cpu_to_le64(fmt->size);
	disk.block_shift = cpu_to_le32(PMPOOL_FORMAT_BLOCK_SHIFT);
	disk.record_size = cpu_to_le32(sizeof(struct pmpool_format_record));
	disk.record_slots = cpu_to_le32(SLOTS);
	disk.meta_blocks = cpu_to_le32(fmt->meta_blocks);
	disk.table_offset = cpu_to_le64(fmt->table_offset);
	disk.bitmap_offset = cpu_to_le64(fmt->bitmap_offset);
	disk.bitmap_size = cpu_to_le64(fmt->bitmap_size);
	disk.copy_offset = cpu_to_le64(fmt->copy_offset);
	disk.generation = cpu_to_le64(in->slot);
	disk.crc = sum(&disk, sizeof(disk), offsetof(struct pmpool_format_super, crc));
	if (in->arg & 1)
		store(0, &disk, sizeof(disk));
	if (in->arg & 2)
		store(fmt->copy_offset, &disk, sizeof(disk));
}

/* The number repeated over the member, so that long ones are reached as well. */
static void set_member(u8 *structure, const struct member *member, u64 value)
{
	__le64 disk = cpu_to_le64(value);
	u16 i;

	for (i = 0; i < member->size; i += sizeof(disk))
		memcpy(structure + member->offset + i, &disk,
		       min((size_t)(member->size - i), sizeof(disk)));
}

static void image_super_field(const struct instruction *in)
{
	const struct member *member = &super_members[in->slot % COUNT(super_members)];
	struct pmpool_format_super disk;
	unsigned int place;

	for (place = 0; place < 2; place++) {
		u64 offset = place ? pool.format.copy_offset : 0;

		if (!(in->arg & 1 << place))
			continue;
		memcpy(&disk, (u8 *)mem + offset, sizeof(disk));
		set_member((u8 *)&disk, member, in->value);
		if (!(in->arg & WRONG_SUM))
			disk.crc = sum(&disk, sizeof(disk),
				       offsetof(struct pmpool_format_super, crc));
		store(offset, &disk, sizeof(disk));
	}
}

/* From bit 0: first block (24), blocks (16), seq (8), name (8), bytes that lack (8). */
static void image_extent(const struct instruction *in)
{
	struct pmpool_format_record disk;
	u64 blocks = (in->value >> 24 & 0xffff) + 1, seq = (in->value >> 40 & 0xff) + 1;

	memset(&disk, 0, sizeof(disk));
	disk.seq = cpu_to_le64(seq);
	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_EXTENT);
	disk.uid = cpu_to_le32(in->value >> 48 & 3);
	disk.mode = cpu_to_le32(0640);
	disk.first_block = cpu_to_le64(pool.format.meta_blocks + (in->value & 0xffffff));
	disk.blocks = cpu_to_le64(blocks);
	disk.length = cpu_to_le64(blocks * BLOCK_SIZE - (in->value >> 56));
	disk.id = cpu_to_le64(seq * SLOTS + in->slot % SLOTS);
	snprintf(disk.name, sizeof(disk.name), "x%llu", (unsigned long long)in->value >> 48 & 0xff);
	store_record(in, &disk);
}

static void image_limit(const struct instruction *in)
{
	struct pmpool_format_record disk;

	memset(&disk, 0, sizeof(disk));
	disk.seq = cpu_to_le64(1);
	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_LIMIT);
	disk.uid = cpu_to_le32(in->arg >> 2);
	disk.blocks = cpu_to_le64(in->value);
	disk.length = cpu_to_le64(in->value >> 32);
	store_record(in, &disk);
}

static void image_free(const struct instruction *in)
{
	struct pmpool_format_record disk;

	memset(&disk, 0, sizeof(disk));
	disk.seq = cpu_to_le64(in->value);
	store_record(in, &disk);
}

static void image_record_field(const struct instruction *in)
{
	const struct member *member = &record_members[(in->arg >> 3) % COUNT(record_members)];
	struct pmpool_format_record disk;
	unsigned int place;

	for (place = 0; place < 2; place++) {
		if (!(in->arg & 1 << place))
			continue;
		memcpy(&disk, (u8 *)mem + record_at(in, place), sizeof(disk));
		set_member((u8 *)&disk, member, in->value);
		if (!(in->arg & WRONG_SUM))
			disk.crc = sum(&disk, sizeof(disk),
				       offsetof(struct pmpool_format_record, crc));
		store(record_at(in, place), &disk, sizeof(disk));
	}
}

static u64 hold_at(const struct instruction *in)
{
	return PMPOOL_HOLD_TABLE_OFFSET +
	       in->slot % PMPOOL_HOLD_SLOTS * sizeof(struct pmpool_hold_record);
}

/* From bit 0: first block (24), blocks (24), name (16). */
static void image_hold(const struct instruction *in)
{
	struct pmpool_hold_record disk;

	memset(&disk, 0, sizeof(disk));
	disk.first_block = cpu_to_le64(pool.format.meta_blocks + (in->value & 0xffffff));
	disk.blocks = cpu_to_le64(in->value >> 24 & 0xffffff);
	if (in->value >> 48)
		snprintf(disk.name, sizeof(disk.name), "h%llu", (unsigned long long)in->value >> 48);
	disk.crc = sum(&disk, sizeof(disk), 0);
	store(hold_at(in), &disk, sizeof(disk));
}

static void image_hold_field(const struct instruction *in)
{
	struct pmpool_hold_record disk;

	memcpy(&disk, (u8 *)mem + hold_at(in), sizeof(disk));
	set_member((u8 *)&disk, &hold_members[(in->arg >> 3) % COUNT(hold_members)], in->value);
	if (!(in->arg & WRONG_SUM))
		disk.crc = sum(&disk, sizeof(disk), 0);
	store(hold_at(in), &disk, sizeof(disk));
}

static void image_header(const struct instruction *in)
{
	struct pmpool_format *fmt = &pool.format;
	struct pmpool_hold_header disk;

	/* Such a region has other things there. */
	if (!pmpool_hold_possible(fmt))
		return;
	memset(&disk, 0, sizeof(disk));
	memcpy(disk.magic, PMPOOL_HOLD_MAGIC, PMPOOL_HOLD_MAGIC_SIZE);
	disk.version = cpu_to_le32(PMPOOL_HOLD_VERSION);
	disk.base = cpu_to_le64(BASE);
	disk.size = cpu_to_le64(fmt->size);
	disk.state = cpu_to_le32(in->arg);
	if (in->arg)
		disk.bitmap_crc = cpu_to_le32(pmpool_hold_bitmap_crc(fmt) + in->value);
	disk.table_offset = cpu_to_le64(PMPOOL_HOLD_TABLE_OFFSET);
	disk.table_size = cpu_to_le64(PMPOOL_HOLD_TABLE_SIZE);
	disk.bitmap_offset = cpu_to_le64(PMPOOL_HOLD_BITMAP_OFFSET);
	disk.bitmap_size = cpu_to_le64(PMPOOL_HOLD_BITMAP_SIZE(fmt->size));
	disk.crc = sum(&disk, sizeof(disk), offsetof(struct pmpool_hold_header, crc));
	store(PMPOOL_HOLD_HEADER_OFFSET, &disk, sizeof(disk));
}

static void image_header_field(const struct instruction *in)
{
	struct pmpool_hold_header disk;

	memcpy(&disk, (u8 *)mem + PMPOOL_HOLD_HEADER_OFFSET, sizeof(disk));
	set_member((u8 *)&disk, &header_members[in->slot % COUNT(header_members)], in->value);
	if (!(in->arg & WRONG_SUM))
		disk.crc = sum(&disk, sizeof(disk), offsetof(struct pmpool_hold_header, crc));
	store(PMPOOL_HOLD_HEADER_OFFSET, &disk, sizeof(disk));
}

static void image_instruction(const struct instruction *in)
{
	u64 word = (in->slot | (u64)in->arg << 16) % (meta_size / 8);
	__le64 value = cpu_to_le64(in->value);

	switch (in->op % ALL_OPS) {
	case IMAGE_SUPER:
		image_super(in);
		break;
	case IMAGE_SUPER_FIELD:
		image_super_field(in);
		break;
	case IMAGE_EXTENT:
		image_extent(in);
		break;
	case IMAGE_RECORD_FIELD:
		image_record_field(in);
		break;
	case IMAGE_LIMIT:
		image_limit(in);
		break;
	case IMAGE_FREE:
		image_free(in);
		break;
	case IMAGE_WORD:
		store(word * 8, &value, sizeof(value));
		break;
	case IMAGE_FLIP:
		value = mem[word] ^ 1ULL << in->value % 64;
		store(word * 8, &value, sizeof(value));
		break;
	case IMAGE_BITMAP:
		store(pool.format.bitmap_offset +
		      in->slot % (pool.format.bitmap_size / 8) * 8, &value, sizeof(value));
		break;
	case IMAGE_HOLD:
		image_hold(in);
		break;
	case IMAGE_HOLD_FIELD:
		image_hold_field(in);
		break;
	case IMAGE_HEADER:
		image_header(in);
		break;
	case IMAGE_HEADER_FIELD:
		image_header_field(in);
		break;
	}
}

/* ----------------------------------------------------- attaching, as the driver */

static bool is_extent(const struct pmpool_record *rec)
{
	return rec->type == PMPOOL_FORMAT_RECORD_EXTENT;
}

/* What the callers of format.c rely on. */
static void check_record(u32 slot, const struct pmpool_record *rec)
{
	const struct pmpool_format *fmt = &pool.format;

	if (!is_extent(rec)) {
		check(rec->type == PMPOOL_FORMAT_RECORD_LIMIT && !rec->id && !rec->name[0]);
		return;
	}
	check(rec->first_block >= fmt->meta_blocks && rec->blocks);
	check(rec->first_block < fmt->blocks && rec->blocks <= fmt->blocks - rec->first_block);
	check(rec->length && (rec->length - 1) / BLOCK_SIZE + 1 == rec->blocks);
	check(rec->id && rec->id % SLOTS == slot);
	check(pmpool_name_valid(rec->name) && !(rec->mode & ~0777));
	check(rec->bad_copies <= 1);
}

static bool same_record(const struct pmpool_record *a, const struct pmpool_record *b)
{
	return a->type == b->type && a->id == b->id && a->first_block == b->first_block &&
	       a->blocks == b->blocks && a->length == b->length &&
	       a->generation == b->generation && a->create_time == b->create_time &&
	       a->uid == b->uid && a->gid == b->gid && a->mode == b->mode &&
	       a->clean == b->clean && !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) &&
	       !memcmp(a->tag, b->tag, sizeof(a->tag)) &&
	       !memcmp(a->name, b->name, sizeof(a->name));
}

static bool share(const struct pmpool_run *a, const struct pmpool_run *b)
{
	return a->first < b->first + b->blocks && b->first < a->first + a->blocks;
}

/* What space.c says, found the slow way. */
static void check_runs(u32 marked)
{
	const struct pmpool_run *run = pool.runs;
	u32 i, k, count = 0;

	for (i = 0; i + 1 < pool.space.count; i++)
		check(run[i].first < run[i + 1].first ||
		      (run[i].first == run[i + 1].first &&
		       (run[i].slot < run[i + 1].slot || !pmpool_run_is_extent(&run[i + 1]))));
	for (i = 0; i < pool.space.count; i++) {
		bool overlaps = false;

		for (k = 0; k < pool.space.count; k++)
			overlaps |= i != k && share(&run[i], &run[k]);
		check(overlaps == run[i].overlaps);
		count += overlaps;
	}
	check(count == marked);
}

static void degrade(void)
{
	pool.damaged++;
	if (pool.state == STATE_OK)
		pool.state = STATE_DEGRADED;
}

static u32 find_name(const char *name)
{
	u32 i;

	for (i = 0; i < pool.lives; i++)
		if (is_extent(&pool.rec[pool.live_slots[i]]) &&
		    !strcmp(pool.rec[pool.live_slots[i]].name, name))
			return pool.live_slots[i];
	return NO_SLOT;
}

static u32 find_limit(u32 uid)
{
	u32 i;

	for (i = 0; i < pool.lives; i++)
		if (!is_extent(&pool.rec[pool.live_slots[i]]) &&
		    pool.rec[pool.live_slots[i]].uid == uid)
			return pool.live_slots[i];
	return NO_SLOT;
}

static void enliven(u32 slot, const struct pmpool_record *rec)
{
	pool.rec[slot] = *rec;
	pool.used[slot] = true;
	if (!pool.live[slot])
		pool.live_slots[pool.lives++] = slot;
	pool.live[slot] = true;
}

static void kill_slot(u32 slot)
{
	u32 i;

	for (i = 0; pool.live_slots[i] != slot; i++)
		;
	pool.live_slots[i] = pool.live_slots[--pool.lives];
	pool.live[slot] = false;
	pool.used[slot] = false;
}

static void forget(void)
{
	memset(pool.used, 0, sizeof(pool.used));
	memset(pool.live, 0, sizeof(pool.live));
	pool.lives = 0;
	pool.damaged = 0;
	pool.damaged_holds = 0;
	pool.state = pool.format.read_only ? STATE_READ_ONLY : STATE_OK;
	pmpool_space_init(&pool.space, pool.format.meta_blocks, pool.format.blocks,
			  pool.runs, SLOTS + PMPOOL_HOLD_SLOTS);
}

/* What users inside the kernel have, before any extent. */
static void load_holds(void)
{
	const struct pmpool_format *fmt = &pool.format;
	struct pmpool_hold hold;
	u32 i;
	int ret;

	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++) {
		ret = pmpool_hold_read(fmt, i, &hold);
		check(!ret || ret == -ENOENT || ret == -EBADMSG);
		check(ret == -ENOENT || pmpool_hold_possible(fmt));
		if (ret == -EBADMSG)
			pool.damaged_holds++;
		if (ret)
			continue;
		check(hold.first >= fmt->meta_blocks && hold.blocks);
		check(hold.first < fmt->blocks && hold.blocks <= fmt->blocks - hold.first);
		check(strnlen(hold.name, sizeof(hold.name)) < sizeof(hold.name));
		check(pmpool_hold_present(fmt));
		check(!pmpool_space_insert(&pool.space, hold.first, hold.blocks, PMPOOL_SPACE_HELD));
	}
	pool.damaged_holds += pmpool_space_mark_overlaps(&pool.space);
	if (pool.damaged_holds && pool.state == STATE_OK)
		pool.state = STATE_DEGRADED;
}

static void write_record(u32 slot, const struct pmpool_record *rec)
{
	may.slot = slot;
	if (is_extent(rec))
		pmpool_format_write(&pool.format, slot, rec);
	else
		pmpool_format_write_limit(&pool.format, slot, rec->uid, rec->blocks, rec->length);
	may.slot = NO_SLOT;
}

static void load_limit(u32 slot, const struct pmpool_record *rec)
{
	if (rec->bad_copies && pool.state == STATE_OK)
		write_record(slot, rec);
	if (find_limit(rec->uid) != NO_SLOT) {
		degrade();
		pool.used[slot] = true;
		return;
	}
	enliven(slot, rec);
}

static void load_extents(void)
{
	struct pmpool_record rec;
	u32 slot, i, marked;
	char name[64];
	int ret;

	forget();
	load_holds();
	for (slot = 0; slot < SLOTS; slot++) {
		/* Of the slots that are zero, as nearly all are, some will do. */
		if (!touched[slot] && slot % 64)
			continue;
		ret = pmpool_format_read(&pool.format, slot, &rec);
		if (ret == -ENOENT)
			continue;
		pool.used[slot] = true;
		check(!ret || ret == -EBADMSG);
		if (ret) {
			check(!pmpool_format_guess_name(&pool.format, slot, name) ||
			      pmpool_name_valid(name));
			degrade();
			continue;
		}
		check_record(slot, &rec);
		if (is_extent(&rec))
			check(!pmpool_space_insert(&pool.space, rec.first_block, rec.blocks, slot));
		else
			load_limit(slot, &rec);
	}

	marked = pmpool_space_mark_overlaps(&pool.space);
	check_runs(marked);
	for (i = 0; i < pool.space.count; i++)
		if (pool.runs[i].overlaps && pmpool_run_is_extent(&pool.runs[i]))
			degrade();

	for (i = 0; i < pool.space.count; i++) {
		slot = pool.runs[i].slot;
		if (pool.runs[i].overlaps || !pmpool_run_is_extent(&pool.runs[i]))
			continue;
		check(!pmpool_format_read(&pool.format, slot, &rec));
		if (find_name(rec.name) != NO_SLOT) {
			degrade();
			continue;
		}
		if (rec.bad_copies && pool.state == STATE_OK)
			write_record(slot, &rec);
		rec.bad_copies = 0;
		enliven(slot, &rec);
	}
}

/* The kernel's own part, which nothing of all this changes but for one word. */
static u64 kernel_part_sum(void)
{
	struct pmpool_format *fmt = &pool.format;
	u8 header[sizeof(struct pmpool_hold_header)];

	if (!pmpool_hold_possible(fmt))
		return 0;
	memcpy(header, (u8 *)mem + PMPOOL_HOLD_HEADER_OFFSET, sizeof(header));
	memset(header + 8, 0, 4);
	memset(header + 48, 0, 8);
	return fast_crc32c(fast_crc32c(~0U, header, sizeof(header)),
			   (u8 *)mem + PMPOOL_HOLD_TABLE_OFFSET, PMPOOL_HOLD_TABLE_SIZE);
}

static void unseal(void)
{
	enum pmpool_hold_state before = pmpool_hold_state(&pool.format, BASE);

	may.unseal = before == PMPOOL_HOLD_CLOSED;
	check(pmpool_hold_unseal(&pool.format, BASE) == may.unseal);
	may.unseal = false;
	check(pmpool_hold_state(&pool.format, BASE) ==
	      (before == PMPOOL_HOLD_CLOSED ? PMPOOL_HOLD_OPEN : before));
}

static bool attach(bool format)
{
	static const u8 uuid[16] = "made by the fuzz";
	struct pmpool_format *fmt = &pool.format;
	u64 kernel;
	bool kept;
	int ret;

	ret = pmpool_format_open(fmt);
	check(ret <= 0);
	check(!ret || (fmt->why[0] && strnlen(fmt->why, sizeof(fmt->why)) < sizeof(fmt->why)));
	if (ret == -ENODATA || (ret == -EBADMSG && format)) {
		/* Takes long, since all of the metadata is looked at. */
		if (!format)
			return false;
		kept = pmpool_hold_present(fmt);
		kernel = kernel_part_sum();
		may.everything = true;
		pmpool_format_make(fmt, uuid, 1);
		may.everything = false;
		check(pmpool_hold_present(fmt) == kept && (!kept || kernel == kernel_part_sum()));
		check(!pmpool_format_open(fmt));
		ret = 0;
	}
	if (ret)
		return false;

	check(strnlen(fmt->super.kernel, 64) < 64);
	load_extents();
	if (!fmt->read_only) {
		unseal();
		may.super = true;
		pmpool_format_attach(fmt, 5, "6.12.0-fuzz");
		may.super = false;
	}
	return true;
}

/* Everything that was intact is there, and nothing else. */
static void check_pool(void)
{
	struct pmpool_record rec;
	u32 slot;
	int ret;

	for (slot = 0; slot < SLOTS; slot++) {
		/* Nobody stored anything there, and it was read once. */
		if (!touched[slot]) {
			check(!pool.used[slot]);
			continue;
		}
		ret = pmpool_format_read(&pool.format, slot, &rec);
		if (pool.live[slot])
			check(!ret && same_record(&rec, &pool.rec[slot]));
		else
			check((ret == -ENOENT) == !pool.used[slot]);
	}
}

/* ------------------------------------------------------------- what can be done */

static bool writable(void)
{
	return pool.state == STATE_OK;
}

static u32 pick(const struct instruction *in)
{
	return pool.lives ? pool.live_slots[in->slot % pool.lives] : NO_SLOT;
}

static bool pick_extent(const struct instruction *in, u32 *slot)
{
	*slot = pick(in);
	return *slot != NO_SLOT && is_extent(&pool.rec[*slot]);
}

static void set_name(struct pmpool_record *rec, u64 number)
{
	memset(rec->name, 0, sizeof(rec->name));
	snprintf(rec->name, sizeof(rec->name), "made-%llu", (unsigned long long)number);
}

static u32 free_slot(bool with_id)
{
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (!pool.used[slot] && (!with_id || pmpool_format_next_id(&pool.format, slot)))
			return slot;
	return NO_SLOT;
}

static void check_not_taken(const struct pmpool_record *rec)
{
	struct pmpool_run run = { .first = rec->first_block, .blocks = rec->blocks };
	u32 i;

	check(rec->first_block >= pool.format.meta_blocks);
	check(rec->blocks <= pool.format.blocks &&
	      rec->first_block <= pool.format.blocks - rec->blocks);
	for (i = 0; i < pool.space.count; i++)
		check(!share(&run, &pool.runs[i]));
}

static void do_create(const struct instruction *in)
{
	u64 align = 1ULL << in->arg % 24, base = 0x140 + in->slot, block;
	struct pmpool_record rec;
	u32 slot = free_slot(true);

	memset(&rec, 0, sizeof(rec));
	set_name(&rec, in->arg >> 4);
	if (!writable() || !in->value || in->value > pool.format.size || slot == NO_SLOT ||
	    find_name(rec.name) != NO_SLOT)
		return;
	rec.blocks = DIV_ROUND_UP_ULL(in->value, BLOCK_SIZE);
	if (pmpool_space_find(&pool.space, rec.blocks, align, base, &rec.first_block))
		return;
	check_not_taken(&rec);
	check((base + rec.first_block) % align == 0);
	rec.type = PMPOOL_FORMAT_RECORD_EXTENT;
	rec.length = in->value;
	rec.mode = 0600;
	rec.clean = true;
	rec.id = pmpool_format_next_id(&pool.format, slot);
	check_record(slot, &rec);

	may.slot = slot;
	may.first_block = rec.first_block;
	may.blocks = rec.blocks;
	pmpool_format_create(&pool.format, slot, &rec);
	nothing_allowed();
	check(!pmpool_space_insert(&pool.space, rec.first_block, rec.blocks, slot));
	enliven(slot, &rec);
	for (block = 0; block < rec.blocks && block < 256; block++)
		check(!pmpool_format_block_ready(&pool.format, rec.first_block + block));
	check(!pmpool_format_block_ready(&pool.format, rec.first_block + rec.blocks - 1));
}

static void do_remove(const struct instruction *in)
{
	u32 slot = pick(in);
	u64 next;

	if (!writable() || slot == NO_SLOT)
		return;
	may.slot = slot;
	pmpool_format_free(&pool.format, slot);
	may.slot = NO_SLOT;
	next = pmpool_format_next_id(&pool.format, slot);
	check(!next || next > pool.rec[slot].id);
	if (is_extent(&pool.rec[slot]))
		pmpool_space_remove(&pool.space, pool.rec[slot].first_block, slot);
	kill_slot(slot);
}

static void do_rename(const struct instruction *in)
{
	struct pmpool_record rec;
	u32 slot;

	if (!writable() || !pick_extent(in, &slot))
		return;
	rec = pool.rec[slot];
	set_name(&rec, in->value);
	if (find_name(rec.name) != NO_SLOT)
		return;
	write_record(slot, &rec);
	enliven(slot, &rec);
}

static void do_resize(const struct instruction *in)
{
	struct pmpool_record rec, *old, added;
	u64 room;
	u32 slot;

	if (!writable() || !in->value || !pick_extent(in, &slot))
		return;
	old = &pool.rec[slot];
	rec = *old;
	room = pmpool_space_room(&pool.space, rec.first_block, slot, false);
	check(room >= rec.blocks && room <= pool.format.blocks - rec.first_block);
	if (in->value > room * BLOCK_SIZE)
		return;
	rec.length = in->value;
	rec.blocks = DIV_ROUND_UP_ULL(in->value, BLOCK_SIZE);
	if (rec.blocks > old->blocks) {
		added = rec;
		added.first_block += old->blocks;
		added.blocks -= old->blocks;
		check_not_taken(&added);
		may.first_block = added.first_block;
		may.blocks = added.blocks;
	}
	may.slot = slot;
	may.zero_from = old->first_block * BLOCK_SIZE + old->length;
	may.zero_to = (old->first_block + old->blocks) * BLOCK_SIZE;
	pmpool_format_resize(&pool.format, slot, &rec, old);
	nothing_allowed();
	pmpool_space_resize(&pool.space, rec.first_block, slot, rec.blocks);
	enliven(slot, &rec);
}

/* Mapping an extent marks it, in a degraded pool too. */
static void do_set(const struct instruction *in)
{
	struct pmpool_record rec;
	u32 slot;

	if (pool.state == STATE_READ_ONLY || !pick_extent(in, &slot))
		return;
	rec = pool.rec[slot];
	rec.clean = in->value & 1;
	if (writable()) {
		rec.mode = in->value >> 1 & 0777;
		rec.uid = in->value >> 16;
		memset(rec.tag, in->value >> 48, sizeof(rec.tag));
	}
	write_record(slot, &rec);
	enliven(slot, &rec);
}

static void do_touch(const struct instruction *in)
{
	u64 block;
	u32 slot;

	if (pool.state == STATE_READ_ONLY || !pick_extent(in, &slot))
		return;
	block = pool.rec[slot].first_block + in->value % pool.rec[slot].blocks;
	if (pmpool_format_block_ready(&pool.format, block))
		return;
	may.first_block = block;
	may.blocks = 1;
	pmpool_format_set_block_ready(&pool.format, block);
	nothing_allowed();
	check(pmpool_format_block_ready(&pool.format, block));
}

static void do_limit(const struct instruction *in)
{
	struct pmpool_record rec;
	u32 slot;

	if (!writable())
		return;
	slot = find_limit(in->arg);
	if (slot == NO_SLOT)
		slot = free_slot(false);
	if (slot == NO_SLOT)
		return;
	memset(&rec, 0, sizeof(rec));
	rec.type = PMPOOL_FORMAT_RECORD_LIMIT;
	rec.uid = in->arg;
	rec.blocks = in->value;
	rec.length = in->value >> 32;
	write_record(slot, &rec);
	enliven(slot, &rec);
}

static struct pmpool_run *find_run(u32 slot)
{
	u32 i;

	for (i = 0; i < pool.space.count; i++)
		if (pool.runs[i].slot == slot)
			return &pool.runs[i];
	return NULL;
}

static void mended(u32 slot)
{
	struct pmpool_run *run = find_run(slot);

	if (run && !pool.live[slot])
		pmpool_space_remove(&pool.space, run->first, slot);
	if (!--pool.damaged && !pool.damaged_holds && pool.state == STATE_DEGRADED)
		pool.state = STATE_OK;
}

/* What the checker decides: free a damaged slot, or take what a place holds. */
static void do_repair(const struct instruction *in)
{
	u32 slot = in->slot % SLOTS, i;
	struct pmpool_format_record disk;
	struct pmpool_record rec;
	struct pmpool_run wanted;

	if (pool.state != STATE_DEGRADED || !pool.used[slot] || pool.live[slot])
		return;
	if (in->arg % 3 == 2) {
		may.slot = slot;
		pmpool_format_free(&pool.format, slot);
		may.slot = NO_SLOT;
		mended(slot);
		pool.used[slot] = false;
		return;
	}

	memcpy(&disk, (u8 *)mem + record_at(in, in->arg % 3), sizeof(disk));
	if (!pmpool_format_decode(&pool.format, slot, &disk, &rec) || !is_extent(&rec))
		return;
	check_record(slot, &rec);
	wanted = (struct pmpool_run){ .first = rec.first_block, .blocks = rec.blocks };
	for (i = 0; i < pool.space.count; i++)
		if (share(&wanted, &pool.runs[i]) &&
		    (!pmpool_run_is_extent(&pool.runs[i]) || pool.live[pool.runs[i].slot]))
			return;
	if (find_name(rec.name) != NO_SLOT)
		return;
	write_record(slot, &rec);
	mended(slot);
	check(!pmpool_space_insert(&pool.space, rec.first_block, rec.blocks, slot));
	enliven(slot, &rec);
}

/* What this kernel had is what the next one finds. */
static void do_reattach(void)
{
	static struct pmpool_record before[SLOTS];
	static u32 slots[SLOTS];
	enum state state = pool.state;
	struct pmpool_record rec;
	u32 count = pool.lives, i;

	for (i = 0; i < count; i++) {
		slots[i] = pool.live_slots[i];
		before[i] = pool.rec[slots[i]];
	}
	if (!pool.format.read_only) {
		may.super = true;
		pmpool_format_detach(&pool.format, 6);
		may.super = false;
	}
	check(attach(false));
	check(state != STATE_OK || (pool.state == STATE_OK && pool.lives == count));
	for (i = 0; i < count; i++) {
		/* Repairs can bring back an extent that takes another's name. */
		check(state == STATE_DEGRADED || pool.live[slots[i]]);
		check(!pmpool_format_read(&pool.format, slots[i], &rec) &&
		      same_record(&rec, &before[i]));
	}
}

static void do_instruction(const struct instruction *in)
{
	switch (in->op % ALL_OPS) {
	case DO_CREATE:
		do_create(in);
		break;
	case DO_REMOVE:
		do_remove(in);
		break;
	case DO_RENAME:
		do_rename(in);
		break;
	case DO_RESIZE:
		do_resize(in);
		break;
	case DO_SET:
		do_set(in);
		break;
	case DO_TOUCH:
		do_touch(in);
		break;
	case DO_LIMIT:
		do_limit(in);
		break;
	case DO_REPAIR:
		do_repair(in);
		break;
	}
}

static void check_space(void)
{
	u64 total, largest, first;

	if (pool.state != STATE_OK)
		return;
	pmpool_space_free(&pool.space, &total, &largest);
	check(largest <= total && total < pool.format.blocks);
	check(!largest || !pmpool_space_find(&pool.space, largest, 1, 0, &first));
	check(pmpool_space_find(&pool.space, largest + 1, 1, 0, &first) == -ENOSPC);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t guard = 1 << 20;
	u8 *at;

	(void)argc;
	(void)argv;
	at = mmap(NULL, META_MAX + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dirty = calloc(MAX_DIRTY, sizeof(*dirty));
	if (at == MAP_FAILED || !dirty ||
	    mprotect(at + guard, META_MAX, PROT_READ | PROT_WRITE)) {
		fprintf(stderr, "fuzz: out of memory\n");
		exit(1);
	}
	memory_end = at + guard + META_MAX;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct input *input = (const void *)data;
	size_t count, i;

	if (size < sizeof(*input))
		return 0;
	count = min((size - sizeof(*input)) / sizeof(struct instruction),
		    (size_t)MAX_INSTRUCTIONS);

	memset(&pool.format, 0, sizeof(pool.format));
	check(!pmpool_format_init(&pool.format, memory_end, region_sizes[input->size % SIZES]));
	meta_size = pool.format.meta_blocks * BLOCK_SIZE;
	mem = (u64 *)(memory_end - meta_size);
	pool.format.mem = mem;
	nothing_allowed();

	for (i = 0; i < count; i++)
		image_instruction(&input->list[i]);
	if (attach(input->flags & INPUT_FORMAT)) {
		u64 kernel = kernel_part_sum();

		for (i = 0; i < count; i++) {
			if (input->list[i].op % ALL_OPS == DO_REATTACH)
				do_reattach();
			else
				do_instruction(&input->list[i]);
		}
		check_pool();
		check_space();
		check(kernel == kernel_part_sum());
	}
	clean_up();
	return 0;
}
