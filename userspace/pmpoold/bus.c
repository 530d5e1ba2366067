// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the bus
 *
 * What the daemon knows, as properties that everybody may read, and what it can
 * be asked to do, by root. The daemon does all its work without a bus: it is
 * there before one is, and goes on when the bus is restarted.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "bus.h"
#include "daemon.h"
#include "log.h"
#include "options.h"

#ifndef PMPOOL_VERSION
#define PMPOOL_VERSION "unknown"
#endif

#define SYSTEM_BUS	"unix:path=/run/dbus/system_bus_socket"
#define LOCAL		"org.freedesktop.DBus.Local"

#define ERROR_UNSAFE	"org.pmpool1.Error.Unsafe"
#define ERROR_NO_POOL	"org.pmpool1.Error.NoPool"

/* After the bus has gone away; its socket may be there all the time. */
#define RECONNECT_USEC	1000000ULL

/* SD_LOGIND_KEXEC_REBOOT: kexec, when an image is loaded. */
#define LOGIND_KEXEC	(UINT64_C(1) << 1)

struct bus {
	struct daemon *d;
	sd_bus *bus;			/* NULL: none now */
	sd_event_source *reconnect;
};

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/*
 * Properties
 */

static int append_strings(sd_bus_message *m, const struct strlist *list)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = sd_bus_message_append(m, "s", list->v[i]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_checks(sd_bus_message *m, const struct staged *staged)
{
	int r = sd_bus_message_open_container(m, 'a', "(sbs)");

	for (size_t i = 0; r >= 0 && i < staged->n; i++)
		r = sd_bus_message_append(m, "(sbs)", staged->checks[i].name,
					  staged->checks[i].ok, staged->checks[i].text);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int get_version(sd_bus *bus, const char *path, const char *interface,
		       const char *property, sd_bus_message *reply, void *userdata,
		       sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "s", PMPOOL_VERSION);
}

static int get_state(sd_bus *bus, const char *path, const char *interface,
		     const char *property, sd_bus_message *reply, void *userdata,
		     sd_bus_error *error)
{
	const struct pool *pool = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "s", pool_state_name(pool));
}

static int get_uuid(sd_bus *bus, const char *path, const char *interface,
		    const char *property, sd_bus_message *reply, void *userdata,
		    sd_bus_error *error)
{
	const struct pool *pool = userdata;
	char uuid[UUID_STRING_SIZE] = "";

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	if (pool->catalog)
		uuid_string(pool->catalog->uuid, uuid);
	return sd_bus_message_append(reply, "s", uuid);
}

static int get_generation(sd_bus *bus, const char *path, const char *interface,
			  const char *property, sd_bus_message *reply, void *userdata,
			  sd_bus_error *error)
{
	const struct pool *pool = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "t", pool->catalog ? pool->catalog->generation : 0);
}

static int get_size(sd_bus *bus, const char *path, const char *interface,
		    const char *property, sd_bus_message *reply, void *userdata,
		    sd_bus_error *error)
{
	const struct pool *pool = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "t", pool->catalog ? pool->catalog->size : 0);
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

static int append_extent(sd_bus_message *m, const struct catalog_extent *e)
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

static int get_extents(sd_bus *bus, const char *path, const char *interface,
		       const char *property, sd_bus_message *reply, void *userdata,
		       sd_bus_error *error)
{
	const struct pool *pool = userdata;
	int r;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && pool->catalog && i < pool->catalog->n; i++)
		r = append_extent(reply, &pool->catalog->extents[i]);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_strings(sd_bus *bus, const char *path, const char *interface,
		       const char *property, sd_bus_message *reply, void *userdata,
		       sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return append_strings(reply, userdata);
}

static int get_safe(sd_bus *bus, const char *path, const char *interface,
		    const char *property, sd_bus_message *reply, void *userdata,
		    sd_bus_error *error)
{
	const struct staged *staged = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "b", staged->ok);
}

static int get_checks(sd_bus *bus, const char *path, const char *interface,
		      const char *property, sd_bus_message *reply, void *userdata,
		      sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return append_checks(reply, userdata);
}

static int get_staged_time(sd_bus *bus, const char *path, const char *interface,
			   const char *property, sd_bus_message *reply, void *userdata,
			   sd_bus_error *error)
{
	const struct staged *staged = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "t", (uint64_t)staged->time * 1000000);
}

/* What bus_changed() tells; strv. */
static const char *const pool_properties[] = {
	"State", "UUID", "Generation", "Size", "Free", "Extents", NULL,
};

static const char *const staged_properties[] = {
	"Safe", "Reasons", "Checks", "StagedKernel", "StagedRelease", "StagedInitrd",
	"StagedCommandLine", "StagedTime", NULL,
};

static const char *const difference_properties[] = { "Differences", NULL };

static void cannot_tell(const char *what, int r)
{
	/* Nobody listens, or not any more. */
	if (r < 0 && r != -ENOTCONN && r != -ECONNRESET)
		log_warning("%s cannot be told on the bus: %s", what, strerror(-r));
}

static void tell_properties(struct bus *b, const char *const *names)
{
	cannot_tell(names[0], sd_bus_emit_properties_changed_strv(b->bus, BUS_PATH, BUS_INTERFACE,
								  (char **)names));
}

static int send_signal(struct bus *b, const char *name,
		       int (*append)(sd_bus_message *m, const struct daemon *d))
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_signal(b->bus, &m, BUS_PATH, BUS_INTERFACE, name);
	if (r >= 0)
		r = append(m, b->d);
	if (r >= 0)
		r = sd_bus_send(b->bus, m, NULL);
	sd_bus_message_unref(m);
	return r;
}

static int append_attached(sd_bus_message *m, const struct daemon *d)
{
	char uuid[UUID_STRING_SIZE];
	int r;

	r = sd_bus_message_append(m, "st", uuid_string(d->pool.catalog->uuid, uuid),
				  d->pool.catalog->generation);
	return r < 0 ? r : append_strings(m, &d->differences);
}

static int append_staged(sd_bus_message *m, const struct daemon *d)
{
	int r = sd_bus_message_append(m, "b", d->staged.ok);

	return r < 0 ? r : append_strings(m, &d->staged.reasons);
}

void bus_changed(struct bus *b, unsigned int what)
{
	/* Who comes to the bus after this reads the properties. */
	if (!b || sd_bus_is_ready(b->bus) <= 0)
		return;
	if (what & BUS_POOL)
		tell_properties(b, pool_properties);
	if (what & BUS_DIFFERENCES)
		tell_properties(b, difference_properties);
	if (what & BUS_STAGED)
		tell_properties(b, staged_properties);
	if (what & BUS_ATTACHED)
		cannot_tell("PoolAttached", send_signal(b, "PoolAttached", append_attached));
	if (what & BUS_STAGED)
		cannot_tell("Staged", send_signal(b, "Staged", append_staged));
}

/*
 * Methods
 */

/* A method is called by who may; else *error says so. */
static int check_right(sd_bus_message *call, sd_bus_error *error)
{
	int r = sd_bus_query_sender_privilege(call, CAP_SYS_BOOT);

	if (r < 0)
		return sd_bus_error_set_errnof(error, -r, "%s: it cannot be told who calls: %s",
					       sd_bus_message_get_member(call), strerror(-r));
	if (!r)
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
					 "%s is for root: nothing was done",
					 sd_bus_message_get_member(call));
	return 0;
}

/* a{sv}, so that more can be said one day; "" for what is not known. */
static int append_verdict(sd_bus_message *m, const struct staged *staged)
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

static int reply_verdict(sd_bus_message *call, const struct staged *staged)
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

/* What every method does first that takes options: who may, and what is asked. */
static int begin(sd_bus_message *call, bool may_force, struct kexec_request *request,
		 sd_bus_error *error)
{
	int r = check_right(call, error);

	return r < 0 ? r : options_read(call, may_force, request, error);
}

static int no_pool(sd_bus_error *error)
{
	return sd_bus_error_set(error, ERROR_NO_POOL,
				"there is no pool: load the driver with modprobe pmpool");
}

/* Clears request. */
static int restage(struct daemon *d, struct kexec_request *request, sd_bus_error *error)
{
	daemon_restage(d, request);
	request_clear(request);
	return d->pool.catalog ? 0 : no_pool(error);
}

static int method_stage(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct kexec_request request;
	struct daemon *d = userdata;
	int r;

	r = begin(call, true, &request, error);
	if (r < 0)
		return r;
	r = restage(d, &request, error);
	return r < 0 ? r : reply_verdict(call, &d->staged);
}

static int method_dry_run(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct kexec_request request;
	struct staged verdict;
	int r;

	r = begin(call, false, &request, error);
	if (r < 0)
		return r;
	daemon_check(userdata, &request, &verdict);
	r = reply_verdict(call, &verdict);
	staged_clear(&verdict);
	request_clear(&request);
	return r;
}

static int method_reload(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	int r = check_right(call, error);

	if (r < 0)
		return r;
	daemon_refresh(userdata, true);
	return sd_bus_reply_method_return(call, NULL);
}

static int method_reconcile(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct daemon *d = userdata;
	int r = check_right(call, error);

	if (r < 0)
		return r;
	daemon_refresh(d, false);
	if (!d->pool.catalog)
		return no_pool(error);
	if (daemon_accept(d))
		return sd_bus_error_set(error, SD_BUS_ERROR_FAILED,
					"the catalog cannot be brought up to date: see journalctl -u pmpoold");
	return sd_bus_reply_method_return(call, NULL);
}

/* A kexec that was asked for, and who is waiting to hear of it. */
struct kexec_call {
	sd_bus_message *call;
	struct daemon *d;
	bool of_systemd;	/* and not of logind */
};

static void kexec_call_free(void *userdata)
{
	struct kexec_call *k = userdata;

	sd_bus_message_unref(k->call);
	free(k);
}

/* Whether the answer is of somebody who is no logind, or of an old one. */
static bool no_logind(const sd_bus_error *error)
{
	static const char *const names[] = {
		SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
		SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_INVALID_ARGS,
		"org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.UnitMasked",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sd_bus_error_has_name(error, names[i]))
			return true;
	}
	return false;
}

static int ask_for_kexec(struct kexec_call *k);

static int on_kexec_answer(sd_bus_message *answer, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	struct kexec_call *k = userdata;
	int r = 0;

	(void)unused;
	if (!error) {
		log_notice("kexec into %s, as %s has asked for on the bus",
			   k->d->staged.release, or_empty(sd_bus_message_get_sender(k->call)));
		r = reply_verdict(k->call, &k->d->staged);
	} else if (!k->of_systemd && no_logind(error)) {
		k->of_systemd = true;
		r = ask_for_kexec(k);
		if (r >= 0)
			return r;
		r = sd_bus_reply_method_errno(k->call, r, NULL);
	} else {
		r = sd_bus_reply_method_errorf(k->call, error->name, "%s does not start the kexec: %s",
					       k->of_systemd ? "systemd" : "logind",
					       or_empty(error->message));
	}
	kexec_call_free(k);
	return r;
}

/*
 * As systemctl kexec does: logind waits for those who want to finish something
 * first, and tells who is logged in. On failure k is still the caller's.
 */
static int ask_for_kexec(struct kexec_call *k)
{
	sd_bus *bus = sd_bus_message_get_bus(k->call);

	if (k->of_systemd)
		return sd_bus_call_method_async(bus, NULL, "org.freedesktop.systemd1",
						"/org/freedesktop/systemd1",
						"org.freedesktop.systemd1.Manager", "StartUnit",
						on_kexec_answer, k, "ss", "kexec.target",
						"replace-irreversibly");
	return sd_bus_call_method_async(bus, NULL, "org.freedesktop.login1",
					"/org/freedesktop/login1",
					"org.freedesktop.login1.Manager", "RebootWithFlags",
					on_kexec_answer, k, "t", LOGIND_KEXEC);
}

static int method_kexec(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct kexec_request request;
	struct daemon *d = userdata;
	struct kexec_call *k;
	int r;

	r = begin(call, true, &request, error);
	if (r < 0)
		return r;
	r = restage(d, &request, error);
	if (r < 0)
		return r;
	if (!d->staged.loaded) {
		char *why = strlist_join(&d->staged.reasons, "; ");

		r = sd_bus_error_setf(error, ERROR_UNSAFE, "a kexec now could lose the pool: %s", why);
		free(why);
		return r;
	}
	k = xalloc(sizeof(*k));
	k->call = sd_bus_message_ref(call);
	k->d = d;
	r = ask_for_kexec(k);
	if (r < 0)
		kexec_call_free(k);
	return r < 0 ? r : 1;
}

#define CONST_PROPERTY	SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES		SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
/* May be long: who wants it reads it. */
#define INVALIDATES	SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION
/* Whether the caller has the right is said by the method itself. */
#define CHECKED		SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, CONST_PROPERTY),
	SD_BUS_PROPERTY("State", "s", get_state, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Generation", "t", get_generation, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Size", "t", get_size, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Free", "t", NULL, offsetof(struct daemon, pool.free), CHANGES),
	SD_BUS_PROPERTY("Extents", "aa{sv}", get_extents, offsetof(struct daemon, pool),
			INVALIDATES),
	SD_BUS_PROPERTY("Differences", "as", get_strings, offsetof(struct daemon, differences),
			CHANGES),
	SD_BUS_PROPERTY("Safe", "b", get_safe, offsetof(struct daemon, staged), CHANGES),
	SD_BUS_PROPERTY("Reasons", "as", get_strings, offsetof(struct daemon, staged.reasons),
			CHANGES),
	SD_BUS_PROPERTY("Checks", "a(sbs)", get_checks, offsetof(struct daemon, staged),
			INVALIDATES),
	SD_BUS_PROPERTY("StagedKernel", "s", NULL, offsetof(struct daemon, staged.kernel), CHANGES),
	SD_BUS_PROPERTY("StagedRelease", "s", NULL, offsetof(struct daemon, staged.release),
			CHANGES),
	SD_BUS_PROPERTY("StagedInitrd", "s", NULL, offsetof(struct daemon, staged.initrd), CHANGES),
	SD_BUS_PROPERTY("StagedCommandLine", "s", NULL, offsetof(struct daemon, staged.cmdline),
			CHANGES),
	SD_BUS_PROPERTY("StagedTime", "t", get_staged_time, offsetof(struct daemon, staged), CHANGES),
	SD_BUS_METHOD_WITH_ARGS("Stage", SD_BUS_ARGS("a{sv}", options),
				SD_BUS_RESULT("a{sv}", verdict), method_stage, CHECKED),
	SD_BUS_METHOD_WITH_ARGS("DryRun", SD_BUS_ARGS("a{sv}", options),
				SD_BUS_RESULT("a{sv}", verdict), method_dry_run, CHECKED),
	SD_BUS_METHOD_WITH_ARGS("Kexec", SD_BUS_ARGS("a{sv}", options),
				SD_BUS_RESULT("a{sv}", verdict), method_kexec, CHECKED),
	SD_BUS_METHOD_WITH_ARGS("Reconcile", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reconcile,
				CHECKED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, CHECKED),
	SD_BUS_SIGNAL_WITH_ARGS("PoolAttached",
				SD_BUS_ARGS("s", uuid, "t", generation, "as", differences), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Staged", SD_BUS_ARGS("b", safe, "as", reasons), 0),
	SD_BUS_VTABLE_END,
};

/*
 * Coming and going
 */

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
		r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_INTERFACE, vtable, b->d);
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
