// SPDX-License-Identifier: GPL-2.0-only
/* status.json */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "file.h"
#include "status.h"

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	json_object_object_add(o, key, v);
}

static struct json_object *string(const char *s)
{
	return s ? json_object_new_string(s) : NULL;
}

static struct json_object *timestamp(time_t t)
{
	char buf[32];
	struct tm tm;

	if (!t)
		return NULL;
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return string(buf);
}

static struct json_object *nanoseconds(uint64_t t)
{
	return timestamp((time_t)(t / 1000000000));
}

/* Microseconds from the last kernel's end until then, or null. */
static struct json_object *took(const struct handover *h, uint64_t then)
{
	uint64_t ns;

	return handover_took(h, then, &ns) ?
	       json_object_new_uint64(ns / 1000) : NULL;
}

static struct json_object *handover_json(const struct handover *h)
{
	struct json_object *o = json_object_new_object();

	add(o, "let_go", nanoseconds(h->let_go));
	add(o, "attached", nanoseconds(h->attached));
	add(o, "attached_usec", took(h, h->attached));
	add(o, "ready", nanoseconds(h->ready));
	add(o, "ready_usec", took(h, h->ready));
	return o;
}

static struct json_object *extents_json(const struct handover *h)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < h->n; i++) {
		const struct handover_extent *x = &h->extents[i];
		struct json_object *o = json_object_new_object();

		add(o, "name", string(x->name));
		add(o, "verdict", string(x->verdict));
		add(o, "missing", json_object_new_boolean(x->missing));
		add(o, "was_clean", x->clean < 0 ? NULL : json_object_new_boolean(x->clean));
		add(o, "size", json_object_new_uint64(x->bytes));
		add(o, "first_open", nanoseconds(x->first_open));
		add(o, "first_open_usec", took(h, x->first_open));
		json_object_array_add(a, o);
	}
	return a;
}

static struct json_object *strings(const struct strlist *list)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < list->n; i++)
		json_object_array_add(a, string(list->v[i]));
	return a;
}

static struct json_object *declared_json(const struct declared *declared)
{
	struct json_object *o = json_object_new_object();

	add(o, "extents", json_object_new_uint64(declared->n));
	add(o, "problems", strings(&declared->problems));
	return o;
}

static struct json_object *pool_json(const struct pool *from)
{
	const struct catalog *pool = from->catalog;
	struct json_object *o = json_object_new_object();
	char uuid[UUID_STRING_SIZE];

	add(o, "uuid", string(uuid_string(pool->uuid, uuid)));
	add(o, "generation", json_object_new_uint64(pool->generation));
	add(o, "extents", json_object_new_uint64(pool->n));
	add(o, "backing", string(from->backing));
	return o;
}

static struct json_object *catalog_object(const struct status *status)
{
	struct json_object *o = json_object_new_object();
	const struct catalog *c = status->catalog;

	add(o, "path", string(status->catalog_path));
	add(o, "extents", c ? json_object_new_uint64(c->n) : NULL);
	add(o, "generation", c ? json_object_new_uint64(c->generation) : NULL);
	add(o, "differences", strings(status->differences));
	return o;
}

static struct json_object *staged_json(const struct staged *staged)
{
	struct json_object *o = json_object_new_object();

	add(o, "ok", json_object_new_boolean(staged->ok));
	add(o, "forced", json_object_new_boolean(staged->forced));
	add(o, "kernel", string(staged->kernel));
	add(o, "release", string(staged->release));
	add(o, "initrd", string(staged->initrd));
	add(o, "cmdline", string(staged->cmdline));
	add(o, "reasons", strings(&staged->reasons));
	add(o, "losses", strings(&staged->losses));
	add(o, "time", timestamp(staged->time));
	return o;
}

static struct json_object *checks_json(const struct staged *staged)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < staged->n; i++) {
		struct json_object *o = json_object_new_object();

		add(o, "name", string(staged->checks[i].name));
		add(o, "ok", json_object_new_boolean(staged->checks[i].ok));
		add(o, "text", string(staged->checks[i].text));
		json_object_array_add(a, o);
	}
	return a;
}

int status_write(const char *path, const struct status *status)
{
	struct json_object *root = json_object_new_object();
	struct utsname uts;
	const char *text;
	int r;

	uname(&uts);
	add(root, "version", json_object_new_int(1));
	add(root, "pid", json_object_new_int(getpid()));
	add(root, "time", timestamp(time(NULL)));
	add(root, "kernel_running", string(uts.release));
	add(root, "pool", status->pool->catalog ? pool_json(status->pool) : NULL);
	add(root, "catalog", catalog_object(status));
	add(root, "handover", status->pool->catalog ? handover_json(status->handover) : NULL);
	add(root, "extents", extents_json(status->handover));
	add(root, "declared", declared_json(status->declared));
	add(root, "nothing_lent", string(status->nothing_lent));
	add(root, "staged", staged_json(status->staged));
	add(root, "checks", checks_json(status->staged));
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	/* In /run: it need not outlive the machine's power. */
	r = file_replace(path, text, strlen(text), 0644, false);
	json_object_put(root);
	return r;
}
