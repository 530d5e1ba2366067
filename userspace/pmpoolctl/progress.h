/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PMPOOLCTL_PROGRESS_H
#define PMPOOLCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A line on stderr that says how far a long piece of work is: only on a
 * terminal, and only when the work takes over a second. say() takes it away
 * before it writes.
 */
struct progress {
	const char *what;	/* "exporting 'cache'" */
	uint64_t total;		/* bytes of work; 0: nobody knows */
	int64_t start;		/* nanoseconds, of the monotonic clock */
	int64_t next;		/* when to show it again */
	bool visible;		/* stderr is a terminal */
};

/* what must live as long as progress. */
void progress_begin(struct progress *progress, const char *what, uint64_t total);
/* Cheap enough for every block. done is in bytes, and out of total. */
void progress_update(struct progress *progress, uint64_t done);
/* Takes the line away. */
void progress_end(struct progress *progress);

/* Take away the line that is shown, if one is. */
void progress_hide(void);

/* What is shown after that many nanoseconds, in fewer than width columns. */
void progress_line(char *to, size_t len, unsigned int width, const struct progress *progress,
		   uint64_t done, int64_t elapsed);

#endif /* PMPOOLCTL_PROGRESS_H */
