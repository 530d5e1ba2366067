// SPDX-License-Identifier: GPL-2.0-only
/* The memory map, as /proc/iomem shows it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iomem.h"
#include "tap.h"

static const struct region pool = { 0x40000000, 0x20000000 };

static uint64_t available(const char *text)
{
	char path[] = "/tmp/test-iomem-XXXXXX";
	int fd = mkstemp(path);
	uint64_t bytes;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
	bytes = mem_available_to_kernel(path);
	unlink(path);
	return bytes;
}

static struct iomem look(const char *text)
{
	char path[] = "/tmp/test-iomem-XXXXXX";
	int fd = mkstemp(path);
	struct iomem iomem;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    iomem_read(path, &pool, &iomem))
		abort();
	close(fd);
	unlink(path);
	return iomem;
}

int main(void)
{
	struct iomem m;

	m = look("00001000-0009fbff : System RAM\n"
		 "00100000-3fffffff : System RAM\n"
		 "  01000000-01ffffff : Kernel code\n"
		 "40000000-5fffffff : Reserved\n"
		 "  40000000-5fffffff : Persistent Memory Pool\n"
		 "60000000-7fffffff : System RAM\n");
	ok(m.readable && m.claimed && !m.ram.size && m.largest_ram == 0x3ff00000,
	   "a pool below a reserved range, with RAM on both sides");
	m = look("40000000-5fffffff : Persistent Memory Pool\n"
		 "  48000000-4fffffff : System RAM (pmpool)\n");
	ok(m.claimed && !m.ram.size, "memory that is lent is not RAM of the system's own");
	m = look("00100000-7fffffff : System RAM\n"
		 "  40000000-5fffffff : Persistent Memory Pool\n");
	ok(m.ram.base == 0x100000 && m.claimed, "a pool inside System RAM");
	m = look("00100000-40000000 : System RAM\n");
	ok(m.ram.base == 0x100000 && !m.claimed, "one byte of overlap at the start");
	m = look("5fffffff-7fffffff : System RAM\n");
	ok(m.ram.base == 0x5fffffff, "one byte of overlap at the end");
	m = look("40000000-4fffffff : Persistent Memory Pool\n");
	ok(!m.claimed, "another size");
	m = look("00000000-00000000 : System RAM\n"
		 "00000000-00000000 : Persistent Memory Pool\n");
	ok(!m.readable && !m.claimed, "addresses are hidden");
	m = look("");
	ok(!m.readable, "an empty map");
	m = look("garbage\n40000000-zz : Persistent Memory Pool\n\n : \n");
	ok(!m.readable && !m.claimed, "lines that are none");
	ok(iomem_read("/nonexistent", &pool, &m) < 0, "no map");
	m = look("00100000-3fffffff : System RAM\n"
		 "40000000-5fffffff : Persistent Memory Pool\n"
		 "  40000000-5fffffff : Persistent Memory Pool\n"
		 "60000000-7fffffff : System RAM\n");
	ok(m.claimed && !m.ram.size && m.largest_ram == 0x3ff00000,
	   "a pool that the kernel keeps is not for an image");

	ok(available("MemTotal: 2000 kB\nMemAvailable: 1000 kB\n") == 1000 << 10,
	   "what is available");
	ok(available("MemAvailable: 1000 kB\nCmaTotal: 600 kB\nCmaFree: 400 kB\n") == 600 << 10,
	   "what is free of a pool is not for the kernel's own use");
	ok(available("MemAvailable: 100 kB\nCmaFree: 400 kB\n") == 0, "which may be all");
	ok(available("") == 0, "nothing is known");
	return done();
}
