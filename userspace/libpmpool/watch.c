// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hearing of the pool and its extents as they come, change and go.
 *
 * udev passes the kernel's events on when it is done with a device, so that what
 * is told has its node, with owner and mode. A watch listens first and looks at
 * what is there afterwards, so nothing is missed in between; and it remembers
 * what it told, so that nothing is told twice, and that events which did not fit
 * into the socket's buffer cost another look and nothing else.
 *
 * This file is all that needs libudev: programs that are linked statically, for
 * which there is no libudev, can have everything else.
 */
#include <errno.h>
#include <libudev.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

struct pmpool_event {
	STAILQ_ENTRY(pmpool_event) next;
	enum pmpool_action action;
	char name[PMPOOL_NAME_SIZE];	/* "" for the pool */
};

/* A device that was told to be there. */
struct known {
	char name[PMPOOL_NAME_SIZE];	/* "" for the pool */
	uint64_t id;			/* of the pool: its generation; 0: not known */
	bool seen;			/* by the survey that is under way */
};

struct pmpool_watch {
	struct udev *udev;
	struct udev_monitor *monitor;
	int epoll;			/* readable when one of these is: the monitor */
	int pending;			/* and an eventfd, which is while the next two say so */
	bool survey;			/* look at all that is there, before anything else */
	STAILQ_HEAD(, pmpool_event) queue;
	struct known *known;
	size_t n_known;
	size_t max_known;
};

/*
 * Time
 */

/* In milliseconds; -1: never. */
static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t deadline_after(int timeout)
{
	return timeout < 0 ? -1 : now() + timeout;
}

/* Until fd is readable or the time is over. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int timeout = -1;
	int ret;

	if (deadline >= 0) {
		int64_t left = deadline - now();

		timeout = left > 0 ? (int)left : 0;
	}

	ret = poll(&pollfd, 1, timeout);
	if (ret < 0)
		return -errno;
	return ret ? 0 : -ETIMEDOUT;
}

static void drain(struct pmpool_watch *watch)
{
	/* Until there is nothing, for an error may stand before more events. */
	while (!wait_readable(udev_monitor_get_fd(watch->monitor), 0))
		udev_device_unref(udev_monitor_receive_device(watch->monitor));
}

/*
 * Devices
 */

static bool is_pool(struct udev_device *device)
{
	return strcmp(udev_device_get_sysname(device), "pmpool") == 0 &&
	       strcmp(udev_device_get_subsystem(device), "misc") == 0;
}

static bool is_extent(struct udev_device *device)
{
	return strcmp(udev_device_get_subsystem(device), "pmpool") == 0 &&
	       pmpool_name_valid(udev_device_get_sysname(device));
}

/* What struct known holds of a device. False: it is none of ours. */
static bool identify(struct udev_device *device, struct known *this)
{
	const char *name, *id;

	/* A device without a subsystem would be none of ours. */
	if (!udev_device_get_subsystem(device))
		return false;

	if (is_pool(device)) {
		name = "";
		id = udev_device_get_sysattr_value(device, "generation");
	} else if (is_extent(device)) {
		name = udev_device_get_sysname(device);
		id = udev_device_get_sysattr_value(device, "id");
	} else {
		return false;
	}

	*this = (struct known){ .seen = true };
	strcpy(this->name, name);
	/* It may be gone already; that it is will be told next. */
	this->id = id ? strtoull(id, NULL, 10) : 0;
	return true;
}

/*
 * What is known, and what is to be told
 */

static struct known *find(struct pmpool_watch *watch, const char *name)
{
	size_t i;

	for (i = 0; i < watch->n_known; i++)
		if (strcmp(watch->known[i].name, name) == 0)
			return &watch->known[i];
	return NULL;
}

static int tell(struct pmpool_watch *watch, enum pmpool_action action, const char *name)
{
	struct pmpool_event *event;

	event = malloc(sizeof(*event));
	if (!event)
		return -ENOMEM;

	event->action = action;
	strcpy(event->name, name);
	STAILQ_INSERT_TAIL(&watch->queue, event, next);
	return 0;
}

static int added(struct pmpool_watch *watch, const struct known *this)
{
	int ret;

	if (watch->n_known == watch->max_known) {
		size_t max = watch->max_known ? 2 * watch->max_known : 16;
		struct known *more = reallocarray(watch->known, max, sizeof(*more));

		if (!more)
			return -ENOMEM;
		watch->known = more;
		watch->max_known = max;
	}

	ret = tell(watch, PMPOOL_ADDED, this->name);
	if (ret)
		return ret;

	watch->known[watch->n_known++] = *this;
	return 0;
}

/* this is one of watch->known. */
static int removed(struct pmpool_watch *watch, struct known *this)
{
	int ret;

	ret = tell(watch, PMPOOL_REMOVED, this->name);
	if (ret)
		return ret;

	watch->n_known--;
	memmove(this, this + 1, (size_t)(watch->known + watch->n_known - this) * sizeof(*this));
	return 0;
}

/* A device is there, and may not be what it was. */
static int present(struct pmpool_watch *watch, const struct known *this)
{
	struct known *known = find(watch, this->name);
	int ret;

	if (known && (known->id == this->id || !this->id)) {
		known->seen = true;
		return tell(watch, PMPOOL_CHANGED, this->name);
	}
	if (known) {
		ret = removed(watch, known);
		if (ret)
			return ret;
	}
	return added(watch, this);
}

/* Look at all that udev has done with. What it has not yet will be an event. */
static int enumerate(struct pmpool_watch *watch)
{
	struct udev_enumerate *enumerate;
	struct udev_list_entry *entry;
	int ret;

	enumerate = udev_enumerate_new(watch->udev);
	if (!enumerate)
		return -errno;

	ret = udev_enumerate_add_match_subsystem(enumerate, "misc");
	if (ret >= 0)
		ret = udev_enumerate_add_match_subsystem(enumerate, "pmpool");
	if (ret >= 0)
		ret = udev_enumerate_add_match_is_initialized(enumerate);
	if (ret >= 0)
		ret = udev_enumerate_scan_devices(enumerate);
	if (ret < 0)
		goto unref_enumerate;

	ret = 0;
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerate)) {
		const char *path = udev_list_entry_get_name(entry);
		struct udev_device *device = udev_device_new_from_syspath(watch->udev, path);
		struct known this;

		/* It may have gone in the meantime. */
		if (device && identify(device, &this))
			ret = present(watch, &this);
		udev_device_unref(device);
		if (ret)
			break;
	}

unref_enumerate:
	udev_enumerate_unref(enumerate);
	return ret;
}

static int survey(struct pmpool_watch *watch)
{
	size_t i;
	int ret;

	/*
	 * What waits is older than what will be seen now: an extent's removal
	 * must not be told when the news that it is back did not fit in.
	 */
	drain(watch);

	for (i = 0; i < watch->n_known; i++)
		watch->known[i].seen = false;

	ret = enumerate(watch);

	/* Backwards: the pool goes after its extents. */
	for (i = watch->n_known; !ret && i-- > 0; )
		if (!watch->known[i].seen)
			ret = removed(watch, &watch->known[i]);

	return ret;
}

static int hear(struct pmpool_watch *watch, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	struct known *known;
	struct known this;

	if (!identify(device, &this))
		return 0;

	if (!action || strcmp(action, "remove") != 0)
		return present(watch, &this);

	known = find(watch, this.name);
	return known ? removed(watch, known) : 0;
}

/* Until there is something to tell, or nothing more to hear. */
static int gather(struct pmpool_watch *watch)
{
	int ret = 0;

	while (!ret && STAILQ_EMPTY(&watch->queue)) {
		struct udev_device *device;

		if (watch->survey) {
			ret = survey(watch);
			watch->survey = ret;
			continue;
		}

		errno = 0;
		device = udev_monitor_receive_device(watch->monitor);
		if (device) {
			ret = hear(watch, device);
			udev_device_unref(device);
		} else if (errno != ENOBUFS) {
			break;
		}
		/* Events were lost, by the socket or here. */
		watch->survey = ret || !device;
	}
	return ret;
}

/* Make the descriptor readable when there is something that is not in the socket. */
static void set_pending(struct pmpool_watch *watch)
{
	eventfd_t value;

	if (watch->survey || !STAILQ_EMPTY(&watch->queue))
		eventfd_write(watch->pending, 1);
	else
		eventfd_read(watch->pending, &value);
}

/*
 * The watch
 */

static int add_to_epoll(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int listen_to_udev(struct pmpool_watch *watch)
{
	int ret;

	/* Without udev a monitor hears nothing, and libudev does not say so. */
	if (access("/run/udev/control", F_OK) < 0)
		return -EOPNOTSUPP;

	watch->udev = udev_new();
	if (!watch->udev)
		return -errno;
	watch->monitor = udev_monitor_new_from_netlink(watch->udev, "udev");
	if (!watch->monitor)
		return -errno;

	ret = udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "misc", NULL);
	if (ret >= 0)
		ret = udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "pmpool",
								      NULL);
	if (ret >= 0)
		ret = udev_monitor_enable_receiving(watch->monitor);
	return ret < 0 ? ret : 0;
}

PMPOOL_API int pmpool_watch_new(struct pmpool_watch **watch)
{
	struct pmpool_watch *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	STAILQ_INIT(&new->queue);
	new->survey = true;
	new->pending = -1;
	new->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (new->epoll < 0) {
		ret = -errno;
		goto free_new;
	}
	new->pending = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (new->pending < 0) {
		ret = -errno;
		goto free_new;
	}

	ret = listen_to_udev(new);
	if (!ret)
		ret = add_to_epoll(new->epoll, new->pending);
	if (!ret)
		ret = add_to_epoll(new->epoll, udev_monitor_get_fd(new->monitor));
	if (ret)
		goto free_new;

	*watch = new;
	return 0;

free_new:
	pmpool_watch_free(new);
	return ret;
}

PMPOOL_API void pmpool_watch_free(struct pmpool_watch *watch)
{
	struct pmpool_event *event;

	if (!watch)
		return;

	while ((event = STAILQ_FIRST(&watch->queue))) {
		STAILQ_REMOVE_HEAD(&watch->queue, next);
		free(event);
	}
	free(watch->known);
	udev_monitor_unref(watch->monitor);
	udev_unref(watch->udev);
	if (watch->pending >= 0)
		close(watch->pending);
	if (watch->epoll >= 0)
		close(watch->epoll);
	free(watch);
}

PMPOOL_API int pmpool_watch_fd(const struct pmpool_watch *watch)
{
	return watch->epoll;
}

PMPOOL_API int pmpool_watch_next(struct pmpool_watch *watch, int timeout,
				 struct pmpool_event **event)
{
	int64_t deadline = deadline_after(timeout);
	int ret;

	do {
		ret = gather(watch);
		if (!ret && !STAILQ_EMPTY(&watch->queue)) {
			*event = STAILQ_FIRST(&watch->queue);
			STAILQ_REMOVE_HEAD(&watch->queue, next);
			set_pending(watch);
			return 0;
		}
		set_pending(watch);
		if (!ret)
			ret = wait_readable(watch->epoll, deadline);
	} while (!ret);
	return ret;
}

PMPOOL_API void pmpool_event_free(struct pmpool_event *event)
{
	free(event);
}

PMPOOL_API enum pmpool_action pmpool_event_action(const struct pmpool_event *event)
{
	return event->action;
}

PMPOOL_API const char *pmpool_event_name(const struct pmpool_event *event)
{
	return *event->name ? event->name : NULL;
}

static bool is_ready(struct pmpool_watch *watch, const char *name)
{
	struct udev_device *device;
	bool ready;

	device = udev_device_new_from_subsystem_sysname(watch->udev, "pmpool", name);
	ready = device && udev_device_get_is_initialized(device);
	udev_device_unref(device);
	return ready;
}

PMPOOL_API int pmpool_extent_wait(const char *name, int timeout)
{
	int64_t deadline = deadline_after(timeout);
	struct pmpool_watch *watch;
	int ret;

	if (!pmpool_name_valid(name))
		return -EINVAL;

	ret = pmpool_watch_new(&watch);
	if (ret)
		return ret;

	/* Whatever an event is about, even that some were lost: look again. */
	while (!ret && !is_ready(watch, name)) {
		ret = wait_readable(udev_monitor_get_fd(watch->monitor), deadline);
		drain(watch);
	}
	pmpool_watch_free(watch);
	return ret;
}
