// SPDX-License-Identifier: GPL-2.0-only
/* What was staged last, as JSON. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "file.h"
#include "record.h"
#include "strlist.h"

#define RECORD_MAX (64u << 10)

static void add_string(struct json_object *o, const char *key, const char *s)
{
	json_object_object_add(o, key, s ? json_object_new_string(s) : NULL);
}

int record_write(const char *path, const struct record *record)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	int r;

	json_object_object_add(o, "count", json_object_new_int(record->count));
	json_object_object_add(o, "loaded", json_object_new_boolean(record->loaded));
	json_object_object_add(o, "force", json_object_new_boolean(record->request.force));
	add_string(o, "kernel", record->request.kernel);
	add_string(o, "initrd", record->request.initrd);
	add_string(o, "cmdline", record->request.cmdline);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_SPACED |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	r = file_replace(path, text, strlen(text), 0644, false);
	json_object_put(o);
	return r;
}

static struct json_object *get(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, type) ? v : NULL;
}

static char *get_string(struct json_object *o, const char *key)
{
	struct json_object *v = get(o, key, json_type_string);

	return v ? xstrdup(json_object_get_string(v)) : NULL;
}

int record_read(const char *path, struct record *record)
{
	struct json_object *o, *count;
	char *text;
	int r;

	*record = (struct record){ .count = -1 };
	r = file_read(path, RECORD_MAX, &text, NULL);
	if (r)
		return r;
	o = json_tokener_parse(text);
	free(text);
	count = get(o, "count", json_type_int);
	if (!count) {
		json_object_put(o);
		return -EBADMSG;
	}
	record->count = json_object_get_int(count);
	record->loaded = json_object_get_boolean(get(o, "loaded", json_type_boolean));
	record->request.force = json_object_get_boolean(get(o, "force", json_type_boolean));
	record->request.kernel = get_string(o, "kernel");
	record->request.initrd = get_string(o, "initrd");
	record->request.cmdline = get_string(o, "cmdline");
	json_object_put(o);
	return 0;
}
