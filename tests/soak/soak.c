// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the kexec loop, inside the minimal guest
 *
 * Every boot verifies what the one before was told it has, lets several
 * processes go on with it, and is cut off by kexec at a random moment in the
 * middle of them.
 *
 * The workers, each under a user of its own, create, map, fill, resize, rename,
 * seal, change and remove extents, and write records into them that verify
 * themselves. What a worker was told to be done, it notes; the next kernel holds
 * the pool against the notes. So the notes must not depend on anything that is
 * tested. They are in a region of memory of their own, kept out of System RAM
 * by a memmap= of its own, that the driver does not know of; they are read and
 * written through /dev/mem, without the driver, its format or a kernel service
 * that kexec would have to keep. A port to the host would be as independent, but
 * what is on its way when the kernel ends is lost, and noted is what arrived:
 * an operation would be taken for not acknowledged that was. A store to memory
 * has either happened before the kernel ended or has not.
 *
 * An operation is noted before it begins, with what is to come of it, and after
 * it has ended; each note takes effect by the store of one word. One that was
 * neither finished nor refused when the kernel ended may be found done or not
 * done, and nothing else.
 *
 * A record counts once its version is noted behind it. It goes where the one
 * before the last was, so the last one is never overwritten.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with the
 * module not loaded.
 */
#include <dirent.h>
#include <getopt.h>
#include <grp.h>
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>

#include "next.h"

#define NOTES_SIZE	(4 * MIB)
#define NOTES_MAGIC	0x315345544f4e5350ULL	/* "PSNOTES1" */
#define WORKERS		4
#define SLOTS		6		/* extents of a worker, at most */
#define MAX_BLOCKS	4		/* of an extent */
#define CELL		(64 * 1024ULL)	/* room for two versions of one record */
#define CELLS		(MAX_BLOCKS * BLOCK / CELL)
#define MAX_PAYLOAD	(CELL / 2 - sizeof(struct record))
#define CUT_MS		900		/* the cut comes so late after the workers' start, at most */

/*
 * The last worker is no process: with --spoil it is used to do what the verifier
 * must find.
 */
#define SPOILER		WORKERS

struct record {
	uint64_t magic;
	uint64_t checksum;	/* of the rest and the payload */
	uint64_t life;		/* of which incarnation of the extent */
	uint64_t version;	/* of this cell, from 1 */
	uint32_t worker, slot, cell;
	uint32_t words;		/* of payload */
	uint64_t payload[];
};

#define RECORD_MAGIC	0x4452434552534b50ULL

/* What an extent is, or shall become. */
struct shape {
	uint64_t exists;
	uint64_t id;		/* 0: not known yet */
	uint64_t life;		/* counts creations in this slot */
	uint64_t renames;
	uint64_t length;
	uint64_t clean;
	uint32_t mode;
	uint32_t uid;
	uint8_t tag[PMPOOL_TAG_SIZE];
};

/* Bits of struct slot's word; the rest of it is the operation under way. */
#define WORD_SHAPE	1	/* which shape holds */
#define WORD_PENDING	2	/* the other one is being made of it */
#define WORD_OP_SHIFT	2

struct slot {
	struct shape shape[2];
	uint64_t word;
	uint64_t writing;	/* 1 + the cell whose older record is no more */
	uint64_t acked[CELLS];	/* versions */
};

struct notes {
	uint64_t magic;
	uint64_t seed;
	uint64_t attaches;
	uint64_t cycles;
	uint64_t verified;	/* records */
	uint64_t lost;
	uint64_t undone, done;	/* operations that were under way */
	uint64_t operations;
	uint64_t writes;
	struct slot slots[WORKERS + 1][SLOTS];
};

enum op {
	OP_CREATE, OP_REMOVE, OP_RENAME, OP_RESIZE, OP_SET, OP_MAP, OP_UNMAP, OP_SEAL, OP_UNSEAL,
};

static const char *const op_names[] = {
	"create", "remove", "rename", "resize", "set", "map", "unmap", "seal", "unseal",
};

_Static_assert(sizeof(struct notes) <= NOTES_SIZE, "the notes have room");

/* What a worker has of an extent in this boot. */
struct hold {
	uint64_t *mem;
	size_t length;
	int fd;			/* of its device, or -1 when mapped by /dev/pmpool */
	bool sealed;
};

static struct notes *notes;
static unsigned int boot;
static uint64_t rng_state;

static void put(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void add(uint64_t *word, uint64_t value)
{
	__atomic_add_fetch(word, value, __ATOMIC_RELEASE);
}

/* Something that was promised does not hold. */
__attribute__((format(printf, 1, 2)))
static void lost(const char *fmt, ...)
{
	va_list args;

	printf("boot %u: LOST: ", boot);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	add(&notes->lost, 1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static uint64_t rng(void)
{
	uint64_t x = rng_state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t below(uint64_t limit)
{
	return rng() % limit;
}

static void rng_seed(uint64_t who)
{
	rng_state = notes->seed ^ boot * 0xd1342543de82ef95ULL ^ who * 0xaf251af3b0f025b5ULL;
	rng();
}

static void shape_name(char *name, unsigned int w, unsigned int s, const struct shape *shape)
{
	memset(name, 0, PMPOOL_NAME_SIZE);
	snprintf(name, PMPOOL_NAME_SIZE, "w%u.s%u.%llu.%llu", w, s,
		 (unsigned long long)shape->life, (unsigned long long)shape->renames);
}

static uint32_t worker_uid(unsigned int w)
{
	return w && w != SPOILER ? 1000 + w : 0;
}

/*
 * Records.
 */

static uint64_t record_checksum(const struct record *rec)
{
	const uint64_t *word = &rec->life;
	size_t i, words = (sizeof(*rec) - offsetof(struct record, life)) / 8 + rec->words;
	uint64_t sum = RECORD_MAGIC;

	for (i = 0; i < words; i++) {
		sum = (sum ^ word[i]) * 0x9fb21c651e98df25ULL;
		sum ^= sum >> 29;
	}
	return sum;
}

static uint64_t payload_seed(const struct record *rec)
{
	return rec->life << 48 ^ rec->version << 20 ^ rec->worker << 16 ^ rec->slot << 12 ^ rec->cell;
}

static void *record_place(void *mem, unsigned int cell, uint64_t version)
{
	return (char *)mem + cell * CELL + (version & 1) * (CELL / 2);
}

static void record_write(void *mem, uint64_t life, unsigned int w, unsigned int s,
			 unsigned int cell, uint64_t version)
{
	struct record *rec = record_place(mem, cell, version);
	uint32_t i;

	rec->magic = RECORD_MAGIC;
	rec->life = life;
	rec->version = version;
	rec->worker = w;
	rec->slot = s;
	rec->cell = cell;
	/* Most are small; some fill all the room there is, to its last byte. */
	rec->words = below(32) ? below(256) : MAX_PAYLOAD / 8;
	for (i = 0; i < rec->words; i++)
		rec->payload[i] = pattern(payload_seed(rec), i);
	rec->checksum = record_checksum(rec);
}

/* NULL if the record is intact, else what is wrong with it. */
static const char *record_fault(const void *mem, uint64_t life, unsigned int w, unsigned int s,
				unsigned int cell, uint64_t version)
{
	const struct record *rec = record_place((void *)mem, cell, version);
	static char text[128];
	uint32_t i;

	if (rec->magic != RECORD_MAGIC)
		return zeroes(rec, sizeof(*rec)) ? "there are only zeroes" : "there is something else";
	if (rec->words > MAX_PAYLOAD / 8)
		return "its length is impossible";
	if (rec->life != life || rec->version != version || rec->worker != w || rec->slot != s ||
	    rec->cell != cell) {
		snprintf(text, sizeof(text), "there is version %llu of w%u.s%u.%llu cell %u",
			 (unsigned long long)rec->version, rec->worker, rec->slot,
			 (unsigned long long)rec->life, rec->cell);
		return text;
	}
	if (rec->checksum != record_checksum(rec))
		return "its checksum is wrong";
	for (i = 0; i < rec->words; i++) {
		if (rec->payload[i] != pattern(payload_seed(rec), i)) {
			snprintf(text, sizeof(text), "word %u of %u is not what was written", i,
				 rec->words);
			return text;
		}
	}
	return NULL;
}

/*
 * A worker: what it does to one extent, noted before and after.
 */

static int pool_fd;
static unsigned int me;
static struct hold holds[SLOTS];

static struct slot *slot_of(unsigned int s)
{
	return &notes->slots[me][s];
}

static struct shape *shape_of(struct slot *slot)
{
	return &slot->shape[slot->word & WORD_SHAPE];
}

/* Note that an operation begins; returns where to note what is to come of it. */
static struct shape *intend(struct slot *slot)
{
	struct shape *next = &slot->shape[!(slot->word & WORD_SHAPE)];

	*next = *shape_of(slot);
	return next;
}

static void begin_op(struct slot *slot, enum op op)
{
	put(&slot->word, (slot->word & WORD_SHAPE) | WORD_PENDING | (uint64_t)op << WORD_OP_SHIFT);
}

static void end_op(struct slot *slot, bool success)
{
	put(&slot->word, (slot->word & WORD_SHAPE) ^ success);
	add(&notes->operations, 1);
}

/* An error that no state of the pool explains is as bad as a loss. */
static void unexpected(unsigned int s, enum op op)
{
	char name[PMPOOL_NAME_SIZE];
	int err = errno;

	shape_name(name, me, s, shape_of(slot_of(s)));
	lost("%s of '%s' failed: %s", op_names[op], name, strerror(err));
}

static void do_create(unsigned int s)
{
	struct pmpool_create arg = { .size = sizeof(arg), .mode = 0600 };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	int ret;

	memset(slot->acked, 0, sizeof(slot->acked));
	put(&slot->writing, 0);
	next->exists = 1;
	next->id = 0;
	next->life++;
	next->renames = 0;
	next->length = (1 + below(CELLS)) * CELL;
	next->clean = 1;
	next->mode = arg.mode;
	next->uid = worker_uid(me);
	memset(next->tag, 0, sizeof(next->tag));
	snprintf((char *)next->tag, sizeof(next->tag), "soak %u", me);

	shape_name(arg.name, me, s, next);
	arg.length = next->length;
	memcpy(arg.tag, next->tag, sizeof(arg.tag));
	begin_op(slot, OP_CREATE);
	ret = ioctl(pool_fd, PMPOOL_CREATE, &arg);
	if (ret && errno != ENOSPC)
		unexpected(s, OP_CREATE);
	next->id = arg.id;
	end_op(slot, !ret);
}

static void do_remove(unsigned int s)
{
	struct pmpool_remove arg = { .size = sizeof(arg) };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	int ret;

	arg.id = shape_of(slot)->id;
	next->exists = 0;
	begin_op(slot, OP_REMOVE);
	ret = ioctl(pool_fd, PMPOOL_REMOVE, &arg);
	if (ret)
		unexpected(s, OP_REMOVE);
	end_op(slot, !ret);
}

static void do_rename(unsigned int s)
{
	struct pmpool_rename arg = { .size = sizeof(arg) };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	int ret;

	next->renames++;
	shape_name(arg.name, me, s, shape_of(slot));
	shape_name(arg.new_name, me, s, next);
	begin_op(slot, OP_RENAME);
	ret = ioctl(pool_fd, PMPOOL_RENAME, &arg);
	if (ret)
		unexpected(s, OP_RENAME);
	end_op(slot, !ret);
}

static void forget_cells(struct slot *slot, uint64_t length)
{
	uint64_t cell;

	for (cell = length / CELL; cell < CELLS; cell++)
		put(&slot->acked[cell], 0);
	if (slot->writing > length / CELL)
		put(&slot->writing, 0);
}

static void do_resize(unsigned int s)
{
	struct pmpool_resize arg = { .size = sizeof(arg) };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	bool shorter;
	int ret;

	next->length = (1 + below(CELLS)) * CELL;
	shorter = next->length < shape_of(slot)->length;
	if (shorter && holds[s].mem)
		return;
	shape_name(arg.name, me, s, next);
	arg.length = next->length;
	begin_op(slot, OP_RESIZE);
	ret = ioctl(pool_fd, PMPOOL_RESIZE, &arg);
	if (ret && (errno != ENOSPC || shorter))
		unexpected(s, OP_RESIZE);
	if (!ret)
		forget_cells(slot, next->length);
	end_op(slot, !ret);
}

static void do_set(unsigned int s)
{
	struct pmpool_set arg = { .size = sizeof(arg), .flags = PMPOOL_SET_MODE | PMPOOL_SET_TAG };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	int ret;

	next->mode = 0600 | below(0100);
	memset(next->tag, 0, sizeof(next->tag));
	snprintf((char *)next->tag, sizeof(next->tag), "%llx", (unsigned long long)rng());
	arg.id = next->id;
	arg.mode = next->mode;
	memcpy(arg.tag, next->tag, sizeof(arg.tag));
	begin_op(slot, OP_SET);
	ret = ioctl(pool_fd, PMPOOL_SET, &arg);
	if (ret)
		unexpected(s, OP_SET);
	end_op(slot, !ret);
}

/* By the extent's own device or by the pool's, as it happens. */
static void do_map(unsigned int s)
{
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	struct hold *hold = &holds[s];
	char name[PMPOOL_NAME_SIZE], path[128];
	struct pmpool_extent_info ext = { 0 };

	next->clean = 0;
	shape_name(name, me, s, next);
	hold->fd = -1;
	if (below(2)) {
		snprintf(path, sizeof(path), NODES "%s", name);
		hold->fd = open(path, O_RDWR | O_CLOEXEC);
		if (hold->fd < 0)
			return unexpected(s, OP_MAP);
	} else if (open_extent(pool_fd, name, PMPOOL_OPEN_READ | PMPOOL_OPEN_WRITE, &ext)) {
		return unexpected(s, OP_MAP);
	}

	begin_op(slot, OP_MAP);
	hold->mem = mmap(NULL, next->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			 hold->fd < 0 ? pool_fd : hold->fd, ext.offset);
	if (hold->mem == MAP_FAILED) {
		hold->mem = NULL;
		unexpected(s, OP_MAP);
	}
	hold->length = next->length;
	hold->sealed = false;
	end_op(slot, hold->mem);
	if (!hold->mem && hold->fd >= 0)
		close(hold->fd);
}

static void do_unmap(unsigned int s)
{
	struct slot *slot = slot_of(s);
	struct hold *hold = &holds[s];

	intend(slot)->clean = 1;
	begin_op(slot, OP_UNMAP);
	munmap(hold->mem, hold->length);
	end_op(slot, true);
	hold->mem = NULL;
	if (hold->fd >= 0)
		close(hold->fd);
}

static void do_seal(unsigned int s)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };
	struct slot *slot = slot_of(s);
	struct shape *next = intend(slot);
	struct hold *hold = &holds[s];
	int ret, fd = pool_fd;

	next->clean = 1;
	if (hold->mem && hold->fd >= 0) {
		fd = hold->fd;
	} else {
		shape_name(arg.name, me, s, next);
		if (!hold->mem && open_extent(pool_fd, arg.name, PMPOOL_OPEN_WRITE, NULL))
			return unexpected(s, OP_SEAL);
	}
	begin_op(slot, OP_SEAL);
	ret = ioctl(fd, PMPOOL_SEAL, &arg);
	if (ret)
		unexpected(s, OP_SEAL);
	end_op(slot, !ret);
	hold->sealed = hold->mem && !ret;
}

static void do_write(unsigned int s)
{
	struct slot *slot = slot_of(s);
	struct hold *hold = &holds[s];
	uint64_t version;
	unsigned int cell;

	/* One that was cut off comes first: until then its cell has one record only. */
	cell = slot->writing ? slot->writing - 1 : below(hold->length / CELL);
	if (cell >= hold->length / CELL)
		return;

	if (hold->sealed) {
		intend(slot)->clean = 0;
		begin_op(slot, OP_UNSEAL);
	}
	version = slot->acked[cell] + 1;
	put(&slot->writing, cell + 1);
	record_write(hold->mem, shape_of(slot)->life, me, s, cell, version);
	put(&slot->acked[cell], version);
	put(&slot->writing, 0);
	if (hold->sealed) {
		end_op(slot, true);
		hold->sealed = false;
	}
	add(&notes->writes, 1);
}

static void step_mapped(unsigned int s)
{
	unsigned int dice = below(100);

	if (dice < 75)
		do_write(s);
	else if (dice < 83)
		do_seal(s);
	else if (dice < 87)
		do_resize(s);
	else if (dice < 90)
		do_set(s);
	else
		do_unmap(s);
}

static void step_unmapped(unsigned int s)
{
	unsigned int dice = below(100);

	if (dice < 50)
		do_map(s);
	else if (dice < 65)
		do_rename(s);
	else if (dice < 80)
		do_resize(s);
	else if (dice < 87)
		do_set(s);
	else if (dice < 94)
		do_seal(s);
	else
		do_remove(s);
}

static void step(unsigned int s)
{
	if (!shape_of(slot_of(s))->exists)
		do_create(s);
	else if (holds[s].mem)
		step_mapped(s);
	else
		step_unmapped(s);
}

static void open_pool(void)
{
	pool_fd = open(POOL, O_RDWR | O_CLOEXEC);
	if (pool_fd < 0)
		die(POOL);
}

__attribute__((noreturn))
static void worker(unsigned int w)
{
	uint32_t id = worker_uid(w);

	me = w;
	/* A file of its own: grants and seals are by file. */
	open_pool();
	if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id))
		die("changing the user");
	rng_seed(1 + w);
	for (;;)
		step(below(SLOTS));
}

/* What the verifier must find: five things that are not as the notes say. */
static void spoil(void)
{
	char name[PMPOOL_NAME_SIZE];
	struct record *rec;
	unsigned int s;

	me = SPOILER;
	for (s = 0; s < 4; s++) {
		do_create(s);
		do_map(s);
		do_write(s);
		if (!holds[s].mem || slot_of(s)->writing)
			die("preparing what is to be spoilt");
	}
	/* A record that was never written, one that was changed, ... */
	for (s = 0; s < CELLS; s++) {
		if (slot_of(0)->acked[s])
			slot_of(0)->acked[s]++;
		if (slot_of(1)->acked[s]) {
			rec = record_place(holds[1].mem, s, 1);
			rec->life++;
		}
	}
	for (s = 0; s < 4; s++)
		do_unmap(s);
	/* ... a clean mark, an extent too few and one too many. */
	shape_of(slot_of(2))->clean = 0;
	shape_name(name, me, 3, shape_of(slot_of(3)));
	if (remove_extent(pool_fd, name) || create(pool_fd, "stranger", BLOCK))
		die("spoiling");
}

/*
 * The verifier.
 */

static struct pmpool_extent_info listed[WORKERS * SLOTS * 4];
static unsigned int listed_count;

static void list_extents(void)
{
	struct pmpool_next arg = { .size = sizeof(arg) };
	struct pmpool_info pool = info(pool_fd);
	uint64_t end = pool.metadata_size, used = 0;

	while (!ioctl(pool_fd, PMPOOL_NEXT, &arg)) {
		if (arg.info.offset < end)
			lost("'%s' at %#llx shares blocks with what is before it", arg.info.name,
			     arg.info.offset);
		end = arg.info.offset + (arg.info.length + BLOCK - 1) / BLOCK * BLOCK;
		used += end - arg.info.offset;
		if (listed_count == sizeof(listed) / sizeof(*listed)) {
			lost("there are more than %u extents", listed_count);
			break;
		}
		listed[listed_count++] = arg.info;
	}
	if (end > pool.pool_size)
		lost("the last extent ends at %#llx, outside the pool", (unsigned long long)end);
	if (pool.free != pool.pool_size - pool.metadata_size - used || pool.extents != listed_count)
		lost("%llu bytes are free and %u extents there, not %llu and %u", pool.free,
		     pool.extents, (unsigned long long)(pool.pool_size - pool.metadata_size - used),
		     listed_count);
	if (pool.generation != notes->attaches + 1)
		lost("the pool's generation is %llu, not %llu", pool.generation,
		     (unsigned long long)notes->attaches + 1);
	if (pool.state != PMPOOL_STATE_OK || !pool.was_clean)
		lost("the pool's state is %u and it was %sleft clean", pool.state,
		     pool.was_clean ? "" : "not ");
}

/* NULL if the extent is as noted, else what is different. */
static const char *shape_fault(const struct shape *shape, unsigned int w, unsigned int s,
			       const struct pmpool_extent_info *ext)
{
	char name[PMPOOL_NAME_SIZE];

	if (!shape->exists)
		return ext ? "it exists" : NULL;
	if (!ext)
		return "it does not exist";
	shape_name(name, w, s, shape);
	if (memcmp(name, ext->name, sizeof(name)))
		return "its name";
	if (shape->id && shape->id != ext->id)
		return "its number";
	if (shape->length != ext->length)
		return "its length";
	if (shape->uid != ext->uid || shape->uid != ext->gid)
		return "its owner";
	if (shape->mode != ext->mode)
		return "its mode";
	if (memcmp(shape->tag, ext->tag, sizeof(shape->tag)))
		return "its tag";
	if (ext->flags != (shape->clean ? PMPOOL_EXTENT_CLEAN : 0))
		return shape->clean ? "it is dirty" : "it is clean";
	return NULL;
}

static void describe(const char *what, const struct shape *shape, unsigned int w, unsigned int s)
{
	char name[PMPOOL_NAME_SIZE];

	shape_name(name, w, s, shape);
	printf("  %-7s '%s', %s, number %llu, %llu bytes, uid %u, mode %04o, %s\n", what, name,
	       shape->exists ? "exists" : "removed", (unsigned long long)shape->id,
	       (unsigned long long)shape->length, shape->uid, shape->mode,
	       shape->clean ? "clean" : "dirty");
}

/* Find out what became of an operation under way. Returns whether all is well. */
static bool settle(unsigned int w, unsigned int s, const struct pmpool_extent_info *ext)
{
	struct slot *slot = &notes->slots[w][s];
	unsigned int which = slot->word & WORD_SHAPE;
	bool pending = slot->word & WORD_PENDING;
	const char *op = op_names[slot->word >> WORD_OP_SHIFT];
	const char *fault, *fault_done = NULL;

	fault = shape_fault(&slot->shape[which], w, s, ext);
	if (pending) {
		/* For a map of what is dirty, before and after are the same. */
		fault_done = shape_fault(&slot->shape[!which], w, s, ext);
		printf("  under way: %s of w%u.s%u, found %s\n", op, w, s,
		       !fault_done ? "done" : !fault ? "not done" : "neither done nor not done");
		if (!fault_done) {
			if (ext)
				slot->shape[!which].id = ext->id;
			forget_cells(slot, slot->shape[!which].exists ? slot->shape[!which].length : 0);
			put(&slot->word, !which);
			add(&notes->done, 1);
			return true;
		}
		if (!fault)
			add(&notes->undone, 1);
	}
	put(&slot->word, which);
	if (!fault)
		return true;

	lost("w%u.s%u is not as it was%s%s%s: %s", w, s, pending ? " before or after '" : "",
	     pending ? op : "", pending ? "'" : "", fault);
	describe(pending ? "before:" : "noted:", &slot->shape[which], w, s);
	if (pending)
		describe("after:", &slot->shape[!which], w, s);
	if (ext)
		printf("  found:  '%s', number %llu, %llu bytes, uid %u, mode %04o, %s\n", ext->name,
		       ext->id, ext->length, ext->uid, ext->mode,
		       ext->flags & PMPOOL_EXTENT_CLEAN ? "clean" : "dirty");
	else
		printf("  found:  nothing of that number\n");
	return false;
}

static void verify_cell(const void *mem, const struct pmpool_extent_info *ext, unsigned int w,
			unsigned int s, unsigned int cell)
{
	struct slot *slot = &notes->slots[w][s];
	uint64_t version = slot->acked[cell], older;
	bool writing = slot->writing == cell + 1;
	uint64_t life = shape_of(slot)->life;
	const char *fault;

	/* The last version, and the one before it unless its place is being written. */
	for (older = 0; older < 2 && older < version && !(older && writing); older++) {
		fault = record_fault(mem, life, w, s, cell, version - older);
		if (fault)
			lost("'%s', cell %u, version %llu: %s", ext->name, cell,
			     (unsigned long long)(version - older), fault);
		else
			add(&notes->verified, 1);
	}
	/* Nobody has written there: not this owner, and none before it. */
	for (; older < 2 && !writing; older++)
		if (!zeroes(record_place((void *)mem, cell, version - older), CELL / 2))
			lost("'%s', cell %u: what nobody has written is not zero", ext->name, cell);
}

static void verify_contents(const struct pmpool_extent_info *ext, unsigned int w, unsigned int s)
{
	struct slot *slot = &notes->slots[w][s];
	unsigned int cells = ext->length / CELL, per_block = BLOCK / CELL, first, cell;
	bool used;
	void *mem;

	mem = map_node(ext->name, ext->length, PROT_READ);
	if (mem == MAP_FAILED) {
		lost("'%s' can not be mapped: %s", ext->name, strerror(errno));
		return;
	}
	for (first = 0; first < cells; first += per_block) {
		used = slot->writing > first && slot->writing <= first + per_block;
		for (cell = first; cell < first + per_block && cell < cells; cell++)
			used |= slot->acked[cell];
		/* Looking at an unused block makes it a zeroed one: leave most for later. */
		if (!used && below(4))
			continue;
		for (cell = first; cell < first + per_block && cell < cells; cell++)
			verify_cell(mem, ext, w, s, cell);
	}
	munmap(mem, ext->length);
}

static void verify_node(const struct pmpool_extent_info *ext)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), NODES "%s", ext->name);
	if (stat(path, &st) || st.st_uid != ext->uid || st.st_gid != ext->gid ||
	    (st.st_mode & 07777) != ext->mode || !S_ISCHR(st.st_mode))
		lost("%s is not a device of uid %u and mode %04o", path, ext->uid, ext->mode);
}

static unsigned int count_nodes(void)
{
	unsigned int count = 0;
	struct dirent *de;
	DIR *dir;

	dir = opendir(NODES);
	while (dir && (de = readdir(dir)))
		count += de->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static void verify(void)
{
	const struct pmpool_extent_info *of[WORKERS + 1][SLOTS] = { { NULL } };
	unsigned int i, w, s;
	int used;

	list_extents();
	for (i = 0; i < listed_count; i++) {
		if (sscanf(listed[i].name, "w%u.s%u.%n", &w, &s, &used) != 2 || w > WORKERS ||
		    s >= SLOTS || of[w][s]) {
			lost("'%s' at %#llx should not exist", listed[i].name, listed[i].offset);
			continue;
		}
		of[w][s] = &listed[i];
		verify_node(&listed[i]);
	}
	if (count_nodes() != listed_count)
		lost("%u devices for %u extents", count_nodes(), listed_count);

	for (w = 0; w <= WORKERS; w++)
		for (s = 0; s < SLOTS; s++)
			if (settle(w, s, of[w][s]) && of[w][s])
				verify_contents(of[w][s], w, s);
}

/*
 * The loop.
 */

static void open_notes(uint64_t base, uint64_t seed)
{
	notes = map_outside(base, NOTES_SIZE);
	if (boot == 1) {
		memset(notes, 0, sizeof(*notes));
		notes->seed = seed;
		put(&notes->magic, NOTES_MAGIC);
	} else if (notes->magic != NOTES_MAGIC || notes->attaches != boot - 1) {
		fprintf(stderr, "the notes are gone: magic %#llx, %llu attaches in boot %u\n",
			(unsigned long long)notes->magic, (unsigned long long)notes->attaches, boot);
		exit(1);
	}
}

static int report(void)
{
	printf("%llu operations and %llu records written; of operations under way %llu were done, "
	       "%llu not\n", (unsigned long long)notes->operations,
	       (unsigned long long)notes->writes, (unsigned long long)notes->done,
	       (unsigned long long)notes->undone);
	printf("kexec loop: %llu cycles, %llu records verified, %llu lost\n",
	       (unsigned long long)notes->cycles, (unsigned long long)notes->verified,
	       (unsigned long long)notes->lost);
	return notes->lost || !notes->verified;
}

static void usage(void)
{
	fprintf(stderr, "usage: soak --cycles N --seed N --notes ADDRESS [--spoil]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cycles", required_argument, NULL, 'c' }, { "seed", required_argument, NULL, 's' },
		{ "notes", required_argument, NULL, 'n' }, { "spoil", no_argument, NULL, 'x' }, { 0 },
	};
	const char *number = getenv("PMPOOL_BOOT");
	uint64_t cycles = 0, seed = 0, base = 0, before;
	double start = now(), verified, staged;
	bool spoiling = false;
	unsigned int w;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'c')
			cycles = strtoull(optarg, NULL, 0);
		else if (o == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (o == 'n')
			base = strtoull(optarg, NULL, 0);
		else if (o == 'x')
			spoiling = true;
		else
			usage();
	}
	boot = number ? atoi(number) : 0;
	if (!cycles || !base || !boot || optind != argc)
		usage();

	open_notes(base, seed);
	rng_seed(0);
	if (load(region_param()))
		die("loading the driver");
	open_pool();
	if (boot == 1)
		printf("seed %llu, %u workers\n", (unsigned long long)seed, WORKERS);
	if (boot > 1) {
		before = notes->verified;
		put(&notes->cycles, boot - 1);
		verify();
		verified = now();
		printf("cycle %u: %llu records of %u extents verified; up after %.2f s, verified %.2f s later\n",
		       boot - 1, (unsigned long long)(notes->verified - before), listed_count, start,
		       verified - start);
	}
	put(&notes->attaches, boot);
	/* With a loss there is something to look at: go no further. */
	if (notes->lost || notes->cycles == cycles)
		return report();

	if (spoiling)
		spoil();
	close(pool_fd);

	/* First, and alone: besides the workers it would take three times as long. */
	start = now();
	if (stage(next_cmdline(boot, NULL), 0))
		die("staging the next kernel");
	staged = now() - start;

	fflush(NULL);
	start = now();
	for (w = 0; w < WORKERS; w++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			worker(w);
	}
	/* So as not to wait behind four workers when it is time. */
	setpriority(PRIO_PROCESS, 0, -20);
	usleep(50000 + below(CUT_MS * 1000));
	if (waitpid(-1, NULL, WNOHANG) > 0) {
		lost("a worker has ended");
		return report();
	}
	printf("  staged in %.2f s, cut %.2f s after the workers' start\n", staged, now() - start);
	start_next();
}
