// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: mini-init - the only process of the minimal guest that is not the test's own
 *
 * Mounts what a program expects, loads pmpool.ko when there is one to load, runs the program named in /etc/mini/argv
 * with its output on the virtio port org.pmpool.out, writes how it ended to org.pmpool.status, and powers off. The
 * host takes a guest that wrote no status for a failed one, so nothing here has to work for a failure to be seen.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MODULE		"/lib/pmpool.ko"
#define KEXEC_DISK	"/dev/nvme0n1"
#define MAX_ARGS	1024
/* What the program cannot have returned: the guest was not fit to run it. */
#define STATUS_UNFIT	125

static char cmdline[4096];
static int status_port = -1;
static int out_port = -1;

static void say(int fd, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 1)
		n = sizeof(line) - 1;
	if (write(fd, line, n) < 0 && fd != 2)
		dprintf(2, "mini-init: cannot write to the host: %s\n", strerror(errno));
}

static void end(int status)
{
	if (status_port >= 0)
		say(status_port, "exit %d\n", status);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void unfit(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(out_port >= 0 ? out_port : 2, "mini-init: %s\n", text);
	end(STATUS_UNFIT);
}

static void mount_at(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	if (mount(type, where, type, MS_NOSUID, options) && errno != EBUSY)
		unfit("mounting %s at %s: %s", type, where, strerror(errno));
}

/* The value of NAME=VALUE on the kernel command line, or NULL. The last one counts, as it does for the kernel. */
static char *argument(const char *name)
{
	static char copy[sizeof(cmdline)], value[sizeof(cmdline)];
	size_t len = strlen(name);
	bool found = false;

	strcpy(copy, cmdline);
	for (char *w = strtok(copy, " \n"); w; w = strtok(NULL, " \n")) {
		if (strncmp(w, name, len) || w[len] != '=')
			continue;
		strcpy(value, w + len + 1);
		found = true;
	}
	return found ? value : NULL;
}

static int open_port(const char *want)
{
	struct timespec pause_ms = { .tv_nsec = 5000000 };

	/* The host announces its ports through a queue, which may not be through yet. */
	for (int tries = 0; tries < 1000; tries++) {
		DIR *d = opendir("/sys/class/virtio-ports");
		struct dirent *de;

		while (d && (de = readdir(d))) {
			char path[300], name[64] = "";
			int fd, n;

			snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", de->d_name);
			fd = open(path, O_RDONLY);
			if (fd < 0)
				continue;
			n = read(fd, name, sizeof(name) - 1);
			close(fd);
			if (n <= 0)
				continue;
			name[strcspn(name, "\n")] = 0;
			if (strcmp(name, want))
				continue;
			snprintf(path, sizeof(path), "/dev/%s", de->d_name);
			closedir(d);
			return open(path, O_WRONLY | O_CLOEXEC);
		}
		if (d)
			closedir(d);
		nanosleep(&pause_ms, NULL);
	}
	errno = ENODEV;
	return -1;
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		unfit("bringing lo up: %s", strerror(errno));
	close(fd);
}

static void load_module(void)
{
	char *region = argument("pmpool.region");
	char params[256] = "";
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (region)
		snprintf(params, sizeof(params), "region=%s", region);
	if (syscall(SYS_finit_module, fd, params, 0))
		unfit("loading " MODULE " with \"%s\": %s; the driver's message is on the console and in dmesg", params,
		      strerror(errno));
	close(fd);
}

/*
 * What the next kernel is made of. The initramfs is the one this kernel was given, which retain_initrd keeps in
 * memory; the kernel image is on a disk of its own because it would only make each initramfs eight times as large.
 */
static void prepare_kexec(void)
{
	struct timespec pause_ms = { .tv_nsec = 5000000 };

	mkdir("/kexec", 0755);
	for (int tries = 0; tries < 12000; tries++) {
		if (!access(KEXEC_DISK, R_OK))
			break;
		nanosleep(&pause_ms, NULL);
	}
	if (mount(KEXEC_DISK, "/kexec", "ext4", MS_RDONLY, "noload"))
		unfit("mounting %s at /kexec: %s", KEXEC_DISK, strerror(errno));
}

static char **program(void)
{
	static char *argv[MAX_ARGS + 1];
	static char text[65536];
	int fd = open("/etc/mini/argv", O_RDONLY | O_CLOEXEC);
	int n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int args = 0;

	if (n <= 0)
		unfit("reading /etc/mini/argv: %s", n ? strerror(errno) : "it is empty");
	close(fd);
	for (char *p = text; p < text + n && args < MAX_ARGS; p += strlen(p) + 1)
		argv[args++] = p;
	return argv;
}

static int run(char **argv)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		unfit("fork: %s", strerror(errno));
	if (!pid) {
		setsid();
		dup2(out_port, 1);
		dup2(out_port, 2);
		execvp(argv[0], argv);
		say(1, "mini-init: running %s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	for (;;) {
		pid_t got = wait(&status);

		if (got == pid)
			break;
		if (got < 0 && errno != EINTR)
			unfit("wait: %s", strerror(errno));
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	struct timespec now;
	char *boot, **argv;
	int fd;

	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devtmpfs", "/dev", NULL);
	mount_at("tmpfs", "/tmp", NULL);
	mount_at("tmpfs", "/run", NULL);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		unfit("reading /proc/cmdline: %s", strerror(errno));
	close(fd);
	cmdline[strcspn(cmdline, "\n")] = 0;

	status_port = open_port("org.pmpool.status");
	out_port = open_port("org.pmpool.out");
	if (status_port < 0 || out_port < 0)
		unfit("no virtio port to the host: %s", strerror(errno));
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);

	boot = argument("pmpool_test.boot");
	setenv("PMPOOL_BOOT", boot ? boot : "1", 1);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/", 1);
	argv = program();
	loopback_up();
	if (!access("/etc/mini/kexec", F_OK))
		prepare_kexec();
	if (!access("/etc/mini/load", F_OK))
		load_module();

	clock_gettime(CLOCK_BOOTTIME, &now);
	say(status_port, "start %ld.%03ld\n", (long)now.tv_sec, now.tv_nsec / 1000000);
	end(run(argv));
}
