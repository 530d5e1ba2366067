// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of how pmpoolctl draws a pool and puts it into figures: of pools
 * that are made up, by the library's own boundary to the driver.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <internal.h>

#include "ctl.h"
#include "groups.h"
#include "map.h"
#include "metrics.h"

#define MIB (1ULL << 20)

/* What print() writes on stdout; for free(). */
static char *printed(void (*print)(const void *), const void *of)
{
	FILE *file = tmpfile();
	size_t room = 1 << 16;
	char *text = calloc(1, room);
	int before;

	if (!file || !text)
		abort();
	fflush(stdout);
	before = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	print(of);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	rewind(file);
	text[fread(text, 1, room - 1, file)] = '\0';
	fclose(file);
	return text;
}

static struct pmpool_pool_info *pool(uint64_t size, enum pmpool_pool_state state)
{
	struct pmpool_info uapi = {
		.pool_size = size, .metadata_size = 2 * MIB, .block_size = 2 * MIB,
		.free = 12 * MIB, .largest_free = 8 * MIB, .extents = 2, .max_extents = 2048,
		.state = (uint32_t)state, .generation = 7, .was_clean = 1, .format_version = 1,
		.format_time = 1700000000123456789, .attach_time = 1700000001000000000,
	};

	return pmpool_info_from_uapi(&uapi);
}

static struct pmpool_entry *extent(const char *name, uint64_t offset, uint64_t size)
{
	struct pmpool_extent_info uapi = {
		.offset = offset, .length = size, .flags = PMPOOL_EXTENT_CLEAN, .mode = 0640,
		.uid = 4294967294U, .gid = 4294967293U, .create_generation = 3,
		.tag = "a \"b\" \\ c",
	};

	snprintf(uapi.name, sizeof(uapi.name), "%s", name);
	return pmpool_entry_from_uapi(&uapi);
}

/* A map of extents given as offset and size in MiB, up to a size of 0. */
static void make_map(struct map *map, uint64_t size, enum pmpool_pool_state state,
		     const unsigned int (*extents)[2])
{
	struct pmpool_pool_info *info = pool(size, state);
	char name[16];
	int i;

	map_begin(map, info);
	for (i = 0; extents[i][1]; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		CHECK(map_add(map, extent(name, extents[i][0] * MIB, extents[i][1] * MIB)),
		      "for %s", name);
	}
	map_end(map);
	pmpool_info_free(info);
}

/* That parts follow each other, and that their letters are these. */
static void check_parts(const struct map *map, const char *kinds)
{
	uint64_t offset = 0;
	size_t i;

	CHECK(map->n == strlen(kinds), "%zu of %s", map->n, kinds);
	for (i = 0; i < map->n && i < strlen(kinds); i++) {
		CHECK(map->parts[i].offset == offset, "part %zu", i);
		CHECK(map->parts[i].size % map->block_size == 0, "part %zu", i);
		CHECK("MEFLKU"[map->parts[i].kind] == kinds[i], "part %zu of %s", i, kinds);
		offset += map->parts[i].size;
	}
	CHECK(offset == map->size);
}

static void test_parts(void)
{
	static const unsigned int some[][2] = { { 2, 5 }, { 8, 2 }, { 20, 1 }, { 0, 0 } };
	static const unsigned int full[][2] = { { 2, 30 }, { 0, 0 } };
	static const unsigned int none[][2] = { { 0, 0 } };
	struct pmpool_pool_info *info;
	struct map map;

	make_map(&map, 32 * MIB, PMPOOL_OK, some);
	check_parts(&map, "MEEFEF");
	map_free(&map);
	make_map(&map, 32 * MIB, PMPOOL_DEGRADED, some);
	check_parts(&map, "MEEUEU");
	map_free(&map);
	make_map(&map, 32 * MIB, PMPOOL_READ_ONLY, full);
	check_parts(&map, "ME");
	map_free(&map);
	make_map(&map, 32 * MIB, PMPOOL_OK, none);
	check_parts(&map, "MF");
	map_free(&map);

	info = pool(32 * MIB, PMPOOL_OK);
	map_begin(&map, info);
	map_lent(&map, 8 * MIB, 16 * MIB);
	CHECK(map_add(&map, extent("before", 2 * MIB, 4 * MIB)));
	CHECK(map_add(&map, extent("after", 24 * MIB, 4 * MIB)));
	map_end(&map);
	check_parts(&map, "MEFLEF");
	map_free(&map);
	pmpool_info_free(info);

	/* Users inside the kernel, beside what is lent. */
	info = pool(32 * MIB, PMPOOL_OK);
	map_begin(&map, info);
	map_lent(&map, 8 * MIB, 8 * MIB);
	map_held(&map, extent("", 2 * MIB, 2 * MIB));
	map_held(&map, extent("two", 6 * MIB, 2 * MIB));
	map_held(&map, extent("three", 28 * MIB, 4 * MIB));
	CHECK(map_add(&map, extent("a", 4 * MIB, 2 * MIB)));
	CHECK(map_add(&map, extent("b", 24 * MIB, 2 * MIB)));
	CHECK(map_end(&map));
	check_parts(&map, "MKEKLFEFK");
	map_free(&map);
	map_begin(&map, info);
	map_held(&map, extent("", 6 * MIB, 4 * MIB));
	CHECK(!map_add(&map, extent("in the middle of it", 8 * MIB, 2 * MIB)));
	map_free(&map);
	map_begin(&map, info);
	map_held(&map, extent("", 30 * MIB, 4 * MIB));
	CHECK(!map_end(&map));
	map_free(&map);
	pmpool_info_free(info);

	/* What can only be because the pool changed between two questions. */
	info = pool(32 * MIB, PMPOOL_OK);
	map_begin(&map, info);
	CHECK(!map_add(&map, extent("on-metadata", 0, 1)));
	CHECK(map_add(&map, extent("a", 4 * MIB, 3 * MIB)));
	CHECK(!map_add(&map, extent("overlap", 6 * MIB, 1)));
	CHECK(map_add(&map, extent("b", 8 * MIB, 1)));
	CHECK(!map_add(&map, extent("too-far", 30 * MIB, 3 * MIB)));
	map_end(&map);
	check_parts(&map, "MFEEF");
	map_free(&map);
	pmpool_info_free(info);
}

struct drawn {
	struct map map;
	struct map_style style;
};

static void draw(const void *of)
{
	const struct drawn *drawn = of;

	map_draw(&drawn->map, &drawn->style);
}

/* Draws extents in a pool of so many MiB; all or the begin must be as expected. */
static void check_drawing(const char *expected, struct map_style style, uint64_t size,
			  enum pmpool_pool_state state, const unsigned int (*extents)[2])
{
	struct drawn drawn = { .style = style };
	char *text;

	make_map(&drawn.map, size * MIB, state, extents);
	text = printed(draw, &drawn);
	CHECK(strncmp(text, expected, strlen(expected)) == 0, "\n%snot\n%s", text, expected);
	free(text);
	map_free(&drawn.map);
}

static void test_drawing(void)
{
	static const unsigned int some[][2] = { { 4, 5 }, { 10, 2 }, { 20, 1 }, { 0, 0 } };
	static const unsigned int small[][2] = {
		{ 2, 1 }, { 4, 1 }, { 512, 1 }, { 1024, 512 }, { 0, 0 }
	};
	static const unsigned int ends[][2] = { { 2, 512 }, { 1024, 60 }, { 0, 0 } };
	static const unsigned int none[][2] = { { 0, 0 } };

	/* Every block a character. */
	check_drawing("       0 B  =.1##2....3.....\n"
		      "\n"
		      "one character: 2.0 MiB, = metadata, . free, # extent\n"
		      "\n"
		      "   NAME  SIZE     OFFSET    STATE\n"
		      "1  x0    5.0 MiB  4.0 MiB   clean\n"
		      "2  x1    2.0 MiB  10.0 MiB  clean\n"
		      "3  x2    1.0 MiB  20.0 MiB  clean\n",
		      (struct map_style){ .width = 80 }, 32, PMPOOL_OK, some);
	/* As narrow as it gets. */
	check_drawing("       0 B  =.1##2..\n"
		      "  16.0 MiB  ..3.....\n",
		      (struct map_style){ .width = 5 }, 32, PMPOOL_OK, some);
	check_drawing("       0  =.1##2..\n"
		      "16777216  ..3.....\n"
		      "\n"
		      "one character: 2097152, = metadata, . free, # extent\n"
		      "\n"
		      "   NAME  SIZE     OFFSET    STATE\n"
		      "1  x0    5242880  4194304   clean\n",
		      (struct map_style){ .width = 25, .exact = true }, 32, PMPOOL_OK, some);
	check_drawing("       0 B  ▓░1██2░░░░3░░░░░\n"
		      "\n"
		      "one character: 2.0 MiB, ▓ metadata, ░ free, █ extent\n",
		      (struct map_style){ .width = 80, .utf8 = true }, 32, PMPOOL_OK, some);
	check_drawing("       0 B  \033[0;90m=.\033[0;32;7m1\033[0;32m##\033[0;33;7m2\033[0;90m...."
		      "\033[0;34;7m3\033[0;90m.....\033[0m\n"
		      "\n"
		      "one character: 2.0 MiB, \033[0;90m=\033[0m metadata, \033[0;90m.\033[0m free, "
		      "\033[0;32m#\033[0m extent\n",
		      (struct map_style){ .width = 80, .color = true }, 32, PMPOOL_OK, some);

	/* Extents too small to be drawn to scale are there; two in one place as well. */
	check_drawing("       0 B  +.......\n"
		      " 256.0 MiB  ........\n"
		      " 512.0 MiB  3.......\n"
		      " 768.0 MiB  ........\n"
		      "   1.0 GiB  4#######\n"
		      "   1.2 GiB  ########\n"
		      "   1.5 GiB  ........\n"
		      "   1.7 GiB  ........\n"
		      "\n"
		      "one character: 32.0 MiB, # extent, . free, + several extents\n",
		      (struct map_style){ .width = 20 }, 2048, PMPOOL_OK, small);

	/* Where something ends, what has most of the place counts. */
	check_drawing("       0 B  1#######\n"
		      " 256.0 MiB  ########\n"
		      " 512.0 MiB  ........\n"
		      " 768.0 MiB  ........\n"
		      "   1.0 GiB  2#......\n",
		      (struct map_style){ .width = 20 }, 2048, PMPOOL_OK, ends);

	check_drawing("       0 B  =?1##2??\n"
		      "  16.0 MiB  ??3?????\n"
		      "\n"
		      "one character: 2.0 MiB, = metadata, ? free or damaged, # extent\n",
		      (struct map_style){ .width = 20 }, 32, PMPOOL_DEGRADED, some);
	check_drawing("       0 B  =.......\n"
		      "  16.0 MiB  ........\n"
		      "\n"
		      "one character: 2.0 MiB, = metadata, . free\n",
		      (struct map_style){ .width = 20 }, 32, PMPOOL_OK, none);
}

/* However large it is, a drawing has at most so many rows of at most that width. */
static void test_large(void)
{
	static const unsigned int one[][2] = { { 2, 2 }, { 0, 0 } };
	struct drawn drawn = { .style = { .width = 100 } };
	uint64_t size;
	char *text;

	for (size = 4; size <= 64ULL << 20; size = size * 3 / 2) {
		char *line, *rest;
		int rows = 0;

		size += size % 2;
		make_map(&drawn.map, size * MIB, PMPOOL_OK, one);
		text = printed(draw, &drawn);
		rest = text;
		while ((line = strsep(&rest, "\n")) && *line) {
			rows++;
			CHECK(strlen(line) <= 100, "%s", line);
			CHECK(rest[0] == '\0' || rest[0] == '\n' || strlen(line) == 100, "%s", line);
		}
		CHECK(rows >= 1 && rows <= 8, "%d rows for %" PRIu64 " MiB", rows, size);
		free(text);
		map_free(&drawn.map);
	}
}

static void test_many(void)
{
	struct pmpool_pool_info *info = pool(256 * MIB, PMPOOL_OK);
	struct drawn drawn = { .style = { .width = 80 } };
	static const char expected[] =
		"       0 B  =123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ12\n";
	char name[16];
	char *text;
	int i;

	map_begin(&drawn.map, info);
	for (i = 0; i < 127; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		CHECK(map_add(&drawn.map, extent(name, (uint64_t)(i + 1) * 2 * MIB, 2 * MIB)));
	}
	map_end(&drawn.map);
	text = printed(draw, &drawn);
	CHECK(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
	free(text);
	map_free(&drawn.map);
	pmpool_info_free(info);
}

static void test_json(void)
{
	static const unsigned int some[][2] = { { 4, 5 }, { 0, 0 } };
	struct json_object *root, *part;
	struct map map;

	make_map(&map, 32 * MIB, PMPOOL_OK, some);
	root = map_to_json(&map);
	CHECK(json_object_array_length(member(root, "parts", json_type_array)) == 4);
	part = json_object_array_get_idx(member(root, "parts", json_type_array), 2);
	CHECK(strcmp(member_text(part, "kind", ""), "extent") == 0);
	CHECK(json_object_get_int64(member(part, "offset", json_type_int)) == 4 << 20);
	CHECK(json_object_get_int64(member(part, "size", json_type_int)) == 6 << 20);
	CHECK(strcmp(member_text(member(part, "extent", json_type_object), "name", ""), "x0") == 0);
	json_object_put(root);
	map_free(&map);
}

static void print_metrics(const void *of)
{
	metrics_print(of);
}

static void check_metrics(const char *text, const char *line)
{
	const char *found = text;

	while ((found = strstr(found, line)) &&
	       ((found > text && found[-1] != '\n') || found[strlen(line)] != '\n'))
		found++;
	CHECK(found, "%s", line);
}

static void test_metrics(void)
{
	struct metrics_extent extents[2] = {
		{ extent("a", 2 * MIB, 3 * MIB), 2 }, { extent("b", 6 * MIB, 1), -1 },
	};
	struct metrics metrics = {
		.info = pool(32 * MIB, PMPOOL_DEGRADED), .extents = extents, .n = 2,
		.daemon_up = 1, .kexec_safe = 0, .problems = 3,
	};
	struct pmpool_pool_info *info = (struct pmpool_pool_info *)metrics.info;
	char *text = printed(print_metrics, &metrics);

	check_metrics(text, "# TYPE pmpool_size_bytes gauge\n# UNIT pmpool_size_bytes bytes\n"
		      "# HELP pmpool_size_bytes Size of the pool, with its metadata.\n"
		      "pmpool_size_bytes 33554432");
	check_metrics(text, "pmpool_free_bytes 12582912");
	check_metrics(text, "pmpool_largest_free_bytes 8388608");
	check_metrics(text, "# TYPE pmpool_attaches counter");
	check_metrics(text, "pmpool_attaches_total 7");
	check_metrics(text, "pmpool_state{state=\"ok\"} 0");
	check_metrics(text, "pmpool_state{state=\"degraded\"} 1");
	check_metrics(text, "pmpool_was_clean 1");
	check_metrics(text, "pmpool_formatted_timestamp_seconds 1700000000.123");
	check_metrics(text, "pmpool_extent_size_bytes{name=\"a\"} 3145728\n"
		      "pmpool_extent_size_bytes{name=\"b\"} 1");
	check_metrics(text, "pmpool_extent_mappings{name=\"a\"} 2");
	check_metrics(text, "pmpool_extent_clean{name=\"b\"} 1");
	check_metrics(text, "pmpool_extent_info{name=\"a\",uuid=\"00000000-0000-0000-0000-000000000000\","
		      "owner=\"4294967294:4294967293\",mode=\"0640\",tag=\"a \\\"b\\\" \\\\ c\"} 1");
	check_metrics(text, "pmpool_daemon_up 1");
	check_metrics(text, "pmpool_kexec_safe 0");
	check_metrics(text, "pmpool_problems 3");
	/* What is not known is not there. */
	CHECK(!strstr(text, "handed_over"));
	CHECK(!strstr(text, "pmpool_extent_mappings{name=\"b\"}"));
	CHECK(!strstr(text, "pmpool_extent_created_timestamp_seconds{"));
	CHECK(strlen(text) > 6 && strcmp(text + strlen(text) - 6, "# EOF\n") == 0);
	free(text);

	metrics.n = 0;
	metrics.daemon_up = 0;
	metrics.kexec_safe = -1;
	text = printed(print_metrics, &metrics);
	check_metrics(text, "pmpool_daemon_up 0");
	CHECK(!strstr(text, "kexec_safe"));
	CHECK(!strstr(text, "problems"));
	CHECK(!strstr(text, "pmpool_extent_"));
	free(text);

	pmpool_entry_free(extents[0].entry);
	pmpool_entry_free(extents[1].entry);
	pmpool_info_free(info);
}

static void check_problems(enum pmpool_pool_state state, const char *text, int safe, size_t expected)
{
	struct daemon_status daemon = { .running = true };
	struct metrics metrics = { .info = pool(32 * MIB, state) };

	daemon_parse(&daemon, text);
	metrics_daemon(&metrics, &daemon, true);
	CHECK(metrics.daemon_up == 1);
	CHECK(metrics.kexec_safe == safe, "%d", metrics.kexec_safe);
	CHECK(metrics.problems == expected, "%zu", metrics.problems);
	daemon_free(&daemon);
	pmpool_info_free((struct pmpool_pool_info *)metrics.info);
}

static void test_problems(void)
{
	static const char good[] =
		"{\"version\":1,\"staged\":{\"ok\":true,\"reasons\":[]},"
		"\"catalog\":{\"differences\":[]},\"checks\":[]}";
	static const char bad[] =
		"{\"version\":1,\"staged\":{\"ok\":false,\"reasons\":[\"pool: degraded\"]},"
		"\"catalog\":{\"differences\":[\"extent 'x': missing\"]},"
		"\"checks\":[{\"name\":\"pool\",\"ok\":false,\"text\":\"degraded\"},"
		"{\"name\":\"image\",\"ok\":false,\"text\":\"too large\"}]}";

	check_problems(PMPOOL_OK, good, 1, 0);
	check_problems(PMPOOL_READ_ONLY, good, 1, 1);
	check_problems(PMPOOL_OK, bad, 0, 3);
	/* The state of the pool, as status tells it, besides why the daemon stages nothing. */
	check_problems(PMPOOL_DEGRADED, bad, 0, 4);
}

static void print_info(const void *of)
{
	print_pool(of, false);
}

/* Of a pool that the kernel keeps by itself. */
static void test_backing(void)
{
	struct pmpool_info uapi = {
		.pool_size = 32 * MIB, .block_size = 2 * MIB, .base = 0x40000000,
		.backing = PMPOOL_BACKING_CMA,
	};
	struct metrics metrics = { .info = pmpool_info_from_uapi(&uapi), .kexec_safe = -1 };
	struct pmpool_pool_info *info = (struct pmpool_pool_info *)metrics.info;
	struct json_object *json = pool_to_json(info);
	char *text = printed(print_info, info);

	CHECK(strstr(text, "\nbacking:       cma at 0x40000000\n"), "%s", text);
	CHECK(strstr(text, "\nlent:          nothing: the kernel uses what is free by itself\n"));
	CHECK(!strcmp(member_text(json, "backing", ""), "cma"));
	free(text);
	json_object_put(json);

	text = printed(print_metrics, &metrics);
	CHECK(strstr(text, "backing=\"cma\""));
	free(text);
	pmpool_info_free(info);

	uapi.backing = PMPOOL_BACKING_RESERVED;
	info = pmpool_info_from_uapi(&uapi);
	text = printed(print_info, info);
	CHECK(strstr(text, "\nlent:          0 B\n"), "%s", text);
	free(text);
	pmpool_info_free(info);
}

int main(void)
{
	run(test_backing, "a pool with the backing cma");
	run(test_parts, "parts of a map");
	run(test_drawing, "drawings");
	run(test_large, "drawings of pools of all sizes");
	run(test_many, "a drawing of more extents than there are labels");
	run(test_json, "a map as JSON");
	run(test_metrics, "metrics");
	run(test_problems, "problems in figures");
	return done();
}
