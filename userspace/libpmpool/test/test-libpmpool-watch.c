// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watching and waiting, on a real pool and with a real udev. Run as root in a
 * guest whose pool has nothing else to do; creates and removes extents called
 * watch.*, no others. Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pmpool.h"
#include "tap.h"

#define BLOCK (2 << 20)
/* For what takes a moment. An emulated guest's moments can be long. */
#define SOON 600000
/* Extents whose events are too many for a small buffer. */
#define MANY 60

static struct pmpool *pool;

static void bail_out(const char *what, int ret)
{
	printf("Bail out! %s: %s\n", what, strerror(-ret));
	exit(EXIT_FAILURE);
}

static void must(int ret, const char *what)
{
	if (ret)
		bail_out(what, ret);
}

/* All that has happened is told by now. */
static void settle(void)
{
	must(system("udevadm settle") ? -EIO : 0, "udevadm settle");
}

static bool readable(struct pmpool_watch *watch, int timeout)
{
	struct pollfd fd = { .fd = pmpool_watch_fd(watch), .events = POLLIN };

	return poll(&fd, 1, timeout) == 1;
}

/* The next event is this one: name NULL is the pool. */
static bool next_is(struct pmpool_watch *watch, enum pmpool_action action, const char *name)
{
	struct pmpool_event *event;
	const char *got;
	bool same;
	int ret;

	ret = pmpool_watch_next(watch, SOON, &event);
	if (ret) {
		printf("# no event: %s\n", strerror(-ret));
		return false;
	}
	got = pmpool_event_name(event);
	same = pmpool_event_action(event) == action &&
	       (name ? got && !strcmp(got, name) : !got);
	if (!same)
		printf("# event %d of %s\n", pmpool_event_action(event), got ? got : "the pool");
	pmpool_event_free(event);
	return same;
}

/* The next two events are that one goes and the other comes, in either order. */
static bool next_two(struct pmpool_watch *watch, const char *goes, const char *comes)
{
	struct pmpool_event *event;
	bool gone = false, come = false;
	int i;

	for (i = 0; i < 2; i++) {
		if (pmpool_watch_next(watch, SOON, &event))
			return false;
		gone |= pmpool_event_action(event) == PMPOOL_REMOVED &&
			!strcmp(pmpool_event_name(event) ?: "", goes);
		come |= pmpool_event_action(event) == PMPOOL_ADDED &&
			!strcmp(pmpool_event_name(event) ?: "", comes);
		pmpool_event_free(event);
	}
	return gone && come;
}

static bool nothing_next(struct pmpool_watch *watch)
{
	struct pmpool_event *event;
	int ret = pmpool_watch_next(watch, 0, &event);

	if (!ret)
		pmpool_event_free(event);
	return ret == -ETIMEDOUT;
}

static mode_t node_mode(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 0777;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void test_events(void)
{
	struct pmpool_options *options;
	struct pmpool_change *change;
	struct pmpool_watch *watch;

	must(pmpool_create(pool, "watch.a", 1, NULL, NULL), "watch.a");
	must(pmpool_extent_wait("watch.a", SOON), "waiting for watch.a");

	ok(pmpool_watch_new(&watch) == 0, "a watch can be made");
	ok(readable(watch, 0), "there is something to tell at first");
	ok(next_is(watch, PMPOOL_ADDED, NULL), "that there is a pool");
	ok(next_is(watch, PMPOOL_ADDED, "watch.a"), "and an extent");
	ok(nothing_next(watch), "and nothing else");
	ok(!readable(watch, 0), "which the descriptor says as well");

	must(pmpool_options_new(&options), "options");
	pmpool_options_set_mode(options, 0640);
	must(pmpool_create(pool, "watch.b", 1, options, NULL), "watch.b");
	pmpool_options_free(options);
	ok(readable(watch, SOON), "the descriptor tells of a new extent");
	ok(next_is(watch, PMPOOL_ADDED, "watch.b"), "and the watch which one it is");
	ok(node_mode(PMPOOL_EXTENT_DIR "/watch.b") == 0640, "its device has its mode by then");

	must(pmpool_change_new(&change), "change");
	pmpool_change_set_mode(change, 0604);
	must(pmpool_set(pool, "watch.b", change), "set");
	pmpool_change_free(change);
	ok(next_is(watch, PMPOOL_CHANGED, "watch.b"), "a change of the mode is told");
	ok(node_mode(PMPOOL_EXTENT_DIR "/watch.b") == 0604, "its device has it by then");
	must(pmpool_resize(pool, "watch.b", BLOCK + 1, NULL), "resize");
	ok(next_is(watch, PMPOOL_CHANGED, "watch.b"), "a change of the size is told");

	must(pmpool_rename(pool, "watch.b", "watch.c"), "rename");
	ok(next_two(watch, "watch.b", "watch.c"), "another name: the old one goes, the new one comes");
	must(pmpool_remove(pool, "watch.c"), "remove");
	ok(next_is(watch, PMPOOL_REMOVED, "watch.c"), "a removal is told");

	/* Events of a device that has gone already. */
	must(pmpool_create(pool, "watch.b", 1, NULL, NULL), "watch.b");
	must(pmpool_remove(pool, "watch.b"), "remove");
	settle();
	ok(next_is(watch, PMPOOL_ADDED, "watch.b") && next_is(watch, PMPOOL_REMOVED, "watch.b"),
	   "so is one that came and went");
	must(pmpool_create(pool, "watch.b", 1, NULL, NULL), "watch.b");
	ok(next_is(watch, PMPOOL_ADDED, "watch.b"), "it is back");
	must(pmpool_resize(pool, "watch.b", BLOCK + 1, NULL), "resize");
	must(pmpool_remove(pool, "watch.b"), "remove");
	settle();
	ok(next_is(watch, PMPOOL_CHANGED, "watch.b") && next_is(watch, PMPOOL_REMOVED, "watch.b"),
	   "and was changed before it went");
	ok(nothing_next(watch), "nothing is told twice");
	pmpool_watch_free(watch);
	pmpool_watch_free(NULL);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_timeouts(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval interval = {
		.it_value.tv_usec = 100000, .it_interval.tv_usec = 100000,
	};
	struct itimerval never = { 0 };
	struct pmpool_watch *watch;
	struct pmpool_event *event;
	int64_t start;
	int ret;

	must(pmpool_watch_new(&watch), "watch");
	while (!pmpool_watch_next(watch, 0, &event))
		pmpool_event_free(event);

	start = now();
	ret = pmpool_watch_next(watch, 300, &event);
	ok(ret == -ETIMEDOUT && now() - start >= 300, "a watch waits as long as it was told");
	ok(pmpool_extent_wait("watch.none", 0) == -ETIMEDOUT, "no extent of that name");
	start = now();
	ret = pmpool_extent_wait("watch.none", 300);
	ok(ret == -ETIMEDOUT && now() - start >= 300, "waiting for it takes as long");
	ok(pmpool_extent_wait("watch.a", 0) == 0, "one that is there needs no waiting");
	ok(pmpool_extent_wait("a/b", 0) == -EINVAL, "no extent can have a name with a slash");

	/* More than once: it may come before anything waits. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	ok(pmpool_watch_next(watch, -1, &event) == -EINTR, "a signal ends waiting for an event");
	ok(pmpool_extent_wait("watch.none", -1) == -EINTR, "and for an extent");
	setitimer(ITIMER_REAL, &never, NULL);
	pmpool_watch_free(watch);
}

static void *create_later(void *arg)
{
	struct timespec moment = { .tv_nsec = 300000000 };

	nanosleep(&moment, NULL);
	must(pmpool_create(arg, "watch.later", 1, NULL, NULL), "watch.later");
	return NULL;
}

static void test_wait(void)
{
	struct pmpool_extent *extent;
	pthread_t thread;

	must(-pthread_create(&thread, NULL, create_later, pool), "thread");
	ok(pmpool_extent_wait("watch.later", SOON) == 0, "an extent that comes ends waiting");
	ok(pmpool_extent_open("watch.later", O_RDWR, &extent) == 0, "and can be opened");
	pmpool_extent_close(extent);
	pthread_join(thread, NULL);
	must(pmpool_remove(pool, "watch.later"), "remove");
}

/*
 * Lost events. The watch is in a child that is nobody, for libudev gives root a
 * buffer for whatever may come.
 */

static void write_number(const char *path, unsigned int number)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%u\n", number) < 0 || fclose(file))
		bail_out(path, -errno);
}

static void token_to(int fd)
{
	if (write(fd, "x", 1) != 1)
		exit(EXIT_FAILURE);
}

static void token_from(int fd)
{
	char token;

	if (read(fd, &token, 1) != 1)
		exit(EXIT_FAILURE);
}

struct seen {
	bool pool, kept, again;
	bool many[MANY];
	bool kept_changed;	/* only a look at everything tells that */
	bool again_removed;
	bool wrong;		/* added twice, or removed what was not there */
};

static void note(struct seen *seen, const struct pmpool_event *event)
{
	enum pmpool_action action = pmpool_event_action(event);
	const char *name = pmpool_event_name(event);
	unsigned int number;
	bool *there;

	if (!name)
		there = &seen->pool;
	else if (!strcmp(name, "watch.a"))
		there = &seen->kept;
	else if (!strcmp(name, "watch.again"))
		there = &seen->again;
	else if (sscanf(name, "watch.%u", &number) == 1 && number < MANY)
		there = &seen->many[number];
	else
		return;

	if (there == &seen->kept && action == PMPOOL_CHANGED)
		seen->kept_changed = true;
	if (there == &seen->again && action == PMPOOL_REMOVED)
		seen->again_removed = true;
	if (*there == (action == PMPOOL_ADDED))
		seen->wrong = true;
	*there = action != PMPOOL_REMOVED;
}

static void note_all(struct pmpool_watch *watch, struct seen *seen)
{
	struct pmpool_event *event;

	while (!pmpool_watch_next(watch, 0, &event)) {
		note(seen, event);
		pmpool_event_free(event);
	}
}

/* What it finds out is its exit status: one bit for each thing that is wrong. */
static int watch_as_nobody(int ready, int go)
{
	struct pmpool_watch *watch;
	struct seen seen = { 0 };
	int status = 0;
	unsigned int i;

	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return 64;
	if (pmpool_watch_new(&watch))
		return 128;
	note_all(watch, &seen);
	if (!seen.pool || !seen.kept || !seen.again)
		status |= 1;
	token_to(ready);
	token_from(go);
	note_all(watch, &seen);
	pmpool_watch_free(watch);

	if (!seen.kept_changed)
		status |= 2;
	if (!seen.pool || !seen.kept || !seen.again)
		status |= 4;
	if (!seen.again_removed)
		status |= 8;
	for (i = 0; i < MANY; i++)
		if (seen.many[i] != (i % 2 == 1))
			status |= 16;
	if (seen.wrong)
		status |= 32;
	return status;
}

static void test_lost(void)
{
	int ready[2], go[2];
	unsigned int i;
	char name[20];
	int status;
	pid_t pid;

	must(pmpool_create(pool, "watch.again", 1, NULL, NULL), "watch.again");
	must(pmpool_extent_wait("watch.again", SOON), "waiting for watch.again");
	write_number("/proc/sys/net/core/rmem_default", 8192);
	write_number("/proc/sys/net/core/rmem_max", 8192);
	if (pipe(ready) || pipe(go))
		bail_out("pipe", -errno);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(watch_as_nobody(ready[1], go[0]));
	close(ready[1]);
	close(go[0]);

	token_from(ready[0]);
	write_number("/proc/sys/net/core/rmem_default", 212992);
	write_number("/proc/sys/net/core/rmem_max", 212992);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "watch.%u", i);
		must(pmpool_create(pool, name, 1, NULL, NULL), name);
	}
	must(pmpool_remove(pool, "watch.again"), "remove");
	must(pmpool_create(pool, "watch.again", 1, NULL, NULL), "watch.again");
	for (i = 0; i < MANY; i += 2) {
		snprintf(name, sizeof(name), "watch.%u", i);
		must(pmpool_remove(pool, name), name);
	}
	settle();
	token_to(go[1]);

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		bail_out("the watching child", -ECHILD);
	status = WEXITSTATUS(status);
	ok(!(status & 192), "nobody can watch");
	ok(!(status & 1), "and is told what is there");
	ok(!(status & 2), "events were lost, and so everything was looked at again");
	ok(!(status & 4), "what has stayed is there");
	ok(!(status & 8), "what is there again was told to have gone in between");
	ok(!(status & 16), "what has come or gone is told");
	ok(!(status & 32), "nothing is told out of order");

	for (i = 1; i < MANY; i += 2) {
		snprintf(name, sizeof(name), "watch.%u", i);
		must(pmpool_remove(pool, name), name);
	}
	must(pmpool_remove(pool, "watch.again"), "remove");
}

int main(void)
{
	must(pmpool_open(NULL, O_RDWR, &pool), PMPOOL_DEVICE);
	test_events();
	test_timeouts();
	test_wait();
	test_lost();
	must(pmpool_remove(pool, "watch.a"), "remove");
	pmpool_close(pool);
	return done();
}
