// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what is installed
 *
 * The hook of kernel packages has pmpoold reload at the end of an installation.
 * What changes without a package is seen here: an initrd that is made again, a
 * kernel that is copied, modules that DKMS has built. Each comes as a burst.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "installed.h"
#include "log.h"
#include "strlist.h"

#define BOOT		"/boot"
#define MODULES		"/lib/modules"
#define SETTLE_USEC	(3 * 1000000ULL)

#define CHANGES		(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)

struct installed {
	sd_event *event;
	sd_event_source *settled;
	void (*changed)(void *userdata);
	void *userdata;
};

static int on_settled(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct installed *in = userdata;

	(void)s;
	(void)usec;
	in->changed(in->userdata);
	return 0;
}

static int settle(struct installed *in)
{
	in->settled = sd_event_source_disable_unref(in->settled);
	return sd_event_add_time_relative(in->event, &in->settled, CLOCK_MONOTONIC, SETTLE_USEC, 0,
					  on_settled, in);
}

static int on_boot(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
	(void)s;
	if (event->mask & IN_Q_OVERFLOW ||
	    (event->len && (!strncmp(event->name, "vmlinuz", strlen("vmlinuz")) ||
			    !strncmp(event->name, "initrd", strlen("initrd")))))
		return settle(userdata);
	return 0;
}

static int on_release(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
	/* The directory is gone: so is what the loop holds of the watch. */
	if (event->mask & IN_IGNORED)
		sd_event_source_set_floating(s, false);
	/* The one in which a module is looked up. */
	if (event->mask & (IN_IGNORED | IN_Q_OVERFLOW) ||
	    (event->len && !strcmp(event->name, "modules.dep.bin")))
		return settle(userdata);
	return 0;
}

static void watch(struct installed *in, const char *path, uint32_t mask,
		  sd_event_inotify_handler_t handler)
{
	int r = sd_event_add_inotify(in->event, NULL, path, mask, handler, in);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		log_warning("%s cannot be watched: %s: systemctl reload pmpoold after changes there",
			    path, strerror(-r));
}

static int on_modules(sd_event_source *s, const struct inotify_event *event, void *userdata)
{
	struct installed *in = userdata;
	char *path;

	(void)s;
	if (!event->len || !(event->mask & (IN_CREATE | IN_MOVED_TO)))
		return 0;
	path = xprintf(MODULES "/%s", event->name);
	watch(in, path, CHANGES, on_release);
	free(path);
	/* What was there before the watch. */
	return settle(in);
}

struct installed *installed_watch(sd_event *event, void (*changed)(void *userdata),
				  void *userdata)
{
	struct installed *in = xalloc(sizeof(*in));
	glob_t found;

	in->event = event;
	in->changed = changed;
	in->userdata = userdata;
	watch(in, BOOT, CHANGES, on_boot);
	watch(in, MODULES, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, on_modules);
	if (!glob(MODULES "/*", GLOB_ONLYDIR, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			watch(in, found.gl_pathv[i], CHANGES, on_release);
		globfree(&found);
	}
	return in;
}

void installed_free(struct installed *in)
{
	if (!in)
		return;
	sd_event_source_disable_unref(in->settled);
	free(in);
}
