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
	"  -n, --dry-run            say what would be loaded and what was checked, stay\n"
	"  -j, --json               with --dry-run, for programs\n"
	"  -h, --help               show this help\n"
	"\n"
	"What is not given is as pmpoold.conf says.\n";

/* Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request, struct given *given, bool *dry)
{
	static const struct option options[] = {
		REQUEST_OPTIONS,
		{ "dry-run", no_argument, NULL, 'n' },
		OPTION_JSON, END_OPTIONS
	};
	static const struct command command = { "kexec", help, options, NULL, 0, 0 };
	int status;
	int c;

	while ((c = next_option(&command, argc, argv, given)) != -1) {
		if (c == 'n') {
			*dry = true;
			continue;
		}
		status = request_option(request, c);
		if (status)
			return status;
	}
	if (given->status < 0 && given->json && !*dry) {
		say("--json is for --dry-run: a kexec has nothing to show");
		return say_usage("kexec");
	}
	return given->status;
}

int verb_kexec(int argc, char **argv)
{
	struct request request = { 0 };
	struct given given = { 0 };
	bool dry = false;
	int status;

	status = parse(argc, argv, &request, &given, &dry);
	if (status < 0)
		status = dry ? ask_for_verdict("DryRun", &request, given.json) :
			       ask_daemon("Kexec", &request, NULL);
	request_free(&request);
	return status;
}
