/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel image: an x86 bzImage. */
#ifndef PMPOOLD_IMAGE_H
#define PMPOOLD_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_RELEASE_MAX 64

struct image {
	int fd;				/* open for reading; -1: none */
	char release[IMAGE_RELEASE_MAX + 1];	/* as uname -r says once it runs */
	uint64_t file_size;
	uint32_t init_size;		/* contiguous memory it needs to start */
	uint32_t cmdline_size;		/* longest command line, without the NUL */
};

/*
 * Open path and read its header. On failure *reason is a new string that names
 * the file, what is wrong with it and what to do.
 */
int image_open(struct image *image, const char *path, char **reason);
void image_close(struct image *image);

/*
 * Take what is needed from the first len bytes of a file of file_size bytes.
 * On failure *reason says what is wrong, without the file's name.
 */
int image_parse(struct image *image, const void *head, size_t len, uint64_t file_size,
		const char **reason);

#endif
