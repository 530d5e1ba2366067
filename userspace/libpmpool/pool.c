// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An open pool, and what can be asked of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

struct pmpool {
	int fd;
};

static int call_info(int fd, struct pmpool_info *uapi)
{
	*uapi = (struct pmpool_info){ .size = sizeof(*uapi) };
	return pmpool_uapi_call(fd, PMPOOL_INFO, uapi);
}

/*
 * Say at once that a file is something else, or that its driver speaks another
 * language, rather than with an obscure error at the first real call.
 */
static int check_is_pool(int fd)
{
	struct pmpool_info uapi;
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;

	ret = call_info(fd, &uapi);
	if (ret)
		return ret;
	if (uapi.abi_version != PMPOOL_ABI_VERSION)
		return -EPROTONOSUPPORT;
	return 0;
}

PMPOOL_API int pmpool_open(const char *path, int flags, struct pmpool **pool)
{
	struct pmpool *new;
	int ret;

	if (flags != O_RDONLY && flags != O_RDWR)
		return -EINVAL;

	new = malloc(sizeof(*new));
	if (!new)
		return -ENOMEM;

	/* O_NONBLOCK: opening a FIFO by mistake must not hang. */
	new->fd = open(path ? path : PMPOOL_DEVICE, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (new->fd < 0) {
		ret = -errno;
		goto free_new;
	}

	ret = check_is_pool(new->fd);
	if (ret)
		goto close_fd;

	*pool = new;
	return 0;

close_fd:
	close(new->fd);
free_new:
	free(new);
	return ret;
}

PMPOOL_API void pmpool_close(struct pmpool *pool)
{
	if (!pool)
		return;

	close(pool->fd);
	free(pool);
}

PMPOOL_API int pmpool_fd(const struct pmpool *pool)
{
	return pool->fd;
}

PMPOOL_API int pmpool_get_info(struct pmpool *pool, struct pmpool_pool_info **info)
{
	struct pmpool_pool_info *new;
	struct pmpool_info uapi;
	int ret;

	ret = call_info(pool->fd, &uapi);
	if (ret)
		return ret;

	new = pmpool_info_from_uapi(&uapi);
	if (!new)
		return -ENOMEM;

	*info = new;
	return 0;
}

/* By name, or by id when name is NULL. */
static int look_up(struct pmpool *pool, uint64_t id, const char *name, struct pmpool_entry **entry)
{
	struct pmpool_open uapi = { .size = sizeof(uapi), .id = id };
	struct pmpool_entry *new;
	int ret;

	if (name) {
		ret = pmpool_name_to_uapi(uapi.name, name);
		if (ret)
			return ret;
	}

	ret = pmpool_uapi_call(pool->fd, PMPOOL_OPEN, &uapi);
	if (ret)
		return ret;

	new = pmpool_entry_from_uapi(&uapi.info);
	if (!new)
		return -ENOMEM;

	*entry = new;
	return 0;
}

PMPOOL_API int pmpool_create(struct pmpool *pool, const char *name, uint64_t size,
			     const struct pmpool_options *options, struct pmpool_entry **entry)
{
	struct pmpool_create uapi = { .size = sizeof(uapi), .length = size };
	int ret;

	ret = pmpool_name_to_uapi(uapi.name, name);
	if (ret)
		return ret;
	pmpool_options_to_uapi(options, &uapi);

	ret = pmpool_uapi_call(pool->fd, PMPOOL_CREATE, &uapi);
	if (ret || !entry)
		return ret;

	/*
	 * By number: whoever removes it now and makes another one of that name
	 * must not make us describe theirs.
	 */
	return look_up(pool, uapi.id, NULL, entry);
}

PMPOOL_API int pmpool_remove(struct pmpool *pool, const char *name)
{
	struct pmpool_remove uapi = { .size = sizeof(uapi) };
	int ret;

	ret = pmpool_name_to_uapi(uapi.name, name);
	if (ret)
		return ret;

	return pmpool_uapi_call(pool->fd, PMPOOL_REMOVE, &uapi);
}

PMPOOL_API int pmpool_lookup(struct pmpool *pool, const char *name, struct pmpool_entry **entry)
{
	/* Not left to look_up(): without a name it would look for number 0. */
	if (!name)
		return -EINVAL;

	return look_up(pool, 0, name, entry);
}

static int next(struct pmpool *pool, uint32_t flags, uint64_t *cursor, struct pmpool_entry **entry)
{
	struct pmpool_next uapi = { .size = sizeof(uapi), .flags = flags, .cursor = *cursor };
	struct pmpool_entry *new;
	int ret;

	ret = pmpool_uapi_call(pool->fd, PMPOOL_NEXT, &uapi);
	if (ret)
		return ret;

	new = pmpool_entry_from_uapi(&uapi.info);
	if (!new)
		return -ENOMEM;

	/* Last, so that a failed call can be repeated. */
	*cursor = uapi.cursor;
	*entry = new;
	return 0;
}

PMPOOL_API int pmpool_next(struct pmpool *pool, uint64_t *cursor, struct pmpool_entry **entry)
{
	return next(pool, 0, cursor, entry);
}

PMPOOL_API int pmpool_next_held(struct pmpool *pool, uint64_t *cursor, struct pmpool_entry **entry)
{
	int ret = next(pool, PMPOOL_NEXT_HELD, cursor, entry);

	/* A driver that knows of none. */
	return ret == -EOPNOTSUPP ? -ENOENT : ret;
}
