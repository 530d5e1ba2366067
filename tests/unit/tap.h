/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test programs print TAP: "ok N - what" or "not ok N - what" for each check,
 * and the plan at the end.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_checks, tap_failures;

__attribute__((format(printf, 2, 3), unused))
static void ok(bool cond, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%sok %u - ", cond ? "" : "not ", ++tap_checks);
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
	tap_failures += !cond;
}

/* Prints the plan. Returns the exit status of the program. */
__attribute__((unused))
static int done(void)
{
	printf("1..%u\n", tap_checks);
	return tap_failures || !tap_checks;
}

#endif /* TESTS_UNIT_TAP_H */
