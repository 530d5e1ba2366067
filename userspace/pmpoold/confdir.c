// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: directories of configuration
 *
 * What packages install lies in /usr/lib; the administrator replaces a file by
 * one of its name in /etc, or masks it by a link to /dev/null there, which reads
 * as empty.
 *
 * They are watched, so that what an administrator writes holds at once. Files are
 * looked at when they are closed or renamed, not when they are created: then they
 * may be half written.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "confdir.h"
#include "log.h"

/* Several files written at once are one change. */
#define SETTLE_USEC (200 * 1000ULL)

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return *name != '.' && len > 5 && !strcmp(name + len - 5, ".conf");
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

void confdir_list(const char *const *dirs, struct strlist *paths, struct strlist *problems)
{
	for (; *dirs; dirs++) {
		size_t before = paths->n;
		struct dirent *entry;
		DIR *dir;

		dir = opendir(*dirs);
		if (!dir) {
			if (errno != ENOENT)
				strlist_add(problems, "%s cannot be read: %s", *dirs,
					    strerror(errno));
			continue;
		}
		while ((entry = readdir(dir))) {
			bool taken = false;

			for (size_t i = 0; i < before && !taken; i++)
				taken = !strcmp(base_name(paths->v[i]), entry->d_name);
			if (is_conf(entry->d_name) && !taken)
				strlist_add(paths, "%s/%s", *dirs, entry->d_name);
		}
		closedir(dir);
	}
	if (paths->n)
		qsort(paths->v, paths->n, sizeof(*paths->v), by_name);
}

/*
 * Watching.
 */

#define DIRS_MAX 8

struct confdir {
	sd_event *event;
	const char *const *dirs;
	sd_event_source *watches[DIRS_MAX];
	char *found[DIRS_MAX];		/* what is watched: the directory, or the last one above it */
	sd_event_source *settled;
	void (*changed)(void *userdata);
	void *userdata;
};

/* A file that is created is written next, but for a link. */
static bool is_complete(const char *dir, const char *name)
{
	char *path = xprintf("%s/%s", dir, name);
	struct stat st;
	bool complete = !lstat(path, &st) && !(S_ISREG(st.st_mode) && st.st_nlink == 1);

	free(path);
	return complete;
}

static void watch_all(struct confdir *c);

static int on_settled(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct confdir *c = userdata;

	(void)s;
	(void)usec;
	/* First watch, then look: what comes in between is seen. */
	watch_all(c);
	c->changed(c->userdata);
	return 0;
}

static int on_event(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
	struct confdir *c = userdata;
	size_t i = 0;

	while (c->dirs[i] && c->watches[i] != s)
		i++;
	if (!c->dirs[i])
		return 0;
	if (event->len && !(event->mask & IN_Q_OVERFLOW)) {
		const char *below = c->dirs[i] + strlen(c->found[i]);
		size_t len;

		if (!*below) {
			if (!is_conf(event->name))
				return 0;
			if (event->mask & IN_CREATE && !is_complete(c->found[i], event->name))
				return 0;
		} else {
			below += strspn(below, "/");
			len = strcspn(below, "/");
			if (strncmp(event->name, below, len) || event->name[len])
				return 0;
		}
	}
	c->settled = sd_event_source_disable_unref(c->settled);
	return sd_event_add_time_relative(c->event, &c->settled, CLOCK_MONOTONIC, SETTLE_USEC, 0,
					  on_settled, c);
}

/* The directory, or when there is none yet, the one in which it will appear. */
static void watch_one(struct confdir *c, size_t i)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
			      IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	char *path = xstrdup(c->dirs[i]), *end;
	int r;

	c->watches[i] = sd_event_source_disable_unref(c->watches[i]);
	free(c->found[i]);
	c->found[i] = path;
	for (;;) {
		r = sd_event_add_inotify(c->event, &c->watches[i], path, mask, on_event, c);
		if ((r != -ENOENT && r != -ENOTDIR) || !path[1])
			break;
		end = strrchr(path, '/');
		/* What is left of "/a" is "/". */
		end[end == path] = '\0';
	}
	if (r < 0)
		log_warning("%s cannot be watched: %s: systemctl reload pmpoold after changes there",
			    path, strerror(-r));
}

static void watch_all(struct confdir *c)
{
	for (size_t i = 0; c->dirs[i]; i++)
		watch_one(c, i);
}

struct confdir *confdir_watch(sd_event *event, const char *const *dirs,
			      void (*changed)(void *userdata), void *userdata)
{
	struct confdir *c = xalloc(sizeof(*c));

	c->event = event;
	c->dirs = dirs;
	c->changed = changed;
	c->userdata = userdata;
	watch_all(c);
	return c;
}

void confdir_free(struct confdir *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < DIRS_MAX; i++) {
		sd_event_source_disable_unref(c->watches[i]);
		free(c->found[i]);
	}
	sd_event_source_disable_unref(c->settled);
	free(c);
}
