/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in the machine's memory a pool can be.
 */
#ifndef PMPOOLCTL_RAM_H
#define PMPOOLCTL_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmdline.h>

struct ram {
	struct region *v;	/* System RAM, lowest first, none next to another */
	size_t n;
	uint64_t total;
	bool hidden;		/* only root sees addresses */
};

/*
 * Read path, which has the form of /proc/iomem. own is what a pool has now, or
 * of size 0: without the reservation that is System RAM too. Returns 0 or a
 * negative errno.
 */
int ram_read(const char *path, const struct region *own, struct ram *ram);
/*
 * Find, in a map of that form, the pool that the kernel itself keeps (backing
 * "cma"), with a driver or without. False: there is none.
 */
bool ram_pool(const char *path, struct region *region);
void ram_free(struct ram *ram);

/*
 * Choose where size bytes can be. False: nowhere; then *largest is the largest
 * region that could be, of size 0 if none.
 */
bool ram_choose(const struct ram *ram, uint64_t size, struct region *region,
		struct region *largest);

/* Whether a region can be there: NULL, or what is wrong with it, for free(). */
char *ram_check(const struct ram *ram, const struct region *region);

#endif /* PMPOOLCTL_RAM_H */
