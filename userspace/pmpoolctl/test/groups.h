/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests of many small checks: a group of them is one line of TAP, and each
 * that fails says so above it.
 */
#ifndef PMPOOLCTL_TEST_GROUPS_H
#define PMPOOLCTL_TEST_GROUPS_H

#include <stdio.h>

#include "tap.h"

static unsigned int failures;

#define CHECK(what, ...)						\
	do {								\
		if (!(what)) {						\
			failures++;					\
			printf("# %s:%d: %s", __FILE__, __LINE__, #what);	\
			printf(" " __VA_ARGS__);			\
			printf("\n");					\
		}							\
	} while (0)

static void run(void (*test)(void), const char *what)
{
	unsigned int before = failures;

	test();
	ok(failures == before, "%s", what);
}

#endif /* PMPOOLCTL_TEST_GROUPS_H */
