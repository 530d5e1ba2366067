// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: releases
 *
 * Sorted as dpkg sorts versions: runs of digits by their value, letters before
 * other characters, "~" before everything, also before the end. One exception:
 * upstream calls a release candidate "-rc1", which is older than the release.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "release.h"

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_candidate(const char *s)
{
	return s[0] == '-' && s[1] == 'r' && s[2] == 'c' && digit(s[3]);
}

static int weight(const char *s)
{
	if (!*s || digit(*s))
		return 0;
	if (*s == '~' || is_candidate(s))
		return -1;
	return isalpha((unsigned char)*s) ? *s : (unsigned char)*s + 256;
}

int release_compare(const char *a, const char *b)
{
	while (*a || *b) {
		int first = 0;

		while ((*a && !digit(*a)) || (*b && !digit(*b))) {
			int d = weight(a) - weight(b);

			if (d)
				return d;
			a++;
			b++;
		}
		while (*a == '0')
			a++;
		while (*b == '0')
			b++;
		while (digit(*a) && digit(*b)) {
			if (!first)
				first = *a - *b;
			a++;
			b++;
		}
		if (digit(*a))
			return 1;
		if (digit(*b))
			return -1;
		if (first)
			return first;
	}
	return 0;
}

const char *release_flavour(const char *release)
{
	const char *s;

	for (s = strchr(release, '-'); s; s = strchr(s + 1, '-')) {
		if (isalpha((unsigned char)s[1]) && !is_candidate(s))
			return s;
	}
	return release + strlen(release);
}
