// SPDX-License-Identifier: GPL-2.0-only
/*
 * One pool on two kernels in turn: made on a stock one, which keeps it by memmap=,
 * attached on the series', which gives what is free of it to the system, and back
 * and forth. A hold of the series' kernel keeps its bytes on the stock one, where
 * only the driver knows of it.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root, with no driver
 * loaded; /lib/pmpool.ko is for the stock kernel, /kexec/vmlinuz, and
 * /lib/pmpool-series.ko for the other one, /kexec/series.
 */
#include "series.h"

#define COLD	(3 * BLOCK)
#define SERIES	"/lib/pmpool-series.ko"
#define LAST	4

static char where[256];	/* SIZE@BASE */

static int open_pool(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(POOL);
	return fd;
}

static void make(int fd, const char *name, uint64_t seed)
{
	uint64_t *mem;

	check_errno(create(fd, name, COLD), 0, "created '%s'", name);
	mem = map_node(name, COLD, PROT_READ | PROT_WRITE);
	if (mem == MAP_FAILED)
		die(name);
	fill(mem, COLD, seed);
	munmap(mem, COLD);
}

static void verify(const char *name, uint64_t seed)
{
	uint64_t *mem = map_node(name, COLD, PROT_READ);

	check(mem != MAP_FAILED && !mismatches(mem, COLD, seed), "every byte of '%s'", name);
	if (mem != MAP_FAILED)
		munmap(mem, COLD);
}

static void attached(int fd, unsigned int boot, unsigned int extents)
{
	struct pmpool_info pool = info(fd);

	check(pool.generation == boot && pool.state == PMPOOL_STATE_OK && pool.extents == extents,
	      "generation %llu, %u extents, state ok", pool.generation, pool.extents);
	check(boot == 1 || pool.was_clean, "the kernel before let go of it");
}

static void hold(const struct area *area, bool made)
{
	unsigned long long pfn = 0, pages;
	uint64_t *mem;

	if (made) {
		check_errno(poke("alloc 512 kernel"), 0, "a hold");
		sscanf(poke_said(), "%llu", &pfn);
	} else {
		check_errno(poke("find kernel"), 0, "the hold is found");
		sscanf(poke_said(), "%llu %llu", &pfn, &pages);
	}
	if (!pfn)
		return;
	mem = map_blocks(area, (pfn * 4096 - area->base) / BLOCK, 1);
	if (made)
		fill(mem, BLOCK, 99);
	else
		check(!mismatches(mem, BLOCK, 99), "every byte of it");
	munmap(mem, BLOCK);
}

static void stock(unsigned int boot)
{
	int fd;

	begin("stock");
	check_errno(load(region_param()), 0, "the driver attaches the pool on a stock kernel");
	check(!strcmp(slurp(SYSFS "backing"), "reserved"), "which is reserved for it");
	fd = open_pool();
	attached(fd, boot, boot == 1 ? 0 : 2);
	if (boot == 1) {
		make(fd, "cold", 1);
	} else {
		verify("cold", 1);
		verify("new", 2);
		check_errno(remove_extent(fd, "cold"), 0, "one is removed");
	}
	/* As many as there is room for: none of them where the hold is. */
	if (boot > 1)
		make(fd, "large", 3);
	close(fd);
	check(hog() > 100 * MIB, "a program uses memory");
}

static void series(unsigned int boot)
{
	struct area area;
	int fd;

	begin("series");
	count_what_is_free();
	load_poke();
	area = get_area();
	check(area.boot == HELD, "the bitmap is not believed, for another kernel was here: %d", area.boot);
	check_errno(load_file(SERIES, ""), 0, "the driver attaches the pool, and is not told where it is");
	check(!strcmp(slurp(SYSFS "backing"), "cma"), "which the kernel keeps");
	fd = open_pool();
	attached(fd, boot, boot == 2 ? 1 : 2);
	check(meminfo("CmaFree:") > area.size - 16 * BLOCK, "what is free is the system's: %llu MiB",
	      (unsigned long long)(meminfo("CmaFree:") / MIB));
	if (boot == 2) {
		verify("cold", 1);
		make(fd, "new", 2);
		hold(&area, true);
	}
	close(fd);
	check(hog() > area.size, "a program uses memory");
	if (boot == 2) {
		verify("cold", 1);
	} else {
		hold(&area, false);
		verify("large", 3);
	}
	verify("new", 2);
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	char line[2 * CMDLINE_SIZE], more[800];
	const char *at;
	bool to_series = boot & 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	at = boot == 1 ? strstr(region_param(), "=") + 1 : argument("series.where");
	snprintf(where, sizeof(where), "%s", at);
	if (to_series)
		stock(boot);
	else
		series(boot);
	if (boot == LAST)
		return done();
	snprintf(line, sizeof(line), "%s", series_cmdline(boot, NULL));
	drop_arguments(line, "memmap=");
	drop_arguments(line, "pmpool.region=");
	if (to_series)
		snprintf(more, sizeof(more), " pmpool=%s series.where=%s", where, where);
	else
		snprintf(more, sizeof(more), " memmap=%.*s$%s pmpool.region=%s series.where=%s",
			 (int)strcspn(where, "@"), where, strchr(where, '@') + 1, where, where);
	strcat(line, more);
	check_errno(stage_kernel(to_series ? "/kexec/series" : "/kexec/vmlinuz", line, 0), 0,
		    "the other kernel is staged");
	if (done())
		return 1;
	start_next();
}
