/* SPDX-License-Identifier: GPL-2.0-only */
/* The initial RAM disk of the next kernel. */
#ifndef PMPOOLD_INITRD_H
#define PMPOOLD_INITRD_H

#include "strlist.h"

/*
 * Open the files, of which there is at least one, as one file: several are
 * joined as a boot loader joins them. Returns a descriptor. Negative: *reason
 * is a new string that names the file and says what is wrong with it.
 */
int initrd_open(const struct strlist *paths, char **reason);

/* Whether that would do: as initrd_open(), and nothing stays open. */
int initrd_check(const struct strlist *paths, char **reason);

#endif
