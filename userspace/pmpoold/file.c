// SPDX-License-Identifier: GPL-2.0-only
/* Whole files: read at once, replaced at once. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "strlist.h"

int file_read(const char *path, size_t max, char **data, size_t *len)
{
	size_t room = 4096, n = 0;
	char *buf, *more;
	ssize_t got;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	buf = xalloc(room);
	/* Files in /proc and /sys do not tell their size: read until the end. */
	while ((got = read(fd, buf + n, room - 1 - n)) != 0) {
		if (got < 0) {
			if (errno == EINTR)
				continue;
			r = -errno;
			goto fail;
		}
		n += (size_t)got;
		if (n > max) {
			r = -EFBIG;
			goto fail;
		}
		if (n == room - 1) {
			room *= 2;
			more = realloc(buf, room);
			if (!more) {
				r = -ENOMEM;
				goto fail;
			}
			buf = more;
		}
	}
	close(fd);
	buf[n] = '\0';
	*data = buf;
	if (len)
		*len = n;
	return 0;

fail:
	close(fd);
	free(buf);
	return r;
}

static int open_dir(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd;

	free(copy);
	return r;
}

int file_sync_dir(const char *path)
{
	int fd = open_dir(path);
	int r;

	if (fd < 0)
		return fd;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode, bool durable)
{
	/* One fixed name: what a killed daemon left is overwritten, not piled up. */
	char *tmp = xprintf("%s.tmp", path);
	const char *step;
	int fd, r;

	step = "create";
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		r = -errno;
		goto fail;
	}
	step = "write";
	r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, data, len);
	if (!r && durable && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && !r)
		r = -errno;
	if (r)
		goto remove_tmp;
	step = "rename";
	if (rename(tmp, path) < 0) {
		r = -errno;
		goto remove_tmp;
	}
	if (durable) {
		r = file_sync_dir(path);
		if (r) {
			log_err("cannot sync the directory of %s: %s: it may be lost if power fails now; the next change tries again",
				path, strerror(-r));
			free(tmp);
			return r;
		}
	}
	free(tmp);
	return 0;

remove_tmp:
	unlink(tmp);
fail:
	log_err("cannot replace %s: cannot %s %s: %s: the old content stays, the next change tries again",
		path, step, tmp, strerror(-r));
	free(tmp);
	return r;
}
