// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver is unloaded by force while memory is lent that nobody can empty: the
 * system keeps that memory, with its name and the claim around it, and nothing else
 * of the driver is left, whatever the kernel does next; which is to bring memory on
 * and off line, to look at hibernating, to load the driver again, to kexec, and to
 * panic.
 *
 * Run in every boot, as root, with the module not loaded. The pool's generation says
 * which one it is: 1, and 2 after a kexec, and 3 after a panic and a reset.
 */
#include <dirent.h>
#include <signal.h>

#include "lend.h"
#include "next.h"

#define KEPT	(20 * MIB)

/* Whether a kernel thread of that name runs. */
static bool has_thread(const char *name)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;
	char path[300];

	if (!dir)
		die("/proc");
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		found |= !strcmp(slurp(path), name);
	}
	closedir(dir);
	return found;
}

static int set_state(uint64_t address, uint64_t unit, const char *to)
{
	char path[96];
	int ret, fd;

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/state",
		 (unsigned long long)(address / unit));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	ret = write(fd, to, strlen(to)) < 0 ? -1 : 0;
	close(fd);
	return ret;
}

/* A kernel that can not force it needs a module that drops the reference which is in the way. */
static int unload_by_force(void)
{
	int ret = syscall(SYS_delete_module, "pmpool", O_NONBLOCK | O_TRUNC);
	int fd;

	if (!ret || errno != EWOULDBLOCK)
		return ret;
	fd = open("/lib/letgo.ko", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ret;
	syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return unload();
}

/* All that the driver had put into the kernel's lists, but the memory. */
static void check_gone(void)
{
	static const char * const paths[] = {
		"/sys/module/pmpool", "/sys/class/misc/pmpool", "/sys/class/pmpool",
		"/sys/bus/platform/drivers/pmpool", "/sys/devices/platform/pmpool",
		POOL, NODES,
	};
	unsigned int i, left = 0;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		left += !access(paths[i], F_OK);
	check(!left, "its devices and directories are gone, %u are left", left);
	check(!strstr(slurp("/proc/devices"), "pmpool"), "so are its device numbers");
	check(!has_thread("pmpool-lend"), "so is its thread");
}

/* Unload while a page at each end of what is lent can not be moved. Returns whether that was possible. */
static bool force(int fd, int *pipe_out)
{
	struct pmpool_lend arg;
	uint64_t start, end, *mem;
	unsigned int outside;
	const char *said;
	int pipes[2];
	size_t size;

	check_errno(lend(fd, ~0ULL, 0), 0, "all that can be is lent");
	online(fd, "online_movable");
	arg = lending(fd);
	start = base + arg.offset;
	end = start + arg.lent;
	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	size = meminfo("MemAvailable:") / 10 * 6;
	mem = secrets(size);
	check(arg.lent >= 3 * arg.unit && pin(pipes[1], mem, size, start, start + arg.unit, 8) &&
	      pin(pipes[1], mem, size, end - arg.unit, end, 8),
	      "pages at both ends of %llu MiB can not be moved", arg.lent / MIB);
	close(fd);

	check_errno(unload(), EWOULDBLOCK, "the driver is unloaded");
	messages();
	if (unload_by_force()) {
		check(errno == EWOULDBLOCK, "by force: %s", strerrorname_np(errno));
		return false;
	}
	said = messages();
	check(true, "by force it is");
	check(strstr(said, " stay lent: the region can not be used before the next boot"),
	      "the kernel's log says how much stays lent");
	check_gone();
	check(iomem_lent(&outside) == 1 && !outside,
	      "/proc/iomem still has what is lent, inside the pool's claim");
	check(all_secret(mem, size), "what the system has there is intact");

	/* Whoever wants to know of memory that comes and goes is asked. */
	check_errno(set_state(start + arg.unit, arg.unit, "offline"), 0,
		    "a lent block that can be emptied goes off line");
	check_errno(set_state(start + arg.unit, arg.unit, "online_movable"), 0, "and comes back");
	munmap(mem, size);
	mem = secrets(size);
	check(pages_in(mem, size, start, end) && all_secret(mem, size), "the system goes on using it");
	munmap(mem, size);
	*pipe_out = pipes[0];
	return true;
}

static void again(int pipe_out)
{
	unsigned int i, refused = 0, outside;
	char junk[4096];
	int fd;

	messages();
	check_errno(load(region_param()), ENODEV, "the driver is loaded again");
	check(strstr(messages(), "is in use: some of it is still lent to the system, see /proc/iomem; reboot"),
	      "the message says what has it, and what to do");
	fcntl(pipe_out, F_SETFL, O_NONBLOCK);
	while (read(pipe_out, junk, sizeof(junk)) > 0)
		;
	for (i = 0; i < 3; i++)
		refused += load(region_param()) == -1 && errno == ENODEV;
	check(refused == 3 && iomem_lent(&outside) == 1 && !outside,
	      "nor later, when all of it could be emptied: nobody does");
	/* Not every kernel has it. */
	if (access("/dev/snapshot", F_OK))
		return;
	fd = open("/dev/snapshot", O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "whoever is asked before hibernating has nothing against it");
	close(fd);
}

static void check_kept(int fd, const char *after)
{
	uint64_t *mem = map_node("kept", KEPT, PROT_READ);

	check(info(fd).state == PMPOOL_STATE_OK && info(fd).was_clean && !lending(fd).lent,
	      "after %s the pool attaches: ok, clean, nothing lent", after);
	check(mem != MAP_FAILED && !mismatches(mem, KEPT, 5), "with every byte of its extent");
	munmap(mem, KEPT);
}

int main(void)
{
	unsigned int boot = strtoul(getenv("PMPOOL_BOOT") ?: "1", NULL, 10);
	int fd, sysrq, pipe_out;
	uint64_t *mem;

	setvbuf(stdout, NULL, _IOLBF, 0);
	begin("lend-force");
	messages();
	check_errno(load(region_param()), 0, "%s", region_param());
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	base = info(fd).base;
	switch (info(fd).generation) {
	case 1:
		check_errno(create(fd, "kept", KEPT), 0, "an extent");
		mem = map_node("kept", KEPT, PROT_READ | PROT_WRITE);
		fill(mem, KEPT, 5);
		munmap(mem, KEPT);
		if (!force(fd, &pipe_out))
			return done();
		again(pipe_out);
		if (stage(next_cmdline(boot, NULL), 0))
			die("staging the next kernel");
		start_next();
	case 2:
		check_kept(fd, "a kexec");
		force(fd, &pipe_out);
		if (done())
			return 1;
		sysrq = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
		if (write(sysrq, "c", 1) < 0)
			die("/proc/sysrq-trigger");
		sleep(60);
		die("there was no panic");
	default:
		check(info(fd).generation == 3, "generation %llu", info(fd).generation);
		check_kept(fd, "a panic and a reset");
		return done();
	}
}
