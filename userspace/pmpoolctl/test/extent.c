// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses extents, for guests in which scripts test pmpoolctl:
 *
 *   fill NAME SEED   write every eighth block, and the last byte
 *   check NAME SEED  whether it has that, and zeroes elsewhere
 *   hold NAME        map it for writing, say so, and stay until killed
 *   seal NAME        the same, and seal it; write to it when told by SIGUSR1
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pmpool.h>

#define BLOCK (2 << 20)

static uint8_t expected[BLOCK];

/* What is in the block at that offset. */
static void content(uint64_t seed, uint64_t offset, uint64_t size)
{
	uint64_t state = seed ^ (offset + 1) * 0x9e3779b97f4a7c15;
	size_t i;

	memset(expected, 0, BLOCK);
	/* Half of it, so that there is something to compress. */
	for (i = 0; offset / BLOCK % 8 == 0 && i < BLOCK / 2; i += sizeof(state)) {
		state = state * 6364136223846793005 + 1442695040888963407;
		memcpy(expected + i, &state, sizeof(state));
	}
	if (size - offset <= BLOCK)
		expected[size - offset - 1] = 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	bool check = !strcmp(what, "check");
	struct pmpool_extent *extent;
	uint64_t size, at;
	uint8_t *memory;
	sigset_t set;
	void *map;
	int ret;

	if (argc < 3)
		errx(2, "see the source");
	ret = pmpool_extent_open(argv[2], check ? O_RDONLY : O_RDWR, &extent);
	if (!ret)
		ret = pmpool_extent_map(extent, NULL, &map);
	if (ret)
		errx(1, "%s: %s", argv[2], strerror(-ret));
	memory = map;
	size = pmpool_entry_size(pmpool_extent_entry(extent));

	if (check || !strcmp(what, "fill")) {
		for (at = 0; at < size; at += BLOCK) {
			size_t len = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

			content(seed, at, size);
			if (check && memcmp(memory + at, expected, len))
				errx(1, "%s differs in the block at %llu", argv[2],
				     (unsigned long long)at);
			if (!check && (at / BLOCK % 8 == 0 || at + len == size))
				memcpy(memory + at, expected, len);
		}
		pmpool_extent_close(extent);
		return 0;
	}

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!strcmp(what, "seal")) {
		ret = pmpool_extent_seal(extent);
		if (ret)
			errx(1, "%s: seal: %s", argv[2], strerror(-ret));
	}
	puts("mapped");
	fflush(stdout);
	for (;;) {
		sigwaitinfo(&set, NULL);
		memory[0]++;
		puts("written");
		fflush(stdout);
	}
}
