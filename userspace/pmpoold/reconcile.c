// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: reconcile
 *
 * After an attach the pool is compared with the catalog, which says what the
 * last kernel's daemon saw; then the catalog follows the pool.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "catalog.h"
#include "daemon.h"
#include "file.h"
#include "log.h"

/* Move the catalog that is there out of the way of the one to come. */
static int keep_aside(const char *suffix)
{
	char *to = xprintf("%s.%s", CATALOG_PATH, suffix);
	int r = rename(CATALOG_PATH, to) < 0 ? -errno : file_sync_dir(to);

	if (r)
		log_err("cannot keep %s as %s: %s: it stays, and no new one is written until that works",
			CATALOG_PATH, to, strerror(-r));
	free(to);
	return r;
}

static void note(struct report *report, char *text)
{
	strlist_add(&report->notes, "%s", text);
	free(text);
}

/* Extents are not what the catalog says: what it says may be needed to repair. */
static int keep_copy(struct report *report, const struct catalog *old)
{
	char uuid[UUID_STRING_SIZE];
	char *to = xprintf("%s.old-%s-g%" PRIu64, CATALOG_PATH,
			   uuid_string(old->uuid, uuid), old->generation);
	int r = link(CATALOG_PATH, to) < 0 && errno != EEXIST ? -errno : file_sync_dir(to);

	if (r)
		log_err("cannot keep %s as %s: %s: it stays, and no new one is written until that works",
			CATALOG_PATH, to, strerror(-r));
	else
		note(report, xprintf("the catalog from before is kept as %s", to));
	free(to);
	return r;
}

/*
 * Read the catalog and report what became of what it says. A negative return
 * means that the catalog on disk must not be replaced yet.
 */
static int compare(struct daemon *d, struct report *report)
{
	const struct catalog *now = d->pool.catalog;
	struct catalog *old = NULL;
	char uuid[UUID_STRING_SIZE], is[UUID_STRING_SIZE];
	char *reason = NULL;
	int r;

	r = catalog_read(CATALOG_PATH, &old, &reason);
	if (r == -ENOENT) {
		log_info("there is no catalog yet: it is made from the pool");
		return 0;
	}
	if (r) {
		note(report, xprintf("catalog %s: %s: kept as %s.bad, and made again from the pool; extents cannot be compared with it",
				     CATALOG_PATH, reason, CATALOG_PATH));
		free(reason);
		return keep_aside("bad");
	}
	if (memcmp(old->uuid, now->uuid, sizeof(old->uuid))) {
		char *suffix = xprintf("old-%s", uuid_string(old->uuid, uuid));

		note(report, xprintf("pool: another pool: the catalog is of pool %s, this is %s; it is kept as %s.%s",
				     uuid, uuid_string(now->uuid, is), CATALOG_PATH, suffix));
		r = keep_aside(suffix);
		free(suffix);
		catalog_free(old);
		return r;
	}
	report_carry(report, &old->report);
	if (report_compare(report, old, now)) {
		r = keep_copy(report, old);
		catalog_free(old);
		return r;
	}
	if (!report->n && !report->notes.n)
		log_info("pool %s, generation %" PRIu64 ": all %zu extents are where the catalog says",
			 uuid_string(now->uuid, uuid), now->generation, now->n);
	d->written = old;
	return 0;
}

/* What d->report says, for whoever asks; and a line in the journal for what is new. */
static void tell_report(struct daemon *d)
{
	struct strlist differences = { 0 };

	report_differences(&d->report, &differences);
	for (size_t i = 0; i < differences.n; i++) {
		if (!strlist_has(&d->differences, differences.v[i]))
			log_warning("%s", differences.v[i]);
	}
	strlist_clear(&d->differences);
	d->differences = differences;
}

/* The first look at a pool: compare it with what the catalog says it was. */
static int reconcile(struct daemon *d)
{
	struct report report = { .generation = d->pool.catalog->generation };
	int r;

	catalog_free(d->written);
	d->written = NULL;
	r = compare(d, &report);
	report_clear(&d->report);
	d->report = report;
	return r;
}

/* Give the catalog that is to be the report that is. */
static void attach_report(struct daemon *d)
{
	report_follow(&d->report, d->pool.catalog);
	report_clear(&d->pool.catalog->report);
	report_copy(&d->pool.catalog->report, &d->report);
	tell_report(d);
}

int daemon_update_catalog(struct daemon *d)
{
	int r = 0;

	if (!d->reconciled) {
		r = reconcile(d);
		d->reconciled = !r;
	}
	attach_report(d);
	if (!r && (!d->written || !catalog_equal(d->written, d->pool.catalog) ||
		   !report_equal(&d->written->report, &d->report))) {
		r = catalog_write(CATALOG_PATH, d->pool.catalog);
		if (!r) {
			catalog_free(d->written);
			d->written = catalog_dup(d->pool.catalog);
		}
	}
	return r;
}

void daemon_note_ready(struct daemon *d)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	d->report.ready_time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int daemon_forget_report(struct daemon *d)
{
	struct report before;
	int r;

	if (!d->pool.catalog)
		return -ENXIO;
	r = daemon_update_catalog(d);
	if (r)
		return r;
	before = d->report;
	d->report = (struct report){
		.generation = before.generation,
		.ready_time = before.ready_time,
	};
	r = daemon_update_catalog(d);
	if (r) {
		report_clear(&d->report);
		d->report = before;
		attach_report(d);
		return r;
	}
	if (before.n || before.notes.n)
		log_notice("the differences are accepted: the pool with its %zu extents is as it should be",
			   d->pool.catalog->n);
	report_clear(&before);
	return 0;
}
