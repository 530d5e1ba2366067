// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the series' kernel to one that knows nothing of a pool, which uses all the
 * memory it has, and back; once for each such kernel. The same one twice tells
 * whether the memory map grows.
 *
 * usage: test-trip KERNEL...      names of files in /kexec
 *
 * A kernel that knows nothing may also lack drivers for how programs speak to the
 * host here, so in it this program is all there is, and what it found goes back
 * with the command line. It may not even know its own initramfs any more: the one
 * for the way back lies in the pool.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root.
 */
#include "series.h"

#define TAKEN	2
#define COUNT	4
#define NOTE	9	/* for the kernels to come: entries of the memory map */
#define INITRD	10	/* blocks from this one on, as many as it takes */

static uint64_t keep_initrd(const struct area *area)
{
	int fd = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	uint64_t size = file_size("/sys/firmware/initrd"), at = 0;
	uint64_t blocks = (size + BLOCK - 1) / BLOCK;
	ssize_t len;
	char *mem;

	check(size && !poke("take %d %llu", INITRD, (unsigned long long)blocks),
	      "%llu blocks are taken for an initramfs", (unsigned long long)blocks);
	mem = (char *)map_blocks(area, INITRD, blocks);
	while (at < size && (len = read(fd, mem + at, size - at)) > 0)
		at += len;
	munmap(mem, blocks * BLOCK);
	close(fd);
	return size;
}

static int stage_back(uint64_t base, uint64_t size, const char *line)
{
	char *mem = map_outside(base + INITRD * BLOCK, (size + BLOCK - 1) / BLOCK * BLOCK);
	int kernel = open("/kexec/vmlinuz", O_RDONLY | O_CLOEXEC);
	int initrd = syscall(SYS_memfd_create, "initrd", 0);

	if (kernel < 0 || write(initrd, mem, size) != (ssize_t)size)
		die("the kernel and the initramfs for the way back");
	return syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, 0UL);
}

/* As process 1: all that it may do is to use memory, look, and start the next kernel. */
__attribute__((noreturn))
static void stranger(void)
{
	unsigned int boot = strtoul(argument("pmpool_test.boot"), NULL, 0);
	uint64_t initrd = strtoull(argument("series.initrd"), NULL, 0);
	unsigned long long base, size;
	char more[512], back[200];
	bool in_ram, reserved;
	uint64_t hogged;

	sscanf(argument("series.back"), "%llu@%lli", &size, (long long *)&base);
	snprintf(back, sizeof(back), "%s", argument("series.back"));
	in_ram = iomem_has("System RAM", base, size, false);
	reserved = iomem_has("Reserved", base, size, true);
	hogged = hog();
	snprintf(more, sizeof(more), "pmpool=%s series.initrd=%llu series.told=%llu,%d,%d,%d,%u,%s", back,
		 (unsigned long long)initrd, (unsigned long long)(hogged / MIB), in_ram, reserved, tree_size() != 0,
		 map_entries(),
		 strtok(strdup(strstr(slurp("/proc/version"), "version ") + 8), " "));
	if (stage_back(base, initrd, series_cmdline(boot, more)))
		die("staging the series' kernel");
	start_next();
}

/* It is as long as that which was handed to the first of them, or 0 if there is none yet. */
static unsigned int first_entries(const struct area *area, unsigned int entries)
{
	uint64_t *note = map_blocks(area, NOTE, 1);

	if (!*note)
		*note = entries;
	entries = *note;
	munmap(note, BLOCK);
	return entries;
}

int main(int argc, char **argv)
{
	unsigned int boot, trip, hogged = 0, in_ram = 1, reserved = 0, tree = 1, entries = 0;
	char told[256], version[100] = "", more[200], path[100];
	uint64_t initrd = strtoull(argument("series.initrd"), NULL, 0);
	struct area area;

	if (getpid() == 1) {
		be_init();
		stranger();
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	trip = boot / 2;
	begin("trip");
	if (!have_pool(&area, boot))
		return done();
	if (trip == 0) {
		check(area.boot == FRESH, "a new pool of %llu MiB at %#llx", area.size / MIB, area.base);
		check_errno(poke("take %d %d", TAKEN, COUNT), 0, "blocks are taken");
		check_errno(poke("take %d 1", NOTE), 0, "and one for a note");
		*map_blocks(&area, NOTE, 1) = 0;
		check_errno(poke("alloc 512 hold"), 0, "and one is allocated");
		fill_blocks(&area, TAKEN, COUNT);
		fill_blocks(&area, 1, 1);
		initrd = keep_initrd(&area);
	} else {
		snprintf(told, sizeof(told), "%s", argument("series.told"));
		sscanf(told, "%u,%u,%u,%u,%u,%99s", &hogged, &in_ram, &reserved, &tree, &entries, version);
		check(*version && strcmp(version, strtok(strdup(slurp("/proc/sys/kernel/osrelease")), "\n")),
		      "another kernel ran: %s", version);
		check(!in_ram && reserved, "%s: the region is reserved", version);
		check(entries && entries == first_entries(&area, entries),
		      "%s: the memory map that it was handed has %u entries, as the first had", version, entries);
		check(hogged > 400, "%s: a program overwrote %u MiB", version, hogged);
		check(area.boot == RESTORED, "%s: back, what was held is held", version);
		check(held(TAKEN, COUNT) && held(1, 1) && !held(TAKEN + COUNT, 1), "%s: all of it, and no more", version);
		check(!poke("find hold"), "%s: by its name too", version);
		check(!lost_bytes(&area, TAKEN, COUNT) && !lost_bytes(&area, 1, 1), "%s: every byte is there", version);
	}
	check(hog() > meminfo("CmaFree:") / 2, "memory is used");
	check(!lost_bytes(&area, TAKEN, COUNT) && !lost_bytes(&area, 1, 1), "every byte is there");
	if (trip == (unsigned int)argc - 1) {
		check(true, "%u kernels that know nothing", trip);
		return done();
	}
	snprintf(path, sizeof(path), "/kexec/%s", argv[1 + trip]);
	snprintf(more, sizeof(more), "rdinit=/bin/test-trip series.back=%llu@%#llx series.initrd=%llu",
		 area.size, area.base, (unsigned long long)initrd);
	check_errno(stage_kernel(path, series_cmdline(boot, more), 0), 0, "%s is staged", path);
	if (done())
		return 1;
	start_next();
}
