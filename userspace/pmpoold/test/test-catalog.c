// SPDX-License-Identifier: GPL-2.0-only
/* The catalog: written, read, damaged, compared. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog.h"
#include "file.h"
#include "tap.h"

#define BLOCK (2ULL << 20)

static struct catalog *make(size_t n)
{
	struct catalog *c = xalloc(sizeof(*c));

	memset(c->uuid, 0xab, sizeof(c->uuid));
	c->generation = 7;
	c->base = 0x100000000;
	c->metadata_size = BLOCK;
	c->size = (n + 1) * 2 * BLOCK;
	for (size_t i = 0; i < n; i++) {
		struct catalog_extent *e = catalog_add(c);

		snprintf(e->name, sizeof(e->name), "extent-%zu", i);
		memcpy(e->uuid, &i, sizeof(i));
		e->uuid[15] = 1;
		memcpy(e->tag, "pmkv 1", 6);
		e->id = i + 1;
		e->offset = BLOCK + i * 2 * BLOCK;
		e->size = BLOCK + i;
		e->generation = 1 + i % 7;
		e->uid = 1000;
		e->gid = 4000000000u;
		e->mode = 0640;
	}
	return c;
}

static void test_roundtrip(size_t n)
{
	struct catalog *c = make(n), *back = NULL;
	char *reason = NULL;
	size_t len;
	void *fdt = catalog_format(c, &len);
	int r = catalog_parse(fdt, len, &back, &reason);

	ok(!r && catalog_equal(c, back), "%zu extents come back (%zu bytes) %s", n, len,
	   r ? reason : "");
	free(reason);
	free(fdt);
	catalog_free(c);
	catalog_free(back);
}

static void test_file(void)
{
	char dir[] = "/tmp/test-catalog-XXXXXX";
	struct catalog *c = make(3), *back = NULL;
	char *path, *reason = NULL, *tmp;
	struct stat st;
	int r;

	if (!mkdtemp(dir))
		abort();
	path = xprintf("%s/catalog.dtb", dir);
	tmp = xprintf("%s.tmp", path);
	ok(catalog_read(path, &back, &reason) == -ENOENT && !reason, "there is none");
	ok(!catalog_write(path, c) && !catalog_read(path, &back, &reason) &&
	   catalog_equal(c, back), "written and read");
	catalog_free(back);
	ok(!stat(path, &st) && (st.st_mode & 0777) == 0600, "for root only");
	ok(access(tmp, F_OK) && errno == ENOENT, "nothing is left beside it");

	c->generation++;
	ok(!catalog_write(path, c) && !catalog_read(path, &back, &reason) &&
	   back->generation == 8, "replaced");
	catalog_free(back);

	/* A directory in its place: the old content must stay. */
	c->generation++;
	mkdir(tmp, 0700);
	r = catalog_write(path, c);
	ok(r == -EISDIR && !catalog_read(path, &back, &reason) && back->generation == 8,
	   "a write that fails leaves the old one");
	catalog_free(back);
	rmdir(tmp);

	if (truncate(path, 100))
		abort();
	r = catalog_read(path, &back, &reason);
	ok(r == -EBADMSG && strstr(reason, "truncated or damaged"),
	   "a truncated file: %s", reason);
	free(reason);
	if (truncate(path, 0))
		abort();
	r = catalog_read(path, &back, &reason);
	ok(r == -EBADMSG, "an empty file: %s", reason);
	free(reason);
	unlink(path);
	r = catalog_read(dir, &back, &reason);
	ok(r == -EISDIR && strstr(reason, "cannot be read"),
	   "a directory: %s", reason);
	free(reason);
	rmdir(dir);
	free(path);
	free(tmp);
	catalog_free(c);
}

/* Every truncation, and every byte changed: refused or read, never a crash. */
static void test_damage(void)
{
	struct catalog *c = make(3), *back;
	size_t len, accepted = 0;
	uint8_t *fdt = catalog_format(c, &len);

	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = xalloc(n);
		char *reason = NULL;

		memcpy(copy, fdt, n);
		if (!catalog_parse(copy, n, &back, &reason)) {
			accepted++;
			catalog_free(back);
		}
		free(reason);
		free(copy);
	}
	ok(!accepted, "every truncation is refused");
	for (size_t n = 0; n < len; n++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			uint8_t *copy = xalloc(len);
			char *reason = NULL;
			int r;

			memcpy(copy, fdt, len);
			copy[n] ^= (uint8_t)(1 << bit);
			r = catalog_parse(copy, len, &back, &reason);
			if (!r)
				catalog_free(back);
			else if (r != -EBADMSG || !reason)
				accepted++;
			free(reason);
			free(copy);
		}
	}
	ok(!accepted, "every changed bit is refused with a reason, or read");
	free(fdt);
	catalog_free(c);
}

/* A catalog with one property of the second extent changed. */
static void refused(const char *property, const void *value, int size, const char *because)
{
	struct catalog *c = make(3), *back = NULL;
	char *reason = NULL;
	size_t len;
	void *fdt = catalog_format(c, &len);
	uint8_t room[8192];
	int node, r;

	if (fdt_open_into(fdt, room, sizeof(room)))
		abort();
	node = fdt_path_offset(room, "/pool/extent@600000");
	if (node < 0)
		abort();
	if (value)
		r = fdt_setprop(room, node, property, value, size);
	else
		r = fdt_delprop(room, node, property);
	if (r)
		abort();
	r = catalog_parse(room, sizeof(room), &back, &reason);
	ok(r == -EBADMSG && strstr(reason, because), "refuses %s %s: %s",
	   value ? "a bad" : "a missing", property, reason ? reason : "accepted");
	free(reason);
	catalog_free(back);
	free(fdt);
	catalog_free(c);
}

static void test_values(void)
{
	fdt64_t v;

	refused("label", NULL, 0, "/pool/extent@600000 has no good \"label\"");
	refused("label", "a/b", 4, "\"label\"");
	refused("label", "..", 3, "\"label\"");
	refused("label", "", 1, "\"label\"");
	refused("label", "abc", 3, "\"label\"");
	refused("uuid", NULL, 0, "\"uuid\"");
	refused("uuid", "short", 5, "\"uuid\"");
	refused("size", NULL, 0, "\"size\"");
	v = 0;
	refused("size", &v, 8, "\"size\"");
	v = cpu_to_fdt64(UINT64_MAX);
	refused("size", &v, 8, "\"size\"");
	refused("offset", &v, 8, "\"offset\"");
	v = cpu_to_fdt64(BLOCK);
	refused("offset", &v, 8, "\"offset\"");	/* overlaps the first one */
	v = cpu_to_fdt64(01000);
	refused("mode", (uint8_t *)&v + 4, 4, "\"mode\"");
	refused("uid", &v, 8, "\"uid\"");
}

static bool has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strstr(list->v[i], text))
			return true;
	}
	return false;
}

static void test_compare(void)
{
	struct catalog *a = make(6), *b = make(6);
	struct strlist d = { 0 };
	struct catalog_extent *e;
	size_t r;

	b->generation++;
	ok(!catalog_compare(a, b, &d) && !d.n, "the next generation of the same is no difference");

	e = catalog_add(b);
	*e = b->extents[b->n - 2];
	strcpy(e->name, "late");
	e->uuid[14] = 9;
	e->offset += 2 * BLOCK;
	r = catalog_compare(a, b, &d);
	ok(!r && d.n == 1 && has(&d, "'late': new: "),
	   "a new one: %s", d.n ? d.v[0] : "");
	strlist_clear(&d);

	b->extents[0].offset += BLOCK;
	b->extents[1].size += 5;
	strcpy(b->extents[2].name, "other");
	b->extents[3].uuid[13] = 1;		/* another one of that name */
	memset(b->extents[4].uuid, 0, 16);	/* gone, and something else in its place */
	strcpy(b->extents[4].name, "else");
	b->extents[5].mode = 0600;
	ok(catalog_compare(a, b, &d) == 6 && d.n == 8, "six differences and two new ones");
	ok(has(&d, "'extent-0': moved: offset was 0x200000, is 0x400000"), "moved");
	ok(has(&d, "'extent-1': resized: size was 2097153, is 2097158"), "resized");
	ok(has(&d, "'extent-2': renamed to 'other'"), "renamed");
	ok(has(&d, "'extent-3': replaced by another"), "replaced");
	ok(has(&d, "'extent-4': missing: was 2097156 bytes at offset 0x1200000"), "missing");
	ok(has(&d, "'extent-5': access changed: was 1000:4000000000 mode 0640, is 1000:4000000000 mode 0600"),
	   "access");
	strlist_clear(&d);

	b->generation = 3;
	b->size += BLOCK;
	catalog_compare(a, b, &d);
	ok(has(&d, "generation went back from 7 to 3"), "generation");
	ok(has(&d, "pool: region was"), "region");
	strlist_clear(&d);
	catalog_free(a);
	catalog_free(b);
}

static void test_json(void)
{
	struct catalog *c = make(2);
	struct json_object *root, *o;
	char *text;

	memset(c->extents[1].tag, 0x80, 16);
	text = catalog_json(c);
	root = json_tokener_parse(text);
	ok(root != NULL, "JSON parses");
	o = json_object_array_get_idx(json_object_object_get(root, "extents"), 0);
	ok(!strcmp(json_object_get_string(json_object_object_get(o, "name")), "extent-0") &&
	   json_object_get_uint64(json_object_object_get(o, "offset")) == BLOCK &&
	   !strcmp(json_object_get_string(json_object_object_get(o, "tag")), "pmkv 1") &&
	   !strcmp(json_object_get_string(json_object_object_get(o, "mode")), "0640"),
	   "JSON says what the catalog says");
	o = json_object_array_get_idx(json_object_object_get(root, "extents"), 1);
	ok(!strcmp(json_object_get_string(json_object_object_get(o, "tag")),
		   "0x80808080808080808080808080808080"), "a tag that is not text");
	json_object_put(root);
	free(text);
	catalog_free(c);
}

int main(void)
{
	test_roundtrip(0);
	test_roundtrip(1);
	test_roundtrip(1000);
	test_file();
	test_damage();
	test_values();
	test_compare();
	test_json();
	return done();
}
