// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of pmpoolctl: what it makes of words, errors and the daemon's
 * answers. What it does to a pool is tested in a guest that has one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <internal.h>

#include "ctl.h"
#include "groups.h"

static void check_size(const char *text, uint64_t expected)
{
	uint64_t size = 12345;
	const char *wrong = parse_size(text, &size);

	CHECK(!wrong, "for '%s': %s", text, wrong ? wrong : "");
	CHECK(wrong || size == expected, "for '%s': %llu", text, (unsigned long long)size);
}

static void check_no_size(const char *text)
{
	uint64_t size = 12345;

	CHECK(parse_size(text, &size), "for '%s': %llu", text, (unsigned long long)size);
	CHECK(size == 12345, "for '%s'", text);
}

static void test_parse_size(void)
{
	static const char *const junk[] = {
		"", " ", "-1", "+1", "x", "2X", "2MB", "2mb", "2MiBs", "1.G", ".5G", "1.5", "1,5G",
		"0x10", "1e3", " 1", "1 ", "1  G", "18446744073709551616", "16E", "99999999999G",
		"340282366920938463463374607431768211456", "1.0000000000000000001G", "1.5.5G", "2M ",
		"1Mi B",
	};
	size_t i;

	check_size("0", 0);
	check_size("4096", 4096);
	check_size("4096B", 4096);
	check_size("1K", 1024);
	check_size("2M", 2 << 20);
	check_size("2m", 2 << 20);
	check_size("2Mi", 2 << 20);
	check_size("2MiB", 2 << 20);
	check_size("2 MiB", 2 << 20);
	check_size("1.5G", 3ULL << 29);
	check_size("0.5GiB", 1ULL << 29);
	check_size("1T", 1ULL << 40);
	check_size("1P", 1ULL << 50);
	check_size("15E", 15ULL << 60);
	check_size("15.999999999999999999E", UINT64_MAX);
	check_size("18446744073709551615", UINT64_MAX);
	/* 107374182.4 */
	check_size("0.1G", 107374183);
	check_size("0.000000000000000001K", 1);

	for (i = 0; i < sizeof(junk) / sizeof(*junk); i++)
		check_no_size(junk[i]);
}

static void test_format_size(void)
{
	static const struct {
		uint64_t size;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 2 << 20, "2.0 MiB" },
		{ (1 << 20) - 1, "1023.9 KiB" },
		{ 534773760, "510.0 MiB" },
		{ 3ULL << 29, "1.5 GiB" },
		{ (2ULL << 30) - 1, "1.9 GiB" },
		{ 1ULL << 40, "1.0 TiB" },
		{ UINT64_MAX, "15.9 EiB" },
	};
	char text[SIZE_TEXT];
	uint64_t size;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		format_size(text, cases[i].size, false);
		CHECK(strcmp(text, cases[i].text) == 0, "%s, not %s", text, cases[i].text);

		/* What it shows can be given back, and is never more than there is. */
		CHECK(!parse_size(text, &size), "for '%s'", text);
		CHECK(size <= cases[i].size, "for '%s'", text);

		CHECK(!parse_size(format_size(text, cases[i].size, true), &size));
		CHECK(size == cases[i].size, "for '%s'", text);
	}
}

static void test_mode(void)
{
	mode_t mode = 1;

	CHECK(!parse_mode("0640", &mode) && mode == 0640);
	CHECK(!parse_mode("0", &mode) && mode == 0);
	CHECK(!parse_mode("777", &mode) && mode == 0777);
	CHECK(parse_mode("", &mode));
	CHECK(parse_mode("1000", &mode));
	CHECK(parse_mode("08", &mode));
	CHECK(parse_mode("rw", &mode));
	CHECK(parse_mode("-1", &mode));
	CHECK(parse_mode("777777777777777777", &mode));
	CHECK(mode == 0777);
}

static void test_describe(void)
{
	static const uint8_t uuid[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255 };
	char text[TIME_TEXT];
	char owner[OWNER_TEXT];
	char u[UUID_TEXT];
	char mode[MODE_TEXT];

	CHECK(strcmp(format_uuid(u, uuid), "00010203-0405-0607-0809-0a0b0c0d0eff") == 0);
	CHECK(strcmp(format_time(text, 0), "-") == 0);
	CHECK(strcmp(format_time(text, 1700000000999999999), "2023-11-14T22:13:20Z") == 0);
	CHECK(strlen(format_time(text, UINT64_MAX)) < TIME_TEXT);
	CHECK(strcmp(format_mode(mode, 0640), "0640") == 0);
	CHECK(strcmp(format_mode(mode, 0), "0000") == 0);
	CHECK(strcmp(format_owner(owner, 4294967294U, 4294967293U), "4294967294:4294967293") == 0,
	      "%s", owner);

	CHECK(tag_is_text((const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	CHECK(tag_is_text((const uint8_t *)"pmkv 1\0\0\0\0\0\0\0\0\0"));
	CHECK(tag_is_text((const uint8_t *)"sixteen letters!"));
	CHECK(!tag_is_text((const uint8_t *)"a\0b\0\0\0\0\0\0\0\0\0\0\0\0"));
	CHECK(!tag_is_text((const uint8_t *)"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void test_errors(void)
{
	static const int contract[] = {
		EEXIST, ENOSPC, ENFILE, EROFS, EUCLEAN, ENOMEM, EBADF, EINVAL, ENOTTY, E2BIG,
		EOPNOTSUPP, EFAULT, ENODEV, EINTR, ENOENT, EPERM, EACCES, EBUSY,
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(contract) / sizeof(*contract); i++) {
		text[0] = '\0';
		create_error(text, sizeof(text), -contract[i], 1 << 20, 0, NULL);
		CHECK(text[0] && !strchr(text, '\n'), "for %d: %s", contract[i], text);
		CHECK(strlen(text) < sizeof(text) - 1, "for %d: %s", contract[i], text);
		CHECK(remove_error(-contract[i])[0]);
		CHECK(error_text(-contract[i])[0]);
	}
	CHECK(strstr(error_text(-EAGAIN), "still uses memory that the extent needs; try again"));
	CHECK(error_status(-ENOENT) == CTL_NO_POOL);
	CHECK(error_status(-ENODEV) == CTL_NO_POOL);
	CHECK(error_status(-EACCES) == CTL_FAILED);
	CHECK(strstr(error_text(-EACCES), "join group pmpool"));
	CHECK(strstr(error_text(-ENOENT), "is the pmpool module loaded?"));
	CHECK(strstr(remove_error(-ENOENT), "no such extent"));
}

/* What is said of a pool whose longest free run is largest, and of that being emptied. */
static void check_create(int err, uint64_t align, uint64_t largest, uint64_t emptying,
			 const char *expected)
{
	struct pmpool_info uapi = {
		.pool_size = 64 << 20, .block_size = 2 << 20, .free = 32 << 20,
		.largest_free = largest, .lent = emptying, .emptying = emptying,
	};
	struct pmpool_pool_info *info = pmpool_info_from_uapi(&uapi);
	char text[256];

	create_error(text, sizeof(text), err, 8 << 20, align, info);
	CHECK(strcmp(text, expected) == 0, "%s", text);
	pmpool_info_free(info);
}

static void check_resize(int err, uint64_t largest, const char *expected)
{
	char text[256];

	resize_error(text, sizeof(text), "a", err, 8 << 20, largest, false);
	CHECK(strcmp(text, expected) == 0, "%s", text);
}

/* A run that is long enough can be one that the system uses, lent or with the backing cma. */
static void test_used(void)
{
	check_create(-ENOSPC, 0, 4 << 20, 0, "no free run of 8.0 MiB; the largest is 4.0 MiB");
	check_create(-ENOSPC, 0, 8 << 20, 0,
		     "the system uses memory that it needs and can not move that away; free some memory and try again");
	check_create(-ENOSPC, 16 << 20, 8 << 20, 0,
		     "no free run of 8.0 MiB whose place in memory is a multiple of 16.0 MiB; the largest run anywhere is 8.0 MiB");
	check_create(-EAGAIN, 0, 8 << 20, 6 << 20, "try again, 6 MiB are being emptied");
	check_create(-EAGAIN, 0, 8 << 20, 0, error_text(-EAGAIN));

	check_resize(-ENOSPC, 4 << 20,
		     "cannot resize 'a' to 8.0 MiB: the blocks behind it are in use; the largest size possible is 4.0 MiB (4194304 bytes)");
	check_resize(-ENOSPC, (8 << 20) - 1,
		     "cannot resize 'a' to 8.0 MiB: the blocks behind it are in use; the largest size possible is 7.9 MiB (8388607 bytes)");
	check_resize(-ENOSPC, 16 << 20,
		     "cannot resize 'a' to 8.0 MiB: the system uses memory that it needs and can not move that away; free some memory and try again");
	check_resize(-EAGAIN, 16 << 20,
		     "cannot resize 'a': the system still uses memory that the extent needs; try again");
	check_resize(-EBUSY, 0,
		     "cannot resize 'a': it is mapped, and can only become longer; stop the program that uses it first");
	check_resize(-ENOENT, 0, "cannot resize 'a': there is no such extent; see pmpoolctl list");
}

/* What kexec and status make of text. Returns the number of reasons not to. */
static size_t reasons(const char *text, bool running, bool loaded, size_t *others, char *first,
		      size_t len)
{
	struct daemon_status status = { .running = running };
	struct json_object *problems = json_object_new_array();
	size_t n;

	daemon_parse(&status, text);
	if (!status.json)
		status.running = false;
	else if (!running)
		strcpy(status.problem, "gone");

	n = kexec_problems(&status, loaded, problems);
	CHECK(n == json_object_array_length(problems));
	*others = other_problems(&status, problems);
	CHECK(n + *others == json_object_array_length(problems));
	snprintf(first, len, "%s",
		 n ? json_object_get_string(json_object_array_get_idx(problems, 0)) : "");

	json_object_put(problems);
	daemon_free(&status);
	return n;
}

/* How many lines a daemon that said text has for an administrator. */
static size_t attention(const char *text, bool running)
{
	struct json_object *problems = json_object_new_array();
	struct daemon_status status = { .running = running };
	size_t n;

	daemon_parse(&status, text);
	n = attention_problems(&status, problems);
	CHECK(n == json_object_array_length(problems));
	json_object_put(problems);
	daemon_free(&status);
	return n;
}

static void test_daemon(void)
{
	static const char good[] =
		"{\"version\":1,\"pid\":1,\"staged\":{\"ok\":true,\"release\":\"6.12\",\"reasons\":[]},"
		"\"catalog\":{\"differences\":[]},\"checks\":[{\"name\":\"module\",\"ok\":true}]}";
	static const char refused[] =
		"{\"version\":1,\"staged\":{\"ok\":false,\"reasons\":[\"module: missing\",\"no room\"]},"
		"\"catalog\":{\"differences\":[\"extent 'x': missing\"]},"
		"\"checks\":[{\"name\":\"module\",\"ok\":false,\"text\":\"missing\"},"
		"{\"name\":\"image\",\"ok\":false,\"text\":\"too large\"}]}";
	static const char *const broken[] = {
		"", "{", "[]", "null", "1", "{}", "{\"version\":2}", "{\"version\":\"1\"}",
		"{\"version\":1}", "{\"version\":1,\"staged\":null}", "{\"version\":1,\"staged\":[]}",
		"{\"version\":1,\"staged\":{}}", "{\"version\":1,\"staged\":{\"ok\":\"true\"}}",
		"{\"version\":1,\"staged\":{\"ok\":1}}",
		"{\"version\":1,\"staged\":{\"ok\":false,\"reasons\":[]}}",
		"{\"version\":1,\"staged\":{\"ok\":false,\"reasons\":7},\"checks\":{},\"catalog\":[]}",
	};
	char first[256];
	size_t others;
	size_t i;

	CHECK(reasons(good, true, true, &others, first, sizeof(first)) == 0);
	CHECK(others == 0);

	CHECK(reasons(good, false, true, &others, first, sizeof(first)) == 1);
	CHECK(strcmp(first, "gone") == 0);

	CHECK(reasons(good, true, false, &others, first, sizeof(first)) == 1);
	CHECK(strstr(first, "not loaded any more"));

	CHECK(reasons(refused, true, true, &others, first, sizeof(first)) == 2);
	CHECK(strcmp(first, "module: missing") == 0);
	/* The image; the module is a reason already. */
	CHECK(others == 1);

	CHECK(attention(good, true) == 0);
	CHECK(attention(refused, true) == 1);
	CHECK(attention(refused, false) == 0);
	CHECK(attention("{\"version\":1,\"catalog\":{\"differences\":[\"a\"]},"
			"\"declared\":{\"problems\":[\"b\",\"c\"]}}", true) == 3);

	/* Whatever is not understood is not safe. */
	for (i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		CHECK(reasons(broken[i], true, true, &others, first, sizeof(first)) > 0,
		      "for '%s'", broken[i]);
		CHECK(first[0], "for '%s'", broken[i]);
		CHECK(attention(broken[i], true) == 0, "for '%s'", broken[i]);
	}
}

int main(void)
{
	run(test_parse_size, "reading sizes");
	run(test_format_size, "writing sizes");
	run(test_mode, "modes");
	run(test_describe, "descriptions");
	run(test_errors, "errors");
	run(test_used, "memory that the system uses");
	run(test_daemon, "the daemon's answers");
	return done();
}
