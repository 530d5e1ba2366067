// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an extent is: a snapshot.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct pmpool_entry {
	uint64_t id;
	uint64_t offset;
	uint64_t size;
	uint64_t generation;
	uint64_t create_time;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool clean;
	bool mapped;
	char name[PMPOOL_NAME_SIZE];
	uint8_t uuid[PMPOOL_UUID_SIZE];
	uint8_t tag[PMPOOL_TAG_SIZE];
};

static_assert(PMPOOL_TAG_LEN == PMPOOL_TAG_SIZE,
	      "the library and the driver disagree about the length of tags");

struct pmpool_entry *pmpool_entry_from_uapi(const struct pmpool_extent_info *uapi)
{
	struct pmpool_entry *entry;

	entry = malloc(sizeof(*entry));
	if (!entry)
		return NULL;

	*entry = (struct pmpool_entry){
		.id = uapi->id,
		.offset = uapi->offset,
		.size = uapi->length,
		.generation = uapi->create_generation,
		.create_time = uapi->create_time,
		.uid = uapi->uid,
		.gid = uapi->gid,
		.mode = uapi->mode,
		.clean = uapi->flags & PMPOOL_EXTENT_CLEAN,
		.mapped = uapi->flags & PMPOOL_EXTENT_MAPPED,
	};
	/* The last byte stays NUL, whatever was handed over. */
	memcpy(entry->name, uapi->name, sizeof(entry->name) - 1);
	memcpy(entry->uuid, uapi->uuid, sizeof(entry->uuid));
	memcpy(entry->tag, uapi->tag, sizeof(entry->tag));
	return entry;
}

PMPOOL_API void pmpool_entry_free(struct pmpool_entry *entry)
{
	free(entry);
}

PMPOOL_API const char *pmpool_entry_name(const struct pmpool_entry *entry)
{
	return entry->name;
}

PMPOOL_API uint64_t pmpool_entry_id(const struct pmpool_entry *entry)
{
	return entry->id;
}

PMPOOL_API uint64_t pmpool_entry_offset(const struct pmpool_entry *entry)
{
	return entry->offset;
}

PMPOOL_API uint64_t pmpool_entry_size(const struct pmpool_entry *entry)
{
	return entry->size;
}

PMPOOL_API uid_t pmpool_entry_uid(const struct pmpool_entry *entry)
{
	return entry->uid;
}

PMPOOL_API gid_t pmpool_entry_gid(const struct pmpool_entry *entry)
{
	return entry->gid;
}

PMPOOL_API mode_t pmpool_entry_mode(const struct pmpool_entry *entry)
{
	return entry->mode;
}

PMPOOL_API const uint8_t *pmpool_entry_uuid(const struct pmpool_entry *entry)
{
	return entry->uuid;
}

PMPOOL_API const uint8_t *pmpool_entry_tag(const struct pmpool_entry *entry)
{
	return entry->tag;
}

PMPOOL_API uint64_t pmpool_entry_generation(const struct pmpool_entry *entry)
{
	return entry->generation;
}

PMPOOL_API uint64_t pmpool_entry_create_time(const struct pmpool_entry *entry)
{
	return entry->create_time;
}

PMPOOL_API bool pmpool_entry_clean(const struct pmpool_entry *entry)
{
	return entry->clean;
}

PMPOOL_API bool pmpool_entry_mapped(const struct pmpool_entry *entry)
{
	return entry->mapped;
}
