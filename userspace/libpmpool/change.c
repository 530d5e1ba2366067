// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Changing an extent that exists: its name, its size, its attributes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct pmpool_change {
	uint32_t what;		/* PMPOOL_SET_* */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint8_t tag[PMPOOL_TAG_SIZE];
};

PMPOOL_API int pmpool_change_new(struct pmpool_change **change)
{
	struct pmpool_change *new;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;

	*change = new;
	return 0;
}

PMPOOL_API void pmpool_change_free(struct pmpool_change *change)
{
	free(change);
}

PMPOOL_API void pmpool_change_set_mode(struct pmpool_change *change, mode_t mode)
{
	change->what |= PMPOOL_SET_MODE;
	change->mode = mode;
}

PMPOOL_API void pmpool_change_set_uid(struct pmpool_change *change, uid_t uid)
{
	change->what |= PMPOOL_SET_UID;
	change->uid = uid;
}

PMPOOL_API void pmpool_change_set_gid(struct pmpool_change *change, gid_t gid)
{
	change->what |= PMPOOL_SET_GID;
	change->gid = gid;
}

PMPOOL_API int pmpool_change_set_tag(struct pmpool_change *change, const void *tag, size_t len)
{
	if (len > sizeof(change->tag))
		return -EINVAL;

	memset(change->tag, 0, sizeof(change->tag));
	if (len)
		memcpy(change->tag, tag, len);
	change->what |= PMPOOL_SET_TAG;
	return 0;
}

void pmpool_change_to_uapi(const struct pmpool_change *change, struct pmpool_set *uapi)
{
	uapi->flags = change->what;
	uapi->mode = change->mode;
	uapi->uid = change->uid;
	uapi->gid = change->gid;
	memcpy(uapi->tag, change->tag, sizeof(uapi->tag));
}

PMPOOL_API int pmpool_set(struct pmpool *pool, const char *name, const struct pmpool_change *change)
{
	struct pmpool_set uapi = { .size = sizeof(uapi) };
	int ret;

	ret = pmpool_name_to_uapi(uapi.name, name);
	if (ret)
		return ret;
	pmpool_change_to_uapi(change, &uapi);

	return pmpool_uapi_call(pmpool_fd(pool), PMPOOL_SET, &uapi);
}

PMPOOL_API int pmpool_rename(struct pmpool *pool, const char *name, const char *new_name)
{
	struct pmpool_rename uapi = { .size = sizeof(uapi) };
	int ret;

	ret = pmpool_name_to_uapi(uapi.name, name);
	if (!ret)
		ret = pmpool_name_to_uapi(uapi.new_name, new_name);
	if (ret)
		return ret;

	return pmpool_uapi_call(pmpool_fd(pool), PMPOOL_RENAME, &uapi);
}

PMPOOL_API int pmpool_resize(struct pmpool *pool, const char *name, uint64_t size,
			     uint64_t *largest)
{
	struct pmpool_resize uapi = { .size = sizeof(uapi), .length = size };
	int ret;

	ret = pmpool_name_to_uapi(uapi.name, name);
	if (ret)
		return ret;

	ret = pmpool_uapi_call(pmpool_fd(pool), PMPOOL_RESIZE, &uapi);
	/* After other errors the driver has not looked. */
	if (largest && (!ret || ret == -ENOSPC))
		*largest = uapi.largest;
	return ret;
}
