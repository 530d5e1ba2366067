/* SPDX-License-Identifier: GPL-2.0-only */
/* What has become of the extents, until an administrator has taken note. */
#ifndef PMPOOLD_REPORT_H
#define PMPOOLD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strlist.h"

/* In the catalog on disk: never given another meaning. */
enum {
	REPORT_MISSING	= 1 << 0,
	REPORT_MOVED	= 1 << 1,
	REPORT_RESIZED	= 1 << 2,
	REPORT_RENAMED	= 1 << 3,
	REPORT_REPLACED	= 1 << 4,	/* by another one of its name */
	REPORT_ACCESS	= 1 << 5,	/* owner, group, mode */
	REPORT_CHANGED	= 1 << 6,	/* id, tag, generation */
	REPORT_NEW	= 1 << 7,	/* which is no loss */
};

struct report_extent {
	char name[64];		/* of one that is missing: as it was */
	uint8_t uuid[16];
	uint32_t verdict;
	uint64_t size;
	struct strlist texts;	/* a line for each difference */
};

struct report {
	uint64_t generation;	/* of the pool, when it was made; 0: never */
	uint64_t ready_time;	/* when the daemon had done all that an attach asks for; ns, or 0 */
	struct strlist notes;	/* what is about no single extent */
	struct report_extent *extents;	/* those that are not the same */
	size_t n;
};

struct catalog;

void report_clear(struct report *report);
void report_copy(struct report *to, const struct report *from);
bool report_equal(const struct report *a, const struct report *b);

/* Add one that is zeroed; the pointer is good until the next one is added. */
struct report_extent *report_add(struct report *report);
const struct report_extent *report_find(const struct report *report, const uint8_t *uuid);
/* Whether an extent of that name is missing. */
bool report_misses(const struct report *report, const char *name);

/*
 * Add what has happened to the extents of old, in now. Returns how many
 * differences are more than additions: something was lost, moved or changed.
 */
size_t report_compare(struct report *report, const struct catalog *old,
		      const struct catalog *now);

/*
 * Add what an earlier report says and nobody has taken note of. In the same
 * generation that is all of it.
 */
void report_carry(struct report *report, const struct report *earlier);

/* Extents were renamed, removed or brought back since the report was made. */
void report_follow(struct report *report, const struct catalog *now);

/* Every line, without those about additions. */
void report_differences(const struct report *report, struct strlist *differences);

/* "same", "moved", "moved,resized", ... */
#define REPORT_VERDICT_SIZE 64
const char *report_verdict(uint32_t verdict, char buf[REPORT_VERDICT_SIZE]);

#endif
