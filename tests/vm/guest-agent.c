// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: guest-agent - runs commands in a test guest for the host
 *
 * One worker process serves each virtio-serial port named org.pmpool.exec.N, so several commands can run at once
 * without any network in the guest. It is a static program that finds its ports in sysfs, so it answers before udev
 * has run and needs nothing of the guest but a kernel with virtio_console.
 *
 * Both ways the stream consists of frames (one byte of type, four bytes of little-endian length, payload) and of
 * lines that start with 0xff and serve to find each other: a client that came after one that died in mid-sentence
 * sends a nonce and skips everything until it is echoed.
 *
 *	host to guest			guest to host
 *	0xff S nonce \n			0xff S nonce boot-id \n
 *	A  one argument			0xff H boot-id \n	agent (re)started
 *	V  one environment entry	O  standard output
 *	X  execute			E  standard error
 *	I  standard input, empty = end	Q  end: u32 kind (0 exit, 1 signal, 2 errno of exec), u32 value
 *
 * A host that hangs up in the middle of a command wants it gone: the command's whole session is killed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_PREFIX	"org.pmpool.exec."
#define MAX_FRAME	(1U << 20)
#define MAX_OUTPUT	16384
#define MAX_ARGS	4096
#define MAX_PORTS	16
/* How long output is still collected after the command itself ended, for what is in the pipes already. */
#define DRAIN_MS	50

static char boot_id[64];

struct strings {
	char *s[MAX_ARGS + 1];
	size_t n;
};

struct worker {
	const char *path;
	int port;
	int sigfd;
	struct strings args;
	struct strings env;
};

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "guest-agent: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(ap);
	exit(1);
}

static void forget(struct strings *l)
{
	while (l->n)
		free(l->s[--l->n]);
	l->s[0] = NULL;
}

static int remember(struct strings *l, char *s)
{
	if (l->n == MAX_ARGS) {
		free(s);
		return -1;
	}
	l->s[l->n++] = s;
	l->s[l->n] = NULL;
	return 0;
}

/* Waits for the port; false when the host has hung up. */
static bool port_ready(struct worker *w, short events)
{
	struct pollfd p = { .fd = w->port, .events = events };

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			die("poll %s", w->path);
	return !(p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int port_read(struct worker *w, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(w->port, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			if (!port_ready(w, POLLIN))
				return -1;
		} else if (!n || errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static int port_write(struct worker *w, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(w->port, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			if (!port_ready(w, POLLOUT))
				return -1;
		} else if (!n || errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* In one piece: what ends this process, as a kexec does, does not end it in the middle of a frame. */
static int send_frame(struct worker *w, char type, const void *data, uint32_t len)
{
	unsigned char frame[5 + MAX_OUTPUT] = { type, len, len >> 8, len >> 16, len >> 24 };

	memcpy(frame + 5, data, len);
	return port_write(w, frame, 5 + len);
}

static int send_end(struct worker *w, uint32_t kind, uint32_t value)
{
	unsigned char b[8] = { kind, 0, 0, 0, value, value >> 8, value >> 16, value >> 24 };

	return send_frame(w, 'Q', b, sizeof(b));
}

static int send_line(struct worker *w, const char *fmt, ...)
{
	char line[256] = { (char)0xff };
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line + 1, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	return port_write(w, line, n + 1);
}

static int answer_sync(struct worker *w)
{
	char line[128];
	size_t n = 0;

	do {
		if (n == sizeof(line) - 1 || port_read(w, line + n, 1))
			return -1;
	} while (line[n++] != '\n');
	line[n - 1] = 0;
	forget(&w->args);
	forget(&w->env);
	return send_line(w, "%s %s\n", line, boot_id);
}

/* Reads one frame; 'S' stands for a synchronisation that was answered, 0 for a host that is gone or talks nonsense. */
static char read_frame(struct worker *w, char **data, uint32_t *len)
{
	unsigned char type, b[4];

	*data = NULL;
	*len = 0;
	if (port_read(w, &type, 1))
		return 0;
	if (type == 0xff)
		return answer_sync(w) ? 0 : 'S';
	if (port_read(w, b, sizeof(b)))
		return 0;
	*len = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
	if (*len > MAX_FRAME)
		return 0;
	*data = malloc(*len + 1);
	if (!*data)
		die("%u bytes", *len);
	if (port_read(w, *data, *len)) {
		free(*data);
		*data = NULL;
		return 0;
	}
	(*data)[*len] = 0;
	return type;
}

static void child(struct worker *w, int in, int out, int err, int fail)
{
	sigset_t none;
	int e;

	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (w->env.n)
		environ = w->env.s;
	if (chdir("/root") && chdir("/"))
		_exit(126);
	execvp(w->args.s[0], w->args.s);
	e = errno;
	if (write(fail, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

/* Copies what a pipe holds to the host. Returns 1 at its end, 0 when it is empty for now, -1 when the host is gone. */
static int pass_on(struct worker *w, int fd, char type, bool all)
{
	char buf[MAX_OUTPUT];

	do {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (!n)
			return 1;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : 1;
		if (send_frame(w, type, buf, n))
			return -1;
	} while (all);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Runs the collected command. Returns -1 when the host is gone and the port must be opened anew. */
static int run(struct worker *w)
{
	int in[2], out[2], err[2], fail[2], e = 0, ret = -1;
	char *pending = NULL;
	uint32_t pending_len = 0, pending_off = 0;
	bool ended = false;
	int status = 0;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(fail, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		child(w, in[0], out[1], err[1], fail[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(fail[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	if (read(fail[0], &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(fail[0]);

	while (!ended || out[0] >= 0 || err[0] >= 0) {
		struct pollfd p[5] = {
			{ .fd = w->port, .events = pending ? 0 : POLLIN },
			{ .fd = ended ? -1 : w->sigfd, .events = POLLIN },
			{ .fd = out[0], .events = POLLIN },
			{ .fd = err[0], .events = POLLIN },
			{ .fd = pending ? in[1] : -1, .events = POLLOUT },
		};
		int n = poll(p, 5, ended ? DRAIN_MS : -1);

		if (n < 0 && errno != EINTR)
			die("poll");
		/* What still holds the pipes is a process the command left in the background. */
		if (!n)
			break;
		if (p[0].revents & (POLLHUP | POLLERR))
			goto gone;
		for (int i = 2; i <= 3; i++) {
			int r = p[i].revents ? pass_on(w, p[i].fd, i == 2 ? 'O' : 'E', false) : 0;

			if (r < 0)
				goto gone;
			if (r)
				close_fd(i == 2 ? &out[0] : &err[0]);
		}
		if (p[1].revents) {
			struct signalfd_siginfo si;

			if (read(w->sigfd, &si, sizeof(si)) < 0 && errno != EAGAIN)
				die("signalfd");
			if (waitpid(pid, &status, WNOHANG) == pid)
				ended = true;
		}
		if (p[4].revents) {
			ssize_t k = write(in[1], pending + pending_off, pending_len - pending_off);

			if (k > 0)
				pending_off += k;
			if ((k < 0 && errno != EAGAIN) || pending_off == pending_len) {
				/* A command that does not read its input to the end is no error. */
				free(pending);
				pending = NULL;
				if (k < 0)
					close_fd(&in[1]);
			}
		}
		if (p[0].revents & POLLIN) {
			char *data;
			uint32_t len;
			char type = read_frame(w, &data, &len);

			if (type == 'I' && len && in[1] >= 0) {
				pending = data;
				pending_len = len;
				pending_off = 0;
				continue;
			}
			free(data);
			if (type == 'I' && !len)
				close_fd(&in[1]);
			else if (type != 'I')
				/* Another client has taken the port over, so this command's owner is gone. */
				goto taken;
		}
	}
	if (out[0] >= 0)
		pass_on(w, out[0], 'O', true);
	if (err[0] >= 0)
		pass_on(w, err[0], 'E', true);
	if (e)
		ret = send_end(w, 2, e);
	else if (WIFSIGNALED(status))
		ret = send_end(w, 1, WTERMSIG(status));
	else
		ret = send_end(w, 0, WEXITSTATUS(status));
	goto out;

taken:
	ret = 0;
gone:
	if (!ended) {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
out:
	free(pending);
	close_fd(&in[1]);
	close_fd(&out[0]);
	close_fd(&err[0]);
	forget(&w->args);
	forget(&w->env);
	return ret;
}

static void serve(struct worker *w)
{
	for (;;) {
		/* Blocking until here: the greeting waits for a host to connect, without a timer. */
		w->port = open(w->path, O_RDWR | O_CLOEXEC);
		if (w->port < 0)
			die("open %s", w->path);
		if (!send_line(w, "H %s\n", boot_id)) {
			fcntl(w->port, F_SETFL, O_NONBLOCK);
			for (;;) {
				char *data;
				uint32_t len;
				char type = read_frame(w, &data, &len);

				if (type == 'A' || type == 'V') {
					if (remember(type == 'A' ? &w->args : &w->env, data))
						break;
					continue;
				}
				free(data);
				if (!type)
					break;
				if (type == 'X' && w->args.n && run(w))
					break;
			}
		}
		/* Closing the port makes the kernel forget what the last client sent too much. */
		close(w->port);
		forget(&w->args);
		forget(&w->env);
	}
}

static void read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");

	buf[0] = 0;
	if (!f)
		return;
	if (fgets(buf, len, f))
		buf[strcspn(buf, "\n")] = 0;
	fclose(f);
}

static int find_ports(char paths[MAX_PORTS][64])
{
	DIR *d = opendir("/sys/class/virtio-ports");
	struct dirent *de;
	int n = 0;

	if (!d)
		return 0;
	while (n < MAX_PORTS && (de = readdir(d))) {
		char name[300], value[64];

		if (de->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "/sys/class/virtio-ports/%s/name", de->d_name);
		read_line(name, value, sizeof(value));
		if (!strncmp(value, PORT_PREFIX, strlen(PORT_PREFIX)))
			snprintf(paths[n++], 64, "/dev/%.50s", de->d_name);
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	static struct worker w;
	char paths[MAX_PORTS][64];
	int want = argc > 1 ? atoi(argv[1]) : 1;
	sigset_t chld;
	int n;

	/* The host announces its ports one by one through a queue, which may not be through yet. */
	for (int tries = 0; (n = find_ports(paths)) < want && tries < 3000; tries++)
		usleep(20000);
	if (!n) {
		fprintf(stderr, "guest-agent: no virtio port named %s*: start the guest with tests/vm/vm\n", PORT_PREFIX);
		return 1;
	}
	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			w.path = paths[i];
			break;
		}
	}
	if (!w.path)
		w.path = paths[0];

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	w.sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.sigfd < 0)
		die("signalfd");
	serve(&w);
	return 0;
}
