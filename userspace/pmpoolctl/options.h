/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A verb's command line, described.
 */
#ifndef PMPOOLCTL_OPTIONS_H
#define PMPOOLCTL_OPTIONS_H

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>

struct command {
	const char *verb;
	const char *help;
	const struct option *options;	/* each long one has a letter */
	const char *arguments;		/* what stands behind them: "a name and a size" */
	int least, most;		/* how many */
};
#define ANY_NUMBER INT_MAX

/* Options that mean the same everywhere; END_OPTIONS ends a table. */
#define OPTION_JSON	{ "json", no_argument, NULL, 'j' }
#define OPTION_BYTES	{ "bytes", no_argument, NULL, 'b' }
#define END_OPTIONS	{ "help", no_argument, NULL, 'h' }, { 0 }

struct given {
	bool json;
	bool exact;	/* --bytes */
	int status;	/* -1: go on, else the exit status of the verb */
};

/*
 * The next option that is the verb's own: its letter. -1: there are no more, and
 * given->status is set; if that says to go on, arguments begin at argv[optind].
 * What is wrong with options or the number of arguments has been said.
 */
int next_option(const struct command *command, int argc, char **argv, struct given *given);

/* For verbs that have no options of their own. Returns given->status. */
int parse_options(const struct command *command, int argc, char **argv, struct given *given);

/* Say what is wrong with the option's argument. Returns CTL_USAGE. */
int wrong_option(const char *option, const char *wrong);

#endif /* PMPOOLCTL_OPTIONS_H */
