// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes that lie, a boot each: refused with a message, the region stays reserved,
 * nothing of it is given out, and not a byte of it is changed. The last one is
 * made in the same way and says the truth: with it everything is there.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root.
 */
#include <linux/pmpool_hold.h>

#include "series.h"

#define LIE	"/lib/pmpool_lie.ko"
#define TAKEN	2
#define COUNT	4

static const struct lie {
	const char *what;
	const char *said;	/* in the message */
	const char *more;	/* on the command line */
} lies[] = {
	{ .what = "base", .said = "is not of one type in the memory map" },
	{ .what = "size", .said = "a pool of 0x8000000 bytes at" },
	{ .what = "version", .said = "has version 2, not 1" },
	{ .what = "checksum", .said = "has checksum" },
	{ .what = "id", .said = "was handed over in the device tree as" },
	{ .what = "bitmap", .said = "has a bitmap of" },
	{ .what = "no-reg", .said = "has no reg" },
	{ .what = "no-linux,bitmap", .said = "has no linux,bitmap" },
	{ .what = "no-linux,format-version", .said = "has no linux,format-version" },
	{ .what = "no-linux,id", .said = "has no linux,id" },
	{ .what = "no-linux,checksum", .said = "has no linux,checksum" },
	{ .what = "cells", .said = "/chosen has 1 address and 1 size cells, not 2" },
	{ .what = "two", .said = "has nodes for two pools" },
	{ .what = "absurd", .said = "is for a pool at 0" },
	/* The node is right, and the command line is not of its opinion. */
	{ .what = "nothing", .said = "but the device tree says",
	  .more = "pmpool=64M@0x10000000" },
	/* Nor can what it says be a pool; nothing would be left to boot with. */
	{ .what = "nothing", .said = "it must not lie across 4 GiB, where a zone ends: ignored",
	  .more = "pmpool=1T@16M" },
	{ .what = "nothing", .said = "it would leave less than an eighth of the RAM",
	  .more = "pmpool=1000M@16M" },
	{ .what = "nothing" },
};

#define LAST	(sizeof(lies) / sizeof(lies[0]))

static struct area area;	/* as it was in the beginning */

/* A kernel that is not told what it has to preserve must not be started. */
static void fail_to_load(unsigned int boot)
{
	const char *said;

	check_errno(load_file(LIE, "lie=bad"), 0, "somebody's callback fails");
	messages();
	check_errno(stage(series_cmdline(boot, NULL), 0), EPERM, "and so does the load");
	said = messages();
	check(strstr(said, "preparing the device tree for the next kernel failed: -1"),
	      "and the kernel's log says why");
	check_errno(syscall(SYS_delete_module, "pmpool_lie", O_NONBLOCK), 0, "there is no such callback any more");
}

static void stage_lie(unsigned int boot, const struct lie *lie)
{
	struct pmpool_hold_header *header = (void *)map_blocks(&area, 0, 1) + PMPOOL_HOLD_HEADER_OFFSET;
	char params[400], more[200];
	unsigned int i, len;

	len = snprintf(params, sizeof(params), "base=%llu size=%llu bitmap_offset=%llu bitmap_size=%llu lie=%s id=",
		       area.base, area.size, header->bitmap_offset, header->bitmap_size, lie->what);
	for (i = 0; i < sizeof(header->id); i++)
		len += snprintf(params + len, sizeof(params) - len, "%02x", header->id[i]);
	munmap((void *)header - PMPOOL_HOLD_HEADER_OFFSET, BLOCK);
	check_errno(load_file(LIE, params), 0, "the next node lies about: %s%s%s", lie->what,
		    lie->more ? ", and the command line says " : "", lie->more ?: "");
	snprintf(more, sizeof(more), "series.where=%llu@%llu %s", area.size, area.base, lie->more ?: "");
	check_errno(stage(series_cmdline(boot, more), 0), 0, "it is staged");
	if (done())
		exit(1);
	start_next();
}

static void refused(const struct lie *lie)
{
	const char *said = strstr(messages(), "pmpool: ");
	struct area now = get_area();

	check(now.boot < 0, "%s: there is no pool", lie->what);
	check(said && strstr(said, lie->said), "%s: and a message with '%s'", lie->what, lie->said);
	for (; said; said = strstr(said + 1, "pmpool: "))
		printf("# %.*s\n", (int)strcspn(said, "\n"), said);
	check(!meminfo("CmaTotal:"), "%s: nothing is given out", lie->what);
	check(iomem_has("Reserved", area.base, area.size, true) &&
	      !iomem_has("System RAM", area.base, area.size, false), "%s: the region is reserved", lie->what);
	check_errno(poke("alloc 1"), ENOMEM, "%s: nobody can allocate from it", lie->what);
	check(!lost_bytes(&area, TAKEN, COUNT), "%s: every byte is there", lie->what);
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("lies");
	load_poke();
	if (boot == 1) {
		area = get_area();
		check(area.boot == FRESH, "a pool of %llu MiB at %#llx", area.size / MIB, area.base);
		if (area.boot < 0)
			return done();
		check_errno(poke("take %d %d", TAKEN, COUNT), 0, "blocks are taken");
		fill_blocks(&area, TAKEN, COUNT);
		fail_to_load(boot);
		stage_lie(boot, &lies[0]);
	}
	sscanf(argument("series.where"), "%llu@%llu", &area.size, &area.base);
	if (boot <= LAST) {
		refused(&lies[boot - 2]);
		stage_lie(boot, &lies[boot - 1]);
	} else {
		struct area now = get_area();

		check(now.boot == RESTORED && now.base == area.base && now.size == area.size,
		      "a node that says the truth: the pool is there, as it was");
		check(held(TAKEN, COUNT) && !held(TAKEN + COUNT, 1), "what was held is held, and no more");
		check(hog() > meminfo("CmaFree:"), "a program uses memory");
		check(!lost_bytes(&area, TAKEN, COUNT), "and every byte is there");
	}
	return done();
}
