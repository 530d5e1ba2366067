// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: staging
 *
 * kexec_file_load(2) and never kexec_load(2): with the first the kernel chooses
 * where the segments go, and it takes System RAM only; with the second the
 * caller chooses, from a map that may still show the region as RAM.
 */
#include <errno.h>
#include <linux/kexec.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "stage.h"

#define LOADED_PATH "/sys/kernel/kexec_loaded"
#define COUNT_PATH "/proc/sys/kernel/kexec_load_limit_reboot"

int stage_count(void)
{
	char *text;
	int count;

	if (file_read(COUNT_PATH, 64, &text, NULL))
		return -1;
	count = atoi(text);
	free(text);
	return count;
}

/* Every attempt counts, also one that the kernel turns down. */
static long load(int *count, int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags)
{
	*count = stage_count();
	/* Another load may be going on: that takes a second or two. */
	for (int tries = 0;; tries++) {
		struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
		long r = syscall(SYS_kexec_file_load, kernel_fd, initrd_fd,
				 cmdline ? strlen(cmdline) + 1 : 0UL, cmdline, flags);

		if (*count > 0)
			(*count)--;
		if (!r)
			return 0;
		if (errno != EBUSY || tries == 50)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static const char *explain(int err)
{
	switch (err) {
	case EPERM:
		return "not permitted: it needs CAP_SYS_BOOT, kernel.kexec_load_disabled must be 0, and kernel.kexec_load_limit_reboot must not be 0";
	case ENOKEY:
	case EKEYREJECTED:
	case EBADMSG:
		return "the kernel is locked down and does not trust the image's signature: use a signed kernel";
	case EADDRNOTAVAIL:
		return "no System RAM range outside the pool has room for it";
	case ENOSYS:
		return "this kernel has no kexec_file_load(2) (CONFIG_KEXEC_FILE)";
	default:
		return strerror(err);
	}
}

int stage_load(const struct preflight *pf, int *count, char **reason)
{
	long r = load(count, pf->kernel.image.fd, pf->initrd_fd, pf->cmdline,
		      pf->initrd_fd < 0 ? KEXEC_FILE_NO_INITRAMFS : 0);

	if (r)
		*reason = xprintf("the kernel does not load %s: %s", pf->kernel.path, explain((int)-r));
	return (int)r;
}

bool stage_loaded(void)
{
	char *text;
	bool loaded;

	if (file_read(LOADED_PATH, 64, &text, NULL))
		return false;
	loaded = text[0] == '1';
	free(text);
	return loaded;
}

int stage_unload(int *count)
{
	return (int)load(count, -1, -1, NULL, KEXEC_FILE_UNLOAD);
}
