// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl resize: make an extent longer or shorter where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl resize [--json] [--bytes] NAME SIZE\n"
	"Make the extent NAME SIZE bytes long. It stays where it is; what is added\n"
	"reads as zeroes, what is cut off is lost. SIZE is like 4096, 2M or 1.5GiB.\n"
	"\n"
	"  -j, --json   describe the extent as it is now, for programs\n"
	"  -b, --bytes  sizes in bytes\n"
	"  -h, --help   show this help\n";

int verb_resize(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, OPTION_BYTES, END_OPTIONS };
	static const struct command command = {
		"resize", help, options, "one name and one size", 2, 2
	};
	struct given given = { 0 };
	uint64_t largest = 0;
	struct pmpool *pool;
	char text[SIZE_TEXT];
	const char *wrong;
	char why[512];
	const char *name;
	uint64_t size;
	int status;
	int ret;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	name = argv[optind];
	if (!check_name("resize", name))
		return CTL_USAGE;
	wrong = parse_size(argv[optind + 1], &size);
	if (!wrong && size == 0)
		wrong = "an extent has at least 1 byte; see pmpoolctl remove";
	if (wrong) {
		say("cannot resize '%s': size '%s': %s", name, argv[optind + 1], wrong);
		return CTL_USAGE;
	}

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	ret = pmpool_resize(pool, name, size, &largest);
	if (ret) {
		resize_error(why, sizeof(why), name, ret, size, largest, given.exact);
		say("%s", why);
		status = ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	} else if (given.json) {
		status = show_extent(pool, name, &given);
	} else {
		printf("resized '%s': %s\n", name, format_size(text, size, given.exact));
		status = finish_output(CTL_OK);
	}
	pmpool_close(pool);
	return status;
}
