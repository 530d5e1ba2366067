// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pmpoold says about the next kernel.
 *
 * The daemon publishes what it found in a file that it replaces as a whole, so
 * one read gives one consistent answer, also when the daemon is busy or gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define STATUS_VERSION	1
/* Far more than a daemon writes; less than would hurt. */
#define STATUS_LIMIT	(16 << 20)

struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *member_text(struct json_object *object, const char *name, const char *otherwise)
{
	struct json_object *value = member(object, name, json_type_string);

	return value ? json_object_get_string(value) : otherwise;
}

static bool member_true(struct json_object *object, const char *name)
{
	return json_object_get_boolean(member(object, name, json_type_boolean));
}

static size_t array_length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

static void __attribute__((format(printf, 2, 3)))
problem(struct daemon_status *status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(status->problem, sizeof(status->problem), format, args);
	va_end(args);
}

/* Whether pid is a pmpoold: the number may have gone to somebody else. */
static bool is_daemon(int64_t pid)
{
	char path[64];
	char comm[32];
	bool same;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	f = fopen(path, "re");
	/* /proc may hide other users' processes. */
	if (!f)
		return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);

	same = fgets(comm, sizeof(comm), f) && strcmp(comm, "pmpoold\n") == 0;
	fclose(f);
	return same;
}

void daemon_parse(struct daemon_status *status, const char *text)
{
	enum json_tokener_error error;
	struct json_object *version;

	status->json = json_tokener_parse_verbose(text, &error);
	if (!json_object_is_type(status->json, json_type_object)) {
		problem(status, DAEMON_STATUS " is not what pmpoold writes (%s): systemctl restart pmpoold",
			error == json_tokener_success ? "not an object" : json_tokener_error_desc(error));
		goto unusable;
	}

	version = member(status->json, "version", json_type_int);
	if (json_object_get_int64(version) != STATUS_VERSION) {
		problem(status, DAEMON_STATUS " has version %s, not %d: pmpoold and pmpoolctl should be of one version",
			version ? json_object_get_string(version) : "none", STATUS_VERSION);
		goto unusable;
	}
	return;

unusable:
	json_object_put(status->json);
	status->json = NULL;
}

/* The whole file, or NULL and errno. */
static char *read_file(const char *path)
{
	size_t len = 0, room = 0;
	char *text = NULL;
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;

	do {
		if (len + 1 >= room) {
			char *more;

			room = room ? 2 * room : 16384;
			if (room > STATUS_LIMIT) {
				errno = EFBIG;
				goto fail;
			}
			more = realloc(text, room);
			if (!more)
				goto fail;
			text = more;
		}
		got = read(fd, text + len, room - len - 1);
		if (got < 0 && errno != EINTR)
			goto fail;
		if (got > 0)
			len += (size_t)got;
	} while (got != 0);

	text[len] = '\0';
	close(fd);
	return text;

fail:
	free(text);
	close(fd);
	return NULL;
}

void daemon_read(struct daemon_status *status)
{
	char *text;

	*status = (struct daemon_status){ 0 };

	text = read_file(DAEMON_STATUS);
	if (!text) {
		if (errno == ENOENT)
			problem(status, DAEMON_NOT_RUNNING);
		else if (errno == EACCES)
			problem(status, "cannot read " DAEMON_STATUS ": permission denied; run as root or join group pmpool");
		else
			problem(status, "cannot read " DAEMON_STATUS ": %s", strerror(errno));
		return;
	}

	daemon_parse(status, text);
	free(text);
	if (!status->json)
		return;

	status->running = is_daemon(json_object_get_int64(member(status->json, "pid", json_type_int)));
	if (!status->running)
		problem(status, DAEMON_NOT_RUNNING);
}

void daemon_free(struct daemon_status *status)
{
	json_object_put(status->json);
	status->json = NULL;
}

static size_t add_problem(struct json_object *problems, const char *text)
{
	json_object_array_add(problems, json_object_new_string(text));
	return 1;
}

static size_t add_problems(struct json_object *problems, struct json_object *texts)
{
	size_t i;

	for (i = 0; i < array_length(texts); i++)
		add_problem(problems, json_object_get_string(json_object_array_get_idx(texts, i)));
	return i;
}

static bool has_problem(struct json_object *problems, const char *text)
{
	size_t i;

	for (i = 0; i < array_length(problems); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(problems, i)), text) == 0)
			return true;
	return false;
}

size_t kexec_problems(const struct daemon_status *status, bool loaded, struct json_object *problems)
{
	struct json_object *staged;
	size_t n;

	/* What a daemon that is gone has said may not be true any more. */
	if (!status->running)
		return add_problem(problems, status->problem);

	staged = member(status->json, "staged", json_type_object);
	if (!staged)
		return add_problem(problems,
				   "no kernel is staged: pmpoolctl stage");

	if (!member_true(staged, "ok")) {
		n = add_problems(problems, member(staged, "reasons", json_type_array));
		if (n == 0)
			n = add_problem(problems, "pmpoold has not staged a kernel, and says no reason: see journalctl -u pmpoold");
		return n;
	}

	/* systemd would then choose a kernel and a command line of its own. */
	if (!loaded)
		return add_problem(problems,
				   "the kernel that pmpoold staged is not loaded any more: pmpoolctl stage");
	return 0;
}

size_t other_problems(const struct daemon_status *status, struct json_object *problems)
{
	struct json_object *checks = member(status->json, "checks", json_type_array);
	size_t n = 0;
	size_t i;

	if (!status->running)
		return 0;

	for (i = 0; i < array_length(checks); i++) {
		struct json_object *check = json_object_array_get_idx(checks, i);
		char text[512];

		if (member_true(check, "ok"))
			continue;
		/* As the daemon words its reasons, of which this may be one. */
		snprintf(text, sizeof(text), "%s: %s", member_text(check, "name", "?"),
			 member_text(check, "text", "failed"));
		if (!has_problem(problems, text))
			n += add_problem(problems, text);
	}

	return n;
}

bool kexec_loaded(void)
{
	bool loaded = false;
	char *text;

	text = read_file("/sys/kernel/kexec_loaded");
	if (text)
		loaded = text[0] == '1';
	free(text);
	return loaded;
}

void print_staged(const struct daemon_status *status)
{
	struct json_object *staged = member(status->json, "staged", json_type_object);

	if (!staged) {
		printf("staged:       no kernel\n");
		return;
	}

	printf("staged:       %s%s\n", member_text(staged, "release", "a kernel of unknown release"),
	       member_true(staged, "ok") ? "" : " (refused)");
	printf("kernel:       %s\n", member_text(staged, "kernel", "-"));
	printf("initrd:       %s\n", member_text(staged, "initrd", "-"));
	printf("command line: %s\n", member_text(staged, "cmdline", "-"));
	printf("staged at:    %s\n", member_text(staged, "time", "-"));
}

void print_checks(const struct daemon_status *status)
{
	struct json_object *checks = member(status->json, "checks", json_type_array);
	size_t i;

	if (!array_length(checks)) {
		printf("checks:       none were made\n");
		return;
	}

	printf("checks:\n");
	for (i = 0; i < array_length(checks); i++) {
		struct json_object *check = json_object_array_get_idx(checks, i);

		printf("  %-4s  %s: %s\n", member_true(check, "ok") ? "ok" : "FAIL",
		       member_text(check, "name", "?"), member_text(check, "text", "-"));
	}
}

void print_lines(FILE *to, const char *prefix, struct json_object *texts)
{
	size_t i;

	for (i = 0; i < array_length(texts); i++)
		fprintf(to, "%s%s\n", prefix, json_object_get_string(json_object_array_get_idx(texts, i)));
}
