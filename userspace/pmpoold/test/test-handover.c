// SPDX-License-Identifier: GPL-2.0-only
/* The hand-over: what is known of each extent, and how long it took. */
#include <stdlib.h>
#include <string.h>

#include "extents.h"
#include "files.h"
#include "handover.h"
#include "tap.h"

/* An attribute as the driver shows it. */
static void attribute(const char *extent, const char *name, const char *text)
{
	char *path = xprintf("%s/%s", extent, name);

	put(path, text);
	free(path);
}

static bool is(const struct handover_extent *x, const char *name, const char *verdict, int clean,
	       uint64_t first_open)
{
	return !strcmp(x->name, name) && !strcmp(x->verdict, verdict) && x->clean == clean &&
	       x->first_open == first_open;
}

static void test_extents(void)
{
	struct pool pool = { .catalog = make(8), .let_go = 5, .attached = 7 };
	struct report report = { .generation = 7, .ready_time = 9 };
	struct report_extent *e;
	struct handover h = { 0 };

	attribute("extent-0", "first_open", "1234567890123456789\n");
	attribute("extent-0", "was_clean", "1\n");
	attribute("extent-1", "first_open", "0\n");
	attribute("extent-1", "was_clean", "0\n");
	e = report_add(&report);
	memcpy(e->uuid, pool.catalog->extents[1].uuid, sizeof(e->uuid));
	e->verdict = REPORT_MOVED | REPORT_RESIZED;
	e = report_add(&report);
	strcpy(e->name, "lost");
	e->verdict = REPORT_MISSING;
	e->size = 4711;

	handover_fill(&h, &pool, &report, top);
	ok(h.n == 9 && h.let_go == 5 && h.attached == 7 && h.ready == 9, "all of them, and the times");
	ok(is(&h.extents[0], "extent-0", "same", 1, 1234567890123456789), "the same, opened");
	ok(is(&h.extents[1], "extent-1", "moved,resized", 0, 0), "moved, dirty, not opened");
	ok(is(&h.extents[2], "extent-2", "same", -1, 0), "one of which the driver tells nothing");
	ok(is(&h.extents[6], "extent-6", "created", -1, 0), "one of this generation");
	ok(is(&h.extents[8], "lost", "missing", -1, 0) && h.extents[8].missing &&
	   h.extents[8].bytes == 4711 && !h.extents[0].missing, "one that is missing");

	report.generation = 6;
	handover_fill(&h, &pool, &report, top);
	ok(!h.ready, "ready is told of this generation only");
	catalog_free(pool.catalog);
	pool.catalog = NULL;
	handover_fill(&h, &pool, &report, top);
	ok(!h.n && !h.attached, "nothing without a pool");
	report_clear(&report);
}

static void test_times(void)
{
	struct handover h = { .let_go = 100, .attached = 350 };
	uint64_t took = 0;

	ok(handover_took(&h, h.attached, &took) && took == 250, "how long it took");
	ok(!handover_took(&h, 0, &took), "not yet");
	ok(!handover_took(&h, 99, &took), "a clock that was set back tells nothing");
	h.let_go = 0;
	ok(!handover_took(&h, 350, &took), "nor does a kernel that did not say when it ended");
}

int main(void)
{
	begin();
	test_extents();
	test_times();
	end();
	return done();
}
