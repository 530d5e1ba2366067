// SPDX-License-Identifier: GPL-2.0-only
/*
 * The persistent hash table; store.h tells how it works and why it is safe.
 *
 * Read from the top: publish() is the only function that changes a word that
 * somebody may see; the transaction makes several such changes one; blocks and
 * chains are built on that and need no thought about crashes any more.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The distribution's hash, inlined: part of the layout, so no run-time version. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout is little-endian");
static_assert(sizeof(void *) == 8, "a store may be larger than 4 GiB");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "an 8-byte store must be one store");

/* Tests define this to stop the world between any two stores. */
#ifndef STORE_POINT
#define STORE_POINT() do { } while (0)
#endif

#define IN_USE		1ULL	/* in the word size of a block */

#define HEADER(member)	offsetof(struct store_header, member)
#define SIZE(block)	((block) + offsetof(struct store_block, size))
#define BEFORE(block)	((block) + offsetof(struct store_block, before))
#define NEXT(block)	((block) + offsetof(struct store_block, next))
#define BACK(block)	((block) + offsetof(struct store_block, back))
#define EXPIRES(block)	((block) + offsetof(struct store_block, expires))

/*
 * Words and transactions.
 */

/*
 * Change one word for whoever attaches next. The release keeps every earlier
 * store before this one, the fence every later one behind it: at the level of
 * the compiler, which is where it matters. The processor orders the stores of one
 * thread by itself as far as a kill, or the next kernel, can tell.
 */
static void publish(struct store *s, uint64_t where, uint64_t value)
{
	STORE_POINT();
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit((_Atomic uint64_t *)(s->base + where), value,
			      memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
}

/* A word as it will be after the current transaction, as far as it has got. */
static uint64_t word(const struct store *s, uint64_t where)
{
	for (unsigned int i = 0; i < s->tx_count; i++)
		if (s->header->log[i].where == where)
			return s->header->log[i].value;
	return atomic_load_explicit((_Atomic uint64_t *)(s->base + where),
				    memory_order_relaxed);
}

/* Note in the log, which is invisible as long as log_count is 0. */
static void tx_set(struct store *s, uint64_t where, uint64_t value)
{
	struct store_log_entry *log = s->header->log;
	unsigned int i;

	for (i = 0; i < s->tx_count; i++)
		if (log[i].where == where)
			break;
	if (i == s->tx_count) {
		/*
		 * The longest operation, replacing an item between two free
		 * blocks by one in a block that is split, takes 37 entries. Were
		 * that ever wrong, then better to die before the first change.
		 */
		if (i == STORE_LOG_MAX)
			abort();
		log[i].where = where;
		s->tx_count++;
	}
	STORE_POINT();
	log[i].value = value;
}

static void tx_add(struct store *s, uint64_t where, uint64_t value)
{
	tx_set(s, where, word(s, where) + value);
}

/* Carry out what the log says; again, if the last process could not finish. */
static void tx_apply(struct store *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		publish(s, s->header->log[i].where, s->header->log[i].value);
	publish(s, HEADER(log_count), 0);
}

static void tx_commit(struct store *s)
{
	unsigned int count = s->tx_count;

	s->tx_count = 0;
	publish(s, HEADER(log_count), count);	/* now it has happened */
	tx_apply(s, count);
}

static void tx_cancel(struct store *s)
{
	s->tx_count = 0;
}

/*
 * Blocks. All of these work inside a transaction.
 */

struct list {
	unsigned int first, second;
};

/* The list for free blocks of this size. */
static struct list list_of(uint64_t size)
{
	unsigned int shift = 63 - __builtin_clzll(size);

	return (struct list){
		.first = shift - STORE_FIRST_SHIFT,
		.second = (size >> (shift - STORE_SECOND_SHIFT)) & (STORE_SECOND - 1),
	};
}

static uint64_t list_head(struct list l)
{
	return HEADER(free_list) + 8 * (l.first * STORE_SECOND + l.second);
}

static uint64_t list_bits(struct list l)
{
	return HEADER(free_second) + 8 * l.first;
}

/* The first list, from this one up, that is not empty. */
static bool list_find(const struct store *s, struct list *l)
{
	uint64_t bits;

	if (l->first >= STORE_FIRST)
		return false;
	bits = word(s, list_bits(*l)) & (~0ULL << l->second);
	if (!bits) {
		bits = word(s, HEADER(free_first)) & (~0ULL << l->first << 1);
		if (!bits)
			return false;
		l->first = __builtin_ctzll(bits);
		bits = word(s, list_bits(*l));
	}
	l->second = __builtin_ctzll(bits);
	return true;
}

static void list_insert(struct store *s, uint64_t block)
{
	struct list l = list_of(word(s, SIZE(block)));
	uint64_t head = word(s, list_head(l));

	tx_set(s, NEXT(block), head);
	tx_set(s, BACK(block), 0);
	tx_set(s, list_head(l), block);
	if (head) {
		tx_set(s, BACK(head), block);
	} else {
		tx_set(s, list_bits(l), word(s, list_bits(l)) | 1ULL << l.second);
		tx_set(s, HEADER(free_first), word(s, HEADER(free_first)) | 1ULL << l.first);
	}
}

static void list_remove(struct store *s, uint64_t block)
{
	struct list l = list_of(word(s, SIZE(block)));
	uint64_t next = word(s, NEXT(block));
	uint64_t back = word(s, BACK(block));
	uint64_t bits;

	if (next)
		tx_set(s, BACK(next), back);
	if (back) {
		tx_set(s, NEXT(back), next);
		return;
	}
	tx_set(s, list_head(l), next);
	if (next)
		return;
	bits = word(s, list_bits(l)) & ~(1ULL << l.second);
	tx_set(s, list_bits(l), bits);
	if (!bits)
		tx_set(s, HEADER(free_first), word(s, HEADER(free_first)) & ~(1ULL << l.first));
}

/*
 * Find a free block of at least size bytes, 0: none. The list for that size may
 * hold smaller ones too, so only a few of its blocks are looked at; in the lists
 * above it every block is large enough, and the first will do.
 */
static uint64_t list_search(const struct store *s, uint64_t size)
{
	unsigned int shift = 63 - __builtin_clzll(size) - STORE_SECOND_SHIFT;
	struct list l = list_of(size);
	uint64_t block = word(s, list_head(l));

	for (int i = 0; block && i < 8; i++, block = word(s, NEXT(block)))
		if (word(s, SIZE(block)) >= size)
			return block;
	l = list_of(size + (1ULL << shift) - 1);
	return list_find(s, &l) ? word(s, list_head(l)) : 0;
}

/* Take a block of at least size bytes. Returns 0 when there is none. */
static uint64_t block_alloc(struct store *s, uint64_t size)
{
	uint64_t block, found, rest;

	size = (size + STORE_GRAIN - 1) & ~(uint64_t)(STORE_GRAIN - 1);
	if (size < STORE_MIN_BLOCK)
		size = STORE_MIN_BLOCK;

	block = list_search(s, size);
	if (!block)
		return 0;
	found = word(s, SIZE(block));
	list_remove(s, block);
	if (found - size >= STORE_MIN_BLOCK) {
		rest = block + size;
		tx_set(s, SIZE(rest), found - size);
		tx_set(s, BEFORE(rest), size);
		tx_set(s, BEFORE(block + found), found - size);
		list_insert(s, rest);
	} else {
		size = found;
	}
	tx_set(s, SIZE(block), size | IN_USE);
	tx_add(s, HEADER(used), size);
	return block;
}

static void block_free(struct store *s, uint64_t block)
{
	uint64_t size = word(s, SIZE(block)) & ~IN_USE;
	uint64_t before = word(s, BEFORE(block));
	uint64_t after = word(s, SIZE(block + size));

	tx_add(s, HEADER(used), -size);
	if (!(after & IN_USE)) {
		list_remove(s, block + size);
		size += after;
	}
	if (before && !(word(s, SIZE(block - before)) & IN_USE)) {
		list_remove(s, block - before);
		block -= before;
		size += before;
	}
	tx_set(s, SIZE(block), size);
	tx_set(s, BEFORE(block + size), size);
	list_insert(s, block);
}

/*
 * Items and chains.
 */

static struct store_block *block_at(const struct store *s, uint64_t block)
{
	return (struct store_block *)(s->base + block);
}

static uint64_t hash_key(const struct store *s, struct slice key)
{
	uint64_t seed;

	memcpy(&seed, s->header->uuid, sizeof(seed));
	return XXH3_64bits_withSeed(key.data, key.len, seed);
}

/* The word that leads to the first item of the chain of this hash. */
static uint64_t bucket_of(const struct store *s, uint64_t hash)
{
	unsigned __int128 scaled = (unsigned __int128)hash * s->header->bucket_count;

	return STORE_HEADER + 8 * (uint64_t)(scaled >> 64);
}

static uint32_t item_check(const struct store_block *item)
{
	uint64_t seed;

	seed = XXH3_64bits_withSeed(&item->cas,
				    offsetof(struct store_block, check) -
				    offsetof(struct store_block, cas), item->key_len);
	return (uint32_t)XXH3_64bits_withSeed(item->data,
					      (size_t)item->key_len + item->value_len, seed);
}

static bool item_dead(const struct store *s, const struct store_block *item)
{
	return item->cas <= s->header->flushed ||
	       (item->expires && item->expires <= (uint64_t)s->now);
}

/* Take the item that link leads to out of its chain and free it. */
static void item_unlink(struct store *s, uint64_t link, uint64_t item)
{
	tx_set(s, link, word(s, NEXT(item)));
	if (word(s, EXPIRES(item)))
		tx_add(s, HEADER(expiring), -1);
	tx_add(s, HEADER(items), -1);
	block_free(s, item);
}

/*
 * Find the item of a key, and the word that leads to it. Without one, returns 0
 * and the link of the chain's start. An item that is dead is freed in passing.
 */
static uint64_t item_find(struct store *s, struct slice key, uint64_t hash, uint64_t *link)
{
	const struct store_block *b;
	uint64_t item;

	for (*link = bucket_of(s, hash); (item = word(s, *link)); *link = NEXT(item)) {
		b = block_at(s, item);
		if (b->hash == hash && b->key_len == key.len &&
		    !memcmp(b->data, key.data, key.len))
			break;
	}
	if (item && item_dead(s, block_at(s, item))) {
		item_unlink(s, *link, item);
		tx_commit(s);
		item = 0;
	}
	if (!item)
		*link = bucket_of(s, hash);
	return item;
}

static char *item_value(struct store_block *item)
{
	return item->data + item->key_len;
}

/*
 * Store an item in the place of old, to which link leads, or before the item to
 * which link leads when old is 0. The value is given in two parts.
 */
static enum store_result item_store(struct store *s, struct slice key, uint64_t hash,
				    uint64_t link, uint64_t old, uint32_t flags,
				    uint64_t expires, struct slice first, struct slice second)
{
	struct store_block *b;
	uint64_t item, cas;
	char *value;

	if (first.len + second.len > s->max_value)
		return STORE_TOO_LARGE;
	item = block_alloc(s, sizeof(*b) + key.len + first.len + second.len);
	if (!item) {
		tx_cancel(s);
		return STORE_NO_MEMORY;
	}

	/* Still free memory: all but the first four words may be written at once. */
	cas = word(s, HEADER(cas)) + 1;
	b = block_at(s, item);
	b->cas = cas;
	b->hash = hash;
	b->flags = flags;
	b->value_len = first.len + second.len;
	b->key_len = key.len;
	memcpy(b->data, key.data, key.len);
	STORE_POINT();
	value = item_value(b);
	if (first.len)
		memcpy(value, first.data, first.len);
	STORE_POINT();
	if (second.len)
		memcpy(value + first.len, second.data, second.len);
	b->check = item_check(b);

	tx_set(s, EXPIRES(item), expires);
	if (expires)
		tx_add(s, HEADER(expiring), 1);
	tx_add(s, HEADER(items), 1);
	tx_set(s, HEADER(cas), cas);
	if (old)
		item_unlink(s, link, old);
	tx_set(s, NEXT(item), word(s, link));
	tx_set(s, link, item);
	tx_commit(s);
	return STORE_OK;
}

/*
 * What a store offers.
 */

enum store_result store_get(struct store *s, struct slice key, struct store_item *result)
{
	uint64_t link, item = item_find(s, key, hash_key(s, key), &link);
	struct store_block *b = block_at(s, item);

	if (!item)
		return STORE_NOT_FOUND;
	if (b->check != item_check(b))
		return STORE_DAMAGED;
	result->value = (struct slice){ item_value(b), b->value_len };
	result->flags = b->flags;
	result->cas = b->cas;
	return STORE_OK;
}

enum store_result store_put(struct store *s, enum store_mode mode, struct slice key,
			    struct slice value, uint32_t flags, uint64_t expires,
			    uint64_t cas)
{
	uint64_t hash = hash_key(s, key);
	uint64_t link, old = item_find(s, key, hash, &link);
	struct slice first = value, second = { NULL, 0 };
	struct store_block *b = block_at(s, old);

	switch (mode) {
	case STORE_SET:
		break;
	case STORE_ADD:
		if (old)
			return STORE_NOT_STORED;
		break;
	case STORE_REPLACE:
		if (!old)
			return STORE_NOT_STORED;
		break;
	case STORE_CAS:
		if (!old)
			return STORE_NOT_FOUND;
		if (b->cas != cas)
			return STORE_EXISTS;
		break;
	case STORE_APPEND:
	case STORE_PREPEND:
		if (!old)
			return STORE_NOT_STORED;
		/* Damage must not get a new, valid check. */
		if (b->check != item_check(b))
			return STORE_DAMAGED;
		flags = b->flags;
		expires = b->expires;
		first = (struct slice){ item_value(b), b->value_len };
		second = value;
		if (mode == STORE_PREPEND) {
			second = first;
			first = value;
		}
		break;
	}
	return item_store(s, key, hash, link, old, flags, expires, first, second);
}

enum store_result store_delete(struct store *s, struct slice key)
{
	uint64_t link, item = item_find(s, key, hash_key(s, key), &link);

	if (!item)
		return STORE_NOT_FOUND;
	item_unlink(s, link, item);
	tx_commit(s);
	return STORE_OK;
}

enum store_result store_touch(struct store *s, struct slice key, uint64_t expires)
{
	uint64_t link, item = item_find(s, key, hash_key(s, key), &link);

	if (!item)
		return STORE_NOT_FOUND;
	tx_add(s, HEADER(expiring), !!expires - !!word(s, EXPIRES(item)));
	tx_set(s, EXPIRES(item), expires);
	tx_commit(s);
	return STORE_OK;
}

static bool parse_number(struct slice text, uint64_t *number)
{
	uint64_t n = 0;

	if (!text.len || text.len > 20)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned int digit = (unsigned char)text.data[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*number = n;
	return true;
}

enum store_result store_add(struct store *s, struct slice key, uint64_t delta,
			    bool subtract, uint64_t *result)
{
	uint64_t hash = hash_key(s, key);
	uint64_t link, item = item_find(s, key, hash, &link);
	struct store_block *b = block_at(s, item);
	struct slice value, none = { NULL, 0 };
	enum store_result r;
	uint64_t n;
	char text[24];

	if (!item)
		return STORE_NOT_FOUND;
	if (b->check != item_check(b))
		return STORE_DAMAGED;
	if (!parse_number((struct slice){ item_value(b), b->value_len }, &n))
		return STORE_NOT_NUMBER;
	if (subtract)
		n = delta > n ? 0 : n - delta;
	else
		n += delta;

	/* Like every change, a new item: the old number or the new one is there. */
	value.data = text;
	value.len = snprintf(text, sizeof(text), "%" PRIu64, n);
	r = item_store(s, key, hash, link, item, b->flags, b->expires, value, none);
	if (r == STORE_OK)
		*result = n;
	return r;
}

void store_flush(struct store *s, uint64_t at)
{
	if (at > (uint64_t)s->now) {
		tx_set(s, HEADER(flush_at), at);
	} else {
		tx_set(s, HEADER(flush_at), 0);
		tx_set(s, HEADER(flushed), word(s, HEADER(cas)));
	}
	tx_commit(s);
}

void store_tick(struct store *s, int64_t now)
{
	s->now = now;
	/* Nothing has been stored since it became due: every operation ticks first. */
	if (s->header->flush_at && s->header->flush_at <= (uint64_t)now)
		store_flush(s, 0);
}

bool store_sweep_useful(const struct store *s)
{
	return s->header->expiring || s->header->swept != s->header->flushed;
}

bool store_sweep(struct store *s, uint64_t buckets)
{
	uint64_t count = s->header->bucket_count;
	uint64_t link, item;

	if (!s->sweep_bucket)
		s->sweep_flushed = s->header->flushed;
	for (; buckets && s->sweep_bucket < count; buckets--, s->sweep_bucket++) {
		link = STORE_HEADER + 8 * s->sweep_bucket;
		while ((item = word(s, link))) {
			if (!item_dead(s, block_at(s, item))) {
				link = NEXT(item);
				continue;
			}
			item_unlink(s, link, item);
			tx_commit(s);
		}
	}
	if (s->sweep_bucket < count)
		return false;
	s->sweep_bucket = 0;
	if (s->header->swept != s->sweep_flushed) {
		tx_set(s, HEADER(swept), s->sweep_flushed);
		tx_commit(s);
	}
	return true;
}

void store_count(const struct store *s, struct store_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	counts->items = word(s, HEADER(items));
	counts->used = word(s, HEADER(used));
	counts->capacity = s->header->heap_end - s->header->heap;
}

/*
 * Making, attaching and detaching.
 */

__attribute__((format(printf, 2, 3)))
static int fail(struct store_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

static uint64_t header_check(const struct store_header *h)
{
	return XXH3_64bits(&h->version, offsetof(struct store_header, check) -
			   offsetof(struct store_header, version));
}

enum store_state store_probe(const void *memory, size_t size)
{
	const struct store_header *h = memory;
	const unsigned char *bytes = memory;

	if (size >= STORE_HEADER && h->magic == STORE_MAGIC)
		return STORE_IS_STORE;
	if (size >= STORE_HEADER && h->magic == STORE_MAGIC_FORMATTING)
		return STORE_IS_BLANK;
	for (size_t i = 0; i < size && i < STORE_HEADER; i++)
		if (bytes[i])
			return STORE_IS_FOREIGN;
	return STORE_IS_BLANK;
}

int store_format(void *memory, size_t size, const uint8_t uuid[16], bool zero,
		 struct store_error *error)
{
	struct store_header *h = memory;
	struct store store = { .base = memory, .header = memory };
	uint64_t buckets = size / STORE_BYTES_PER_BUCKET;
	struct store_block *b;

	if (size < STORE_MIN_SIZE || size > STORE_MAX_SIZE)
		return fail(error, "%zu bytes of memory: a store takes %d to %llu", size,
			    STORE_MIN_SIZE, STORE_MAX_SIZE);

	/* If this is interrupted, the memory counts as blank. */
	publish(&store, HEADER(magic), STORE_MAGIC_FORMATTING);
	memset(&h->version, 0, STORE_HEADER - offsetof(struct store_header, version));
	if (zero)
		memset(store.base + STORE_HEADER, 0, 8 * buckets);

	h->version = STORE_VERSION;
	h->header_size = STORE_HEADER;
	h->size = size;
	h->bucket_count = buckets;
	h->heap = (STORE_HEADER + 8 * buckets + 63) & ~63ULL;
	h->heap_end = (size & ~63ULL) - 64;
	memcpy(h->uuid, uuid, sizeof(h->uuid));
	h->check = header_check(h);
	h->clean = 1;

	b = block_at(&store, h->heap);
	b->size = h->heap_end - h->heap;
	b->before = 0;
	b = block_at(&store, h->heap_end);
	b->size = 0 | IN_USE;
	b->before = h->heap_end - h->heap;
	list_insert(&store, h->heap);
	tx_commit(&store);

	publish(&store, HEADER(magic), STORE_MAGIC);
	return 0;
}

/* Whether the header can be relied on: everything else is found by it. */
static int header_verify(const void *memory, size_t size, struct store_error *error)
{
	const struct store_header *h = memory;

	if (size < STORE_MIN_SIZE)
		return fail(error, "%zu bytes of memory: a store has at least %d", size,
			    STORE_MIN_SIZE);
	if (h->magic != STORE_MAGIC)
		return fail(error, "no pmkv store: it starts with %016" PRIx64 ", not %016llx",
			    h->magic, STORE_MAGIC);
	if (h->version != STORE_VERSION)
		return fail(error, "store version %" PRIu32 ", but this pmkv knows only %d: use the pmkv that made it",
			    h->version, STORE_VERSION);
	if (h->check != header_check(h))
		return fail(error, "the header is damaged: its check is %016" PRIx64 ", not %016" PRIx64,
			    header_check(h), h->check);
	if (h->size > size)
		return fail(error, "the store has %" PRIu64 " bytes, but only %zu are there",
			    h->size, size);
	if (h->log_count > STORE_LOG_MAX)
		return fail(error, "the log is damaged: %" PRIu64 " entries of at most %d",
			    h->log_count, STORE_LOG_MAX);
	for (uint64_t i = 0; i < h->log_count; i++)
		if (h->log[i].where < HEADER(items) || h->log[i].where % 8 ||
		    h->log[i].where > h->size - 8)
			return fail(error, "the log is damaged: entry %" PRIu64 " leads to %#" PRIx64,
				    i, h->log[i].where);
	return 0;
}

int store_attach(struct store *s, void *memory, size_t size, int64_t now,
		 struct store_error *error)
{
	if (header_verify(memory, size, error) < 0)
		return -1;
	memset(s, 0, sizeof(*s));
	s->base = memory;
	s->header = memory;
	s->max_value = UINT32_MAX;
	s->was_clean = s->header->clean;
	if (s->header->log_count) {
		tx_apply(s, s->header->log_count);
		s->resolved = 1;
	}
	publish(s, HEADER(clean), 0);
	publish(s, HEADER(generation), s->header->generation + 1);
	store_tick(s, now);
	return 0;
}

void store_detach(struct store *s)
{
	publish(s, HEADER(clean), 1);
}

/*
 * Checking.
 */

struct check {
	struct store s;			/* tx_count makes word() see a pending log */
	unsigned char *starts;		/* a bit for each grain of the heap: ... */
	unsigned char *items;		/* ... a block starts here; it is an item */
	long wrong;
	void (*complain)(void *arg, const char *what);
	void *arg;
};

__attribute__((format(printf, 2, 3)))
static void wrong(struct check *c, const char *format, ...)
{
	char text[200];
	va_list args;

	c->wrong++;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->complain(c->arg, text);
}

static bool bit(const struct check *c, const unsigned char *map, uint64_t block)
{
	uint64_t n = (block - c->s.header->heap) / STORE_GRAIN;

	return block >= c->s.header->heap && block < c->s.header->heap_end &&
	       block % STORE_GRAIN == 0 && (map[n / 8] >> n % 8 & 1);
}

static void flip(const struct check *c, unsigned char *map, uint64_t block)
{
	uint64_t n = (block - c->s.header->heap) / STORE_GRAIN;

	map[n / 8] ^= 1 << n % 8;
}

/* All blocks, in the order of their addresses. */
static bool check_blocks(struct check *c, struct store_counts *counts)
{
	const struct store_header *h = c->s.header;
	uint64_t block, size, before = 0, used = 0;
	bool free, was_free = false;

	for (block = h->heap; block < h->heap_end; block += size) {
		size = word(&c->s, SIZE(block)) & ~IN_USE;
		free = !(word(&c->s, SIZE(block)) & IN_USE);
		if (size < STORE_MIN_BLOCK || size % STORE_GRAIN ||
		    size > h->heap_end - block) {
			wrong(c, "block %#" PRIx64 ": impossible size %" PRIu64, block, size);
			return false;
		}
		if (word(&c->s, BEFORE(block)) != before)
			wrong(c, "block %#" PRIx64 ": the one before has %" PRIu64 " bytes, not %" PRIu64,
			      block, before, word(&c->s, BEFORE(block)));
		if (free && was_free)
			wrong(c, "block %#" PRIx64 ": free, as is the one before", block);
		flip(c, c->starts, block);
		if (free) {
			counts->free_blocks++;
			if (size > counts->largest_free)
				counts->largest_free = size;
		} else {
			used += size;
			flip(c, c->items, block);
		}
		before = size;
		was_free = free;
	}
	if (word(&c->s, SIZE(h->heap_end)) != (0 | IN_USE) ||
	    word(&c->s, BEFORE(h->heap_end)) != before)
		wrong(c, "the end of the heap is damaged");
	if (used != counts->used)
		wrong(c, "%" PRIu64 " bytes are in use, but %" PRIu64 " are counted",
		      used, counts->used);
	return true;
}

static void check_lists(struct check *c, const struct store_counts *counts)
{
	const struct store *s = &c->s;
	uint64_t found = 0;

	for (unsigned int first = 0; first < STORE_FIRST; first++) {
		uint64_t bits = 0;

		for (unsigned int second = 0; second < STORE_SECOND; second++) {
			struct list l = { first, second }, of;
			uint64_t back = 0, block = word(s, list_head(l));

			bits |= (uint64_t)!!block << second;
			for (; block; back = block, block = word(s, NEXT(block))) {
				if (!bit(c, c->starts, block) || bit(c, c->items, block)) {
					wrong(c, "free list %u.%u leads to %#" PRIx64 ", which is no free block",
					      first, second, block);
					break;
				}
				of = list_of(word(s, SIZE(block)));
				if (of.first != first || of.second != second)
					wrong(c, "block %#" PRIx64 ": in free list %u.%u, not %u.%u",
					      block, first, second, of.first, of.second);
				if (word(s, BACK(block)) != back) {
					wrong(c, "block %#" PRIx64 ": its link back leads to %#" PRIx64 ", not %#" PRIx64,
					      block, word(s, BACK(block)), back);
					break;
				}
				found++;
			}
		}
		if (word(s, HEADER(free_second) + 8 * first) != bits)
			wrong(c, "free lists %u: the bitmap is %#" PRIx64 ", not %#" PRIx64, first,
			      word(s, HEADER(free_second) + 8 * first), bits);
		if ((word(s, HEADER(free_first)) >> first & 1) != !!bits)
			wrong(c, "free lists %u: the bitmap of the first level is wrong", first);
	}
	if (found != counts->free_blocks)
		wrong(c, "%" PRIu64 " blocks are free, but %" PRIu64 " are in the free lists",
		      counts->free_blocks, found);
}

/* All chains; each item that is found is taken off the map of items. */
static void check_chains(struct check *c, struct store_counts *counts)
{
	const struct store *s = &c->s;
	uint64_t items = 0, expiring = 0;

	for (uint64_t n = 0; n < s->header->bucket_count; n++) {
		uint64_t bucket = STORE_HEADER + 8 * n, length = 0;
		uint64_t item;

		for (item = word(s, bucket); item; item = word(s, NEXT(item))) {
			const struct store_block *b;

			if (!bit(c, c->items, item)) {
				wrong(c, "bucket %" PRIu64 " leads to %#" PRIx64 ", which is no item or in two places",
				      n, item);
				break;
			}
			flip(c, c->items, item);
			b = block_at(s, item);
			items++;
			length++;
			expiring += !!word(s, EXPIRES(item));
			if (offsetof(struct store_block, data) + b->key_len +
			    (uint64_t)b->value_len > (word(s, SIZE(item)) & ~IN_USE)) {
				wrong(c, "item %#" PRIx64 ": larger than its block", item);
				continue;
			}
			if (b->check != item_check(b))
				wrong(c, "item %#" PRIx64 " (key '%.*s'): its bytes are not those that were stored",
				      item, b->key_len, b->data);
			if (b->hash != hash_key(s, (struct slice){ b->data, b->key_len }) ||
			    bucket_of(s, b->hash) != bucket)
				wrong(c, "item %#" PRIx64 ": in bucket %" PRIu64 ", where its key does not belong",
				      item, n);
			if (b->cas > word(s, HEADER(cas)))
				wrong(c, "item %#" PRIx64 ": unique number %" PRIu64 " was never given out",
				      item, b->cas);
		}
		if (length > counts->longest_chain)
			counts->longest_chain = length;
	}
	if (items != counts->items)
		wrong(c, "%" PRIu64 " items are there, but %" PRIu64 " are counted", items,
		      counts->items);
	if (expiring != word(s, HEADER(expiring)))
		wrong(c, "%" PRIu64 " items can expire, but %" PRIu64 " are counted", expiring,
		      word(s, HEADER(expiring)));
}

/* What is still on the map of items: blocks in use that nothing leads to. */
static void check_leaks(struct check *c, size_t map_size)
{
	uint64_t leaked = 0;

	for (size_t i = 0; i < map_size; i++)
		leaked += __builtin_popcount(c->items[i]);
	if (leaked)
		wrong(c, "%" PRIu64 " blocks are in use, but in no bucket", leaked);
}

long store_check(const void *memory, size_t size,
		 void (*complain)(void *arg, const char *what), void *arg,
		 struct store_counts *counts)
{
	struct check c = { .complain = complain, .arg = arg };
	struct store_error error;
	size_t map_size;

	memset(counts, 0, sizeof(*counts));
	if (header_verify(memory, size, &error) < 0) {
		wrong(&c, "%s", error.text);
		return c.wrong;
	}
	c.s.base = (unsigned char *)memory;
	c.s.header = (struct store_header *)memory;
	c.s.tx_count = c.s.header->log_count;
	store_count(&c.s, counts);
	counts->pending = c.s.tx_count;

	map_size = (c.s.header->heap_end - c.s.header->heap) / STORE_GRAIN / 8 + 1;
	c.starts = calloc(2, map_size);
	if (!c.starts)
		return -1;
	c.items = c.starts + map_size;
	if (check_blocks(&c, counts)) {
		check_lists(&c, counts);
		check_chains(&c, counts);
		check_leaks(&c, map_size);
	}
	free(c.starts);
	return c.wrong;
}
