/* SPDX-License-Identifier: GPL-2.0-only */
/* The pool as the driver shows it. */
#ifndef PMPOOLD_POOL_H
#define PMPOOLD_POOL_H

#include "catalog.h"

struct pool {
	struct catalog *catalog;	/* its extents now */
	unsigned int state;		/* enum pmpool_pool_state */
	uint64_t free;			/* bytes, those that are lent included */
	uint64_t lent;
	uint64_t held;			/* by users inside the kernel */
	char backing[16];		/* its name; "" when there is no pool */
	unsigned int format;		/* version of the on-memory format */
	uint64_t let_go;		/* by the kernel before; ns since the epoch, or 0 */
	uint64_t attached;
};

/*
 * Read all of it. -ENOENT, -ENXIO or -ENODEV: there is no pool. The device is
 * not kept open: a daemon must not be what prevents the driver's unloading.
 */
int pool_read(struct pool *pool);
void pool_clear(struct pool *pool);
bool pool_equal(const struct pool *a, const struct pool *b);
/* Whether the kernel itself keeps the region, and uses what is free of it. */
bool pool_is_cma(const struct pool *pool);

/* "ok", "read-only" or "degraded"; "none" when there is no pool. */
const char *pool_state_name(const struct pool *pool);

#endif
