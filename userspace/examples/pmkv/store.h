/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: a hash table that lives in a range of persistent memory
 *
 * The table, its items and the allocator behind them are inside one range of
 * memory that outlives the process, and the kernel too when the range is a
 * pmpool extent. Whoever maps the range next, at whatever address, goes on
 * where the last one stopped: nothing is loaded, rebuilt or walked.
 *
 * Three rules make that work, and any data structure can follow them:
 *
 *  1. No pointers. Memory refers to memory by its distance in bytes from the
 *     start of the range; 0 (which is the header) means "nothing".
 *  2. Invisible first. A new item is written whole into free memory, where
 *     nobody looks.
 *  3. Visible at once. What makes it visible are a few aligned 8-byte words: the
 *     link that leads to it, the free lists, the counters. The new values of all
 *     of them are noted in a log in the header; then one store of one word, the
 *     log's length, decides: before it nothing has happened, after it everything
 *     has, because whoever attaches next finishes what the log says.
 *
 * What rule 3 relies on: the process may be killed, or the kernel replaced,
 * between any two instructions, and memory then holds every store made before
 * that point and none after it. So only the order of the stores matters, which
 * publish() in store.c sees to; nothing has to be flushed.
 *
 * The store does no I/O, starts no threads, has no global variables, and is to
 * be used by one thread of one process at a time.
 */
#ifndef PMKV_STORE_H
#define PMKV_STORE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The layout, version 1. Little-endian; all offsets in bytes from the start.
 *
 *	0               struct store_header
 *	STORE_HEADER    buckets: bucket_count words, each the offset of the first
 *	                item of a chain
 *	heap            blocks, one after the other without gaps, each an item or
 *	                free; free neighbours are always merged
 *	heap_end        a block header of size 0 that ends the heap
 *
 * The number of buckets is fixed when the store is made: one for each
 * STORE_BYTES_PER_BUCKET bytes, which is 3 % of the memory, and chains of one or
 * two items when items are of the size that caches usually hold. A new store
 * needs memory that reads as zeroes, and then touches only the header and the
 * first block, so making one takes as long for 1 GiB as for 1 MiB.
 *
 * Free blocks are in lists by size ("two-level segregated fit"): a first level
 * for each power of two, divided into STORE_SECOND equal steps. Two levels of
 * bitmaps find a block that is large enough without a search,
 * so allocating and freeing take constant time, memory of any size class can
 * serve any other, and one item can be nearly as large as the store.
 */
#define STORE_MAGIC		0x3130764b4d5000feULL
#define STORE_MAGIC_FORMATTING	0x3030764b4d5000feULL
#define STORE_VERSION		1
#define STORE_HEADER		8192
#define STORE_BYTES_PER_BUCKET	256
#define STORE_MIN_SIZE		(64 * 1024)
#define STORE_MAX_SIZE		(1ULL << 47)

#define STORE_GRAIN		16	/* block sizes and offsets are multiples */
#define STORE_MIN_BLOCK		64
#define STORE_FIRST_SHIFT	6	/* log2(STORE_MIN_BLOCK) */
#define STORE_FIRST		42	/* powers of two from 2^6 to 2^47 */
#define STORE_SECOND_SHIFT	4
#define STORE_SECOND		(1 << STORE_SECOND_SHIFT)

#define STORE_LOG_MAX		64	/* twice what the longest operation needs */

struct store_log_entry {
	uint64_t where;		/* offset of a word */
	uint64_t value;		/* what it becomes */
};

struct store_header {
	/* Written when the store is made, and never again. */
	uint64_t magic;			/* written last */
	uint32_t version;
	uint32_t header_size;
	uint64_t size;			/* of the whole store */
	uint64_t bucket_count;
	uint64_t heap;
	uint64_t heap_end;
	uint8_t uuid[16];		/* its first half seeds the hash */
	uint64_t check;			/* XXH3 of everything above but magic */

	/* Written on attaching and detaching. */
	uint64_t generation;		/* times the store was attached */
	uint64_t clean;			/* 1: detached in order */

	/* The log: valid are the first log_count entries. */
	uint64_t log_count;
	struct store_log_entry log[STORE_LOG_MAX];

	/* Everything from here on changes only by way of the log. */
	uint64_t items;
	uint64_t expiring;		/* items that have an expiry time */
	uint64_t used;			/* bytes in blocks that hold items */
	uint64_t cas;			/* the last unique number given out */
	uint64_t flushed;		/* items with a cas up to this are gone */
	uint64_t swept;			/* value of flushed up to which they are freed */
	uint64_t flush_at;		/* a flush is due at this time; 0: none */
	uint64_t free_first;		/* bit: some list of this first level has blocks */
	uint64_t free_second[STORE_FIRST];	/* bit: this list has blocks */
	uint64_t free_list[STORE_FIRST][STORE_SECOND];
};

static_assert(offsetof(struct store_header, version) == 8, "layout");
static_assert(offsetof(struct store_header, size) == 16, "layout");
static_assert(offsetof(struct store_header, uuid) == 48, "layout");
static_assert(offsetof(struct store_header, check) == 64, "layout");
static_assert(offsetof(struct store_header, generation) == 72, "layout");
static_assert(offsetof(struct store_header, log_count) == 88, "layout");
static_assert(offsetof(struct store_header, items) == 1120, "layout");
static_assert(offsetof(struct store_header, free_first) == 1176, "layout");
static_assert(offsetof(struct store_header, free_list) == 1520, "layout");
static_assert(sizeof(struct store_header) <= STORE_HEADER, "layout");

/*
 * A block. The first four words change only by way of the log; the rest is
 * written before the item becomes visible and never while it is.
 */
struct store_block {
	uint64_t size;			/* of the block; the lowest bit: it is an item */
	uint64_t before;		/* size of the block before this one; 0: none */
	uint64_t next;			/* item: next in its chain; free: in its list */
	union {
		uint64_t expires;	/* item: seconds since 1970; 0: never */
		uint64_t back;		/* free: previous in its list; 0: it is first */
	};
	uint64_t cas;
	uint64_t hash;
	uint32_t flags;			/* the client's */
	uint32_t value_len;
	uint32_t check;			/* XXH3 of cas to key_len but this, key and value */
	uint8_t key_len;
	char data[];			/* key, then value */
};

static_assert(offsetof(struct store_block, next) == 16, "layout");
static_assert(offsetof(struct store_block, expires) == 24, "layout");
static_assert(offsetof(struct store_block, cas) == 32, "layout");
static_assert(offsetof(struct store_block, data) == 61, "layout");

#define STORE_KEY_MAX		250

/* An attached store. The fields are the store's own, except where said. */
struct store {
	unsigned char *base;
	struct store_header *header;
	int64_t now;			/* read it; store_tick() sets it */
	uint64_t sweep_bucket;		/* where sweeping goes on */
	uint64_t sweep_flushed;		/* header->flushed when the round began */
	unsigned int tx_count;		/* entries noted in the log */
	uint64_t max_value;		/* longest value taken; change it as you like */
	/* Read these: how it was when it was attached. */
	bool was_clean;
	unsigned int resolved;		/* operations finished for the last process */
};

struct slice {
	const char *data;
	size_t len;
};

struct store_item {
	struct slice value;		/* in the store: valid until it changes */
	uint32_t flags;
	uint64_t cas;
};

enum store_result {
	STORE_OK,
	STORE_NOT_FOUND,
	STORE_NOT_STORED,		/* the condition of add or replace is not met */
	STORE_EXISTS,			/* cas: changed since */
	STORE_TOO_LARGE,		/* longer than max_value */
	STORE_NO_MEMORY,
	STORE_NOT_NUMBER,		/* incr, decr: the value is not one */
	STORE_DAMAGED,			/* the item is not what was stored */
};

enum store_mode {
	STORE_SET,
	STORE_ADD,
	STORE_REPLACE,
	STORE_APPEND,
	STORE_PREPEND,
	STORE_CAS,
};

enum store_state {
	STORE_IS_BLANK,			/* zeroes, or making it was interrupted */
	STORE_IS_STORE,
	STORE_IS_FOREIGN,		/* something else is in there */
};

/* Errors of the functions that can fail in many ways: a sentence for people. */
struct store_error {
	char text[200];
};

/* What the memory holds, by its first bytes. */
enum store_state store_probe(const void *memory, size_t size);

/*
 * Make a store. The memory must read as zeroes, unless zero is set: then what
 * has to be zero is zeroed, which takes longer the larger the store is.
 */
int store_format(void *memory, size_t size, const uint8_t uuid[16], bool zero,
		 struct store_error *error);

/*
 * Attach a store: in constant time, whatever it holds. Finishes the operation
 * that the last process was killed in, if there is one; being killed while doing
 * so does no harm either. Returns 0, or -1 and says why.
 */
int store_attach(struct store *s, void *memory, size_t size, int64_t now,
		 struct store_error *error);

/* Note that the store was left in order. Nothing depends on it but a message. */
void store_detach(struct store *s);

/* Tell the time. Brings about a flush that has become due. */
void store_tick(struct store *s, int64_t now);

enum store_result store_get(struct store *s, struct slice key, struct store_item *item);

/* cas is used by STORE_CAS only; flags and expires are not by APPEND and PREPEND. */
enum store_result store_put(struct store *s, enum store_mode mode, struct slice key,
			    struct slice value, uint32_t flags, uint64_t expires,
			    uint64_t cas);
enum store_result store_delete(struct store *s, struct slice key);
enum store_result store_touch(struct store *s, struct slice key, uint64_t expires);

/* Add to a decimal number, wrapping at 2^64, or subtract, stopping at 0. */
enum store_result store_add(struct store *s, struct slice key, uint64_t delta,
			    bool subtract, uint64_t *result);

/* All items stored before the time at are gone when it comes; 0: now. */
void store_flush(struct store *s, uint64_t at);

/*
 * Free the items that are expired or flushed in the next few buckets. Returns
 * whether a round through all buckets came to its end.
 */
bool store_sweep(struct store *s, uint64_t buckets);

/* Whether there may be something to sweep. */
bool store_sweep_useful(const struct store *s);

struct store_counts {
	uint64_t items;
	uint64_t used;			/* bytes that items occupy */
	uint64_t capacity;		/* bytes that they could occupy */
	uint64_t free_blocks;		/* by store_check() only */
	uint64_t largest_free;		/* by store_check() only */
	uint64_t longest_chain;		/* by store_check() only */
	bool pending;			/* by store_check() only: an operation to finish */
};

void store_count(const struct store *s, struct store_counts *counts);

/*
 * Verify everything that must hold, in memory that need not be writable and that
 * nobody uses meanwhile; a pending operation is taken as finished. complain() is
 * called for each thing that is wrong. Returns how many are, or -1 when memory
 * for the work is lacking. This one walks everything.
 */
long store_check(const void *memory, size_t size,
		 void (*complain)(void *arg, const char *what), void *arg,
		 struct store_counts *counts);

#endif /* PMKV_STORE_H */
