/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before format.c, so that the fuzzer is told of every store to the
 * metadata and of every memset() of blocks, and so that an attach is fast enough
 * for thousands a second.
 */
#ifndef TESTS_FUZZ_HOOKS_H
#define TESTS_FUZZ_HOOKS_H

#include <linux/kernel.h>

#include "../crash/crc32c.h"

struct pmpool_format;

void fuzz_stored(const struct pmpool_format *fmt, const void *at);
#define pmpool_format_stored(fmt, at)	fuzz_stored(fmt, at)

/* A region's blocks are not there, only its metadata is. */
void *fuzz_memset(void *at, int byte, size_t size);
#define memset(at, byte, size)	fuzz_memset(at, byte, size)

/* With words: an attach looks for zeroes in a megabyte. */
void *fuzz_memchr_inv(const void *start, int byte, size_t size);
#define memchr_inv(start, byte, size)	fuzz_memchr_inv(start, byte, size)

#endif /* TESTS_FUZZ_HOOKS_H */
