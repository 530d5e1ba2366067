// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store: against a model, stopped between any two of its stores, killed at
 * any moment, full, expired, damaged.
 *
 * The store is included so that the world can be stopped at each STORE_POINT():
 * a process that dies is played by a jump out of the middle of an operation,
 * after which only the memory counts.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void store_point(void);
#define STORE_POINT() store_point()
#include "store.c"

#include "tap.h"

#define NOW		1800000000	/* some second of 2027 */

static long points;		/* passed since it was last set to 0 */
static long die_at = -1;	/* at which of them to die */
static jmp_buf death;

static void store_point(void)
{
	if (points++ == die_at)
		longjmp(death, 1);
}

static uint64_t random_state = 42;

static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static long complaints;

static void complain(void *arg, const char *what)
{
	(void)arg;
	if (complaints++ < 5)
		printf("# %s\n", what);
}

static bool consistent(const void *memory, size_t size)
{
	struct store_counts counts;

	complaints = 0;
	return store_check(memory, size, complain, NULL, &counts) == 0;
}

static void *new_memory(size_t size)
{
	static const uint8_t uuid[16] = "store for tests";
	struct store_error error;
	void *memory = aligned_alloc(4096, size);

	memset(memory, 0, size);
	if (store_format(memory, size, uuid, false, &error) < 0) {
		printf("Bail out! %s\n", error.text);
		exit(1);
	}
	return memory;
}

static void attach(struct store *s, void *memory, size_t size)
{
	struct store_error error;

	if (store_attach(s, memory, size, NOW, &error) < 0) {
		printf("Bail out! %s\n", error.text);
		exit(1);
	}
}

static struct slice slice(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static enum store_result set(struct store *s, const char *key, const char *value)
{
	return store_put(s, STORE_SET, slice(key), slice(value), 0, 0, 0);
}

static bool holds(struct store *s, const char *key, const char *value)
{
	struct store_item item;
	enum store_result r = store_get(s, slice(key), &item);

	if (!value)
		return r == STORE_NOT_FOUND;
	return r == STORE_OK && item.value.len == strlen(value) &&
	       !memcmp(item.value.data, value, item.value.len);
}

/*
 * A model: keys by number, each at some version; version 0 is no such key.
 */

#define KEYS	40
#define VALUE	1500

static struct slice model_key(unsigned int n)
{
	static char key[16];

	return (struct slice){ key, snprintf(key, sizeof(key), "key-%u", n) };
}

static struct slice model_value(unsigned int n, unsigned int version)
{
	static char value[VALUE];
	uint64_t x = n * 7919 + version * 104729 + 1;
	size_t len;

	x *= 0x9e3779b97f4a7c15;
	len = (x >> 32) % 3 ? (x >> 40) % 100 : (x >> 40) % VALUE;
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		value[i] = x >> 56;
	}
	return (struct slice){ value, len };
}

static bool model_matches(struct store *s, unsigned int n, unsigned int version)
{
	struct store_item item;
	struct slice value;

	if (store_get(s, model_key(n), &item) != STORE_OK)
		return version == 0;
	if (!version)
		return false;
	value = model_value(n, version);
	return item.value.len == value.len && item.flags == version &&
	       !memcmp(item.value.data, value.data, value.len);
}

/* Bring a key to a version. */
static enum store_result model_change(struct store *s, unsigned int n, unsigned int version)
{
	if (!version)
		return store_delete(s, model_key(n));
	return store_put(s, STORE_SET, model_key(n), model_value(n, version), version, 0, 0);
}

/*
 * The tests.
 */

static void test_operations(void)
{
	size_t size = 1 << 20;
	void *memory = new_memory(size);
	struct store_item item;
	struct store_counts counts;
	struct store s;
	uint64_t n, cas;
	char key[STORE_KEY_MAX];

	attach(&s, memory, size);
	ok(holds(&s, "a", NULL), "a new store holds nothing");
	ok(set(&s, "a", "1") == STORE_OK && holds(&s, "a", "1"), "set");
	ok(set(&s, "a", "one") == STORE_OK && holds(&s, "a", "one"), "set again");
	ok(store_put(&s, STORE_ADD, slice("a"), slice("x"), 0, 0, 0) == STORE_NOT_STORED &&
	   store_put(&s, STORE_ADD, slice("b"), slice("x"), 0, 0, 0) == STORE_OK, "add");
	ok(store_put(&s, STORE_REPLACE, slice("c"), slice("y"), 0, 0, 0) == STORE_NOT_STORED &&
	   store_put(&s, STORE_REPLACE, slice("b"), slice("y"), 0, 0, 0) == STORE_OK &&
	   holds(&s, "b", "y"), "replace");
	ok(store_put(&s, STORE_APPEND, slice("c"), slice("z"), 0, 0, 0) == STORE_NOT_STORED &&
	   store_put(&s, STORE_APPEND, slice("b"), slice("z"), 0, 0, 0) == STORE_OK &&
	   store_put(&s, STORE_PREPEND, slice("b"), slice("x"), 0, 0, 0) == STORE_OK &&
	   holds(&s, "b", "xyz"), "append and prepend");
	store_get(&s, slice("b"), &item);
	cas = item.cas;
	ok(store_put(&s, STORE_CAS, slice("b"), slice("1"), 0, 0, cas + 1) == STORE_EXISTS &&
	   store_put(&s, STORE_CAS, slice("none"), slice("1"), 0, 0, cas) == STORE_NOT_FOUND &&
	   store_put(&s, STORE_CAS, slice("b"), slice("1"), 0, 0, cas) == STORE_OK &&
	   store_put(&s, STORE_CAS, slice("b"), slice("2"), 0, 0, cas) == STORE_EXISTS, "cas");
	ok(store_delete(&s, slice("b")) == STORE_OK && holds(&s, "b", NULL) &&
	   store_delete(&s, slice("b")) == STORE_NOT_FOUND, "delete");

	set(&s, "n", "18446744073709551615");
	ok(store_add(&s, slice("n"), 2, false, &n) == STORE_OK && n == 1 && holds(&s, "n", "1"),
	   "adding wraps at 2^64");
	ok(store_add(&s, slice("n"), 5, true, &n) == STORE_OK && n == 0 && holds(&s, "n", "0"),
	   "subtracting stops at 0");
	set(&s, "n", "18446744073709551616");
	ok(store_add(&s, slice("n"), 1, false, &n) == STORE_NOT_NUMBER &&
	   store_add(&s, slice("none"), 1, false, &n) == STORE_NOT_FOUND &&
	   store_add(&s, slice("a"), 1, false, &n) == STORE_NOT_NUMBER &&
	   set(&s, "n", "") == STORE_OK &&
	   store_add(&s, slice("n"), 1, false, &n) == STORE_NOT_NUMBER, "what is no number");

	memset(key, 'k', sizeof(key));
	ok(store_put(&s, STORE_SET, (struct slice){ key, sizeof(key) }, slice(""), 0, 0, 0) == STORE_OK &&
	   store_get(&s, (struct slice){ key, sizeof(key) }, &item) == STORE_OK &&
	   !item.value.len, "the longest key and the shortest value");
	s.max_value = 3;
	ok(set(&s, "a", "four") == STORE_TOO_LARGE && holds(&s, "a", "one") &&
	   store_put(&s, STORE_APPEND, slice("a"), slice("!"), 0, 0, 0) == STORE_TOO_LARGE &&
	   holds(&s, "a", "one"), "a value above the limit, and what it would have replaced");
	store_count(&s, &counts);
	ok(counts.items == 3 && consistent(memory, size), "3 items, consistent");
	free(memory);
}

static void test_time(void)
{
	size_t size = 1 << 20;
	void *memory = new_memory(size);
	struct store_counts counts;
	struct store s;
	char key[16];

	attach(&s, memory, size);
	ok(!store_sweep_useful(&s), "nothing to sweep");
	store_put(&s, STORE_SET, slice("a"), slice("1"), 0, NOW + 10, 0);
	store_tick(&s, NOW + 9);
	ok(holds(&s, "a", "1"), "a second before it expires");
	store_tick(&s, NOW + 10);
	ok(holds(&s, "a", NULL), "expired");
	store_count(&s, &counts);
	ok(!counts.items && !store_sweep_useful(&s), "and freed by looking at it");
	ok(store_touch(&s, slice("a"), 0) == STORE_NOT_FOUND, "too late to touch");

	store_put(&s, STORE_SET, slice("a"), slice("1"), 0, NOW + 20, 0);
	ok(store_touch(&s, slice("a"), NOW + 30) == STORE_OK, "touch");
	store_tick(&s, NOW + 29);
	ok(holds(&s, "a", "1"), "lives longer");
	ok(store_touch(&s, slice("a"), 0) == STORE_OK && !store_sweep_useful(&s), "touch: never");
	store_tick(&s, NOW + 1000);
	ok(holds(&s, "a", "1"), "lives on");
	store_touch(&s, slice("a"), NOW + 2000);
	ok(store_put(&s, STORE_APPEND, slice("a"), slice("2"), 0, 0, 0) == STORE_OK &&
	   store_sweep_useful(&s), "append keeps the time");

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		store_put(&s, STORE_SET, slice(key), slice("value"), 0, i % 2 ? NOW + 1500 : 0, 0);
	}
	store_tick(&s, NOW + 1500);
	for (int i = 0; !store_sweep(&s, 100) && i < 1000; i++)
		;
	store_count(&s, &counts);
	ok(counts.items == 501, "sweeping frees the 500 that are expired of 1001");
	ok(consistent(memory, size), "consistent");

	store_flush(&s, 0);
	ok(holds(&s, "k0", NULL) && holds(&s, "a", NULL), "all flushed");
	set(&s, "k0", "new");
	ok(holds(&s, "k0", "new"), "set in the same second as the flush");
	attach(&s, memory, size);
	ok(holds(&s, "k0", "new") && holds(&s, "k2", NULL) && store_sweep_useful(&s),
	   "the same to the next process");
	store_sweep(&s, UINT64_MAX);
	store_count(&s, &counts);
	ok(counts.items == 1 && !store_sweep_useful(&s), "sweeping frees them");

	store_tick(&s, NOW + 2000);
	store_flush(&s, NOW + 2010);
	set(&s, "k1", "1");
	store_tick(&s, NOW + 2009);
	ok(holds(&s, "k0", "new") && holds(&s, "k1", "1"), "a flush to come");
	store_tick(&s, NOW + 2010);
	ok(holds(&s, "k0", NULL) && holds(&s, "k1", NULL), "has come");
	set(&s, "k1", "2");
	store_tick(&s, NOW + 2011);
	ok(holds(&s, "k1", "2"), "and is over");
	store_flush(&s, NOW + 2020);
	ok(store_attach(&s, memory, size, NOW + 3000, &(struct store_error){ }) == 0 &&
	   holds(&s, "k1", NULL), "a flush that became due while nobody was there");
	ok(consistent(memory, size), "consistent");
	free(memory);
}

static void test_random(void)
{
	size_t size = STORE_MIN_SIZE;
	void *memory = new_memory(size);
	unsigned int version[200] = { 0 };
	unsigned long full = 0;
	bool good = true;
	struct store s;

	attach(&s, memory, size);
	for (unsigned int i = 1; i <= 20000 && good; i++) {
		/* Keys come and go in waves, so that the store is full at times. */
		unsigned int n = random_number(200), v = random_number(20000) < i % 20000 ? 0 : i;
		enum store_result r = model_change(&s, n, v);

		if (r == STORE_NO_MEMORY)
			full++;
		else
			version[n] = v;
		n = random_number(200);
		good = model_matches(&s, n, version[n]);
		if (i % 1000 == 0) {
			good = good && consistent(memory, size);
			store_detach(&s);
			attach(&s, memory, size);
			for (n = 0; n < 200; n++)
				good = good && model_matches(&s, n, version[n]);
		}
	}
	ok(good, "20000 random changes, as the model has it");
	ok(full, "of which %lu met a full store", full);
	free(memory);
}

static void test_full(void)
{
	size_t size = 1 << 20;
	void *memory = new_memory(size);
	struct store_counts counts;
	unsigned int filled, again, back, i;
	bool good = true;
	struct store s;
	uint64_t number;
	char *large;

	attach(&s, memory, size);
	set(&s, "number", "9");
	for (filled = 0; model_change(&s, filled, 1) == STORE_OK; filled++)
		;
	ok(filled > 1000, "%u items fill 1 MiB", filled);
	for (i = 0; i < filled; i++)
		good = good && model_matches(&s, i, 1);
	ok(good && consistent(memory, size), "all are there");

	/* One by one, also the small remainders: then nothing at all goes any more. */
	for (again = 0; store_put(&s, STORE_SET, model_key(filled + again), slice(""), 0, 0, 0) == STORE_OK; again++)
		;
	ok(store_add(&s, slice("number"), 1, false, &number) == STORE_NO_MEMORY &&
	   holds(&s, "number", "9"), "no memory to change a number: it stays");
	ok(store_put(&s, STORE_SET, model_key(1), model_value(1, 2), 2, 0, 0) == STORE_NO_MEMORY &&
	   model_matches(&s, 1, 1), "no memory to replace: the old value stays");

	for (i = 0; i < filled; i += 2)
		store_delete(&s, model_key(i));
	ok(consistent(memory, size), "every second one is deleted");
	for (i = 0, back = 0; i < filled; i += 2)
		back += model_change(&s, i, 1) == STORE_OK;
	ok(back > filled / 2 * 95 / 100, "and put back: %u of %u", back, (filled + 1) / 2);
	for (i = 0; i < filled + again; i++)
		store_delete(&s, model_key(i));
	store_delete(&s, slice("number"));
	complaints = 0;
	store_check(memory, size, complain, NULL, &counts);
	ok(!complaints && counts.free_blocks == 1 && !counts.used, "all deleted: one free block again");

	large = malloc(size);
	memset(large, 'x', size);
	ok(store_put(&s, STORE_SET, slice("large"), (struct slice){ large, counts.capacity * 9 / 10 },
		     0, 0, 0) == STORE_OK, "one item of 90 %% of the capacity");
	ok(store_put(&s, STORE_SET, slice("larger"), (struct slice){ large, size }, 0, 0, 0) ==
	   STORE_NO_MEMORY && consistent(memory, size), "one that is larger than the store");
	free(large);
	free(memory);
}

/* Die at the given point of an operation. Returns whether it came that far. */
static bool dies(long at, void (*operation)(void *arg), void *arg)
{
	points = 0;
	die_at = at;
	if (!setjmp(death)) {
		operation(arg);
		die_at = -1;
		return false;
	}
	die_at = -1;
	return true;
}

struct change {
	struct store s;
	void *memory;
	size_t size;
	unsigned int n, version;
};

static void do_change(void *arg)
{
	struct change *c = arg;

	model_change(&c->s, c->n, c->version);
}

static void do_attach(void *arg)
{
	struct change *c = arg;

	attach(&c->s, c->memory, c->size);
}

static void test_every_point(void)
{
	size_t size = STORE_MIN_SIZE;
	void *memory = new_memory(size), *snapshot = malloc(size), *elsewhere;
	unsigned int version[KEYS] = { 0 };
	unsigned long deaths = 0, finished = 0, undone = 0, twice = 0;
	struct change c = { .size = size };
	struct store s;
	bool good = true;

	elsewhere = aligned_alloc(4096, size);
	attach(&s, memory, size);
	for (unsigned int i = 1; i <= 200 && good; i++) {
		memcpy(snapshot, memory, size);
		c.n = random_number(KEYS);
		c.version = random_number(4) ? i : 0;
		for (long at = 0; good; at++) {
			bool is_new, is_old;

			/* In other memory each time: nothing may depend on the address. */
			c.memory = at % 2 ? memory : elsewhere;
			memcpy(c.memory, snapshot, size);
			attach(&c.s, c.memory, size);
			if (!dies(at, do_change, &c))
				break;
			deaths++;
			good = good && consistent(c.memory, size);
			/* The next process may die in recovery as well. */
			twice += dies(random_number(20), do_attach, &c);
			attach(&c.s, c.memory, size);
			is_new = model_matches(&c.s, c.n, c.version);
			is_old = model_matches(&c.s, c.n, version[c.n]);
			finished += is_new;
			undone += is_old;
			good = good && (is_new || is_old) && consistent(c.memory, size);
			for (unsigned int n = 0; n < KEYS && at % 8 == 0; n++)
				if (n != c.n)
					good = good && model_matches(&c.s, n, version[n]);
			if (!good)
				printf("# change %u, point %ld\n", i, at);
		}
		memcpy(memory, snapshot, size);
		attach(&s, memory, size);
		if (model_change(&s, c.n, c.version) != STORE_NO_MEMORY)
			version[c.n] = c.version;
	}
	ok(good, "dying between any two stores of 200 changes leaves the old or the new value");
	ok(finished > 1000 && undone > 1000, "%lu deaths: %lu changes not made, %lu made",
	   deaths, undone, finished);
	ok(twice > 1000, "%lu of the recoveries died as well", twice);
	free(elsewhere);
	free(snapshot);
	free(memory);
}

struct making {
	void *memory;
	size_t size;
	bool zero;
};

static void do_format(void *arg)
{
	static const uint8_t uuid[16] = "interrupted";
	struct making *m = arg;
	struct store_error error;

	store_format(m->memory, m->size, uuid, m->zero, &error);
}

static void test_making(void)
{
	struct making m = { .size = STORE_MIN_SIZE };
	struct store s;
	bool good = true;
	long at;

	m.memory = aligned_alloc(4096, m.size);
	for (at = 0; ; at++) {
		memset(m.memory, 0, m.size);
		m.zero = false;
		if (!dies(at, do_format, &m))
			break;
		good = good && store_probe(m.memory, m.size) == STORE_IS_BLANK;
		m.zero = true;
		do_format(&m);
		attach(&s, m.memory, m.size);
		good = good && set(&s, "a", "1") == STORE_OK && consistent(m.memory, m.size);
	}
	ok(good && at > 5, "dying at any of %ld points of making a store leaves it blank", at);
	memset(m.memory, 0xaa, m.size);
	ok(store_probe(m.memory, m.size) == STORE_IS_FOREIGN, "something else is told apart");
	m.zero = true;
	do_format(&m);
	ok(store_probe(m.memory, m.size) == STORE_IS_STORE && consistent(m.memory, m.size),
	   "and can be erased");
	free(m.memory);
}

static void test_constant_time(void)
{
	long few, many;
	size_t size = 4 << 20;
	void *memory = new_memory(size);
	struct store s;

	attach(&s, memory, size);
	points = 0;
	attach(&s, memory, size);
	few = points;
	for (unsigned int i = 0; i < 5000; i++)
		model_change(&s, i, 1);
	points = 0;
	attach(&s, memory, size);
	many = points;
	ok(few == many, "attaching an empty store takes %ld stores, one of 5000 items %ld", few, many);
	free(memory);
}

/* What a child that will be killed is doing, where its parent can see it. */
struct shared {
	volatile unsigned int n, version;	/* being changed; n is KEYS: nothing */
	volatile unsigned int versions[KEYS];
	volatile uint64_t changes;
};

static void test_kill(void)
{
	size_t size = 256 * 1024;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *from = new_memory(size);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int kills, resolved = 0;
	bool good = true;

	memcpy(memory, from, size);
	free(from);
	shared->n = KEYS;
	for (kills = 0; kills < 300 && good; kills++) {
		const struct timespec pause = { .tv_nsec = 200000 + random_number(3000000) };
		struct store s;
		pid_t pid = fork();

		if (!pid) {
			attach(&s, memory, size);
			random_state += kills;
			for (unsigned int v = shared->changes + 1; ; v++) {
				unsigned int n = random_number(KEYS), version = random_number(4) ? v : 0;

				shared->version = version;
				shared->n = n;
				model_change(&s, n, version);
				shared->versions[n] = version;
				shared->n = KEYS;
				shared->changes++;
			}
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);

		good = consistent(memory, size);
		attach(&s, memory, size);
		resolved += s.resolved;
		good = good && consistent(memory, size);
		for (unsigned int n = 0; n < KEYS; n++) {
			if (n == shared->n && model_matches(&s, n, shared->version))
				shared->versions[n] = shared->version;
			good = good && model_matches(&s, n, shared->versions[n]);
		}
		shared->n = KEYS;
	}
	ok(good, "killed %u times in %llu changes: each key has its old or its new value",
	   kills, (unsigned long long)shared->changes);
	printf("# %u of the kills left an operation to finish\n", resolved);
	munmap(memory, size);
	munmap(shared, sizeof(*shared));
}

static bool refused(void *memory, size_t size, const char *why)
{
	struct store_error error = { "" };
	struct store s;

	if (store_attach(&s, memory, size, NOW, &error) == 0 || !strstr(error.text, why)) {
		printf("# expected '%s', got '%s'\n", why, error.text);
		return false;
	}
	return true;
}

static void test_refusals(void)
{
	size_t size = STORE_MIN_SIZE;
	struct store_header *h = new_memory(size);
	struct store_error error;
	uint64_t magic = h->magic;
	struct store s;

	ok(refused(h, size - 4096, "at least"), "too little memory to hold a store");
	ok(store_format(h, 4096, h->uuid, true, &error) < 0 && strstr(error.text, "4096"),
	   "too little to make one");
	h->magic ^= 1;
	ok(refused(h, size, "no pmkv store"), "another magic");
	h->magic = magic;
	h->version = 2;
	ok(refused(h, size, "version 2"), "another version");
	h->version = STORE_VERSION;
	h->bucket_count++;
	ok(refused(h, size, "header is damaged"), "a damaged header");
	h->bucket_count--;
	h->size *= 2;
	h->check = header_check(h);
	ok(refused(h, size, "only 65536"), "a store that was cut off");
	h->size /= 2;
	h->check = header_check(h);
	h->log_count = STORE_LOG_MAX + 1;
	ok(refused(h, size, "65 entries"), "an impossible log");
	h->log_count = 1;
	h->log[0].where = HEADER(heap);
	ok(refused(h, size, "entry 0"), "a log that would overwrite the header");
	h->log[0].where = size;
	ok(refused(h, size, "entry 0"), "a log that leads outside");
	h->log_count = 0;
	attach(&s, h, size);
	ok(s.was_clean && !s.resolved, "put right, it attaches");
	attach(&s, h, size);
	ok(!s.was_clean && h->generation == 2, "left without a word, it is not clean");
	store_detach(&s);
	attach(&s, h, size);
	ok(s.was_clean && h->generation == 3, "detached, it is");
	free(h);
}

static void ignore(void *arg, const char *what)
{
	(void)arg;
	(void)what;
}

static void test_damage(void)
{
	size_t size = STORE_MIN_SIZE;
	unsigned char *memory = new_memory(size), *copy = aligned_alloc(4096, size);
	unsigned long noticed = 0, tries = 20000;
	struct store_counts counts;
	struct store_item item;
	struct store s;
	uint64_t link, block;

	attach(&s, memory, size);
	for (unsigned int n = 0; n < 60; n++)
		model_change(&s, n, 1);
	for (unsigned int n = 0; n < 60; n += 3)
		model_change(&s, n, 0);

	block = item_find(&s, model_key(1), hash_key(&s, model_key(1)), &link);
	block_at(&s, block)->data[3] ^= 0x10;
	ok(store_get(&s, model_key(1), &item) == STORE_NOT_FOUND &&
	   store_check(memory, size, ignore, NULL, &counts) > 0, "a bit of a key flips");
	block_at(&s, block)->data[3] ^= 0x10;
	block_at(&s, block)->flags ^= 1;
	ok(store_get(&s, model_key(1), &item) == STORE_DAMAGED &&
	   store_put(&s, STORE_APPEND, model_key(1), slice("x"), 0, 0, 0) == STORE_DAMAGED &&
	   store_check(memory, size, ignore, NULL, &counts) == 1,
	   "a bit of an item flips: it is not given out");
	block_at(&s, block)->flags ^= 1;
	link = word(&s, link);
	((struct store_header *)memory)->items++;
	ok(store_check(memory, size, ignore, NULL, &counts) == 1, "a wrong count");
	((struct store_header *)memory)->items--;
	ok(consistent(memory, size), "put right, it is consistent");

	/* Whatever is overwritten, checking ends, and reads nothing outside. */
	for (unsigned long i = 0; i < tries; i++) {
		memcpy(copy, memory, size);
		for (uint64_t n = random_number(4) + 1; n; n--) {
			uint64_t *at = (uint64_t *)copy + random_number(size / 8);
			uint64_t heap = ((struct store_header *)memory)->heap;

			if (random_number(2))
				at = (uint64_t *)(copy + heap) + random_number(2000);
			switch (random_number(3)) {
			case 0:
				*at ^= 1ULL << random_number(64);
				break;
			case 1:
				*at = random_number(size / 16) * 16;
				break;
			default:
				*at = ((uint64_t *)memory)[random_number(size / 8)];
			}
		}
		noticed += store_check(copy, size, ignore, NULL, &counts) > 0;
	}
	ok(noticed > 0, "%lu times damaged at random: noticed %lu times", tries, noticed);
	free(copy);
	free(memory);
}

int main(void)
{
	test_operations();
	test_time();
	test_random();
	test_full();
	test_every_point();
	test_making();
	test_constant_time();
	test_kill();
	test_refusals();
	test_damage();
	return done();
}
