/* SPDX-License-Identifier: GPL-2.0-only */
/* The running kernel's map of physical memory. */
#ifndef PMPOOLD_IOMEM_H
#define PMPOOLD_IOMEM_H

#include <stdbool.h>
#include <stdint.h>

#include "cmdline.h"

struct iomem {
	bool readable;		/* addresses are shown: the reader is privileged */
	bool claimed;		/* the driver's resource is exactly the region */
	struct region ram;	/* a System RAM range that overlaps it; size 0: none */
	uint64_t largest_ram;	/* the longest System RAM range */
};

/* Look the region up in path, which has the form of /proc/iomem. */
int iomem_read(const char *path, const struct region *region, struct iomem *iomem);

/* What can be had without swapping, in bytes; 0: not known. */
uint64_t mem_available(void);
/*
 * The same, for what can not be moved: without what is free in CMA areas, such as
 * that of a pool with the cma backing. path has the form of /proc/meminfo.
 */
uint64_t mem_available_to_kernel(const char *path);

#endif
