// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: org.pmpool1.Manager
 *
 * What the daemon knows, as properties that everybody may read, and what it can
 * be asked to do, by root.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "daemon.h"
#include "kexec.h"
#include "log.h"
#include "manager.h"
#include "message.h"
#include "options.h"

#ifndef PMPOOL_VERSION
#define PMPOOL_VERSION "unknown"
#endif

#define PATH		"/org/pmpool1"
#define INTERFACE	"org.pmpool1.Manager"

#define ERROR_UNSAFE	"org.pmpool1.Error.Unsafe"
#define ERROR_NO_POOL	"org.pmpool1.Error.NoPool"

/*
 * Properties
 */

#define UNUSED __attribute__((unused))
#define GETTER(name) \
	static int name(UNUSED sd_bus *bus, UNUSED const char *path, \
			UNUSED const char *interface, UNUSED const char *property, \
			sd_bus_message *reply, UNUSED void *userdata, UNUSED sd_bus_error *error)

GETTER(get_version)
{
	return sd_bus_message_append(reply, "s", PMPOOL_VERSION);
}

GETTER(get_state)
{
	const struct pool *pool = userdata;

	return sd_bus_message_append(reply, "s", pool_state_name(pool));
}

GETTER(get_backing)
{
	const struct pool *pool = userdata;

	return sd_bus_message_append(reply, "s", pool->backing);
}

GETTER(get_uuid)
{
	const struct pool *pool = userdata;
	char uuid[UUID_STRING_SIZE] = "";

	if (pool->catalog)
		uuid_string(pool->catalog->uuid, uuid);
	return sd_bus_message_append(reply, "s", uuid);
}

GETTER(get_generation)
{
	const struct pool *pool = userdata;

	return sd_bus_message_append(reply, "t", pool->catalog ? pool->catalog->generation : 0);
}

GETTER(get_size)
{
	const struct pool *pool = userdata;

	return sd_bus_message_append(reply, "t", pool->catalog ? pool->catalog->size : 0);
}

GETTER(get_extents)
{
	const struct pool *pool = userdata;
	int r;

	r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && pool->catalog && i < pool->catalog->n; i++)
		r = append_extent(reply, &pool->catalog->extents[i]);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_strings)
{
	return append_strings(reply, userdata);
}

GETTER(get_handover)
{
	struct daemon *d = userdata;

	handover_fill(&d->handover, &d->pool, &d->report, EXTENTS_SYSFS);
	return append_handover(reply, &d->handover);
}

/* Asked of the driver: what is lent changes without an event. */
GETTER(get_lent)
{
	struct pool pool;
	uint64_t lent;

	lent = pool_read(&pool) ? 0 : pool.lent;
	pool_clear(&pool);
	return sd_bus_message_append(reply, "t", lent);
}

GETTER(get_lend_policy)
{
	struct daemon *d = userdata;
	char *text = lender_policy(d->lender);
	int r = sd_bus_message_append(reply, "s", text);

	free(text);
	return r;
}

GETTER(get_safe)
{
	const struct staged *staged = userdata;

	return sd_bus_message_append(reply, "b", staged->ok);
}

GETTER(get_checks)
{
	return append_checks(reply, userdata);
}

GETTER(get_staged_time)
{
	const struct staged *staged = userdata;

	return sd_bus_message_append(reply, "t", (uint64_t)staged->time * 1000000);
}

/* What manager_changed() tells; strv. */
static const char *const pool_properties[] = {
	"State", "Backing", "UUID", "Generation", "Size", "Free", "Extents", "Differences",
	NULL,
};

static const char *const staged_properties[] = {
	"Safe", "Reasons", "Losses", "Checks", "StagedKernel", "StagedRelease",
	"StagedInitrd", "StagedCommandLine", "StagedTime", NULL,
};

static const char *const difference_properties[] = { "Differences", NULL };
static const char *const declared_properties[] = { "DeclaredProblems", NULL };

static void cannot_tell(const char *what, int r)
{
	/* Nobody listens, or not any more. */
	if (r < 0 && r != -ENOTCONN && r != -ECONNRESET)
		log_warning("%s cannot be told on the bus: %s", what, strerror(-r));
}

static void tell_properties(sd_bus *bus, const char *const *names)
{
	cannot_tell(names[0], sd_bus_emit_properties_changed_strv(bus, PATH, INTERFACE,
								  (char **)names));
}

static int send_signal(sd_bus *bus, const struct daemon *d, const char *name,
		       int (*append)(sd_bus_message *m, const struct daemon *d))
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_signal(bus, &m, PATH, INTERFACE, name);
	if (r >= 0)
		r = append(m, d);
	if (r >= 0)
		r = sd_bus_send(bus, m, NULL);
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

static int append_staged_signal(sd_bus_message *m, const struct daemon *d)
{
	int r = sd_bus_message_append(m, "b", d->staged.ok);

	return r < 0 ? r : append_strings(m, &d->staged.reasons);
}

void manager_changed(sd_bus *bus, const struct daemon *d, unsigned int what)
{
	if (what & BUS_POOL)
		tell_properties(bus, pool_properties);
	if (what & BUS_DIFFERENCES)
		tell_properties(bus, difference_properties);
	if (what & BUS_DECLARED)
		tell_properties(bus, declared_properties);
	if (what & BUS_STAGED)
		tell_properties(bus, staged_properties);
	if (what & BUS_ATTACHED)
		cannot_tell("PoolAttached", send_signal(bus, d, "PoolAttached", append_attached));
	if (what & BUS_STAGED)
		cannot_tell("Staged", send_signal(bus, d, "Staged", append_staged_signal));
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
	daemon_reload(userdata);
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

static int method_lend(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct daemon *d = userdata;
	const char *text, *wrong;
	int r = check_right(call, error);

	if (r >= 0)
		r = sd_bus_message_read(call, "s", &text);
	if (r < 0)
		return r;
	wrong = lender_set(d->lender, text);
	if (wrong)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Lend \"%s\": %s", text,
					 wrong);
	daemon_refresh(d, false);
	return sd_bus_reply_method_return(call, NULL);
}

static int unsafe(const struct staged *verdict, sd_bus_error *error)
{
	char *why = strlist_join(&verdict->reasons, "; ");
	int r;

	r = sd_bus_error_setf(error, ERROR_UNSAFE, "a kexec now could lose the pool: %s", why);
	free(why);
	return r;
}

/* What is staged stays when somebody wants another one that would lose the pool. */
static int check_first(struct daemon *d, const struct kexec_request *request,
		       sd_bus_error *error)
{
	struct staged verdict;
	int r = 0;

	daemon_check(d, request, &verdict);
	if (!verdict.ok)
		r = unsafe(&verdict, error);
	staged_clear(&verdict);
	return r;
}

static int method_kexec(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct kexec_request request;
	struct daemon *d = userdata;
	int r;

	r = begin(call, true, &request, error);
	if (r < 0)
		return r;
	if (!request_is_empty(&request) && !request.force)
		r = check_first(d, &request, error);
	if (r < 0) {
		request_clear(&request);
		return r;
	}
	r = restage(d, &request, error);
	if (r < 0)
		return r;
	return d->staged.loaded ? kexec_start(call, d) : unsafe(&d->staged, error);
}

#define CONST_PROPERTY	SD_BUS_VTABLE_PROPERTY_CONST
/* Nobody hears when an extent is opened, or memory taken back. */
#define UNTOLD		0
#define CHANGES		SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
/* May be long: who wants it reads it. */
#define INVALIDATES	SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION
/* Whether the caller has the right is said by the method itself. */
#define CHECKED		SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, CONST_PROPERTY),
	SD_BUS_PROPERTY("State", "s", get_state, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Backing", "s", get_backing, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Generation", "t", get_generation, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Size", "t", get_size, offsetof(struct daemon, pool), CHANGES),
	SD_BUS_PROPERTY("Free", "t", NULL, offsetof(struct daemon, pool.free), CHANGES),
	SD_BUS_PROPERTY("Extents", "aa{sv}", get_extents, offsetof(struct daemon, pool),
			INVALIDATES),
	SD_BUS_PROPERTY("Differences", "as", get_strings, offsetof(struct daemon, differences),
			CHANGES),
	SD_BUS_PROPERTY("DeclaredProblems", "as", get_strings,
			offsetof(struct daemon, declared.problems), CHANGES),
	SD_BUS_PROPERTY("Handover", "a{sv}", get_handover, 0, UNTOLD),
	SD_BUS_PROPERTY("Lent", "t", get_lent, 0, UNTOLD),
	SD_BUS_PROPERTY("LendPolicy", "s", get_lend_policy, 0, UNTOLD),
	SD_BUS_PROPERTY("Safe", "b", get_safe, offsetof(struct daemon, staged), CHANGES),
	SD_BUS_PROPERTY("Reasons", "as", get_strings, offsetof(struct daemon, staged.reasons),
			CHANGES),
	SD_BUS_PROPERTY("Losses", "as", get_strings, offsetof(struct daemon, staged.losses),
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
	SD_BUS_METHOD_WITH_ARGS("Lend", SD_BUS_ARGS("s", policy), SD_BUS_NO_RESULT, method_lend,
				CHECKED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, CHECKED),
	SD_BUS_SIGNAL_WITH_ARGS("PoolAttached",
				SD_BUS_ARGS("s", uuid, "t", generation, "as", differences), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Staged", SD_BUS_ARGS("b", safe, "as", reasons), 0),
	SD_BUS_VTABLE_END,
};

int manager_add(sd_bus *bus, struct daemon *d)
{
	return sd_bus_add_object_vtable(bus, NULL, PATH, INTERFACE, vtable, d);
}
