/* SPDX-License-Identifier: GPL-2.0-only */
/* What the next kernel is to be: said in the configuration, or asked for once. */
#ifndef PMPOOLD_REQUEST_H
#define PMPOOLD_REQUEST_H

#include <stdbool.h>

/* NULL: not given. */
struct kexec_request {
	char *kernel;
	char *initrd;		/* "none": without one */
	char *append;		/* added to the command line */
	char *cmdline;		/* the whole of it: checked, not repaired */
	bool reuse;		/* the running kernel's command line is the base */
	bool force;		/* stage what would lose the pool */
};

/* Copy from to to, which is uninitialised; NULL gives an empty one. */
void request_copy(struct kexec_request *to, const struct kexec_request *from);
void request_clear(struct kexec_request *request);
/* Whether nothing is asked for. */
bool request_is_empty(const struct kexec_request *request);

#endif
