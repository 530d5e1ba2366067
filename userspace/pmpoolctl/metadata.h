/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool's metadata, looked at and mended with the driver's own code: what
 * check, dump and limit share.
 */
#ifndef PMPOOLCTL_METADATA_H
#define PMPOOLCTL_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pmpool.h>

/*
 * The users that have a limit in metadata of size bytes, PMPOOL_ANY_USER
 * included, into new memory. Returns 0 or a negative errno.
 */
int metadata_limits(const void *metadata, size_t size, uid_t **users, size_t *n);

#endif /* PMPOOLCTL_METADATA_H */
