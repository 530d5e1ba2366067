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

static void difference(struct daemon *d, char *text)
{
	log_warning("%s", text);
	strlist_add(&d->differences, "%s", text);
	free(text);
}

/* Extents are not what the catalog says: what it says may be needed to repair. */
static int keep_copy(struct daemon *d, const struct catalog *old)
{
	char uuid[UUID_STRING_SIZE];
	char *to = xprintf("%s.old-%s-g%" PRIu64, CATALOG_PATH,
			   uuid_string(old->uuid, uuid), old->generation);
	int r = link(CATALOG_PATH, to) < 0 && errno != EEXIST ? -errno : file_sync_dir(to);

	if (r)
		log_err("cannot keep %s as %s: %s: it stays, and no new one is written until that works",
			CATALOG_PATH, to, strerror(-r));
	else
		difference(d, xprintf("the catalog from before is kept as %s", to));
	free(to);
	return r;
}

/*
 * The first look at a pool: compare it with what the catalog says it was. A
 * negative return means that the catalog on disk must not be replaced yet.
 */
static int reconcile(struct daemon *d)
{
	const struct catalog *now = d->pool.catalog;
	struct strlist found = { 0 };
	struct catalog *old = NULL;
	char uuid[UUID_STRING_SIZE], is[UUID_STRING_SIZE];
	char *reason = NULL;
	int r;

	strlist_clear(&d->differences);
	catalog_free(d->written);
	d->written = NULL;
	r = catalog_read(CATALOG_PATH, &old, &reason);
	if (r == -ENOENT) {
		log_info("there is no catalog yet: it is made from the pool");
		return 0;
	}
	if (r) {
		difference(d, xprintf("catalog %s: %s: kept as %s.bad, and made again from the pool; extents cannot be compared with it",
				      CATALOG_PATH, reason, CATALOG_PATH));
		free(reason);
		return keep_aside("bad");
	}
	if (memcmp(old->uuid, now->uuid, sizeof(old->uuid))) {
		char *suffix = xprintf("old-%s", uuid_string(old->uuid, uuid));

		difference(d, xprintf("pool: another pool: the catalog is of pool %s, this is %s; it is kept as %s.%s",
				      uuid, uuid_string(now->uuid, is), CATALOG_PATH, suffix));
		r = keep_aside(suffix);
		free(suffix);
		catalog_free(old);
		return r;
	}
	r = catalog_compare(old, now, &found) ? 1 : 0;
	for (size_t i = 0; i < found.n; i++)
		difference(d, xstrdup(found.v[i]));
	strlist_clear(&found);
	if (!d->differences.n)
		log_info("pool %s, generation %" PRIu64 ": all %zu extents are where the catalog says",
			 uuid_string(now->uuid, uuid), now->generation, now->n);
	if (r) {
		r = keep_copy(d, old);
		catalog_free(old);
		return r;
	}
	d->written = old;
	return 0;
}

int daemon_update_catalog(struct daemon *d)
{
	int r = 0;

	if (!d->reconciled) {
		r = reconcile(d);
		d->reconciled = !r;
	}
	if (!r && (!d->written || !catalog_equal(d->written, d->pool.catalog))) {
		r = catalog_write(CATALOG_PATH, d->pool.catalog);
		if (!r) {
			catalog_free(d->written);
			d->written = catalog_dup(d->pool.catalog);
		}
	}
	return r;
}
