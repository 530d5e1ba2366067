// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kernel, initrd and command line: the options of stage and kexec.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "request.h"

static int take(char **to, char *value)
{
	if (!value) {
		say("%s", strerror(ENOMEM));
		return CTL_FAILED;
	}
	/* As everywhere: the last one counts. */
	free(*to);
	*to = value;
	return CTL_OK;
}

/* The daemon has a working directory of its own. */
static int take_path(char **to, const char *option)
{
	char *path = realpath(optarg, NULL);

	if (!path && errno != ENOMEM)
		return wrong_option(option, strerror(errno));
	return take(to, path);
}

int request_option(struct request *request, int c)
{
	switch (c) {
	case 'k':
		return take_path(&request->kernel, "kernel");
	case 'i':
		if (strcmp(optarg, "none") == 0)
			return take(&request->initrd, strdup(optarg));
		return take_path(&request->initrd, "initrd");
	case 'a':
		return take(&request->append, strdup(optarg));
	case 'c':
		return take(&request->cmdline, strdup(optarg));
	default:
		request->reuse = true;
		return CTL_OK;
	}
}

void request_free(struct request *request)
{
	free(request->kernel);
	free(request->initrd);
	free(request->append);
	free(request->cmdline);
}
