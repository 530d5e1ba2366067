// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl reconcile: what differs from the catalog is known.
 */
#include <stdio.h>

#include "options.h"
#include "request.h"

static const char help[] =
	"Usage: pmpoolctl reconcile\n"
	"Take the pool as it is now for what it should be: pmpoold stops to report what\n"
	"was different when the pool was attached, such as missing extents. The catalog\n"
	"from before is kept.\n"
	"\n"
	"  -h, --help  show this help\n";

int verb_reconcile(int argc, char **argv)
{
	static const struct option options[] = { END_OPTIONS };
	static const struct command command = { "reconcile", help, options, NULL, 0, 0 };
	struct given given = { 0 };
	int status;

	status = parse_options(&command, argc, argv, &given);
	return status < 0 ? ask_daemon("Reconcile", NULL, NULL) : status;
}
