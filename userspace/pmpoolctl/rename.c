// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl rename: give an extent another name.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "ctl.h"

static const char help[] =
	"Usage: pmpoolctl rename OLD NEW\n"
	"Give the extent OLD the name NEW; not while it is mapped.\n"
	"\n"
	"  -h, --help  show this help\n";

int verb_rename(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *old, *new;
	struct pmpool *pool;
	int status;
	int c, ret;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return finish_output(CTL_OK);
		default:
			return say_usage("rename");
		}
	}
	if (argc - optind != 2) {
		if (argc - optind < 2)
			say("rename needs the old name and the new one");
		else
			say("rename takes the old name and the new one, not '%s' as well",
			    argv[optind + 2]);
		return say_usage("rename");
	}
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
	pmpool_close(pool);

	if (ret)
		return ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	return CTL_OK;
}
