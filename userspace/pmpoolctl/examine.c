// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is wrong with metadata. Whether something is valid is decided by the
 * driver's own format.c; here it is said why it is not.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examine.h"
#include "compat.h"

const char *const place_names[2] = { "first", "second" };

/* A hostile table could have millions of pairs. */
#define MAX_CONFLICTS 10000

static void *must(void *memory)
{
	if (!memory) {
		perror("pmpoolctl");
		exit(1);
	}
	return memory;
}

static bool all_zero(const void *from, size_t size)
{
	return !memchr_inv(from, 0, size);
}

/*
 * Superblocks.
 */

u64 super_offset(const struct pmpool_format *fmt, unsigned int copy)
{
	return copy ? fmt->copy_offset : 0;
}

static u32 checksum(const void *from, size_t size, size_t at)
{
	static const u8 zero[4];
	u32 crc = ~0U;

	crc = pmpool_crc32c(crc, from, at);
	crc = pmpool_crc32c(crc, zero, sizeof(zero));
	crc = pmpool_crc32c(crc, (const u8 *)from + at + 4, size - at - 4);
	return ~crc;
}

static void super_why(const struct pmpool_format *fmt, const struct pmpool_format_super *disk,
		      char why[WHY_SIZE])
{
	u32 stored = le32_to_cpu(disk->crc);
	u32 given = checksum(disk, sizeof(*disk), offsetof(struct pmpool_format_super, crc));
	const struct {
		const char *name;
		u64 is;
		u64 must;
	} fields[] = {
		{ "block_shift", le32_to_cpu(disk->block_shift), PMPOOL_FORMAT_BLOCK_SHIFT },
		{ "record_size", le32_to_cpu(disk->record_size), sizeof(struct pmpool_format_record) },
		{ "record_slots", le32_to_cpu(disk->record_slots), PMPOOL_FORMAT_SLOTS },
		{ "meta_blocks", le32_to_cpu(disk->meta_blocks), fmt->meta_blocks },
		{ "table_offset", le64_to_cpu(disk->table_offset), fmt->table_offset },
		{ "bitmap_offset", le64_to_cpu(disk->bitmap_offset), fmt->bitmap_offset },
		{ "bitmap_size", le64_to_cpu(disk->bitmap_size), fmt->bitmap_size },
		{ "copy_offset", le64_to_cpu(disk->copy_offset), fmt->copy_offset },
	};
	size_t i;

	if (all_zero(disk, sizeof(*disk))) {
		snprintf(why, WHY_SIZE, "all zero");
		return;
	}
	if (memcmp(disk->magic, PMPOOL_FORMAT_MAGIC, PMPOOL_FORMAT_MAGIC_SIZE)) {
		snprintf(why, WHY_SIZE, "not a superblock: its first bytes are wrong");
		return;
	}
	if (stored != given) {
		snprintf(why, WHY_SIZE, "wrong checksum: 0x%08x is stored, its bytes give 0x%08x",
			 stored, given);
		return;
	}
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (fields[i].is != fields[i].must) {
			snprintf(why, WHY_SIZE, "%s is %llu, must be %llu", fields[i].name,
				 fields[i].is, fields[i].must);
			return;
		}
	}
	if (le32_to_cpu(disk->flags) & ~PMPOOL_FORMAT_SB_CLEAN)
		snprintf(why, WHY_SIZE, "unknown flags 0x%x", le32_to_cpu(disk->flags));
	else if (disk->reserved0 || !all_zero(disk->reserved, sizeof(disk->reserved)))
		snprintf(why, WHY_SIZE, "reserved bytes are not zero");
	else
		snprintf(why, WHY_SIZE, "the name of the kernel is not a text");
}

int examine_super(const struct pmpool_format *fmt, u64 offset, struct pmpool_super *super,
		  char why[WHY_SIZE])
{
	struct pmpool_format_super disk;
	struct pmpool_format alone;
	void *region;
	int ret;

	/* The driver's verdict on a region in which this is the only copy. */
	memcpy(&disk, (const u8 *)fmt->mem + offset, sizeof(disk));
	region = must(calloc(fmt->meta_blocks, PMPOOL_FORMAT_BLOCK_SIZE));
	memcpy(region, &disk, sizeof(disk));
	pmpool_format_init(&alone, region, fmt->size);
	ret = pmpool_format_open(&alone);
	free(region);

	if (!ret)
		*super = alone.super;
	else if (ret == -EPROTONOSUPPORT || ret == -ERANGE)
		snprintf(why, WHY_SIZE, "%.*s", WHY_SIZE - 1, alone.why);
	else
		super_why(fmt, &disk, why);
	return ret;
}

/*
 * Records.
 */

u32 slot_count(void)
{
	return PMPOOL_FORMAT_SLOTS;
}

u64 place_offset(const struct pmpool_format *fmt, u32 slot, unsigned int place)
{
	return fmt->table_offset + slot * sizeof(struct pmpool_format_slot) +
	       place * sizeof(struct pmpool_format_record);
}

u32 record_checksum(const struct pmpool_format_record *disk)
{
	return checksum(disk, sizeof(*disk), offsetof(struct pmpool_format_record, crc));
}

static void extent_why(const struct pmpool_format *fmt, u32 slot,
		       const struct pmpool_format_record *disk, char why[WHY_SIZE])
{
	u64 first = le64_to_cpu(disk->first_block);
	u64 blocks = le64_to_cpu(disk->blocks);
	u64 id = le64_to_cpu(disk->id);

	if (le32_to_cpu(disk->flags) & ~PMPOOL_FORMAT_RECORD_CLEAN)
		snprintf(why, WHY_SIZE, "unknown flags 0x%x", le32_to_cpu(disk->flags));
	else if (le32_to_cpu(disk->mode) & ~0777)
		snprintf(why, WHY_SIZE, "mode 0%o has more than permission bits",
			 le32_to_cpu(disk->mode));
	else if (disk->reserved0 || !all_zero(disk->reserved, sizeof(disk->reserved)))
		snprintf(why, WHY_SIZE, "reserved bytes are not zero");
	else if (!id || id % PMPOOL_FORMAT_SLOTS != slot)
		snprintf(why, WHY_SIZE, "id %llu does not fit: it is of slot %llu", id,
			 id % PMPOOL_FORMAT_SLOTS);
	else if (first < fmt->meta_blocks || first >= fmt->blocks || !blocks ||
		 blocks > fmt->blocks - first)
		snprintf(why, WHY_SIZE,
			 "%llu blocks from block %llu are not inside blocks %llu to %llu", blocks,
			 first, fmt->meta_blocks, fmt->blocks - 1);
	else if (!pmpool_format_name_valid(disk->name))
		snprintf(why, WHY_SIZE, "its name is not one that an extent can have");
	else
		snprintf(why, WHY_SIZE, "length %llu does not fit %llu blocks",
			 (u64)le64_to_cpu(disk->length), blocks);
}

/* Whether the driver would take it; else why not. */
static bool place_valid(const struct pmpool_format *fmt, u32 slot,
			const struct pmpool_format_record *disk, char why[WHY_SIZE])
{
	u32 stored = le32_to_cpu(disk->crc);
	struct pmpool_record rec;
	u32 given;

	if (all_zero(disk, sizeof(*disk))) {
		snprintf(why, WHY_SIZE, "all zero");
		return false;
	}
	if (le32_to_cpu(disk->magic) != PMPOOL_FORMAT_RECORD_MAGIC) {
		snprintf(why, WHY_SIZE, "not a record: its first bytes are 0x%08x",
			 le32_to_cpu(disk->magic));
		return false;
	}
	given = record_checksum(disk);
	if (stored != given) {
		snprintf(why, WHY_SIZE, "wrong checksum: 0x%08x is stored, its bytes give 0x%08x",
			 stored, given);
		return false;
	}
	if (!disk->seq) {
		snprintf(why, WHY_SIZE, "change 0, they begin with 1");
		return false;
	}
	if (pmpool_format_decode(fmt, slot, disk, &rec)) {
		why[0] = '\0';
		return true;
	}

	switch (le32_to_cpu(disk->type)) {
	case PMPOOL_FORMAT_RECORD_FREE:
	case PMPOOL_FORMAT_RECORD_LIMIT:
		snprintf(why, WHY_SIZE, "reserved bytes are not zero");
		break;
	case PMPOOL_FORMAT_RECORD_EXTENT:
		extent_why(fmt, slot, disk, why);
		break;
	default:
		snprintf(why, WHY_SIZE, "unknown type %u", le32_to_cpu(disk->type));
	}
	return false;
}

/* The place of a slot that is not all zero, when one is. */
static int place_in_use(const struct slot_view *view)
{
	return all_zero(&view->place[0], sizeof(view->place[0]));
}

static enum slot_state slot_state(const struct slot_view *view)
{
	const struct pmpool_format_record *place = view->place;
	const struct pmpool_format_record *used;

	if (!view->valid[0] && !view->valid[1]) {
		if (!all_zero(&place[0], sizeof(place[0])) &&
		    !all_zero(&place[1], sizeof(place[1])))
			return SLOT_BAD;
		used = &place[place_in_use(view)];
		if (all_zero(used, sizeof(*used)))
			return SLOT_UNUSED;
		/* What begins with magic and checksum was complete once. */
		return !used->magic && !used->crc && le64_to_cpu(used->seq) <= 1 ?
		       SLOT_UNFINISHED : SLOT_VANISHED;
	}
	if (!view->valid[0] || !view->valid[1])
		return SLOT_ONE_BAD;
	if (place[0].seq != place[1].seq)
		return SLOT_STALE;
	return memcmp(&place[0], &place[1], sizeof(place[0])) ? SLOT_DIFFERS : SLOT_GOOD;
}

static int good_place(const struct slot_view *view)
{
	switch (view->state) {
	case SLOT_UNUSED:
	case SLOT_UNFINISHED:
	case SLOT_VANISHED:
	case SLOT_BAD:
		return -1;
	case SLOT_ONE_BAD:
		return view->valid[1];
	default:
		return le64_to_cpu(view->place[1].seq) > le64_to_cpu(view->place[0].seq);
	}
}

void slot_look(const struct pmpool_format *fmt, u32 slot, struct slot_view *view)
{
	int i;

	memset(view, 0, sizeof(*view));
	for (i = 0; i < 2; i++) {
		memcpy(&view->place[i], (const u8 *)fmt->mem + place_offset(fmt, slot, i),
		       sizeof(view->place[i]));
		view->valid[i] = place_valid(fmt, slot, &view->place[i], view->why[i]);
	}
	view->state = slot_state(view);
	view->good = good_place(view);

	if (view->good >= 0) {
		memcpy(view->name, view->place[view->good].name, sizeof(view->name));
		view->name_sure = true;
		return;
	}
	/* A name is often still legible; it need not be true. */
	for (i = 0; i < 2 && !view->name[0]; i++) {
		if (pmpool_format_name_valid(view->place[i].name)) {
			memcpy(view->name, view->place[i].name, sizeof(view->name));
			view->name_sure = view->valid[i];
		}
	}
}

bool slot_is(const struct slot_view *view, u32 type)
{
	return view->good >= 0 && le32_to_cpu(view->place[view->good].type) == type;
}

const char *slot_text(char to[SLOT_TEXT], const struct slot_view *view, u32 slot)
{
	if (view->name[0])
		snprintf(to, SLOT_TEXT, "'%.63s'%s, slot %u", view->name,
			 view->name_sure ? "" : "?", slot);
	else if (slot_is(view, PMPOOL_FORMAT_RECORD_LIMIT) &&
		 le32_to_cpu(view->place[view->good].uid) == PMPOOL_FORMAT_ANY_UID)
		snprintf(to, SLOT_TEXT, "default limit, slot %u", slot);
	else if (slot_is(view, PMPOOL_FORMAT_RECORD_LIMIT))
		snprintf(to, SLOT_TEXT, "limit of user %u, slot %u",
			 le32_to_cpu(view->place[view->good].uid), slot);
	else
		snprintf(to, SLOT_TEXT, "slot %u", slot);
	return to;
}

struct pmpool_run *extent_runs(const struct pmpool_format *fmt, struct pmpool_space *space)
{
	struct pmpool_run *runs = must(calloc(PMPOOL_FORMAT_SLOTS, sizeof(*runs)));
	struct pmpool_record rec;
	u32 slot;

	pmpool_space_init(space, fmt->meta_blocks, fmt->blocks, runs, PMPOOL_FORMAT_SLOTS);
	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++)
		if (!pmpool_format_read(fmt, slot, &rec) &&
		    rec.type == PMPOOL_FORMAT_RECORD_EXTENT)
			pmpool_space_insert(space, rec.first_block, rec.blocks, slot);
	pmpool_space_mark_overlaps(space);
	return runs;
}

/*
 * Findings.
 */

__attribute__((format(printf, 5, 6)))
static struct finding *add(struct findings *to, const char *kind, bool note, u64 offset,
			   const char *format, ...)
{
	struct finding *finding;
	va_list args;

	to->v = must(reallocarray(to->v, to->n + 1, sizeof(*to->v)));
	finding = &to->v[to->n++];
	*finding = (struct finding){
		.kind = kind, .note = note, .slot = -1, .other = -1, .offset = offset,
	};
	va_start(args, format);
	if (vasprintf(&finding->text, format, args) < 0)
		must(NULL);
	va_end(args);
	to->faults += !note;
	return finding;
}

static void of_super(struct finding *finding, int copy)
{
	snprintf(finding->subject, sizeof(finding->subject), "superblock, %s copy",
		 place_names[copy]);
}

static void of_slot(struct finding *finding, const struct slot_view *view, u32 slot)
{
	char text[SLOT_TEXT];

	snprintf(finding->subject, sizeof(finding->subject), "%s", slot_text(text, view, slot));
	finding->slot = (int)slot;
	memcpy(finding->name, view->name, sizeof(finding->name));
}

void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->n; i++)
		free(findings->v[i].text);
	free(findings->v);
	*findings = (struct findings){ 0 };
}

/* Returns 0 when the pool can be understood. */
static int examine_supers(struct pmpool_format *fmt, struct findings *to)
{
	struct pmpool_super super[2];
	char why[2][WHY_SIZE];
	u64 offset;
	int ret[2];
	int i;

	for (i = 0; i < 2; i++)
		ret[i] = examine_super(fmt, super_offset(fmt, i), &super[i], why[i]);

	/* Another version or size: not damaged, but not for us. */
	for (i = 0; i < 2; i++) {
		if (ret[i] != -EPROTONOSUPPORT && ret[i] != -ERANGE)
			continue;
		if (i == 1 && !ret[0])
			continue;
		offset = super_offset(fmt, i);
		add(to, ret[i] == -ERANGE ? "wrong-size" : "unknown-format", false, offset,
		    "superblock, offset 0x%llx: %s", offset, why[i]);
		return ret[i];
	}

	for (i = 0; i < 2; i++) {
		offset = super_offset(fmt, i);
		if (ret[i])
			of_super(add(to, "superblock-damaged", false, offset,
				     "superblock, offset 0x%llx: %s copy: %s", offset,
				     place_names[i], why[i]), i);
	}
	if (ret[0] || ret[1])
		return 0;

	i = super[1].seq < super[0].seq;
	offset = super_offset(fmt, i);
	if (super[0].seq != super[1].seq)
		of_super(add(to, "superblocks-differ", false, offset,
			     "superblock, offset 0x%llx: %s copy: older: change %llu, the %s copy has change %llu",
			     offset, place_names[i], super[i].seq, place_names[!i], super[!i].seq),
			 i);
	else if (memcmp(fmt->mem, (u8 *)fmt->mem + fmt->copy_offset,
			sizeof(struct pmpool_format_super)))
		of_super(add(to, "superblocks-differ", false, fmt->copy_offset,
			     "superblock, offset 0x%llx: second copy: differs from the first, though both are change %llu",
			     fmt->copy_offset, super[0].seq), 1);
	return 0;
}

static void examine_slot(const struct pmpool_format *fmt, u32 slot, struct findings *to)
{
	struct slot_view view;
	char text[SLOT_TEXT];
	int bad;
	u64 at;

	slot_look(fmt, slot, &view);
	slot_text(text, &view, slot);
	bad = view.good == 0;
	if (view.state == SLOT_UNFINISHED || view.state == SLOT_VANISHED)
		bad = place_in_use(&view);
	at = place_offset(fmt, slot, view.state == SLOT_BAD ? 0 : bad);

	to->extents += slot_is(&view, PMPOOL_FORMAT_RECORD_EXTENT);
	to->limits += slot_is(&view, PMPOOL_FORMAT_RECORD_LIMIT);

	switch (view.state) {
	case SLOT_UNUSED:
	case SLOT_GOOD:
		break;
	case SLOT_UNFINISHED:
		of_slot(add(to, "record-unfinished", true, at,
			    "%s, offset 0x%llx: a first change that was cut short; the slot is unused",
			    text, at), &view, slot);
		break;
	case SLOT_VANISHED:
		of_slot(add(to, "record-vanished", false, at,
			    "%s, offset 0x%llx: %s place: %s; the %s place is all zero, so the slot counts as unused",
			    text, at, place_names[bad], view.why[bad], place_names[!bad]),
			&view, slot);
		break;
	case SLOT_ONE_BAD:
		of_slot(add(to, "place-damaged", false, at, "%s, offset 0x%llx: %s place: %s",
			    text, at, place_names[bad], view.why[bad]), &view, slot);
		break;
	case SLOT_STALE:
		of_slot(add(to, "place-stale", false, at,
			    "%s, offset 0x%llx: %s place: older: change %llu, the %s place has change %llu",
			    text, at, place_names[bad], (u64)le64_to_cpu(view.place[bad].seq),
			    place_names[!bad], (u64)le64_to_cpu(view.place[!bad].seq)), &view, slot);
		break;
	case SLOT_DIFFERS:
		of_slot(add(to, "places-differ", false, at,
			    "%s, offset 0x%llx: %s place: differs from the first, though both are change %llu",
			    text, at, place_names[bad], (u64)le64_to_cpu(view.place[0].seq)),
			&view, slot);
		break;
	case SLOT_BAD:
		of_slot(add(to, "record-damaged", false, at,
			    "%s, offset 0x%llx: no place is valid: first place: %s; second place: %s",
			    text, at, view.why[0], view.why[1]), &view, slot);
		break;
	}
}

static void examine_overlaps(const struct pmpool_format *fmt, struct findings *to)
{
	struct pmpool_space space;
	struct pmpool_run *runs = extent_runs(fmt, &space);
	size_t before = to->n;
	u32 i, j;

	for (i = 0; i < space.count && to->n - before < MAX_CONFLICTS; i++) {
		u64 end = runs[i].first + runs[i].blocks;

		for (j = i + 1; j < space.count && runs[j].first < end &&
		     to->n - before < MAX_CONFLICTS; j++) {
			u64 last = min(end, runs[j].first + runs[j].blocks) - 1;
			u64 at = runs[j].first << PMPOOL_FORMAT_BLOCK_SHIFT;
			char text[2][SLOT_TEXT];
			struct slot_view view[2];
			struct finding *finding;
			char which[48];

			slot_look(fmt, runs[i].slot, &view[0]);
			slot_look(fmt, runs[j].slot, &view[1]);
			slot_text(text[0], &view[0], runs[i].slot);
			slot_text(text[1], &view[1], runs[j].slot);
			if (runs[j].first == last)
				snprintf(which, sizeof(which), "block %llu", last);
			else
				snprintf(which, sizeof(which), "blocks %llu to %llu",
					 runs[j].first, last);
			finding = add(to, "overlap", false, at,
				      "%s, offset 0x%llx: shares %s with %s", text[0], at, which,
				      text[1]);
			of_slot(finding, &view[0], runs[i].slot);
			snprintf(finding->subject, sizeof(finding->subject), "%s, and %s", text[0],
				 text[1]);
			finding->other = (int)runs[j].slot;
		}
	}
	free(runs);
}

/* Names of extents and users of limits: each at most once. */
static void examine_names(const struct pmpool_format *fmt, struct findings *to)
{
	struct slot_view *views = must(calloc(PMPOOL_FORMAT_SLOTS, sizeof(*views)));
	size_t before = to->n;
	u32 *slots = must(calloc(PMPOOL_FORMAT_SLOTS, sizeof(*slots)));
	u32 n = 0, i, j;

	for (i = 0; i < PMPOOL_FORMAT_SLOTS; i++) {
		slot_look(fmt, i, &views[n]);
		if (views[n].good >= 0 && !slot_is(&views[n], PMPOOL_FORMAT_RECORD_FREE))
			slots[n++] = i;
	}
	for (i = 0; i < n; i++) {
		const struct pmpool_format_record *a = &views[i].place[views[i].good];

		for (j = 0; j < i && to->n - before < MAX_CONFLICTS; j++) {
			const struct pmpool_format_record *b = &views[j].place[views[j].good];
			u64 at = place_offset(fmt, slots[i], 0);
			struct finding *finding;
			char text[SLOT_TEXT];

			if (a->type != b->type)
				continue;
			slot_text(text, &views[i], slots[i]);
			if (slot_is(&views[i], PMPOOL_FORMAT_RECORD_LIMIT)) {
				if (a->uid != b->uid)
					continue;
				finding = add(to, "duplicate-limit", false, at,
					      "%s, offset 0x%llx: slot %u has a limit of this user, too",
					      text, at, slots[j]);
			} else {
				if (memcmp(a->name, b->name, sizeof(a->name)))
					continue;
				finding = add(to, "duplicate-name", false, at,
					      "%s, offset 0x%llx: slot %u has this name, too",
					      text, at, slots[j]);
			}
			of_slot(finding, &views[i], slots[i]);
			snprintf(finding->subject, sizeof(finding->subject), "%s, and slot %u",
				 text, slots[j]);
			finding->other = (int)slots[j];
		}
	}
	free(slots);
	free(views);
}

static void examine_gap(const struct pmpool_format *fmt, u64 from, u64 end, const char *where,
			struct findings *to)
{
	const u8 *mem = fmt->mem;
	u64 at, first = 0, count = 0;
	struct finding *finding;

	for (at = from; at < end; at++) {
		if (!mem[at])
			continue;
		if (!count++)
			first = at;
	}
	if (!count)
		return;
	finding = add(to, "reserved-bytes", false, first,
		      "reserved bytes, offset 0x%llx: not zero %s: %llu of them", first, where,
		      count);
	snprintf(finding->subject, sizeof(finding->subject), "reserved bytes, %s", where);
}

/*
 * The kernel's own part.
 */

u64 hold_offset(u32 index)
{
	return PMPOOL_HOLD_TABLE_OFFSET + index * sizeof(struct pmpool_hold_record);
}

const char *hold_text(char to[HOLD_TEXT], const struct pmpool_hold *hold, u32 index)
{
	char name[PMPOOL_HOLD_NAME_SIZE];
	size_t i;

	if (!hold || !hold->name[0]) {
		snprintf(to, HOLD_TEXT, "record %u", index);
		return to;
	}
	for (i = 0; i < sizeof(name); i++)
		name[i] = !hold->name[i] || (hold->name[i] >= 0x20 && hold->name[i] < 0x7f) ?
			  hold->name[i] : '?';
	snprintf(to, HOLD_TEXT, "'%s'", name);
	return to;
}

enum pmpool_hold_state hold_header_look(const struct pmpool_format *fmt, char why[WHY_SIZE])
{
	enum pmpool_hold_state state = pmpool_hold_state(fmt, PMPOOL_HOLD_ANY_BASE);
	struct pmpool_hold_header disk;
	u32 stored, given;

	why[0] = '\0';
	if (state != PMPOOL_HOLD_DAMAGED)
		return state;

	memcpy(&disk, (const u8 *)fmt->mem + PMPOOL_HOLD_HEADER_OFFSET, sizeof(disk));
	stored = le32_to_cpu(disk.crc);
	given = checksum(&disk, sizeof(disk), offsetof(struct pmpool_hold_header, crc));
	if (memcmp(disk.magic, PMPOOL_HOLD_MAGIC, PMPOOL_HOLD_MAGIC_SIZE))
		snprintf(why, WHY_SIZE, "not a header: its first bytes are wrong");
	else if (stored != given)
		snprintf(why, WHY_SIZE, "wrong checksum: 0x%08x is stored, its bytes give 0x%08x",
			 stored, given);
	else if (le32_to_cpu(disk.version) != PMPOOL_HOLD_VERSION)
		snprintf(why, WHY_SIZE, "version %u, this pmpoolctl knows %u",
			 le32_to_cpu(disk.version), PMPOOL_HOLD_VERSION);
	else if (le64_to_cpu(disk.size) != fmt->size)
		snprintf(why, WHY_SIZE, "it is of a region of %llu bytes, this one has %llu",
			 le64_to_cpu(disk.size), fmt->size);
	else
		snprintf(why, WHY_SIZE, "state, places or reserved bytes are not what they can be");
	return state;
}

bool kernel_part(const struct pmpool_format *fmt)
{
	return pmpool_hold_state(fmt, PMPOOL_HOLD_ANY_BASE) != PMPOOL_HOLD_NONE ||
	       pmpool_hold_present(fmt);
}

size_t reserved_gaps(const struct pmpool_format *fmt, struct gap gaps[MAX_GAPS])
{
	u64 super = sizeof(struct pmpool_format_super);
	u64 bitmap_end = fmt->bitmap_offset + fmt->bitmap_size;
	size_t n = 0;

	gaps[n++] = (struct gap){ super, fmt->table_offset, "behind the first superblock" };
	if (kernel_part(fmt)) {
		gaps[n++] = (struct gap){ bitmap_end, PMPOOL_HOLD_HEADER_OFFSET,
					  "behind the bitmap" };
		gaps[n++] = (struct gap){ PMPOOL_HOLD_HEADER_OFFSET +
					  sizeof(struct pmpool_hold_header),
					  PMPOOL_HOLD_TABLE_OFFSET, "behind the kernel's header" };
		gaps[n++] = (struct gap){ hold_offset(PMPOOL_HOLD_SLOTS),
					  PMPOOL_HOLD_BITMAP_OFFSET, "behind the kernel's records" };
		gaps[n++] = (struct gap){ PMPOOL_HOLD_BITMAP_OFFSET +
					  PMPOOL_HOLD_BITMAP_SIZE(fmt->size), fmt->copy_offset,
					  "behind the kernel's bitmap" };
	} else {
		gaps[n++] = (struct gap){ bitmap_end, fmt->copy_offset, "behind the bitmap" };
	}
	gaps[n++] = (struct gap){ fmt->copy_offset + super,
				  fmt->copy_offset + PMPOOL_FORMAT_PAGE_SIZE,
				  "behind the second superblock" };
	return n;
}

bool blocks_held(const struct pmpool_format *fmt, u64 first, u64 blocks)
{
	struct pmpool_hold hold;
	u32 i;

	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++)
		if (!pmpool_hold_read(fmt, i, &hold) && hold.first < first + blocks &&
		    first < hold.first + hold.blocks)
			return true;
	return false;
}

static void examine_record(const struct pmpool_format *fmt, u32 index, struct findings *to)
{
	struct pmpool_hold_record disk;
	struct finding *finding;
	struct pmpool_hold hold;
	u64 at = hold_offset(index);
	u32 stored, given;

	memcpy(&disk, (const u8 *)fmt->mem + at, sizeof(disk));
	stored = le32_to_cpu(disk.crc);
	given = checksum(&disk, sizeof(disk), offsetof(struct pmpool_hold_record, crc));
	if (all_zero(&disk, sizeof(disk)) || !pmpool_hold_read(fmt, index, &hold))
		return;
	if (!stored && given) {
		add(to, "hold-unfinished", true, at,
		    "kernel, record %u, offset 0x%llx: a change that was cut short; it is not in use",
		    index, at);
		return;
	}
	if (stored != given)
		finding = add(to, "hold-damaged", false, at,
			      "kernel, record %u, offset 0x%llx: wrong checksum: 0x%08x is stored, its bytes give 0x%08x",
			      index, at, stored, given);
	else
		finding = add(to, "hold-damaged", false, at,
			      "kernel, record %u, offset 0x%llx: blocks %llu to %llu, or its name, can not be",
			      index, at, le64_to_cpu(disk.first_block),
			      le64_to_cpu(disk.first_block) + le64_to_cpu(disk.blocks) - 1);
	snprintf(finding->subject, sizeof(finding->subject), "kernel, record %u", index);
}

/* A user inside the kernel, and what it must not share blocks with. */
static void examine_hold(const struct pmpool_format *fmt, u32 index,
			 const struct pmpool_space *space, struct findings *to)
{
	struct pmpool_hold hold, other;
	struct finding *finding;
	char text[2][HOLD_TEXT];
	u64 at;
	u32 i;

	if (pmpool_hold_read(fmt, index, &hold))
		return;
	at = hold.first << PMPOOL_FORMAT_BLOCK_SHIFT;
	hold_text(text[0], &hold, index);
	for (i = 0; i < index; i++) {
		if (pmpool_hold_read(fmt, i, &other) || other.first >= hold.first + hold.blocks ||
		    hold.first >= other.first + other.blocks)
			continue;
		finding = add(to, "hold-overlap", false, at,
			      "kernel, %s, offset 0x%llx: shares blocks with the kernel's %s",
			      text[0], at, hold_text(text[1], &other, i));
		snprintf(finding->subject, sizeof(finding->subject), "kernel, %s and %s", text[0],
			 text[1]);
	}
	for (i = 0; i < space->count; i++) {
		const struct pmpool_run *run = &space->runs[i];
		struct slot_view view;
		char slot[SLOT_TEXT];

		if (run->first >= hold.first + hold.blocks ||
		    hold.first >= run->first + run->blocks)
			continue;
		slot_look(fmt, run->slot, &view);
		slot_text(slot, &view, run->slot);
		of_slot(add(to, "hold-overlap", false, run->first << PMPOOL_FORMAT_BLOCK_SHIFT,
			    "%s, offset 0x%llx: shares blocks with the kernel's %s", slot,
			    run->first << PMPOOL_FORMAT_BLOCK_SHIFT, text[0]), &view, run->slot);
	}
}

static bool bits_set(const struct pmpool_format *fmt, u64 first, u64 blocks)
{
	u64 block;

	for (block = first; block < first + blocks; block++)
		if (!pmpool_hold_bit(fmt, block))
			return false;
	return true;
}

/* The next kernel believes the bitmap; it has to have all that is in use. */
static void examine_seal(const struct pmpool_format *fmt, const struct pmpool_space *space,
			 struct findings *to)
{
	struct pmpool_hold_header disk;
	struct pmpool_hold hold;
	u64 at = PMPOOL_HOLD_BITMAP_OFFSET;
	bool good = bits_set(fmt, 0, fmt->meta_blocks);
	u32 given = pmpool_hold_bitmap_crc(fmt);
	u32 i;

	memcpy(&disk, (const u8 *)fmt->mem + PMPOOL_HOLD_HEADER_OFFSET, sizeof(disk));
	if (le32_to_cpu(disk.bitmap_crc) != given) {
		add(to, "kernel-bitmap-damaged", false, at,
		    "kernel, bitmap, offset 0x%llx: wrong checksum: 0x%08x is stored, its bytes give 0x%08x",
		    at, le32_to_cpu(disk.bitmap_crc), given);
		return;
	}
	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++)
		good &= pmpool_hold_read(fmt, i, &hold) || bits_set(fmt, hold.first, hold.blocks);
	if (!good)
		add(to, "kernel-bitmap-damaged", false, at,
		    "kernel, bitmap, offset 0x%llx: blocks that the kernel itself has are marked as free",
		    at);
	for (i = 0; i < space->count; i++) {
		const struct pmpool_run *run = &space->runs[i];
		struct slot_view view;
		char slot[SLOT_TEXT];

		if (bits_set(fmt, run->first, run->blocks))
			continue;
		slot_look(fmt, run->slot, &view);
		of_slot(add(to, "kernel-bitmap-damaged", false, at,
			    "%s: blocks of it are marked as free in the kernel's bitmap, offset 0x%llx",
			    slot_text(slot, &view, run->slot), at), &view, run->slot);
	}
}

static void examine_kernel(const struct pmpool_format *fmt, struct findings *to)
{
	u64 at = PMPOOL_HOLD_HEADER_OFFSET;
	enum pmpool_hold_state state;
	struct pmpool_space space;
	struct pmpool_run *runs;
	char why[WHY_SIZE];
	u32 i;

	if (!pmpool_hold_possible(fmt))
		return;
	state = hold_header_look(fmt, why);
	if (state == PMPOOL_HOLD_DAMAGED)
		add(to, "kernel-header-damaged", false, at, "kernel, header, offset 0x%llx: %s", at,
		    why);
	runs = extent_runs(fmt, &space);
	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++) {
		examine_record(fmt, i, to);
		examine_hold(fmt, i, &space, to);
	}
	if (state == PMPOOL_HOLD_CLOSED)
		examine_seal(fmt, &space, to);
	free(runs);
}

static void examine_bitmap(const struct pmpool_format *fmt, struct findings *to)
{
	const __le64 *words = (const __le64 *)((const u8 *)fmt->mem + fmt->bitmap_offset);
	u64 bits = fmt->bitmap_size * 8;
	struct pmpool_space space;
	struct pmpool_run *runs = extent_runs(fmt, &space);
	u64 block, first = 0, count = 0, behind = 0;

	for (block = 0; block < bits; block++) {
		const struct pmpool_run *run;

		if (!words[block / 64]) {
			block |= 63;
			continue;
		}
		if (!(le64_to_cpu(words[block / 64]) & 1ULL << block % 64))
			continue;
		if (block >= fmt->blocks) {
			behind++;
			continue;
		}
		run = pmpool_space_from(&space, block);
		if (run && block >= run->first)
			continue;
		if (!count++)
			first = block;
	}
	free(runs);

	if (count)
		add(to, "bitmap-bits", true, fmt->bitmap_offset + first / 8,
		    "bitmap, offset 0x%llx: blocks of no extent are marked as zeroed: %llu of them, the first is block %llu; creating an extent clears that",
		    fmt->bitmap_offset + first / 8, count, first);
	if (behind)
		add(to, "reserved-bytes", false, fmt->bitmap_offset + fmt->blocks / 8,
		    "bitmap, offset 0x%llx: bits behind the last block are set: %llu of them",
		    fmt->bitmap_offset + fmt->blocks / 8, behind);
}

int examine(struct pmpool_format *fmt, struct findings *to, bool *blind)
{
	struct gap gaps[MAX_GAPS];
	size_t n, i;
	u32 slot;
	int ret;

	*to = (struct findings){ 0 };
	*blind = false;

	ret = pmpool_format_open(fmt);
	if (ret == -ENODATA)
		return ret;
	if (examine_supers(fmt, to)) {
		*blind = true;
		return 0;
	}

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++)
		examine_slot(fmt, slot, to);
	examine_overlaps(fmt, to);
	examine_names(fmt, to);
	examine_bitmap(fmt, to);
	examine_kernel(fmt, to);
	/* A feature that may be ignored may use them. */
	if (!(fmt->super.compat & ~PMPOOL_FORMAT_COMPAT_KNOWN) && !fmt->read_only) {
		n = reserved_gaps(fmt, gaps);
		for (i = 0; i < n; i++)
			examine_gap(fmt, gaps[i].from, gaps[i].end, gaps[i].where, to);
	}
	return 0;
}
