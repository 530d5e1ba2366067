// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is said on standard error.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "progress.h"

void say(const char *format, ...)
{
	va_list args;

	/* So that what was printed before stands before it. */
	fflush(stdout);
	progress_hide();

	fputs("pmpoolctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int say_usage(const char *verb)
{
	fprintf(stderr, "Try 'pmpoolctl %s --help'.\n", verb);
	return CTL_USAGE;
}

bool check_name(const char *verb, const char *name)
{
	if (pmpool_name_valid(name))
		return true;

	if (strlen(name) > PMPOOL_NAME_MAX)
		say("cannot %s '%s': the name is %zu characters long; the limit is %d", verb, name,
		    strlen(name), PMPOOL_NAME_MAX);
	else
		say("cannot %s '%s': a name is 1 to %d characters of [A-Za-z0-9._-], not '.' or '..'",
		    verb, name, PMPOOL_NAME_MAX);
	return false;
}

int open_pool(int flags, struct pmpool **pool)
{
	int ret = pmpool_open(NULL, flags, pool);

	if (!ret)
		return CTL_OK;

	if (error_status(ret) == CTL_NO_POOL)
		say("%s", error_text(ret));
	else if (ret == -ENOTTY)
		say("%s is not a pool; something else has put it there", PMPOOL_DEVICE);
	else
		say("cannot open %s: %s", PMPOOL_DEVICE, error_text(ret));
	return error_status(ret);
}

int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;

	say("cannot write the output: %s", strerror(errno));
	return status == CTL_OK ? CTL_FAILED : status;
}
