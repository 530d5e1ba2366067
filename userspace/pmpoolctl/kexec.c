// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl kexec: into the staged kernel, if the pool survives that.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define STAGE_SECONDS 30

static const char help[] =
	"Usage: pmpoolctl kexec [--stage | --dry-run]\n"
	"Start the kernel that pmpoold staged, by systemctl kexec. Refuse, with exit\n"
	"status 3 and the reasons, when that would lose the pool.\n"
	"\n"
	"  -s, --stage    let pmpoold stage a kernel anew, say what came of it, stay\n"
	"  -n, --dry-run  say what is staged and what was checked, stay\n"
	"  -h, --help     show this help\n";

/* What tells one published file from the one before. */
struct version {
	bool exists;
	ino_t inode;
	struct timespec changed;
};

static struct version published(void)
{
	struct stat st;

	if (stat(DAEMON_STATUS, &st) < 0)
		return (struct version){ 0 };
	return (struct version){ true, st.st_ino, st.st_ctim };
}

static bool same_version(const struct version *a, const struct version *b)
{
	return a->exists == b->exists && a->inode == b->inode &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/*
 * Whether the daemon's answer is to a request made at since: it also publishes
 * when extents come and go, with what it had staged before. Its clock says
 * whole seconds.
 */
static bool staged_since(const struct daemon_status *status, time_t since)
{
	struct json_object *staged = member(status->json, "staged", json_type_object);
	struct tm tm = { 0 };

	if (!staged)
		return false;
	if (!strptime(member_text(staged, "time", ""), "%Y-%m-%dT%H:%M:%S", &tm))
		return true;
	return timegm(&tm) >= since;
}

/* Milliseconds until then, at least 0. */
static int milliseconds_left(const struct timespec *then)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (then->tv_sec - now.tv_sec) * 1000LL + (then->tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

/* Run systemctl; returns 0 or says what went wrong. */
static int run_systemctl(const char *verb, const char *unit)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		say("cannot run systemctl: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (pid == 0) {
		execlp("systemctl", "systemctl", verb, unit, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CTL_FAILED;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CTL_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		say("systemctl %s %s: there is no systemctl; this needs systemd", verb, unit);
	else
		say("systemctl %s %s failed; see systemctl status %s", verb, unit, unit);
	return CTL_FAILED;
}

/* Wait for an answer to a request made at since. Returns an exit status. */
static int wait_for_staging(int watch, struct version seen, time_t since)
{
	struct pollfd fd = { .fd = watch, .events = POLLIN };
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STAGE_SECONDS;

	for (;;) {
		struct version now = published();
		int left = milliseconds_left(&end);
		char events[4096];

		if (!same_version(&now, &seen)) {
			struct daemon_status status;
			bool answered;

			daemon_read(&status);
			answered = status.running && staged_since(&status, since);
			daemon_free(&status);
			if (answered)
				return CTL_OK;
			seen = now;
		}

		if (left == 0) {
			say("pmpoold has not staged a kernel within %d s; see journalctl -u pmpoold",
			    STAGE_SECONDS);
			return CTL_FAILED;
		}
		if (poll(&fd, 1, left) > 0)
			(void)!read(watch, events, sizeof(events));
	}
}

static int stage(void)
{
	struct daemon_status daemon;
	struct version before;
	bool running;
	int status;
	int watch;
	time_t since;

	daemon_read(&daemon);
	running = daemon.running;
	if (!running)
		say("%s", daemon.problem);
	daemon_free(&daemon);
	if (!running)
		return CTL_UNSAFE;

	/* Watch before asking, or a quick answer would be missed. */
	watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0 || inotify_add_watch(watch, DAEMON_STATUS_DIR, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
		say("cannot watch %s: %s", DAEMON_STATUS_DIR, strerror(errno));
		if (watch >= 0)
			close(watch);
		return CTL_FAILED;
	}

	before = published();
	since = time(NULL);
	status = run_systemctl("reload", "pmpoold.service");
	if (!status)
		status = wait_for_staging(watch, before, since);
	close(watch);
	return status;
}

static int go(void)
{
	fflush(NULL);
	execlp("systemctl", "systemctl", "kexec", (char *)NULL);
	say("cannot run systemctl: %s", strerror(errno));
	return CTL_FAILED;
}

int verb_kexec(int argc, char **argv)
{
	static const struct option options[] = {
		{ "stage", no_argument, NULL, 's' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct daemon_status daemon;
	struct json_object *problems;
	bool want_stage = false;
	bool dry = false;
	int status = CTL_OK;
	int c;

	while ((c = getopt_long(argc, argv, "snh", options, NULL)) != -1) {
		switch (c) {
		case 's':
			want_stage = true;
			break;
		case 'n':
			dry = true;
			break;
		case 'h':
			fputs(help, stdout);
			return finish_output(CTL_OK);
		default:
			return say_usage("kexec");
		}
	}
	if (optind < argc) {
		say("kexec takes no argument: '%s'", argv[optind]);
		return say_usage("kexec");
	}
	if (want_stage && dry) {
		say("--stage changes what is staged, --dry-run changes nothing: give one of them");
		return say_usage("kexec");
	}

	if (want_stage) {
		status = stage();
		if (status)
			return status;
	}

	problems = json_object_new_array();
	daemon_read(&daemon);

	if ((dry || want_stage) && daemon.running) {
		print_staged(&daemon);
		print_checks(&daemon);
	}
	if (kexec_problems(&daemon, kexec_loaded(), problems)) {
		say("%sa kexec now could lose the pool:", dry || want_stage ? "" : "refused: ");
		print_lines(stderr, "  ", problems);
		status = CTL_UNSAFE;
	}

	daemon_free(&daemon);
	json_object_put(problems);
	if (status || dry || want_stage)
		return finish_output(status);
	return go();
}
