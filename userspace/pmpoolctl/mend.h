/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be done about what is wrong with metadata, and doing it.
 */
#ifndef PMPOOLCTL_MEND_H
#define PMPOOLCTL_MEND_H

#include "examine.h"

/* Second opinions: pmpoold's catalogs, the one to be believed most first. */
#define CATALOG_PATH "/var/lib/pmpool/catalog.dtb"

struct catalog;

struct opinion {
	char *path;
	struct catalog *catalog;
	bool kept;	/* not the current one: what it lists may be gone for good */
};

struct opinions {
	struct opinion *v;
	size_t n;
};

/*
 * Read the catalog at path; or, when path is NULL, the one that pmpoold writes
 * and the older ones it kept. One that is not of this pool, or not readable, is
 * left out, which is said unless it was looked for unasked. fmt is as examine()
 * left it. Returns an exit status.
 */
int opinions_load(const char *path, const struct pmpool_format *fmt, struct opinions *opinions);
void opinions_free(struct opinions *opinions);

struct step {
	enum {
		STEP_SUPER_COPY,	/* one superblock over the other */
		STEP_SUPER_MAKE,	/* both anew */
		STEP_RECORD,		/* a slot gets a record */
		STEP_PLACE,		/* it gets the one it has, in both places */
		STEP_CONFIRM,		/* the same, for a driver that did not trust it */
		STEP_ZERO,		/* size bytes, reserved ones */
		STEP_BITS,		/* size is the mask of those to clear */
		STEP_UNSEAL,		/* the kernel's bitmap is not to be believed */
	} kind;
	int slot;
	struct pmpool_format_record record;
	struct pmpool_super super;
	u64 from;
	u64 to;
	u64 size;
	char name[64];
	char *text;
	char *error;			/* why it failed; NULL: it did not */
};

struct plan {
	struct step *v;
	size_t n;
	bool refused;		/* nothing is to be touched */
	/* Why something is not mended. */
	char *why_slot[PMPOOL_FORMAT_SLOTS];
	char *why_super;
	char *why_rest;
};

/*
 * Plan what to do. fmt is of a copy, which the plan is carried out on. give_up
 * are names or slots that nobody needs back. device: the driver will do it.
 * Returns an exit status; says what is wrong with give_up.
 */
int plan_make(struct pmpool_format *fmt, const struct opinions *opinions,
	      char *const *give_up, size_t n, bool device, struct plan *plan);
/* Carry it out, on the pool or the file. Returns how many steps failed. */
size_t plan_run(struct plan *plan, struct source *source);
/* Why a finding is not mended; NULL: not known. */
const char *plan_why(const struct plan *plan, const struct finding *finding);
void plan_free(struct plan *plan);

#endif /* PMPOOLCTL_MEND_H */
