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

/* Stage a kernel with the initramfs that runs now. Takes seconds when emulated. */
static inline int stage_kernel(const char *path, const char *cmdline, unsigned long flags)
{
	int initrd = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	int kernel = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (kernel < 0)
		die(path);
	if (initrd < 0)
		die("/sys/firmware/initrd");
	ret = syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, flags);
	close(kernel);
	close(initrd);
	return ret;
}

/* The kernel that runs now. */
static inline int stage(const char *cmdline, unsigned long flags)
{
	return stage_kernel("/kexec/vmlinuz", cmdline, flags);
}

/* An initramfs with as many zeroes behind it as make it large. */
static inline int large_initrd(size_t size)
{
	static char buf[1 << 20];
	int from = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	int to = syscall(SYS_memfd_create, "initrd", 0);
	size_t length = 0;
	ssize_t len;

	if (from < 0 || to < 0)
		die("an initramfs");
	/* The one that this kernel was started with has them already. */
	while (length < size && (len = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, len) != len)
			die("an initramfs");
		length += len;
	}
	memset(buf, 0, sizeof(buf));
	for (; length < size; length += sizeof(buf))
		if (write(to, buf, sizeof(buf)) != sizeof(buf))
			die("an initramfs");
	close(from);
	return to;
}

#ifndef KEXEC_FILE_DEBUG
#define KEXEC_FILE_DEBUG	0x8
#endif

/*
 * Stage the next kernel with a large initramfs, and look at each segment as the
 * kernel tells of it: none is in the region.
 */
static inline void stage_large(const char *cmdline, size_t initrd_size, uint64_t base, uint64_t size)
{
	int kernel = open("/kexec/vmlinuz", O_RDONLY | O_CLOEXEC);
	int initrd = large_initrd(initrd_size);
	unsigned int segments = 0, inside = 0;
	uint64_t largest = 0;
	const char *at;
	int ret;

	messages();
	ret = syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline,
		      KEXEC_FILE_DEBUG);
	check_errno(ret, 0, "the next kernel is staged with an initramfs of %zu MiB",
		    (size_t)(initrd_size / MIB));
	close(kernel);
	close(initrd);
	for (at = messages(); (at = strstr(at, "segment[")); at++) {
		const char *mem = strstr(at, " mem="), *memsz = strstr(at, " memsz=");
		uint64_t start, length;

		if (!mem || !memsz)
			continue;
		start = strtoull(mem + 5, NULL, 16);
		length = strtoull(memsz + 7, NULL, 16);
		segments++;
		inside += start < base + size && start + length > base;
		largest = length > largest ? length : largest;
	}
	check(segments >= 3 && largest >= initrd_size, "the kernel told of %u segments, one of %llu MiB",
	      segments, (unsigned long long)(largest / MIB));
	check(!inside, "%u of them are in the region", inside);
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
