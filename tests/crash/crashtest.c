// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every crash point. The driver's own format.c and space.c make every sequence
 * of up to three operations on pools in memory, and the world is stopped at
 * every store to the metadata of each operation. What is then in the region is
 * attached as the driver does it, and must be the pool before the operation or
 * the pool after it.
 *
 * Which stores are there when the world stops: all before the last write
 * barrier, and of those behind it any, in any order, each of 8 bytes whole or
 * not at all. When few stores of such a stretch change anything every subset is
 * tried; else all prefixes and suffixes, each one alone, all but each one, and
 * random ones. What the driver or an application does to the blocks themselves
 * takes part in this as stores to a few words of each block.
 *
 * That is what another CPU or the next kernel sees. After a reset by the firmware
 * there is only what the caches had written back, so the world is stopped before
 * every write-back a second time: of each cache line, what memory has of it is all
 * up to the line's last write-back, and of the stores to it since then the first
 * few, some, or none. When that makes few states every one is tried; else all or
 * nothing of each line, and random ones.
 *
 * What must be found does not come from the region: a model in ordinary memory
 * does every operation too. It knows every field of every record, which blocks
 * were zeroed, and what the owner of each would read. So a block that shows what
 * was in it before it got this owner is found, as is a change to an extent that
 * had nothing to do with the operation.
 *
 * Some crash points, evenly spread, are crashed again: in the attach that
 * follows, and in an operation after it, preferably on the same record.
 *
 * The last line is "crash points: N explored, N torn, N lost". Torn: an
 * operation that is neither done nor undone, or a stranger's bytes. Lost: the
 * pool does not open, an operation that was complete is gone, or an extent that
 * was not touched is not as it was. The exit status is 0 when both are 0.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kernel.h>

#include "format.h"
#include "space.h"

#define BLOCK_SIZE	PMPOOL_FORMAT_BLOCK_SIZE
#define PAGE		PMPOOL_FORMAT_PAGE_SIZE
/* More than 64, so that a run of blocks can be in two words of the bitmap. */
#define BLOCKS		72
#define REGION		(BLOCKS * BLOCK_SIZE)
#define META		BLOCK_SIZE	/* of the region, in bytes; checked in main() */

/* The unit tests run a short form of this, with sanitizers. */
#ifdef CRASHTEST_SHORT
#define DEPTH		2
#define TAP		true
#else
#define DEPTH		MAX_DEPTH
#define TAP		false
#endif

#define SLOTS		12	/* more than any sequence uses */
#define NO_SLOT		SLOTS
#define FILLER		16	/* an extent of so many blocks or more is only there */
#define MAX_OPS		96
#define MAX_DEPTH	3
#define ALL_SUBSETS	8	/* of so many stores all subsets are tried */
#define RANDOM_SUBSETS	16
#define LINE		64		/* of a cache, in bytes */
#define MAX_LINES	32		/* more than one operation leaves in caches */
#define SLOTS_OF_LINE	64
#define ALL_STATES	64		/* of so many states of memory all are tried */
#define LIMITED_UID	4242

/*
 * The words of a block that stand for all of it. A length that is short by CUT
 * ends between the second and the third, with its last page behind the third.
 */
#define SAMPLES		5
#define CUT		(2 * PAGE + 100)
static const u64 sample_at[SAMPLES] = { 0, BLOCK_SIZE - 3 * PAGE, BLOCK_SIZE - 2 * PAGE - 8,
					BLOCK_SIZE - 2 * PAGE, BLOCK_SIZE - 8 };

enum kind {
	OP_CREATE, OP_REMOVE, OP_RENAME, OP_GROW, OP_SHRINK, OP_SET, OP_SEAL, OP_TOUCH,
	OP_LIMIT, OP_UNLIMIT, OP_ATTACH, OP_DETACH,
};

static const char *const kind_names[] = {
	"create", "remove", "rename", "grow", "shrink", "set", "seal", "touch",
	"limit", "unlimit", "attach", "detach",
};

/* Of create, grow and shrink: how long it becomes. Of touch: the block. */
struct op {
	enum kind kind;
	u32 slot;
	u64 arg;
};

/* What its owner would see of a block. */
struct sight {
	u64 ready;	/* a bool without padding beside it */
	u64 sample[SAMPLES];
};

/* What the pool is. Of the superblock only @super of the members that change. */
struct model {
	struct pmpool_super super;
	struct pmpool_record rec[SLOTS];	/* type 0: there is none */
	u64 last_id[SLOTS];
	struct sight block[BLOCKS];
	u32 serial;
};

struct store {
	u64 *at;
	u64 old;
	u64 new;
	u32 epoch;
	unsigned int kept;	/* number of the write-back that made it last */
};

/* How much was noted when something began. */
struct mark {
	unsigned int stores;
	unsigned int write_backs;
};

/* Where an exploration stands, for point() and for what is said of a failure. */
struct place {
	const struct model *before;
	const struct model *after;
	const struct op *op;
	bool complete;
};

static struct {
	unsigned long items;
	unsigned long points;
	unsigned long torn;
	unsigned long lost;
	unsigned long sequences;
	unsigned long again;
} *total, mine;

static int depth = DEPTH;
static unsigned int again_every = 400;

static u8 *mem;
static u64 *shadow;			/* of the metadata, as the last hook left it */
static u64 sample_shadow[BLOCKS][SAMPLES];

static struct store trace[1 << 16];
static unsigned int traced;
static unsigned int write_back_at[1 << 16];	/* how many stores were before it */
static unsigned int write_backs;
static unsigned int lost_from;		/* what was before was in memory when this kernel began */
static u32 epoch;
static bool quiet;			/* inside a second crash */
static unsigned long since_again;
static u64 random_state;

static struct op path[MAX_DEPTH + 3];
static unsigned int path_len;
static const char *pool_name;

static void die(const char *what)
{
	fprintf(stderr, "crashtest: %s\n", what);
	exit(2);
}

static u64 mixed(u64 z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static u64 random_next(void)
{
	return mixed(random_state += 0x9e3779b97f4a7c15);
}

/* ------------------------------------------------------- memory and its stores */

static u64 *sample(u64 block, unsigned int s)
{
	return (u64 *)(mem + block * BLOCK_SIZE + sample_at[s]);
}

static u64 *shadow_of(u64 *at)
{
	u64 offset = (u8 *)at - mem;
	unsigned int s;

	if (offset < META)
		return &shadow[offset / 8];
	for (s = 0; s < SAMPLES; s++)
		if (sample_at[s] == offset % BLOCK_SIZE)
			return &sample_shadow[offset / BLOCK_SIZE][s];
	die("a store to a block that is no sample");
	return NULL;
}

static void put(u64 *at, u64 value)
{
	*at = value;
	*shadow_of(at) = value;
}

static void note(u64 *at)
{
	u64 *before = shadow_of(at);

	if (traced == sizeof(trace) / sizeof(*trace))
		die("too many stores for one trace");
	trace[traced++] = (struct store){ .at = at, .old = *before, .new = *at, .epoch = epoch,
					  .kept = ~0U };
	*before = *at;
}

void crash_stored(const struct pmpool_format *fmt, const void *at)
{
	if (fmt->mem != mem || (u8 *)at < mem || (u8 *)at + 8 > mem + META || (uintptr_t)at % 8)
		die("a store outside the metadata");
	note((u64 *)at);
}

/* What was done to blocks is told by nobody: it is found here, at the latest. */
static void note_samples(void)
{
	u64 block;
	unsigned int s;

	for (block = 1; block < BLOCKS; block++)
		for (s = 0; s < SAMPLES; s++)
			if (*sample(block, s) != sample_shadow[block][s])
				note(sample(block, s));
}

void crash_barrier(void)
{
	note_samples();
	epoch++;
}

void crash_write_back(const void *from, size_t size)
{
	const u8 *line = (u8 *)((uintptr_t)from & ~(LINE - 1ULL));
	unsigned int i;

	crash_barrier();
	if (write_backs == sizeof(write_back_at) / sizeof(*write_back_at))
		die("too many write-backs for one trace");
	for (i = lost_from; i < traced; i++)
		if (trace[i].kept == ~0U && (u8 *)trace[i].at >= line &&
		    (u8 *)trace[i].at < (u8 *)from + size + LINE - 1 - ((uintptr_t)from + size - 1) % LINE)
			trace[i].kept = write_backs;
	write_back_at[write_backs++] = traced;
}

static const struct mark nothing;

static struct mark mark(void)
{
	return (struct mark){ .stores = traced, .write_backs = write_backs };
}

static void undo(unsigned int from)
{
	unsigned int i;

	for (i = traced; i-- > from;)
		put(trace[i].at, trace[i].old);
}

static void redo(unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		put(trace[from].at, trace[from].new);
}

/* What was noted since then is not only undone, it never was. */
static void forget(struct mark from)
{
	unsigned int i;

	traced = from.stores;
	write_backs = from.write_backs;
	for (i = 0; i < traced; i++)
		if (trace[i].kept != ~0U && trace[i].kept >= write_backs)
			trace[i].kept = ~0U;
}

/* ------------------------------------------------------------------- the model */

static bool is_extent(const struct pmpool_record *rec)
{
	return rec->type == PMPOOL_FORMAT_RECORD_EXTENT;
}

static bool in_extent(const struct pmpool_record *rec, u64 block)
{
	return is_extent(rec) && block >= rec->first_block &&
	       block < rec->first_block + rec->blocks;
}

static bool visible(const struct pmpool_record *rec, u64 block, unsigned int s)
{
	return (block - rec->first_block) * BLOCK_SIZE + sample_at[s] < rec->length;
}

/* What is in the last page can be mapped, also behind the length. */
static bool mapped(const struct pmpool_record *rec, u64 block, unsigned int s)
{
	u64 end = (rec->length + PAGE - 1) & ~(PAGE - 1ULL);

	return (block - rec->first_block) * BLOCK_SIZE + sample_at[s] < end;
}

static u64 owner_word(const struct pmpool_record *rec)
{
	return 0x0b00000000000000 | rec->id;
}

static struct pmpool_run runs[SLOTS];

static void model_space(const struct model *m, struct pmpool_space *space)
{
	u32 slot;

	pmpool_space_init(space, META / BLOCK_SIZE, BLOCKS, runs, SLOTS);
	for (slot = 0; slot < SLOTS; slot++)
		if (is_extent(&m->rec[slot]))
			pmpool_space_insert(space, m->rec[slot].first_block,
					    m->rec[slot].blocks, slot);
}

static u32 free_slot(const struct model *m)
{
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (!m->rec[slot].type)
			return slot;
	die("no slot is free");
	return 0;
}

static u32 limit_slot(const struct model *m)
{
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (m->rec[slot].type == PMPOOL_FORMAT_RECORD_LIMIT)
			return slot;
	return NO_SLOT;
}

static u64 length_to_blocks(u64 length)
{
	return DIV_ROUND_UP_ULL(length, BLOCK_SIZE);
}

static void set_length(struct model *m, u32 slot, u64 length)
{
	struct pmpool_record *rec = &m->rec[slot], old = *rec;
	u64 block;
	unsigned int s;

	rec->length = length;
	rec->blocks = length_to_blocks(length);

	for (block = old.first_block; block < BLOCKS; block++) {
		if (!in_extent(&old, block) || !in_extent(rec, block))
			memset(&m->block[block], 0, sizeof(m->block[block]) *
			       (in_extent(&old, block) || in_extent(rec, block)));
		else
			for (s = 0; s < SAMPLES; s++)
				if (!visible(rec, block, s))
					m->block[block].sample[s] = 0;
	}
}

static void create_record(struct model *m, const struct op *op,
			  const struct pmpool_format *fmt, struct pmpool_record *rec)
{
	struct pmpool_space space;

	memset(rec, 0, sizeof(*rec));
	model_space(m, &space);
	rec->type = PMPOOL_FORMAT_RECORD_EXTENT;
	rec->length = op->arg;
	rec->blocks = length_to_blocks(op->arg);
	if (pmpool_space_find(&space, rec->blocks, 1, 0, &rec->first_block))
		die("no room for an extent that there was room for");
	rec->id = pmpool_format_next_id(fmt, op->slot);
	rec->generation = m->super.generation;
	rec->create_time = 1000000 + m->serial;
	rec->uid = 1000;
	rec->gid = 100;
	rec->mode = 0640;
	rec->clean = true;
	memset(rec->uuid, 0x40 + m->serial, sizeof(rec->uuid));
	memset(rec->tag, 0x20, sizeof(rec->tag));
	snprintf(rec->name, sizeof(rec->name), "extent-%u", m->serial);
}

/* Make of a model what the operation makes of the pool. */
static void model_do(struct model *m, const struct op *op, const struct pmpool_format *fmt)
{
	struct pmpool_record *rec = op->slot == NO_SLOT ? NULL : &m->rec[op->slot];
	unsigned int s;
	u64 block;

	m->serial++;
	switch (op->kind) {
	case OP_CREATE:
		create_record(m, op, fmt, rec);
		for (block = 0; block < rec->blocks; block++)
			memset(&m->block[rec->first_block + block], 0, sizeof(*m->block));
		m->last_id[op->slot] = rec->id;
		break;
	case OP_REMOVE:
		for (block = 0; block < rec->blocks; block++)
			memset(&m->block[rec->first_block + block], 0, sizeof(*m->block));
		memset(rec, 0, sizeof(*rec));
		break;
	case OP_RENAME:
		memset(rec->name, 0, sizeof(rec->name));
		snprintf(rec->name, sizeof(rec->name), "renamed-%u", m->serial);
		break;
	case OP_GROW:
	case OP_SHRINK:
		set_length(m, op->slot, op->arg);
		break;
	case OP_SET:
		rec->uid++;
		rec->gid += 3;
		rec->mode ^= 044;
		memset(rec->tag, m->serial, sizeof(rec->tag));
		break;
	case OP_SEAL:
		rec->clean = !rec->clean;
		break;
	case OP_TOUCH:
		m->block[op->arg].ready = true;
		for (s = 0; s < SAMPLES; s++)
			if (visible(rec, op->arg, s))
				m->block[op->arg].sample[s] = owner_word(rec);
		break;
	case OP_LIMIT:
		if (!rec->type) {
			rec->type = PMPOOL_FORMAT_RECORD_LIMIT;
			rec->uid = LIMITED_UID;
		}
		rec->blocks = m->serial;
		rec->length = m->serial % 2 ? ~0ULL : m->serial;
		break;
	case OP_UNLIMIT:
		memset(rec, 0, sizeof(*rec));
		break;
	case OP_ATTACH:
		m->super.generation++;
		m->super.clean = false;
		m->super.attach_time = 2000000 + m->serial;
		memset(m->super.kernel, 0, sizeof(m->super.kernel));
		snprintf(m->super.kernel, sizeof(m->super.kernel), "6.%u", m->serial);
		break;
	case OP_DETACH:
		m->super.clean = true;
		m->super.handover_time = 3000000 + m->serial;
		break;
	}
}

/* --------------------------------------------------------- what the driver does */

/* The scan of an attach: what has one good place only is given two again. */
static void mend(struct pmpool_format *fmt)
{
	struct pmpool_record rec;
	u32 slot;

	for (slot = 0; slot < SLOTS; slot++) {
		if (pmpool_format_read(fmt, slot, &rec) || !rec.bad_copies)
			continue;
		if (is_extent(&rec))
			pmpool_format_write(fmt, slot, &rec);
		else
			pmpool_format_write_limit(fmt, slot, rec.uid, rec.blocks, rec.length);
	}
}

/*
 * A fault on a block, and what the application then writes there, which takes
 * care that it is in memory.
 */
static void touch(struct pmpool_format *fmt, u64 block, const struct pmpool_record *rec)
{
	unsigned int s;

	if (!pmpool_format_block_ready(fmt, block)) {
		for (s = 0; s < SAMPLES; s++)
			*sample(block, s) = 0;
		crash_write_back(sample(block, 0), BLOCK_SIZE); /* the zeroes before the bit */
		pmpool_format_set_block_ready(fmt, block);
	}
	for (s = 0; s < SAMPLES; s++)
		if (mapped(rec, block, s))
			*sample(block, s) = owner_word(rec);
	crash_write_back(sample(block, 0), BLOCK_SIZE);
}

/* Do an operation to the region. @m is what the model has already made of it. */
static void region_do(struct pmpool_format *fmt, const struct op *op,
		      const struct model *before, const struct model *m)
{
	const struct pmpool_record *rec = op->slot == NO_SLOT ? NULL : &m->rec[op->slot];

	switch (op->kind) {
	case OP_CREATE:
		pmpool_format_create(fmt, op->slot, rec);
		break;
	case OP_REMOVE:
	case OP_UNLIMIT:
		pmpool_format_free(fmt, op->slot);
		break;
	case OP_RENAME:
	case OP_SET:
	case OP_SEAL:
		pmpool_format_write(fmt, op->slot, rec);
		break;
	case OP_GROW:
	case OP_SHRINK:
		pmpool_format_resize(fmt, op->slot, rec, &before->rec[op->slot]);
		break;
	case OP_TOUCH:
		touch(fmt, op->arg, rec);
		break;
	case OP_LIMIT:
		pmpool_format_write_limit(fmt, op->slot, rec->uid, rec->blocks, rec->length);
		break;
	case OP_ATTACH:
		mend(fmt);
		pmpool_format_attach(fmt, m->super.attach_time, m->super.kernel);
		break;
	case OP_DETACH:
		pmpool_format_detach(fmt, m->super.handover_time);
		break;
	}
	/* Who is told that it is done can rely on it. */
	crash_barrier();
}

/* ------------------------------------------------------- attaching and comparing */

static bool same_super(const struct pmpool_super *a, const struct pmpool_super *b)
{
	return a->generation == b->generation && a->clean == b->clean &&
	       a->compat == b->compat && a->ro_compat == b->ro_compat &&
	       a->incompat == b->incompat && a->format_time == b->format_time &&
	       a->attach_time == b->attach_time && a->handover_time == b->handover_time &&
	       !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) &&
	       !memcmp(a->kernel, b->kernel, sizeof(a->kernel));
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

__attribute__((format(printf, 3, 4)))
static void failed(const struct place *at, unsigned long *counter, const char *fmt, ...)
{
	va_list args;
	unsigned int i;

	if (mine.torn + mine.lost < 5) {
		fprintf(stderr, "# %s: pool %s:", counter == &mine.torn ? "torn" : "lost", pool_name);
		for (i = 0; i < path_len; i++)
			fprintf(stderr, " %s(%u, %#llx)", kind_names[path[i].kind], path[i].slot,
				path[i].arg);
		fprintf(stderr, "%s%s: ", at->complete ? ", complete" : "",
			quiet ? ", second crash" : "");
		va_start(args, fmt);
		vfprintf(stderr, fmt, args);
		va_end(args);
		fputc('\n', stderr);
	}
	++*counter;
}

/* What the owner would see of a block of an extent. */
static void look(const struct pmpool_format *fmt, const struct pmpool_record *rec, u64 block,
		 struct sight *sight)
{
	unsigned int s;

	sight->ready = pmpool_format_block_ready(fmt, block);
	for (s = 0; s < SAMPLES; s++)
		sight->sample[s] = sight->ready && visible(rec, block, s) ? *sample(block, s) : 0;
}

/* A first touch can be half done: what was written may be there or not. */
static bool sight_between(const struct sight *seen, const struct sight *before,
			  const struct sight *after)
{
	unsigned int s;

	if (seen->ready != before->ready && seen->ready != after->ready)
		return false;
	for (s = 0; s < SAMPLES; s++)
		if (seen->sample[s] && seen->sample[s] != before->sample[s] &&
		    seen->sample[s] != after->sample[s])
			return false;
	/* What was there before is not taken back. */
	for (s = 0; s < SAMPLES; s++)
		if (before->ready && before->sample[s] && !seen->sample[s])
			return false;
	return true;
}

static bool compare_blocks(const struct pmpool_format *fmt, const struct place *at,
			   const struct model *found, u32 slot, struct model *seen)
{
	const struct pmpool_record *rec = &found->rec[slot];
	struct sight sight;
	u64 block;

	for (block = rec->first_block; block < rec->first_block + rec->blocks; block++) {
		bool touched = at->op->kind == OP_TOUCH && block == at->op->arg && !at->complete;

		look(fmt, rec, block, &sight);
		if (touched ? !sight_between(&sight, &at->before->block[block],
					     &at->after->block[block]) :
			      memcmp(&sight, &found->block[block], sizeof(sight))) {
			failed(at, slot == at->op->slot ? &mine.torn : &mine.lost,
			       "block %llu of '%s' is %s, reads %#llx %#llx %#llx %#llx %#llx",
			       block, rec->name, sight.ready ? "ready" : "not ready",
			       sight.sample[0], sight.sample[1], sight.sample[2],
			       sight.sample[3], sight.sample[4]);
			return false;
		}
		if (seen && touched)
			seen->block[block] = sight;
	}
	return true;
}

/*
 * Attach what is in the region. Returns which of the two models it is, NULL when
 * neither; @seen, when not NULL, is filled with what was found.
 */
static const struct model *attach_and_compare(const struct place *at, struct model *seen)
{
	const struct model *found = at->complete ? at->after : NULL;
	struct pmpool_record rec;
	struct pmpool_format fmt;
	struct pmpool_space space;
	bool super_before, super_after;
	u32 slot;
	int ret;

	if (pmpool_format_init(&fmt, mem, REGION) || pmpool_format_open(&fmt)) {
		failed(at, &mine.lost, "does not open: %s", fmt.why);
		return NULL;
	}
	super_before = !at->complete && same_super(&fmt.super, &at->before->super);
	super_after = same_super(&fmt.super, &at->after->super);
	if (!super_before && !super_after) {
		failed(at, at->op->slot == NO_SLOT ? &mine.torn : &mine.lost,
		       "the superblock is neither");
		return NULL;
	}
	if (at->op->slot == NO_SLOT && !found)
		found = super_after ? at->after : at->before;

	pmpool_space_init(&space, fmt.meta_blocks, fmt.blocks, runs, SLOTS);
	for (slot = 0; slot < SLOTS; slot++) {
		bool own = slot == at->op->slot;

		memset(&rec, 0, sizeof(rec));
		ret = pmpool_format_read(&fmt, slot, &rec);
		if (ret && ret != -ENOENT) {
			failed(at, own && !at->before->rec[slot].type ? &mine.torn : &mine.lost,
			       "record %u is damaged", slot);
			return NULL;
		}
		if (own && !found)
			found = same_record(&rec, &at->after->rec[slot]) ? at->after : at->before;
		if (!same_record(&rec, &(own ? found : at->before)->rec[slot])) {
			failed(at, own && !at->complete ? &mine.torn : &mine.lost,
			       "record %u is %s", slot, ret ? "not there" : "another");
			return NULL;
		}
		if (is_extent(&rec))
			pmpool_space_insert(&space, rec.first_block, rec.blocks, slot);
	}
	if (pmpool_space_mark_overlaps(&space)) {
		failed(at, &mine.torn, "extents share blocks");
		return NULL;
	}

	if (seen)
		*seen = *found;
	for (slot = 0; slot < SLOTS; slot++)
		if (is_extent(&found->rec[slot]) && !compare_blocks(&fmt, at, found, slot, seen))
			return NULL;
	return found;
}

/* All that no crash point looks at, since it would take too long. */
static void compare_rest(const struct place *at)
{
	struct pmpool_format fmt;
	struct pmpool_record rec;
	u32 slot;

	pmpool_format_init(&fmt, mem, REGION);
	for (slot = SLOTS; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		if (pmpool_format_read(&fmt, slot, &rec) != -ENOENT) {
			failed(at, &mine.torn, "record %u, never used, is there", slot);
			return;
		}
	}
	if (memcmp(mem, shadow, META))
		failed(at, &mine.torn, "a store to the metadata went past meta_store()");
}

/* ---------------------------------------------------------------- exploring */

static void crash_again(const struct model *m, const struct op *op);

static void point(const struct place *at)
{
	bool again = !quiet && again_every && ++since_again % again_every == 0;
	static struct model seen;
	const struct model *found;

	mine.points++;
	found = attach_and_compare(at, again ? &seen : NULL);
	if (found && again)
		crash_again(&seen, at->op);
}

/* With those of the stores of one stretch that @picked names. */
static void point_with(const struct place *at, const unsigned int *stores, unsigned int count,
		       const bool *picked)
{
	u64 saved[count + 1];
	unsigned int i;

	for (i = 0; i < count; i++) {
		saved[i] = *trace[stores[i]].at;
		if (picked[i])
			put(trace[stores[i]].at, trace[stores[i]].new);
	}
	point(at);
	while (i--)
		put(trace[stores[i]].at, saved[i]);
}

static void point_all_subsets(const struct place *at, const unsigned int *stores,
			      unsigned int count)
{
	bool picked[ALL_SUBSETS];
	unsigned int mask, i;

	for (mask = 0; mask < 1U << count; mask++) {
		for (i = 0; i < count; i++)
			picked[i] = mask & 1U << i;
		point_with(at, stores, count, picked);
	}
}

static void point_some_subsets(const struct place *at, const unsigned int *stores,
			       unsigned int count)
{
	bool picked[count];
	unsigned int i, k;

	for (k = 0; k <= count; k++) {	/* the first k, and all but the first k */
		for (i = 0; i < count; i++)
			picked[i] = i < k;
		point_with(at, stores, count, picked);
		for (i = 0; i < count; i++)
			picked[i] = i >= k;
		point_with(at, stores, count, picked);
	}
	for (k = 0; k < count; k++) {	/* one, and all but one */
		for (i = 0; i < count; i++)
			picked[i] = i == k;
		point_with(at, stores, count, picked);
		for (i = 0; i < count; i++)
			picked[i] = i != k;
		point_with(at, stores, count, picked);
	}
	for (k = 0; k < RANDOM_SUBSETS; k++) {
		u64 bits = 0;

		for (i = 0; i < count; i++, bits >>= 1) {
			if (i % 64 == 0)
				bits = random_next();
			picked[i] = bits & 1;
		}
		point_with(at, stores, count, picked);
	}
}

/* Stores to one cache line that only caches have for sure, in their order. */
struct line {
	uintptr_t number;
	unsigned int stores[SLOTS_OF_LINE];
	unsigned int count;
};

struct lines {
	unsigned int count;
	struct line line[MAX_LINES];
};

/* What may be lost when the machine is reset before write-back @number. */
static void find_lines(struct lines *lines, unsigned int number)
{
	unsigned int to = number < write_backs ? write_back_at[number] : traced, i, l;

	lines->count = 0;
	for (i = lost_from; i < to; i++) {
		if (trace[i].kept < number || trace[i].old == trace[i].new)
			continue;
		for (l = 0; l < lines->count; l++)
			if (lines->line[l].number == (uintptr_t)trace[i].at / LINE)
				break;
		if (l == MAX_LINES)
			die("too many cache lines that are not written back");
		if (l == lines->count)
			lines->line[lines->count++] = (struct line){
				.number = (uintptr_t)trace[i].at / LINE,
			};
		if (lines->line[l].count == SLOTS_OF_LINE)
			die("too many stores to one cache line");
		lines->line[l].stores[lines->line[l].count++] = i;
	}
}

/* With the first @kept[] of the stores to each line. All of them are there, before and after. */
static void point_of_memory(const struct place *at, const struct lines *lines,
			    const unsigned int *kept)
{
	unsigned int l, i;

	for (l = 0; l < lines->count; l++)
		for (i = lines->line[l].count; i-- > kept[l];)
			put(trace[lines->line[l].stores[i]].at, trace[lines->line[l].stores[i]].old);
	point(at);
	for (l = 0; l < lines->count; l++)
		for (i = kept[l]; i < lines->line[l].count; i++)
			put(trace[lines->line[l].stores[i]].at, trace[lines->line[l].stores[i]].new);
}

static void point_all_states(const struct place *at, const struct lines *lines)
{
	unsigned int kept[MAX_LINES] = { 0 }, l;

	do {
		point_of_memory(at, lines, kept);
		for (l = 0; l < lines->count && kept[l]++ == lines->line[l].count; l++)
			kept[l] = 0;
	} while (l < lines->count);
}

static void point_some_states(const struct place *at, const struct lines *lines)
{
	unsigned int kept[MAX_LINES], l, k;
	u64 bits;

	for (k = 0; k < 2 * RANDOM_SUBSETS; k++) {	/* all or nothing of each line */
		bits = lines->count <= 5 ? k : random_next();
		for (l = 0; l < lines->count; l++)
			kept[l] = bits >> l & 1 ? lines->line[l].count : 0;
		point_of_memory(at, lines, kept);
	}
	for (l = 0; l < lines->count; l++) {		/* all but one line, and one alone */
		for (k = 0; k < lines->count; k++)
			kept[k] = k == l ? 0 : lines->line[k].count;
		point_of_memory(at, lines, kept);
		for (k = 0; k < lines->count; k++)
			kept[k] = k == l ? lines->line[k].count : 0;
		point_of_memory(at, lines, kept);
	}
	for (k = 0; k < RANDOM_SUBSETS; k++) {
		for (l = 0; l < lines->count; l++)
			kept[l] = random_next() % (lines->line[l].count + 1);
		point_of_memory(at, lines, kept);
	}
}

static void explore_memory_before(const struct place *at, unsigned int number)
{
	static struct lines at_depth[2];	/* crash_again() comes back here */
	struct lines *lines = &at_depth[quiet];
	unsigned long states = 1;
	unsigned int l;

	find_lines(lines, number);
	for (l = 0; l < lines->count && states <= ALL_STATES; l++)
		states *= lines->line[l].count + 1;
	if (states <= ALL_STATES)
		point_all_states(at, lines);
	else
		point_some_states(at, lines);
}

/* Reset the machine before every write-back, and when all is done. */
static void explore_memory(struct place *at, struct mark from)
{
	unsigned int to = traced, i = from.stores, next, number;

	undo(from.stores);
	for (number = from.write_backs; number < write_backs; number++) {
		next = write_back_at[number];
		/* With nothing stored since the last one less can be lost. */
		if (next == i)
			continue;
		redo(i, next);
		i = next;
		explore_memory_before(at, number);
	}
	redo(i, to);
	at->complete = true;
	explore_memory_before(at, number);
	at->complete = false;
}

/*
 * Stop at every store since @mark, which together are @at->op. Leaves the region
 * as it is when all of them are done.
 */
static void explore(struct place *at, struct mark mark)
{
	unsigned int from = mark.stores, to = traced, i, next;

	explore_memory(at, mark);
	undo(from);
	for (i = from; i < to; i = next) {
		unsigned int stores[to - i], count = 0;

		/* A store of what is there already makes no difference. */
		for (next = i; next < to && trace[next].epoch == trace[i].epoch; next++)
			if (trace[next].old != trace[next].new)
				stores[count++] = next;
		if (count && count <= ALL_SUBSETS)
			point_all_subsets(at, stores, count);
		else if (count)
			point_some_subsets(at, stores, count);
		redo(i, next);
	}
	at->complete = true;
	point(at);
}

/* Do an operation to both and stop at each of its stores. */
static void do_and_explore(const struct model *before, struct model *after,
			   struct pmpool_format *fmt, const struct op *op)
{
	struct place at = { .before = before, .after = after, .op = op };
	struct mark from = mark();

	path[path_len++] = *op;
	*after = *before;
	model_do(after, op, fmt);
	if (op->kind == OP_CREATE && after->rec[op->slot].id <= before->last_id[op->slot])
		failed(&at, &mine.torn, "id %#llx is used a second time",
		       after->rec[op->slot].id);
	region_do(fmt, op, before, after);
	explore(&at, from);
	if (!quiet && path_len < MAX_DEPTH)
		compare_rest(&at);
}

static void add_op(struct op *ops, unsigned int *count, enum kind kind, u32 slot, u64 arg)
{
	if (*count == MAX_OPS)
		die("too many operations to choose from");
	ops[(*count)++] = (struct op){ .kind = kind, .slot = slot, .arg = arg };
}

/* What can be done to an extent. */
static void extent_ops(const struct model *m, u32 slot, struct op *ops, unsigned int *count)
{
	const struct pmpool_record *rec = &m->rec[slot];
	u64 whole = rec->blocks * BLOCK_SIZE, block;
	struct pmpool_space space;

	add_op(ops, count, OP_REMOVE, slot, 0);
	add_op(ops, count, OP_RENAME, slot, 0);
	add_op(ops, count, OP_SET, slot, 0);
	add_op(ops, count, OP_SEAL, slot, 0);

	model_space(m, &space);
	if (rec->length < whole)
		add_op(ops, count, OP_GROW, slot, whole);
	if (rec->first_block + rec->blocks < BLOCKS &&
	    !pmpool_space_at(&space, rec->first_block + rec->blocks))
		add_op(ops, count, OP_GROW, slot, whole + BLOCK_SIZE - CUT);
	if (rec->length == whole)
		add_op(ops, count, OP_SHRINK, slot, whole - CUT);
	if (rec->blocks > 1)
		add_op(ops, count, OP_SHRINK, slot, whole - BLOCK_SIZE - CUT);

	for (block = rec->first_block; block < rec->first_block + rec->blocks; block++) {
		if (!m->block[block].ready) {
			add_op(ops, count, OP_TOUCH, slot, block);
			break;
		}
	}
}

static unsigned int all_ops(const struct model *m, struct op *ops)
{
	u32 slot, limit = limit_slot(m);
	struct pmpool_space space;
	unsigned int count = 0;
	u64 where;

	model_space(m, &space);
	if (!pmpool_space_find(&space, 1, 1, 0, &where))
		add_op(ops, &count, OP_CREATE, free_slot(m), BLOCK_SIZE - CUT);
	if (!pmpool_space_find(&space, 2, 1, 0, &where))
		add_op(ops, &count, OP_CREATE, free_slot(m), 2 * BLOCK_SIZE);

	for (slot = 0; slot < SLOTS; slot++)
		if (is_extent(&m->rec[slot]) && m->rec[slot].blocks < FILLER)
			extent_ops(m, slot, ops, &count);

	add_op(ops, &count, OP_LIMIT, limit == NO_SLOT ? free_slot(m) : limit, 0);
	if (limit != NO_SLOT)
		add_op(ops, &count, OP_UNLIMIT, limit, 0);
	add_op(ops, &count, OP_ATTACH, NO_SLOT, 0);
	add_op(ops, &count, OP_DETACH, NO_SLOT, 0);
	return count;
}

/*
 * The region is as a crash in @op left it, and @m is what was found there. Crash
 * in the attach that follows, and in an operation after that, which is one on
 * the same record when there is one.
 */
static void crash_again(const struct model *m, const struct op *op)
{
	static const struct op attach = { .kind = OP_ATTACH, .slot = NO_SLOT };
	static struct model start, attached, after;
	unsigned int count, same = 0, i, outer = lost_from;
	struct op ops[MAX_OPS], on_same[MAX_OPS];
	struct mark from = mark();
	struct pmpool_format fmt;

	start = *m;
	quiet = true;
	lost_from = traced;
	mine.again++;
	if (pmpool_format_init(&fmt, mem, REGION) || pmpool_format_open(&fmt))
		die("what opened does not open again");
	do_and_explore(&start, &attached, &fmt, &attach);

	count = all_ops(&attached, ops);
	for (i = 0; i < count; i++)
		if (ops[i].slot == op->slot)
			on_same[same++] = ops[i];
	i = random_next() % (same ?: count);
	do_and_explore(&attached, &after, &fmt, same ? &on_same[i] : &ops[i]);

	path_len -= 2;
	undo(from.stores);
	forget(from);
	lost_from = outer;
	quiet = false;
}

static void sequences(const struct model *m, const struct pmpool_format *fmt, int left,
		      const struct op *only)
{
	struct model *after = malloc(sizeof(*after));
	struct mark from = mark();
	struct op ops[MAX_OPS];
	unsigned int count, i;

	if (!after)
		die("out of memory");
	count = all_ops(m, ops);
	for (i = 0; i < count; i++) {
		struct pmpool_format now = *fmt;

		if (only && memcmp(only, &ops[i], sizeof(*only)))
			continue;
		do_and_explore(m, after, &now, &ops[i]);
		mine.sequences++;
		if (left > 1)
			sequences(after, &now, left - 1, NULL);
		path_len--;
		undo(from.stores);
		forget(from);
	}
	free(after);
}

/* ------------------------------------------------------------------- the pools */

/* Bytes of others are everywhere, also where the metadata is going to be. */
static void dirty_region(u32 step)
{
	u64 i, block;
	unsigned int s;

	memset(mem, 0, META);
	for (i = 0; step && i < META / 8; i += step)
		((u64 *)mem)[i] = ~i;
	memcpy(shadow, mem, META);
	for (block = 1; block < BLOCKS; block++) {
		for (s = 0; s < SAMPLES; s++) {
			*sample(block, s) = 0xdead000000000000 | block << 8 | s;
			sample_shadow[block][s] = *sample(block, s);
		}
	}
	forget(nothing);
	epoch = 0;
}

static const u8 uuid[16] = "crashtest's pool";

static void setup(struct model *m, struct pmpool_format *fmt, enum kind kind, u32 slot, u64 arg)
{
	struct op op = { .kind = kind, .slot = slot, .arg = arg };
	static struct model before;

	if (kind == OP_CREATE)
		op.slot = free_slot(m);
	before = *m;
	model_do(m, &op, fmt);
	region_do(fmt, &op, &before, m);
	forget(nothing);
}

static void touch_all(struct model *m, struct pmpool_format *fmt, u32 slot)
{
	u64 i;

	for (i = 0; i < m->rec[slot].blocks; i++)
		setup(m, fmt, OP_TOUCH, slot, m->rec[slot].first_block + i);
}

/* Extents of so many blocks each, one behind the other, some of them touched. */
static void fill(struct model *m, struct pmpool_format *fmt, const u64 *blocks, u32 count)
{
	u32 slot;

	for (slot = 0; slot < count; slot++) {
		setup(m, fmt, OP_CREATE, slot, blocks[slot] * BLOCK_SIZE - (slot % 2 ? CUT : 0));
		if (blocks[slot] < FILLER)
			touch_all(m, fmt, slot);
	}
}

static void make_empty(struct model *m, struct pmpool_format *fmt)
{
	memset(m, 0, sizeof(*m));
	dirty_region(97);
	if (pmpool_format_init(fmt, mem, REGION))
		die(fmt->why);
	pmpool_format_make(fmt, uuid, 4711);
	crash_barrier();
	forget(nothing);
	m->super = fmt->super;
	setup(m, fmt, OP_ATTACH, NO_SLOT, 0);
}

/*
 * One block is free: it once was two extents', one after the other, and its bit
 * says so. Of the last extent the end was cut off and is there again.
 */
static void make_full(struct model *m, struct pmpool_format *fmt)
{
	static const u64 blocks[] = { 60, 3, 2, 5, 1 };

	make_empty(m, fmt);
	fill(m, fmt, blocks, 5);
	setup(m, fmt, OP_REMOVE, 4, 0);
	setup(m, fmt, OP_CREATE, 4, BLOCK_SIZE);
	touch_all(m, fmt, 4);
	setup(m, fmt, OP_REMOVE, 4, 0);
	setup(m, fmt, OP_SHRINK, 3, 4 * BLOCK_SIZE - CUT);
	setup(m, fmt, OP_GROW, 3, 5 * BLOCK_SIZE - CUT);
}

/* Three holes with bytes of extents that are gone, one over two bitmap words. */
static void make_fragmented(struct model *m, struct pmpool_format *fmt)
{
	static const u64 blocks[] = { 60, 1, 3, 2, 1, 1, 3 };

	make_empty(m, fmt);
	fill(m, fmt, blocks, 7);
	setup(m, fmt, OP_REMOVE, 2, 0);
	setup(m, fmt, OP_REMOVE, 4, 0);
	setup(m, fmt, OP_REMOVE, 6, 0);
	setup(m, fmt, OP_LIMIT, free_slot(m), 0);
}

static const struct {
	const char *name;
	void (*make)(struct model *m, struct pmpool_format *fmt);
} pools[] = {
	{ "empty", make_empty },
	{ "nearly full", make_full },
	{ "fragmented", make_fragmented },
};

enum ground { GROUND_ANY, GROUND_DAMAGED, GROUND_HEADLESS, GROUND_POOL };

/*
 * Formatting: no pool, or a whole and empty one. What needs the administrator's
 * word before needs it only until something of it is lost; a pool that is whole
 * stays so until then.
 */
static void point_formatting(enum ground ground, bool complete)
{
	struct place at = { .complete = complete };
	struct pmpool_format fmt;
	struct pmpool_record rec;
	u32 slot;
	int ret;

	mine.points++;
	pmpool_format_init(&fmt, mem, REGION);
	ret = pmpool_format_open(&fmt);
	if (complete && ret) {
		failed(&at, &mine.lost, "a pool that was formatted does not open: %s", fmt.why);
		return;
	}
	if (ground != GROUND_ANY && ret == (ground == GROUND_POOL ? 0 : -EBADMSG) && !complete &&
	    !pmpool_format_read(&fmt, 0, &rec)) {
		for (slot = 0; slot < 3; slot++)
			if (pmpool_format_read(&fmt, slot, &rec))
				failed(&at, &mine.torn, "record %u is gone, the pool is not", slot);
		return;
	}
	if (ret && ret != -ENODATA) {
		failed(&at, &mine.torn, "half of a pool: %s", fmt.why);
		return;
	}
	for (slot = 0; !ret && slot < PMPOOL_FORMAT_SLOTS; slot++) {
		if (pmpool_format_read(&fmt, slot, &rec) != -ENOENT) {
			failed(&at, &mine.torn, "a pool was formatted, but record %u is there",
			       slot);
			return;
		}
	}
}

/* Stop at each store, and with random ones of each stretch. */
static void explore_formatting(enum ground ground, unsigned int to)
{
	unsigned int i, k;

	for (i = 0; i < to; i = k) {
		unsigned int stop, pick;

		for (k = i; k < to && trace[k].epoch == trace[i].epoch; k++)
			;
		/* Each prefix, and as many random subsets. */
		for (stop = i; stop < k; stop++) {
			put(trace[stop].at, trace[stop].new);
			point_formatting(ground, false);
		}
		for (stop = i; stop < k; stop++) {
			for (pick = i; pick < k; pick++)
				put(trace[pick].at, random_next() % 4 ? trace[pick].new :
							      trace[pick].old);
			point_formatting(ground, false);
		}
		redo(i, k);
	}
}

/* Of each cache line all is lost, or what came last, or nothing. */
static bool lost_by_chance(u64 key, unsigned int store, unsigned int stores)
{
	u64 chance = mixed(key + ((u8 *)trace[store].at - mem) / LINE);

	switch (chance % 3) {
	case 0:
		return true;
	case 1:
		return false;
	}
	return store >= (chance >> 8) % stores;
}

/* Reset the machine before each write-back. */
static void explore_formatting_memory(enum ground ground, unsigned int to)
{
	unsigned int number, next, done = 0, round, i;

	for (number = 0; number <= write_backs; number++) {
		next = number < write_backs ? write_back_at[number] : to;
		if (next == done && number < write_backs)
			continue;
		redo(done, next);
		for (round = 0; round < 4 * RANDOM_SUBSETS; round++) {
			u64 key = random_next();

			for (i = next; i-- > 0;)
				if (trace[i].kept >= number &&
				    (round ? lost_by_chance(key, i, next) : true))
					put(trace[i].at, trace[i].old);
			point_formatting(ground, number == write_backs);
			redo(0, next);
		}
		done = next;
	}
}

/* Over zeroes, over what another left, and over what was a pool. */
static void format_points(u32 step, enum ground ground)
{
	static const char *const names[] = {
		"formatted", "formatted over a damaged one", "formatted over one without superblocks",
		"formatted over a whole one",
	};
	static const u64 blocks[] = { 60, 3, 2 };
	static struct model m;
	struct pmpool_format fmt;
	unsigned int to;

	pool_name = names[ground];
	path_len = 0;
	random_state = step;
	if (ground == GROUND_ANY) {
		dirty_region(step);
		pmpool_format_init(&fmt, mem, REGION);
	} else {
		make_empty(&m, &fmt);
		fill(&m, &fmt, blocks, 3);
	}
	if (ground == GROUND_DAMAGED || ground == GROUND_HEADLESS) {
		u64 word = ground == GROUND_DAMAGED ? 3 : 0;

		put((u64 *)mem + word, ~*((u64 *)mem + word));
		put((u64 *)(mem + fmt.copy_offset) + word,
		    ~*((u64 *)(mem + fmt.copy_offset) + word));
	}
	forget(nothing);
	pmpool_format_make(&fmt, uuid, 4711);
	crash_barrier();
	to = traced;
	undo(0);
	explore_formatting_memory(ground, to);
	undo(0);
	explore_formatting(ground, to);
	point_formatting(ground, true);
	forget(nothing);
}

/* ---------------------------------------------------------------------- running */

static bool take(unsigned long *item, unsigned long *taken)
{
	if (*taken < *item)
		*taken = __atomic_fetch_add(&total->items, 1, __ATOMIC_RELAXED);
	return *taken == (*item)++;
}

/*
 * A piece of work is one pool and the first operation of the sequences. Random
 * numbers begin anew in each, so that all that is explored, and how much it is,
 * does not depend on how many workers there are.
 */
static void work(void)
{
	unsigned long item = 0, taken = __atomic_fetch_add(&total->items, 1, __ATOMIC_RELAXED);
	static struct model m;
	struct pmpool_format fmt;
	struct op ops[MAX_OPS];
	unsigned int p, count, i;
	enum ground ground;

	for (p = 0; p < sizeof(pools) / sizeof(*pools); p++) {
		pool_name = pools[p].name;
		pools[p].make(&m, &fmt);
		count = all_ops(&m, ops);
		for (i = 0; i < count; i++) {
			random_state = item;
			since_again = item;
			path_len = 0;
			if (take(&item, &taken))
				sequences(&m, &fmt, depth, &ops[i]);
		}
	}
	if (take(&item, &taken))
		format_points(0, GROUND_ANY);
	if (take(&item, &taken))
		format_points(211, GROUND_ANY);
	for (ground = GROUND_DAMAGED; ground <= GROUND_POOL; ground++)
		if (take(&item, &taken))
			format_points(0, ground);

	__atomic_fetch_add(&total->points, mine.points, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total->torn, mine.torn, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total->lost, mine.lost, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total->sequences, mine.sequences, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total->again, mine.again, __ATOMIC_RELAXED);
}

static void *pages(size_t size, int flags)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED)
		die("out of memory");
	return at;
}

static void prepare(void)
{
	struct pmpool_format fmt;

	if (!fast_crc32c_right())
		die("the fast CRC32C is not the slow one");
	mem = pages(REGION, MAP_PRIVATE | MAP_NORESERVE);
	shadow = pages(META, MAP_PRIVATE);
	total = pages(sizeof(*total), MAP_SHARED);
	pmpool_format_init(&fmt, mem, REGION);
	if (fmt.meta_blocks * BLOCK_SIZE != META)
		die("the metadata is not one block");
}

static bool run_workers(long workers)
{
	bool good = true;
	int status;
	long i;

	for (i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("can not fork");
		if (!pid) {
			work();
			exit(0);
		}
	}
	while (wait(&status) > 0)
		good &= status == 0;
	return good;
}

int main(int argc, char **argv)
{
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	bool tap = TAP;
	int opt;

	while ((opt = getopt(argc, argv, "a:d:j:t")) != -1) {
		switch (opt) {
		case 'a':
			again_every = atoi(optarg);
			break;
		case 'd':
			depth = atoi(optarg);
			break;
		case 'j':
			workers = atol(optarg);
			break;
		case 't':
			tap = true;
			break;
		default:
			depth = 0;
		}
	}
	if (depth < 1 || depth > MAX_DEPTH || workers < 1 || optind != argc) {
		fprintf(stderr, "usage: crashtest [-d OPERATIONS] [-a AGAIN] [-j WORKERS] [-t]\n"
			"  -d  longest sequence, 1 to %d (%d)\n"
			"  -a  crash again after so many crash points, 0 never (400)\n"
			"  -j  processes (as many as processors)\n"
			"  -t  print TAP\n", MAX_DEPTH, DEPTH);
		return 2;
	}

	prepare();
	if (!run_workers(workers)) {
		fprintf(stderr, "crashtest: a worker failed\n");
		return 2;
	}

	if (tap)
		printf("%sok 1 - every crash point of up to %d operations\n1..1\n",
		       total->torn || total->lost || !total->points ? "not " : "", depth);
	printf("%s%lu sequences of up to %d operations; %lu points were crashed again\n",
	       tap ? "# " : "", total->sequences, depth, total->again);
	printf("%scrash points: %lu explored, %lu torn, %lu lost\n", tap ? "# " : "",
	       total->points, total->torn, total->lost);
	return total->torn || total->lost || (depth == MAX_DEPTH && total->points < 100000);
}
