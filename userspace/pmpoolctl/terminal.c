// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a terminal can show: how wide it is, colours, and more than ASCII.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "terminal.h"

#define DEFAULT_WIDTH	80
#define WIDTH_LIMIT	1000

/* COLUMNS, or 0 if it is no number that can be right. */
static unsigned int columns_variable(void)
{
	const char *text = getenv("COLUMNS");
	unsigned long width;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	width = strtoul(text, &end, 10);
	return *end == '\0' && width <= WIDTH_LIMIT ? (unsigned int)width : 0;
}

unsigned int terminal_width(int fd)
{
	unsigned int width = columns_variable();
	struct winsize size;

	/* Somebody who sets COLUMNS means it, wherever the output goes. */
	if (width)
		return width;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col < WIDTH_LIMIT ? size.ws_col : WIDTH_LIMIT;
	return DEFAULT_WIDTH;
}

bool terminal_utf8(void)
{
	bool utf8;

	/* For the question only: numbers and messages are the same everywhere. */
	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	setlocale(LC_CTYPE, "C");
	return utf8;
}

const char *parse_color(const char *text, enum color *color)
{
	if (strcmp(text, "auto") == 0)
		*color = COLOR_AUTO;
	else if (strcmp(text, "always") == 0)
		*color = COLOR_ALWAYS;
	else if (strcmp(text, "never") == 0)
		*color = COLOR_NEVER;
	else
		return "not one of auto, always and never";
	return NULL;
}

bool terminal_color(enum color color, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	/* no-color.org: whatever its value, unless that is empty. */
	if (no_color && *no_color)
		return false;
	return isatty(fd) && term && strcmp(term, "dumb") != 0;
}
