// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command lines: what is the same for all verbs.
 */
#include <stdio.h>

#include "ctl.h"
#include "options.h"

#define MOST_OPTIONS 32

/* For getopt_long(), "mt:": from the table of the long ones. */
static void short_options(const struct option *options, char letters[2 * MOST_OPTIONS + 1])
{
	int i;

	for (i = 0; options->name && i < MOST_OPTIONS; options++, i++) {
		*letters++ = (char)options->val;
		if (options->has_arg == required_argument)
			*letters++ = ':';
	}
	*letters = '\0';
}

static int check_arguments(const struct command *command, int argc, char **argv)
{
	int n = argc - optind;

	if (n >= command->least && n <= command->most)
		return -1;

	if (n < command->least)
		say("%s needs %s", command->verb, command->arguments);
	else if (command->most == 0)
		say("%s takes no argument: '%s'", command->verb, argv[optind]);
	else
		say("%s takes %s, not '%s' as well", command->verb, command->arguments,
		    argv[optind + command->most]);
	return say_usage(command->verb);
}

int next_option(const struct command *command, int argc, char **argv, struct given *given)
{
	char letters[2 * MOST_OPTIONS + 1];
	int c;

	short_options(command->options, letters);
	while ((c = getopt_long(argc, argv, letters, command->options, NULL)) != -1) {
		if (c == 'h') {
			fputs(command->help, stdout);
			given->status = finish_output(CTL_OK);
			return -1;
		}
		if (c == '?') {
			given->status = say_usage(command->verb);
			return -1;
		}
		if (c == 'j')
			given->json = true;
		else if (c == 'b')
			given->exact = true;
		else
			return c;
	}
	given->status = check_arguments(command, argc, argv);
	return -1;
}

int parse_options(const struct command *command, int argc, char **argv, struct given *given)
{
	while (next_option(command, argc, argv, given) != -1)
		;
	return given->status;
}

int wrong_option(const char *option, const char *wrong)
{
	say("--%s '%s': %s", option, optarg, wrong);
	return CTL_USAGE;
}
