// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pmpoold says of the extents after the last kernel handed them over.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"

#define EXTENTS_SYSFS "/sys/class/pmpool"

/* When the driver saw an extent opened first; 0: not yet, or it is gone. */
static uint64_t first_open(const char *name)
{
	char path[sizeof(EXTENTS_SYSFS) + PMPOOL_NAME_MAX + sizeof("//first_open")];
	uint64_t time = 0;
	FILE *f;

	snprintf(path, sizeof(path), EXTENTS_SYSFS "/%s/first_open", name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &time) != 1)
		time = 0;
	fclose(f);
	return time;
}

void handover_refresh(struct daemon_status *status, const struct pmpool_pool_info *info)
{
	struct json_object *extents = member(status->json, "extents", json_type_array);
	uint64_t let_go = pmpool_info_handover_time(info);
	size_t i;

	for (i = 0; extents && i < json_object_array_length(extents); i++) {
		struct json_object *extent = json_object_array_get_idx(extents, i);
		const char *name = member_text(extent, "name", NULL);
		char text[TIME_TEXT];
		uint64_t time;

		if (!name || !pmpool_name_valid(name) || member(extent, "first_open", json_type_string))
			continue;
		time = first_open(name);
		if (!time)
			continue;
		json_object_object_add(extent, "first_open",
				       json_object_new_string(format_time(text, time)));
		if (let_go && time >= let_go)
			json_object_object_add(extent, "first_open_usec",
					       json_object_new_uint64((time - let_go) / 1000));
	}
}

size_t attention_problems(const struct daemon_status *status, struct json_object *problems)
{
	struct json_object *catalog = member(status->json, "catalog", json_type_object);
	struct json_object *declared = member(status->json, "declared", json_type_object);
	struct json_object *const lists[] = {
		member(catalog, "differences", json_type_array),
		member(declared, "problems", json_type_array),
	};
	size_t n = 0;
	size_t i, j;

	for (i = 0; status->running && i < 2; i++) {
		for (j = 0; lists[i] && j < json_object_array_length(lists[i]); j++, n++)
			json_object_array_add(problems,
					      json_object_get(json_object_array_get_idx(lists[i], j)));
	}
	return n;
}

/* "9.812 s", or NULL when it is not known. */
static const char *format_took(char to[32], struct json_object *of, const char *name)
{
	struct json_object *usec = member(of, name, json_type_int);

	if (!usec)
		return NULL;
	snprintf(to, 32, "%.3f s", json_object_get_double(usec) / 1e6);
	return to;
}

static void print_times(struct json_object *handover)
{
	const char *let_go = member_text(handover, "let_go", NULL);
	char attached[32], ready[32];
	const char *took;

	took = format_took(attached, handover, "attached_usec");
	if (!let_go)
		printf("hand-over:    the last kernel did not say when it let go of the pool\n");
	else if (!took)
		printf("hand-over:    how long it took is not known: the clock was set back since the last kernel let go of the pool, at %s\n",
		       let_go);
	else if (!format_took(ready, handover, "ready_usec"))
		printf("hand-over:    pool attached %s after the last kernel let go of it\n", took);
	else
		printf("hand-over:    pool attached %s after the last kernel let go of it, pmpoold ready after %s\n",
		       took, ready);
}

static const char *left(struct json_object *extent)
{
	struct json_object *was_clean = member(extent, "was_clean", json_type_boolean);

	if (!was_clean)
		return "-";
	return json_object_get_boolean(was_clean) ? "clean" : "dirty";
}

void print_handover(const struct daemon_status *status, bool exact)
{
	static const char *const headings[] = { "NAME", "FOUND", "LEFT", "SIZE", "FIRST OPENED" };
	struct json_object *extents = member(status->json, "extents", json_type_array);
	struct json_object *handover = member(status->json, "handover", json_type_object);
	struct table *table;
	size_t i;

	if (handover)
		print_times(handover);
	if (!extents || !json_object_array_length(extents))
		return;

	table = table_new(sizeof(headings) / sizeof(*headings), headings);
	for (i = 0; i < json_object_array_length(extents); i++) {
		struct json_object *extent = json_object_array_get_idx(extents, i);
		struct json_object *size = member(extent, "size", json_type_int);
		const char *opened;
		char after[48], text[SIZE_TEXT], took[32];

		opened = format_took(took, extent, "first_open_usec");
		if (opened) {
			snprintf(after, sizeof(after), "after %s", opened);
			opened = after;
		}
		table_row(table, (const char *const[]){
			member_text(extent, "name", "?"),
			member_text(extent, "verdict", "?"),
			left(extent),
			format_size(text, json_object_get_uint64(size), exact),
			opened ? opened : member_text(extent, "first_open", "-"),
		});
	}
	table_print(table);
	table_free(table);
}
