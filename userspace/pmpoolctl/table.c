// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables: rows are kept until all are known, then every column is as wide as
 * its widest cell.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

struct table {
	unsigned int columns;
	size_t cells;
	size_t room;
	char **cell;
	int *width;
};

static void *must(void *memory)
{
	if (!memory)
		err(CTL_FAILED, "table");
	return memory;
}

struct table *table_new(unsigned int columns, const char *const *headings)
{
	struct table *table = must(calloc(1, sizeof(*table)));

	table->columns = columns;
	table->width = must(calloc(columns, sizeof(*table->width)));
	table_row(table, headings);
	return table;
}

void table_row(struct table *table, const char *const *cells)
{
	unsigned int i;

	if (table->cells + table->columns > table->room) {
		table->room = 2 * table->room + table->columns;
		table->cell = must(reallocarray(table->cell, table->room, sizeof(*table->cell)));
	}

	for (i = 0; i < table->columns; i++) {
		int width = (int)strlen(cells[i]);

		table->cell[table->cells++] = must(strdup(cells[i]));
		if (width > table->width[i])
			table->width[i] = width;
	}
}

void table_print(const struct table *table)
{
	size_t i;

	for (i = 0; i < table->cells; i++) {
		unsigned int column = i % table->columns;

		/* No blanks at a line's end. */
		if (column + 1 == table->columns)
			printf("%s\n", table->cell[i]);
		else
			printf("%-*s  ", table->width[column], table->cell[i]);
	}
}

void table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
	free(table->width);
	free(table);
}
