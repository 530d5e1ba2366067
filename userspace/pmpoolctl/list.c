// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl list: the extents of the pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl list [--json] [--bytes]\n"
	"List the extents of the pool in the order of their offsets.\n"
	"\n"
	"  -j, --json   for programs\n"
	"  -b, --bytes  sizes and offsets in bytes\n"
	"  -h, --help   show this help\n";

static struct table *new_table(void)
{
	static const char *const headings[] = {
		"NAME", "SIZE", "OFFSET", "OWNER", "MODE", "STATE", "GEN",
	};

	return table_new(sizeof(headings) / sizeof(*headings), headings);
}

static void add_row(struct table *table, const struct pmpool_entry *entry, bool exact)
{
	char generation[24];
	char owner[OWNER_TEXT];
	char offset[SIZE_TEXT];
	char size[SIZE_TEXT];
	char mode[MODE_TEXT];

	snprintf(generation, sizeof(generation), "%" PRIu64, pmpool_entry_generation(entry));

	table_row(table, (const char *const[]){
		pmpool_entry_name(entry),
		format_size(size, pmpool_entry_size(entry), exact),
		format_size(offset, pmpool_entry_offset(entry), exact),
		format_owner(owner, pmpool_entry_uid(entry), pmpool_entry_gid(entry)),
		format_mode(mode, pmpool_entry_mode(entry)),
		entry_state_text(entry),
		generation,
	});
}

/* Into the one of table and array that there is. Returns 0 or a negative errno. */
static int walk(struct pmpool *pool, struct table *table, bool exact, struct json_object *array)
{
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	int ret;

	while (!(ret = pmpool_next(pool, &cursor, &entry))) {
		if (array)
			json_object_array_add(array, entry_to_json(entry));
		else
			add_row(table, entry, exact);
		pmpool_entry_free(entry);
	}
	return ret == -ENOENT ? 0 : ret;
}

int verb_list(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, OPTION_BYTES, END_OPTIONS };
	static const struct command command = { "list", help, options, NULL, 0, 0 };
	struct json_object *array = NULL;
	struct table *table = NULL;
	struct given given = { 0 };
	struct pmpool *pool;
	int status;
	int ret;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	if (given.json)
		array = json_object_new_array();
	else
		table = new_table();

	ret = walk(pool, table, given.exact, array);
	pmpool_close(pool);

	if (ret) {
		say("cannot list the extents: %s", error_text(ret));
		status = error_status(ret);
		json_object_put(array);
	} else if (given.json) {
		status = print_json(array);
	} else {
		table_print(table);
		status = finish_output(CTL_OK);
	}

	if (table)
		table_free(table);
	return status;
}
