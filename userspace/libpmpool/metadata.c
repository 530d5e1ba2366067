// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool's metadata as it lies in memory, for programs that check and mend
 * it. The library hands the bytes on; <linux/pmpool_format.h> says what they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static int read_all(int fd, char *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* The driver has told that it has more than that. */
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

PMPOOL_API int pmpool_read_metadata(struct pmpool *pool, void **metadata, size_t *size)
{
	struct pmpool_pool_info *info;
	uint64_t length;
	char *new;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (ret)
		return ret;
	length = pmpool_info_metadata_size(info);
	pmpool_info_free(info);
	if (length > SIZE_MAX)
		return -EOVERFLOW;

	new = malloc((size_t)length);
	if (!new)
		return -ENOMEM;

	ret = read_all(pmpool_fd(pool), new, (size_t)length);
	if (ret) {
		free(new);
		return ret;
	}

	*metadata = new;
	*size = (size_t)length;
	return 0;
}

PMPOOL_API int pmpool_repair(struct pmpool *pool, unsigned int slot, const void *record,
			     size_t size)
{
	struct pmpool_repair uapi = { .size = sizeof(uapi), .slot = slot };

	if (size != sizeof(uapi.record))
		return -EINVAL;
	memcpy(uapi.record, record, size);

	return pmpool_uapi_call(pmpool_fd(pool), PMPOOL_REPAIR, &uapi);
}
