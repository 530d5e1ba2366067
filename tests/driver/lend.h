/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share that lend memory: lending, bringing it online, the
 * machine's maps, and memory of their own that is put there and held there.
 */
#ifndef TESTS_DRIVER_LEND_H
#define TESTS_DRIVER_LEND_H


#include "memory.h"


/* Of the region: where the machine has it. */
static uint64_t base;

__attribute__((unused))
static struct pmpool_lend lending(int fd)
{
	struct pmpool_lend arg = { .size = sizeof(arg) };

	if (ioctl(fd, PMPOOL_LEND, &arg))
		die("PMPOOL_LEND");
	return arg;
}

__attribute__((unused))
static int lend(int fd, uint64_t bytes, uint32_t timeout)
{
	struct pmpool_lend arg = { .size = sizeof(arg), .flags = PMPOOL_LEND_SET, .lent = bytes,
				   .timeout = timeout };

	return ioctl(fd, PMPOOL_LEND, &arg);
}

/* Bring the lent memory blocks online that are not. Returns how many. */
__attribute__((unused))
static unsigned int online(int fd, const char *how)
{
	struct pmpool_lend lent = lending(fd);
	unsigned int n = 0;
	uint64_t at;
	char path[96];
	int state;

	for (at = lent.offset; at < lent.offset + lent.lent; at += lent.unit) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/state",
			 (unsigned long long)((base + at) / lent.unit));
		if (!strcmp(slurp(path), "online"))
			continue;
		state = open(path, O_WRONLY | O_CLOEXEC);
		if (state < 0 || write(state, how, strlen(how)) < 0)
			die(path);
		close(state);
		n++;
	}
	return n;
}

/* How many "System RAM (pmpool)" lines stand inside the pool's, and how many elsewhere. */
__attribute__((unused))
static unsigned int iomem_lent(unsigned int *outside)
{
	const char *line = slurp("/proc/iomem");
	unsigned int inside = 0;
	int pool = -1;

	*outside = 0;
	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		int depth = strspn(line, " ");
		const char *name = strstr(line, " : ");

		if (!name)
			continue;
		name += 3;
		if (pool >= 0 && depth <= pool)
			pool = -1;
		if (!strncmp(name, "Persistent Memory Pool\n", 23))
			pool = depth;
		else if (!strncmp(name, "System RAM (pmpool)", 19))
			*(pool >= 0 ? &inside : outside) += 1;
	}
	return inside;
}

/* The firmware's map, which kexec-tools hands on: an entry a line, as the kernel numbers them. */
__attribute__((unused))
static const char *firmware_map(void)
{
	static char text[8192];
	unsigned int entry;
	char path[128];
	size_t len = 0;

	text[0] = '\0';
	for (entry = 0; ; entry++) {
		static const char * const files[] = { "start", "end", "type" };
		unsigned int i;

		snprintf(path, sizeof(path), "/sys/firmware/memmap/%u", entry);
		if (access(path, F_OK))
			return text;
		for (i = 0; i < 3; i++) {
			snprintf(path, sizeof(path), "/sys/firmware/memmap/%u/%s", entry, files[i]);
			len += snprintf(text + len, sizeof(text) - len, "%s%c", slurp(path),
					i == 2 ? '\n' : ' ');
		}
	}
}

/* How many entries of a firmware's map lie inside a range, or begin or end there. */
__attribute__((unused))
static unsigned int firmware_entries(const char *map, uint64_t start, uint64_t end)
{
	unsigned int n = 0;

	for (; *map; map += strcspn(map, "\n") + 1) {
		unsigned long long from, to;

		if (sscanf(map, "%llx %llx", &from, &to) == 2)
			n += (from > start && from < end) || (to >= start && to < end - 1);
	}
	return n;
}

#endif /* TESTS_DRIVER_LEND_H */
