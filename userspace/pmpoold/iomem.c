// SPDX-License-Identifier: GPL-2.0-only
/* The running kernel's map of physical memory: /proc/iomem. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "iomem.h"

int iomem_read(const char *path, const struct region *region, struct iomem *iomem)
{
	uint64_t first = region->base, last = region->base + (region->size - 1);
	char *line = NULL;
	size_t room = 0;
	FILE *f;
	int r;

	*iomem = (struct iomem){ 0 };
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0) {
		uint64_t start, end;
		char *name;

		if (sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		name = strstr(line, " : ");
		if (!name || end < start)
			continue;
		name += 3;
		name[strcspn(name, "\n")] = '\0';
		if (end)
			iomem->readable = true;
		/* Memory that is lent has a name of its own, below the pool's. */
		if (!strcmp(name, "System RAM")) {
			if (end - start + 1 > iomem->largest_ram)
				iomem->largest_ram = end - start + 1;
			if (start <= last && end >= first)
				iomem->ram = (struct region){ start, end - start + 1 };
		} else if (!strcmp(name, "Persistent Memory Pool")) {
			if (start == first && end == last)
				iomem->claimed = true;
		}
	}
	r = ferror(f) ? -EIO : 0;
	free(line);
	fclose(f);
	return r;
}

static uint64_t meminfo(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) * 1024 : 0;
}

uint64_t mem_available(void)
{
	uint64_t bytes;
	char *text;

	if (file_read("/proc/meminfo", 64u << 10, &text, NULL))
		return 0;
	bytes = meminfo(text, "MemAvailable:");
	free(text);
	return bytes;
}

uint64_t mem_available_to_kernel(const char *path)
{
	uint64_t bytes, cma;
	char *text;

	if (file_read(path, 64u << 10, &text, NULL))
		return 0;
	bytes = meminfo(text, "MemAvailable:");
	cma = meminfo(text, "CmaFree:");
	free(text);
	return bytes > cma ? bytes - cma : 0;
}
