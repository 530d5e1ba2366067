// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: making declared extents
 *
 * An extent belongs to whoever makes it, and its device appears with its owner,
 * group and mode all at once. So one that is declared for somebody is made as that
 * user: were it given away afterwards, the service that waits for the device
 * would be started in between, and refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fsuid.h>

#include "ctl.h"
#include "declared.h"
#include "log.h"

/* These return what was before, and nothing else: ask again for the truth. */
static bool become(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

static int make(struct pmpool *pool, const struct declaration *d)
{
	struct pmpool_options *options;
	int r;

	r = pmpool_options_new(&options);
	if (r)
		return r;
	pmpool_options_set_mode(options, d->mode);
	pmpool_options_set_align(options, d->align);
	pmpool_options_set_tag(options, d->tag, sizeof(d->tag));
	if (become(d->uid, d->gid))
		r = pmpool_create(pool, d->name, d->size, options, NULL);
	else
		r = -EPERM;
	if (!become(0, 0))
		abort();
	pmpool_options_free(options);
	return r;
}

/* Why, in words, with what the pool has room for. */
static char *reason(const struct declaration *d, struct pmpool *pool, int err)
{
	struct pmpool_pool_info *info = NULL;
	char why[512];

	if (pool && pmpool_get_info(pool, &info))
		info = NULL;
	if (err == -EPERM)
		snprintf(why, sizeof(why), "pmpoold may not act for user %u, group %u: its unit has to leave it CAP_SETUID and CAP_SETGID",
			 d->uid, d->gid);
	else
		create_error(why, sizeof(why), err, d->size, d->align, info);
	if (info)
		pmpool_info_free(info);
	return xprintf("cannot be made: %s; systemctl reload pmpoold tries again", why);
}

size_t declared_make(struct declared *declared, const struct catalog *now,
		     const struct report *lost)
{
	struct pmpool *pool = NULL;
	size_t made = 0;
	int opened = 0, r;

	for (size_t i = 0; i < declared->n; i++) {
		struct declaration *d = &declared->v[i];

		if (d->bad || catalog_by_name(now, d->name))
			continue;
		if (report_misses(lost, d->name)) {
			d->failed = xstrdup("was lost: it is not made anew before that is accepted, by pmpoolctl reconcile");
			continue;
		}
		if (!pool && !opened)
			opened = pmpool_open(NULL, O_RDWR, &pool);
		r = opened ? opened : make(pool, d);
		if (!r)
			log_notice("extent '%s', declared at %s:%u, is made", d->name, d->file,
				   d->line);
		/* Or somebody else was quicker. */
		if (!r || r == -EEXIST)
			made++;
		else
			d->failed = reason(d, pool, r);
	}
	if (pool)
		pmpool_close(pool);
	return made;
}
