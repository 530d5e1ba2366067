/* SPDX-License-Identifier: GPL-2.0-only */
/* pmpoold.conf */
#ifndef PMPOOLD_CONFIG_H
#define PMPOOLD_CONFIG_H

#include "strlist.h"

#define CONFIG_PATH "/etc/pmpool/pmpoold.conf"

/* NULL: not given. */
struct config {
	char *kernel;
	char *initrd;		/* "none": without one */
	char *append;
	char *cmdline;		/* the whole of it: checked, not repaired */
	char *lend;		/* how much of the pool is lent to the system */
	char *headroom;		/* of what is not */
};

/*
 * Read path; that it does not exist is fine. Everything wrong with it is added
 * to problems, and what is right is used.
 */
void config_read(struct config *config, const char *path, struct strlist *problems);
void config_clear(struct config *config);

#endif
