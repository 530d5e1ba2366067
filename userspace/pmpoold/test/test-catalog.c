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
#include "extents.h"
#include "file.h"
#include "tap.h"

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
	uint8_t *fdt;

	c->report.generation = 7;
	strlist_add(&c->report.notes, "a note");
	strcpy(report_add(&c->report)->name, "lost");
	strlist_add(&c->report.extents[0].texts, "a line");
	fdt = catalog_format(c, &len);

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

/* What nobody has taken note of is kept with it. */
static void test_report(void)
{
	struct catalog *c = make(2), *back = NULL;
	struct report_extent *e;
	char *reason = NULL;
	size_t len;
	void *fdt;

	c->report.generation = 7;
	c->report.ready_time = 1234567890123456789;
	strlist_add(&c->report.notes, "the catalog from before is kept");
	strlist_add(&c->report.notes, "and \"more\"");
	for (int i = 0; i < 100; i++) {
		e = report_add(&c->report);
		snprintf(e->name, sizeof(e->name), "lost-%d", i);
		e->uuid[0] = (uint8_t)i;
		e->verdict = REPORT_MISSING;
		e->size = 4711;
		strlist_add(&e->texts, "extent '%s': missing", e->name);
	}
	fdt = catalog_format(c, &len);
	ok(!catalog_parse(fdt, len, &back, &reason) && report_equal(&c->report, &back->report) &&
	   back->report.n == 100 && back->report.notes.n == 2, "a report comes back");
	strlist_add(&back->report.extents[99].texts, "more");
	ok(!report_equal(&c->report, &back->report), "one line more makes another report");
	catalog_free(back);
	free(fdt);
	back = catalog_dup(c);
	ok(report_equal(&c->report, &back->report), "a copy has it too");
	catalog_free(back);

	strcpy(c->report.extents[1].name, "a/b");
	fdt = catalog_format(c, &len);
	ok(catalog_parse(fdt, len, &back, &reason) == -EBADMSG &&
	   strstr(reason, "/report/extent@1 has no good \"label\""), "refuses %s", reason);
	free(reason);
	free(fdt);
	catalog_free(c);
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
	test_report();
	test_json();
	return done();
}
