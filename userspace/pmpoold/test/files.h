/* SPDX-License-Identifier: GPL-2.0-only */
/* A directory of files to test with. */
#ifndef PMPOOLD_TEST_FILES_H
#define PMPOOLD_TEST_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "strlist.h"

static char top[] = "/tmp/test-pmpoold-XXXXXX";

static void begin(void)
{
	if (!mkdtemp(top))
		abort();
}

/* A path below it, to be freed; the directories above it are made. */
static char *below(const char *name)
{
	char *path = xprintf("%s/%s", top, name);

	for (char *p = path + strlen(top) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	return path;
}

static void put(const char *name, const char *text)
{
	char *path = below(name);

	if (file_replace(path, text, strlen(text), 0600, false))
		abort();
	free(path);
}

static void end(void)
{
	char *command = xprintf("rm -r %s", top);

	if (system(command))
		abort();
	free(command);
}

#endif
