/* SPDX-License-Identifier: GPL-2.0-only */
/* A catalog to test with. */
#ifndef PMPOOLD_TEST_EXTENTS_H
#define PMPOOLD_TEST_EXTENTS_H

#include <stdio.h>
#include <string.h>

#include "catalog.h"

#define BLOCK (2ULL << 20)

/* n extents, a block apart from each other. */
static struct catalog *make(size_t n)
{
	struct catalog *c = xalloc(sizeof(*c));

	memset(c->uuid, 0xab, sizeof(c->uuid));
	c->generation = 7;
	c->base = 0x100000000;
	c->metadata_size = BLOCK;
	c->size = (n + 1) * 2 * BLOCK;
	for (size_t i = 0; i < n; i++) {
		struct catalog_extent *e = catalog_add(c);

		snprintf(e->name, sizeof(e->name), "extent-%zu", i);
		memcpy(e->uuid, &i, sizeof(i));
		e->uuid[15] = 1;
		memcpy(e->tag, "pmkv 1", 6);
		e->id = i + 1;
		e->offset = BLOCK + i * 2 * BLOCK;
		e->size = BLOCK + i;
		e->generation = 1 + i % 7;
		e->uid = 1000;
		e->gid = 4000000000u;
		e->mode = 0640;
	}
	return c;
}

#endif
