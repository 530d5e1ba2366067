/* SPDX-License-Identifier: GPL-2.0-only */
/* Boot loader entries: type 1 of the Boot Loader Specification. */
#ifndef PMPOOLD_ENTRY_H
#define PMPOOLD_ENTRY_H

#include <stdbool.h>

#include "strlist.h"

/* Paths are as the entry has them: from the root of its file system. */
struct entry {
	char *linux_path;	/* NULL: there is none, it is not a kernel's */
	struct strlist initrds;
	char *options;		/* NULL: there are none */
	bool other_machine;	/* for another architecture */
};

/*
 * Read an entry from the text of path. -EBADMSG: *reason is a new string that
 * names file and line, and what is wrong there.
 */
int entry_parse(struct entry *entry, const char *path, const char *text, size_t len,
		char **reason);
void entry_clear(struct entry *entry);

/*
 * Whether the name of an entry's file says that booting it has been tried as
 * often as it may be, without success: it ends with +0 or +0-N before .conf.
 */
bool entry_is_bad(const char *name);

#endif
