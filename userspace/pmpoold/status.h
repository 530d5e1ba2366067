/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon knows, for pmpoolctl and for people. */
#ifndef PMPOOLD_STATUS_H
#define PMPOOLD_STATUS_H

#include <stdbool.h>
#include <time.h>

#include "declared.h"
#include "handover.h"
#include "preflight.h"

#define STATUS_PATH "/run/pmpool/status.json"

/* Why nothing can be staged while there is no pool. */
#define NO_POOL "pool: there is no pool: load the driver with modprobe pmpool"

struct staged {
	bool ok;
	bool forced;		/* not ok, and staged all the same */
	bool loaded;		/* there is an image, and it is this */
	int count;		/* stage_count() after it */
	time_t time;		/* of the verdict; 0: there has been none */
	char *kernel;		/* of the verdict; NULL: not known */
	char *release;
	char *initrd;
	char *cmdline;
	struct strlist reasons;	/* why not */
	struct strlist losses;	/* what a kexec all the same would lose */
	struct check checks[PREFLIGHT_MAX];
	size_t n;
};

struct status {
	const struct pool *pool;	/* its catalog is NULL: there is none */
	const char *catalog_path;
	const struct catalog *catalog;	/* as it is on disk; NULL: not known */
	const struct strlist *differences;
	const struct handover *handover;
	const struct declared *declared;
	const struct staged *staged;
	const char *nothing_lent;	/* why; or NULL */
};

int status_write(const char *path, const struct status *status);

#endif
