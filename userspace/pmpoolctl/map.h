/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where everything is in a pool.
 */
#ifndef PMPOOLCTL_MAP_H
#define PMPOOLCTL_MAP_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmpool.h>

enum map_kind {
	MAP_METADATA,
	MAP_EXTENT,
	MAP_FREE,
	MAP_LENT,	/* free, and lent to the system */
	MAP_KERNEL,	/* a user inside the kernel has it */
	MAP_UNKNOWN,	/* of a degraded pool: free, or of a damaged extent */
};

/* Parts follow each other without a gap, from the pool's first byte to its last. */
struct map_part {
	enum map_kind kind;
	uint64_t offset;
	uint64_t size;			/* in whole blocks */
	struct pmpool_entry *entry;	/* of MAP_EXTENT and MAP_KERNEL only */
	unsigned int number;		/* of the extent, from 0 */
};

struct map {
	uint64_t size;
	uint64_t block_size;
	bool degraded;
	uint64_t lent_start;
	uint64_t lent_end;
	struct pmpool_entry **held;	/* what of it is not among the parts yet */
	size_t held_n;
	size_t held_next;
	struct map_part *parts;
	size_t n;
	unsigned int extents;
};

/* What info describes, with nothing but metadata in it. */
void map_begin(struct map *map, const struct pmpool_pool_info *info);
/* What is lent; before the extents are added. */
void map_lent(struct map *map, uint64_t offset, uint64_t size);
/* What a user inside the kernel has, in the order of places; likewise. The map frees it. */
void map_held(struct map *map, struct pmpool_entry *entry);
/*
 * Add an extent behind the last one; the map frees it. false: it overlaps that
 * one or the end, because the pool has changed meanwhile.
 */
bool map_add(struct map *map, struct pmpool_entry *entry);
/* What is behind the last extent. false: as above. */
bool map_end(struct map *map);
void map_free(struct map *map);

struct map_style {
	unsigned int width;	/* columns */
	bool utf8;
	bool color;
	bool exact;
};

/* On stdout. */
void map_draw(const struct map *map, const struct map_style *style);
struct json_object *map_to_json(const struct map *map);

#endif /* PMPOOLCTL_MAP_H */
