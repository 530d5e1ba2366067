// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes and modes: between people's spelling and numbers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ctl.h"

static const char units[] = "KMGTPE";

/* The shift of a unit's name, or -1. */
static int unit_shift(const char *text)
{
	const char *unit;

	if (*text == '\0' || strcmp(text, "B") == 0)
		return 0;

	/* "i" is required before "B": elsewhere, "MB" is a million bytes. */
	if (text[1] != '\0' && strcasecmp(text + 1, "i") != 0 && strcasecmp(text + 1, "ib") != 0)
		return -1;

	for (unit = units; *unit; unit++)
		if (strncasecmp(text, unit, 1) == 0)
			return 10 * (int)(unit - units + 1);
	return -1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *parse_size(const char *text, uint64_t *size)
{
	static const char *const junk =
		"not a size; write it like 4096, 2M, 1.5G or 512MiB (K, M, G, T, P, E are powers of 1024)";
	static const char *const large = "too large; the limit is 16 EiB less one byte";
	unsigned __int128 part = 0;
	unsigned __int128 scale = 1;
	unsigned __int128 whole = 0;
	unsigned __int128 total;
	const char *p = text;
	int shift;

	if (!is_digit(*p))
		return junk;
	for (; is_digit(*p); p++) {
		whole = whole * 10 + (unsigned int)(*p - '0');
		if (whole > UINT64_MAX)
			return large;
	}

	if (*p == '.') {
		p++;
		if (!is_digit(*p))
			return junk;
		for (; is_digit(*p); p++) {
			/* 18 digits times 2^60 still fit into 128 bits. */
			if (scale == 1000000000000000000)
				return "has more than 18 digits after the point";
			part = part * 10 + (unsigned int)(*p - '0');
			scale *= 10;
		}
	}

	/* "1.5 GiB", as this program writes it. */
	if (*p == ' ' && p[1] != '\0')
		p++;
	shift = unit_shift(p);
	if (shift < 0)
		return junk;
	if (scale > 1 && shift == 0)
		return "not a whole number of bytes";

	total = (whole << shift) + ((part << shift) + scale - 1) / scale;
	if (total > UINT64_MAX)
		return large;

	*size = (uint64_t)total;
	return NULL;
}

const char *format_size(char to[SIZE_TEXT], uint64_t size, bool exact)
{
	unsigned int shift = 10;
	const char *unit = units;
	uint64_t tenths;

	if (exact) {
		snprintf(to, SIZE_TEXT, "%" PRIu64, size);
		return to;
	}
	if (size < 1024) {
		snprintf(to, SIZE_TEXT, "%" PRIu64 " B", size);
		return to;
	}

	while (size >> shift >= 1024) {
		shift += 10;
		unit++;
	}

	/* Only the ten bits that count, so that times ten can not overflow. */
	tenths = ((size >> (shift - 10)) & 1023) * 10 / 1024;
	snprintf(to, SIZE_TEXT, "%" PRIu64 ".%" PRIu64 " %ciB", size >> shift, tenths, *unit);
	return to;
}

const char *parse_mode(const char *text, mode_t *mode)
{
	unsigned int value = 0;
	const char *p;

	if (*text == '\0')
		return "not a mode; write permission bits in octal, like 0640";
	for (p = text; *p; p++) {
		if (*p < '0' || *p > '7')
			return "not a mode; write permission bits in octal, like 0640";
		value = value * 8 + (unsigned int)(*p - '0');
		if (value > 0777)
			return "has more than permission bits; the largest is 0777";
	}

	*mode = value;
	return NULL;
}
