/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole files: read at once, replaced at once. */
#ifndef PMPOOLD_FILE_H
#define PMPOOLD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Read all of path, at most max bytes (-EFBIG beyond), into new memory with a
 * NUL behind it.
 */
int file_read(const char *path, size_t max, char **data, size_t *len);

/*
 * Replace path by data: whoever opens it, whenever the machine stops, finds all
 * of the old content or all of the new. durable: on the disk when this returns.
 * Says what failed before it returns a negative errno.
 */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, bool durable);

/* Make a rename or link in path's directory durable. */
int file_sync_dir(const char *path);

#endif
