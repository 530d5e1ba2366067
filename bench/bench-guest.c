// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the benchmarks that runs in the minimal guest: page faults,
 * attaching, and the reattaching of pmkv; or contention; or lending. Prints lines of
 *
 *   result NAME VALUE
 *
 * with times in nanoseconds, each the median of several. Under instruction
 * counting a nanosecond of the guest is one instruction.
 */
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "guest.h"

#define GIB		(1024 * MIB)
#define ROUNDS		5
#define CONTEND		(64 * MIB)
#define SOCKET		"/tmp/pmkv"

extern char **environ;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void result(const char *name, uint64_t value)
{
	printf("result %s %" PRIu64 "\n", name, value);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static char params[128];

static void find_region(void)
{
	const char *at = strstr(slurp("/proc/cmdline"), "pmpool.region=");

	if (!at)
		die("no pmpool.region= on the kernel command line");
	at += strlen("pmpool.");
	snprintf(params, sizeof(params), "%.*s", (int)strcspn(at, " \n"), at);
}

static int pool(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(POOL);
	return fd;
}

static void touch(const char *name, void *mem)
{
	struct rusage before, after;
	char faults[64], time[64];
	uint64_t start, end, at;

	/* Called once more than needed, so that only the memory's own faults are counted. */
	getrusage(RUSAGE_SELF, &after);
	now();
	getrusage(RUSAGE_SELF, &before);
	start = now();
	for (at = 0; at < GIB; at += 4096)
		((volatile char *)mem)[at] = 1;
	end = now();
	getrusage(RUSAGE_SELF, &after);
	munmap(mem, GIB);

	snprintf(faults, sizeof(faults), "faults-%s", name);
	snprintf(time, sizeof(time), "touch-%s", name);
	result(faults, after.ru_minflt - before.ru_minflt);
	result(time, end - start);
}

static void bench_faults(void)
{
	int fd = pool(), memfd;
	void *mem;

	if (create(fd, "faults", GIB))
		die("create of 1 GiB");
	mem = map_node("faults", GIB, PROT_READ | PROT_WRITE);
	if (mem == MAP_FAILED)
		die("mmap of 1 GiB");
	touch("new", mem);
	mem = map_node("faults", GIB, PROT_READ | PROT_WRITE);
	if (mem == MAP_FAILED)
		die("mmap of 1 GiB");
	touch("again", mem);
	if (remove_extent(fd, "faults"))
		die("remove");
	close(fd);

	memfd = memfd_create("faults", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, GIB))
		die("memfd");
	mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mem == MAP_FAILED)
		die("mmap of a memfd");
	touch("memfd", mem);
	close(memfd);
}

static void bench_attach(const char *name, unsigned int extents)
{
	uint64_t times[ROUNDS], start;
	char extent[32];
	int i, fd = pool();

	while (info(fd).extents < extents) {
		snprintf(extent, sizeof(extent), "extent-%u", info(fd).extents);
		if (create(fd, extent, 1))
			die("create");
	}
	close(fd);
	for (i = 0; i < ROUNDS; i++) {
		if (unload())
			die("unload");
		start = now();
		if (load(params))
			die("load");
		times[i] = now() - start;
		if (sysfs("extents") != extents) {
			errno = 0;
			die("some extents are missing");
		}
	}
	result(name, median(times));
}

static void remove_all(void)
{
	struct pmpool_next arg = { .size = sizeof(arg) };
	int fd = pool();

	while (!ioctl(fd, PMPOOL_NEXT, &arg))
		if (remove_extent(fd, arg.info.name))
			die("remove");
	close(fd);
}

static pid_t run(char *const argv[])
{
	pid_t pid;

	errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (errno)
		die(argv[0]);
	return pid;
}

static void run_wait(char *const argv[])
{
	int status;

	waitpid(run(argv), &status, 0);
	if (status) {
		fprintf(stderr, "%s ended with status %#x\n", argv[0], status);
		exit(1);
	}
}

static uint64_t reattach_ns(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	struct timespec pause = { .tv_nsec = 1000000 };
	char text[8192];
	size_t used = 0;
	ssize_t len;
	char *at;
	int fd, tries;

	for (tries = 0; tries < 60000; tries++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			break;
		close(fd);
		fd = -1;
		nanosleep(&pause, NULL);
	}
	if (fd < 0 || write(fd, "stats\r\n", 7) != 7)
		die("connect to pmkv");
	do {
		len = read(fd, text + used, sizeof(text) - 1 - used);
		if (len <= 0)
			die("read from pmkv");
		used += len;
		text[used] = '\0';
	} while (!strstr(text, "END\r\n"));
	close(fd);
	at = strstr(text, "pmkv_reattach_us ");
	if (!at)
		die("no pmkv_reattach_us in the statistics");
	return strtoull(at + strlen("pmkv_reattach_us "), NULL, 10) * 1000;
}

static void bench_pmkv(const char *name, uint64_t length, char *keys, char *size)
{
	char *const server[] = { "/bin/pmkv", "--extent", (char *)name, "--socket", SOCKET, NULL };
	char *const loader[] = { "/bin/pmkv-load", "write", "--connect", SOCKET, "--wait", "60",
				 "--keys", keys, "--size", size, NULL };
	uint64_t times[ROUNDS];
	char result_name[64];
	int i, fd = pool();
	pid_t pid;

	if (create(fd, name, length))
		die("create");
	close(fd);
	unlink(SOCKET);
	pid = run(server);
	run_wait(loader);
	for (i = 0; i < ROUNDS; i++) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		unlink(SOCKET);
		pid = run(server);
		times[i] = reattach_ns();
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(result_name, sizeof(result_name), "reattach-%s", name);
	result(result_name, median(times));
}

/* The time that as many processes take to touch memory 4 KiB at a time. */
static uint64_t fault_together(char **mem, unsigned int count)
{
	volatile uint32_t *go;
	uint64_t start;
	unsigned int i;
	int status;

	go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (go == MAP_FAILED)
		die("mmap");
	for (i = 0; i < count; i++) {
		if (!fork()) {
			size_t at;

			__atomic_add_fetch(&go[1], 1, __ATOMIC_SEQ_CST);
			while (!go[0])
				;
			for (at = 4096; at < CONTEND; at += 4096) {
				if (at % BLOCK)
					((volatile char *)mem[i])[at] = 1;
			}
			_exit(0);
		}
	}
	while (go[1] < count)
		;
	start = now();
	go[0] = 1;
	for (i = 0; i < count; i++)
		if (wait(&status) < 0 || status)
			die("a process that touches memory");
	munmap((void *)go, 4096);
	return now() - start;
}

/* Small pages only: the mapping begins a page off the blocks. */
static void *map_small(const char *name)
{
	char path[64];
	void *mem;
	int fd;

	snprintf(path, sizeof(path), NODES "%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	mem = mmap((void *)(0x600000001000 + (name[1] - '0') * GIB), CONTEND, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || mem == MAP_FAILED)
		die(path);
	close(fd);
	return mem;
}

/*
 * Faults of two virtual CPUs on two extents, on one, and of one on one. The
 * blocks are zeroed before, so that faulting is all there is to do.
 */
static void bench_contention(void)
{
	static const struct {
		const char *name;
		unsigned int processes, extents;
	} runs[] = { { "contend-1-1", 1, 1 }, { "contend-2-1", 2, 1 }, { "contend-2-2", 2, 2 } };
	uint64_t times[ROUNDS];
	char *mem[2];
	unsigned int i, round;
	int fd = pool();

	if (create(fd, "c0", CONTEND) || create(fd, "c1", CONTEND))
		die("create");
	for (i = 0; i < 2; i++) {
		mem[i] = map_node(i ? "c1" : "c0", CONTEND, PROT_READ | PROT_WRITE);
		memset(mem[i], 1, CONTEND);
		munmap(mem[i], CONTEND);
	}
	for (i = 0; i < 3; i++) {
		for (round = 0; round < ROUNDS; round++) {
			mem[0] = map_small("c0");
			mem[1] = runs[i].extents == 2 ? map_small("c1") : mem[0];
			times[round] = fault_together(mem, runs[i].processes);
			munmap(mem[0], CONTEND);
			if (mem[1] != mem[0])
				munmap(mem[1], CONTEND);
		}
		result(runs[i].name, median(times));
	}
	remove_extent(fd, "c0");
	remove_extent(fd, "c1");
	close(fd);
}

static void lend(int fd, uint64_t bytes)
{
	struct pmpool_lend arg = { .size = sizeof(arg), .flags = PMPOOL_LEND_SET, .lent = bytes,
				   .timeout = 600000 };

	if (ioctl(fd, PMPOOL_LEND, &arg))
		die("PMPOOL_LEND");
}

static struct pmpool_lend lending(int fd)
{
	struct pmpool_lend arg = { .size = sizeof(arg) };

	if (ioctl(fd, PMPOOL_LEND, &arg))
		die("PMPOOL_LEND");
	return arg;
}

/* Of which the kernel has taken what it needs to look after lent memory. */
static uint64_t mem_free(void)
{
	const char *at = strstr(slurp("/proc/meminfo"), "MemFree:");

	return strtoull(at + strlen("MemFree:"), NULL, 10) * 1024;
}

/* A small extent made and removed; nothing that is lent is needed for it. */
static uint64_t create_ns(int fd)
{
	uint64_t took[ROUNDS], start;
	unsigned int i, j;

	for (i = 0; i < ROUNDS; i++) {
		took[i] = 0;
		for (j = 0; j < 20; j++) {
			start = now();
			if (create(fd, "small", BLOCK))
				die("PMPOOL_CREATE");
			took[i] += now() - start;
			if (remove_extent(fd, "small"))
				die("PMPOOL_REMOVE");
		}
		took[i] /= 20;
	}
	return median(took);
}

/* Lend all that can be; returns the time. */
static uint64_t lend_ns(int fd)
{
	uint64_t start = now();

	lend(fd, ~0ULL);
	return now() - start;
}

static uint64_t back_ns(int fd)
{
	uint64_t start = now();

	lend(fd, 0);
	return now() - start;
}

/* Has the system keep a file's pages, and write them out if they have a disk. */
static void fill_file(int fd, uint64_t bytes)
{
	static char buf[1 << 20];

	memset(buf, 0x5a, sizeof(buf));
	for (; bytes >= sizeof(buf); bytes -= sizeof(buf))
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die("the page cache");
	if (fsync(fd))
		die("fsync");
}

/* The time to take all that is lent back when a file has half of it. */
static void bench_back(const char *name, int fd, int cache, uint64_t lent)
{
	lend(fd, ~0ULL);
	if (cache < 0)
		die(name);
	fill_file(cache, lent / 2);
	result(name, back_ns(fd) * GIB / lent);
	close(cache);
}

static void bench_lending(void)
{
	static const char online[] = "/sys/devices/system/memory/auto_online_blocks";
	int fd = pool(), policy = open(online, O_WRONLY | O_CLOEXEC);
	struct pmpool_info info = { .size = sizeof(info) };
	struct pmpool_lend lent;
	uint64_t before, took;

	if (ioctl(fd, PMPOOL_INFO, &info))
		die("PMPOOL_INFO");
	/* So that it is used the moment it is lent. */
	if (policy < 0 || write(policy, "online_movable", 14) != 14)
		die(online);
	result("create-off", create_ns(fd));
	before = mem_free();
	took = lend_ns(fd);
	lent = lending(fd);
	/* The memory blocks of the machine that have nothing else in them. */
	result("whole", (info.base + info.pool_size) / lent.unit * lent.unit -
	       (info.base + info.metadata_size + lent.unit - 1) / lent.unit * lent.unit);
	result("lent", lent.lent);
	result("usable", mem_free() - before);
	result("lend-gib", took * GIB / lent.lent);
	result("create-on", create_ns(fd));
	result("back-idle-gib", back_ns(fd) * GIB / lent.lent);

	bench_back("back-memfd-gib", fd, memfd_create("cache", MFD_CLOEXEC), lent.lent);
	if (mkdir("/run/disk", 0700) || mount("/dev/nvme0n1", "/run/disk", "ext4", 0, NULL))
		die("mounting the disk");
	bench_back("back-file-gib", fd, open("/run/disk/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
		   lent.lent);
	umount("/run/disk");
	close(policy);
	close(fd);
}

int main(int argc, char **argv)
{
	find_region();
	if (load(params))
		die("load");
	if (argc > 1 && !strcmp(argv[1], "contention")) {
		bench_contention();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "lending")) {
		bench_lending();
		return 0;
	}
	bench_faults();
	bench_pmkv("1M", 64 * MIB, "16", "65536");
	bench_pmkv("1G", GIB + GIB / 4, "16384", "65536");
	remove_all();
	bench_attach("attach-1", 1);
	bench_attach("attach-1000", 1000);
	remove_all();
	return 0;
}
