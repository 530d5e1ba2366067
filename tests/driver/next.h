/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The next kernel, from inside a test program of the minimal guest: the same
 * kernel and initramfs again, staged with kexec_file_load(2) now and started
 * later, so that a program can be cut off in the middle of what it does; and
 * memory besides the pool's that the next kernel finds as this one left it.
 */
#ifndef TESTS_DRIVER_NEXT_H
#define TESTS_DRIVER_NEXT_H

#include <linux/kexec.h>
#include <linux/reboot.h>
#include <sys/reboot.h>

#include "guest.h"

#define CMDLINE_SIZE	2048

/* The driver's parameters as the command line has them: region=SIZE@BASE. */
static inline const char *region_param(void)
{
	static char value[80];
	const char *at = strstr(slurp("/proc/cmdline"), "pmpool.region=");

	if (!at) {
		fprintf(stderr, "no pmpool.region= on the kernel command line\n");
		exit(1);
	}
	at += strlen("pmpool.");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, " "), at);
	return value;
}

/*
 * Memory that a memmap= of its own keeps, and that is read and written without
 * the driver's help: what is to be compared with the pool is safe there.
 */
static inline void *map_outside(uint64_t base, size_t size)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *mem;

	if (fd < 0)
		die("/dev/mem");
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, base);
	if (mem == MAP_FAILED) {
		fprintf(stderr, "/dev/mem at %#llx: %s; is there a memmap= for it?\n",
			(unsigned long long)base, strerror(errno));
		exit(1);
	}
	close(fd);
	return mem;
}

/* Take every argument out of a command line that begins with a text. */
static inline void drop_arguments(char *line, const char *start)
{
	size_t len = strlen(start);
	char *word = line, *next;

	while (*word) {
		next = word + strcspn(word, " ");
		next += strspn(next, " ");
		if (!strncmp(word, start, len))
			memmove(word, next, strlen(next) + 1);
		else
			word = next;
	}
}

/*
 * This kernel's command line with the count of boots in it one higher and more
 * arguments, if any, behind it.
 */
static inline const char *next_cmdline(unsigned int boot, const char *more)
{
	static char line[2 * CMDLINE_SIZE];
	size_t len;

	snprintf(line, CMDLINE_SIZE, "%s", slurp("/proc/cmdline"));
	drop_arguments(line, "pmpool_test.boot=");
	len = strlen(line);
	snprintf(line + len, sizeof(line) - len, " pmpool_test.boot=%u%s%s", boot + 1,
		 more ? " " : "", more ?: "");
	if (strlen(line) >= CMDLINE_SIZE) {
		fprintf(stderr, "the next kernel's command line has %zu bytes, %u are possible\n",
			strlen(line), CMDLINE_SIZE - 1);
		exit(1);
	}
	return line;
}

/* Stage the kernel and the initramfs that run now. Takes seconds when emulated. */
static inline int stage(const char *cmdline, unsigned long flags)
{
	int kernel = open("/kexec/vmlinuz", O_RDONLY | O_CLOEXEC);
	int initrd = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	int ret;

	if (kernel < 0 || initrd < 0)
		die("/kexec/vmlinuz and /sys/firmware/initrd");
	ret = syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, flags);
	close(kernel);
	close(initrd);
	return ret;
}

/* Start what was staged, at once and with every process running. */
__attribute__((noreturn))
static inline void start_next(void)
{
	fflush(NULL);
	reboot(LINUX_REBOOT_CMD_KEXEC);
	die("starting the staged kernel");
}

#endif /* TESTS_DRIVER_NEXT_H */
