/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs of the debug kernel share: the pool as a whole, to
 * compare before and after, and the ioctls that guest.h does not have.
 */
#ifndef TESTS_DEBUG_DEBUG_H
#define TESTS_DEBUG_DEBUG_H

#include "guest.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_EXTENTS	256

struct snapshot {
	struct pmpool_info info;
	unsigned int count;
	struct pmpool_extent_info ext[MAX_EXTENTS];
};

/* Everything that the ioctls tell. Nobody else may change the pool meanwhile. */
__attribute__((unused))
static void take_snapshot(int fd, struct snapshot *snap)
{
	struct pmpool_next next = { .size = sizeof(next) };

	memset(snap, 0, sizeof(*snap));
	snap->info = info(fd);
	while (!ioctl(fd, PMPOOL_NEXT, &next)) {
		if (snap->count == MAX_EXTENTS) {
			fprintf(stderr, "more than %u extents\n", MAX_EXTENTS);
			exit(1);
		}
		snap->ext[snap->count++] = next.info;
	}
	if (errno != ENOENT)
		die("PMPOOL_NEXT");
}

__attribute__((unused))
static bool same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
	return !memcmp(&a->info, &b->info, sizeof(a->info)) && a->count == b->count &&
	       !memcmp(a->ext, b->ext, a->count * sizeof(a->ext[0]));
}

/* What is wrong with a pool at rest, or NULL: list and INFO agree, nothing overlaps. */
__attribute__((unused))
static const char *inconsistent(const struct snapshot *snap)
{
	uint64_t end = snap->info.metadata_size, used = 0, largest = 0, gap;
	static char why[256];
	unsigned int i, j;

	for (i = 0; i < snap->count; i++) {
		const struct pmpool_extent_info *ext = &snap->ext[i];
		uint64_t room = (ext->length + BLOCK - 1) / BLOCK * BLOCK;

		if (ext->offset < end || ext->offset % BLOCK || !ext->length ||
		    ext->offset + room > snap->info.pool_size) {
			snprintf(why, sizeof(why), "extent '%s' at %#llx+%#llx, free from %#llx",
				 ext->name, (unsigned long long)ext->offset,
				 (unsigned long long)ext->length, (unsigned long long)end);
			return why;
		}
		for (j = 0; j < i; j++) {
			if (!strcmp(ext->name, snap->ext[j].name) || ext->id == snap->ext[j].id) {
				snprintf(why, sizeof(why), "two extents '%s', id %llu", ext->name,
					 (unsigned long long)ext->id);
				return why;
			}
		}
		gap = ext->offset - end;
		largest = gap > largest ? gap : largest;
		end = ext->offset + room;
		used += room;
	}
	gap = snap->info.pool_size - end;
	largest = gap > largest ? gap : largest;

	if (snap->info.extents != snap->count ||
	    snap->info.free != snap->info.pool_size - snap->info.metadata_size - used ||
	    snap->info.largest_free != largest) {
		snprintf(why, sizeof(why),
			 "INFO says %u extents, %llu free, %llu at most; the list %u, %llu, %llu",
			 snap->info.extents, (unsigned long long)snap->info.free,
			 (unsigned long long)snap->info.largest_free, snap->count,
			 (unsigned long long)(snap->info.pool_size - snap->info.metadata_size - used),
			 (unsigned long long)largest);
		return why;
	}
	return NULL;
}

__attribute__((unused))
static int resize_extent(int fd, const char *name, uint64_t length)
{
	struct pmpool_resize arg = { .size = sizeof(arg), .length = length };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_RESIZE, &arg);
}

__attribute__((unused))
static int set_mode(int fd, const char *name, uint32_t mode)
{
	struct pmpool_set arg = { .size = sizeof(arg), .flags = PMPOOL_SET_MODE, .mode = mode };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_SET, &arg);
}

__attribute__((unused))
static int seal_extent(int fd, const char *name)
{
	struct pmpool_seal arg = { .size = sizeof(arg) };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_SEAL, &arg);
}

/* Whether NAME has a node, which devtmpfs makes before the device is announced. */
__attribute__((unused))
static bool has_node(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), NODES "%s", name);
	return !access(path, F_OK);
}

/* The driver's parameters, as the kernel command line has them. */
__attribute__((unused))
static const char *region_params(void)
{
	const char *at = strstr(slurp("/proc/cmdline"), "pmpool.region=");
	static char params[128];

	if (!at)
		die("no pmpool.region= on the kernel command line");
	at += strlen("pmpool.");
	snprintf(params, sizeof(params), "%.*s", (int)strcspn(at, " \n"), at);
	return params;
}

#endif /* TESTS_DEBUG_DEBUG_H */
