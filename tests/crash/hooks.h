/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before format.c, so that a test sees each of its stores to the region,
 * each write-back and each write barrier, and so that its checksums are fast enough
 * to attach a pool millions of times.
 */
#ifndef TESTS_CRASH_HOOKS_H
#define TESTS_CRASH_HOOKS_H

#include <linux/kernel.h>

#include "crc32c.h"

struct pmpool_format;

void crash_stored(const struct pmpool_format *fmt, const void *at);
#define pmpool_format_stored(fmt, at)	crash_stored(fmt, at)

void crash_barrier(void);
#undef smp_wmb
#define smp_wmb()	crash_barrier()

void crash_write_back(const void *at, size_t size);
#define pmpool_write_back(at, size)	crash_write_back(at, size)

#endif /* TESTS_CRASH_HOOKS_H */
