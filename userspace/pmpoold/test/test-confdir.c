// SPDX-License-Identifier: GPL-2.0-only
/* Directories of configuration: which file counts, and when it changes. */
#include <errno.h>
#include <unistd.h>

#include "confdir.h"
#include "files.h"
#include "tap.h"

static const char *dirs[4];

/* The list, with spaces between, without the top directory. */
static char *list(void)
{
	struct strlist paths = { 0 }, problems = { 0 }, names = { 0 };
	char *all;

	confdir_list(dirs, &paths, &problems);
	for (size_t i = 0; i < paths.n; i++)
		strlist_add(&names, "%s", paths.v[i] + strlen(top) + 1);
	strlist_copy(&names, &problems);
	all = strlist_join(&names, " ");
	strlist_clear(&paths);
	strlist_clear(&problems);
	strlist_clear(&names);
	return all;
}

static void lists(const char *want, const char *what)
{
	char *is = list();

	ok(!strcmp(is, want), "%s: %s", what, is);
	free(is);
}

static void test_order(void)
{
	char *link = below("etc/x.d/20-b.conf");
	char *dir = below("run/x.d");

	lists("", "there need not be any");
	put("lib/x.d/30-c.conf", "");
	put("lib/x.d/10-a.conf", "");
	lists("lib/x.d/10-a.conf lib/x.d/30-c.conf", "by name");
	put("lib/x.d/20-b.conf", "");
	put("run/x.d/15-z.conf", "");
	lists("lib/x.d/10-a.conf run/x.d/15-z.conf lib/x.d/20-b.conf lib/x.d/30-c.conf",
	      "by name over all directories");
	put("run/x.d/10-a.conf", "");
	put("etc/x.d/30-c.conf", "");
	put("run/x.d/30-c.conf", "");
	lists("run/x.d/10-a.conf run/x.d/15-z.conf lib/x.d/20-b.conf etc/x.d/30-c.conf",
	      "the first directory counts");
	if (symlink("/dev/null", link))
		abort();
	lists("run/x.d/10-a.conf run/x.d/15-z.conf etc/x.d/20-b.conf etc/x.d/30-c.conf",
	      "a link to /dev/null is in the place of the file that it masks");
	put("etc/x.d/.hidden.conf", "");
	put("etc/x.d/a.conf~", "");
	put("etc/x.d/a.conf.dpkg-old", "");
	put("etc/x.d/.conf", "");
	lists("run/x.d/10-a.conf run/x.d/15-z.conf etc/x.d/20-b.conf etc/x.d/30-c.conf",
	      "what does not end in .conf, and hidden files, do not count");
	free(link);
	free(dir);
}

/*
 * Watching.
 */

static sd_event *event;
static int changes;

static void on_change(void *userdata)
{
	(void)userdata;
	changes++;
}

/* Whether changed is called within some seconds; or is not, after something else was. */
static bool changed(void)
{
	int before = changes;

	while (changes == before) {
		if (sd_event_run(event, 10 * 1000000) <= 0)
			return false;
	}
	return true;
}

static void test_watch(void)
{
	char *path = below("etc/x.d/new.conf"), *gone = below("etc/x.d"), *moved = below("etc/y.d");
	struct confdir *watch;
	FILE *f;

	if (sd_event_new(&event) < 0)
		abort();
	watch = confdir_watch(event, dirs, on_change, NULL);
	put("etc/x.d/new.conf", "a");
	ok(changed(), "a new file");
	unlink(path);
	ok(changed(), "a file removed");
	if (symlink("/dev/null", path))
		abort();
	ok(changed(), "a link");
	unlink(path);
	changed();

	f = fopen(path, "w");
	if (!f)
		abort();
	/* Half a file must not count: of two events, the one that counts is the second's. */
	while (sd_event_run(event, 300000) > 0)
		;
	ok(changes == 4, "not while a file is written");
	fputs("a", f);
	fclose(f);
	ok(changed(), "but then");
	put("etc/x.d/other", "a");
	while (sd_event_run(event, 300000) > 0)
		;
	ok(changes == 5, "not for another file");

	if (rename(gone, moved))
		abort();
	ok(changed(), "a directory is gone");
	if (rename(moved, gone))
		abort();
	ok(changed(), "and comes back");
	put("etc/x.d/new.conf", "b");
	ok(changed(), "with what is in it");
	put("local/lib/x.d/late.conf", "");
	ok(changed(), "one that there was not, nor the directory above");
	put("local/lib/x.d/later.conf", "");
	ok(changed(), "which is watched from then on");
	confdir_free(watch);
	sd_event_unref(event);
	free(path);
	free(gone);
	free(moved);
}

int main(void)
{
	char *path[4];

	begin();
	path[0] = xprintf("%s/etc/x.d", top);
	path[1] = xprintf("%s/run/x.d", top);
	path[2] = xprintf("%s/lib/x.d", top);
	path[3] = xprintf("%s/local/lib/x.d", top);
	for (int i = 0; i < 3; i++)
		dirs[i] = path[i];
	test_order();
	dirs[1] = path[3];
	test_watch();
	end();
	for (int i = 0; i < 4; i++)
		free(path[i]);
	return done();
}
