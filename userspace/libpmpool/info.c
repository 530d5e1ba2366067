// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a pool is and holds: a snapshot.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct pmpool_pool_info {
	uint64_t size;
	uint64_t metadata_size;
	uint64_t block_size;
	uint64_t free_size;
	uint64_t largest_free;
	uint64_t lent;
	uint64_t emptying;
	uint64_t held;
	uint64_t generation;
	uint64_t format_time;
	uint64_t attach_time;
	uint64_t handover_time;
	uint64_t base;
	unsigned int extents;
	unsigned int max_extents;
	unsigned int format_version;
	unsigned int backing;
	enum pmpool_pool_state state;
	bool was_clean;
	uint8_t uuid[PMPOOL_UUID_SIZE];
};

static_assert((int)PMPOOL_OK == (int)PMPOOL_STATE_OK &&
	      (int)PMPOOL_READ_ONLY == (int)PMPOOL_STATE_READ_ONLY &&
	      (int)PMPOOL_DEGRADED == (int)PMPOOL_STATE_DEGRADED,
	      "the library and the driver disagree about the states of a pool");

struct pmpool_pool_info *pmpool_info_from_uapi(const struct pmpool_info *uapi)
{
	struct pmpool_pool_info *info;

	info = malloc(sizeof(*info));
	if (!info)
		return NULL;

	*info = (struct pmpool_pool_info){
		.size = uapi->pool_size,
		.metadata_size = uapi->metadata_size,
		.block_size = uapi->block_size,
		.free_size = uapi->free,
		.largest_free = uapi->largest_free,
		.lent = uapi->lent,
		.emptying = uapi->emptying,
		.held = uapi->held,
		.generation = uapi->generation,
		.format_time = uapi->format_time,
		.attach_time = uapi->attach_time,
		.handover_time = uapi->handover_time,
		.base = uapi->base,
		.extents = uapi->extents,
		.max_extents = uapi->max_extents,
		.format_version = uapi->format_version,
		.backing = uapi->backing,
		.was_clean = uapi->was_clean,
	};
	memcpy(info->uuid, uapi->uuid, sizeof(info->uuid));

	/* A state that a later driver may have is surely not OK. */
	if (uapi->state <= PMPOOL_STATE_DEGRADED)
		info->state = (enum pmpool_pool_state)uapi->state;
	else
		info->state = PMPOOL_DEGRADED;

	return info;
}

PMPOOL_API void pmpool_info_free(struct pmpool_pool_info *info)
{
	free(info);
}

PMPOOL_API uint64_t pmpool_info_size(const struct pmpool_pool_info *info)
{
	return info->size;
}

PMPOOL_API uint64_t pmpool_info_metadata_size(const struct pmpool_pool_info *info)
{
	return info->metadata_size;
}

PMPOOL_API uint64_t pmpool_info_block_size(const struct pmpool_pool_info *info)
{
	return info->block_size;
}

PMPOOL_API uint64_t pmpool_info_free_size(const struct pmpool_pool_info *info)
{
	return info->free_size;
}

PMPOOL_API uint64_t pmpool_info_largest_free(const struct pmpool_pool_info *info)
{
	return info->largest_free;
}

PMPOOL_API uint64_t pmpool_info_lent(const struct pmpool_pool_info *info)
{
	return info->lent;
}

PMPOOL_API uint64_t pmpool_info_emptying(const struct pmpool_pool_info *info)
{
	return info->emptying;
}

PMPOOL_API uint64_t pmpool_info_held(const struct pmpool_pool_info *info)
{
	return info->held;
}

PMPOOL_API unsigned int pmpool_info_extents(const struct pmpool_pool_info *info)
{
	return info->extents;
}

PMPOOL_API unsigned int pmpool_info_max_extents(const struct pmpool_pool_info *info)
{
	return info->max_extents;
}

PMPOOL_API uint64_t pmpool_info_generation(const struct pmpool_pool_info *info)
{
	return info->generation;
}

PMPOOL_API enum pmpool_pool_state pmpool_info_state(const struct pmpool_pool_info *info)
{
	return info->state;
}

PMPOOL_API const char *pmpool_info_backing(const struct pmpool_pool_info *info)
{
	switch (info->backing) {
	case PMPOOL_BACKING_RESERVED:
		return "reserved";
	case PMPOOL_BACKING_CMA:
		return "cma";
	default:
		return "unknown";
	}
}

PMPOOL_API bool pmpool_info_was_clean(const struct pmpool_pool_info *info)
{
	return info->was_clean;
}

PMPOOL_API unsigned int pmpool_info_format_version(const struct pmpool_pool_info *info)
{
	return info->format_version;
}

PMPOOL_API uint64_t pmpool_info_format_time(const struct pmpool_pool_info *info)
{
	return info->format_time;
}

PMPOOL_API uint64_t pmpool_info_attach_time(const struct pmpool_pool_info *info)
{
	return info->attach_time;
}

PMPOOL_API uint64_t pmpool_info_handover_time(const struct pmpool_pool_info *info)
{
	return info->handover_time;
}

PMPOOL_API const uint8_t *pmpool_info_uuid(const struct pmpool_pool_info *info)
{
	return info->uuid;
}

PMPOOL_API uint64_t pmpool_info_base(const struct pmpool_pool_info *info)
{
	return info->base;
}
