// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An open extent, and its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

struct pmpool_extent {
	int fd;
	bool writable;
	struct pmpool_entry *entry;
	void *memory;		/* NULL: not mapped */
	size_t length;		/* of the mapping */
};

static int describe(int fd, struct pmpool_entry **entry)
{
	struct pmpool_open uapi = { .size = sizeof(uapi) };
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;

	ret = pmpool_uapi_call(fd, PMPOOL_OPEN, &uapi);
	if (ret)
		return ret;

	*entry = pmpool_entry_from_uapi(&uapi.info);
	return *entry ? 0 : -ENOMEM;
}

PMPOOL_API int pmpool_extent_open(const char *name, int flags, struct pmpool_extent **extent)
{
	char path[sizeof(PMPOOL_EXTENT_DIR "/") + PMPOOL_NAME_MAX];
	struct pmpool_extent *new;
	int ret;

	if (flags != O_RDONLY && flags != O_RDWR)
		return -EINVAL;
	/* Also keeps a name with slashes from leading out of the directory. */
	if (!pmpool_name_valid(name))
		return -EINVAL;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->writable = flags == O_RDWR;

	snprintf(path, sizeof(path), PMPOOL_EXTENT_DIR "/%s", name);
	new->fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (new->fd < 0) {
		ret = -errno;
		goto free_new;
	}

	ret = describe(new->fd, &new->entry);
	if (ret)
		goto close_fd;

	*extent = new;
	return 0;

close_fd:
	close(new->fd);
free_new:
	free(new);
	return ret;
}

PMPOOL_API void pmpool_extent_close(struct pmpool_extent *extent)
{
	if (!extent)
		return;

	pmpool_extent_unmap(extent);
	close(extent->fd);
	pmpool_entry_free(extent->entry);
	free(extent);
}

PMPOOL_API const struct pmpool_entry *pmpool_extent_entry(const struct pmpool_extent *extent)
{
	return extent->entry;
}

PMPOOL_API int pmpool_extent_fd(const struct pmpool_extent *extent)
{
	return extent->fd;
}

/* The driver maps whole pages up to the extent's size. */
static int mapping_length(uint64_t size, size_t *length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	/* A 32-bit program cannot have all of a large extent. */
	if (size > SIZE_MAX - (page - 1))
		return -EOVERFLOW;

	*length = (size_t)((size + page - 1) & ~(page - 1));
	return 0;
}

PMPOOL_API int pmpool_extent_map(struct pmpool_extent *extent, void *addr, void **memory)
{
	int prot = extent->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int flags = MAP_SHARED;
	size_t length;
	void *mapped;
	int ret;

	if (extent->memory) {
		if (addr && addr != extent->memory)
			return -EEXIST;
		*memory = extent->memory;
		return 0;
	}

	ret = mapping_length(pmpool_entry_size(extent->entry), &length);
	if (ret)
		return ret;

	if (addr)
		flags |= MAP_FIXED_NOREPLACE;
	mapped = mmap(addr, length, prot, flags, extent->fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;

	/* Kernels before 4.17 take the flag for a mere hint. */
	if (addr && mapped != addr) {
		munmap(mapped, length);
		return -EEXIST;
	}

	extent->memory = mapped;
	extent->length = length;
	*memory = mapped;
	return 0;
}

PMPOOL_API int pmpool_extent_unmap(struct pmpool_extent *extent)
{
	if (!extent->memory)
		return 0;

	if (munmap(extent->memory, extent->length) < 0)
		return -errno;

	extent->memory = NULL;
	extent->length = 0;
	return 0;
}

PMPOOL_API int pmpool_extent_seal(struct pmpool_extent *extent)
{
	struct pmpool_seal uapi = { .size = sizeof(uapi) };

	return pmpool_uapi_call(extent->fd, PMPOOL_SEAL, &uapi);
}
