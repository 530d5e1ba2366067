/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What format.c and space.c use of the kernel's headers, for building them in
 * user space. The other headers of this directory include this one.
 */
#ifndef USERSPACE_KERNEL_H
#define USERSPACE_KERNEL_H

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include_next <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
/* As in the kernel on 64-bit machines, so that %llu and %#llx fit. */
typedef unsigned long long u64;

/* The kernel's takes a condition alone; clang's C11 does not. */
#undef static_assert
#define static_assert(condition)	_Static_assert(condition, #condition)

#define __force
#define U32_MAX	UINT32_MAX
#define U64_MAX	UINT64_MAX

#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)

#define cpu_to_le32(x)	htole32(x)
#define cpu_to_le64(x)	htole64(x)
#define le32_to_cpu(x)	le32toh(x)
#define le64_to_cpu(x)	((u64)le64toh(x))

#define min(a, b)	({ typeof(a) _a = (a); typeof(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define div_u64(n, d)	((u64)(n) / (d))
#define DIV_ROUND_UP_ULL(n, d)	(((u64)(n) + (d) - 1) / (d))

static inline void *memchr_inv(const void *start, int c, size_t bytes)
{
	const u8 *at = start;

	for (; bytes; at++, bytes--)
		if (*at != (u8)c)
			return (void *)at;
	return NULL;
}

static inline ssize_t strscpy(char *dest, const char *src, size_t size)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dest, src, len);
	dest[len] = '\0';
	return src[len] ? -E2BIG : (ssize_t)len;
}

/* Bit by bit: slow, short, and not the table-driven code that it checks. */
static inline u32 crc32c(u32 crc, const void *data, size_t size)
{
	const u8 *at = data;
	int bit;

	while (size--) {
		crc ^= *at++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

#endif /* USERSPACE_KERNEL_H */
