// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the daemon
 *
 * One loop: something changed, or somebody asked; the pool is looked at, and
 * what has become necessary is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "confdir.h"
#include "daemon.h"
#include "log.h"
#include "monitor.h"

/* When the catalog could not be written and nothing changes meanwhile. */
#define RETRY_USEC (30 * 1000000ULL)

/* As for tmpfiles.d. */
static const char *const declared_dirs[] = {
	"/etc/pmpool/extents.d",
	"/run/pmpool/extents.d",
	"/usr/local/lib/pmpool/extents.d",
	"/usr/lib/pmpool/extents.d",
	NULL,
};

/* What needs somebody's attention, as the beginning of a status line. */
static char *attention(const struct daemon *d)
{
	struct strlist names = { 0 };
	char *list, *text, *both;

	for (size_t i = 0; i < d->handover.n; i++) {
		if (d->handover.extents[i].missing)
			strlist_add(&names, "%s", d->handover.extents[i].name);
	}
	list = strlist_join(&names, ", ");
	if (names.n)
		text = xprintf("%zu extent%s missing: %s; ", names.n, names.n == 1 ? " is" : "s are",
			       list);
	else if (d->differences.n)
		text = xprintf("extents are not as they were, see pmpoolctl status; ");
	else
		text = xstrdup("");
	free(list);
	strlist_clear(&names);
	if (!d->declared.problems.n)
		return text;
	both = xprintf("%s%zu problem%s with declared extents, see pmpoolctl status; ", text,
		       d->declared.problems.n, d->declared.problems.n == 1 ? "" : "s");
	free(text);
	return both;
}

/* What is wrong with declared extents now; and a line in the journal for what is new. */
static unsigned int tell_declared(struct daemon *d)
{
	struct strlist before = d->declared.problems;
	unsigned int changed;

	d->declared.problems = (struct strlist){ 0 };
	declared_compare(&d->declared, d->pool.catalog);
	for (size_t i = 0; i < d->declared.problems.n; i++) {
		if (!strlist_has(&before, d->declared.problems.v[i]))
			log_err("%s", d->declared.problems.v[i]);
	}
	changed = strlist_equal(&before, &d->declared.problems) ? 0 : BUS_DECLARED;
	strlist_clear(&before);
	return changed;
}

/* changed: for those who follow it on the bus. */
static void tell(struct daemon *d, unsigned int changed)
{
	struct status status = {
		.pool = &d->pool,
		.catalog_path = CATALOG_PATH,
		.catalog = d->written,
		.differences = &d->differences,
		.handover = &d->handover,
		.declared = &d->declared,
		.staged = &d->staged,
	};
	char *attend, *nothing = lender_nothing(d->lender);

	changed |= tell_declared(d);
	handover_fill(&d->handover, &d->pool, &d->report, EXTENTS_SYSFS);
	status.nothing_lent = nothing;
	status_write(STATUS_PATH, &status);
	free(nothing);
	attend = attention(d);
	if (!d->pool.catalog) {
		sd_notifyf(0, "STATUS=%swaiting for /dev/pmpool", attend);
	} else if (d->staged.ok) {
		sd_notifyf(0, "STATUS=%s%zu extents; a kexec into %s keeps them",
			   attend, d->pool.catalog->n, d->staged.release);
	} else {
		char *why = strlist_join(&d->staged.reasons, "; ");

		sd_notifyf(0, "STATUS=%skexec would lose the pool: %s", attend, why);
		free(why);
	}
	free(attend);
	bus_changed(d->bus, changed);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	daemon_refresh(userdata, false);
	return 0;
}

static void retry_later(struct daemon *d)
{
	d->retry = sd_event_source_disable_unref(d->retry);
	sd_event_add_time_relative(d->event, &d->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
				   on_retry, d);
}

/* Read what is declared, and make what is not there. What of that can be told. */
static unsigned int declare(struct daemon *d)
{
	struct strlist before = d->declared.problems;
	unsigned int changed = 0;
	struct pool pool;

	d->declare = false;
	d->declared.problems = (struct strlist){ 0 };
	declared_read(&d->declared, declared_dirs);
	d->declared.problems = before;
	if (d->pool.catalog &&
	    declared_make(&d->declared, d->pool.catalog, &d->report) && !pool_read(&pool)) {
		pool_clear(&d->pool);
		d->pool = pool;
		changed |= BUS_POOL;
		if (daemon_update_catalog(d))
			retry_later(d);
	}
	return changed;
}

static void refresh(struct daemon *d, bool restage, const struct kexec_request *request)
{
	struct pool pool;
	unsigned int changed = restage ? BUS_STAGED : 0;
	bool attached;
	int r;

	r = pool_read(&pool);
	if (r) {
		if (r != -ENOENT && r != -ENXIO && r != -ENODEV)
			log_err("/dev/pmpool cannot be read: %s", strerror(-r));
		else if (d->pool.catalog)
			log_notice("the pool is gone: its catalog and the staged image stay");
		else if (!d->waiting)
			log_info("waiting for /dev/pmpool");
		if (d->pool.catalog)
			changed |= BUS_POOL;
		d->waiting = true;
		pool_clear(&d->pool);
		d->reconciled = false;
		/* An image that was staged for the pool is still good for its region. */
		if (!d->staged.ok && (restage || !d->staged.time)) {
			staged_clear(&d->staged);
			strlist_add(&d->staged.reasons, NO_POOL);
		}
		if (restage || !d->staged.time)
			d->staged.time = time(NULL);
		if (restage || d->declare)
			changed |= declare(d);
		tell(d, changed);
		return;
	}
	d->waiting = false;
	attached = !d->pool.catalog ||
		   memcmp(d->pool.catalog->uuid, pool.catalog->uuid, CATALOG_UUID_LEN) ||
		   d->pool.catalog->generation != pool.catalog->generation;
	if (attached)
		changed |= BUS_POOL | BUS_ATTACHED | BUS_STAGED;
	else if (!pool_equal(&d->pool, &pool))
		changed |= BUS_POOL;
	pool_clear(&d->pool);
	d->pool = pool;
	if (attached)
		d->reconciled = false;
	if (daemon_update_catalog(d))
		retry_later(d);
	/* What is lost is known by now, and services wait: staging takes longer. */
	if (attached || restage || d->declare)
		changed |= declare(d);
	if (attached || restage)
		daemon_stage(d, request);
	lender_look(d->lender);
	if (d->reconciled && !d->report.ready_time) {
		daemon_note_ready(d);
		if (daemon_update_catalog(d))
			retry_later(d);
	}
	tell(d, changed);
}

void daemon_refresh(struct daemon *d, bool restage)
{
	refresh(d, restage, NULL);
}

void daemon_restage(struct daemon *d, const struct kexec_request *request)
{
	refresh(d, true, request);
}

void daemon_restage_same(struct daemon *d)
{
	struct kexec_request request;

	request_copy(&request, &d->request);
	refresh(d, true, &request);
	request_clear(&request);
}

void daemon_reload(struct daemon *d)
{
	lender_configure(d->lender, false);
	daemon_refresh(d, true);
}

int daemon_accept(struct daemon *d)
{
	int r = daemon_forget_report(d);

	if (r)
		return r;
	/* What was lost may be made anew now. */
	d->declare = true;
	daemon_refresh(d, false);
	tell(d, BUS_DIFFERENCES);
	return 0;
}

static void on_change(void *userdata)
{
	daemon_refresh(userdata, false);
}

static void on_declared(void *userdata)
{
	struct daemon *d = userdata;

	d->declare = true;
	daemon_refresh(d, false);
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct timespec now;

	(void)s;
	(void)si;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	daemon_reload(userdata);
	sd_notify(0, "READY=1");
	return 0;
}

int daemon_run(const char *config_path)
{
	struct daemon d = { .config_path = config_path };
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_new(&d.event);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGHUP, on_reload, &d);
	if (r < 0) {
		log_err("cannot set the event loop up: %s", strerror(-r));
		goto out;
	}
	/* First listen, then look: a device that comes in between is seen. */
	r = monitor_new(d.event, on_change, &d, &d.monitor);
	if (r < 0)
		goto out;
	r = daemon_follow_next(&d);
	if (r < 0)
		goto out;
	d.lender = lender_new(d.event, config_path);
	d.bus = bus_new(&d);
	d.declarations = confdir_watch(d.event, declared_dirs, on_declared, &d);
	d.declare = true;
	daemon_refresh(&d, false);
	sd_notify(0, "READY=1");
	r = sd_event_loop(d.event);
	if (r < 0)
		log_err("the event loop failed: %s", strerror(-r));
	/* The image stays: services are stopped before a kexec as well. */
	sd_notify(0, "STOPPING=1");
	unlink(STATUS_PATH);
out:
	bus_free(d.bus);
	monitor_free(d.monitor);
	lender_free(d.lender);
	sd_event_source_unref(d.retry);
	daemon_unfollow_next(&d);
	sd_event_unref(d.event);
	pool_clear(&d.pool);
	catalog_free(d.written);
	confdir_free(d.declarations);
	declared_clear(&d.declared);
	report_clear(&d.report);
	strlist_clear(&d.differences);
	handover_clear(&d.handover);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

