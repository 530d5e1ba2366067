/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the next kernel is to be, as a command line asks for it.
 */
#ifndef PMPOOLCTL_REQUEST_H
#define PMPOOLCTL_REQUEST_H

#include <stdbool.h>

#include "ctl.h"

/* NULL: not asked for; pmpoold's configuration says it then. */
struct request {
	char *kernel;
	char *initrd;		/* "none": without one */
	char *append;
	char *cmdline;
	bool reuse;
	bool force;
};

/* For the options of a verb. */
#define REQUEST_OPTIONS \
	{ "kernel", required_argument, NULL, 'k' }, \
	{ "initrd", required_argument, NULL, 'i' }, \
	{ "append", required_argument, NULL, 'a' }, \
	{ "command-line", required_argument, NULL, 'c' }, \
	{ "reuse-cmdline", no_argument, NULL, 'r' }

#define REQUEST_HELP \
	"  -k, --kernel=FILE        this kernel image\n" \
	"  -i, --initrd=FILE        this initial RAM disk, or 'none'\n" \
	"  -a, --append=TEXT        add TEXT to its command line\n" \
	"  -c, --command-line=TEXT  TEXT is all of its command line\n" \
	"  -r, --reuse-cmdline      take the running kernel's command line\n"

/*
 * Take the option c, whose argument is optarg, if it is one of them. Returns
 * CTL_OK, or says what is wrong with it.
 */
int request_option(struct request *request, int c);
void request_free(struct request *request);

/*
 * bus.c: ask pmpoold, by a method of org.pmpool1.Manager; one that takes options
 * with a request. What it answers becomes verdict, which may be NULL: free it by
 * daemon_free(). Returns an exit status, having said why not.
 */
int ask_daemon(const char *method, const struct request *request,
	       struct daemon_status *verdict);

/* The same, by a method that takes a text and answers nothing. */
int tell_daemon(const char *method, const char *text);

/* stage.c: ask for a verdict and show it. Returns an exit status. */
int ask_for_verdict(const char *method, const struct request *request, bool json);

#endif /* PMPOOLCTL_REQUEST_H */
