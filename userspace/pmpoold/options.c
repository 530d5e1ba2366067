// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: options
 *
 * What is not understood may be what matters, so one option that is unknown, of
 * another type or given twice is reason to do nothing at all.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "strlist.h"

#define FORCE "Force"

static const struct option {
	const char *name;
	const char *type;	/* "s" or "b" */
	size_t offset;		/* in struct kexec_request */
} options[] = {
	{ "Kernel", "s", offsetof(struct kexec_request, kernel) },
	{ "Initrd", "s", offsetof(struct kexec_request, initrd) },
	{ "Append", "s", offsetof(struct kexec_request, append) },
	{ "CommandLine", "s", offsetof(struct kexec_request, cmdline) },
	{ "ReuseCommandLine", "b", offsetof(struct kexec_request, reuse) },
	{ FORCE, "b", offsetof(struct kexec_request, force) },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static bool allowed(const struct option *option, bool may_force)
{
	return may_force || strcmp(option->name, FORCE);
}

static int unknown(const char *name, bool may_force, sd_bus_error *error)
{
	struct strlist names = { 0 };
	char *all;
	int r;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (allowed(&options[i], may_force))
			strlist_add(&names, "%s", options[i].name);
	}
	all = strlist_join(&names, ", ");
	r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
			      "there is no option \"%s\": it is one of %s", name, all);
	free(all);
	strlist_clear(&names);
	return r;
}

/* A string's place in the request says which it is. */
static int take_string(const struct option *option, const char *text,
		       struct kexec_request *request, sd_bus_error *error)
{
	char **to = (char **)((char *)request + option->offset);
	bool path = to == &request->kernel || to == &request->initrd;

	if (path && *text != '/' && !(to == &request->initrd && !strcmp(text, "none")))
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
					 "option %s: \"%s\" is not an absolute path",
					 option->name, text);
	*to = xstrdup(text);
	return 0;
}

static int read_value(sd_bus_message *call, const struct option *option,
		      struct kexec_request *request, sd_bus_error *error)
{
	const char *type, *text;
	int r, flag;

	r = sd_bus_message_peek_type(call, NULL, &type);
	if (r < 0)
		return r;
	if (strcmp(type, option->type))
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
					 "option %s is of type \"%s\": it has to be of type \"%s\", a %s",
					 option->name, type, option->type,
					 *option->type == 's' ? "string" : "boolean");
	if (*option->type == 's') {
		r = sd_bus_message_read(call, "v", "s", &text);
		return r < 0 ? r : take_string(option, text, request, error);
	}
	r = sd_bus_message_read(call, "v", "b", &flag);
	if (r >= 0)
		*(bool *)((char *)request + option->offset) = flag;
	return r;
}

/* One entry; 0: there is none left. */
static int read_entry(sd_bus_message *call, bool may_force, bool *given,
		      struct kexec_request *request, sd_bus_error *error)
{
	const char *name;
	size_t i;
	int r;

	r = sd_bus_message_enter_container(call, 'e', "sv");
	if (r <= 0)
		return r;
	r = sd_bus_message_read(call, "s", &name);
	if (r < 0)
		return r;
	for (i = 0; i < N_OPTIONS; i++) {
		if (!strcmp(name, options[i].name) && allowed(&options[i], may_force))
			break;
	}
	if (i == N_OPTIONS)
		return unknown(name, may_force, error);
	if (given[i])
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
					 "option %s is given twice", name);
	given[i] = true;
	r = read_value(call, &options[i], request, error);
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(call);
	return r < 0 ? r : 1;
}

int options_read(sd_bus_message *call, bool may_force, struct kexec_request *request,
		 sd_bus_error *error)
{
	bool given[N_OPTIONS] = { false };
	int r;

	*request = (struct kexec_request){ 0 };
	r = sd_bus_message_enter_container(call, 'a', "{sv}");
	while (r >= 0) {
		r = read_entry(call, may_force, given, request, error);
		if (!r)
			return 0;
	}
	request_clear(request);
	return r;
}
