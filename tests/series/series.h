/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs of the series share: the kernel's pool, through the
 * module that calls it for them; its memory; a hog; and being a kernel's only
 * program, where nothing but the kernel is known.
 */
#ifndef TESTS_SERIES_SERIES_H
#define TESTS_SERIES_SERIES_H

#include <dirent.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>

#include "next.h"

#define DEBUGFS		"/sys/kernel/debug"
#define POKE		DEBUGFS "/pmpool_poke/call"
#define POKE_MEM	DEBUGFS "/pmpool_poke/mem"
#define POKE_MODULE	"/lib/pmpool_poke.ko"

enum { FRESH, RESTORED, HELD };

struct area {
	unsigned long long base, size;
	int boot;
};

static inline void load_poke(void)
{
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL) && errno != EBUSY)
		die("mounting debugfs");
	if (load_file(POKE_MODULE, ""))
		die(POKE_MODULE);
}

/* One call; -1 and errno if it fails, else poke_said() has its result. */
__attribute__((format(printf, 1, 2), unused))
static int poke(const char *fmt, ...)
{
	char line[4096];
	int fd, ret, err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = open(POKE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(POKE);
	ret = write(fd, line, strlen(line)) < 0 ? -1 : 0;
	err = errno;
	close(fd);
	errno = err;
	return ret;
}

static inline const char *poke_said(void)
{
	return slurp(POKE);
}

static inline struct area get_area(void)
{
	struct area area = { .boot = -1 };

	if (!poke("area"))
		sscanf(poke_said(), "%llu %llu %d", &area.base, &area.size, &area.boot);
	return area;
}

/* Whether this kernel has a pool, which is a check: there is nothing to test without. */
static inline bool have_pool(struct area *area, unsigned int boot)
{
	load_poke();
	*area = get_area();
	if (area->boot < 0)
		check(false, "boot %u: there is a pool", boot);
	return area->boot >= 0;
}

static inline bool held(uint64_t first, uint64_t blocks)
{
	return !poke("held %llu %llu", (unsigned long long)first, (unsigned long long)blocks) &&
	       !strcmp(poke_said(), "1");
}

/* Blocks of the pool, behind the kernel's back. */
static inline uint64_t *map_blocks(const struct area *area, uint64_t first, uint64_t blocks)
{
	int fd = open(POKE_MEM, O_RDWR | O_CLOEXEC);
	void *mem = mmap(NULL, blocks * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 area->base + first * BLOCK);

	if (fd < 0 || mem == MAP_FAILED)
		die(POKE_MEM);
	close(fd);
	return mem;
}

static inline void fill_blocks(const struct area *area, uint64_t first, uint64_t blocks)
{
	uint64_t *mem = map_blocks(area, first, blocks), i;

	for (i = 0; i < blocks; i++)
		fill(mem + i * BLOCK / 8, BLOCK, first + i);
	munmap(mem, blocks * BLOCK);
}

/* How many bytes are not what fill_blocks() wrote. */
static inline uint64_t lost_bytes(const struct area *area, uint64_t first, uint64_t blocks)
{
	uint64_t *mem = map_blocks(area, first, blocks), i, wrong = 0;

	for (i = 0; i < blocks; i++)
		wrong += mismatches(mem + i * BLOCK / 8, BLOCK, first + i) * 8;
	munmap(mem, blocks * BLOCK);
	return wrong;
}

/* Whether a range of /proc/iomem with this in its name touches this one; and is all of it. */
static inline bool iomem_has(const char *name, uint64_t base, uint64_t size, bool whole)
{
	char *text = strdup(slurp("/proc/iomem")), *line, *save;
	unsigned long long from, to;
	bool found = false;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, " %llx-%llx", &from, &to) == 2 && strstr(line, name))
			found |= whole ? from <= base && to >= base + size - 1 :
					 from < base + size && to >= base;
	free(text);
	return found;
}

static inline unsigned int entries(const char *path, const char *start)
{
	DIR *dir = opendir(path);
	struct dirent *de;
	unsigned int n = 0;

	while (dir && (de = readdir(dir)))
		n += de->d_name[0] != '.' && !strncmp(de->d_name, start, strlen(start));
	if (dir)
		closedir(dir);
	return n;
}

/* The map that this kernel was handed. */
#define map_entries()	entries("/sys/firmware/memmap", "")
#define pool_nodes()	entries("/proc/device-tree/chosen", "pmpool@")

static inline uint64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_size;
}

#define tree_size()	file_size("/sys/firmware/fdt")

/*
 * Take movable memory until hardly any is left, of the pool nor besides, and
 * overwrite all of it. Returns how much that was; it is free again then.
 */
static inline uint64_t hog(void)
{
	const size_t chunk = 4 * MIB;
	uint64_t spare = 48 * MIB, total = 0;
	pid_t pid;
	int status, pipes[2];

	if (pipe(pipes))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		while (meminfo("MemFree:") > spare + chunk) {
			char *mem = mmap(NULL, chunk, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (mem == MAP_FAILED)
				break;
			memset(mem, 0xff, chunk);
			total += chunk;
		}
		if (write(pipes[1], &total, sizeof(total)) != sizeof(total))
			_exit(1);
		_exit(0);
	}
	if (read(pipes[0], &total, sizeof(total)) != sizeof(total))
		die("the hog");
	if (waitpid(pid, &status, 0) != pid || status)
		die("the hog");
	close(pipes[0]);
	close(pipes[1]);
	return total;
}

/* An argument's value on the command line, "" if it is not there. */
static inline const char *argument(const char *name)
{
	static char value[256];
	const char *at = slurp("/proc/cmdline");
	size_t len = strlen(name);

	for (; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		if (!strncmp(at, name, len) && at[len] == '=') {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + len + 1, " \n"),
				 at + len + 1);
			return value;
		}
	}
	return "";
}

/* The next kernel's command line; it finds the pool by the device tree, unless MORE says where. */
static inline const char *series_cmdline(unsigned int boot, const char *more)
{
	static char line[2 * CMDLINE_SIZE];

	snprintf(line, sizeof(line), "%s", next_cmdline(boot, NULL));
	drop_arguments(line, "pmpool=");
	drop_arguments(line, "rdinit=");
	drop_arguments(line, "series.");
	if (more)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", more);
	return line;
}

/* As the first program of a kernel about which nothing is known. */
static inline void be_init(void)
{
	int i;

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/kexec", 0755);
	for (i = 0; i < 12000 && mount("/dev/nvme0n1", "/kexec", "ext4", MS_RDONLY, "noload"); i++)
		usleep(5000);
}

#endif /* TESTS_SERIES_SERIES_H */
