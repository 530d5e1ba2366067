// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl stage: have pmpoold check and load the next kernel.
 */
#include <stdio.h>

#include "options.h"
#include "request.h"

static const char help[] =
	"Usage: pmpoolctl stage [OPTION...]\n"
	"Let pmpoold choose, check and load the next kernel anew, and show what came of\n"
	"it. Exit status 3 when nothing is loaded, for it would lose the pool.\n"
	"\n"
	REQUEST_HELP
	"  -j, --json               for programs\n"
	"  -h, --help               show this help\n"
	"\n"
	"What is not given is as pmpoold.conf says; but Initrd= there is not used with\n"
	"--kernel, nor CommandLine= with --reuse-cmdline.\n";

int ask_for_verdict(const char *method, const struct request *request, bool json)
{
	struct daemon_status verdict;
	struct json_object *staged;
	int status;
	bool safe;

	status = ask_daemon(method, request, &verdict);
	if (status)
		return status;

	staged = member(verdict.json, "staged", json_type_object);
	safe = json_object_get_boolean(member(staged, "ok", json_type_boolean));
	if (json) {
		status = print_json(json_object_get(verdict.json));
	} else {
		print_staged(&verdict);
		print_checks(&verdict);
		status = finish_output(CTL_OK);
	}
	if (!safe) {
		say("a kexec now could lose the pool:");
		print_lines(stderr, "  ", member(staged, "reasons", json_type_array));
		say("a kexec all the same, by pmpoolctl kexec --force:");
		print_lines(stderr, "  ", member(staged, "losses", json_type_array));
		status = CTL_UNSAFE;
	}
	daemon_free(&verdict);
	return status;
}

/* Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request, struct given *given)
{
	static const struct option options[] = { REQUEST_OPTIONS, OPTION_JSON, END_OPTIONS };
	static const struct command command = { "stage", help, options, NULL, 0, 0 };
	int status;
	int c;

	while ((c = next_option(&command, argc, argv, given)) != -1) {
		status = request_option(request, c);
		if (status)
			return status;
	}
	return given->status;
}

int verb_stage(int argc, char **argv)
{
	struct request request = { 0 };
	struct given given = { 0 };
	int status;

	status = parse(argc, argv, &request, &given);
	if (status < 0)
		status = ask_for_verdict("Stage", &request, given.json);
	request_free(&request);
	return status;
}
