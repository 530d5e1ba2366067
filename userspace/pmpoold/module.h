/* SPDX-License-Identifier: GPL-2.0-only */
/* The driver of another kernel. */
#ifndef PMPOOLD_MODULE_H
#define PMPOOLD_MODULE_H

#include <stdbool.h>

/*
 * Whether the kernel of that release, whose modules are under root (""), will
 * load a driver that attaches a pool of that format version. *text is a new
 * string: what was found, and if it does not fit what to do.
 */
bool module_fits(const char *root, const char *release, unsigned int format, char **text);

/* Read "1-2". */
bool module_parse_range(const char *text, unsigned int *first, unsigned int *last);

#endif
