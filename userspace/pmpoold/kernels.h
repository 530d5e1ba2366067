/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernels that are installed, and which of them is to be next. */
#ifndef PMPOOLD_KERNELS_H
#define PMPOOLD_KERNELS_H

#include <stdbool.h>

#include "image.h"
#include "module.h"
#include "strlist.h"

struct kernel {
	char *path;
	struct image image;
	struct strlist initrds;
	char *entry;		/* the boot loader entry that names it; NULL: none */
	char *options;		/* its command line; NULL: none is known */
};

struct kernels {
	struct kernel *v;	/* the newest first */
	size_t n;
	struct strlist skipped;	/* what could not be used, and why */
};

/*
 * Find what is installed under root: "", but in tests. Of two kernels of one
 * version the one with the flavour of the release called running comes first.
 */
void kernels_find(struct kernels *kernels, const char *root, const char *running);
void kernels_clear(struct kernels *kernels);

/*
 * Take the kernel called path out of those that are installed, or open it. On
 * failure *reason is a new string.
 */
int kernels_take(struct kernels *kernels, const char *root, const char *path,
		 struct kernel *kernel, char **reason);

/*
 * Take the newest that has an initrd and a driver that attaches a pool that needs
 * that; initrd: its own is not needed. Why each newer one was passed over is
 * added to passed. False: there is none, and the newest is taken, if any is
 * installed.
 */
bool kernels_choose(struct kernels *kernels, const char *root, const struct module_need *need,
		    bool initrd, struct kernel *kernel, struct strlist *passed);

void kernel_clear(struct kernel *kernel);

#endif
