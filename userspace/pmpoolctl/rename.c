// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl rename: give an extent another name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl rename [--json] OLD NEW\n"
	"Give the extent OLD the name NEW; not while it is mapped.\n"
	"\n"
	"  -j, --json  describe the extent as it is now, for programs\n"
	"  -h, --help  show this help\n";

int verb_rename(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, END_OPTIONS };
	static const struct command command = {
		"rename", help, options, "the old name and the new one", 2, 2
	};
	struct given given = { 0 };
	const char *old, *new;
	struct pmpool *pool;
	int status;
	int ret;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	old = argv[optind];
	new = argv[optind + 1];
	if (!check_name("rename", old) || !check_name("rename to", new))
		return CTL_USAGE;

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	ret = pmpool_rename(pool, old, new);
	if (ret == -EEXIST)
		say("cannot rename '%s' to '%s': an extent of that name exists; choose another name",
		    old, new);
	else if (ret)
		say("cannot rename '%s': %s", old, change_error(ret));

	if (ret)
		status = ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	else if (given.json)
		status = show_extent(pool, new, &given);
	pmpool_close(pool);
	return status;
}
