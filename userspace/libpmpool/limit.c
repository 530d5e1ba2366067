// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a user may have of the pool, and has: a snapshot.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct pmpool_user_limit {
	uint64_t max_size;
	uint64_t max_extents;
	uint64_t size;
	uint64_t extents;
};

static_assert(PMPOOL_NO_LIMIT == PMPOOL_UNLIMITED,
	      "the library and the driver disagree about what is unlimited");
static_assert(sizeof(uid_t) == sizeof(((struct pmpool_limit *)0)->uid),
	      "a uid does not fit into the driver's struct");

struct pmpool_user_limit *pmpool_limit_from_uapi(const struct pmpool_limit *uapi)
{
	struct pmpool_user_limit *limit;

	limit = malloc(sizeof(*limit));
	if (!limit)
		return NULL;

	*limit = (struct pmpool_user_limit){
		.max_size = uapi->max_bytes,
		.max_extents = uapi->max_extents,
		.size = uapi->bytes,
		.extents = uapi->extents,
	};
	return limit;
}

PMPOOL_API int pmpool_get_limit(struct pmpool *pool, uid_t uid, struct pmpool_user_limit **limit)
{
	struct pmpool_limit uapi = { .size = sizeof(uapi), .uid = uid };
	struct pmpool_user_limit *new;
	int ret;

	ret = pmpool_uapi_call(pmpool_fd(pool), PMPOOL_LIMIT, &uapi);
	if (ret)
		return ret;

	new = pmpool_limit_from_uapi(&uapi);
	if (!new)
		return -ENOMEM;

	*limit = new;
	return 0;
}

PMPOOL_API int pmpool_set_limit(struct pmpool *pool, uid_t uid, uint64_t max_size,
				uint64_t max_extents)
{
	struct pmpool_limit uapi = {
		.size = sizeof(uapi),
		.flags = PMPOOL_LIMIT_SET,
		.uid = uid,
		.max_bytes = max_size,
		.max_extents = max_extents,
	};

	return pmpool_uapi_call(pmpool_fd(pool), PMPOOL_LIMIT, &uapi);
}

PMPOOL_API void pmpool_limit_free(struct pmpool_user_limit *limit)
{
	free(limit);
}

PMPOOL_API uint64_t pmpool_limit_max_size(const struct pmpool_user_limit *limit)
{
	return limit->max_size;
}

PMPOOL_API uint64_t pmpool_limit_max_extents(const struct pmpool_user_limit *limit)
{
	return limit->max_extents;
}

PMPOOL_API uint64_t pmpool_limit_size(const struct pmpool_user_limit *limit)
{
	return limit->size;
}

PMPOOL_API uint64_t pmpool_limit_extents(const struct pmpool_user_limit *limit)
{
	return limit->extents;
}
