// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be had from the metadata alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "metadata.h"
#include "examine.h"

static int understand(struct pmpool_format *fmt, const void *metadata, size_t size)
{
	struct pmpool_format_super super;

	if (size < sizeof(super))
		return -EINVAL;
	memcpy(&super, metadata, sizeof(super));
	/* Only read from; the driver has checked it when it attached the pool. */
	if (pmpool_format_init(fmt, (void *)metadata, le64_to_cpu(super.region_size)) ||
	    fmt->meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT > size)
		return -EINVAL;
	return 0;
}

int metadata_changes(const void *metadata, size_t size, uint64_t id, uint64_t *changes)
{
	struct pmpool_format fmt;
	struct slot_view view;

	if (understand(&fmt, metadata, size))
		return -EINVAL;
	slot_look(&fmt, (u32)(id % PMPOOL_FORMAT_SLOTS), &view);
	if (!slot_is(&view, PMPOOL_FORMAT_RECORD_EXTENT) ||
	    le64_to_cpu(view.place[view.good].id) != id)
		return -ENOENT;
	*changes = le64_to_cpu(view.place[view.good].seq);
	return 0;
}

bool metadata_touched(const void *metadata, size_t size, uint64_t offset)
{
	struct pmpool_format fmt;

	return understand(&fmt, metadata, size) ||
	       pmpool_format_block_ready(&fmt, offset >> PMPOOL_FORMAT_BLOCK_SHIFT);
}

int metadata_limits(const void *metadata, size_t size, uid_t **users, size_t *n)
{
	struct pmpool_format fmt;
	struct pmpool_record rec;
	uid_t *list;
	u32 slot;

	if (understand(&fmt, metadata, size))
		return -EINVAL;

	list = calloc(PMPOOL_FORMAT_SLOTS, sizeof(*list));
	if (!list)
		return -ENOMEM;
	*n = 0;
	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++)
		if (!pmpool_format_read(&fmt, slot, &rec) &&
		    rec.type == PMPOOL_FORMAT_RECORD_LIMIT)
			list[(*n)++] = rec.uid;
	*users = list;
	return 0;
}
