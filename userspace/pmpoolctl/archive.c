// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file that pmpoolctl export writes; see pmpool-archive(5).
 *
 * It is written and read from one end to the other, and believed only when its
 * last structure is there. Each structure's checksum begins with that of the
 * one before, so none can be left out, doubled or put elsewhere.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "archive.h"

/* What passes a connection that is not transparent does not stay like this. */
static const uint8_t magic[8] = { 0x89, 'P', 'M', 'A', 'R', '\r', '\n', 0x1a };

struct disk_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t extents;
	uint8_t pool_uuid[16];
	uint64_t time;
	uint64_t block_size;
	uint64_t reserved;
	uint64_t checksum;
};

struct disk_extent {
	char name[64];
	char user[ARCHIVE_OWNER_SIZE];
	char group[ARCHIVE_OWNER_SIZE];
	uint8_t uuid[16];
	uint8_t tag[16];
	uint64_t size;
	uint64_t align;
	uint64_t generation;
	uint64_t create_time;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint32_t flags;
	uint64_t reserved;
	uint64_t checksum;
};

enum { TYPE_BLOCK = 1, TYPE_END = 2 };

struct disk_block {
	uint32_t type;
	uint32_t extent;
	uint64_t block;
	uint32_t stored;	/* bytes that follow */
	uint32_t reserved;
	uint64_t data;		/* checksum of the content */
	uint64_t checksum;
};

_Static_assert(sizeof(struct disk_header) == 64, "no holes");
_Static_assert(sizeof(struct disk_extent) == 288, "no holes");
_Static_assert(sizeof(struct disk_block) == 40, "no holes");
_Static_assert(PMPOOL_NAME_MAX + 1 == sizeof(((struct disk_extent *)0)->name), "same names");

/* What a block can become at most. */
#define STORED_MAX ZSTD_COMPRESSBOUND(ARCHIVE_BLOCK_SIZE)
#define FLAGS_KNOWN (ARCHIVE_CLEAN | ARCHIVE_LIVE)

static int __attribute__((format(printf, 3, 4)))
fail(struct archive *archive, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(archive->why, sizeof(archive->why), format, args);
	va_end(args);
	return err;
}

static int damaged(struct archive *archive, const char *what)
{
	return fail(archive, -EBADMSG,
		    "it is damaged before byte %" PRIu64 ": %s; copy or export it again",
		    archive->offset, what);
}

/* The checksum of a structure, which is its last field. */
static uint64_t link_checksum(const struct archive *archive, const void *from, size_t size)
{
	return XXH3_64bits_withSeed(from, size - sizeof(uint64_t), archive->chain);
}

uint64_t archive_blocks(const struct archive_extent *extent)
{
	return extent->size / ARCHIVE_BLOCK_SIZE + (extent->size % ARCHIVE_BLOCK_SIZE != 0);
}

size_t archive_block_len(const struct archive_extent *extent, uint64_t block)
{
	uint64_t left = extent->size - block * ARCHIVE_BLOCK_SIZE;

	return left < ARCHIVE_BLOCK_SIZE ? (size_t)left : ARCHIVE_BLOCK_SIZE;
}

static int buffers(struct archive *archive)
{
	archive->data = malloc(ARCHIVE_BLOCK_SIZE);
	archive->stored = malloc(sizeof(struct disk_block) + STORED_MAX);
	if ((archive->compress || archive->expand) && archive->data && archive->stored)
		return 0;
	return fail(archive, -ENOMEM, "out of memory");
}

/*
 * Writing.
 */

static int put(struct archive *archive, const void *from, size_t len)
{
	const uint8_t *p = from;

	while (len) {
		ssize_t n = write(archive->fd, p, len);

		if (n < 0)
			return fail(archive, -errno, "%s after %" PRIu64 " bytes", strerror(errno),
				    archive->offset);
		p += n;
		len -= (size_t)n;
		archive->offset += (uint64_t)n;
	}
	return 0;
}

static int put_extent(struct archive *archive, const struct archive_extent *extent)
{
	struct disk_extent disk = {
		.size = htole64(extent->size),
		.align = htole64(extent->align),
		.generation = htole64(extent->generation),
		.create_time = htole64(extent->create_time),
		.uid = htole32(extent->uid),
		.gid = htole32(extent->gid),
		.mode = htole32(extent->mode),
		.flags = htole32(extent->flags),
	};

	memcpy(disk.name, extent->name, sizeof(disk.name));
	memcpy(disk.user, extent->user, sizeof(disk.user));
	memcpy(disk.group, extent->group, sizeof(disk.group));
	memcpy(disk.uuid, extent->uuid, sizeof(disk.uuid));
	memcpy(disk.tag, extent->tag, sizeof(disk.tag));
	archive->chain = link_checksum(archive, &disk, sizeof(disk));
	disk.checksum = htole64(archive->chain);
	return put(archive, &disk, sizeof(disk));
}

int archive_begin(struct archive *archive, int fd)
{
	struct disk_header disk = {
		.version = htole32(ARCHIVE_VERSION),
		.extents = htole32(archive->n),
		.time = htole64(archive->time),
		.block_size = htole64(ARCHIVE_BLOCK_SIZE),
	};
	unsigned int i;
	int ret;

	archive->fd = fd;
	archive->compress = ZSTD_createCCtx();
	ret = buffers(archive);
	if (ret)
		return ret;

	memcpy(disk.magic, magic, sizeof(magic));
	memcpy(disk.pool_uuid, archive->pool_uuid, sizeof(disk.pool_uuid));
	archive->chain = link_checksum(archive, &disk, sizeof(disk));
	disk.checksum = htole64(archive->chain);
	ret = put(archive, &disk, sizeof(disk));
	for (i = 0; !ret && i < archive->n; i++)
		ret = put_extent(archive, &archive->extents[i]);
	return ret;
}

static bool all_zero(const uint8_t *data, size_t len)
{
	return !data[0] && memcmp(data, data + 1, len - 1) == 0;
}

int archive_add(struct archive *archive, unsigned int extent, uint64_t block)
{
	size_t len = archive_block_len(&archive->extents[extent], block);
	struct disk_block disk = {
		.type = htole32(TYPE_BLOCK),
		.extent = htole32(extent),
		.block = htole64(block),
	};
	size_t stored;

	if (all_zero(archive->data, len))
		return 0;

	stored = ZSTD_compressCCtx(archive->compress, archive->stored + sizeof(disk),
				   STORED_MAX, archive->data, len, ZSTD_CLEVEL_DEFAULT);
	if (ZSTD_isError(stored))
		return fail(archive, -ENOMEM, "compressing failed: %s", ZSTD_getErrorName(stored));

	disk.stored = htole32((uint32_t)stored);
	disk.data = htole64(XXH3_64bits(archive->data, len));
	archive->chain = link_checksum(archive, &disk, sizeof(disk));
	disk.checksum = htole64(archive->chain);
	memcpy(archive->stored, &disk, sizeof(disk));
	return put(archive, archive->stored, sizeof(disk) + stored);
}

int archive_finish(struct archive *archive)
{
	struct disk_block disk = { .type = htole32(TYPE_END) };

	disk.checksum = htole64(link_checksum(archive, &disk, sizeof(disk)));
	return put(archive, &disk, sizeof(disk));
}

/*
 * Reading.
 */

/* As much as there is of len; *got says how much that was. */
static int get_some(struct archive *archive, void *to, size_t len, size_t *got)
{
	uint8_t *p = to;

	*got = 0;
	while (*got < len) {
		ssize_t n = read(archive->fd, p + *got, len - *got);

		if (n < 0)
			return fail(archive, -errno, "it cannot be read at byte %" PRIu64 ": %s",
				    archive->offset, strerror(errno));
		if (n == 0)
			break;
		*got += (size_t)n;
		archive->offset += (uint64_t)n;
	}
	return 0;
}

static int get(struct archive *archive, void *to, size_t len)
{
	size_t got;
	int ret;

	ret = get_some(archive, to, len, &got);
	if (!ret && got < len)
		return fail(archive, -EBADMSG,
			    "it was cut short: it has only %" PRIu64 " bytes, and no end; copy or export it again",
			    archive->offset);
	return ret;
}

/* Of the structure at from, whose checksum is its last field. */
static int check_link(struct archive *archive, const void *from, size_t size, const char *what)
{
	uint64_t expected = link_checksum(archive, from, size);
	uint64_t found;

	memcpy(&found, (const uint8_t *)from + size - sizeof(found), sizeof(found));
	if (le64toh(found) != expected)
		return damaged(archive, what);
	archive->chain = expected;
	return 0;
}

/* A field of text ends with a NUL, and has nothing behind it. */
static bool padded(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	while (len < size && !text[len])
		len++;
	return len == size && !text[size - 1];
}

/* Its checksum is right: so if anything is wrong, it was written like that. */
static const char *wrong_extent(const struct disk_extent *disk)
{
	if (!padded(disk->name, sizeof(disk->name)) || !padded(disk->user, sizeof(disk->user)) ||
	    !padded(disk->group, sizeof(disk->group)))
		return "a name of it does not end";
	if (!pmpool_name_valid(disk->name))
		return "that is no name of an extent";
	if (!disk->size)
		return "it has no size";
	if (le32toh(disk->mode) > 0777)
		return "its mode has more than permission bits";
	if (le64toh(disk->align) & (le64toh(disk->align) - 1))
		return "its alignment is not a power of two";
	if (le32toh(disk->flags) & ~FLAGS_KNOWN || disk->reserved)
		return "it has properties that this version of pmpoolctl does not know";
	return NULL;
}

static int get_extent(struct archive *archive, struct archive_extent *extent)
{
	struct disk_extent disk;
	const char *wrong;
	int ret;

	ret = get(archive, &disk, sizeof(disk));
	if (!ret)
		ret = check_link(archive, &disk, sizeof(disk), "the description of an extent is wrong");
	if (ret)
		return ret;

	wrong = wrong_extent(&disk);
	if (wrong) {
		char name[sizeof(disk.name) + 1] = "";
		size_t i;

		for (i = 0; i < sizeof(disk.name) && disk.name[i]; i++)
			name[i] = disk.name[i] >= ' ' && disk.name[i] <= '~' ? disk.name[i] : '?';
		return fail(archive, -EBADMSG, "the extent '%s' in it can not be used: %s", name,
			    wrong);
	}

	memcpy(extent->name, disk.name, sizeof(extent->name));
	memcpy(extent->user, disk.user, sizeof(extent->user));
	memcpy(extent->group, disk.group, sizeof(extent->group));
	memcpy(extent->uuid, disk.uuid, sizeof(extent->uuid));
	memcpy(extent->tag, disk.tag, sizeof(extent->tag));
	extent->size = le64toh(disk.size);
	extent->align = le64toh(disk.align);
	extent->generation = le64toh(disk.generation);
	extent->create_time = le64toh(disk.create_time);
	extent->uid = le32toh(disk.uid);
	extent->gid = le32toh(disk.gid);
	extent->mode = le32toh(disk.mode);
	extent->flags = le32toh(disk.flags);
	return 0;
}

static int get_header(struct archive *archive)
{
	struct disk_header disk = { 0 };
	size_t got;
	int ret;

	ret = get_some(archive, &disk, sizeof(disk), &got);
	if (ret)
		return ret;
	if (got < sizeof(magic) || memcmp(disk.magic, magic, sizeof(magic)) != 0)
		return fail(archive, -EBADMSG, "it is not an archive that pmpoolctl export wrote");
	/* Before the checksum: a newer version's header may be another one. */
	if (got >= offsetof(struct disk_header, extents) && le32toh(disk.version) != ARCHIVE_VERSION)
		return fail(archive, -EBADMSG,
			    "it is of version %u, and this pmpoolctl reads version %d; use the one that wrote it",
			    le32toh(disk.version), ARCHIVE_VERSION);
	if (got < sizeof(disk))
		return get(archive, &disk, 1);
	ret = check_link(archive, &disk, sizeof(disk), "its header is wrong");
	if (ret)
		return ret;
	if (le64toh(disk.block_size) != ARCHIVE_BLOCK_SIZE || disk.reserved ||
	    le32toh(disk.extents) > ARCHIVE_MAX_EXTENTS)
		return damaged(archive, "its header has values that can not be");

	memcpy(archive->pool_uuid, disk.pool_uuid, sizeof(archive->pool_uuid));
	archive->time = le64toh(disk.time);
	archive->n = le32toh(disk.extents);
	return 0;
}

int archive_open(struct archive *archive, int fd)
{
	unsigned int i, j;
	int ret;

	*archive = (struct archive){ .fd = fd };
	ret = get_header(archive);
	if (ret)
		return ret;
	archive->expand = ZSTD_createDCtx();
	ret = buffers(archive);
	if (ret)
		return ret;

	archive->extents = calloc(archive->n + 1, sizeof(*archive->extents));
	if (!archive->extents)
		return fail(archive, -ENOMEM, "out of memory");
	for (i = 0; i < archive->n; i++) {
		ret = get_extent(archive, &archive->extents[i]);
		if (ret)
			return ret;
		for (j = 0; j < i; j++)
			if (strcmp(archive->extents[i].name, archive->extents[j].name) == 0)
				return fail(archive, -EBADMSG, "it has two extents called '%s'",
					    archive->extents[i].name);
	}
	return 0;
}

static int get_end(struct archive *archive)
{
	uint8_t more;
	size_t got;
	int ret;

	ret = get_some(archive, &more, 1, &got);
	if (ret)
		return ret;
	if (got)
		return fail(archive, -EBADMSG,
			    "something follows its end at byte %" PRIu64 "; copy or export it again",
			    archive->offset - 1);
	return -ENODATA;
}

/* Whether that block can come now: in order, and inside of its extent. */
static bool in_order(const struct archive *archive, uint32_t extent, uint64_t block, uint32_t stored)
{
	if (extent >= archive->n || extent < archive->at)
		return false;
	if (extent == archive->at && block < archive->next)
		return false;
	return block < archive_blocks(&archive->extents[extent]) &&
	       stored <= STORED_MAX;
}

int archive_next(struct archive *archive, unsigned int *extent, uint64_t *block)
{
	struct disk_block disk;
	size_t stored, len, n;
	int ret;

	ret = get(archive, &disk, sizeof(disk));
	if (!ret)
		ret = check_link(archive, &disk, sizeof(disk), "the header of a block is wrong");
	if (ret)
		return ret;
	if (le32toh(disk.type) == TYPE_END)
		return get_end(archive);

	*extent = le32toh(disk.extent);
	*block = le64toh(disk.block);
	stored = le32toh(disk.stored);
	if (le32toh(disk.type) != TYPE_BLOCK || disk.reserved ||
	    !in_order(archive, *extent, *block, (uint32_t)stored))
		return damaged(archive, "the header of a block has values that can not be");
	archive->at = *extent;
	archive->next = *block + 1;

	len = archive_block_len(&archive->extents[*extent], *block);
	ret = get(archive, archive->stored, stored);
	if (ret)
		return ret;
	n = ZSTD_decompressDCtx(archive->expand, archive->data, len, archive->stored, stored);
	if (ZSTD_isError(n) || n != len || XXH3_64bits(archive->data, len) != le64toh(disk.data)) {
		char what[128];

		snprintf(what, sizeof(what), "the content of '%s' is wrong at offset %" PRIu64,
			 archive->extents[*extent].name, *block * ARCHIVE_BLOCK_SIZE);
		return damaged(archive, what);
	}
	return 0;
}

void archive_free(struct archive *archive)
{
	ZSTD_freeCCtx(archive->compress);
	ZSTD_freeDCtx(archive->expand);
	free(archive->extents);
	free(archive->data);
	free(archive->stored);
	*archive = (struct archive){ .fd = -1 };
}
