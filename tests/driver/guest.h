/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs of the minimal guest share: loading the module,
 * reading the kernel's messages and sysfs, and the ioctls.
 */
#ifndef TESTS_DRIVER_GUEST_H
#define TESTS_DRIVER_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pmpool.h>
#include <linux/pmpool_format.h>
#include <linux/pmpool_hold.h>

#include "tap.h"

#define MODULE	"/lib/pmpool.ko"
#define POOL	"/dev/pmpool"
#define NODES	"/dev/pmpool-extents/"
#define SYSFS	"/sys/class/misc/pmpool/"
#define MIB	(1ULL << 20)
#define BLOCK	(2 * MIB)

__attribute__((unused))
static const char *group = "";

#define begin(name)	(group = (name))
#define check(cond, fmt, ...)	ok(cond, "%s: " fmt, group, ##__VA_ARGS__)

/* The call's errno is the one wanted; 0 means that it succeeds. */
#define check_errno(call, wanted, fmt, ...) do {				\
	errno = 0;								\
	long ret_ = (long)(call);						\
	int got_ = ret_ == -1 ? errno : 0;					\
										\
	check(got_ == (wanted), fmt ": %s, wanted %s", ##__VA_ARGS__,		\
	      got_ ? strerrorname_np(got_) : "success",				\
	      (wanted) ? strerrorname_np(wanted) : "success");			\
} while (0)

__attribute__((noreturn, unused))
static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The contents of a small file without the last newline; "" if there is none. */
__attribute__((unused))
static const char *slurp(const char *path)
{
	static char text[65536];
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (len < 0)
		len = 0;
	text[len] = '\0';
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return text;
}

/* A line of /proc/meminfo, in bytes; @key with its colon. */
__attribute__((unused))
static uint64_t meminfo(const char *key)
{
	const char *at = strstr(slurp("/proc/meminfo"), key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

/*
 * Pages that are free but wait on a list of a processor are not counted as free,
 * and such a list can grow to an eighth of the zone. Keeps them short, so that
 * meminfo() tells what is free but for a MiB a processor.
 */
__attribute__((unused))
static void count_what_is_free(void)
{
	static const char knob[] = "/proc/sys/vm/percpu_pagelist_high_fraction";
	int fd = open(knob, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1000000", 7) != 7)
		die(knob);
	close(fd);
}

__attribute__((unused))
static uint64_t sysfs(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), SYSFS "%s", name);
	return strtoull(slurp(path), NULL, 0);
}

__attribute__((unused))
static int load_file(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		die(path);
	ret = syscall(SYS_finit_module, fd, params, 0);
	close(fd);
	return ret;
}

__attribute__((unused))
static int load(const char *params)
{
	return load_file(MODULE, params);
}

__attribute__((unused))
static int unload(void)
{
	return syscall(SYS_delete_module, "pmpool", O_NONBLOCK);
}

/* Messages of the kernel since the last call. */
__attribute__((unused))
static const char *messages(void)
{
	static char text[1 << 18];
	static int fd = -1;
	char record[8192];
	size_t used = 0;
	ssize_t len;

	if (fd < 0) {
		fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			die("/dev/kmsg");
	}
	while ((len = read(fd, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		if (len < 0 || used + len >= sizeof(text))
			continue;
		memcpy(text + used, record, len);
		used += len;
	}
	text[used] = '\0';
	return text;
}

__attribute__((unused))
static void set_name(char *field, const char *name)
{
	memset(field, 0, PMPOOL_NAME_SIZE);
	memcpy(field, name, strnlen(name, PMPOOL_NAME_SIZE));
}

__attribute__((unused))
static int create(int fd, const char *name, uint64_t length)
{
	struct pmpool_create arg = { .size = sizeof(arg), .length = length, .mode = 0600 };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_CREATE, &arg);
}

__attribute__((unused))
static int open_extent(int fd, const char *name, uint32_t flags, struct pmpool_extent_info *info)
{
	struct pmpool_open arg = { .size = sizeof(arg), .flags = flags };
	int ret;

	set_name(arg.name, name);
	ret = ioctl(fd, PMPOOL_OPEN, &arg);
	if (!ret && info)
		*info = arg.info;
	return ret;
}

__attribute__((unused))
static int remove_extent(int fd, const char *name)
{
	struct pmpool_remove arg = { .size = sizeof(arg) };

	set_name(arg.name, name);
	return ioctl(fd, PMPOOL_REMOVE, &arg);
}

__attribute__((unused))
static int rename_extent(int fd, const char *name, const char *new_name)
{
	struct pmpool_rename arg = { .size = sizeof(arg) };

	set_name(arg.name, name);
	set_name(arg.new_name, new_name);
	return ioctl(fd, PMPOOL_RENAME, &arg);
}

__attribute__((unused))
static struct pmpool_info info(int fd)
{
	struct pmpool_info arg = { .size = sizeof(arg) };

	if (ioctl(fd, PMPOOL_INFO, &arg))
		die("PMPOOL_INFO");
	return arg;
}

/* Map an extent by its device; prot decides how it is opened. */
__attribute__((unused))
static void *map_node(const char *name, size_t length, int prot)
{
	char path[256];
	void *mem;
	int fd;

	snprintf(path, sizeof(path), NODES "%s", name);
	fd = open(path, (prot & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	mem = mmap(NULL, length, prot, MAP_SHARED, fd, 0);
	close(fd);
	return mem;
}

/* A word whose value its place and a seed determine. */
static inline uint64_t pattern(uint64_t seed, uint64_t index)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + index;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	return x ^ x >> 31;
}

__attribute__((unused))
static void fill(uint64_t *mem, size_t length, uint64_t seed)
{
	size_t i;

	for (i = 0; i < length / 8; i++)
		mem[i] = pattern(seed, i);
}

/* How many words are not what fill() wrote. */
__attribute__((unused))
static size_t mismatches(const uint64_t *mem, size_t length, uint64_t seed)
{
	size_t i, wrong = 0;

	for (i = 0; i < length / 8; i++)
		wrong += mem[i] != pattern(seed, i);
	return wrong;
}

__attribute__((unused))
static bool zeroes(const void *mem, size_t length)
{
	const uint64_t *word = mem;
	size_t i;

	for (i = 0; i < length / 8; i++)
		if (word[i])
			return false;
	return true;
}

#endif /* TESTS_DRIVER_GUEST_H */
