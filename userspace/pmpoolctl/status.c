// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl status: whether the pool is well and a kexec now would preserve it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl status [--json] [--bytes]\n"
	"Show the state of the pool, what became of its extents in the last kexec, and\n"
	"whether a kexec now would preserve it.\n"
	"Exit status: 0 when all is well, 3 when a kexec would not preserve the pool, 4\n"
	"when there is none; 5 when a kexec would, but extents are missing or changed and\n"
	"nobody has accepted that, or declared extents could not be made.\n"
	"\n"
	"  -j, --json   for programs\n"
	"  -b, --bytes  sizes in bytes\n"
	"  -h, --help   show this help\n";

static void print_pool_summary(const struct pmpool_pool_info *info, bool exact)
{
	char largest[SIZE_TEXT];
	char size[SIZE_TEXT];
	char avail[SIZE_TEXT];
	char lent[SIZE_TEXT];
	char held[SIZE_TEXT];

	printf("pool:         %s, generation %" PRIu64 ", %s\n",
	       pool_state_text(pmpool_info_state(info)), pmpool_info_generation(info),
	       pmpool_info_was_clean(info) ?
	       "clean" : "not left in an orderly way by the previous kernel");
	printf("size:         %s, %s free, largest run %s, extents %u of %u\n",
	       format_size(size, pmpool_info_size(info), exact),
	       format_size(avail, pmpool_info_free_size(info), exact),
	       format_size(largest, pmpool_info_largest_free(info), exact),
	       pmpool_info_extents(info), pmpool_info_max_extents(info));
	if (pmpool_info_lent(info))
		printf("lent:         %s of what is free, to the system%s\n",
		       format_size(lent, pmpool_info_lent(info), exact),
		       pmpool_info_emptying(info) ? "; some of it is being taken back" : "");
	if (pmpool_info_held(info))
		printf("kernel:       users inside it have %s\n",
		       format_size(held, pmpool_info_held(info), exact));
	printf("backing:      %s", pmpool_info_backing(info));
	if (pmpool_info_base(info))
		printf(" at 0x%" PRIx64, pmpool_info_base(info));
	printf("\n");
}

static void print_daemon_summary(const struct daemon_status *status, bool exact)
{
	struct json_object *catalog;

	if (!status->running) {
		printf("daemon:       %s\n", status->problem);
		return;
	}

	printf("daemon:       pmpoold runs, pid %" PRId64 ", as of %s\n",
	       json_object_get_int64(member(status->json, "pid", json_type_int)),
	       member_text(status->json, "time", "-"));

	catalog = member(status->json, "catalog", json_type_object);
	if (catalog)
		printf("catalog:      %s, extents %" PRId64 ", generation %" PRId64 "\n",
		       member_text(catalog, "path", "-"),
		       json_object_get_int64(member(catalog, "extents", json_type_int)),
		       json_object_get_int64(member(catalog, "generation", json_type_int)));

	print_handover(status, exact);
	print_staged(status);
	print_checks(status);
}

void pool_problems(const struct pmpool_pool_info *info, struct json_object *problems)
{
	const char *text;

	switch (pmpool_info_state(info)) {
	case PMPOOL_OK:
		return;
	case PMPOOL_READ_ONLY:
		text = error_text(-EROFS);
		break;
	default:
		text = error_text(-EUCLEAN);
	}
	json_object_array_add(problems, json_object_new_string(text));
}

static int print_status_json(const struct pmpool_pool_info *info, struct daemon_status *daemon,
			     struct json_object *problems, int status)
{
	struct json_object *root = json_object_new_object();
	struct json_object *about = json_object_new_object();
	int written;

	json_object_object_add(about, "running", json_object_new_boolean(daemon->running));
	json_object_object_add(about, "status", json_object_get(daemon->json));

	json_object_object_add(root, "safe", json_object_new_boolean(status == CTL_OK ||
								    status == CTL_ATTENTION));
	json_object_object_add(root, "problems", json_object_get(problems));
	json_object_object_add(root, "pool", info ? pool_to_json(info) : NULL);
	json_object_object_add(root, "daemon", about);

	written = print_json(root);
	return status == CTL_OK ? written : status;
}

static int print_status(const struct pmpool_pool_info *info, const struct daemon_status *daemon,
			struct json_object *problems, bool exact, int status)
{
	if (info)
		print_pool_summary(info, exact);
	print_daemon_summary(daemon, exact);

	printf("safe:         %s\n", status == CTL_OK || status == CTL_ATTENTION ?
	       "yes, a kexec now preserves the pool" : "NO");
	if (status == CTL_ATTENTION)
		printf("attention:    look at this; pmpoolctl reconcile accepts extents that are missing or changed\n");
	print_lines(stdout, status == CTL_ATTENTION ? "  LOOK  " : "  FAIL  ", problems);
	return finish_output(status);
}

int verb_status(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, OPTION_BYTES, END_OPTIONS };
	static const struct command command = { "status", help, options, NULL, 0, 0 };
	struct pmpool_pool_info *info = NULL;
	struct given given = { 0 };
	struct daemon_status daemon;
	struct json_object *problems;
	struct pmpool *pool;
	int status;
	int ret;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	problems = json_object_new_array();
	status = open_pool(O_RDONLY, &pool);
	if (!status) {
		ret = pmpool_get_info(pool, &info);
		pmpool_close(pool);
		if (ret) {
			say("cannot describe the pool: %s", error_text(ret));
			status = error_status(ret);
			info = NULL;
		}
	}
	if (info)
		pool_problems(info, problems);
	else
		json_object_array_add(problems, json_object_new_string("the pool can not be opened"));

	daemon_read(&daemon);
	if (info)
		handover_refresh(&daemon, info);
	kexec_problems(&daemon, kexec_loaded(), problems);
	other_problems(&daemon, problems);
	if (!status && json_object_array_length(problems))
		status = CTL_UNSAFE;
	if (attention_problems(&daemon, problems) && !status)
		status = CTL_ATTENTION;

	if (given.json)
		status = print_status_json(info, &daemon, problems, status);
	else
		status = print_status(info, &daemon, problems, given.exact, status);

	daemon_free(&daemon);
	json_object_put(problems);
	pmpool_info_free(info);
	return status;
}
