// SPDX-License-Identifier: GPL-2.0-only
/* Options of a method on the bus: what is understood, and what is refused. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "options.h"
#include "strlist.h"
#include "tap.h"

static sd_bus *bus;

static void need(int r)
{
	if (r < 0) {
		fprintf(stderr, "sd-bus: %s\n", strerror(-r));
		abort();
	}
}

/* Messages are made for a bus; that nobody answers on it does not matter. */
static void make_bus(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	need(sd_bus_new(&bus));
	need(sd_bus_set_fd(bus, fds[0], fds[0]));
	need(sd_bus_start(bus));
}

/* What is read of a call with these options, as it looks to who receives it. */
static int read_from(struct kexec_request *request, sd_bus_error *error, bool may_force,
		     const char *types, va_list ap)
{
	sd_bus_message *m;
	int r;

	need(sd_bus_message_new_method_call(bus, &m, NULL, "/a", "a.b", "C"));
	need(sd_bus_message_appendv(m, types, ap));
	need(sd_bus_message_seal(m, 1, 0));
	need(sd_bus_message_rewind(m, true));
	r = options_read(m, may_force, request, error);
	sd_bus_message_unref(m);
	return r;
}

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void reads(const char *what, const struct kexec_request *expected, const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct kexec_request request;
	va_list ap;
	int r;

	va_start(ap, types);
	r = read_from(&request, &error, true, types, ap);
	va_end(ap);
	ok(!r && !error.name && equal(request.kernel, expected->kernel) &&
	   equal(request.initrd, expected->initrd) && equal(request.append, expected->append) &&
	   equal(request.cmdline, expected->cmdline) && request.reuse == expected->reuse &&
	   request.force == expected->force, "%s", what);
	request_clear(&request);
}

static void refuses(const char *what, bool may_force, const char *why, const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct kexec_request request;
	va_list ap;
	int r;

	va_start(ap, types);
	r = read_from(&request, &error, may_force, types, ap);
	va_end(ap);
	ok(r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_INVALID_ARGS) &&
	   equal(error.message, why) && !request.kernel && !request.initrd && !request.append &&
	   !request.cmdline && !request.reuse && !request.force,
	   "%s: %s", what, error.message);
	sd_bus_error_free(&error);
}

int main(void)
{
	int fds[2];

	make_bus(fds);
	reads("no option", &(struct kexec_request){ 0 }, "a{sv}", 0);
	reads("all of them",
	      &(struct kexec_request){
		.kernel = (char *)"/k", .initrd = (char *)"/i", .append = (char *)"quiet \"a b\"",
		.cmdline = (char *)"", .reuse = true, .force = true,
	      }, "a{sv}", 6, "Force", "b", true, "Kernel", "s", "/k", "Initrd", "s", "/i",
	      "Append", "s", "quiet \"a b\"", "CommandLine", "s", "", "ReuseCommandLine", "b", true);
	reads("no initrd", &(struct kexec_request){ .initrd = (char *)"none" }, "a{sv}", 1,
	      "Initrd", "s", "none");
	reads("a false one", &(struct kexec_request){ 0 }, "a{sv}", 1, "Force", "b", false);

	refuses("an unknown one", true,
		"there is no option \"Kernal\": it is one of Kernel, Initrd, Append, CommandLine, ReuseCommandLine, Force",
		"a{sv}", 2, "Append", "s", "x", "Kernal", "s", "/k");
	refuses("Force where it is not one", false,
		"there is no option \"Force\": it is one of Kernel, Initrd, Append, CommandLine, ReuseCommandLine",
		"a{sv}", 1, "Force", "b", true);
	refuses("a number for a string", true,
		"option Kernel is of type \"u\": it has to be of type \"s\", a string",
		"a{sv}", 2, "Append", "s", "x", "Kernel", "u", 7);
	refuses("a string for a boolean", true,
		"option Force is of type \"s\": it has to be of type \"b\", a boolean",
		"a{sv}", 1, "Force", "s", "yes");
	refuses("an array for a string", true,
		"option Append is of type \"as\": it has to be of type \"s\", a string",
		"a{sv}", 1, "Append", "as", 2, "a", "b");
	refuses("one that is given twice", true, "option Kernel is given twice",
		"a{sv}", 2, "Kernel", "s", "/k", "Kernel", "s", "/l");
	refuses("a relative path", true, "option Kernel: \"vmlinuz\" is not an absolute path",
		"a{sv}", 1, "Kernel", "s", "vmlinuz");
	refuses("an empty path", true, "option Initrd: \"\" is not an absolute path",
		"a{sv}", 2, "Kernel", "s", "/k", "Initrd", "s", "");
	refuses("none as a kernel", true, "option Kernel: \"none\" is not an absolute path",
		"a{sv}", 1, "Kernel", "s", "none");
	sd_bus_unref(bus);
	close(fds[1]);
	return done();
}
