// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl dump: a pool's metadata, as it lies there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "examine.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl dump [--json] [FILE]\n"
	"Write the metadata of the pool, or of the image of a pool's region in FILE, as\n"
	"JSON: superblocks, records in use, runs of blocks that were zeroed, and what a\n"
	"kernel keeps there itself.\n"
	"\n"
	"  -j, --json  as it is done anyway\n"
	"  -h, --help  show this help\n";

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void add_number(struct json_object *to, const char *key, u64 value)
{
	add(to, key, json_object_new_uint64(value));
}

/* null: nothing is wrong with it */
static void add_problem(struct json_object *to, const char *why)
{
	add(to, "problem", why[0] ? json_object_new_string(why) : NULL);
}

static void add_hex(struct json_object *to, const char *key, const u8 *bytes, size_t size)
{
	char text[2 * 16 + 1] = "";
	size_t i;

	for (i = 0; i < size && i < 16; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	add(to, key, json_object_new_string(text));
}

static void add_uuid(struct json_object *to, const char *key, const u8 uuid[16])
{
	char text[UUID_TEXT];

	add(to, key, json_object_new_string(format_uuid(text, uuid)));
}

/* Bytes that should be text: what is none of ASCII is shown as "?". */
static void add_text(struct json_object *to, const char *key, const char *field, size_t size)
{
	char text[65];
	size_t i;

	for (i = 0; i < size && i < 64 && field[i]; i++)
		text[i] = field[i] >= 0x20 && field[i] < 0x7f ? field[i] : '?';
	text[i] = '\0';
	add(to, key, json_object_new_string(text));
}

static struct json_object *super_json(const struct pmpool_format *fmt, unsigned int copy)
{
	struct json_object *to = json_object_new_object();
	u64 offset = super_offset(fmt, copy);
	struct pmpool_format_super disk;
	struct pmpool_super super;
	char why[WHY_SIZE] = "";

	memcpy(&disk, (const u8 *)fmt->mem + offset, sizeof(disk));
	examine_super(fmt, offset, &super, why);

	add_number(to, "at", offset);
	add_problem(to, why);
	add_hex(to, "magic", disk.magic, sizeof(disk.magic));
	add_number(to, "crc", le32_to_cpu(disk.crc));
	add_number(to, "version", le32_to_cpu(disk.version));
	add_number(to, "seq", le64_to_cpu(disk.seq));
	add_number(to, "compat", le64_to_cpu(disk.compat));
	add_number(to, "ro_compat", le64_to_cpu(disk.ro_compat));
	add_number(to, "incompat", le64_to_cpu(disk.incompat));
	add_uuid(to, "uuid", disk.uuid);
	add_number(to, "region_size", le64_to_cpu(disk.region_size));
	add_number(to, "block_shift", le32_to_cpu(disk.block_shift));
	add_number(to, "record_size", le32_to_cpu(disk.record_size));
	add_number(to, "record_slots", le32_to_cpu(disk.record_slots));
	add_number(to, "meta_blocks", le32_to_cpu(disk.meta_blocks));
	add_number(to, "table_offset", le64_to_cpu(disk.table_offset));
	add_number(to, "bitmap_offset", le64_to_cpu(disk.bitmap_offset));
	add_number(to, "bitmap_size", le64_to_cpu(disk.bitmap_size));
	add_number(to, "copy_offset", le64_to_cpu(disk.copy_offset));
	add_number(to, "generation", le64_to_cpu(disk.generation));
	add_number(to, "flags", le32_to_cpu(disk.flags));
	add_number(to, "format_time", le64_to_cpu(disk.format_time));
	add_number(to, "attach_time", le64_to_cpu(disk.attach_time));
	add_number(to, "handover_time", le64_to_cpu(disk.handover_time));
	add_text(to, "kernel", disk.kernel, sizeof(disk.kernel));
	return to;
}

static struct json_object *place_json(const struct pmpool_format *fmt, u32 slot, int place,
				      const struct slot_view *view)
{
	const struct pmpool_format_record *disk = &view->place[place];
	struct json_object *to = json_object_new_object();

	add_number(to, "at", place_offset(fmt, slot, (unsigned int)place));
	add_problem(to, view->why[place]);
	add_number(to, "magic", le32_to_cpu(disk->magic));
	add_number(to, "crc", le32_to_cpu(disk->crc));
	add_number(to, "seq", le64_to_cpu(disk->seq));
	add_number(to, "type", le32_to_cpu(disk->type));
	add_number(to, "flags", le32_to_cpu(disk->flags));
	add_number(to, "uid", le32_to_cpu(disk->uid));
	add_number(to, "gid", le32_to_cpu(disk->gid));
	add_number(to, "mode", le32_to_cpu(disk->mode));
	add_number(to, "first_block", le64_to_cpu(disk->first_block));
	add_number(to, "blocks", le64_to_cpu(disk->blocks));
	add_number(to, "length", le64_to_cpu(disk->length));
	add_number(to, "id", le64_to_cpu(disk->id));
	add_number(to, "generation", le64_to_cpu(disk->generation));
	add_number(to, "create_time", le64_to_cpu(disk->create_time));
	add_uuid(to, "uuid", disk->uuid);
	add_hex(to, "tag", disk->tag, sizeof(disk->tag));
	add_text(to, "name", disk->name, sizeof(disk->name));
	return to;
}

static const char *state_text(enum slot_state state)
{
	switch (state) {
	case SLOT_UNFINISHED:
		return "unfinished";
	case SLOT_VANISHED:
		return "vanished";
	case SLOT_ONE_BAD:
		return "one place damaged";
	case SLOT_STALE:
		return "one place older";
	case SLOT_DIFFERS:
		return "places differ";
	case SLOT_BAD:
		return "damaged";
	default:
		return "good";
	}
}

static struct json_object *slots_json(const struct pmpool_format *fmt)
{
	struct json_object *array = json_object_new_array();
	struct slot_view view;
	u32 slot;

	for (slot = 0; slot < PMPOOL_FORMAT_SLOTS; slot++) {
		struct json_object *places;
		struct json_object *to;

		slot_look(fmt, slot, &view);
		/* Free ones only when they are unusual. */
		if (view.state == SLOT_UNUSED ||
		    (view.state == SLOT_GOOD && slot_is(&view, PMPOOL_FORMAT_RECORD_FREE)))
			continue;

		to = json_object_new_object();
		add_number(to, "slot", slot);
		add(to, "state", json_object_new_string(state_text(view.state)));
		add(to, "in_force", view.good < 0 ? NULL : json_object_new_int(view.good));
		places = json_object_new_array();
		json_object_array_add(places, place_json(fmt, slot, 0, &view));
		if (view.state != SLOT_GOOD)
			json_object_array_add(places, place_json(fmt, slot, 1, &view));
		add(to, "places", places);
		json_object_array_add(array, to);
	}
	return array;
}

static struct json_object *run_json(u64 first, u64 blocks)
{
	struct json_object *run = json_object_new_array();

	json_object_array_add(run, json_object_new_uint64(first));
	json_object_array_add(run, json_object_new_uint64(blocks));
	return run;
}

static struct json_object *bitmap_json(const struct pmpool_format *fmt)
{
	struct json_object *to = json_object_new_object();
	struct json_object *runs = json_object_new_array();
	u64 block, first = 0, marked = 0;
	bool in_run = false;

	for (block = 0; block <= fmt->blocks; block++) {
		bool ready = block < fmt->blocks && pmpool_format_block_ready(fmt, block);

		marked += ready;
		if (ready && !in_run)
			first = block;
		if (!ready && in_run)
			json_object_array_add(runs, run_json(first, block - first));
		in_run = ready;
	}
	add_number(to, "at", fmt->bitmap_offset);
	add_number(to, "size", fmt->bitmap_size);
	add_number(to, "zeroed", marked);
	add(to, "runs", runs);
	return to;
}

static struct json_object *held_json(const struct pmpool_format *fmt)
{
	struct json_object *to = json_object_new_object();
	struct json_object *runs = json_object_new_array();
	u64 block, first = 0;
	bool in_run = false;

	for (block = 0; block <= fmt->blocks; block++) {
		bool held = block < fmt->blocks && pmpool_hold_bit(fmt, block);

		if (held && !in_run)
			first = block;
		if (!held && in_run)
			json_object_array_add(runs, run_json(first, block - first));
		in_run = held;
	}
	add_number(to, "at", PMPOOL_HOLD_BITMAP_OFFSET);
	add_number(to, "crc", pmpool_hold_bitmap_crc(fmt));
	add(to, "runs", runs);
	return to;
}

static struct json_object *holds_json(const struct pmpool_format *fmt)
{
	struct json_object *array = json_object_new_array();
	struct pmpool_hold_record disk;
	struct pmpool_hold hold;
	u32 i;

	for (i = 0; i < PMPOOL_HOLD_SLOTS; i++) {
		struct json_object *to;
		int ret;

		memcpy(&disk, (const u8 *)fmt->mem + hold_offset(i), sizeof(disk));
		if (!memchr_inv(&disk, 0, sizeof(disk)))
			continue;
		ret = pmpool_hold_read(fmt, i, &hold);
		to = json_object_new_object();
		add_number(to, "record", i);
		add_number(to, "at", hold_offset(i));
		add(to, "state", json_object_new_string(!ret ? "good" : ret == -ENOENT ?
							"unfinished" : "damaged"));
		add_number(to, "crc", le32_to_cpu(disk.crc));
		add_number(to, "first_block", le64_to_cpu(disk.first_block));
		add_number(to, "blocks", le64_to_cpu(disk.blocks));
		add_text(to, "name", disk.name, sizeof(disk.name));
		json_object_array_add(array, to);
	}
	return array;
}

/* The kernel's own part; null: there is none. */
static struct json_object *kernel_json(const struct pmpool_format *fmt)
{
	struct pmpool_hold_header disk;
	struct json_object *to, *header;
	char why[WHY_SIZE];

	if (!kernel_part(fmt))
		return NULL;
	memcpy(&disk, (const u8 *)fmt->mem + PMPOOL_HOLD_HEADER_OFFSET, sizeof(disk));
	hold_header_look(fmt, why);
	header = json_object_new_object();
	add_number(header, "at", PMPOOL_HOLD_HEADER_OFFSET);
	add_problem(header, why);
	add_hex(header, "magic", disk.magic, sizeof(disk.magic));
	add_number(header, "crc", le32_to_cpu(disk.crc));
	add_number(header, "version", le32_to_cpu(disk.version));
	add_number(header, "base", le64_to_cpu(disk.base));
	add_number(header, "size", le64_to_cpu(disk.size));
	add_hex(header, "id", disk.id, sizeof(disk.id));
	add_number(header, "state", le32_to_cpu(disk.state));
	add_number(header, "bitmap_crc", le32_to_cpu(disk.bitmap_crc));
	add_number(header, "table_offset", le64_to_cpu(disk.table_offset));
	add_number(header, "table_size", le64_to_cpu(disk.table_size));
	add_number(header, "bitmap_offset", le64_to_cpu(disk.bitmap_offset));
	add_number(header, "bitmap_size", le64_to_cpu(disk.bitmap_size));

	to = json_object_new_object();
	add(to, "header", header);
	add(to, "holds", holds_json(fmt));
	add(to, "bitmap", held_json(fmt));
	return to;
}

static int dump(const char *path)
{
	struct json_object *to, *supers;
	struct pmpool_format fmt;
	struct findings found;
	struct source source;
	int status;
	bool blind;

	status = source_open(path, false, &source);
	if (status)
		return status;
	fmt = source_format(&source);

	if (examine(&fmt, &found, &blind)) {
		say("%s holds no pool", source.path);
		status = CTL_NO_POOL;
	} else {
		to = json_object_new_object();
		add(to, "pool", json_object_new_string(source.path));
		add_number(to, "region_size", source.region_size);
		supers = json_object_new_array();
		json_object_array_add(supers, super_json(&fmt, 0));
		json_object_array_add(supers, super_json(&fmt, 1));
		add(to, "superblocks", supers);
		/* Of an unknown format nobody knows where they are. */
		if (!blind) {
			add(to, "slots", slots_json(&fmt));
			add(to, "bitmap", bitmap_json(&fmt));
			add(to, "kernel", kernel_json(&fmt));
		}
		status = print_json(to);
	}
	findings_free(&found);
	source_close(&source);
	return status;
}

int verb_dump(int argc, char **argv)
{
	static const struct option options[] = { OPTION_JSON, END_OPTIONS };
	static const struct command command = { "dump", help, options, "one file", 0, 1 };
	struct given given = { 0 };
	int status;

	status = parse_options(&command, argc, argv, &given);
	return status < 0 ? dump(argv[optind]) : status;
}
