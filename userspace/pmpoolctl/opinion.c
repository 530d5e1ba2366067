// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second opinions: what pmpoold wrote down of the pool. When a pool came up
 * damaged, the daemon has made a new catalog of what was left, and kept the one
 * from before beside it.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <catalog.h>

#include "ctl.h"
#include "mend.h"

static bool any_listed(const struct pmpool_format *fmt, const struct catalog *catalog)
{
	size_t i;

	for (i = 0; i < catalog->n; i++) {
		const struct catalog_extent *e = &catalog->extents[i];
		struct pmpool_record rec;

		if (!pmpool_format_read(fmt, e->id % PMPOOL_FORMAT_SLOTS, &rec) &&
		    rec.id == e->id && !memcmp(rec.uuid, e->uuid, sizeof(rec.uuid)))
			return true;
	}
	return false;
}

/* Returns what is wrong with it, or NULL. */
static const char *check_catalog(const struct pmpool_format *fmt, const struct catalog *catalog)
{
	static const u8 none[16];

	if (memcmp(fmt->super.uuid, none, sizeof(none))) {
		if (memcmp(fmt->super.uuid, catalog->uuid, sizeof(none)))
			return "it is of another pool";
	} else if (!any_listed(fmt, catalog)) {
		/* Without a superblock the extents must do for telling. */
		return "it can not be told whether it is of this pool";
	}
	if (catalog->size != fmt->size)
		return "it is of a pool of another size";
	return NULL;
}

static int take(const char *path, bool told, const struct pmpool_format *fmt,
		struct opinions *opinions)
{
	struct opinion *more;
	struct catalog *catalog;
	const char *wrong = NULL;
	char *reason = NULL;
	int ret;

	ret = catalog_read(path, &catalog, &reason);
	if (ret == -ENOENT && !told)
		return CTL_OK;
	if (ret)
		wrong = reason ? reason : "there is none";
	else
		wrong = check_catalog(fmt, catalog);
	if (wrong) {
		/* That of this machine's pool says nothing of an image of another. */
		if (told || ret)
			say("catalog %s is not used: %s", path, wrong);
		if (!ret)
			catalog_free(catalog);
		free(reason);
		return told ? CTL_FAILED : CTL_OK;
	}

	more = reallocarray(opinions->v, opinions->n + 1, sizeof(*more));
	if (!more)
		abort();
	opinions->v = more;
	more[opinions->n++] = (struct opinion){
		.path = xstrdup(path),
		.catalog = catalog,
		.kept = !told && strcmp(path, CATALOG_PATH) != 0,
	};
	return CTL_OK;
}

static int newer_first(const void *a, const void *b)
{
	const struct opinion *x = a, *y = b;

	if (x->kept != y->kept)
		return x->kept - y->kept;
	return (x->catalog->generation < y->catalog->generation) -
	       (x->catalog->generation > y->catalog->generation);
}

int opinions_load(const char *path, const struct pmpool_format *fmt, struct opinions *opinions)
{
	char uuid[UUID_TEXT];
	char *pattern;
	glob_t found;
	size_t i;

	*opinions = (struct opinions){ 0 };
	if (path)
		return take(path, true, fmt, opinions);

	take(CATALOG_PATH, false, fmt, opinions);
	pattern = xprintf("%s.old-%s-g*", CATALOG_PATH, format_uuid(uuid, fmt->super.uuid));
	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			take(found.gl_pathv[i], false, fmt, opinions);
		globfree(&found);
	}
	free(pattern);
	if (opinions->n)
		qsort(opinions->v, opinions->n, sizeof(*opinions->v), newer_first);
	return CTL_OK;
}

void opinions_free(struct opinions *opinions)
{
	size_t i;

	for (i = 0; i < opinions->n; i++) {
		free(opinions->v[i].path);
		catalog_free(opinions->v[i].catalog);
	}
	free(opinions->v);
	*opinions = (struct opinions){ 0 };
}
