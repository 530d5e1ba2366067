// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking pmpoold to do something: over the system bus, which knows who asks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "request.h"

#define BUS_NAME	"org.pmpool1"
#define BUS_PATH	"/org/pmpool1"
#define BUS_INTERFACE	"org.pmpool1.Manager"

#define ERROR_UNSAFE	BUS_NAME ".Error.Unsafe"
#define ERROR_NO_POOL	BUS_NAME ".Error.NoPool"

/* A kernel is read, perhaps from a slow disk, checked and loaded. */
#define TIMEOUT_USEC	(180 * UINT64_C(1000000))

static int append_string(sd_bus_message *m, const char *name, const char *value)
{
	return value ? sd_bus_message_append(m, "{sv}", name, "s", value) : 0;
}

static int append_flag(sd_bus_message *m, const char *name, bool value)
{
	return value ? sd_bus_message_append(m, "{sv}", name, "b", value) : 0;
}

static int append_request(sd_bus_message *m, const struct request *request)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = append_string(m, "Kernel", request->kernel);
	if (r >= 0)
		r = append_string(m, "Initrd", request->initrd);
	if (r >= 0)
		r = append_string(m, "Append", request->append);
	if (r >= 0)
		r = append_string(m, "CommandLine", request->cmdline);
	if (r >= 0)
		r = append_flag(m, "ReuseCommandLine", request->reuse);
	if (r >= 0)
		r = append_flag(m, "Force", request->force);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* A string of the verdict; "" is what the bus has for null. */
static int read_string(sd_bus_message *m, struct json_object *to, const char *key)
{
	const char *value;
	int r = sd_bus_message_read(m, "v", "s", &value);

	if (r >= 0)
		json_object_object_add(to, key, *value ? json_object_new_string(value) : NULL);
	return r;
}

static int read_strings(sd_bus_message *m, struct json_object *to, const char *key)
{
	struct json_object *array = json_object_new_array();
	const char *value;
	int r;

	json_object_object_add(to, key, array);
	r = sd_bus_message_enter_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(m, "s", &value)) > 0)
		json_object_array_add(array, json_object_new_string(value));
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_checks(sd_bus_message *m, struct json_object *to, const char *key)
{
	struct json_object *array = json_object_new_array();
	const char *name, *text;
	int passed;
	int r;

	json_object_object_add(to, key, array);
	r = sd_bus_message_enter_container(m, 'v', "a(sbs)");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "(sbs)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(sbs)", &name, &passed, &text)) > 0) {
		struct json_object *check = json_object_new_object();

		json_object_object_add(check, "name", json_object_new_string(name));
		json_object_object_add(check, "ok", json_object_new_boolean(passed));
		json_object_object_add(check, "text", json_object_new_string(text));
		json_object_array_add(array, check);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_flag(sd_bus_message *m, struct json_object *to, const char *key)
{
	int value;
	int r = sd_bus_message_read(m, "v", "b", &value);

	if (r >= 0)
		json_object_object_add(to, key, json_object_new_boolean(value));
	return r;
}

/* The verdict in the words of status.json. */
static const struct member {
	const char *name;
	const char *key;
	int (*read)(sd_bus_message *m, struct json_object *to, const char *key);
} members[] = {
	{ "Safe", "ok", read_flag },
	{ "Kernel", "kernel", read_string },
	{ "Release", "release", read_string },
	{ "Initrd", "initrd", read_string },
	{ "CommandLine", "cmdline", read_string },
	{ "Reasons", "reasons", read_strings },
	{ "Losses", "losses", read_strings },
	{ "Checks", "checks", read_checks },
};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static int read_member(sd_bus_message *m, struct json_object *staged)
{
	const char *name;
	size_t i;
	int r;

	r = sd_bus_message_read(m, "s", &name);
	if (r < 0)
		return r;
	for (i = 0; i < N_MEMBERS && strcmp(name, members[i].name) != 0; i++)
		;
	if (i < N_MEMBERS)
		return members[i].read(m, staged, members[i].key);
	/* A newer daemon may say more. */
	return sd_bus_message_skip(m, "v");
}

static int read_verdict(sd_bus_message *m, struct daemon_status *verdict)
{
	struct json_object *staged = json_object_new_object();
	struct json_object *checks;
	int r;

	*verdict = (struct daemon_status){ .json = json_object_new_object(), .running = true };
	json_object_object_add(verdict->json, "staged", staged);

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_member(m, staged);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (json_object_object_get_ex(staged, "checks", &checks)) {
		json_object_object_add(verdict->json, "checks", json_object_get(checks));
		json_object_object_del(staged, "checks");
	}
	return r;
}

/* Say what the error means. Returns an exit status. */
static int failed(const sd_bus_error *error, int err)
{
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
	    sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit")) {
		say("%s", DAEMON_NOT_RUNNING);
		return CTL_UNSAFE;
	}
	if (sd_bus_error_has_name(error, ERROR_UNSAFE)) {
		say("refused: %s", error->message);
		return CTL_UNSAFE;
	}
	say("pmpoold: %s", sd_bus_error_is_set(error) ? error->message : strerror(-err));
	if (sd_bus_error_has_name(error, ERROR_NO_POOL))
		return CTL_NO_POOL;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS))
		return CTL_USAGE;
	return CTL_FAILED;
}

/* With a request, a text, or neither. */
static int ask(const char *method, const struct request *request, const char *text,
	       struct daemon_status *verdict)
{
	sd_bus_message *call = NULL, *answer = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int status = CTL_OK;
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_open_system(&bus);
	if (r < 0) {
		say("the system bus cannot be reached: %s: is dbus running? pmpoold is asked over it",
		    strerror(-r));
		return CTL_UNSAFE;
	}

	r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE, method);
	if (r >= 0 && request)
		r = append_request(call, request);
	if (r >= 0 && text)
		r = sd_bus_message_append(call, "s", text);
	if (r >= 0)
		r = sd_bus_call(bus, call, TIMEOUT_USEC, &error, &answer);
	if (r >= 0 && verdict) {
		r = read_verdict(answer, verdict);
		if (r < 0)
			daemon_free(verdict);
	}
	if (r < 0)
		status = failed(&error, r);

	sd_bus_error_free(&error);
	sd_bus_message_unref(answer);
	sd_bus_message_unref(call);
	sd_bus_flush_close_unref(bus);
	return status;
}

int ask_daemon(const char *method, const struct request *request, struct daemon_status *verdict)
{
	return ask(method, request, NULL, verdict);
}

int tell_daemon(const char *method, const char *text)
{
	return ask(method, NULL, text, NULL);
}
