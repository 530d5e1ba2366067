// SPDX-License-Identifier: GPL-2.0-only
/*
 * libpmpool on a real pool. Run as root where one is attached that has 16 MiB
 * free; creates and removes extents called test-libpmpool.*, no others.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pmpool.h"

#define NAME_A "test-libpmpool.a"
#define NAME_B "test-libpmpool.b"
/* Where nothing is, in programs of 32 bits too. */
#define FREE_ADDRESS ((void *)0x20000000)

static unsigned int failures;

#define CHECK(what)							\
	do {								\
		if (!(what)) {						\
			failures++;					\
			printf("%s:%d: %s\n", __FILE__, __LINE__, #what); \
		}							\
	} while (0)

#define CHECK_RET(what, expected)					\
	do {								\
		int ret_ = (what);					\
		if (ret_ != (expected)) {				\
			failures++;					\
			printf("%s:%d: %s is %d (%s), not %d\n", __FILE__, __LINE__, #what, \
			       ret_, strerror(-ret_), (expected));	\
		}							\
	} while (0)

static sigjmp_buf fault;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(fault, 1);
}

/* Whether a store to p is refused. */
static bool store_faults(volatile char *p)
{
	struct sigaction action = { .sa_handler = on_fault };
	struct sigaction before;
	bool faulted = true;

	sigaction(SIGSEGV, &action, &before);
	if (sigsetjmp(fault, 1) == 0) {
		*p = 1;
		faulted = false;
	}
	sigaction(SIGSEGV, &before, NULL);
	return faulted;
}

static void test_info(struct pmpool *pool)
{
	static const uint8_t none[16];
	struct pmpool_pool_info *info;

	CHECK_RET(pmpool_get_info(pool, &info), 0);
	CHECK(pmpool_info_generation(info) >= 1);
	CHECK(pmpool_info_state(info) == PMPOOL_OK);
	CHECK(pmpool_info_block_size(info) == 2 << 20);
	CHECK(pmpool_info_size(info) % pmpool_info_block_size(info) == 0);
	CHECK(pmpool_info_largest_free(info) <= pmpool_info_free_size(info));
	CHECK(pmpool_info_free_size(info) + pmpool_info_metadata_size(info) <= pmpool_info_size(info));
	CHECK(pmpool_info_base(info) != 0);
	CHECK(memcmp(pmpool_info_uuid(info), none, 16) != 0);
	pmpool_info_free(info);
}

static uint64_t free_size(struct pmpool *pool)
{
	struct pmpool_pool_info *info;
	uint64_t size;

	if (pmpool_get_info(pool, &info))
		return 0;
	size = pmpool_info_free_size(info);
	pmpool_info_free(info);
	return size;
}

static void test_create_errors(struct pmpool *pool)
{
	struct pmpool_options *options;

	CHECK_RET(pmpool_create(pool, "", 1, NULL, NULL), -EINVAL);
	CHECK_RET(pmpool_create(pool, "a/b", 1, NULL, NULL), -EINVAL);
	CHECK_RET(pmpool_create(pool, NAME_B, 0, NULL, NULL), -EINVAL);
	CHECK_RET(pmpool_create(pool, NAME_B, 1ULL << 60, NULL, NULL), -ENOSPC);
	CHECK_RET(pmpool_create(pool, NAME_B, UINT64_MAX, NULL, NULL), -ENOSPC);
	CHECK_RET(pmpool_create(pool, NAME_A, 1, NULL, NULL), -EEXIST);

	CHECK_RET(pmpool_options_new(&options), 0);
	pmpool_options_set_align(options, 3 << 20);
	CHECK_RET(pmpool_create(pool, NAME_B, 1, options, NULL), -EINVAL);
	pmpool_options_set_align(options, 4096);
	CHECK_RET(pmpool_create(pool, NAME_B, 1, options, NULL), -EINVAL);
	pmpool_options_set_align(options, 0);
	pmpool_options_set_mode(options, 01000);
	CHECK_RET(pmpool_create(pool, NAME_B, 1, options, NULL), -EINVAL);
	pmpool_options_free(options);

	CHECK_RET(pmpool_remove(pool, NAME_B), -ENOENT);
}

static void test_next(struct pmpool *pool)
{
	struct pmpool_entry *entry;
	unsigned int found = 0;
	uint64_t cursor = 0;
	uint64_t end = 0;
	int ret;

	while (!(ret = pmpool_next(pool, &cursor, &entry))) {
		CHECK(pmpool_entry_offset(entry) >= end);
		end = pmpool_entry_offset(entry) + pmpool_entry_size(entry);
		if (strcmp(pmpool_entry_name(entry), NAME_A) == 0)
			found++;
		pmpool_entry_free(entry);
	}
	CHECK_RET(ret, -ENOENT);
	CHECK(found == 1);
}

/* Three bytes more than a page: two pages are mapped. */
#define SIZE_A 4099

static void test_create(struct pmpool *pool)
{
	struct pmpool_options *options;
	struct pmpool_pool_info *info;
	struct pmpool_entry *entry;
	struct pmpool_entry *same;
	uint64_t base;

	CHECK_RET(pmpool_get_info(pool, &info), 0);
	base = pmpool_info_base(info);
	pmpool_info_free(info);

	CHECK_RET(pmpool_options_new(&options), 0);
	pmpool_options_set_mode(options, 0640);
	pmpool_options_set_align(options, 4 << 20);
	CHECK_RET(pmpool_options_set_tag(options, "tag", 3), 0);
	CHECK_RET(pmpool_create(pool, NAME_A, SIZE_A, options, &entry), 0);
	pmpool_options_free(options);

	CHECK(strcmp(pmpool_entry_name(entry), NAME_A) == 0);
	CHECK(pmpool_entry_size(entry) == SIZE_A);
	/* In the machine's memory, not in the pool. */
	CHECK((base + pmpool_entry_offset(entry)) % (4 << 20) == 0);
	CHECK(pmpool_entry_mode(entry) == 0640);
	CHECK(pmpool_entry_uid(entry) == geteuid());
	CHECK(pmpool_entry_gid(entry) == getegid());
	CHECK(strcmp((const char *)pmpool_entry_tag(entry), "tag") == 0);
	CHECK(!pmpool_entry_mapped(entry));

	CHECK_RET(pmpool_lookup(pool, NAME_A, &same), 0);
	CHECK(pmpool_entry_id(same) == pmpool_entry_id(entry));
	CHECK(memcmp(pmpool_entry_uuid(same), pmpool_entry_uuid(entry), 16) == 0);
	pmpool_entry_free(same);
	pmpool_entry_free(entry);

	CHECK_RET(pmpool_lookup(pool, NAME_B, &same), -ENOENT);
	CHECK_RET(pmpool_lookup(pool, NULL, &same), -EINVAL);
	CHECK_RET(pmpool_lookup(pool, "a/b", &same), -EINVAL);
}

static void test_extent(struct pmpool *pool)
{
	struct pmpool_extent *extent, *reader;
	struct pmpool_entry *entry;
	void *memory, *again, *seen;
	char *bytes;
	size_t i;

	CHECK_RET(pmpool_extent_open(NAME_B, O_RDWR, &extent), -ENOENT);
	CHECK_RET(pmpool_extent_open(NAME_A, O_RDWR, &extent), 0);
	CHECK(strcmp(pmpool_entry_name(pmpool_extent_entry(extent)), NAME_A) == 0);
	CHECK(pmpool_extent_fd(extent) >= 0);

	CHECK_RET(pmpool_extent_map(extent, NULL, &memory), 0);
	bytes = memory;
	for (i = 0; i < 8192; i++)
		if (bytes[i] != 0)
			break;
	CHECK(i == 8192);
	strcpy(bytes, "written");
	bytes[8191] = 'z';

	/* A second mapping is the first one, or an error. */
	CHECK_RET(pmpool_extent_map(extent, NULL, &again), 0);
	CHECK(again == memory);
	CHECK_RET(pmpool_extent_map(extent, bytes + (1 << 30), &again), -EEXIST);

	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	CHECK(pmpool_entry_mapped(entry));
	CHECK(!pmpool_entry_clean(entry));
	pmpool_entry_free(entry);
	CHECK_RET(pmpool_remove(pool, NAME_A), -EBUSY);

	/* Another process's view, in effect: a file of its own. */
	CHECK_RET(pmpool_extent_open(NAME_A, O_RDONLY, &reader), 0);
	CHECK_RET(pmpool_extent_map(reader, NULL, &seen), 0);
	CHECK(strcmp(seen, "written") == 0);
	CHECK(store_faults(seen));

	/* Not over something else, and where it was asked for. */
	CHECK_RET(pmpool_extent_unmap(reader), 0);
	CHECK_RET(pmpool_extent_unmap(reader), 0);
	CHECK_RET(pmpool_extent_map(reader, memory, &again), -EEXIST);
	CHECK_RET(pmpool_extent_map(reader, bytes + 4096, &again), -EEXIST);
	CHECK_RET(pmpool_extent_map(reader, (char *)seen + 1, &again), -EINVAL);
	CHECK(strcmp(memory, "written") == 0);
	CHECK_RET(pmpool_extent_map(reader, FREE_ADDRESS, &again), 0);
	CHECK(again == FREE_ADDRESS && strcmp(again, "written") == 0);
	CHECK_RET(pmpool_extent_unmap(reader), 0);
	CHECK_RET(pmpool_extent_map(reader, seen, &again), 0);
	CHECK(again == seen);
	pmpool_extent_close(reader);

	pmpool_extent_close(extent);
	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	CHECK(!pmpool_entry_mapped(entry));
	pmpool_entry_free(entry);

	/* The bytes stay, with nobody there. */
	CHECK_RET(pmpool_extent_open(NAME_A, O_RDWR, &extent), 0);
	CHECK_RET(pmpool_extent_map(extent, NULL, &memory), 0);
	CHECK(strcmp(memory, "written") == 0 && ((char *)memory)[8191] == 'z');
	pmpool_extent_close(extent);
}

static void test_change(struct pmpool *pool)
{
	struct pmpool_extent *extent;
	struct pmpool_change *change;
	struct pmpool_entry *entry;
	uint64_t largest = 0;
	uint64_t size;
	void *memory;

	CHECK_RET(pmpool_rename(pool, NAME_A, "a/b"), -EINVAL);
	CHECK_RET(pmpool_rename(pool, NAME_B, NAME_A), -ENOENT);
	CHECK_RET(pmpool_rename(pool, NAME_A, NAME_A), -EEXIST);
	CHECK_RET(pmpool_rename(pool, NAME_A, NAME_B), 0);
	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), -ENOENT);
	CHECK_RET(pmpool_rename(pool, NAME_B, NAME_A), 0);

	/* The same blocks, more of them, fewer of them. */
	CHECK_RET(pmpool_resize(pool, NAME_A, 0, NULL), -EINVAL);
	CHECK_RET(pmpool_resize(pool, NAME_A, UINT64_MAX, &largest), -ENOSPC);
	CHECK(largest >= SIZE_A);
	CHECK_RET(pmpool_resize(pool, NAME_A, 2 * SIZE_A, NULL), 0);
	CHECK_RET(pmpool_extent_open(NAME_A, O_RDWR, &extent), 0);
	CHECK(pmpool_entry_size(pmpool_extent_entry(extent)) == 2 * SIZE_A);
	CHECK_RET(pmpool_extent_map(extent, NULL, &memory), 0);
	CHECK(strcmp(memory, "written") == 0 && ((char *)memory)[2 * SIZE_A - 1] == 0);
	CHECK_RET(pmpool_resize(pool, NAME_A, SIZE_A, NULL), -EBUSY);
	CHECK_RET(pmpool_rename(pool, NAME_A, NAME_B), -EBUSY);

	/* Sealed while it is mapped; dirty with the next store. */
	CHECK_RET(pmpool_extent_seal(extent), 0);
	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	CHECK(pmpool_entry_clean(entry) && pmpool_entry_mapped(entry));
	pmpool_entry_free(entry);
	((volatile char *)memory)[0] = 'W';
	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	CHECK(!pmpool_entry_clean(entry));
	pmpool_entry_free(entry);
	pmpool_extent_close(extent);
	CHECK_RET(pmpool_extent_open(NAME_A, O_RDONLY, &extent), 0);
	CHECK_RET(pmpool_extent_seal(extent), -EACCES);
	pmpool_extent_close(extent);

	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	size = pmpool_entry_size(entry);
	CHECK(size == 2 * SIZE_A);
	pmpool_entry_free(entry);
	CHECK_RET(pmpool_resize(pool, NAME_A, SIZE_A, &largest), 0);

	CHECK_RET(pmpool_change_new(&change), 0);
	pmpool_change_set_mode(change, 0604);
	pmpool_change_set_uid(change, 12345);
	CHECK_RET(pmpool_change_set_tag(change, "new", 3), 0);
	CHECK_RET(pmpool_set(pool, NAME_B, change), -ENOENT);
	CHECK_RET(pmpool_set(pool, NAME_A, change), 0);
	CHECK_RET(pmpool_lookup(pool, NAME_A, &entry), 0);
	CHECK(pmpool_entry_mode(entry) == 0604 && pmpool_entry_uid(entry) == 12345);
	CHECK(pmpool_entry_gid(entry) == getegid());
	CHECK(strcmp((const char *)pmpool_entry_tag(entry), "new") == 0);
	pmpool_entry_free(entry);
	pmpool_change_set_mode(change, 01000);
	CHECK_RET(pmpool_set(pool, NAME_A, change), -EINVAL);
	pmpool_change_free(change);
}

static void test_limit(struct pmpool *pool)
{
	struct pmpool_user_limit *limit;

	/* Whose extent NAME_A is by now. */
	CHECK_RET(pmpool_get_limit(pool, 12345, &limit), 0);
	CHECK(pmpool_limit_max_size(limit) == PMPOOL_NO_LIMIT);
	CHECK(pmpool_limit_max_extents(limit) == PMPOOL_NO_LIMIT);
	CHECK(pmpool_limit_size(limit) == 2 << 20 && pmpool_limit_extents(limit) == 1);
	pmpool_limit_free(limit);

	CHECK_RET(pmpool_set_limit(pool, 12345, 6 << 20, 3), 0);
	CHECK_RET(pmpool_get_limit(pool, 12345, &limit), 0);
	CHECK(pmpool_limit_max_size(limit) == 6 << 20 && pmpool_limit_max_extents(limit) == 3);
	pmpool_limit_free(limit);
	CHECK_RET(pmpool_set_limit(pool, 12345, PMPOOL_NO_LIMIT, PMPOOL_NO_LIMIT), 0);
	CHECK_RET(pmpool_get_limit(pool, PMPOOL_ANY_USER, &limit), 0);
	pmpool_limit_free(limit);
}

static void test_metadata(struct pmpool *pool)
{
	struct pmpool_pool_info *info;
	char record[256] = { 0 };
	void *metadata;
	size_t size;

	CHECK_RET(pmpool_get_info(pool, &info), 0);
	CHECK_RET(pmpool_read_metadata(pool, &metadata, &size), 0);
	CHECK(size == pmpool_info_metadata_size(info));
	CHECK(memcmp(metadata, "\211PMPOOL\n", 8) == 0);
	free(metadata);
	pmpool_info_free(info);

	CHECK_RET(pmpool_repair(pool, 0, record, sizeof(record) - 1), -EINVAL);
	/* Not damaged, and not a record. */
	CHECK_RET(pmpool_repair(pool, 0, record, sizeof(record)), -EINVAL);
}

int main(void)
{
	struct pmpool *pool, *reader;
	uint64_t before;
	int ret;

	ret = pmpool_open(NULL, O_RDWR, &pool);
	if (ret) {
		printf("test-libpmpool-pool: cannot open %s: %s\n", PMPOOL_DEVICE, strerror(-ret));
		return EXIT_FAILURE;
	}
	/* What an interrupted run has left. */
	pmpool_remove(pool, NAME_A);
	pmpool_remove(pool, NAME_B);
	before = free_size(pool);

	test_info(pool);
	test_create(pool);
	test_create_errors(pool);
	test_next(pool);
	test_extent(pool);
	test_change(pool);
	test_limit(pool);
	test_metadata(pool);

	CHECK_RET(pmpool_open(NULL, O_RDONLY, &reader), 0);
	CHECK_RET(pmpool_create(reader, NAME_B, 1, NULL, NULL), -EBADF);
	pmpool_close(reader);

	CHECK_RET(pmpool_remove(pool, NAME_A), 0);
	CHECK_RET(pmpool_remove(pool, NAME_A), -ENOENT);
	CHECK(free_size(pool) == before);
	pmpool_close(pool);

	if (failures) {
		printf("test-libpmpool-pool: %u checks failed\n", failures);
		return EXIT_FAILURE;
	}
	printf("test-libpmpool-pool: ok\n");
	return EXIT_SUCCESS;
}
