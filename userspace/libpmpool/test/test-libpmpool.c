// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of libpmpool: what needs no driver. The rest is in
 * test-libpmpool-pool.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Both headers in one file: their names must not clash. */
#include <linux/pmpool.h>

#include "../internal.h"
#include "tap.h"

static unsigned int failures;

#define CHECK(what)							\
	do {								\
		if (!(what)) {						\
			failures++;					\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #what); \
		}							\
	} while (0)

static void test_names(void)
{
	char name[PMPOOL_NAME_MAX + 2];
	char field[PMPOOL_NAME_SIZE];

	CHECK(pmpool_name_valid("a"));
	CHECK(pmpool_name_valid("Aa0._-"));
	CHECK(pmpool_name_valid("..."));
	CHECK(pmpool_name_valid("-"));
	CHECK(!pmpool_name_valid(NULL));
	CHECK(!pmpool_name_valid(""));
	CHECK(!pmpool_name_valid("."));
	CHECK(!pmpool_name_valid(".."));
	CHECK(!pmpool_name_valid("a/b"));
	CHECK(!pmpool_name_valid("a b"));
	CHECK(!pmpool_name_valid("a\n"));
	CHECK(!pmpool_name_valid("\xc3\xa4"));

	memset(name, 'x', sizeof(name));
	name[PMPOOL_NAME_MAX + 1] = '\0';
	CHECK(!pmpool_name_valid(name));
	CHECK(pmpool_name_to_uapi(field, name) == -EINVAL);
	name[PMPOOL_NAME_MAX] = '\0';
	CHECK(pmpool_name_valid(name));
	CHECK(pmpool_name_to_uapi(field, name) == 0);
	CHECK(memcmp(field, name, sizeof(field)) == 0);

	/* Only NULs behind it, whatever was there. */
	CHECK(pmpool_name_to_uapi(field, "ab") == 0);
	CHECK(field[1] == 'b' && field[2] == 0 && memcmp(field + 2, field + 3, sizeof(field) - 3) == 0);
}

static void test_options(void)
{
	struct pmpool_create uapi = { 0 };
	struct pmpool_options *options;

	pmpool_options_to_uapi(NULL, &uapi);
	CHECK(uapi.mode == 0600 && uapi.align == 0 && uapi.tag[0] == 0);

	CHECK(pmpool_options_new(&options) == 0);
	pmpool_options_set_mode(options, 0640);
	pmpool_options_set_align(options, 1 << 30);
	CHECK(pmpool_options_set_tag(options, "sixteen letters!", 16) == 0);
	CHECK(pmpool_options_set_tag(options, "seventeen letters", 17) == -EINVAL);
	pmpool_options_to_uapi(options, &uapi);
	CHECK(uapi.mode == 0640 && uapi.align == 1 << 30);
	CHECK(memcmp(uapi.tag, "sixteen letters!", 16) == 0);

	CHECK(pmpool_options_set_tag(options, "ab", 2) == 0);
	pmpool_options_to_uapi(options, &uapi);
	CHECK(memcmp(uapi.tag, "ab\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
	CHECK(pmpool_options_set_tag(options, NULL, 0) == 0);
	pmpool_options_to_uapi(options, &uapi);
	CHECK(uapi.tag[0] == 0);
	pmpool_options_free(options);
	pmpool_options_free(NULL);
}

static void test_change(void)
{
	struct pmpool_set uapi = { 0 };
	struct pmpool_change *change;

	/* What is not to be set must be 0. */
	CHECK(pmpool_change_new(&change) == 0);
	pmpool_change_to_uapi(change, &uapi);
	CHECK(uapi.flags == 0 && uapi.mode == 0 && uapi.uid == 0 && uapi.gid == 0);
	CHECK(uapi.tag[0] == 0);

	pmpool_change_set_gid(change, 7);
	pmpool_change_to_uapi(change, &uapi);
	CHECK(uapi.flags == PMPOOL_SET_GID && uapi.gid == 7 && uapi.uid == 0 && uapi.mode == 0);

	pmpool_change_set_uid(change, 0);
	pmpool_change_set_mode(change, 0604);
	CHECK(pmpool_change_set_tag(change, "seventeen letters", 17) == -EINVAL);
	pmpool_change_to_uapi(change, &uapi);
	CHECK(uapi.flags == (PMPOOL_SET_GID | PMPOOL_SET_UID | PMPOOL_SET_MODE));
	CHECK(uapi.mode == 0604);

	CHECK(pmpool_change_set_tag(change, "sixteen letters!", 16) == 0);
	CHECK(pmpool_change_set_tag(change, "ab", 2) == 0);
	pmpool_change_to_uapi(change, &uapi);
	CHECK(uapi.flags & PMPOOL_SET_TAG);
	CHECK(memcmp(uapi.tag, "ab\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0);
	CHECK(pmpool_change_set_tag(change, NULL, 0) == 0);
	pmpool_change_to_uapi(change, &uapi);
	CHECK(uapi.flags & PMPOOL_SET_TAG && uapi.tag[0] == 0);
	pmpool_change_free(change);
	pmpool_change_free(NULL);
}

static void test_limit(void)
{
	struct pmpool_limit uapi = {
		.max_bytes = 1, .max_extents = PMPOOL_UNLIMITED, .bytes = 3, .extents = 4,
	};
	struct pmpool_user_limit *limit = pmpool_limit_from_uapi(&uapi);

	CHECK(limit);
	if (!limit)
		return;
	CHECK(pmpool_limit_max_size(limit) == 1);
	CHECK(pmpool_limit_max_extents(limit) == PMPOOL_NO_LIMIT);
	CHECK(pmpool_limit_size(limit) == 3);
	CHECK(pmpool_limit_extents(limit) == 4);
	pmpool_limit_free(limit);
	pmpool_limit_free(NULL);
}

static void test_entry(void)
{
	struct pmpool_extent_info uapi = {
		.id = 7, .offset = 2 << 20, .length = 5, .create_generation = 3, .create_time = 9,
		.uid = 1000, .gid = 1001, .mode = 0640, .flags = PMPOOL_EXTENT_MAPPED,
	};
	struct pmpool_entry *entry;

	memset(uapi.name, 'n', sizeof(uapi.name));
	memset(uapi.uuid, 1, sizeof(uapi.uuid));
	memset(uapi.tag, 2, sizeof(uapi.tag));
	entry = pmpool_entry_from_uapi(&uapi);
	CHECK(entry);
	if (!entry)
		return;

	/* A driver's missing NUL does not run away. */
	CHECK(strlen(pmpool_entry_name(entry)) == PMPOOL_NAME_MAX);
	CHECK(pmpool_entry_id(entry) == 7);
	CHECK(pmpool_entry_offset(entry) == 2 << 20);
	CHECK(pmpool_entry_size(entry) == 5);
	CHECK(pmpool_entry_generation(entry) == 3);
	CHECK(pmpool_entry_create_time(entry) == 9);
	CHECK(pmpool_entry_uid(entry) == 1000);
	CHECK(pmpool_entry_gid(entry) == 1001);
	CHECK(pmpool_entry_mode(entry) == 0640);
	CHECK(!pmpool_entry_clean(entry));
	CHECK(pmpool_entry_mapped(entry));
	CHECK(pmpool_entry_uuid(entry)[15] == 1);
	CHECK(pmpool_entry_tag(entry)[15] == 2);
	pmpool_entry_free(entry);
	pmpool_entry_free(NULL);
}

static void test_info(void)
{
	struct pmpool_info uapi = {
		.pool_size = 1, .metadata_size = 2, .block_size = 3, .free = 4, .largest_free = 5,
		.lent = 21, .emptying = 22, .held = 23,
		.extents = 6, .max_extents = 7, .generation = 8, .was_clean = 1, .format_version = 9,
		.format_time = 10, .attach_time = 11, .handover_time = 12, .base = 13,
		.state = PMPOOL_STATE_READ_ONLY, .backing = PMPOOL_BACKING_RESERVED,
	};
	struct pmpool_pool_info *info = pmpool_info_from_uapi(&uapi);

	CHECK(info);
	if (!info)
		return;
	CHECK(pmpool_info_size(info) == 1);
	CHECK(pmpool_info_metadata_size(info) == 2);
	CHECK(pmpool_info_block_size(info) == 3);
	CHECK(pmpool_info_free_size(info) == 4);
	CHECK(pmpool_info_largest_free(info) == 5);
	CHECK(pmpool_info_lent(info) == 21 && pmpool_info_emptying(info) == 22);
	CHECK(pmpool_info_held(info) == 23);
	CHECK(pmpool_info_extents(info) == 6);
	CHECK(pmpool_info_max_extents(info) == 7);
	CHECK(pmpool_info_generation(info) == 8);
	CHECK(pmpool_info_was_clean(info));
	CHECK(pmpool_info_format_version(info) == 9);
	CHECK(pmpool_info_format_time(info) == 10);
	CHECK(pmpool_info_attach_time(info) == 11);
	CHECK(pmpool_info_handover_time(info) == 12);
	CHECK(pmpool_info_base(info) == 13);
	CHECK(pmpool_info_state(info) == PMPOOL_READ_ONLY);
	CHECK(strcmp(pmpool_info_backing(info), "reserved") == 0);
	pmpool_info_free(info);

	uapi.backing = PMPOOL_BACKING_CMA;
	info = pmpool_info_from_uapi(&uapi);
	CHECK(info && !strcmp(pmpool_info_backing(info), "cma"));
	pmpool_info_free(info);

	/* What a later driver may say. */
	uapi.state = 77;
	uapi.backing = 77;
	info = pmpool_info_from_uapi(&uapi);
	CHECK(info);
	if (!info)
		return;
	CHECK(pmpool_info_state(info) == PMPOOL_DEGRADED);
	CHECK(strcmp(pmpool_info_backing(info), "unknown") == 0);
	pmpool_info_free(info);
	pmpool_info_free(NULL);
}

static void test_open(void)
{
	struct pmpool_extent *extent;
	struct pmpool *pool;

	CHECK(pmpool_open("/nonexistent/pmpool", O_RDONLY, &pool) == -ENOENT);
	CHECK(pmpool_open("/dev/null", O_RDWR, &pool) == -ENOTTY);
	CHECK(pmpool_open("/dev/zero", O_RDONLY, &pool) == -ENOTTY);
	CHECK(pmpool_open("/", O_RDONLY, &pool) == -ENOTTY);
	CHECK(pmpool_open("/dev/null", O_WRONLY, &pool) == -EINVAL);
	CHECK(pmpool_open("/dev/null", O_RDWR | O_CREAT, &pool) == -EINVAL);
	CHECK(pmpool_extent_open("../null", O_RDWR, &extent) == -EINVAL);
	CHECK(pmpool_extent_open("", O_RDWR, &extent) == -EINVAL);
	CHECK(pmpool_extent_open(NULL, O_RDWR, &extent) == -EINVAL);
	CHECK(pmpool_extent_open("x", O_WRONLY, &extent) == -EINVAL);
	pmpool_close(NULL);
	pmpool_extent_close(NULL);
	CHECK(strcmp(pmpool_version(), PMPOOL_VERSION) == 0);
}

/* With a udev, test-libpmpool-watch.c. */
static void test_watch(void)
{
	int expected = access("/run/udev/control", F_OK) ? -EOPNOTSUPP : 0;
	struct pmpool_watch *watch = NULL;

	CHECK(pmpool_watch_new(&watch) == expected);
	pmpool_watch_free(watch);
	CHECK(pmpool_extent_wait("none", 0) == (expected ? expected : -ETIMEDOUT));
	CHECK(pmpool_extent_wait("a/b", 0) == -EINVAL);
	CHECK(pmpool_extent_wait(NULL, 0) == -EINVAL);
}

static void run(void (*test)(void), const char *what)
{
	unsigned int before = failures;

	test();
	ok(failures == before, "%s", what);
}

int main(void)
{
	run(test_names, "names");
	run(test_options, "options");
	run(test_change, "changes");
	run(test_limit, "limits");
	run(test_entry, "entries");
	run(test_info, "infos");
	run(test_open, "what is no pool");
	run(test_watch, "watching, with and without udev");
	return done();
}
