// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl remove: give extents' blocks back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl remove NAME...\n"
	"Remove extents and what they hold. Their blocks are free at once.\n"
	"\n"
	"  -h, --help  show this help\n";

int verb_remove(int argc, char **argv)
{
	static const struct option options[] = { END_OPTIONS };
	static const struct command command = {
		"remove", help, options, "a name", 1, ANY_NUMBER
	};
	struct given given = { 0 };
	struct pmpool *pool;
	int status;
	int i, ret;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	/* All of them before the first is gone. */
	for (i = optind; i < argc; i++)
		if (!check_name("remove", argv[i]))
			return CTL_USAGE;

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	for (i = optind; i < argc; i++) {
		ret = pmpool_remove(pool, argv[i]);
		if (ret) {
			say("cannot remove '%s': %s", argv[i], remove_error(ret));
			status = ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
		}
	}
	pmpool_close(pool);
	return status;
}
