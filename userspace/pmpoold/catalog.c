// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the catalog
 *
 * The pool describes itself; the catalog is the second opinion. It is what lets
 * the daemon say, after a kexec, that an extent which was there is not, and it
 * is what a repair of damaged metadata may use. It is a flattened device tree,
 * so that fdtdump and dtc show it:
 *
 *	/ { compatible = "pmpool,catalog-v1";
 *	    pool { uuid, generation, base, size, metadata-size;
 *	           extent@OFFSET { label, id, uuid, offset, size, uid, gid, mode,
 *	                           tag, create-generation; }; ... };
 *	    report { generation, ready-time, notes;
 *	             extent@N { label, uuid, size, verdict, texts; }; ... }; };
 *
 * The report, which there need not be, is what nobody has taken note of yet.
 * Numbers are 64 bits wide, in an order of bytes that does not depend on the
 * machine; uid, gid, mode and verdict are 32 bits wide. A reader takes nothing on trust:
 * a catalog is used whole, or not at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "file.h"

#define COMPATIBLE "pmpool,catalog-v1"

/* Far more than a pool has records for. */
#define CATALOG_FILE_MAX (64u << 20)

const char *uuid_string(const uint8_t *u, char buf[UUID_STRING_SIZE])
{
	snprintf(buf, UUID_STRING_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7],
		 u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	return buf;
}

void catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	free(catalog->extents);
	report_clear(&catalog->report);
	free(catalog);
}

struct catalog *catalog_dup(const struct catalog *catalog)
{
	struct catalog *copy = xalloc(sizeof(*copy));

	*copy = *catalog;
	copy->extents = NULL;
	copy->n = 0;
	report_copy(&copy->report, &catalog->report);
	for (size_t i = 0; i < catalog->n; i++)
		*catalog_add(copy) = catalog->extents[i];
	return copy;
}

static bool extent_equal(const struct catalog_extent *a, const struct catalog_extent *b)
{
	return !strcmp(a->name, b->name) && !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) &&
	       !memcmp(a->tag, b->tag, sizeof(a->tag)) && a->id == b->id &&
	       a->offset == b->offset && a->size == b->size &&
	       a->generation == b->generation && a->uid == b->uid && a->gid == b->gid &&
	       a->mode == b->mode;
}

bool catalog_equal(const struct catalog *a, const struct catalog *b)
{
	if (memcmp(a->uuid, b->uuid, sizeof(a->uuid)) || a->generation != b->generation ||
	    a->base != b->base || a->size != b->size ||
	    a->metadata_size != b->metadata_size || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!extent_equal(&a->extents[i], &b->extents[i]))
			return false;
	}
	return true;
}

struct catalog_extent *catalog_add(struct catalog *catalog)
{
	struct catalog_extent *extent;

	/* Doubled at every power of two. */
	if (!(catalog->n & (catalog->n - 1))) {
		size_t room = catalog->n ? catalog->n * 2 : 1;

		extent = realloc(catalog->extents, room * sizeof(*extent));
		if (!extent)
			abort();
		catalog->extents = extent;
	}
	extent = &catalog->extents[catalog->n++];
	*extent = (struct catalog_extent){ 0 };
	return extent;
}

const struct catalog_extent *catalog_by_uuid(const struct catalog *c, const uint8_t *uuid)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!memcmp(c->extents[i].uuid, uuid, CATALOG_UUID_LEN))
			return &c->extents[i];
	}
	return NULL;
}

const struct catalog_extent *catalog_by_name(const struct catalog *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!strcmp(c->extents[i].name, name))
			return &c->extents[i];
	}
	return NULL;
}

/*
 * Reading.
 */

/* Where reading stands, for the message. */
struct reader {
	const void *fdt;
	int node;
	const char *what;	/* the first thing that was wrong */
};

static const void *get_bytes(struct reader *r, const char *name, int want)
{
	int len;
	const void *p = fdt_getprop(r->fdt, r->node, name, &len);

	if (p && len == want)
		return p;
	if (!r->what)
		r->what = name;
	return NULL;
}

static uint64_t get_u64(struct reader *r, const char *name)
{
	const void *p = get_bytes(r, name, 8);

	return p ? fdt64_ld(p) : 0;
}

static uint32_t get_u32(struct reader *r, const char *name)
{
	const void *p = get_bytes(r, name, 4);

	return p ? fdt32_ld(p) : 0;
}

static void get_copy(struct reader *r, const char *name, uint8_t *to, int len)
{
	const void *p = get_bytes(r, name, len);

	if (p)
		memcpy(to, p, (size_t)len);
}

static bool name_ok(const char *s, int len)
{
	if (len < 2 || len > CATALOG_NAME_MAX + 1 || s[len - 1])
		return false;
	for (int i = 0; i < len - 1; i++) {
		char c = s[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return strcmp(s, ".") && strcmp(s, "..");
}

static void get_name(struct reader *r, char to[CATALOG_NAME_MAX + 1])
{
	const char *name;
	int len;

	name = fdt_getprop(r->fdt, r->node, "label", &len);
	if (name && name_ok(name, len))
		memcpy(to, name, (size_t)len);
	else
		r->what = "label";
}

/* Of lines, each with its NUL; there need not be any. */
static void get_strings(struct reader *r, const char *name, struct strlist *to)
{
	int n = fdt_stringlist_count(r->fdt, r->node, name);

	if (n < 0 && n != -FDT_ERR_NOTFOUND)
		r->what = name;
	for (int i = 0; i < n; i++)
		strlist_add(to, "%s", fdt_stringlist_get(r->fdt, r->node, name, i, NULL));
}

static void read_extent(struct reader *r, struct catalog_extent *extent)
{
	get_name(r, extent->name);
	get_copy(r, "uuid", extent->uuid, CATALOG_UUID_LEN);
	get_copy(r, "tag", extent->tag, CATALOG_TAG_LEN);
	extent->id = get_u64(r, "id");
	extent->offset = get_u64(r, "offset");
	extent->size = get_u64(r, "size");
	extent->generation = get_u64(r, "create-generation");
	extent->uid = get_u32(r, "uid");
	extent->gid = get_u32(r, "gid");
	extent->mode = get_u32(r, "mode");
	if (!r->what && extent->mode > 0777)
		r->what = "mode";
}

static int read_report(struct reader *r, struct report *report, char **reason)
{
	const char *node_name = "";
	int parent, node;

	parent = fdt_subnode_offset(r->fdt, 0, "report");
	if (parent == -FDT_ERR_NOTFOUND)
		return 0;
	r->node = parent;
	if (parent < 0)
		r->what = "nodes";
	report->generation = get_u64(r, "generation");
	report->ready_time = get_u64(r, "ready-time");
	get_strings(r, "notes", &report->notes);
	if (r->what)
		goto bad;
	fdt_for_each_subnode(node, r->fdt, parent) {
		struct report_extent *extent = report_add(report);

		r->node = node;
		node_name = fdt_get_name(r->fdt, node, NULL);
		get_name(r, extent->name);
		get_copy(r, "uuid", extent->uuid, CATALOG_UUID_LEN);
		extent->size = get_u64(r, "size");
		extent->verdict = get_u32(r, "verdict");
		get_strings(r, "texts", &extent->texts);
		if (r->what)
			goto bad;
	}
	return 0;

bad:
	*reason = xprintf("/report/%s has no good \"%s\"", node_name, r->what);
	return -EBADMSG;
}

int catalog_parse(const void *fdt, size_t len, struct catalog **catalog, char **reason)
{
	struct reader r = { .fdt = fdt };
	struct catalog *c = NULL;
	uint64_t end = 0;
	int err, node, pool;

	err = len > INT32_MAX ? -FDT_ERR_TRUNCATED : fdt_check_full(fdt, len);
	if (err) {
		*reason = xprintf("it is truncated or damaged (%s)", fdt_strerror(err));
		return -EBADMSG;
	}
	if (fdt_node_check_compatible(fdt, 0, COMPATIBLE)) {
		const char *is = fdt_getprop(fdt, 0, "compatible", NULL);

		*reason = xprintf("it is not a catalog of this version: compatible is \"%s\", not \"%s\"",
				  is ? is : "", COMPATIBLE);
		return -EBADMSG;
	}
	pool = fdt_subnode_offset(fdt, 0, "pool");
	if (pool < 0) {
		*reason = xstrdup("it has no node /pool");
		return -EBADMSG;
	}
	c = xalloc(sizeof(*c));
	r.node = pool;
	get_copy(&r, "uuid", c->uuid, CATALOG_UUID_LEN);
	c->generation = get_u64(&r, "generation");
	c->base = get_u64(&r, "base");
	c->size = get_u64(&r, "size");
	c->metadata_size = get_u64(&r, "metadata-size");
	if (!r.what && c->metadata_size > c->size)
		r.what = "metadata-size";
	if (r.what) {
		*reason = xprintf("/pool has no good \"%s\"", r.what);
		goto fail;
	}
	end = c->metadata_size;
	fdt_for_each_subnode(node, fdt, pool) {
		const char *node_name = fdt_get_name(fdt, node, NULL);
		struct catalog_extent *extent = catalog_add(c);

		r.node = node;
		read_extent(&r, extent);
		/* In order, apart from each other, and inside the pool. */
		if (!r.what && (extent->offset < end || extent->offset >= c->size))
			r.what = "offset";
		if (!r.what && (!extent->size || extent->size > c->size - extent->offset))
			r.what = "size";
		if (r.what) {
			*reason = xprintf("/pool/%s has no good \"%s\"", node_name, r.what);
			goto fail;
		}
		end = extent->offset + extent->size;
	}
	if (node != -FDT_ERR_NOTFOUND) {
		*reason = xprintf("its nodes cannot be read (%s)", fdt_strerror(node));
		goto fail;
	}
	if (read_report(&r, &c->report, reason))
		goto fail;
	*catalog = c;
	return 0;

fail:
	catalog_free(c);
	return -EBADMSG;
}

int catalog_read(const char *path, struct catalog **catalog, char **reason)
{
	char *data;
	size_t len;
	int r;

	*reason = NULL;
	r = file_read(path, CATALOG_FILE_MAX, &data, &len);
	if (r == -EFBIG) {
		*reason = xprintf("it is larger than %u bytes", CATALOG_FILE_MAX);
		return -EBADMSG;
	}
	if (r) {
		if (r != -ENOENT)
			*reason = xprintf("it cannot be read: %s", strerror(-r));
		return r;
	}
	r = catalog_parse(data, len, catalog, reason);
	free(data);
	return r;
}

/*
 * Writing.
 */

static int put_strings(void *fdt, const char *name, const struct strlist *list)
{
	size_t len = 0;
	char *all, *p;
	int r;

	for (size_t i = 0; i < list->n; i++)
		len += strlen(list->v[i]) + 1;
	if (!len)
		return 0;
	p = all = xalloc(len);
	for (size_t i = 0; i < list->n; i++)
		p = stpcpy(p, list->v[i]) + 1;
	r = fdt_property(fdt, name, all, (int)len);
	free(all);
	return r;
}

static int put_report(void *fdt, const struct report *report)
{
	int r = 0;

	if (!report->generation)
		return 0;
	r |= fdt_begin_node(fdt, "report");
	r |= fdt_property_u64(fdt, "generation", report->generation);
	r |= fdt_property_u64(fdt, "ready-time", report->ready_time);
	r |= put_strings(fdt, "notes", &report->notes);
	for (size_t i = 0; i < report->n && !r; i++) {
		const struct report_extent *e = &report->extents[i];
		char node[32];

		snprintf(node, sizeof(node), "extent@%zx", i);
		r |= fdt_begin_node(fdt, node);
		r |= fdt_property_string(fdt, "label", e->name);
		r |= fdt_property(fdt, "uuid", e->uuid, CATALOG_UUID_LEN);
		r |= fdt_property_u64(fdt, "size", e->size);
		r |= fdt_property_u32(fdt, "verdict", e->verdict);
		r |= put_strings(fdt, "texts", &e->texts);
		r |= fdt_end_node(fdt);
	}
	return r | fdt_end_node(fdt);
}

static int put(void *fdt, const struct catalog *c)
{
	int r = 0;

	/* libfdt's errors are negative and these return 0: any sets the sign bit. */
	r |= fdt_finish_reservemap(fdt);
	r |= fdt_begin_node(fdt, "");
	r |= fdt_property_string(fdt, "compatible", COMPATIBLE);
	r |= fdt_begin_node(fdt, "pool");
	r |= fdt_property(fdt, "uuid", c->uuid, CATALOG_UUID_LEN);
	r |= fdt_property_u64(fdt, "generation", c->generation);
	r |= fdt_property_u64(fdt, "base", c->base);
	r |= fdt_property_u64(fdt, "size", c->size);
	r |= fdt_property_u64(fdt, "metadata-size", c->metadata_size);
	for (size_t i = 0; i < c->n && !r; i++) {
		const struct catalog_extent *e = &c->extents[i];
		char node[32];

		snprintf(node, sizeof(node), "extent@%" PRIx64, e->offset);
		r |= fdt_begin_node(fdt, node);
		r |= fdt_property_string(fdt, "label", e->name);
		r |= fdt_property_u64(fdt, "id", e->id);
		r |= fdt_property(fdt, "uuid", e->uuid, CATALOG_UUID_LEN);
		r |= fdt_property_u64(fdt, "offset", e->offset);
		r |= fdt_property_u64(fdt, "size", e->size);
		r |= fdt_property_u32(fdt, "uid", e->uid);
		r |= fdt_property_u32(fdt, "gid", e->gid);
		r |= fdt_property_u32(fdt, "mode", e->mode);
		r |= fdt_property(fdt, "tag", e->tag, CATALOG_TAG_LEN);
		r |= fdt_property_u64(fdt, "create-generation", e->generation);
		r |= fdt_end_node(fdt);
	}
	r |= fdt_end_node(fdt);
	r |= put_report(fdt, &c->report);
	r |= fdt_end_node(fdt);
	return r | fdt_finish(fdt);
}

void *catalog_format(const struct catalog *catalog, size_t *len)
{
	size_t room = 4096 + (catalog->n + catalog->report.n) * 512;
	void *fdt;

	/* An extent takes less than 512 bytes; the loop is for long reports. */
	for (;; room *= 2) {
		fdt = xalloc(room);
		if (!fdt_create(fdt, (int)room) && !put(fdt, catalog))
			break;
		free(fdt);
		if (room > CATALOG_FILE_MAX)
			abort();
	}
	*len = fdt_totalsize(fdt);
	return fdt;
}

int catalog_write(const char *path, const struct catalog *catalog)
{
	size_t len;
	void *fdt = catalog_format(catalog, &len);
	/* It holds a physical address: for root, as the driver has it. */
	int r = file_replace(path, fdt, len, 0600, true);

	free(fdt);
	return r;
}

/*
 * Showing.
 */

static struct json_object *json_u64(uint64_t v)
{
	return json_object_new_uint64(v);
}

/* A tag is usually text: shown as such when it is, else in hexadecimal. */
static char *tag_string(const uint8_t *tag)
{
	size_t len = strnlen((const char *)tag, CATALOG_TAG_LEN), i;
	char *s = xalloc(2 + CATALOG_TAG_LEN * 2 + 1);

	for (i = 0; i < CATALOG_TAG_LEN; i++) {
		if (i < len ? tag[i] < ' ' || tag[i] > '~' : tag[i])
			break;
	}
	if (i == CATALOG_TAG_LEN) {
		memcpy(s, tag, len);
		return s;
	}
	strcpy(s, "0x");
	for (i = 0; i < CATALOG_TAG_LEN; i++)
		snprintf(s + 2 + i * 2, 3, "%02x", tag[i]);
	return s;
}

char *catalog_json(const struct catalog *catalog)
{
	struct json_object *root = json_object_new_object();
	struct json_object *pool = json_object_new_object();
	struct json_object *extents = json_object_new_array();
	struct json_object *differences = json_object_new_array();
	char uuid[UUID_STRING_SIZE];
	struct strlist lines = { 0 };
	char *text;

	json_object_object_add(pool, "uuid",
			       json_object_new_string(uuid_string(catalog->uuid, uuid)));
	json_object_object_add(pool, "generation", json_u64(catalog->generation));
	json_object_object_add(pool, "base", json_u64(catalog->base));
	json_object_object_add(pool, "size", json_u64(catalog->size));
	json_object_object_add(pool, "metadata_size", json_u64(catalog->metadata_size));
	for (size_t i = 0; i < catalog->n; i++) {
		const struct catalog_extent *e = &catalog->extents[i];
		struct json_object *o = json_object_new_object();
		char mode[8], *tag = tag_string(e->tag);

		snprintf(mode, sizeof(mode), "%04o", e->mode & 07777);
		json_object_object_add(o, "name", json_object_new_string(e->name));
		json_object_object_add(o, "id", json_u64(e->id));
		json_object_object_add(o, "uuid",
				       json_object_new_string(uuid_string(e->uuid, uuid)));
		json_object_object_add(o, "offset", json_u64(e->offset));
		json_object_object_add(o, "size", json_u64(e->size));
		json_object_object_add(o, "uid", json_u64(e->uid));
		json_object_object_add(o, "gid", json_u64(e->gid));
		json_object_object_add(o, "mode", json_object_new_string(mode));
		json_object_object_add(o, "tag", json_object_new_string(tag));
		json_object_object_add(o, "generation", json_u64(e->generation));
		json_object_array_add(extents, o);
		free(tag);
	}
	json_object_object_add(root, "version", json_object_new_int(1));
	json_object_object_add(root, "pool", pool);
	json_object_object_add(root, "extents", extents);
	report_differences(&catalog->report, &lines);
	for (size_t i = 0; i < lines.n; i++)
		json_object_array_add(differences, json_object_new_string(lines.v[i]));
	strlist_clear(&lines);
	json_object_object_add(root, "differences", differences);
	text = xstrdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
						      JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	return text;
}
