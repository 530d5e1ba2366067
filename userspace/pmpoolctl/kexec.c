// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl kexec: into the next kernel, if the pool survives that.
 */
#include <stdio.h>

#include "options.h"
#include "request.h"

static const char help[] =
	"Usage: pmpoolctl kexec [OPTION...]\n"
	"Let pmpoold check and load the next kernel, and start it as systemctl kexec does.\n"
	"Refuse, with exit status 3 and the reasons, when that would lose the pool.\n"
	"\n"
	REQUEST_HELP
	"  -f, --force              start it although that loses the pool: say what is lost\n"
	"  -n, --dry-run            say what would be loaded and what was checked, stay\n"
	"  -j, --json               with --dry-run, for programs\n"
	"  -h, --help               show this help\n"
	"\n"
	"What is not given is as pmpoold.conf says; but Initrd= there is not used with\n"
	"--kernel, nor CommandLine= with --reuse-cmdline.\n";

/* Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request, struct given *given, bool *dry)
{
	static const struct option options[] = {
		REQUEST_OPTIONS,
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		OPTION_JSON, END_OPTIONS
	};
	static const struct command command = { "kexec", help, options, NULL, 0, 0 };
	int status;
	int c;

	while ((c = next_option(&command, argc, argv, given)) != -1) {
		status = CTL_OK;
		if (c == 'n')
			*dry = true;
		else if (c == 'f')
			request->force = true;
		else
			status = request_option(request, c);
		if (status)
			return status;
	}
	if (given->status < 0 && *dry && request->force) {
		say("--force starts the next kernel, --dry-run does not: give one of them");
		return say_usage("kexec");
	}
	if (given->status < 0 && given->json && !*dry) {
		say("--json is for --dry-run: a kexec has nothing to show");
		return say_usage("kexec");
	}
	return given->status;
}

/* Say what a kexec all the same will lose, before it does. Returns an exit status. */
static int warn(struct request *request)
{
	struct daemon_status verdict;
	struct json_object *staged;
	int status;

	request->force = false;
	status = ask_daemon("DryRun", request, &verdict);
	request->force = true;
	if (status)
		return status;

	staged = member(verdict.json, "staged", json_type_object);
	if (!json_object_get_boolean(member(staged, "ok", json_type_boolean))) {
		say("forced, although a kexec now could lose the pool:");
		print_lines(stderr, "  ", member(staged, "reasons", json_type_array));
		print_lines(stderr, "  ", member(staged, "losses", json_type_array));
	}
	daemon_free(&verdict);
	return CTL_OK;
}

int verb_kexec(int argc, char **argv)
{
	struct request request = { 0 };
	struct given given = { 0 };
	bool dry = false;
	int status;

	status = parse(argc, argv, &request, &given, &dry);
	if (status < 0 && dry) {
		status = ask_for_verdict("DryRun", &request, given.json);
	} else if (status < 0) {
		status = request.force ? warn(&request) : CTL_OK;
		if (!status)
			status = ask_daemon("Kexec", &request, NULL);
	}
	request_free(&request);
	return status;
}
