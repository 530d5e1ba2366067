// SPDX-License-Identifier: GPL-2.0-only
/* The pool as the driver shows it, by libpmpool. */
#include <errno.h>
#include <fcntl.h>
#include <pmpool.h>
#include <string.h>

#include "ctl.h"
#include "pool.h"

_Static_assert(CATALOG_NAME_MAX == PMPOOL_NAME_MAX, "a name fits");
_Static_assert(CATALOG_TAG_LEN == PMPOOL_TAG_LEN, "a tag fits");

void pool_clear(struct pool *pool)
{
	catalog_free(pool->catalog);
	*pool = (struct pool){ 0 };
}

bool pool_equal(const struct pool *a, const struct pool *b)
{
	return a->state == b->state && a->free == b->free && catalog_equal(a->catalog, b->catalog);
}

bool pool_is_cma(const struct pool *pool)
{
	return !strcmp(pool->backing, "cma");
}

const char *pool_state_name(const struct pool *pool)
{
	if (!pool->catalog)
		return "none";
	return pool_state_text(pool->state);
}

static void take_entry(struct catalog_extent *e, const struct pmpool_entry *entry)
{
	strncpy(e->name, pmpool_entry_name(entry), CATALOG_NAME_MAX);
	memcpy(e->uuid, pmpool_entry_uuid(entry), sizeof(e->uuid));
	memcpy(e->tag, pmpool_entry_tag(entry), sizeof(e->tag));
	e->id = pmpool_entry_id(entry);
	e->offset = pmpool_entry_offset(entry);
	e->size = pmpool_entry_size(entry);
	e->generation = pmpool_entry_generation(entry);
	e->uid = pmpool_entry_uid(entry);
	e->gid = pmpool_entry_gid(entry);
	e->mode = pmpool_entry_mode(entry);
}

int pool_read(struct pool *pool)
{
	struct pmpool_entry *entry;
	struct pmpool_pool_info *info;
	uint64_t cursor = 0;
	struct pmpool *p;
	struct catalog *c;
	int r;

	*pool = (struct pool){ 0 };
	r = pmpool_open(NULL, O_RDONLY, &p);
	if (r)
		return r;
	r = pmpool_get_info(p, &info);
	if (r)
		goto close_pool;
	c = xalloc(sizeof(*c));
	memcpy(c->uuid, pmpool_info_uuid(info), sizeof(c->uuid));
	c->generation = pmpool_info_generation(info);
	c->base = pmpool_info_base(info);
	c->size = pmpool_info_size(info);
	c->metadata_size = pmpool_info_metadata_size(info);
	pool->catalog = c;
	pool->state = pmpool_info_state(info);
	pool->free = pmpool_info_free_size(info);
	pool->lent = pmpool_info_lent(info);
	pool->held = pmpool_info_held(info);
	strncpy(pool->backing, pmpool_info_backing(info), sizeof(pool->backing) - 1);
	pool->format = pmpool_info_format_version(info);
	pool->let_go = pmpool_info_handover_time(info);
	pool->attached = pmpool_info_attach_time(info);
	pmpool_info_free(info);
	while (!(r = pmpool_next(p, &cursor, &entry))) {
		take_entry(catalog_add(c), entry);
		pmpool_entry_free(entry);
	}
	if (r == -ENOENT)
		r = 0;
	else
		pool_clear(pool);
close_pool:
	pmpool_close(p);
	return r;
}
