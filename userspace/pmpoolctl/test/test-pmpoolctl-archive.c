// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of archives: what is written is read, and nothing else passes for
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive.h"
#include "ctl.h"
#include "tap.h"

#define MIB (1024 * 1024)

/* A file in memory. */
struct image {
	uint8_t *bytes;
	size_t size;
};

/* What the tests put into block of extent: random, with zeroes in every third. */
static void content(uint8_t *to, size_t len, unsigned int extent, uint64_t block)
{
	uint32_t state = extent * 7919 + (uint32_t)block * 104729 + 1;
	size_t i;

	memset(to, 0, len);
	if (block % 3 == 2)
		return;
	for (i = 0; i < len; i++) {
		state = state * 1664525 + 1013904223;
		/* Half of it compresses. */
		to[i] = i < len / 2 ? (uint8_t)(state >> 24) : (uint8_t)(i >> 8);
	}
	to[len - 1] = 1;
}

static struct archive_extent *describe(unsigned int n, const uint64_t *sizes)
{
	struct archive_extent *extents = calloc(n, sizeof(*extents));
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		snprintf(extents[i].name, sizeof(extents[i].name), "extent-%u", i);
		snprintf(extents[i].user, sizeof(extents[i].user), "user%u", i);
		snprintf(extents[i].group, sizeof(extents[i].group), "group%u", i);
		for (j = 0; j < 16; j++) {
			extents[i].uuid[j] = (uint8_t)(16 * i + j);
			extents[i].tag[j] = (uint8_t)(0xff - j);
		}
		extents[i].size = sizes[i];
		extents[i].align = i ? 2 * MIB : 0;
		extents[i].generation = 77 + i;
		extents[i].create_time = 1234567890123456789;
		extents[i].uid = 1000 + i;
		extents[i].gid = 4294967290;
		extents[i].mode = 0640 + i;
		extents[i].flags = i % 2 ? 0 : ARCHIVE_CLEAN;
	}
	return extents;
}

static struct image contents_of(int fd)
{
	struct image image = { .size = (size_t)lseek(fd, 0, SEEK_END) };

	image.bytes = malloc(image.size + 1);
	if (pread(fd, image.bytes, image.size, 0) != (ssize_t)image.size)
		abort();
	return image;
}

/* Write an archive of extents, which it takes. */
static struct image write_archive(struct archive_extent *extents, unsigned int n)
{
	struct archive archive = { .extents = extents, .n = n, .time = 42, .pool_uuid = { 1, 2, 3 } };
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct image image;
	unsigned int i;
	uint64_t block;
	int ret;

	ret = archive_begin(&archive, fd);
	for (i = 0; i < n; i++)
		for (block = 0; !ret && extents[i].size && block < archive_blocks(&extents[i]); block++) {
			content(archive.data, archive_block_len(&extents[i], block), i, block);
			ret = archive_add(&archive, i, block);
		}
	if (!ret)
		ret = archive_finish(&archive);
	if (ret)
		abort();
	image = contents_of(fd);
	archive_free(&archive);
	close(fd);
	return image;
}

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	if (write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* Whether all that was read of it is what content() says, to the last block. */
static bool same_content(struct archive *archive, int *ret)
{
	uint8_t *expected = malloc(ARCHIVE_BLOCK_SIZE);
	unsigned int extent;
	bool same = true;
	uint64_t block;

	while (!(*ret = archive_next(archive, &extent, &block))) {
		size_t len = archive_block_len(&archive->extents[extent], block);

		content(expected, len, extent, block);
		same &= memcmp(archive->data, expected, len) == 0;
	}
	free(expected);
	return same;
}

/* Read it to its end. Returns how that ended; why says why. */
static int read_archive(const void *bytes, size_t size, char why[ARCHIVE_WHY_SIZE], bool *same)
{
	struct archive archive;
	int fd = file_with(bytes, size);
	int ret;

	*same = true;
	ret = archive_open(&archive, fd);
	if (!ret)
		*same = same_content(&archive, &ret);
	memcpy(why, archive.why, ARCHIVE_WHY_SIZE);
	archive_free(&archive);
	close(fd);
	return ret;
}

/* It is refused for that reason. */
static void refused(const char *what, const struct image *image, size_t size, const char *reason)
{
	char why[ARCHIVE_WHY_SIZE];
	bool same;
	int ret;

	ret = read_archive(image->bytes, size, why, &same);
	ok(ret == -EBADMSG && strstr(why, reason), "%s: %s (%d)", what, why, ret);
}

static void test_round_trip(void)
{
	static const uint64_t sizes[] = { 9 * MIB + 5, 1, 4 * MIB };
	struct archive_extent *expected = describe(3, sizes);
	struct image image = write_archive(describe(3, sizes), 3);
	int fd = file_with(image.bytes, image.size);
	struct archive archive;
	int ret;

	ret = archive_open(&archive, fd);
	ok(!ret && archive.n == 3 && archive.time == 42 && archive.pool_uuid[2] == 3,
	   "the description of an archive");
	ok(!memcmp(archive.extents, expected, 3 * sizeof(*expected)), "that of its extents");
	ok(same_content(&archive, &ret), "the content of its extents");
	ok(ret == -ENODATA, "to the end");
	/* Blocks 0, 1, 3 and 4 of the first, 0, 0 and 1 of the others; half of each. */
	ok(image.size < 8 * MIB, "zeroes are not stored, and what can be is compressed: %zu",
	   image.size);
	archive_free(&archive);
	close(fd);
	free(image.bytes);
	free(expected);
}

static void test_empty(void)
{
	struct image image = write_archive(NULL, 0);
	char why[ARCHIVE_WHY_SIZE];
	bool same;

	ok(read_archive(image.bytes, image.size, why, &same) == -ENODATA, "no extents at all");
	free(image.bytes);
}

/* Every byte of a small archive: an error, or the same data. */
static void test_flips(void)
{
	static const uint64_t sizes[] = { 300, 40 };
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct image image = write_archive(describe(2, sizes), 2);
	unsigned int accepted = 0, unexplained = 0, wrong = 0;
	char why[ARCHIVE_WHY_SIZE];
	bool same;
	size_t i, j;
	int ret;

	for (i = 0; i < image.size; i++)
		for (j = 0; j < sizeof(flips); j++) {
			image.bytes[i] ^= flips[j];
			ret = read_archive(image.bytes, image.size, why, &same);
			image.bytes[i] ^= flips[j];
			accepted += ret == -ENODATA;
			unexplained += ret != -ENODATA && (ret != -EBADMSG || !why[0]);
			wrong += !same;
		}
	ok(wrong == 0, "no flipped byte gives other data");
	ok(unexplained == 0, "each refusal says why");
	ok(accepted < 16, "of %zu flips, %u changed nothing that counts", 3 * image.size, accepted);
	ok(read_archive(image.bytes, image.size, why, &same) == -ENODATA && same,
	   "without any it is read");
	free(image.bytes);
}

static void test_truncated(void)
{
	static const uint64_t sizes[] = { 300, 40 };
	struct image image = write_archive(describe(2, sizes), 2);
	unsigned int accepted = 0, unexplained = 0;
	char why[ARCHIVE_WHY_SIZE];
	bool same;
	size_t i;
	int ret;

	for (i = 0; i < image.size; i++) {
		ret = read_archive(image.bytes, i, why, &same);
		accepted += ret != -EBADMSG;
		unexplained += !strstr(why, i < 8 ? "not an archive" : "cut short");
	}
	ok(accepted == 0, "no shorter archive is accepted");
	ok(unexplained == 0, "each is said to be cut short");

	image.bytes[image.size] = 0;
	refused("a byte behind the end", &image, image.size + 1, "something follows its end");
	free(image.bytes);
}

static void test_foreign(void)
{
	struct image image = write_archive(NULL, 0);
	struct image other = { (uint8_t *)"#!/bin/sh\necho this is long enough for the header of an archive, is it not?\n", 70 };

	refused("another kind of file", &other, other.size, "not an archive that pmpoolctl export wrote");
	image.bytes[8]++;
	refused("a newer version", &image, image.size, "it is of version 2, and this pmpoolctl reads version 1");
	free(image.bytes);
}

static void set_name(struct archive_extent *extent, const char *name)
{
	memset(extent->name, 0, sizeof(extent->name));
	strcpy(extent->name, name);
}

/* What is wrong although all checksums are right. */
static void test_forged(void)
{
	static const uint64_t sizes[] = { 300, 40 };
	struct archive_extent *extents;
	struct image image;

#define FORGE(change, reason) do {					\
	extents = describe(2, sizes);					\
	change;								\
	image = write_archive(extents, 2);				\
	refused(#change, &image, image.size, reason);			\
	free(image.bytes);						\
} while (0)

	FORGE(set_name(&extents[1], "../a b"), "the extent '../a b' in it can not be used: that is no name");
	FORGE(set_name(&extents[1], "\033[2J"), "the extent '?[2J' in it");
	FORGE(set_name(&extents[1], ""), "that is no name");
	FORGE(memset(extents[1].name, 'a', sizeof(extents[1].name)), "does not end");
	FORGE(memset(extents[1].user, 'a', sizeof(extents[1].user)), "does not end");
	FORGE(extents[1].group[63] = 'a', "does not end");
	FORGE(set_name(&extents[1], "extent-0"), "two extents called 'extent-0'");
	FORGE(extents[1].size = 0, "it has no size");
	FORGE(extents[1].mode = 04755, "more than permission bits");
	FORGE(extents[1].align = 3, "not a power of two");
	FORGE(extents[1].flags = 1 << 5, "does not know");
}

/* Blocks in an order that export does not write. */
static void forged_blocks(const char *what, const unsigned int order[][2], unsigned int n)
{
	static const uint64_t sizes[] = { 5 * MIB, 40 };
	struct archive archive = { .extents = describe(2, sizes), .n = 2 };
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct image image;
	unsigned int i;

	if (archive_begin(&archive, fd))
		abort();
	for (i = 0; i < n; i++) {
		memset(archive.data, 'x', ARCHIVE_BLOCK_SIZE);
		if (archive_add(&archive, order[i][0], order[i][1]))
			abort();
	}
	if (archive_finish(&archive))
		abort();
	image = contents_of(fd);
	refused(what, &image, image.size, "values that can not be");
	free(image.bytes);
	archive_free(&archive);
	close(fd);
}

static void test_forged_blocks(void)
{
	forged_blocks("a block twice", (const unsigned int[][2]){ { 0, 1 }, { 0, 1 } }, 2);
	forged_blocks("a block before the last one", (const unsigned int[][2]){ { 0, 1 }, { 0, 0 } }, 2);
	forged_blocks("an extent before the last one", (const unsigned int[][2]){ { 1, 0 }, { 0, 0 } }, 2);
}

/* A whole structure less, or in another place, where each is sound by itself. */
static void test_structures(void)
{
	static const uint64_t sizes[] = { 300, 40 };
	struct image image = write_archive(describe(2, sizes), 2);
	const size_t end = 40, extent = 288, header = 64;
	uint8_t copy[288];

	memcpy(copy, image.bytes + header, extent);
	memmove(image.bytes + header, image.bytes + header + extent, extent);
	memcpy(image.bytes + header + extent, copy, extent);
	refused("descriptions in another order", &image, image.size, "the description of an extent is wrong");
	free(image.bytes);

	image = write_archive(describe(2, sizes), 2);
	memmove(image.bytes + header + 2 * extent, image.bytes + image.size - end, end);
	refused("the end right behind the descriptions", &image, header + 2 * extent + end,
		"the header of a block is wrong");
	free(image.bytes);
}

static void test_disk_full(void)
{
	static const uint64_t sizes[] = { 300 };
	struct archive archive = { .extents = describe(1, sizes), .n = 1 };
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int ret;

	ret = archive_begin(&archive, fd);
	ok(ret == -ENOSPC && strstr(archive.why, "No space left on device after 0 bytes"),
	   "a full disk: %s", archive.why);
	archive_free(&archive);
	close(fd);

	ret = archive_open(&archive, -1);
	ok(ret == -EBADF && strstr(archive.why, "cannot be read at byte 0"), "a file that can not be read: %s",
	   archive.why);
	archive_free(&archive);
}

int main(void)
{
	test_round_trip();
	test_empty();
	test_flips();
	test_truncated();
	test_foreign();
	test_forged();
	test_forged_blocks();
	test_structures();
	test_disk_full();
	return done();
}
