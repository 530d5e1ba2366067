/* SPDX-License-Identifier: GPL-2.0-only */
/* Will the pool be there after a kexec? */
#ifndef PMPOOLD_PREFLIGHT_H
#define PMPOOLD_PREFLIGHT_H

#include <stdbool.h>

#include "kernels.h"
#include "module.h"
#include "pool.h"
#include "request.h"
#include "strlist.h"

struct check {
	const char *name;
	bool ok;
	char *text;		/* what was found; when not ok, what to do as well */
};

#define PREFLIGHT_MAX 16

struct preflight {
	struct check checks[PREFLIGHT_MAX];
	size_t n;
	/* What was checked, as far as it is known, and is to be staged. */
	struct kernel kernel;
	char *initrd;		/* NULL: none; several have spaces in between */
	int initrd_fd;		/* -1: none */
	char *cmdline;
	bool kept;		/* it leaves the region alone */
	bool driver;		/* it has a driver that finds and attaches the pool */
	struct module_backings backings;	/* of that driver */
};

/*
 * Make every check for the kernel that config_path asks for, and request, which
 * may be NULL: what it gives replaces the setting of that name.
 */
void preflight_run(struct preflight *pf, const struct pool *pool, const char *config_path,
		   const struct kexec_request *request);
bool preflight_ok(const struct preflight *pf);
/* Whether there is something to load, if it keeps the pool or not. */
bool preflight_loadable(const struct preflight *pf);
/* Why not: the text of each check that failed. */
void preflight_reasons(const struct preflight *pf, struct strlist *reasons);
void preflight_clear(struct preflight *pf);

#endif
