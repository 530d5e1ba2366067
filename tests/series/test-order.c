// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order in which a kernel gives the pool's free memory out and learns what is
 * held of it: most of the pool is held, and the next kernel has a program that
 * takes all the movable memory there is.
 *
 * usage: test-order kept|lost
 *
 * In the order of the series nothing is lost. In the proposal's order, where the
 * whole area goes to the page allocator and its bitmap is put in place after, it
 * is; a kernel with that order must be seen to lose.
 *
 * Run in every boot, with PMPOOL_BOOT counting them from 1, as root.
 */
#include "series.h"

#define FIRST	1
#define SPARE	8	/* blocks that nobody holds */

int main(int argc, char **argv)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	bool lose = argc == 2 && !strcmp(argv[1], "lost");
	uint64_t blocks, lost, hogged;
	struct area area;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("order");
	if (!have_pool(&area, boot))
		return done();
	blocks = area.size / BLOCK - FIRST - SPARE;
	if (boot == 1) {
		check_errno(poke("take %d %llu", FIRST, (unsigned long long)blocks), 0,
			    "%llu MiB are held", (unsigned long long)(blocks * BLOCK / MIB));
		fill_blocks(&area, FIRST, blocks);
		check_errno(stage(series_cmdline(boot, NULL), 0), 0, "the next kernel is staged");
		if (done())
			return 1;
		start_next();
	}
	check(area.boot == RESTORED && held(FIRST, blocks), "the next kernel says that they are held");
	hogged = hog();
	lost = lost_bytes(&area, FIRST, blocks);
	check(hogged > SPARE * BLOCK, "a program had %llu MiB", (unsigned long long)(hogged / MIB));
	printf("# %llu bytes of them are not what they were\n", (unsigned long long)lost);
	check(lose == (lost != 0), "%s", lose ? "bytes are lost in this order" : "every byte is there");
	return done();
}
