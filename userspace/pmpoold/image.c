// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the kernel image
 *
 * The release of the next kernel decides where its modules are, so it is taken
 * from the image itself and not from a file name, which may be a link, or old.
 * The header is described in Documentation/arch/x86/boot.rst of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "strlist.h"

/* Offsets in the file. */
enum {
	SETUP_SECTS	= 0x1f1,	/* u8; 0 means 4 */
	SYSSIZE		= 0x1f4,	/* u32, units of 16 bytes */
	BOOT_FLAG	= 0x1fe,	/* u16: 0xaa55 */
	HEADER_MAGIC	= 0x202,	/* "HdrS" */
	PROTOCOL	= 0x206,	/* u16 */
	KERNEL_VERSION	= 0x20e,	/* u16, less 0x200 */
	LOADFLAGS	= 0x211,	/* u8 */
	RELOCATABLE	= 0x234,	/* u8 */
	XLOADFLAGS	= 0x236,	/* u16 */
	CMDLINE_SIZE	= 0x238,	/* u32 */
	INIT_SIZE	= 0x260,	/* u32 */
	HEADER_END	= 0x264,

	LOADED_HIGH	= 1 << 0,
	XLF_KERNEL_64	= 1 << 0,
	SECTOR		= 512,
	/* The setup part is at most 255 sectors and the boot sector. */
	HEAD_MAX	= 256 * SECTOR,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

int image_parse(struct image *image, const void *head, size_t len, uint64_t file_size,
		const char **reason)
{
	const uint8_t *h = head;
	size_t setup_end, version, n;
	unsigned int sectors;

	*reason = "not a bzImage";
	if (len < HEADER_END || get16(h + BOOT_FLAG) != 0xaa55 ||
	    memcmp(h + HEADER_MAGIC, "HdrS", 4))
		return -ENOEXEC;
	/* What kexec_file_load(2) itself asks for. */
	if (get16(h + PROTOCOL) < 0x20c) {
		*reason = "its boot protocol is older than 2.12, and kexec cannot load it";
		return -ENOEXEC;
	}
	if (!(h[LOADFLAGS] & LOADED_HIGH) || !h[RELOCATABLE] ||
	    !(get16(h + XLOADFLAGS) & XLF_KERNEL_64)) {
		*reason = "not a relocatable 64-bit kernel, and kexec cannot load it";
		return -ENOEXEC;
	}
	sectors = h[SETUP_SECTS] ? h[SETUP_SECTS] : 4;
	setup_end = (sectors + 1) * SECTOR;
	if (setup_end + (uint64_t)get32(h + SYSSIZE) * 16 > file_size) {
		*reason = "it is cut short: the file is smaller than its header says";
		return -ENOEXEC;
	}
	*reason = "its header holds no version";
	if (!get16(h + KERNEL_VERSION))
		return -ENOEXEC;
	version = get16(h + KERNEL_VERSION) + 0x200u;
	if (setup_end > len)
		setup_end = len;
	if (version >= setup_end)
		return -ENOEXEC;
	for (n = 0; version + n < setup_end; n++) {
		uint8_t c = h[version + n];

		if (c == ' ' || c == '\0')
			break;
		/* It becomes part of a path. */
		if (c <= ' ' || c > '~' || c == '/' || n == IMAGE_RELEASE_MAX)
			return -ENOEXEC;
	}
	if (!n || version + n == setup_end || h[version] == '.')
		return -ENOEXEC;
	memcpy(image->release, h + version, n);
	image->release[n] = '\0';
	image->file_size = file_size;
	image->init_size = get32(h + INIT_SIZE);
	image->cmdline_size = get32(h + CMDLINE_SIZE);
	*reason = NULL;
	return 0;
}

int image_open(struct image *image, const char *path, char **reason)
{
	uint8_t *head = NULL;
	const char *why;
	struct stat st;
	ssize_t len;
	int fd, r;

	*image = (struct image){ .fd = -1 };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		r = -errno;
		*reason = xprintf("%s cannot be opened: %s: install that kernel",
				  path, strerror(-r));
		return r;
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
		why = strerror(-r);
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		r = -EINVAL;
		why = "not a regular file";
		goto fail;
	}
	head = xalloc(HEAD_MAX);
	len = pread(fd, head, HEAD_MAX, 0);
	if (len < 0) {
		r = -errno;
		why = strerror(-r);
		goto fail;
	}
	r = image_parse(image, head, (size_t)len, (uint64_t)st.st_size, &why);
	if (r)
		goto fail;
	free(head);
	image->fd = fd;
	return 0;

fail:
	*reason = xprintf("%s cannot be used as the next kernel: %s: install it again",
			  path, why);
	free(head);
	close(fd);
	return r;
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}
