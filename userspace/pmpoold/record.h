/* SPDX-License-Identifier: GPL-2.0-only */
/* What was staged last, for whoever comes after the daemon. */
#ifndef PMPOOLD_RECORD_H
#define PMPOOLD_RECORD_H

#include "request.h"

#define RECORD_PATH "/run/pmpool/staged.json"

struct record {
	int count;			/* stage_count() after it; -1: loads are not counted */
	bool loaded;			/* there is an image */
	struct kexec_request request;	/* with which the same is staged again */
};

int record_write(const char *path, const struct record *record);
/* -ENOENT: nothing was staged. -EBADMSG: it makes no sense. */
int record_read(const char *path, struct record *record);

#endif
