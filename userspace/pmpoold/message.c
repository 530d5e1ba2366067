// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: messages
 *
 * What the daemon knows, in the types of the bus. Where more may have to be said
 * one day it is a{sv}. The bus has no null: a string that is not known is empty,
 * a number is 0, and a boolean is left out.
 */
#include <systemd/sd-bus.h>

#include "daemon.h"
#include "message.h"

const char *or_empty(const char *s)
{
	return s ? s : "";
}

int append_strings(sd_bus_message *m, const struct strlist *list)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = sd_bus_message_append(m, "s", list->v[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_checks(sd_bus_message *m, const struct staged *staged)
{
	int r = sd_bus_message_open_container(m, 'a', "(sbs)");

	for (size_t i = 0; r >= 0 && i < staged->n; i++)
		r = sd_bus_message_append(m, "(sbs)", staged->checks[i].name,
					  staged->checks[i].ok, staged->checks[i].text);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* An entry of a{sv} whose value has a type of its own; two containers. */
static int open_entry(sd_bus_message *m, const char *key, const char *type)
{
	int r = sd_bus_message_open_container(m, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", key);
	return r < 0 ? r : sd_bus_message_open_container(m, 'v', type);
}

static int close_entry(sd_bus_message *m)
{
	int r = sd_bus_message_close_container(m);

	return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_extent(sd_bus_message *m, const struct catalog_extent *e)
{
	char uuid[UUID_STRING_SIZE];
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}",
					  "Name", "s", e->name,
					  "UUID", "s", uuid_string(e->uuid, uuid),
					  "Id", "t", e->id,
					  "Offset", "t", e->offset,
					  "Size", "t", e->size,
					  "UID", "u", e->uid,
					  "GID", "u", e->gid,
					  "Mode", "u", e->mode,
					  "Generation", "t", e->generation);
	if (r >= 0)
		r = open_entry(m, "Tag", "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', e->tag, sizeof(e->tag));
	if (r >= 0)
		r = close_entry(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_verdict(sd_bus_message *m, const struct staged *staged)
{
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}",
					  "Safe", "b", staged->ok,
					  "Kernel", "s", or_empty(staged->kernel),
					  "Release", "s", or_empty(staged->release),
					  "Initrd", "s", or_empty(staged->initrd),
					  "CommandLine", "s", or_empty(staged->cmdline));
	if (r >= 0)
		r = open_entry(m, "Reasons", "as");
	if (r >= 0)
		r = append_strings(m, &staged->reasons);
	if (r >= 0)
		r = close_entry(m);
	if (r >= 0)
		r = open_entry(m, "Losses", "as");
	if (r >= 0)
		r = append_strings(m, &staged->losses);
	if (r >= 0)
		r = close_entry(m);
	if (r >= 0)
		r = open_entry(m, "Checks", "a(sbs)");
	if (r >= 0)
		r = append_checks(m, staged);
	if (r >= 0)
		r = close_entry(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Microseconds since the epoch, as elsewhere on the bus. */
static uint64_t usec(uint64_t nanoseconds)
{
	return nanoseconds / 1000;
}

static int append_came(sd_bus_message *m, const struct handover_extent *x)
{
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}",
					  "Name", "s", x->name,
					  "Verdict", "s", x->verdict,
					  "Missing", "b", x->missing,
					  "Size", "t", x->bytes,
					  "FirstOpen", "t", usec(x->first_open));
	if (r >= 0 && x->clean >= 0)
		r = sd_bus_message_append(m, "{sv}", "WasClean", "b", x->clean);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int append_handover(sd_bus_message *m, const struct handover *h)
{
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}{sv}",
					  "LetGo", "t", usec(h->let_go),
					  "Attached", "t", usec(h->attached),
					  "Ready", "t", usec(h->ready));
	if (r >= 0)
		r = open_entry(m, "Extents", "aa{sv}");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && i < h->n; i++)
		r = append_came(m, &h->extents[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = close_entry(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int reply_verdict(sd_bus_message *call, const struct staged *staged)
{
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0)
		r = append_verdict(reply, staged);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}
