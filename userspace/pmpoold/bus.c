// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the bus
 *
 * The daemon does all its work without a bus: it is there before one is, and
 * goes on when the bus is restarted.
 */
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "bus.h"
#include "daemon.h"
#include "log.h"
#include "manager.h"
#include "message.h"

#define BUS_NAME	"org.pmpool1"
#define SYSTEM_BUS	"unix:path=/run/dbus/system_bus_socket"
#define LOCAL		"org.freedesktop.DBus.Local"

/* After the bus has gone away; its socket may be there all the time. */
#define RECONNECT_USEC	1000000ULL

struct bus {
	struct daemon *d;
	sd_bus *bus;			/* NULL: none now */
	sd_event_source *reconnect;
};

static int on_name(sd_bus_message *answer, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);

	(void)userdata;
	(void)unused;
	if (error)
		log_err("the bus does not give the name " BUS_NAME " to pmpoold: %s: is " BUS_NAME
			".conf installed in /usr/share/dbus-1/system.d, and no other pmpoold running?",
			or_empty(error->message));
	else
		log_info("on the bus as " BUS_NAME);
	return 0;
}

static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	int r = sd_bus_request_name_async(sd_bus_message_get_bus(m), NULL, BUS_NAME, 0, on_name,
					  NULL);

	(void)userdata;
	(void)unused;
	if (r < 0)
		log_err("the bus cannot be asked for the name " BUS_NAME ": %s", strerror(-r));
	return 0;
}

static void bus_connect(struct bus *b);

static int on_reconnect(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct bus *b = userdata;

	(void)s;
	(void)usec;
	b->reconnect = sd_event_source_disable_unref(b->reconnect);
	b->bus = sd_bus_close_unref(b->bus);
	bus_connect(b);
	return 0;
}

static void reconnect_later(struct bus *b)
{
	int r;

	b->reconnect = sd_event_source_disable_unref(b->reconnect);
	r = sd_event_add_time_relative(b->d->event, &b->reconnect, CLOCK_MONOTONIC, RECONNECT_USEC,
				       0, on_reconnect, b);
	if (r < 0)
		log_err("not on the bus any more: %s: run systemctl restart pmpoold", strerror(-r));
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	(void)m;
	(void)unused;
	log_info("the bus has gone away: waiting for the next one");
	reconnect_later(userdata);
	return 0;
}

/* Begin to be on the bus: its socket need not be there yet. */
static int bus_open(struct bus *b)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	r = sd_bus_new(&b->bus);
	if (r >= 0)
		r = sd_bus_set_address(b->bus, address ? address : SYSTEM_BUS);
	if (r >= 0)
		r = sd_bus_set_bus_client(b->bus, true);
	if (r >= 0)
		r = sd_bus_set_watch_bind(b->bus, true);
	if (r >= 0)
		r = sd_bus_set_connected_signal(b->bus, true);
	if (r >= 0)
		r = manager_add(b->bus, b->d);
	if (r >= 0)
		r = sd_bus_start(b->bus);
	if (r >= 0)
		r = sd_bus_match_signal_async(b->bus, NULL, LOCAL, NULL, LOCAL, "Connected",
					      on_connected, NULL, b);
	if (r >= 0)
		r = sd_bus_match_signal_async(b->bus, NULL, LOCAL, NULL, LOCAL, "Disconnected",
					      on_disconnected, NULL, b);
	if (r >= 0)
		r = sd_bus_attach_event(b->bus, b->d->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static void bus_connect(struct bus *b)
{
	int r = bus_open(b);

	if (r >= 0)
		return;
	log_err("the system bus cannot be reached: %s: pmpoold works without it", strerror(-r));
	b->bus = sd_bus_close_unref(b->bus);
}

struct bus *bus_new(struct daemon *d)
{
	struct bus *b = xalloc(sizeof(*b));

	b->d = d;
	bus_connect(b);
	return b;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	sd_event_source_disable_unref(b->reconnect);
	sd_bus_flush_close_unref(b->bus);
	free(b);
}

void bus_changed(struct bus *b, unsigned int what)
{
	/* Who comes to the bus after this reads the properties. */
	if (b && sd_bus_is_ready(b->bus) > 0)
		manager_changed(b->bus, b->d, what);
}
