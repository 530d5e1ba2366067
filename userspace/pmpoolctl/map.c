// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl map: the pool drawn to scale.
 *
 * It is drawn in rows of cells, one character each, that stand for the same
 * number of bytes. The cell in which an extent begins has its label, so that
 * none is too small to be seen; others show what has most of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "map.h"
#include "options.h"
#include "terminal.h"

static const char help[] =
	"Usage: pmpoolctl map [OPTION...]\n"
	"Draw the pool to scale: its extents, and what is free.\n"
	"\n"
	"  -c, --color=WHEN  auto (on a terminal, unless NO_COLOR is set), always or\n"
	"                    never\n"
	"  -j, --json        for programs\n"
	"  -b, --bytes       sizes and offsets in bytes\n"
	"  -h, --help        show this help\n";

/*
 * What is where.
 */

static uint64_t map_used(const struct map *map)
{
	const struct map_part *last = &map->parts[map->n - 1];

	return last->offset + last->size;
}

static struct map_part *add_part(struct map *map, enum map_kind kind, uint64_t end)
{
	struct map_part *more = reallocarray(map->parts, map->n + 1, sizeof(*more));
	uint64_t start;

	if (!more)
		abort();
	map->parts = more;
	start = map->n ? map_used(map) : 0;
	more[map->n] = (struct map_part){ .kind = kind, .offset = start, .size = end - start };
	return &more[map->n++];
}

static void add_free(struct map *map, uint64_t end)
{
	if (end > map_used(map))
		add_part(map, map->degraded ? MAP_UNKNOWN : MAP_FREE, end);
}

static void add_gap_between(struct map *map, uint64_t end)
{
	if (map->lent_start < map->lent_end && map->lent_start >= map_used(map) &&
	    map->lent_end <= end) {
		add_free(map, map->lent_start);
		add_part(map, MAP_LENT, map->lent_end);
	}
	add_free(map, end);
}

/* Up to end, with what users inside the kernel have there. false: it can not be so. */
static bool add_gap(struct map *map, uint64_t end)
{
	while (map->held_next < map->held_n) {
		struct pmpool_entry *held = map->held[map->held_next];
		uint64_t held_end = pmpool_entry_offset(held) + pmpool_entry_size(held);

		if (pmpool_entry_offset(held) >= end)
			break;
		if (pmpool_entry_offset(held) < map_used(map) || held_end > end)
			return false;
		add_gap_between(map, pmpool_entry_offset(held));
		add_part(map, MAP_KERNEL, held_end)->entry = held;
		map->held_next++;
	}
	add_gap_between(map, end);
	return true;
}

void map_begin(struct map *map, const struct pmpool_pool_info *info)
{
	*map = (struct map){
		.size = pmpool_info_size(info),
		.block_size = pmpool_info_block_size(info),
		.degraded = pmpool_info_state(info) == PMPOOL_DEGRADED,
	};
	add_part(map, MAP_METADATA, pmpool_info_metadata_size(info));
}

void map_lent(struct map *map, uint64_t offset, uint64_t size)
{
	map->lent_start = offset;
	map->lent_end = offset + size;
}

void map_held(struct map *map, struct pmpool_entry *entry)
{
	map->held = reallocarray(map->held, map->held_n + 1, sizeof(*map->held));
	if (!map->held)
		abort();
	map->held[map->held_n++] = entry;
}

bool map_add(struct map *map, struct pmpool_entry *entry)
{
	uint64_t blocks = (pmpool_entry_size(entry) + map->block_size - 1) / map->block_size;
	uint64_t end = pmpool_entry_offset(entry) + blocks * map->block_size;
	struct map_part *part;

	if (pmpool_entry_offset(entry) < map_used(map) || end > map->size ||
	    !add_gap(map, pmpool_entry_offset(entry))) {
		pmpool_entry_free(entry);
		return false;
	}
	part = add_part(map, MAP_EXTENT, end);
	part->entry = entry;
	part->number = map->extents++;
	return true;
}

bool map_end(struct map *map)
{
	return add_gap(map, map->size) && map->held_next == map->held_n;
}

void map_free(struct map *map)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		pmpool_entry_free(map->parts[i].entry);
	for (i = map->held_next; i < map->held_n; i++)
		pmpool_entry_free(map->held[i]);
	free(map->held);
	free(map->parts);
	*map = (struct map){ 0 };
}

/*
 * As JSON.
 */

static const char *kind_text(enum map_kind kind)
{
	switch (kind) {
	case MAP_METADATA:
		return "metadata";
	case MAP_EXTENT:
		return "extent";
	case MAP_FREE:
		return "free";
	case MAP_LENT:
		return "lent";
	case MAP_KERNEL:
		return "kernel";
	default:
		return "unknown";
	}
}

/* Any bytes can be in it, and JSON is UTF-8: what is none of ASCII is shown as "?". */
static struct json_object *held_name(const struct pmpool_entry *entry)
{
	const char *name = pmpool_entry_name(entry);
	char text[64];
	size_t i;

	for (i = 0; name[i] && i < sizeof(text) - 1; i++)
		text[i] = name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?';
	text[i] = '\0';
	return i ? json_object_new_string(text) : NULL;
}

struct json_object *map_to_json(const struct map *map)
{
	struct json_object *root = json_object_new_object();
	struct json_object *parts = json_object_new_array();
	size_t i;

	for (i = 0; i < map->n; i++) {
		const struct map_part *part = &map->parts[i];
		struct json_object *to = json_object_new_object();

		json_object_object_add(to, "kind", json_object_new_string(kind_text(part->kind)));
		json_object_object_add(to, "offset", json_object_new_uint64(part->offset));
		json_object_object_add(to, "size", json_object_new_uint64(part->size));
		json_object_object_add(to, "extent", part->kind == MAP_EXTENT ?
				       entry_to_json(part->entry) : NULL);
		if (part->kind == MAP_KERNEL)
			json_object_object_add(to, "name", held_name(part->entry));
		json_object_array_add(parts, to);
	}
	json_object_object_add(root, "size", json_object_new_uint64(map->size));
	json_object_object_add(root, "block_size", json_object_new_uint64(map->block_size));
	json_object_object_add(root, "parts", parts);
	return root;
}

/*
 * As a drawing.
 */

#define ROWS		8
#define COLUMNS_STEP	8
#define SGR_TEXT	16

/* What was drawn so far. */
struct drawing {
	const struct map *map;
	const struct map_style *style;
	char sgr[SGR_TEXT];		/* the colour that the terminal is at; "": none */
	bool kinds[MAP_UNKNOWN + 1];	/* drawn by their own character */
	bool several;			/* "+" */
};

static const char *label(const struct map_part *part, char to[2])
{
	static const char labels[] =
		"123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	to[0] = labels[part->number % (sizeof(labels) - 1)];
	to[1] = '\0';
	return to;
}

static const char *fill(enum map_kind kind, bool utf8)
{
	switch (kind) {
	case MAP_METADATA:
		return utf8 ? "\u2593" : "=";	/* dark shade */
	case MAP_EXTENT:
		return utf8 ? "\u2588" : "#";	/* full block */
	case MAP_FREE:
		return utf8 ? "\u2591" : ".";	/* light shade */
	case MAP_LENT:
		return utf8 ? "\u2592" : "~";	/* medium shade */
	case MAP_KERNEL:
		return utf8 ? "\u259a" : "%";	/* quadrants */
	default:
		return "?";
	}
}

/* Parameters of SGR. Neighbours differ; red is for what is wrong. */
static const char *color_of(const struct map_part *part)
{
	static const char *const extents[] = { "32", "33", "34", "35", "36" };

	switch (part->kind) {
	case MAP_EXTENT:
		return extents[part->number % (sizeof(extents) / sizeof(*extents))];
	case MAP_UNKNOWN:
		return "31";
	default:
		return "90";
	}
}

/* In the colour of part, a label inverse: a block with a letter on it. */
static void paint(struct drawing *drawing, const struct map_part *part, const char *text,
		  bool inverse)
{
	char sgr[SGR_TEXT];

	if (drawing->style->color) {
		snprintf(sgr, sizeof(sgr), "0;%s%s", color_of(part), inverse ? ";7" : "");
		if (strcmp(drawing->sgr, sgr) != 0)
			printf("\033[%sm", strcpy(drawing->sgr, sgr));
	}
	printf("%s", text);
}

static void paint_end(struct drawing *drawing)
{
	if (drawing->sgr[0])
		printf("\033[0m");
	drawing->sgr[0] = '\0';
}

/*
 * The cell from start to end. *first is a part that is not behind it, and is
 * moved on for the next cell.
 */
static void draw_cell(struct drawing *drawing, uint64_t start, uint64_t end, size_t *first)
{
	const struct map_part *most = NULL, *begins = NULL;
	const struct map *map = drawing->map;
	unsigned int beginning = 0;
	uint64_t share = 0;
	char text[2];
	size_t i;

	while (map->parts[*first].offset + map->parts[*first].size <= start)
		(*first)++;

	for (i = *first; i < map->n && map->parts[i].offset < end; i++) {
		const struct map_part *part = &map->parts[i];
		uint64_t from = part->offset > start ? part->offset : start;
		uint64_t until = part->offset + part->size < end ? part->offset + part->size : end;

		if (until - from > share) {
			share = until - from;
			most = part;
		}
		if (part->kind == MAP_EXTENT && part->offset >= start) {
			begins = part;
			beginning++;
		}
	}

	if (beginning > 1) {
		drawing->several = true;
		paint(drawing, begins, "+", true);
	} else if (begins) {
		paint(drawing, begins, label(begins, text), true);
	} else {
		drawing->kinds[most->kind] = true;
		paint(drawing, most, fill(most->kind, drawing->style->utf8), false);
	}
}

/* Bytes of a cell: a power of two blocks, so that rows begin at even places. */
static uint64_t cell_size(const struct map *map, unsigned int columns)
{
	uint64_t size = map->block_size;

	while ((map->size + size - 1) / size > (uint64_t)columns * ROWS)
		size *= 2;
	return size;
}

/* Returns the bytes of a cell. */
static uint64_t draw_cells(struct drawing *drawing)
{
	const struct map_style *style = drawing->style;
	uint64_t size = drawing->map->size;
	uint64_t cell, row, start, end;
	unsigned int columns, margin;
	char text[SIZE_TEXT];
	size_t first = 0;

	/* No offset is longer than "1023.9 MiB"; exact ones are as long as the size. */
	margin = style->exact ? (unsigned int)strlen(format_size(text, size, true)) : 10;
	columns = style->width >= margin + 2 + COLUMNS_STEP ? style->width - margin - 2 : COLUMNS_STEP;
	columns -= columns % COLUMNS_STEP;
	cell = cell_size(drawing->map, columns);

	for (row = 0; row < size; row += cell * columns) {
		printf("%*s  ", (int)margin, format_size(text, row, style->exact));
		for (start = row; start < size && start < row + cell * columns; start = end) {
			end = start + cell < size ? start + cell : size;
			draw_cell(drawing, start, end, &first);
		}
		paint_end(drawing);
		putchar('\n');
	}
	return cell;
}

/* What the characters mean that are no labels. */
static void draw_key(struct drawing *drawing, uint64_t cell)
{
	const struct map *map = drawing->map;
	char text[SIZE_TEXT];
	size_t i;

	printf("\none character: %s", format_size(text, cell, drawing->style->exact));
	for (i = 0; i < map->n; i++) {
		const struct map_part *part = &map->parts[i];

		if (!drawing->kinds[part->kind])
			continue;
		drawing->kinds[part->kind] = false;
		printf(", ");
		paint(drawing, part, fill(part->kind, drawing->style->utf8), false);
		paint_end(drawing);
		printf(" %s", part->kind == MAP_UNKNOWN ? "free or damaged" : kind_text(part->kind));
	}
	if (drawing->several)
		printf(", + several extents");
	putchar('\n');
}

static void draw_extents(struct drawing *drawing)
{
	static const char *const headings[] = { "", "NAME", "SIZE", "OFFSET", "STATE" };
	const struct map *map = drawing->map;
	bool exact = drawing->style->exact;
	char offset[SIZE_TEXT];
	char size[SIZE_TEXT];
	struct table *table;
	char text[2];
	size_t i;

	table = table_new(sizeof(headings) / sizeof(*headings), headings);
	for (i = 0; i < map->n; i++) {
		const struct map_part *part = &map->parts[i];

		if (part->kind == MAP_EXTENT)
			table_row(table, (const char *const[]){
				label(part, text),
				pmpool_entry_name(part->entry),
				format_size(size, pmpool_entry_size(part->entry), exact),
				format_size(offset, part->offset, exact),
				entry_state_text(part->entry),
			});
	}
	putchar('\n');
	table_print(table);
	table_free(table);
}

void map_draw(const struct map *map, const struct map_style *style)
{
	struct drawing drawing = { .map = map, .style = style };

	draw_key(&drawing, draw_cells(&drawing));
	if (map->extents)
		draw_extents(&drawing);
	if (map->degraded)
		printf("\nthe pool is degraded: see pmpoolctl check\n");
}

/*
 * Of the pool that there is.
 */

/* Extents come and go, between one question and the next. */
#define READINGS 10

/* Returns 0, a negative errno, or -EAGAIN: the pool changed meanwhile. */
static int read_map(struct pmpool *pool, struct map *map)
{
	struct pmpool_lending *lending;
	struct pmpool_pool_info *info;
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (ret)
		return ret;
	map_begin(map, info);
	ret = pmpool_info_lent(info) ? pmpool_get_lending(pool, &lending) : 0;
	if (!ret && pmpool_info_lent(info)) {
		map_lent(map, pmpool_lending_offset(lending), pmpool_lending_size(lending));
		pmpool_lending_free(lending);
	}
	pmpool_info_free(info);
	if (ret)
		goto free_map;

	while (!(ret = pmpool_next_held(pool, &cursor, &entry)))
		map_held(map, entry);
	if (ret != -ENOENT)
		goto free_map;

	cursor = 0;
	while (!(ret = pmpool_next(pool, &cursor, &entry))) {
		if (!map_add(map, entry)) {
			ret = -EAGAIN;
			break;
		}
	}
	if (ret == -ENOENT) {
		if (map_end(map))
			return 0;
		ret = -EAGAIN;
	}
free_map:
	map_free(map);
	return ret;
}

static int show(struct pmpool *pool, const struct map_style *style, bool json)
{
	struct map map;
	int status;
	int ret, i;

	ret = -EAGAIN;
	for (i = 0; i < READINGS && ret == -EAGAIN; i++)
		ret = read_map(pool, &map);
	if (ret) {
		say("cannot draw the pool: %s",
		    ret == -EAGAIN ? "its extents change all the time; try again" : error_text(ret));
		return error_status(ret);
	}

	if (json) {
		status = print_json(map_to_json(&map));
	} else {
		map_draw(&map, style);
		status = finish_output(CTL_OK);
	}
	map_free(&map);
	return status;
}

int verb_map(int argc, char **argv)
{
	static const struct option options[] = {
		{ "color", required_argument, NULL, 'c' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = { "map", help, options, NULL, 0, 0 };
	enum color color = COLOR_AUTO;
	struct given given = { 0 };
	struct map_style style;
	struct pmpool *pool;
	const char *wrong;
	int status;
	int c;

	while ((c = next_option(&command, argc, argv, &given)) != -1) {
		if (c == 'c') {
			wrong = parse_color(optarg, &color);
			if (wrong)
				return wrong_option("color", wrong);
		}
	}
	if (given.status >= 0)
		return given.status;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	style = (struct map_style){
		.width = terminal_width(STDOUT_FILENO),
		.utf8 = terminal_utf8(),
		.color = terminal_color(color, STDOUT_FILENO),
		.exact = given.exact,
	};
	status = show(pool, &style, given.json);
	pmpool_close(pool);
	return status;
}
