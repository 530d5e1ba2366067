// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What of the pool is lent to the system. The driver gives memory blocks to the
 * system and takes them back; that the system uses them is brought about here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define MEMORY_DIR "/sys/devices/system/memory"

/*
 * Memory is lent in parts, each of which the system uses before the next one: it costs
 * some, and others who lend or take back have their turn.
 */
#define LEND_PART	(1ULL << 30)

struct pmpool_lending {
	uint64_t size;
	uint64_t offset;
	uint64_t unit;
	uint64_t max;
};

static int get_lending(struct pmpool *pool, struct pmpool_lending *lending, uint64_t *base)
{
	struct pmpool_lend uapi = { .size = sizeof(uapi) };
	struct pmpool_info info = { .size = sizeof(info) };	/* for the region's base */
	int ret;

	ret = pmpool_uapi_call(pmpool_fd(pool), PMPOOL_LEND, &uapi);
	if (!ret)
		ret = pmpool_uapi_call(pmpool_fd(pool), PMPOOL_INFO, &info);
	if (ret)
		return ret;
	*lending = (struct pmpool_lending){
		.size = uapi.lent,
		.offset = uapi.offset,
		.unit = uapi.unit,
		.max = uapi.lendable,
	};
	*base = info.base;
	return 0;
}

PMPOOL_API int pmpool_get_lending(struct pmpool *pool, struct pmpool_lending **lending)
{
	struct pmpool_lending *new = malloc(sizeof(*new));
	uint64_t base;
	int ret;

	if (!new)
		return -ENOMEM;
	ret = get_lending(pool, new, &base);
	if (ret) {
		free(new);
		return ret;
	}
	*lending = new;
	return 0;
}

/* 1 or 0, or an error. */
static int is_offline(int fd)
{
	char state[16];
	ssize_t len = pread(fd, state, sizeof(state), 0);

	if (len < 0)
		return -errno;
	return len >= 7 && !memcmp(state, "offline", 7);
}

/* The driver lets it become nothing but movable; it may be already. */
static int bring_online(uint64_t number)
{
	static const char online[] = "online_movable";
	char path[sizeof(MEMORY_DIR) + 40];
	int fd, ret;

	snprintf(path, sizeof(path), MEMORY_DIR "/memory%" PRIu64 "/state", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = is_offline(fd);
	if (ret > 0)
		ret = pwrite(fd, online, sizeof(online) - 1, 0) < 0 ? -errno : 0;
	/* Somebody else has done it meanwhile. */
	if (ret == -EINVAL && !is_offline(fd))
		ret = 0;
	close(fd);
	return ret;
}

static int bring_all_online(const struct pmpool_lending *now, uint64_t base)
{
	uint64_t at = base + now->offset, end = at + now->size;
	int ret = 0;

	for (; at < end; at += now->unit) {
		int online = bring_online(at / now->unit);

		/* Gone: an extent needed it meanwhile. */
		if (online && online != -ENOENT && online != -ENODEV)
			ret = online;
	}
	return ret;
}

/* So much of size as is to be lent next. */
static uint64_t next_part(const struct pmpool_lending *now, uint64_t size)
{
	uint64_t part = now->unit > LEND_PART ? now->unit : LEND_PART;

	return size > now->size && size - now->size > part ? now->size + part : size;
}

PMPOOL_API int pmpool_lend(struct pmpool *pool, uint64_t size, unsigned int timeout)
{
	struct pmpool_lend uapi = {
		.size = sizeof(uapi),
		.flags = PMPOOL_LEND_SET,
		.timeout = timeout,
	};
	struct pmpool_lending now;
	uint64_t base, before;
	bool some = false;
	int ret;

	ret = get_lending(pool, &now, &base);
	while (!ret) {
		before = now.size;
		uapi.lent = next_part(&now, size);
		ret = pmpool_uapi_call(pmpool_fd(pool), PMPOOL_LEND, &uapi);
		/* As much as there is, or as could be: without an error some more is. */
		if (ret)
			return some ? 0 : ret;
		ret = get_lending(pool, &now, &base);
		if (!ret)
			ret = bring_all_online(&now, base);
		some = true;
		if (uapi.lent == size || now.size <= before)
			break;
	}
	return ret;
}

PMPOOL_API void pmpool_lending_free(struct pmpool_lending *lending)
{
	free(lending);
}

PMPOOL_API uint64_t pmpool_lending_size(const struct pmpool_lending *lending)
{
	return lending->size;
}

PMPOOL_API uint64_t pmpool_lending_max(const struct pmpool_lending *lending)
{
	return lending->max;
}

PMPOOL_API uint64_t pmpool_lending_unit(const struct pmpool_lending *lending)
{
	return lending->unit;
}

PMPOOL_API uint64_t pmpool_lending_offset(const struct pmpool_lending *lending)
{
	return lending->offset;
}
