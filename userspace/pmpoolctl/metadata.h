/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pool's metadata, looked at and mended with the driver's own code: what
 * check, dump, export and limit share.
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

/*
 * How often the record of the extent with that number has changed: a writable
 * mapping that begins or ends changes it, and so does a write after a seal.
 * -ENOENT: there is no such extent.
 */
int metadata_changes(const void *metadata, size_t size, uint64_t id, uint64_t *changes);

/*
 * Whether the block at that offset in the pool was touched since its extent was
 * created: else it reads as zeroes.
 */
bool metadata_touched(const void *metadata, size_t size, uint64_t offset);

#endif /* PMPOOLCTL_METADATA_H */
