// SPDX-License-Identifier: GPL-2.0-only
/* What the next kernel is to be. */
#include <stdlib.h>

#include "request.h"
#include "strlist.h"

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void request_copy(struct kexec_request *to, const struct kexec_request *from)
{
	*to = (struct kexec_request){ 0 };
	if (!from)
		return;
	to->kernel = copy(from->kernel);
	to->initrd = copy(from->initrd);
	to->append = copy(from->append);
	to->cmdline = copy(from->cmdline);
	to->reuse = from->reuse;
	to->force = from->force;
}

void request_clear(struct kexec_request *request)
{
	free(request->kernel);
	free(request->initrd);
	free(request->append);
	free(request->cmdline);
	*request = (struct kexec_request){ 0 };
}

bool request_is_empty(const struct kexec_request *request)
{
	return !request->kernel && !request->initrd && !request->append && !request->cmdline &&
	       !request->reuse && !request->force;
}
