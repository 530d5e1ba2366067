// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the report
 *
 * What has become of the extents since an administrator last took note. It is
 * made when a pool was attached, from the catalog that the last kernel's daemon
 * left. It stays in the catalog until somebody accepts it: neither a restart of
 * the daemon nor another kexec makes a loss forgotten.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "report.h"

_Static_assert(sizeof(((struct report_extent *)0)->name) == CATALOG_NAME_MAX + 1, "a name fits");
_Static_assert(sizeof(((struct report_extent *)0)->uuid) == CATALOG_UUID_LEN, "a uuid fits");

static void extent_clear(struct report_extent *e)
{
	strlist_clear(&e->texts);
}

void report_clear(struct report *report)
{
	for (size_t i = 0; i < report->n; i++)
		extent_clear(&report->extents[i]);
	free(report->extents);
	strlist_clear(&report->notes);
	*report = (struct report){ 0 };
}

struct report_extent *report_add(struct report *report)
{
	struct report_extent *e;

	e = realloc(report->extents, (report->n + 1) * sizeof(*e));
	if (!e)
		abort();
	report->extents = e;
	e += report->n++;
	*e = (struct report_extent){ 0 };
	return e;
}

static void add_copy(struct report *to, const struct report_extent *from)
{
	struct report_extent *e = report_add(to);

	*e = *from;
	e->texts = (struct strlist){ 0 };
	strlist_copy(&e->texts, &from->texts);
}

void report_copy(struct report *to, const struct report *from)
{
	*to = (struct report){
		.generation = from->generation,
		.ready_time = from->ready_time,
	};
	strlist_copy(&to->notes, &from->notes);
	for (size_t i = 0; i < from->n; i++)
		add_copy(to, &from->extents[i]);
}

static bool extent_equal(const struct report_extent *a, const struct report_extent *b)
{
	return !strcmp(a->name, b->name) && !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) &&
	       a->verdict == b->verdict && a->size == b->size &&
	       strlist_equal(&a->texts, &b->texts);
}

bool report_equal(const struct report *a, const struct report *b)
{
	if (a->generation != b->generation || a->ready_time != b->ready_time || a->n != b->n ||
	    !strlist_equal(&a->notes, &b->notes))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!extent_equal(&a->extents[i], &b->extents[i]))
			return false;
	}
	return true;
}

static struct report_extent *find(const struct report *report, const uint8_t *uuid)
{
	for (size_t i = 0; i < report->n; i++) {
		if (!memcmp(report->extents[i].uuid, uuid, CATALOG_UUID_LEN))
			return &report->extents[i];
	}
	return NULL;
}

const struct report_extent *report_find(const struct report *report, const uint8_t *uuid)
{
	return find(report, uuid);
}

bool report_misses(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->n; i++) {
		if (report->extents[i].verdict & REPORT_MISSING &&
		    !strcmp(report->extents[i].name, name))
			return true;
	}
	return false;
}

/* The one of that extent, made when there is none. */
static struct report_extent *get(struct report *report, const struct catalog_extent *of)
{
	struct report_extent *e = find(report, of->uuid);

	if (!e) {
		e = report_add(report);
		memcpy(e->uuid, of->uuid, sizeof(e->uuid));
	}
	memcpy(e->name, of->name, sizeof(e->name));
	e->size = of->size;
	return e;
}

/*
 * Comparing.
 */

static uint32_t compare_extent(struct strlist *out, const struct catalog_extent *a,
			       const struct catalog_extent *b)
{
	uint32_t verdict = 0;

	if (strcmp(a->name, b->name)) {
		strlist_add(out, "extent '%s': renamed to '%s'", a->name, b->name);
		verdict |= REPORT_RENAMED;
	}
	if (a->offset != b->offset) {
		strlist_add(out, "extent '%s': moved: offset was %#" PRIx64 ", is %#" PRIx64,
			    b->name, a->offset, b->offset);
		verdict |= REPORT_MOVED;
	}
	if (a->size != b->size) {
		strlist_add(out, "extent '%s': resized: size was %" PRIu64 ", is %" PRIu64,
			    b->name, a->size, b->size);
		verdict |= REPORT_RESIZED;
	}
	if (a->uid != b->uid || a->gid != b->gid || a->mode != b->mode) {
		strlist_add(out, "extent '%s': access changed: was %u:%u mode %04o, is %u:%u mode %04o",
			    b->name, a->uid, a->gid, a->mode, b->uid, b->gid, b->mode);
		verdict |= REPORT_ACCESS;
	}
	if (a->id != b->id || a->generation != b->generation ||
	    memcmp(a->tag, b->tag, CATALOG_TAG_LEN)) {
		strlist_add(out, "extent '%s': its id, tag or generation changed", b->name);
		verdict |= REPORT_CHANGED;
	}
	return verdict;
}

size_t report_compare(struct report *report, const struct catalog *old,
		      const struct catalog *now)
{
	size_t n = 0;

	if (now->generation < old->generation) {
		strlist_add(&report->notes, "pool: generation went back from %" PRIu64 " to %" PRIu64 ": its metadata is older than the catalog",
			    old->generation, now->generation);
		n++;
	}
	if (now->base != old->base || now->size != old->size) {
		strlist_add(&report->notes, "pool: region was %#" PRIx64 " bytes at %#" PRIx64 ", is %#" PRIx64 " bytes at %#" PRIx64,
			    old->size, old->base, now->size, now->base);
		n++;
	}
	for (size_t i = 0; i < old->n; i++) {
		const struct catalog_extent *a = &old->extents[i], *b;
		struct strlist found = { 0 };
		struct report_extent *e;
		uint32_t verdict;

		b = catalog_by_uuid(now, a->uuid);
		if (b) {
			verdict = compare_extent(&found, a, b);
			n += found.n;
		} else {
			b = catalog_by_name(now, a->name);
			verdict = b ? REPORT_REPLACED : REPORT_MISSING;
			strlist_add(&found, "extent '%s': %s: was %" PRIu64 " bytes at offset %#" PRIx64 ", in the catalog since generation %" PRIu64,
				    a->name, b ? "replaced by another of that name" : "missing",
				    a->size, a->offset, a->generation);
			n++;
		}
		if (!verdict)
			continue;
		e = get(report, b ? b : a);
		e->verdict |= verdict;
		strlist_move(&e->texts, &found);
	}
	for (size_t i = 0; i < now->n; i++) {
		const struct catalog_extent *b = &now->extents[i];
		struct report_extent *e;

		if (catalog_by_uuid(old, b->uuid) || catalog_by_name(old, b->name))
			continue;
		e = get(report, b);
		e->verdict |= REPORT_NEW;
		strlist_add(&e->texts, "extent '%s': new: %" PRIu64 " bytes at offset %#" PRIx64,
			    b->name, b->size, b->offset);
	}
	return n;
}

/*
 * As time goes by.
 */

void report_carry(struct report *report, const struct report *earlier)
{
	bool same = report->generation == earlier->generation;

	if (same)
		report->ready_time = earlier->ready_time;
	strlist_copy(&report->notes, &earlier->notes);
	for (size_t i = 0; i < earlier->n; i++) {
		if (same || earlier->extents[i].verdict != REPORT_NEW)
			add_copy(report, &earlier->extents[i]);
	}
}

void report_follow(struct report *report, const struct catalog *now)
{
	size_t kept = 0;

	for (size_t i = 0; i < report->n; i++) {
		struct report_extent *e = &report->extents[i];
		const struct catalog_extent *is = catalog_by_uuid(now, e->uuid);

		/* A missing one that is back is no loss; another one is gone by intention. */
		if (!!(e->verdict & REPORT_MISSING) == !!is) {
			extent_clear(e);
			continue;
		}
		if (is) {
			memcpy(e->name, is->name, sizeof(e->name));
			e->size = is->size;
		}
		report->extents[kept++] = *e;
	}
	report->n = kept;
}

void report_differences(const struct report *report, struct strlist *differences)
{
	strlist_copy(differences, &report->notes);
	for (size_t i = 0; i < report->n; i++) {
		if (report->extents[i].verdict != REPORT_NEW)
			strlist_copy(differences, &report->extents[i].texts);
	}
}

const char *report_verdict(uint32_t verdict, char buf[REPORT_VERDICT_SIZE])
{
	static const char *const words[] = {
		"missing", "moved", "resized", "renamed", "replaced", "access", "changed", "new",
	};
	char *p = buf;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (verdict & 1u << i)
			p += sprintf(p, "%s%s", p == buf ? "" : ",", words[i]);
	}
	if (p == buf)
		strcpy(buf, "same");
	return buf;
}
