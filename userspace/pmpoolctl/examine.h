/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is wrong with metadata. What includes this is built with the kernel
 * headers of userspace/kernel.
 */
#ifndef PMPOOLCTL_EXAMINE_H
#define PMPOOLCTL_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver.h"

/*
 * Where metadata comes from: the pool that the driver has, or an image of a
 * region in a file.
 */
struct source {
	const char *path;
	struct pmpool *pool;	/* NULL: a file */
	void *map;		/* of the file's metadata */
	void *copy;		/* what is looked at: a snapshot */
	size_t size;		/* of the metadata */
	uint64_t region_size;
	bool writable;
};

/*
 * path may be NULL: the pool. Says what failed, and returns an exit status.
 * source_read() takes another snapshot.
 */
int source_open(const char *path, bool writable, struct source *source);
int source_read(struct source *source);
void source_close(struct source *source);
/* The snapshot in the driver's terms, ready for pmpool_format_open(). */
struct pmpool_format source_format(const struct source *source);

/* One place of a record, or one copy of the superblock. */
#define WHY_SIZE 160

/*
 * The superblock at offset. Returns 0 and fills in super, or what
 * pmpool_format_open() would return if that were the only one, and why.
 */
int examine_super(const struct pmpool_format *fmt, u64 offset, struct pmpool_super *super,
		  char why[WHY_SIZE]);

/* Names of the two places of a record, and of the two superblocks. */
extern const char *const place_names[2];
u64 super_offset(const struct pmpool_format *fmt, unsigned int copy);

enum slot_state {
	SLOT_UNUSED,		/* all zero */
	SLOT_UNFINISHED,	/* the first change was cut short; unused for the driver */
	SLOT_VANISHED,		/* unused for the driver, but it held a record */
	SLOT_GOOD,
	SLOT_ONE_BAD,		/* one place is damaged */
	SLOT_STALE,		/* one place has an older change */
	SLOT_DIFFERS,		/* both are valid, of the same change, and differ */
	SLOT_BAD,		/* no place is valid */
};

struct slot_view {
	enum slot_state state;
	struct pmpool_format_record place[2];
	bool valid[2];
	char why[2][WHY_SIZE];	/* why it is not */
	int good;		/* the place that counts; -1: none */
	char name[64];		/* "" when not known */
	bool name_sure;		/* it is from a valid record */
};

u64 place_offset(const struct pmpool_format *fmt, u32 slot, unsigned int place);
void slot_look(const struct pmpool_format *fmt, u32 slot, struct slot_view *view);
/* How many slots there are. */
u32 slot_count(void);
/* Whether the record that counts is one of that type. */
bool slot_is(const struct slot_view *view, u32 type);
/* "'a', slot 3" or "slot 3". A name that is from a damaged record has a "?". */
#define SLOT_TEXT 96
const char *slot_text(char to[SLOT_TEXT], const struct slot_view *view, u32 slot);
u32 record_checksum(const struct pmpool_format_record *disk);

/* Faults, and notes on what is unusual but harmless. */
struct finding {
	const char *kind;	/* for programs */
	bool note;
	int slot;		/* -1: none */
	int other;		/* slot that it conflicts with; -1: none */
	u64 offset;
	char name[64];
	char subject[2 * SLOT_TEXT + 16];	/* what it is about, in few words */
	char *text;
};

struct findings {
	struct finding *v;
	size_t n;
	size_t faults;
	unsigned int extents;	/* with a valid record */
	unsigned int limits;
};

/*
 * Find all that is wrong. Returns 0; -ENODATA: there is no pool. When the pool
 * can not be understood, that is a fault as well and *blind is set.
 */
int examine(struct pmpool_format *fmt, struct findings *findings, bool *blind);
void findings_free(struct findings *findings);

/* What must be zero. */
struct gap {
	u64 from;
	u64 end;
	const char *where;
};

#define MAX_GAPS 8

/* Fills in gaps; returns how many. */
size_t reserved_gaps(const struct pmpool_format *fmt, struct gap gaps[MAX_GAPS]);

/* Whether a kernel keeps, or kept, its own part of the metadata. */
bool kernel_part(const struct pmpool_format *fmt);
/* Where the record of a user inside the kernel is. */
u64 hold_offset(u32 index);
/* "'name'" or "record 3"; for people. */
#define HOLD_TEXT 64
const char *hold_text(char to[HOLD_TEXT], const struct pmpool_hold *hold, u32 index);
/* What the kernel's header says, of whatever region; why: "" unless it is damaged. */
enum pmpool_hold_state hold_header_look(const struct pmpool_format *fmt, char why[WHY_SIZE]);
/* Whether some of these blocks are a user's inside the kernel. */
bool blocks_held(const struct pmpool_format *fmt, u64 first, u64 blocks);

/* Runs of blocks of all valid extents, in the order of their places; for free(). */
struct pmpool_run *extent_runs(const struct pmpool_format *fmt, struct pmpool_space *space);

#endif /* PMPOOLCTL_EXAMINE_H */
