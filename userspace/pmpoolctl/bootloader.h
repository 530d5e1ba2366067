/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot loader's configuration, as far as it reserves the pool's memory.
 */
#ifndef PMPOOLCTL_BOOTLOADER_H
#define PMPOOLCTL_BOOTLOADER_H

#include <stdbool.h>
#include <stddef.h>

#include <cmdline.h>

struct boot_file {
	char *path;
	char *old;		/* NULL: there was none */
	char *text;		/* NULL: there shall be none */
};

struct bootloader {
	bool grub;
	bool kernel_cmdline;	/* systemd-boot, and others that use kernel-install */
	struct boot_file files[2];
	size_t n;
	bool changed;		/* some file is not as it shall be */
	struct strlist commands;	/* that make the boot loader see it */
};

/*
 * What to do so that every kernel is started with region reserved, or, NULL, with
 * none; cma: some kernel has the backing of that name, and is told as well. One
 * line is for all kernels: what one does not know does no harm to it. root is "",
 * but in tests; running is the running kernel's command line.
 * Returns NULL, or why it can not be done, for free(). bootloader_free() it in
 * any case.
 */
char *bootloader_plan(struct bootloader *plan, const char *root, const struct region *region,
		      bool cma, const char *running);

/*
 * Do it. When something fails, that is said, and the files are as they were, or
 * it is said which is not. Returns an exit status.
 */
int bootloader_apply(const struct bootloader *plan);

void bootloader_free(struct bootloader *plan);

/* Run a command, words with spaces in between. Returns an exit status, and says what failed. */
int run_command(const char *command);

#endif /* PMPOOLCTL_BOOTLOADER_H */
