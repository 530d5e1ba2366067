// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl info: the pool, or one extent of it.
 */
#include <fcntl.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl info [--json] [--bytes] [NAME]\n"
	"Show the extent NAME, or the pool.\n"
	"\n"
	"  -j, --json   for programs\n"
	"  -b, --bytes  sizes and offsets in bytes\n"
	"  -h, --help   show this help\n";

static int show_pool(struct pmpool *pool, const struct given *given)
{
	struct pmpool_pool_info *info;
	int status;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (ret) {
		say("cannot show the pool: %s", error_text(ret));
		return error_status(ret);
	}

	if (given->json) {
		status = print_json(pool_to_json(info));
	} else {
		print_pool(info, given->exact);
		status = finish_output(CTL_OK);
	}
	pmpool_info_free(info);
	return status;
}

int verb_info(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, OPTION_BYTES, END_OPTIONS };
	static const struct command command = { "info", help, options, "one name", 0, 1 };
	struct given given = { 0 };
	struct pmpool *pool;
	const char *name;
	int status;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	name = argv[optind];
	if (name && !check_name("show", name))
		return CTL_USAGE;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	status = name ? show_extent(pool, name, &given) : show_pool(pool, &given);
	pmpool_close(pool);
	return status;
}
