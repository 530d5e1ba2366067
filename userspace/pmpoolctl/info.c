// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl info: the pool, or one extent of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "ctl.h"

static const char help[] =
	"Usage: pmpoolctl info [--json] [--bytes] [NAME]\n"
	"Show the extent NAME, or the pool.\n"
	"\n"
	"  -j, --json   for programs\n"
	"  -b, --bytes  sizes and offsets in bytes\n"
	"  -h, --help   show this help\n";

static int show_pool(struct pmpool *pool, bool json, bool exact)
{
	struct pmpool_pool_info *info;
	int status;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (ret) {
		say("cannot show the pool: %s", error_text(ret));
		return error_status(ret);
	}

	if (json) {
		status = print_json(pool_to_json(info));
	} else {
		print_pool(info, exact);
		status = finish_output(CTL_OK);
	}
	pmpool_info_free(info);
	return status;
}

static int show_extent(struct pmpool *pool, const char *name, bool json, bool exact)
{
	struct pmpool_entry *entry;
	int status;
	int ret;

	ret = pmpool_lookup(pool, name, &entry);
	if (ret == -ENOENT) {
		say("cannot show '%s': there is no such extent; see pmpoolctl list", name);
		return CTL_FAILED;
	}
	if (ret) {
		say("cannot show '%s': %s", name, error_text(ret));
		return error_status(ret);
	}

	if (json) {
		status = print_json(entry_to_json(entry));
	} else {
		print_entry(entry, exact);
		status = finish_output(CTL_OK);
	}
	pmpool_entry_free(entry);
	return status;
}

int verb_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "bytes", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct pmpool *pool;
	bool exact = false;
	bool json = false;
	const char *name;
	int status;
	int c;

	while ((c = getopt_long(argc, argv, "jbh", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'b':
			exact = true;
			break;
		case 'h':
			fputs(help, stdout);
			return finish_output(CTL_OK);
		default:
			return say_usage("info");
		}
	}
	if (argc - optind > 1) {
		say("info takes one name, not '%s' as well", argv[optind + 1]);
		return say_usage("info");
	}

	name = argv[optind];
	if (name && !check_name("show", name))
		return CTL_USAGE;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	status = name ? show_extent(pool, name, json, exact) : show_pool(pool, json, exact);
	pmpool_close(pool);
	return status;
}
