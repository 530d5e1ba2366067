/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which blocks are in use, derived from the extent records.
 */
#ifndef PMPOOL_SPACE_H
#define PMPOOL_SPACE_H

#include <linux/types.h>

/* In the place of a slot: these blocks are lent to the system; */
#define PMPOOL_SPACE_LENT	(~0U)
/* a user inside the kernel has them; */
#define PMPOOL_SPACE_HELD	(~1U)
/* they are being taken from the system, for an extent. */
#define PMPOOL_SPACE_TAKING	(~2U)
/* Smaller than all of those is the slot of an extent. */
#define PMPOOL_SPACE_SLOT_MAX	(~3U)

/**
 * struct pmpool_run - blocks in use
 * @first: block
 * @blocks: how many
 * @slot: of the extent, or one of PMPOOL_SPACE_*
 * @overlaps: shares blocks with another run
 */
struct pmpool_run {
	u64 first;
	u64 blocks;
	u32 slot;
	bool overlaps;
};

/* The ends of what is lent; and bits that stand for them */
enum pmpool_end {
	PMPOOL_FRONT,
	PMPOOL_BACK,
	PMPOOL_ENDS,
};

#define PMPOOL_AT(end)	(1U << (end))

static inline bool pmpool_run_is_extent(const struct pmpool_run *run)
{
	return run->slot <= PMPOOL_SPACE_SLOT_MAX;
}

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
u64 pmpool_space_blocks(const struct pmpool_space *space, u32 slot);
void pmpool_space_clear(struct pmpool_space *space, u32 slot);
void pmpool_space_set_lent(struct pmpool_space *space, u64 first, u64 end);
u64 pmpool_space_room(const struct pmpool_space *space, u64 first, u32 slot, bool lent);
u32 pmpool_space_mark_overlaps(struct pmpool_space *space);
const struct pmpool_run *pmpool_space_at(const struct pmpool_space *space, u64 block);
const struct pmpool_run *pmpool_space_from(const struct pmpool_space *space, u64 block);
int pmpool_space_find(const struct pmpool_space *space, u64 blocks, u64 align,
		      u64 base, u64 *first);
int pmpool_space_find_beside(const struct pmpool_space *space, u64 blocks, u64 align,
			     u64 base, const u64 *avoid, u32 count, u64 *first);
int pmpool_space_find_lent(const struct pmpool_space *space, u64 blocks, u64 align,
			   u64 base, unsigned int avoid, u64 *first, u64 *end);
int pmpool_space_find_to_lend(const struct pmpool_space *space, u64 unit, u64 base, u64 *first);
u64 pmpool_space_lendable(const struct pmpool_space *space, u64 unit, u64 base);
void pmpool_space_free(const struct pmpool_space *space, u64 *total, u64 *largest);

#endif /* PMPOOL_SPACE_H */
