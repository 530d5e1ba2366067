// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the hand-over
 *
 * The last kernel writes the time into the pool when it lets go of it, at its
 * end; the driver knows when it attached the pool, and when each extent was first
 * opened after that. All are times of the wall clock, the only one that two
 * kernels share. It is read from the real-time clock, in whole seconds, when a
 * kernel starts, and may be set later: what comes out negative is not told.
 */
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "handover.h"

void handover_clear(struct handover *handover)
{
	free(handover->extents);
	*handover = (struct handover){ 0 };
}

/* A number in sysfs; otherwise: the extent is gone, or the driver is older. */
static uint64_t attribute(const char *sysfs, const char *extent, const char *name,
			  uint64_t otherwise)
{
	char *path = xprintf("%s/%s/%s", sysfs, extent, name);
	uint64_t value = otherwise;
	char *text;

	if (!file_read(path, 64, &text, NULL)) {
		value = strtoull(text, NULL, 10);
		free(text);
	}
	free(path);
	return value;
}

void handover_fill(struct handover *h, const struct pool *pool, const struct report *report,
		   const char *sysfs)
{
	const struct catalog *c = pool->catalog;

	handover_clear(h);
	if (!c)
		return;
	h->let_go = pool->let_go;
	h->attached = pool->attached;
	if (report->generation == c->generation)
		h->ready = report->ready_time;
	h->extents = xalloc((c->n + report->n) * sizeof(*h->extents));
	for (size_t i = 0; i < c->n; i++) {
		const struct catalog_extent *e = &c->extents[i];
		const struct report_extent *r = report_find(report, e->uuid);
		struct handover_extent *x = &h->extents[h->n++];

		memcpy(x->name, e->name, sizeof(x->name));
		x->bytes = e->size;
		x->first_open = attribute(sysfs, e->name, "first_open", 0);
		x->clean = (int)attribute(sysfs, e->name, "was_clean", (uint64_t)-1);
		if (!r && e->generation == c->generation)
			strcpy(x->verdict, "created");
		else
			report_verdict(r ? r->verdict : 0, x->verdict);
	}
	for (size_t i = 0; i < report->n; i++) {
		const struct report_extent *r = &report->extents[i];
		struct handover_extent *x;

		if (!(r->verdict & REPORT_MISSING))
			continue;
		x = &h->extents[h->n++];
		memcpy(x->name, r->name, sizeof(x->name));
		report_verdict(r->verdict, x->verdict);
		x->missing = true;
		x->clean = -1;
		x->bytes = r->size;
	}
}

bool handover_took(const struct handover *h, uint64_t then, uint64_t *nanoseconds)
{
	if (!h->let_go || !then || then < h->let_go)
		return false;
	*nanoseconds = then - h->let_go;
	return true;
}
