/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of KEY=VALUE lines, in [SECTION]s or not. */
#ifndef PMPOOLD_SETTINGS_H
#define PMPOOLD_SETTINGS_H

#include "strlist.h"

enum settings_line {
	SETTINGS_END,
	SETTINGS_SECTION,	/* key is its name */
	SETTINGS_VALUE,		/* key and value */
	SETTINGS_OTHER,		/* key is all of the line */
};

struct settings {
	char *data, *next;
	unsigned int line;
	char *key, *value;
};

/*
 * Read path. What is wrong with it is added to problems, but that it does not
 * exist: then it is empty.
 */
void settings_read(struct settings *settings, const char *path, struct strlist *problems);
/* The next line that says something. */
enum settings_line settings_next(struct settings *settings);
void settings_clear(struct settings *settings);

#endif
