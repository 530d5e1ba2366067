/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libpmpool share, and the boundary to the kernel's structs:
 * they come in through the *_from_uapi() functions and go no further.
 */
#ifndef PMPOOL_INTERNAL_H
#define PMPOOL_INTERNAL_H

#include <linux/pmpool.h>

#include "pmpool.h"

/* The library is built with hidden visibility: this marks what is exported. */
#define PMPOOL_API __attribute__((visibility("default")))

/*
 * The only caller of ioctl(). arg begins with the size of its struct, already
 * filled in. Returns 0 or a negative errno.
 */
int pmpool_uapi_call(int fd, unsigned long command, void *arg);

/*
 * Put name into the name field of an ioctl's struct, padded with NULs. -EINVAL:
 * it is not a name that an extent can have.
 */
int pmpool_name_to_uapi(char to[PMPOOL_NAME_SIZE], const char *name);

struct pmpool_pool_info *pmpool_info_from_uapi(const struct pmpool_info *uapi);
struct pmpool_entry *pmpool_entry_from_uapi(const struct pmpool_extent_info *uapi);

/* options may be NULL: the defaults. */
void pmpool_options_to_uapi(const struct pmpool_options *options, struct pmpool_create *uapi);

void pmpool_change_to_uapi(const struct pmpool_change *change, struct pmpool_set *uapi);
struct pmpool_user_limit *pmpool_limit_from_uapi(const struct pmpool_limit *uapi);

#endif /* PMPOOL_INTERNAL_H */
