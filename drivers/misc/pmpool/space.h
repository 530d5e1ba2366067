/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which blocks are in use, derived from the extent records.
 */
#ifndef PMPOOL_SPACE_H
#define PMPOOL_SPACE_H

#include <linux/types.h>

/**
 * struct pmpool_run - blocks in use
 * @first: block
 * @blocks: how many
 * @slot: of the extent
 * @overlaps: shares blocks with another run
 */
struct pmpool_run {
	u64 first;
	u64 blocks;
	u32 slot;
	bool overlaps;
};

/**
 * struct pmpool_space - the blocks of a pool
 * @first: block that can be given away
 * @end: behind the last one
 * @runs: sorted by first block, then by slot
 * @count: of @runs
 * @max: room in @runs
 *
 * The caller owns @runs and serialises everything.
 */
struct pmpool_space {
	u64 first;
	u64 end;
	struct pmpool_run *runs;
	u32 count;
	u32 max;
};

void pmpool_space_init(struct pmpool_space *space, u64 first, u64 end,
		       struct pmpool_run *runs, u32 max);
int pmpool_space_insert(struct pmpool_space *space, u64 first, u64 blocks, u32 slot);
void pmpool_space_remove(struct pmpool_space *space, u64 first, u32 slot);
void pmpool_space_resize(struct pmpool_space *space, u64 first, u32 slot, u64 blocks);
u64 pmpool_space_room(const struct pmpool_space *space, u64 first, u32 slot);
u32 pmpool_space_mark_overlaps(struct pmpool_space *space);
const struct pmpool_run *pmpool_space_at(const struct pmpool_space *space, u64 block);
const struct pmpool_run *pmpool_space_from(const struct pmpool_space *space, u64 block);
int pmpool_space_find(const struct pmpool_space *space, u64 blocks, u64 align,
		      u64 base, u64 *first);
void pmpool_space_free(const struct pmpool_space *space, u64 *total, u64 *largest);

#endif /* PMPOOL_SPACE_H */
