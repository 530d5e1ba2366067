/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program has in memory that the pool may want back: filled, looked at,
 * where it lies, and held where it is.
 */
#ifndef TESTS_DRIVER_MEMORY_H
#define TESTS_DRIVER_MEMORY_H

#include <sys/uio.h>

#include "guest.h"

#define SECRET	0x5ec4e75ec4e75ec4ULL

/* How many pages of a mapping are in a range of the machine's memory. */
static inline size_t pages_in(const void *mem, size_t length, uint64_t start, uint64_t end)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	static uint64_t entries[4096];
	size_t at, i, n = 0;

	for (at = 0; at < length / 4096; at += 4096) {
		size_t count = length / 4096 - at < 4096 ? length / 4096 - at : 4096;

		if (pread(fd, entries, count * 8, ((uintptr_t)mem / 4096 + at) * 8) != (ssize_t)count * 8)
			die("/proc/self/pagemap");
		for (i = 0; i < count; i++) {
			uint64_t phys = (entries[i] & ((1ULL << 55) - 1)) * 4096;

			n += entries[i] >> 63 && phys >= start && phys < end;
		}
	}
	close(fd);
	return n;
}

/* Anonymous memory, every word of it SECRET. */
static inline uint64_t *secrets(size_t length)
{
	uint64_t *mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (mem == MAP_FAILED)
		die("memory to fill");
	for (i = 0; i < length / 8; i++)
		mem[i] = SECRET;
	return mem;
}

static inline bool all_secret(const uint64_t *mem, size_t length)
{
	size_t i;

	for (i = 0; i < length / 8; i++)
		if (mem[i] != SECRET)
			return false;
	return true;
}

/*
 * Put so many pages that lie in a range into a pipe, by reference: until they are
 * read nobody can move them. Returns how many there were.
 */
static inline unsigned int pin(int pipe_in, uint64_t *mem, size_t length, uint64_t start,
			       uint64_t end, unsigned int want)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < length / 4096 && n < want; i++) {
		struct iovec iov = { (char *)mem + i * 4096, 4096 };

		if (!pages_in(iov.iov_base, 4096, start, end))
			continue;
		if (vmsplice(pipe_in, &iov, 1, SPLICE_F_NONBLOCK) != 4096)
			break;
		n++;
	}
	return n;
}

#endif /* TESTS_DRIVER_MEMORY_H */
