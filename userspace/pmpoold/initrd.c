// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the initial RAM disk
 *
 * kexec_file_load(2) takes one file, a boot loader entry may have several, such
 * as one with microcode. The kernel unpacks one archive after the other, each
 * of which begins at a multiple of four bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "initrd.h"

#define REMEDY "make it with update-initramfs, or say Initrd=none in the configuration"

static int open_one(const char *path, off_t *size, char **reason)
{
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		*reason = xprintf("%s cannot be opened: %s: " REMEDY, path, strerror(-r));
	} else if (!S_ISREG(st.st_mode) || !st.st_size) {
		r = -EINVAL;
		*reason = xprintf("%s is empty or not a regular file: " REMEDY, path);
	} else {
		*size = st.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int append(int to, const char *path, char **reason)
{
	off_t size, end;
	ssize_t n;
	int fd, r = 0;

	fd = open_one(path, &size, reason);
	if (fd < 0)
		return fd;
	do {
		n = sendfile(to, fd, NULL, 1 << 20);
	} while (n > 0 || (n < 0 && errno == EINTR));
	end = n < 0 ? -1 : lseek(to, 0, SEEK_END);
	if (end < 0 || ftruncate(to, (end + 3) & ~3) < 0 || lseek(to, 0, SEEK_END) < 0) {
		r = -errno;
		*reason = xprintf("%s cannot be copied into memory: %s: free some, then run systemctl reload pmpoold",
				  path, strerror(-r));
	}
	close(fd);
	return r;
}

int initrd_open(const struct strlist *paths, char **reason)
{
	off_t size;
	int fd, r;

	if (paths->n == 1)
		return open_one(paths->v[0], &size, reason);
	fd = memfd_create("initrd", MFD_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		*reason = xprintf("no memory for the initrds: %s: free some, then run systemctl reload pmpoold",
				  strerror(-r));
		return r;
	}
	for (size_t i = 0; i < paths->n; i++) {
		r = append(fd, paths->v[i], reason);
		if (r) {
			close(fd);
			return r;
		}
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int initrd_check(const struct strlist *paths, char **reason)
{
	for (size_t i = 0; i < paths->n; i++) {
		off_t size;
		int fd = open_one(paths->v[i], &size, reason);

		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}
