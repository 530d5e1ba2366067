/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share that lend memory: lending, bringing it online, the
 * machine's maps, and memory of their own that is put there and held there.
 */
#ifndef TESTS_DRIVER_LEND_H
#define TESTS_DRIVER_LEND_H

#include <sys/uio.h>

#include "guest.h"

#define SECRET	0x5ec4e75ec4e75ec4ULL

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

/* How many pages of a mapping are in a range of the machine's memory. */
__attribute__((unused))
static size_t pages_in(const void *mem, size_t length, uint64_t start, uint64_t end)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t i, n = 0;

	for (i = 0; i < length / 4096; i++) {
		uint64_t entry, phys;

		if (pread(fd, &entry, 8, ((uintptr_t)mem / 4096 + i) * 8) != 8)
			die("/proc/self/pagemap");
		phys = (entry & ((1ULL << 55) - 1)) * 4096;
		n += entry >> 63 && phys >= start && phys < end;
	}
	close(fd);
	return n;
}

/* Anonymous memory, every word of it SECRET. */
__attribute__((unused))
static uint64_t *hog(size_t length)
{
	uint64_t *mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (mem == MAP_FAILED)
		die("memory to fill");
	for (i = 0; i < length / 8; i++)
		mem[i] = SECRET;
	return mem;
}

__attribute__((unused))
static bool all_secret(const uint64_t *mem, size_t length)
{
	size_t i;

	for (i = 0; i < length / 8; i++)
		if (mem[i] != SECRET)
			return false;
	return true;
}

/*
 * Put pages that lie in a range into a pipe, by reference: until they are read
 * nobody can move them. Returns how many.
 */
__attribute__((unused))
static unsigned int pin(int pipe_in, uint64_t *mem, size_t length, uint64_t start, uint64_t end)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < length / 4096 && n < 8; i++) {
		struct iovec iov = { (char *)mem + i * 4096, 4096 };

		if (!pages_in(iov.iov_base, 4096, start, end))
			continue;
		if (vmsplice(pipe_in, &iov, 1, SPLICE_F_NONBLOCK) != 4096)
			break;
		n++;
	}
	return n;
}

#endif /* TESTS_DRIVER_LEND_H */
