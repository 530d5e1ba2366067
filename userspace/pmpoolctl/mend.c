// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be done about what is wrong with metadata. A plan is made on a copy,
 * each step being carried out there at once, so that a later one sees what an
 * earlier one has done; and what the copy then still has wrong is what is left.
 *
 * Nothing is guessed. What is in one of two places is taken from there; what is
 * in neither is taken from a catalog, if it fits; and who is right among extents
 * that contradict each other is decided by a catalog that lists one of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <catalog.h>

#include "ctl.h"
#include "mend.h"

#define BLOCK_SIZE PMPOOL_FORMAT_BLOCK_SIZE

struct planner {
	struct pmpool_format *fmt;
	const struct opinions *opinions;
	struct plan *plan;
	bool device;
	/* Extents that shared blocks: the driver trusts none of them. */
	bool doubted[PMPOOL_FORMAT_SLOTS];
};

/*
 * Carrying out a step in memory.
 */

static void put(struct pmpool_format *fmt, u64 at, const void *from, size_t size)
{
	const u64 *word = from;
	u64 *to = (u64 *)((u8 *)fmt->mem + at);
	size_t i;

	for (i = 0; i < size / sizeof(u64); i++)
		WRITE_ONCE(to[i], word[i]);
	smp_wmb();
}

static void apply(struct pmpool_format *fmt, const struct step *step)
{
	struct pmpool_format_super super;
	__le64 word;

	switch (step->kind) {
	case STEP_SUPER_COPY:
		memcpy(&super, (u8 *)fmt->mem + step->from, sizeof(super));
		put(fmt, step->to, &super, sizeof(super));
		break;
	case STEP_SUPER_MAKE:
		fmt->super = step->super;
		/* It writes both; and counts an attach, which this is none of. */
		fmt->super.generation--;
		pmpool_format_attach(fmt, step->super.attach_time, step->super.kernel);
		break;
	case STEP_RECORD:
	case STEP_PLACE:
		put(fmt, place_offset(fmt, (u32)step->slot, 0), &step->record,
		    sizeof(step->record));
		put(fmt, place_offset(fmt, (u32)step->slot, 1), &step->record,
		    sizeof(step->record));
		break;
	case STEP_CONFIRM:
		break;
	case STEP_ZERO:
		memset((u8 *)fmt->mem + step->to, 0, step->size);
		break;
	case STEP_UNSEAL:
		pmpool_hold_unseal(fmt, PMPOOL_HOLD_ANY_BASE);
		break;
	case STEP_BITS:
		memcpy(&word, (u8 *)fmt->mem + step->to, sizeof(word));
		word &= cpu_to_le64(~step->size);
		put(fmt, step->to, &word, sizeof(word));
		break;
	}
}

__attribute__((format(printf, 3, 4)))
static void add(struct planner *p, struct step step, const char *format, ...)
{
	struct plan *plan = p->plan;
	va_list args;

	va_start(args, format);
	if (vasprintf(&step.text, format, args) < 0)
		abort();
	va_end(args);

	plan->v = reallocarray(plan->v, plan->n + 1, sizeof(*plan->v));
	if (!plan->v)
		abort();
	plan->v[plan->n++] = step;
	apply(p->fmt, &step);
}

__attribute__((format(printf, 2, 3)))
static void because(char **why, const char *format, ...)
{
	va_list args;

	free(*why);
	va_start(args, format);
	if (vasprintf(why, format, args) < 0)
		abort();
	va_end(args);
}

/*
 * Records.
 */

/*
 * The change after all that a slot has seen, so that no id of it is given
 * twice. A count that is too high to be true is damage.
 */
static u64 next_seq(const struct slot_view *view, u64 id)
{
	u64 seq = id / PMPOOL_FORMAT_SLOTS;
	int i;

	for (i = 0; i < 2; i++) {
		u64 of = le64_to_cpu(view->place[i].seq);

		if (view->valid[i] || of < 1ULL << 40)
			seq = max(seq, of);
	}
	return seq + 1;
}

static void finish_record(struct pmpool_format_record *disk, u64 seq)
{
	disk->magic = cpu_to_le32(PMPOOL_FORMAT_RECORD_MAGIC);
	disk->seq = cpu_to_le64(seq);
	disk->crc = cpu_to_le32(record_checksum(disk));
}

/* Returns whether the catalog's extent can stand in that slot at all. */
static bool record_from_catalog(const struct pmpool_format *fmt, u32 slot,
				const struct catalog_extent *e, const struct slot_view *view,
				struct pmpool_format_record *disk)
{
	struct pmpool_record rec;

	memset(disk, 0, sizeof(*disk));
	disk->type = cpu_to_le32(PMPOOL_FORMAT_RECORD_EXTENT);
	/* Not clean: nobody knows. */
	disk->uid = cpu_to_le32(e->uid);
	disk->gid = cpu_to_le32(e->gid);
	disk->mode = cpu_to_le32(e->mode);
	disk->first_block = cpu_to_le64((u64)e->offset / BLOCK_SIZE);
	disk->blocks = cpu_to_le64((u64)e->size / BLOCK_SIZE + (e->size % BLOCK_SIZE != 0));
	disk->length = cpu_to_le64(e->size);
	disk->id = cpu_to_le64(e->id);
	disk->generation = cpu_to_le64(e->generation);
	memcpy(disk->uuid, e->uuid, sizeof(disk->uuid));
	memcpy(disk->tag, e->tag, sizeof(disk->tag));
	memcpy(disk->name, e->name, sizeof(disk->name));
	finish_record(disk, next_seq(view, e->id));
	return e->offset % BLOCK_SIZE == 0 && pmpool_format_decode(fmt, slot, disk, &rec);
}

/* Whether an extent contradicts none of the others; else say which. */
static bool fits(const struct pmpool_format *fmt, u32 slot, const struct pmpool_format_record *disk,
		 char why[WHY_SIZE])
{
	u64 first = le64_to_cpu(disk->first_block);
	u64 end = first + le64_to_cpu(disk->blocks);
	struct pmpool_record rec;
	u32 i;

	if (blocks_held(fmt, first, end - first)) {
		snprintf(why, WHY_SIZE, "its blocks are in use inside the kernel");
		return false;
	}
	for (i = 0; i < PMPOOL_FORMAT_SLOTS; i++) {
		if (i == slot || pmpool_format_read(fmt, i, &rec) ||
		    rec.type != PMPOOL_FORMAT_RECORD_EXTENT)
			continue;
		if (rec.first_block < end && first < rec.first_block + rec.blocks) {
			snprintf(why, WHY_SIZE, "its blocks are in use by '%s', slot %u",
				 rec.name, i);
			return false;
		}
		if (!memcmp(rec.name, disk->name, sizeof(rec.name))) {
			snprintf(why, WHY_SIZE, "slot %u has that name", i);
			return false;
		}
	}
	return true;
}

static struct step record_step(u32 slot, const struct pmpool_format_record *disk)
{
	struct step step = { .kind = STEP_RECORD, .slot = (int)slot, .record = *disk };

	memcpy(step.name, disk->name, sizeof(step.name));
	return step;
}

static struct step free_step(u32 slot, const struct slot_view *view, u64 id)
{
	struct pmpool_format_record disk = { 0 };
	struct step step;

	disk.type = cpu_to_le32(PMPOOL_FORMAT_RECORD_FREE);
	finish_record(&disk, next_seq(view, id));
	step = record_step(slot, &disk);
	memcpy(step.name, view->name, sizeof(step.name));
	return step;
}

static u64 view_id(const struct slot_view *view)
{
	return view->good < 0 ? 0 : le64_to_cpu(view->place[view->good].id);
}

/*
 * Catalogs.
 */

static const struct catalog_extent *entry_of_slot(const struct catalog *catalog, u32 slot)
{
	size_t i;

	for (i = 0; i < catalog->n; i++)
		if (catalog->extents[i].id % PMPOOL_FORMAT_SLOTS == slot)
			return &catalog->extents[i];
	return NULL;
}

static const struct catalog_extent *entry_of(const struct catalog *catalog,
					     const struct pmpool_record *rec)
{
	size_t i;

	for (i = 0; i < catalog->n; i++)
		if (catalog->extents[i].id == rec->id &&
		    !memcmp(catalog->extents[i].uuid, rec->uuid, sizeof(rec->uuid)))
			return &catalog->extents[i];
	return NULL;
}

/* Whether what is legible of a damaged record speaks for an entry. */
static bool resembles(const struct slot_view *view, const struct catalog_extent *e)
{
	int i;

	for (i = 0; i < 2; i++)
		if (le64_to_cpu(view->place[i].id) == e->id ||
		    !memcmp(view->place[i].uuid, e->uuid, sizeof(e->uuid)) ||
		    !memcmp(view->place[i].name, e->name, sizeof(e->name)))
			return true;
	return false;
}

/*
 * Superblocks.
 */

static void plan_lost_supers(struct planner *p)
{
	struct step step = { .kind = STEP_SUPER_MAKE, .slot = -1 };
	const struct catalog *catalog;
	struct timespec now;

	if (!p->opinions->n) {
		because(&p->plan->why_super,
			"both are lost, and there is no catalog of this pool to make them from");
		return;
	}
	catalog = p->opinions->v[0].catalog;
	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(step.super.uuid, catalog->uuid, sizeof(step.super.uuid));
	step.super.generation = catalog->generation;
	step.super.attach_time = (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
	snprintf(step.super.kernel, sizeof(step.super.kernel), "pmpoolctl");
	add(p, step, "superblock: both copies made anew, with uuid and generation %" PRIu64
	    " from catalog %s", catalog->generation, p->opinions->v[0].path);
}

static void plan_supers(struct planner *p)
{
	struct step step = { .kind = STEP_SUPER_COPY, .slot = -1 };
	struct pmpool_format *fmt = p->fmt;
	struct pmpool_super super[2];
	char why[WHY_SIZE];
	bool valid[2];
	int use, i;

	for (i = 0; i < 2; i++)
		valid[i] = !examine_super(fmt, super_offset(fmt, i), &super[i], why);
	if (valid[0] && valid[1] &&
	    !memcmp(fmt->mem, (u8 *)fmt->mem + fmt->copy_offset, sizeof(struct pmpool_format_super)))
		return;
	if (p->device) {
		because(&p->plan->why_super,
			"the driver writes both copies anew when it lets go of the pool");
		return;
	}
	if (!valid[0] && !valid[1]) {
		plan_lost_supers(p);
		return;
	}

	use = !valid[0] || (valid[1] && super[1].seq > super[0].seq);
	step.from = super_offset(fmt, use);
	step.to = super_offset(fmt, !use);
	add(p, step, "superblock: %s copy written anew from the %s", place_names[!use],
	    place_names[use]);
}

/*
 * What is to be given up.
 */

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* Whether a user inside the kernel may be given up: damaged, or shares with another. */
static bool hold_doubtful(const struct pmpool_format *fmt, u32 index)
{
	struct pmpool_hold hold, other;
	int ret = pmpool_hold_read(fmt, index, &hold);
	u32 i;

	for (i = 0; !ret && i < PMPOOL_HOLD_SLOTS; i++)
		if (i != index && !pmpool_hold_read(fmt, i, &other) &&
		    other.first < hold.first + hold.blocks &&
		    hold.first < other.first + other.blocks)
			return true;
	return ret == -EBADMSG;
}

/* Slots that may be given up: nothing that is intact is. */
static void find_doubtful(struct pmpool_format *fmt, bool doubtful[PMPOOL_FORMAT_SLOTS])
{
	struct findings found;
	bool blind;
	size_t i;

	memset(doubtful, 0, PMPOOL_FORMAT_SLOTS * sizeof(*doubtful));
	examine(fmt, &found, &blind);
	for (i = 0; i < found.n; i++) {
		const struct finding *f = &found.v[i];

		if (!strcmp(f->kind, "record-damaged") || !strcmp(f->kind, "record-vanished"))
			doubtful[f->slot] = true;
		if (!strcmp(f->kind, "hold-overlap") && f->slot >= 0)
			doubtful[f->slot] = true;
		if (f->other >= 0) {
			doubtful[f->slot] = true;
			doubtful[f->other] = true;
		}
	}
	findings_free(&found);
}

/* Whether a slot is the one that is meant by name. */
static bool is_called(const struct planner *p, u32 slot, const struct slot_view *view,
		      const char *name)
{
	size_t i;

	if (view->name[0])
		return !strcmp(view->name, name);
	for (i = 0; i < p->opinions->n; i++) {
		const struct catalog_extent *e = entry_of_slot(p->opinions->v[i].catalog, slot);

		if (e)
			return !strcmp(e->name, name);
	}
	return false;
}

/* The slot that text means, or -1, which is explained. */
static int find_given_up(const struct planner *p, const char *text, const bool *doubtful)
{
	struct slot_view view;
	char what[SLOT_TEXT];
	bool intact = false;
	int found = -1;
	u32 slot;

	if (is_number(text)) {
		unsigned long number = strtoul(text, NULL, 10);

		if (number >= PMPOOL_FORMAT_SLOTS) {
			say("--give-up '%s': the last slot is %u", text, PMPOOL_FORMAT_SLOTS - 1);
			return -1;
		}
		if (doubtful[number])
			return (int)number;
		slot_look(p->fmt, (u32)number, &view);
		say("--give-up '%s': %s: not damaged; see pmpoolctl remove", text,
		    slot_text(what, &view, (u32)number));
		return -1;
	}

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		slot_look(p->fmt, slot, &view);
		if (!is_called(p, slot, &view, text))
			continue;
		if (!doubtful[slot]) {
			intact = true;
			continue;
		}
		if (found >= 0) {
			say("--give-up '%s': slots %d and %u have that name: say which slot", text,
			    found, slot);
			return -1;
		}
		found = (int)slot;
	}
	if (found < 0 && intact)
		say("--give-up '%s': it is not damaged; see pmpoolctl remove", text);
	else if (found < 0)
		say("--give-up '%s': no damaged record is of that name; give the number of a slot",
		    text);
	return found;
}

#define HOLD_PREFIX "kernel:"

/* What a user inside the kernel has, by the number of its record. */
static int plan_give_up_hold(struct planner *p, const char *text)
{
	const char *number = text + strlen(HOLD_PREFIX);
	unsigned long index = strtoul(number, NULL, 10);
	struct pmpool_hold hold;
	struct step step = { .kind = STEP_ZERO, .slot = -1 };

	if (!is_number(number) || index >= PMPOOL_HOLD_SLOTS) {
		say("--give-up '%s': the kernel's records are %s0 to %s%u", text, HOLD_PREFIX,
		    HOLD_PREFIX, PMPOOL_HOLD_SLOTS - 1);
		return CTL_USAGE;
	}
	if (p->device) {
		say("--give-up '%s': the kernel's records are mended in an image only", text);
		return CTL_USAGE;
	}
	if (!hold_doubtful(p->fmt, (u32)index)) {
		say("--give-up '%s': %s: not damaged", text,
		    pmpool_hold_read(p->fmt, (u32)index, &hold) ? "not in use" : "in use");
		return CTL_USAGE;
	}
	step.to = hold_offset((u32)index);
	step.size = sizeof(struct pmpool_hold_record);
	add(p, step, "kernel, record %lu: given up, as told; nobody inside the kernel has it any more",
	    index);
	return CTL_OK;
}

static int plan_give_up(struct planner *p, char *const *give_up, size_t n)
{
	bool doubtful[PMPOOL_FORMAT_SLOTS];
	struct slot_view view;
	char what[SLOT_TEXT];
	u64 id;
	size_t i, j;
	int slot;

	find_doubtful(p->fmt, doubtful);
	for (i = 0; i < n; i++) {
		if (!strncmp(give_up[i], HOLD_PREFIX, strlen(HOLD_PREFIX))) {
			slot = plan_give_up_hold(p, give_up[i]);
			if (slot)
				return slot;
			continue;
		}
		slot = find_given_up(p, give_up[i], doubtful);
		if (slot < 0)
			return CTL_USAGE;
		slot_look(p->fmt, (u32)slot, &view);
		id = view_id(&view);
		for (j = 0; j < p->opinions->n && !id; j++) {
			const struct catalog_extent *e =
				entry_of_slot(p->opinions->v[j].catalog, (u32)slot);

			id = e ? e->id : 0;
		}
		add(p, free_step((u32)slot, &view, id), "%s: given up, as told; its slot is free",
		    slot_text(what, &view, (u32)slot));
		doubtful[slot] = false;
	}
	return CTL_OK;
}

/*
 * Extents that contradict each other.
 */

/*
 * Which of two, 0 or 1, a catalog lists with what they both claim; -1 when it
 * lists none, or both.
 */
static int who_is_listed(const struct catalog *catalog, const struct pmpool_record rec[2],
			 bool name)
{
	bool listed[2];
	int i;

	for (i = 0; i < 2; i++) {
		const struct catalog_extent *e = entry_of(catalog, &rec[i]);

		listed[i] = e && (name ? !strcmp(e->name, rec[i].name) :
				  e->offset == rec[i].first_block * BLOCK_SIZE &&
				  e->size == rec[i].length);
	}
	return listed[0] == listed[1] ? -1 : listed[1];
}

/* An extent whose blocks are another's: where the catalog has it, or nowhere. */
static void move_away(struct planner *p, u32 slot, const struct pmpool_record *rec,
		      const struct pmpool_record *winner, const struct opinion *by)
{
	const struct catalog_extent *e = entry_of(by->catalog, rec);
	struct pmpool_format_record disk;
	struct slot_view view;
	char what[SLOT_TEXT];
	char size[SIZE_TEXT];
	char why[WHY_SIZE];

	slot_look(p->fmt, slot, &view);
	slot_text(what, &view, slot);
	if (e && record_from_catalog(p->fmt, slot, e, &view, &disk) &&
	    fits(p->fmt, slot, &disk, why)) {
		add(p, record_step(slot, &disk),
		    "%s: put where catalog %s lists it: %s at offset 0x%" PRIx64 "; marked dirty",
		    what, by->path, format_size(size, e->size, false), e->offset);
		return;
	}
	add(p, free_step(slot, &view, rec->id),
	    "%s: given up: catalog %s lists '%s' in its blocks, and not it", what, by->path,
	    winner->name);
}

/* An extent whose name is another's: what the catalog calls it, or a new name. */
static bool rename_away(struct planner *p, u32 slot, const struct pmpool_record *rec,
			const struct opinion *by)
{
	const struct catalog_extent *e = entry_of(by->catalog, rec);
	struct pmpool_format_record disk;
	struct slot_view view;
	char what[SLOT_TEXT];
	char why[WHY_SIZE];
	int len;

	slot_look(p->fmt, slot, &view);
	disk = view.place[view.good];
	memset(disk.name, 0, sizeof(disk.name));
	if (e)
		memcpy(disk.name, e->name, sizeof(disk.name));
	else {
		len = snprintf(disk.name, sizeof(disk.name), "%s.slot%u", rec->name, slot);
		if (len >= (int)sizeof(disk.name)) {
			because(&p->plan->why_slot[slot],
				"its name is too long for adding '.slot%u': give up one of them with --give-up SLOT",
				slot);
			return false;
		}
	}
	finish_record(&disk, next_seq(&view, rec->id));
	if (!fits(p->fmt, slot, &disk, why)) {
		because(&p->plan->why_slot[slot], "it can not be called '%s': %s", disk.name, why);
		return false;
	}
	add(p, record_step(slot, &disk), "%s: renamed '%s': catalog %s gives the name to another",
	    slot_text(what, &view, slot), disk.name, by->path);
	return true;
}

/* Settle one contradiction. Returns whether that could be done. */
static bool settle(struct planner *p, const struct finding *f)
{
	bool name = !strcmp(f->kind, "duplicate-name");
	u32 slots[2] = { (u32)f->slot, (u32)f->other };
	struct pmpool_record rec[2];
	const struct opinion *by;
	size_t i;
	int right;

	if (!strcmp(f->kind, "duplicate-limit")) {
		because(&p->plan->why_slot[f->slot],
			"give up one of them: --give-up %d or --give-up %d", f->slot, f->other);
		return false;
	}
	for (i = 0; i < 2; i++)
		if (pmpool_format_read(p->fmt, slots[i], &rec[i]))
			return false;

	for (i = 0; i < p->opinions->n; i++) {
		by = &p->opinions->v[i];
		right = who_is_listed(by->catalog, rec, name);
		if (right < 0)
			continue;
		if (name)
			return rename_away(p, slots[!right], &rec[!right], by);
		move_away(p, slots[!right], &rec[!right], &rec[right], by);
		return true;
	}
	because(&p->plan->why_slot[f->slot],
		"no catalog lists exactly one of them; give one up: --give-up %d or --give-up %d",
		f->slot, f->other);
	return false;
}

static void plan_conflicts(struct planner *p)
{
	struct findings found;
	bool settled, blind;
	size_t i;

	/* What one settles may settle others. */
	do {
		settled = false;
		examine(p->fmt, &found, &blind);
		for (i = 0; i < found.n && !settled; i++)
			if (found.v[i].other >= 0)
				settled = settle(p, &found.v[i]);
		findings_free(&found);
	} while (settled);
}

/* The driver must be told that what is left of a contradiction is right. */
static void plan_confirm(struct planner *p)
{
	bool doubtful[PMPOOL_FORMAT_SLOTS];
	struct slot_view view;
	char what[SLOT_TEXT];
	struct step step;
	u32 slot;
	size_t i;

	find_doubtful(p->fmt, doubtful);
	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		if (!p->doubted[slot] || doubtful[slot])
			continue;
		for (i = 0; i < p->plan->n; i++)
			if (p->plan->v[i].slot == (int)slot)
				break;
		slot_look(p->fmt, slot, &view);
		if (i < p->plan->n || !slot_is(&view, PMPOOL_FORMAT_RECORD_EXTENT))
			continue;
		step = record_step(slot, &view.place[view.good]);
		step.kind = STEP_CONFIRM;
		add(p, step, "%s: confirmed: it shares its blocks with none any more",
		    slot_text(what, &view, slot));
	}
}

/*
 * Records with no good place.
 */

static void plan_damaged(struct planner *p, u32 slot, const struct slot_view *view)
{
	char **why = &p->plan->why_slot[slot];
	struct pmpool_format_record disk;
	char owner[OWNER_TEXT];
	char size[SIZE_TEXT];
	char not[WHY_SIZE];
	size_t i;

	if (p->device && view->state == SLOT_VANISHED) {
		because(why, "the driver takes the slot for an unused one: unload it before something is created there, and mend an image");
		return;
	}
	for (i = 0; i < p->opinions->n; i++) {
		const struct opinion *by = &p->opinions->v[i];
		const struct catalog_extent *e = entry_of_slot(by->catalog, slot);

		if (!e)
			continue;
		/* An old catalog may list what was removed since. */
		if (by->kept && !resembles(view, e)) {
			because(why,
				"catalog %s lists '%s' there, but nothing legible in the record speaks for that; --catalog %s takes it, --give-up %u gives the slot up",
				by->path, e->name, by->path, slot);
			return;
		}
		if (!record_from_catalog(p->fmt, slot, e, view, &disk)) {
			because(why, "catalog %s lists '%s' there, but not with what a record can hold; --give-up %u gives it up",
				by->path, e->name, slot);
			return;
		}
		if (!fits(p->fmt, slot, &disk, not)) {
			because(why, "catalog %s lists '%s' there, but %s; --give-up %u gives it up",
				by->path, e->name, not, slot);
			return;
		}
		add(p, record_step(slot, &disk),
		    "'%s', slot %u: record written anew from catalog %s: %s at offset 0x%" PRIx64
		    ", owner %s, mode %04o; marked dirty",
		    e->name, slot, by->path, format_size(size, e->size, false), e->offset,
		    format_owner(owner, e->uid, e->gid), e->mode);
		return;
	}
	because(why, "%s; --give-up %u gives it up",
		p->opinions->n ? "no catalog lists an extent of this slot" :
		"there is no catalog to restore it from", slot);
}

/* One place from the other. */
static void plan_place(struct planner *p, u32 slot, const struct slot_view *view)
{
	char what[SLOT_TEXT];
	struct step step;
	int good = view->good;

	if (p->device && slot_is(view, PMPOOL_FORMAT_RECORD_FREE)) {
		because(&p->plan->why_slot[slot],
			"the slot is free; the driver writes both places when it is used next");
		return;
	}
	step = record_step(slot, &view->place[good]);
	step.kind = STEP_PLACE;
	add(p, step, "%s: %s place written anew from the %s", slot_text(what, view, slot),
	    place_names[!good], place_names[good]);
}

static void plan_slots(struct planner *p)
{
	struct slot_view view;
	u32 slot;

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		slot_look(p->fmt, slot, &view);
		if (view.state == SLOT_BAD || view.state == SLOT_VANISHED)
			plan_damaged(p, slot, &view);
	}
	if (p->device)
		plan_confirm(p);
	/* Last: the driver changes nothing in a pool that is degraded. */
	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		slot_look(p->fmt, slot, &view);
		if (view.state == SLOT_ONE_BAD || view.state == SLOT_STALE ||
		    view.state == SLOT_DIFFERS)
			plan_place(p, slot, &view);
	}
}

static void zero(struct planner *p, u64 from, u64 end, const char *where)
{
	struct step step = { .kind = STEP_ZERO, .slot = -1, .to = from, .size = end - from };

	if (memchr_inv((u8 *)p->fmt->mem + from, 0, step.size))
		add(p, step, "reserved bytes, %s: set to zero", where);
}

static void plan_reserved(struct planner *p)
{
	const struct pmpool_format *fmt = p->fmt;
	struct gap gaps[MAX_GAPS];
	size_t n, i;
	struct step step = {
		.kind = STEP_BITS, .slot = -1, .to = fmt->bitmap_offset + fmt->blocks / 64 * 8,
	};
	__le64 word;

	if (p->device) {
		because(&p->plan->why_rest, "they are mended in an image only");
		return;
	}
	if (fmt->super.compat & ~PMPOOL_FORMAT_COMPAT_KNOWN)
		return;
	n = reserved_gaps(fmt, gaps);
	for (i = 0; i < n; i++)
		zero(p, gaps[i].from, gaps[i].end, gaps[i].where);

	if (fmt->blocks % 64 == 0)
		return;
	/* Those of the last word that are of no block. */
	step.size = ~0ULL << fmt->blocks % 64;
	memcpy(&word, (u8 *)fmt->mem + step.to, sizeof(word));
	if (le64_to_cpu(word) & step.size)
		add(p, step, "bitmap: bits behind the last block cleared");
}

/*
 * The kernel's own part: where nothing good can be had from, what it vouches for is
 * taken away. The next kernel that keeps the pool itself finds out anew what is free.
 */
static void plan_kernel(struct planner *p)
{
	struct step step = { .kind = STEP_UNSEAL, .slot = -1 };
	struct findings found;
	bool blind, seal = false;
	size_t i;

	if (p->device)
		return;
	examine(p->fmt, &found, &blind);
	for (i = 0; i < found.n; i++) {
		const struct finding *f = &found.v[i];

		seal |= !strcmp(f->kind, "kernel-bitmap-damaged");
		if (!strcmp(f->kind, "hold-overlap") && f->slot >= 0)
			because(&p->plan->why_slot[f->slot],
				"it is in use inside the kernel; --give-up %d gives the extent up",
				f->slot);
		if (!strncmp(f->kind, "hold-", 5) && f->slot < 0 && !f->note)
			because(&p->plan->why_rest,
				"nothing else tells what is in use inside the kernel; --give-up "
				HOLD_PREFIX "N gives up the record with that number");
		if (!strcmp(f->kind, "kernel-header-damaged")) {
			step.kind = STEP_ZERO;
			step.to = PMPOOL_HOLD_HEADER_OFFSET;
			step.size = sizeof(struct pmpool_hold_header);
		}
	}
	findings_free(&found);
	if (step.kind == STEP_ZERO)
		add(p, step, "kernel, header: set to zero; the next kernel that needs one makes it anew");
	else if (seal)
		add(p, step, "kernel, bitmap: not to be believed any more; the next kernel that keeps the pool itself finds out anew what is free");
}

int plan_make(struct pmpool_format *fmt, const struct opinions *opinions,
	      char *const *give_up, size_t n, bool device, struct plan *plan)
{
	struct planner p = { .fmt = fmt, .opinions = opinions, .plan = plan, .device = device };
	struct findings found;
	bool blind;
	int status;
	size_t i;

	memset(plan, 0, sizeof(*plan));
	examine(fmt, &found, &blind);
	for (i = 0; i < found.n; i++) {
		if (strcmp(found.v[i].kind, "overlap"))
			continue;
		p.doubted[found.v[i].slot] = true;
		p.doubted[found.v[i].other] = true;
	}
	findings_free(&found);

	if (blind || fmt->read_only) {
		plan->refused = true;
		because(&plan->why_rest, "%s; nothing is changed", blind ?
			"what is not understood is not mended" :
			"the pool has a feature with which this pmpoolctl may only read it; use a newer one");
		return CTL_OK;
	}

	plan_supers(&p);
	status = plan_give_up(&p, give_up, n);
	if (status)
		return status;
	plan_conflicts(&p);
	plan_slots(&p);
	plan_reserved(&p);
	plan_kernel(&p);
	return CTL_OK;
}

/*
 * Carrying it out.
 */

static int touch(struct pmpool *pool, const struct step *step)
{
	const struct pmpool_format_record *disk = &step->record;
	struct pmpool_change *change;
	u64 blocks = le64_to_cpu(disk->blocks);
	int ret;

	/* To set what is set already makes the driver write both places. */
	if (le32_to_cpu(disk->type) == PMPOOL_FORMAT_RECORD_LIMIT)
		return pmpool_set_limit(pool, le32_to_cpu(disk->uid),
					blocks == U64_MAX ? PMPOOL_NO_LIMIT : blocks * BLOCK_SIZE,
					le64_to_cpu(disk->length));
	ret = pmpool_change_new(&change);
	if (ret)
		return ret;
	pmpool_change_set_mode(change, le32_to_cpu(disk->mode));
	ret = pmpool_set(pool, step->name, change);
	pmpool_change_free(change);
	return ret;
}

static const char *repair_error(int err)
{
	switch (-err) {
	case EINVAL:
		return "the driver takes the slot for an intact one, or the record for an unsound one";
	case EBUSY:
		return "the driver has an intact extent in its blocks";
	case EEXIST:
		return "the driver has an extent of that name";
	case EPERM:
		return "only root may repair";
	default:
		return error_text(err);
	}
}

size_t plan_run(struct plan *plan, struct source *source)
{
	struct pmpool_format fmt;
	size_t failed = 0;
	size_t i;
	int ret;

	if (!source->pool) {
		pmpool_format_init(&fmt, source->map, source->region_size);
		for (i = 0; i < plan->n; i++)
			apply(&fmt, &plan->v[i]);
		if (plan->n && msync(source->map, source->size, MS_SYNC) < 0) {
			say("cannot write %s: %s", source->path, strerror(errno));
			failed++;
		}
		return failed;
	}

	for (i = 0; i < plan->n; i++) {
		struct step *step = &plan->v[i];

		if (step->kind == STEP_PLACE)
			ret = touch(source->pool, step);
		else
			ret = pmpool_repair(source->pool, (unsigned int)step->slot, &step->record,
					    sizeof(step->record));
		if (!ret)
			continue;
		because(&step->error, "%s", step->kind == STEP_PLACE ? change_error(ret) :
			repair_error(ret));
		failed++;
	}
	return failed;
}

const char *plan_why(const struct plan *plan, const struct finding *f)
{
	if (!strncmp(f->kind, "superblock", 10) && plan->why_super)
		return plan->why_super;
	if (f->slot >= 0 && plan->why_slot[f->slot])
		return plan->why_slot[f->slot];
	if (f->other >= 0 && plan->why_slot[f->other])
		return plan->why_slot[f->other];
	return f->slot < 0 || plan->refused ? plan->why_rest : NULL;
}

void plan_free(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		free(plan->v[i].text);
		free(plan->v[i].error);
	}
	free(plan->v);
	for (i = 0; i < PMPOOL_FORMAT_SLOTS; i++)
		free(plan->why_slot[i]);
	free(plan->why_super);
	free(plan->why_rest);
	memset(plan, 0, sizeof(*plan));
}
