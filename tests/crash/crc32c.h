/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC32C for tests that attach a pool thousands of times a second. */
#ifndef TESTS_CRASH_CRC32C_H
#define TESTS_CRASH_CRC32C_H

#include <linux/kernel.h>

u32 fast_crc32c(u32 crc, const void *data, size_t size);
bool fast_crc32c_right(void);

/* The slow one is (crc32c)(). */
#define crc32c(crc, data, size)	fast_crc32c(crc, data, size)

#endif /* TESTS_CRASH_CRC32C_H */
