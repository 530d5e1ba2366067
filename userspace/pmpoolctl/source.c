// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where metadata comes from: the driver, or a file that holds an image of a
 * region. Of the file only the metadata is mapped, however large it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "examine.h"

static int open_device(struct source *source)
{
	struct pmpool_pool_info *info;
	int ret;

	ret = pmpool_open(source->path, source->writable ? O_RDWR : O_RDONLY, &source->pool);
	if (!ret) {
		ret = pmpool_get_info(source->pool, &info);
		if (ret) {
			pmpool_close(source->pool);
			source->pool = NULL;
		}
	}
	if (ret == -ENOTTY) {
		say("%s is a device, but not a pool", source->path);
		return CTL_NO_POOL;
	}
	if (ret) {
		say("cannot open %s: %s", source->path, error_text(ret));
		return error_status(ret);
	}
	source->region_size = pmpool_info_size(info);
	pmpool_info_free(info);
	return CTL_OK;
}

static int map_file(struct source *source, int fd)
{
	struct pmpool_format fmt;
	off_t size;

	size = lseek(fd, 0, SEEK_END);
	if (size < 0) {
		say("cannot read %s: %s", source->path, strerror(errno));
		return CTL_FAILED;
	}
	if (pmpool_format_init(&fmt, NULL, (u64)size)) {
		say("%s holds no image of a pool: %s", source->path, fmt.why);
		return CTL_NO_POOL;
	}
	source->region_size = (u64)size;
	source->size = fmt.meta_blocks << PMPOOL_FORMAT_BLOCK_SHIFT;
	source->map = mmap(NULL, source->size, source->writable ? PROT_READ | PROT_WRITE : PROT_READ,
			   MAP_SHARED, fd, 0);
	if (source->map == MAP_FAILED) {
		say("cannot map %s: %s", source->path, strerror(errno));
		source->map = NULL;
		return CTL_FAILED;
	}
	return CTL_OK;
}

static int open_file(struct source *source)
{
	int status;
	int fd;

	fd = open(source->path, (source->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		say("cannot open %s: %s", source->path, strerror(errno));
		return CTL_FAILED;
	}
	status = map_file(source, fd);
	close(fd);
	return status;
}

int source_open(const char *path, bool writable, struct source *source)
{
	struct stat st;
	int status;

	*source = (struct source){ .path = path ? path : PMPOOL_DEVICE, .writable = writable };

	/* What is not there is told by whoever opens it. */
	if (!path || (stat(path, &st) == 0 && S_ISCHR(st.st_mode)))
		status = open_device(source);
	else
		status = open_file(source);
	if (!status)
		status = source_read(source);
	if (status)
		source_close(source);
	return status;
}

int source_read(struct source *source)
{
	int ret;

	free(source->copy);
	source->copy = NULL;
	if (source->pool) {
		ret = pmpool_read_metadata(source->pool, &source->copy, &source->size);
		if (ret) {
			say("cannot read the metadata of %s: %s", source->path,
			    ret == -EPERM ? "only root may" : error_text(ret));
			return error_status(ret);
		}
		return CTL_OK;
	}

	source->copy = malloc(source->size);
	if (!source->copy) {
		say("cannot read %s: out of memory", source->path);
		return CTL_FAILED;
	}
	memcpy(source->copy, source->map, source->size);
	return CTL_OK;
}

void source_close(struct source *source)
{
	if (source->map)
		munmap(source->map, source->size);
	pmpool_close(source->pool);
	free(source->copy);
	*source = (struct source){ 0 };
}

struct pmpool_format source_format(const struct source *source)
{
	struct pmpool_format fmt;

	/* The size was good when it was opened. */
	pmpool_format_init(&fmt, source->copy, source->region_size);
	return fmt;
}
