/* SPDX-License-Identifier: GPL-2.0-only */
/* What extents.d declares: extents that there are to be. */
#ifndef PMPOOLD_DECLARED_H
#define PMPOOLD_DECLARED_H

#include <stdbool.h>
#include <sys/types.h>

#include "catalog.h"

struct declaration {
	char *file;
	unsigned int line;	/* of its [Extent] */
	bool bad;		/* something is wrong with it: nothing is done */
	char name[CATALOG_NAME_MAX + 1];
	uint64_t size;
	uint64_t align;		/* 0: any */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	uint8_t tag[CATALOG_TAG_LEN];
	char *failed;		/* why it could not be made, when that was tried; or NULL */
	/* What is not given is not compared, but for the owner. */
	bool has_owner, has_group, has_mode, has_tag;
};

struct declared {
	struct declaration *v;	/* in the order of the files */
	size_t n;
	struct strlist wrong;	/* with the files */
	struct strlist problems;	/* of all kinds, see declared_compare() */
};

/* Read the files of dirs, a list that ends with NULL. */
void declared_read(struct declared *declared, const char *const *dirs);
void declared_clear(struct declared *declared);

/*
 * Add how the extent that there is differs from what is declared, a line each.
 * base is where the pool lies.
 */
void declaration_compare(const struct declaration *d, const struct catalog_extent *is,
			 uint64_t base, struct strlist *problems);

/*
 * What is wrong now: with the files, with what could not be made and is not there,
 * and with what is there and differs. pool may be NULL.
 */
void declared_compare(struct declared *declared, const struct catalog *pool);

/*
 * Make those that pool has not, but for those that lost says are missing. Returns
 * how many were made.
 */
size_t declared_make(struct declared *declared, const struct catalog *pool,
		     const struct report *lost);

#endif
