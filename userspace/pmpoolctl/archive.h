/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that pmpoolctl export writes. pmpool-archive(5) describes it.
 */
#ifndef PMPOOLCTL_ARCHIVE_H
#define PMPOOLCTL_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pmpool.h>

#define ARCHIVE_VERSION		1
#define ARCHIVE_BLOCK_SIZE	(UINT64_C(2) << 20)
/* More than a pool holds. */
#define ARCHIVE_MAX_EXTENTS	4096
#define ARCHIVE_OWNER_SIZE	64
#define ARCHIVE_WHY_SIZE	256

enum {
	ARCHIVE_CLEAN = 1 << 0,	/* the extent was marked clean, and stayed so */
	ARCHIVE_LIVE = 1 << 1,	/* a program may have written it meanwhile */
};

/* An extent, as it was in the pool that it comes from. Texts are padded with NULs. */
struct archive_extent {
	char name[PMPOOL_NAME_MAX + 1];
	char user[ARCHIVE_OWNER_SIZE];	/* "": the owner had no name */
	char group[ARCHIVE_OWNER_SIZE];
	uint8_t uuid[16];
	uint8_t tag[PMPOOL_TAG_LEN];
	uint64_t size;
	uint64_t align;		/* of its place in memory, as far as pages gain by it */
	uint64_t generation;
	uint64_t create_time;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	uint32_t flags;
};

/*
 * An archive while it is written or read: from the beginning to the end, so
 * that a pipe will do. After a failure, why says what was wrong with it.
 */
struct archive {
	int fd;
	uint64_t offset;		/* in the file */
	uint64_t chain;			/* checksum of the structure before */
	uint8_t pool_uuid[16];
	uint64_t time;			/* when it was begun */
	struct archive_extent *extents;
	unsigned int n;
	unsigned int at;		/* the extent of the block last seen */
	uint64_t next;			/* the first block of it that may come */
	uint8_t *data;			/* a block */
	uint8_t *stored;		/* the same, compressed, with its header */
	struct ZSTD_CCtx_s *compress;	/* one of the two */
	struct ZSTD_DCtx_s *expand;
	char why[ARCHIVE_WHY_SIZE];
};

/*
 * All of these return 0 or a negative errno. Whatever happened, archive_free()
 * gives back what the archive takes; fd stays the caller's.
 *
 * A file that is no archive, or a damaged one, is -EBADMSG.
 */

/* Begin one: pool_uuid, time, extents and n are filled in, extents from malloc(). */
int archive_begin(struct archive *archive, int fd);
/*
 * Add a block of an extent, in order: its content, archive_block_len() bytes, is
 * in archive->data. One of zeroes is left out.
 */
int archive_add(struct archive *archive, unsigned int extent, uint64_t block);
int archive_finish(struct archive *archive);

/* Read what comes before the content. */
int archive_open(struct archive *archive, int fd);
/*
 * The next block that is not all zero: its content is in archive->data. -ENODATA:
 * there are no more, and all that was read is as it was written.
 */
int archive_next(struct archive *archive, unsigned int *extent, uint64_t *block);

void archive_free(struct archive *archive);

uint64_t archive_blocks(const struct archive_extent *extent);
/* How much of the extent is in that block. */
size_t archive_block_len(const struct archive_extent *extent, uint64_t block);

#endif /* PMPOOLCTL_ARCHIVE_H */
