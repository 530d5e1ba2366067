// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl set: change an extent's mode, owner, group or tag.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static const char help[] =
	"Usage: pmpoolctl set OPTION... NAME\n"
	"Change attributes of the extent NAME: all that are given, or none.\n"
	"\n"
	"  -m, --mode=MODE    permission bits in octal\n"
	"  -o, --owner=USER   owner: a name or a number\n"
	"  -g, --group=GROUP  group: a name or a number\n"
	"  -t, --tag=TEXT     up to 16 bytes that say what it holds\n"
	"  -h, --help         show this help\n";

/* Add what stands on the command line to change. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct pmpool_change *change)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "owner", required_argument, NULL, 'o' },
		{ "group", required_argument, NULL, 'g' },
		{ "tag", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *wrong = NULL;
	const char *option = "";
	bool given = false;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int c;

	while ((c = getopt_long(argc, argv, "m:o:g:t:h", options, NULL)) != -1) {
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
		case 'h':
			fputs(help, stdout);
			return finish_output(CTL_OK);
		default:
			return say_usage("set");
		}
		if (wrong) {
			say("--%s '%s': %s", option, optarg, wrong);
			return CTL_USAGE;
		}
		given = true;
	}
	if (argc - optind != 1) {
		if (optind == argc)
			say("set needs a name");
		else
			say("set takes one name, not '%s' as well", argv[optind + 1]);
		return say_usage("set");
	}
	if (!check_name("change", argv[optind]))
		return CTL_USAGE;
	if (!given) {
		say("cannot change '%s': say what: --mode, --owner, --group or --tag", argv[optind]);
		return say_usage("set");
	}
	return -1;
}

static int set(const char *name, const struct pmpool_change *change)
{
	struct pmpool *pool;
	int status;
	int ret;

	status = open_pool(O_RDWR, &pool);
	if (status)
		return status;

	ret = pmpool_set(pool, name, change);
	pmpool_close(pool);
	if (ret == -EPERM || ret == -EACCES)
		say("cannot change '%s': only its owner or root may; and only root may give it to another owner, or to a group that one is not in",
		    name);
	else if (ret == -EINVAL)
		say("cannot change '%s': the driver refuses the mode, owner or group; see pmpoolctl(1) for what they may be",
		    name);
	else if (ret)
		say("cannot change '%s': %s", name, change_error(ret));

	if (ret)
		return ret == -ENODEV ? CTL_NO_POOL : CTL_FAILED;
	return CTL_OK;
}

int verb_set(int argc, char **argv)
{
	struct pmpool_change *change;
	int status;
	int ret;

	ret = pmpool_change_new(&change);
	if (ret) {
		say("%s", error_text(ret));
		return CTL_FAILED;
	}

	status = parse(argc, argv, change);
	if (status < 0)
		status = set(argv[optind], change);
	pmpool_change_free(change);
	return status;
}
