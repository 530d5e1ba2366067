// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC32C for tests that attach pools millions of times: with the processor's
 * instruction where there is one, else with a table.
 */
#include "crc32c.h"

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2")))
static u32 crc32c_instruction(u32 crc, const u8 *data, size_t size)
{
	u64 crc64 = crc, word;

	for (; size >= sizeof(word); size -= sizeof(word), data += sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		crc64 = _mm_crc32_u64(crc64, word);
	}
	for (crc = crc64; size; size--)
		crc = _mm_crc32_u8(crc, *data++);
	return crc;
}
#endif

static u32 crc32c_table(u32 crc, const u8 *data, size_t size)
{
	static u32 table[256];
	unsigned int i;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			u8 byte = i;

			table[i] = (crc32c)(0, &byte, 1);
		}
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *data++) & 0xff];
	return crc;
}

u32 fast_crc32c(u32 crc, const void *data, size_t size)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_instruction(crc, data, size);
#endif
	return crc32c_table(crc, data, size);
}

/* Whether both are what the slow one, which the unit tests check, says. */
bool fast_crc32c_right(void)
{
	u8 data[259];
	size_t i, size;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 5;
	for (size = 0; size <= sizeof(data); size++) {
		u32 right = (crc32c)(~0U, data, size);

		if (fast_crc32c(~0U, data, size) != right || crc32c_table(~0U, data, size) != right)
			return false;
	}
	return true;
}
