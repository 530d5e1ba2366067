// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the library says about threads, under ThreadSanitizer, on a real pool:
 * objects of one's own, and objects that everybody uses. Run as root; creates and
 * removes extents called threads.*, no others. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pmpool.h"
#include "tap.h"

#define THREADS 4
#define ROUNDS 25

/* Used by all threads at the same time. */
static struct pmpool *pool;
static struct pmpool_extent *shared;
static struct pmpool_options *options;
static struct pmpool_change *change;

struct worker {
	pthread_t thread;
	char name[PMPOOL_NAME_MAX + 1];
	char new_name[PMPOOL_NAME_MAX + 1];
	unsigned int rounds;	/* that went well */
	const char *failed;	/* what did not */
	int ret;
};

/* Objects of its own. */
static const char *use_extent(const char *name, int *ret)
{
	struct pmpool_extent *extent;
	const char *failed = NULL;
	void *memory;

	*ret = pmpool_extent_open(name, O_RDWR, &extent);
	if (*ret)
		return "pmpool_extent_open";
	*ret = pmpool_extent_map(extent, NULL, &memory);
	if (*ret) {
		failed = "pmpool_extent_map";
	} else {
		memset(memory, 1, 4096);
		*ret = pmpool_extent_seal(extent);
		if (*ret)
			failed = "pmpool_extent_seal";
	}
	pmpool_extent_close(extent);
	return failed;
}

static const char *walk(const char *name, int *ret)
{
	struct pmpool_entry *entry;
	unsigned int found = 0;
	uint64_t cursor = 0;

	while (!(*ret = pmpool_next(pool, &cursor, &entry))) {
		if (!strcmp(pmpool_entry_name(entry), name))
			found++;
		pmpool_entry_free(entry);
	}
	return *ret == -ENOENT && found == 1 ? NULL : "pmpool_next";
}

static const char *look(const char *name, int *ret)
{
	struct pmpool_pool_info *info;
	struct pmpool_user_limit *limit;
	struct pmpool_entry *entry;

	*ret = pmpool_lookup(pool, name, &entry);
	if (*ret)
		return "pmpool_lookup";
	pmpool_entry_free(entry);
	*ret = pmpool_get_info(pool, &info);
	if (*ret)
		return "pmpool_get_info";
	pmpool_info_free(info);
	*ret = pmpool_get_limit(pool, 0, &limit);
	if (*ret)
		return "pmpool_get_limit";
	pmpool_limit_free(limit);
	return NULL;
}

static const char *use_shared(int *ret)
{
	void *memory;

	*ret = pmpool_extent_seal(shared);
	if (*ret)
		return "pmpool_extent_seal, shared";
	/* Mapped already: nothing is mapped. */
	*ret = pmpool_extent_map(shared, NULL, &memory);
	if (*ret || strcmp(pmpool_entry_name(pmpool_extent_entry(shared)), "threads.shared"))
		return "the shared extent";
	__atomic_add_fetch((unsigned int *)memory, 1, __ATOMIC_RELAXED);
	return NULL;
}

static const char *round_of(struct worker *worker)
{
	const char *name = worker->name;
	struct pmpool_entry *entry;
	const char *failed;

	worker->ret = pmpool_create(pool, name, 4096, options, &entry);
	if (worker->ret)
		return "pmpool_create";
	pmpool_entry_free(entry);
	failed = use_extent(name, &worker->ret);
	if (!failed)
		failed = walk(name, &worker->ret);
	if (!failed)
		failed = look(name, &worker->ret);
	if (!failed)
		failed = use_shared(&worker->ret);
	if (failed)
		return failed;
	worker->ret = pmpool_set(pool, name, change);
	if (worker->ret)
		return "pmpool_set";
	worker->ret = pmpool_rename(pool, name, worker->new_name);
	if (worker->ret)
		return "pmpool_rename";
	worker->ret = pmpool_remove(pool, worker->new_name);
	return worker->ret ? "pmpool_remove" : NULL;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	while (worker->rounds < ROUNDS) {
		worker->failed = round_of(worker);
		if (worker->failed)
			break;
		worker->rounds++;
	}
	return NULL;
}

int main(void)
{
	struct worker workers[THREADS] = { 0 };
	unsigned int i;
	void *memory;

	if (pmpool_open(NULL, O_RDWR, &pool) || pmpool_options_new(&options) ||
	    pmpool_change_new(&change) || pmpool_create(pool, "threads.shared", 1, NULL, NULL) ||
	    pmpool_extent_open("threads.shared", O_RDWR, &shared) ||
	    pmpool_extent_map(shared, NULL, &memory)) {
		puts("Bail out! no pool, or no room in it");
		return EXIT_FAILURE;
	}
	pmpool_options_set_mode(options, 0640);
	pmpool_change_set_mode(change, 0600);

	for (i = 0; i < THREADS; i++) {
		snprintf(workers[i].name, sizeof(workers[i].name), "threads.%u", i);
		snprintf(workers[i].new_name, sizeof(workers[i].new_name), "threads.%u.new", i);
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			puts("Bail out! no thread");
			return EXIT_FAILURE;
		}
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		ok(workers[i].rounds == ROUNDS, "thread %u: all rounds", i);
		if (workers[i].failed)
			printf("# %s: %s\n", workers[i].failed, strerror(-workers[i].ret));
	}
	ok(*(unsigned int *)memory == THREADS * ROUNDS, "the shared extent was used by all");

	pmpool_extent_close(shared);
	ok(pmpool_remove(pool, "threads.shared") == 0, "and is used by nobody any more");
	pmpool_change_free(change);
	pmpool_options_free(options);
	pmpool_close(pool);
	return done();
}
