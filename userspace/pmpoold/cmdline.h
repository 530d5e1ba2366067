/* SPDX-License-Identifier: GPL-2.0-only */
/* The next kernel's command line. */
#ifndef PMPOOLD_CMDLINE_H
#define PMPOOLD_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "strlist.h"

/* COMMAND_LINE_SIZE of x86, its NUL included. */
#define CMDLINE_MAX 2048

struct region {
	uint64_t base;
	uint64_t size;
};

/* What the two kernels have to do with the region: bits. */
enum {
	/* The running one has the backing "cma": the map it hands on reserves the region. */
	CMDLINE_FROM_CMA = 1 << 0,
	/* The next one has it: pmpool= is for it. */
	CMDLINE_TO_CMA = 1 << 1,
};

/*
 * Make the next kernel's command line from the current one: what the boot
 * loader added for itself is dropped, the region's reservation is there exactly
 * once, and pmpool= if the next kernel knows it and not else; append (may be
 * NULL) is added as far as it is not there already. What a person should know
 * about it is added to notes. NULL: it cannot be done, and problems says why.
 */
char *cmdline_compose(const char *current, const char *append, const struct region *region,
		      unsigned int how, struct strlist *notes, struct strlist *problems);

/* What a command line does, whatever else is wrong with it. */
struct cmdline_means {
	bool reserved;		/* the region is left alone */
	bool found;		/* the driver is loaded, and finds it */
};

/*
 * Check that a kernel started with this command line leaves the region alone
 * and finds it. Adds a line to problems for everything that prevents it. max:
 * the longest command line that the kernel takes, without the NUL; 0: not known.
 * How the region is reserved, and what else should be known, goes to notes.
 */
struct cmdline_means cmdline_check(const char *cmdline, const struct region *region,
				   unsigned int how, uint32_t max, struct strlist *notes,
				   struct strlist *problems);

/*
 * The command line without the reservation of a pool, which is region then (of
 * size 0: it has none), and without what cmdline_compose() drops: a new string.
 * NULL: it has a quote that is not closed.
 */
char *cmdline_without(const char *cmdline, struct region *region);

/* "memmap=SIZE$BASE", "pmpool.region=SIZE@BASE", "pmpool=SIZE@BASE": new strings. */
char *cmdline_memmap(const struct region *region);
char *cmdline_region(const struct region *region);
char *cmdline_pool(const struct region *region);

#endif
