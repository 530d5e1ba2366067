/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver of another kernel. */
#ifndef PMPOOLD_MODULE_H
#define PMPOOLD_MODULE_H

#include <stdbool.h>

/* Which backings a driver has, as far as it says. */
struct module_backings {
	bool said;		/* else it is an old one, and has "reserved" only */
	bool cma;
};

/* What a pool asks of a driver. */
struct module_need {
	unsigned int format;	/* version of the on-memory format */
	bool held;		/* to leave alone what users inside the kernel have */
};

/*
 * Whether the kernel of that release, whose modules are under root (""), will
 * load a driver that attaches a pool that needs that. *text is a new string: what
 * was found, and if it does not fit what to do. backings may be NULL.
 */
bool module_fits(const char *root, const char *release, const struct module_need *need,
		 struct module_backings *backings, char **text);

/* Read "1-2". */
bool module_parse_range(const char *text, unsigned int *first, unsigned int *last);
/* Whether a list with spaces in between has that word. */
bool module_lists(const char *list, const char *word);

#endif
