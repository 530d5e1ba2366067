// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kernels have the backing "cma", as their drivers say.
 *
 * modinfo(8) is asked, and not libkmod, of which there is none to link into the
 * static program. A kernel without a driver, or a machine without modinfo, has
 * not that backing as far as it matters here.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <strlist.h>

#include "backings.h"

static int start(pid_t *pid, char **argv, int out)
{
	/* sbin is not on everybody's path. */
	static const char *const programs[] = { "modinfo", "/usr/sbin/modinfo", "/sbin/modinfo" };
	posix_spawn_file_actions_t actions;
	int ret = ENOENT;
	size_t i;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	for (i = 0; ret == ENOENT && i < sizeof(programs) / sizeof(*programs); i++)
		ret = posix_spawnp(pid, programs[i], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return ret;
}

bool backings_cma(const char *root, const char *release)
{
	char *base = xprintf("%s/", root);
	char *argv[] = {
		(char *)"modinfo", (char *)"-b", base, (char *)"-k", (char *)release,
		(char *)"-F", (char *)"pmpool_backings", (char *)"pmpool", NULL,
	};
	bool cma = false;
	char word[32];
	int fds[2];
	pid_t pid;
	FILE *f;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		free(base);
		return false;
	}
	if (start(&pid, argv, fds[1])) {
		close(fds[0]);
		close(fds[1]);
		free(base);
		return false;
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (f && fscanf(f, "%31s", word) == 1)
		cma |= !strcmp(word, "cma");
	if (f)
		fclose(f);
	else
		close(fds[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(base);
	return cma;
}

bool backings_cma_anywhere(const char *root)
{
	char *pattern = xprintf("%s/lib/modules/*", root);
	bool cma = false;
	glob_t found;
	size_t i;

	if (!glob(pattern, GLOB_ONLYDIR, NULL, &found)) {
		for (i = 0; !cma && i < found.gl_pathc; i++)
			cma = backings_cma(root, strrchr(found.gl_pathv[i], '/') + 1);
		globfree(&found);
	}
	free(pattern);
	return cma;
}
