// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl set: change an extent's mode, owner, group or tag.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl set OPTION... NAME\n"
	"Change attributes of the extent NAME: all that are given, or none.\n"
	"\n"
	"  -m, --mode=MODE    permission bits in octal\n"
	"  -o, --owner=USER   owner: a name or a number\n"
	"  -g, --group=GROUP  group: a name or a number\n"
	"  -t, --tag=TEXT     up to 16 bytes that say what it holds\n"
	"  -j, --json         describe the extent as it is now, for programs\n"
	"  -h, --help         show this help\n";

/* Add what stands on the command line to change. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct pmpool_change *change, struct given *given)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "owner", required_argument, NULL, 'o' },
		{ "group", required_argument, NULL, 'g' },
		{ "tag", required_argument, NULL, 't' },
		OPTION_JSON, END_OPTIONS
	};
	static const struct command command = { "set", help, options, "one name", 1, 1 };
	const char *wrong = NULL;
	const char *option = "";
	bool any = false;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int c;

	while ((c = next_option(&command, argc, argv, given)) != -1) {
		switch (c) {
		case 'm':
			option = "mode";
			wrong = parse_mode(optarg, &mode);
			if (!wrong)
				pmpool_change_set_mode(change, mode);
			break;
		case 'o':
			option = "owner";
			wrong = parse_user(optarg, &uid);
			if (!wrong)
				pmpool_change_set_uid(change, uid);
			break;
		case 'g':
			option = "group";
			wrong = parse_group(optarg, &gid);
			if (!wrong)
				pmpool_change_set_gid(change, gid);
			break;
		case 't':
			option = "tag";
			if (pmpool_change_set_tag(change, optarg, strlen(optarg)))
				wrong = "longer than 16 bytes";
			break;
		}
		if (wrong)
			return wrong_option(option, wrong);
		any = true;
	}
	if (given->status >= 0)
		return given->status;
	if (!check_name("change", argv[optind]))
		return CTL_USAGE;
	if (!any) {
		say("cannot change '%s': say what: --mode, --owner, --group or --tag", argv[optind]);
		return say_usage("set");
	}
	return -1;
}

static int set(const char *name, const struct pmpool_change *change, const struct given *given)
{
	struct pmpool *pool;
	int status;
	int ret;

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	ret = pmpool_set(pool, name, change);
	if (ret == -EPERM || ret == -EACCES)
		say("cannot change '%s': only its owner or root may; and only root may give it to another owner, or to a group that one is not in",
		    name);
	else if (ret == -EINVAL)
		say("cannot change '%s': the driver refuses the mode, owner or group; see pmpoolctl(1) for what they may be",
		    name);
	else if (ret)
		say("cannot change '%s': %s", name, change_error(ret));

	if (ret)
		status = ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	else if (given->json)
		status = show_extent(pool, name, given);
	pmpool_close(pool);
	return status;
}

int verb_set(int argc, char **argv)
{
	struct pmpool_change *change;
	struct given given = { 0 };
	int status;
	int ret;

	ret = pmpool_change_new(&change);
	if (ret) {
		say("%s", error_text(ret));
		return CTL_FAILED;
	}

	status = parse(argc, argv, change, &given);
	if (status < 0)
		status = set(argv[optind], change, &given);
	pmpool_change_free(change);
	return status;
}
