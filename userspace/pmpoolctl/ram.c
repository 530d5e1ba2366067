// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where in the machine's memory a pool can be: in one range of System RAM, off
 * its end, where the kernel has what it calls the RAM buffer, and not where a
 * kernel lies that does not choose its place. As high as can be: devices with
 * short addresses need what is below 4 GiB.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ram.h"

#define MIB		(UINT64_C(1) << 20)
#define GIB		(UINT64_C(1) << 30)
#define BLOCK		(2 * MIB)
#define CLEAR_OF_END	(64 * MIB)
#define CLEAR_OF_START	(256 * MIB)
/* What a system needs to start at all. */
#define LEAST_LEFT	(512 * MIB)

static int compare(const void *a, const void *b)
{
	const struct region *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static int add(struct ram *ram, uint64_t base, uint64_t size)
{
	struct region *v = realloc(ram->v, (ram->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	ram->v = v;
	v[ram->n++] = (struct region){ base, size };
	ram->total += size;
	return 0;
}

/* Sort, and make one of those that touch. */
static void join(struct ram *ram)
{
	size_t i, n = 0;

	if (!ram->n)
		return;
	qsort(ram->v, ram->n, sizeof(*ram->v), compare);
	for (i = 1; i < ram->n; i++) {
		struct region *last = &ram->v[n];

		if (last->base + last->size == ram->v[i].base)
			last->size += ram->v[i].size;
		else
			ram->v[++n] = ram->v[i];
	}
	ram->n = n + 1;
}

int ram_read(const char *path, const struct region *own, struct ram *ram)
{
	bool own_is_ram = false;
	char *line = NULL;
	size_t room = 0;
	int ret = 0;
	FILE *f;

	*ram = (struct ram){ .hidden = true };
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!ret && getline(&line, &room, f) > 0) {
		uint64_t first, last;
		char *name;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &last) != 2 || last < first)
			continue;
		if (last)
			ram->hidden = false;
		name = strstr(line, " : ");
		/* What is inside of something else is indented. */
		if (line[0] == ' ' || !name || strcmp(name, " : System RAM\n") != 0)
			continue;
		if (own->size && first < own->base + own->size && last >= own->base)
			own_is_ram = true;
		ret = add(ram, first, last - first + 1);
	}
	if (!ret && ferror(f))
		ret = -EIO;
	if (!ret && own->size && !own_is_ram)
		ret = add(ram, own->base, own->size);
	free(line);
	fclose(f);
	if (ret)
		ram_free(ram);
	else
		join(ram);
	return ret;
}

bool ram_pool(const char *path, struct region *region)
{
	bool found = false;
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &room, f) > 0) {
		uint64_t first, last;
		char *name = strstr(line, " : ");

		/* What a driver has claimed of a range that is reserved is inside of that. */
		if (line[0] == ' ' || !name || strcmp(name, " : Persistent Memory Pool\n") != 0 ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &first, &last) != 2 || last <= first)
			continue;
		*region = (struct region){ first, last - first + 1 };
		found = true;
	}
	free(line);
	fclose(f);
	return found;
}

void ram_free(struct ram *ram)
{
	free(ram->v);
	*ram = (struct ram){ 0 };
}

/* What of a range can be given away, in whole blocks. */
static struct region usable(const struct region *range, uint64_t from)
{
	uint64_t first = range->base > from ? range->base : from;
	uint64_t end = range->base + range->size;

	first = (first + BLOCK - 1) & ~(BLOCK - 1);
	end = end > CLEAR_OF_END ? (end - CLEAR_OF_END) & ~(BLOCK - 1) : 0;
	return (struct region){ first, end > first ? end - first : 0 };
}

static bool place(const struct ram *ram, uint64_t size, uint64_t from, uint64_t align,
		  struct region *region)
{
	size_t i;

	for (i = ram->n; i-- > 0;) {
		struct region part = usable(&ram->v[i], from);
		uint64_t base;

		if (part.size < size)
			continue;
		base = (part.base + part.size - size) & ~(align - 1);
		if (base < part.base)
			continue;
		*region = (struct region){ base, size };
		return true;
	}
	return false;
}

static uint64_t most(const struct ram *ram)
{
	return ram->total > LEAST_LEFT ? (ram->total - LEAST_LEFT) & ~(BLOCK - 1) : 0;
}

bool ram_choose(const struct ram *ram, uint64_t size, struct region *region,
		struct region *largest)
{
	/* For the kernel's own mapping, in pages of 1 GiB; for lending; what the driver insists on. */
	static const uint64_t aligns[] = { GIB, 128 * MIB, BLOCK };
	static const uint64_t froms[] = { 4 * GIB, CLEAR_OF_START };
	size_t i, j;

	for (i = 0; size <= most(ram) && i < 2; i++)
		for (j = 0; j < 3; j++)
			if (place(ram, size, froms[i], aligns[j], region))
				return true;

	*largest = (struct region){ 0 };
	for (i = 0; i < ram->n; i++) {
		struct region part = usable(&ram->v[i], CLEAR_OF_START);

		if (part.size > most(ram)) {
			part.base += part.size - most(ram);
			part.size = most(ram);
		}
		/* Metadata and a block of data. */
		if (part.size >= 2 * BLOCK && part.size >= largest->size)
			*largest = part;
	}
	return false;
}

static char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *wrong(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = strdup("out of memory");
	va_end(args);
	return text;
}

char *ram_check(const struct ram *ram, const struct region *region)
{
	uint64_t end = region->base + region->size;
	char left[SIZE_TEXT];
	size_t i;

	if (region->base & (BLOCK - 1))
		return wrong("%#" PRIx64 " is not a multiple of 2 MiB; best take one of 1 GiB",
			     region->base);
	if (region->size > most(ram))
		return wrong("it would leave the system %s of its memory, and it needs 512 MiB",
			     format_size(left, ram->total > region->size ?
					 ram->total - region->size : 0, false));
	if (region->base < CLEAR_OF_START)
		return wrong("%#" PRIx64 " is in the first 256 MiB, where kernels lie", region->base);
	for (i = 0; i < ram->n; i++) {
		const struct region *range = &ram->v[i];

		if (region->base < range->base || end > range->base + range->size)
			continue;
		if (end + CLEAR_OF_END > range->base + range->size)
			return wrong("it would end less than 64 MiB before the end of System RAM at %#" PRIx64,
				     range->base + range->size);
		return NULL;
	}
	return wrong("%#" PRIx64 "-%#" PRIx64 " is not in one range of System RAM; /proc/iomem shows them",
		     region->base, end - 1);
}
