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
	/* What is not given is not compared. */
	bool has_owner, has_group, has_mode, has_tag;
};

struct declared {
	struct declaration *v;	/* in the order of the files */
	size_t n;
	struct strlist problems;	/* with the files, and later with the pool */
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
 * Make those that pool has not, and say of the others how they differ. Extents
 * that lost says are missing are not made. Returns how many were made.
 */
size_t declared_make(struct declared *declared, const struct catalog *pool,
		     const struct report *lost);

#endif
