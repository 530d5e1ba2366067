/* SPDX-License-Identifier: GPL-2.0-only */
/* The head of a bzImage that is good. */
#ifndef PMPOOLD_TEST_BZIMAGE_H
#define PMPOOLD_TEST_BZIMAGE_H

#include <stdint.h>
#include <string.h>

#define BZIMAGE_SIZE 4096

static inline void bzimage(uint8_t head[BZIMAGE_SIZE], const char *version)
{
	memset(head, 0, BZIMAGE_SIZE);
	head[0x1f1] = 3;			/* setup_sects */
	head[0x1f4] = 0x80;			/* 0x80 * 16 = 2048 */
	head[0x1fe] = 0x55;
	head[0x1ff] = 0xaa;
	memcpy(head + 0x202, "HdrS", 4);
	head[0x206] = 0x0f;
	head[0x207] = 0x02;
	head[0x20f] = 0x04;			/* kernel_version: 0x400 + 0x200 */
	head[0x211] = 1;
	head[0x234] = 1;
	head[0x236] = 3;
	head[0x239] = 8;			/* cmdline_size: 2048 */
	head[0x263] = 1;			/* init_size: 16 MiB */
	strcpy((char *)head + 0x600, version);
}

#endif
