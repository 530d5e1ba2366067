// SPDX-License-Identifier: GPL-2.0-only
/* The report: what is found, carried on and forgotten. */
#include <stdlib.h>
#include <string.h>

#include "extents.h"
#include "tap.h"

static bool has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strstr(list->v[i], text))
			return true;
	}
	return false;
}

/* What is said of an extent that b has, or of a missing one of a. */
static const char *verdict(const struct report *r, const struct catalog_extent *of)
{
	static char buf[REPORT_VERDICT_SIZE];
	const struct report_extent *e = report_find(r, of->uuid);

	return report_verdict(e ? e->verdict : 0, buf);
}

static void test_compare(void)
{
	struct catalog *a = make(6), *b = make(6);
	struct report r = { .generation = 8 };
	struct catalog_extent *e;
	struct strlist d = { 0 };
	size_t n;

	b->generation++;
	ok(!report_compare(&r, a, b) && !r.n && !r.notes.n,
	   "the next generation of the same is no difference");

	e = catalog_add(b);
	*e = b->extents[b->n - 2];
	strcpy(e->name, "late");
	e->uuid[14] = 9;
	e->offset += 2 * BLOCK;
	n = report_compare(&r, a, b);
	report_differences(&r, &d);
	ok(!n && r.n == 1 && !strcmp(verdict(&r, e), "new") && !d.n,
	   "a new one: which is no difference to be told");
	report_clear(&r);

	b->extents[0].offset += BLOCK;
	b->extents[1].size += 5;
	strcpy(b->extents[2].name, "other");
	b->extents[3].uuid[13] = 1;		/* another one of that name */
	memset(b->extents[4].uuid, 0, 16);	/* gone, and something else in its place */
	strcpy(b->extents[4].name, "else");
	b->extents[5].mode = 0600;
	b->extents[5].size++;
	n = report_compare(&r, a, b);
	report_differences(&r, &d);
	ok(n == 7 && r.n == 8 && d.n == 7, "seven differences of six, and two new ones");
	ok(has(&d, "'extent-0': moved: offset was 0x200000, is 0x400000"), "moved");
	ok(has(&d, "'extent-1': resized: size was 2097153, is 2097158"), "resized");
	ok(has(&d, "'extent-2': renamed to 'other'"), "renamed");
	ok(has(&d, "'extent-3': replaced by another"), "replaced");
	ok(has(&d, "'extent-4': missing: was 2097156 bytes at offset 0x1200000"), "missing");
	ok(has(&d, "'extent-5': access changed: was 1000:4000000000 mode 0640, is 1000:4000000000 mode 0600"),
	   "access");
	ok(!strcmp(verdict(&r, &b->extents[0]), "moved") &&
	   !strcmp(verdict(&r, &b->extents[2]), "renamed") &&
	   !strcmp(verdict(&r, &b->extents[3]), "replaced") &&
	   !strcmp(verdict(&r, &a->extents[4]), "missing") &&
	   !strcmp(verdict(&r, &b->extents[5]), "resized,access"), "a word for each");
	ok(report_misses(&r, "extent-4") && !report_misses(&r, "extent-0"), "which is missing");
	strlist_clear(&d);
	report_clear(&r);

	b->generation = 3;
	b->size += BLOCK;
	ok(report_compare(&r, a, b) == 9 && has(&r.notes, "generation went back from 7 to 3"),
	   "generation");
	ok(has(&r.notes, "pool: region was"), "region");
	report_clear(&r);
	catalog_free(a);
	catalog_free(b);
}

/* A loss is told until somebody has taken note. */
static void test_carry(void)
{
	struct catalog *a = make(3), *b = make(3), *one = make(1);
	struct report first = { .generation = 7, .ready_time = 5 };
	struct report again = { .generation = 7 }, next = { .generation = 8 };
	struct strlist d = { 0 };

	strlist_add(&first.notes, "a note");
	b->n = 2;
	strcpy(b->extents[1].name, "late");
	b->extents[1].uuid[14] = 9;
	report_compare(&first, a, b);
	ok(first.n == 3, "two are missing, one is new");

	report_carry(&again, &first);
	ok(report_equal(&again, &first), "the daemon started again knows all of it");

	report_carry(&next, &first);
	ok(next.n == 2 && next.notes.n == 1 && !next.ready_time && report_misses(&next, "extent-1") &&
	   report_misses(&next, "extent-2"), "after the next kexec the losses are left");

	b->extents[0].size++;
	one->size = b->size;
	report_compare(&next, one, b);
	report_follow(&next, b);
	ok(next.n == 4 && !strcmp(verdict(&next, &b->extents[0]), "resized"),
	   "and what has happened since is added");

	strcpy(b->extents[0].name, "renamed");
	report_follow(&next, b);
	ok(!strcmp(report_find(&next, b->extents[0].uuid)->name, "renamed"), "a name is followed");

	b->n = 3;	/* the last one is there again: it was damaged, and is repaired */
	report_follow(&next, b);
	ok(next.n == 3 && !report_misses(&next, "extent-2") && report_misses(&next, "extent-1"),
	   "one that is back is not missing");

	b->n = 0;	/* somebody removed what there was */
	report_follow(&next, b);
	report_differences(&next, &d);
	ok(next.n == 1 && d.n == 2 && has(&d, "'extent-1': missing"),
	   "one that was removed is not told, one that was missing is");
	strlist_clear(&d);
	report_clear(&first);
	report_clear(&again);
	report_clear(&next);
	catalog_free(one);
	catalog_free(a);
	catalog_free(b);
}

int main(void)
{
	test_compare();
	test_carry();
	return done();
}
