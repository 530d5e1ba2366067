// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays inputs of the fuzzer, without the fuzzer: those that are named, or all
 * seeds. What a fuzzer found once is a seed afterwards, and stays found.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The process ends where something is wrong, so a check that is made is passed. */
static void play(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) {
		ok(false, "%s: %s", path, strerror(errno));
		return;
	}
	rewind(file);
	data = malloc(size + 1);
	if (!data || fread(data, 1, size, file) != (size_t)size) {
		ok(false, "%s: can not be read", path);
	} else {
		printf("# %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
		ok(true, "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	}
	free(data);
	fclose(file);
}

static int play_seeds(const char *dir)
{
	struct dirent **list;
	char path[PATH_MAX];
	int count, i;

	count = scandir(dir, &list, NULL, alphasort);
	if (count < 0) {
		ok(false, "%s: %s", dir, strerror(errno));
		return done();
	}
	for (i = 0; i < count; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
			play(path);
		}
		free(list[i]);
	}
	free(list);
	return done();
}

int main(int argc, char **argv)
{
	int i;

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc < 2)
		return play_seeds(SEEDS);
	for (i = 1; i < argc; i++)
		play(argv[i]);
	return done();
}
