/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool in figures, as OpenMetrics text.
 */
#ifndef PMPOOLCTL_METRICS_H
#define PMPOOLCTL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmpool.h>

struct metrics_extent {
	struct pmpool_entry *entry;
	int64_t mappings;	/* -1: not known */
};

struct metrics {
	const struct pmpool_pool_info *info;
	struct metrics_extent *extents;
	size_t n;
	int daemon_up;		/* 0 or 1 */
	int kexec_safe;		/* -1: nobody knows */
	size_t problems;	/* how many, when that is known */
};

/* What the daemon says of the next kernel, and all that is wrong; info is set. */
struct daemon_status;
void metrics_daemon(struct metrics *metrics, const struct daemon_status *daemon, bool loaded);

/* On stdout. */
void metrics_print(const struct metrics *metrics);

#endif /* PMPOOLCTL_METRICS_H */
