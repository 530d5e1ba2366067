/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PMPOOLCTL_TERMINAL_H
#define PMPOOLCTL_TERMINAL_H

#include <stdbool.h>

/* --color=auto, always, never */
enum color {
	COLOR_AUTO = 0,		/* on a terminal, unless NO_COLOR is set */
	COLOR_ALWAYS,
	COLOR_NEVER,
};

/* Returns NULL, or what is wrong with the text. */
const char *parse_color(const char *text, enum color *color);
bool terminal_color(enum color color, int fd);

/* Columns: COLUMNS, or those of the terminal that fd is, or 80. */
unsigned int terminal_width(int fd);

/* Whether the locale's characters are UTF-8. */
bool terminal_utf8(void);

#endif /* PMPOOLCTL_TERMINAL_H */
