/* SPDX-License-Identifier: GPL-2.0-only */
/* The way from the last kernel to this one: how the extents came, and when. */
#ifndef PMPOOLD_HANDOVER_H
#define PMPOOLD_HANDOVER_H

#include "pool.h"
#include "report.h"

#define EXTENTS_SYSFS "/sys/class/pmpool"

struct handover_extent {
	char name[CATALOG_NAME_MAX + 1];
	char verdict[REPORT_VERDICT_SIZE];	/* as report_verdict(), or "created" since */
	bool missing;
	int clean;		/* as the last kernel left it; -1: not known */
	uint64_t bytes;
	uint64_t first_open;	/* 0: not yet */
};

/* Times are nanoseconds since the Unix epoch, 0: not known. */
struct handover {
	uint64_t let_go;	/* of the pool, by the last kernel, at its end */
	uint64_t attached;	/* by this one */
	uint64_t ready;		/* the daemon, with all that an attach asks for */
	struct handover_extent *extents;	/* by offset, then those that are missing */
	size_t n;
};

/* What pool, report and the driver's directory of extents in sysfs say. */
void handover_fill(struct handover *handover, const struct pool *pool,
		   const struct report *report, const char *sysfs);
void handover_clear(struct handover *handover);

/*
 * How long it took from the end of the last kernel until then. false: that is
 * not known, or not true, for the clock was set back in between.
 */
bool handover_took(const struct handover *handover, uint64_t then, uint64_t *nanoseconds);

#endif
