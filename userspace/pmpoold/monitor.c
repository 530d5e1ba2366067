// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the devices
 *
 * Events only say that something has happened; what the pool holds is asked
 * from the driver afterwards. So a burst of events costs one look, and a lost
 * event nothing: an overrun of the socket is an event as well.
 */
#include <errno.h>
#include <libudev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "monitor.h"
#include "strlist.h"

struct monitor {
	struct udev *udev;
	struct udev_monitor *udev_monitor;
	sd_event_source *io;
	sd_event_source *settled;	/* runs when no more events are waiting */
	void (*changed)(void *userdata);
	void *userdata;
};

static bool is_ours(struct udev_device *device)
{
	const char *subsystem = udev_device_get_subsystem(device);

	if (!subsystem)
		return false;
	return !strcmp(subsystem, "pmpool") ||
	       (!strcmp(subsystem, "misc") && !strcmp(udev_device_get_sysname(device), "pmpool"));
}

static int on_settled(sd_event_source *s, void *userdata)
{
	struct monitor *m = userdata;

	(void)s;
	m->changed(m->userdata);
	return 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct monitor *m = userdata;
	bool changed = false;

	(void)s;
	(void)fd;
	(void)revents;
	for (;;) {
		struct udev_device *device;

		errno = 0;
		device = udev_monitor_receive_device(m->udev_monitor);
		if (!device) {
			if (errno == ENOBUFS) {
				changed = true;
				continue;
			}
			break;
		}
		if (is_ours(device))
			changed = true;
		udev_device_unref(device);
	}
	if (changed)
		sd_event_source_set_enabled(m->settled, SD_EVENT_ONESHOT);
	return 0;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	sd_event_source_unref(m->settled);
	sd_event_source_unref(m->io);
	udev_monitor_unref(m->udev_monitor);
	udev_unref(m->udev);
	free(m);
}

int monitor_new(sd_event *event, void (*changed)(void *userdata), void *userdata,
		struct monitor **monitor)
{
	struct monitor *m = xalloc(sizeof(*m));
	int r = -ENOMEM;

	m->changed = changed;
	m->userdata = userdata;
	m->udev = udev_new();
	if (m->udev)
		m->udev_monitor = udev_monitor_new_from_netlink(m->udev, "udev");
	if (!m->udev_monitor)
		goto fail;
	r = udev_monitor_filter_add_match_subsystem_devtype(m->udev_monitor, "misc", NULL);
	if (r >= 0)
		r = udev_monitor_filter_add_match_subsystem_devtype(m->udev_monitor, "pmpool", NULL);
	if (r >= 0)
		r = udev_monitor_enable_receiving(m->udev_monitor);
	if (r < 0)
		goto fail;
	r = sd_event_add_io(event, &m->io, udev_monitor_get_fd(m->udev_monitor), EPOLLIN,
			    on_io, m);
	if (r >= 0)
		r = sd_event_add_defer(event, &m->settled, on_settled, m);
	if (r >= 0)
		r = sd_event_source_set_enabled(m->settled, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(m->settled, SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		goto fail;
	*monitor = m;
	return 0;

fail:
	log_err("cannot follow the devices by udev: %s", strerror(-r));
	monitor_free(m);
	return r;
}
