// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: boot loader entries
 *
 * A line is a key, white space and a value; a line that begins with "#" is a
 * comment; keys that are not known here are for others. Several initrd are
 * loaded one after the other, several options are one line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "entry.h"

#define SPACE " \t\r"

void entry_clear(struct entry *entry)
{
	free(entry->linux_path);
	free(entry->options);
	strlist_clear(&entry->initrds);
	*entry = (struct entry){ 0 };
}

/* What is wrong with a path of an entry; NULL: nothing. */
static const char *wrong_path(const char *s)
{
	if (!*s)
		return "has no value";
	if (strchr(s, '$'))
		return "has a variable of another boot loader";
	for (s += strspn(s, "/"); *s; s += strspn(s, "/")) {
		size_t len = strcspn(s, "/");

		if (len == 2 && !strncmp(s, "..", 2))
			return "has a \"..\"";
		s += len;
	}
	return NULL;
}

/* GRUB has variables in entries of its own, and $ is part of memmap= as well. */
static bool has_variable(const char *s)
{
	for (const char *p = strchr(s, '$'); p; p = strchr(p + 1, '$')) {
		if ((p == s || strchr(SPACE, p[-1])) && p[1] && !strchr(SPACE "0123456789", p[1]))
			return true;
	}
	return false;
}

static const char *take_line(struct entry *entry, const char *key, const char *value)
{
	if (!strcmp(key, "linux")) {
		if (entry->linux_path)
			return "is there twice";
		if (wrong_path(value))
			return wrong_path(value);
		entry->linux_path = xstrdup(value);
	} else if (!strcmp(key, "initrd")) {
		if (wrong_path(value))
			return wrong_path(value);
		strlist_add(&entry->initrds, "%s", value);
	} else if (!strcmp(key, "options")) {
		char *before = entry->options;

		if (has_variable(value))
			return "has a variable of another boot loader";
		entry->options = before ? xprintf("%s %s", before, value) : xstrdup(value);
		free(before);
	} else if (!strcmp(key, "architecture")) {
		entry->other_machine = strcasecmp(value, "x64") != 0;
	}
	return NULL;
}

int entry_parse(struct entry *entry, const char *path, const char *text, size_t len,
		char **reason)
{
	unsigned int number = 0;
	char *copy, *line, *next;
	int r = 0;

	*entry = (struct entry){ 0 };
	if (strlen(text) != len) {
		*reason = xprintf("%s is not a text file", path);
		return -EBADMSG;
	}
	copy = xstrdup(text);
	for (line = copy; line && !r; line = next) {
		const char *wrong;
		char *value, *end;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		line += strspn(line, SPACE);
		for (end = line + strlen(line); end > line && strchr(SPACE, end[-1]);)
			*--end = '\0';
		if (!*line || *line == '#')
			continue;
		value = line + strcspn(line, SPACE);
		if (*value)
			*value++ = '\0';
		value += strspn(value, SPACE);
		wrong = take_line(entry, line, value);
		if (wrong) {
			*reason = xprintf("%s:%u: %s %s", path, number, line, wrong);
			entry_clear(entry);
			r = -EBADMSG;
		}
	}
	free(copy);
	return r;
}

bool entry_is_bad(const char *name)
{
	const char *plus = strrchr(name, '+');
	const char *end;

	if (!plus || plus[1] != '0')
		return false;
	end = plus + 1 + strspn(plus + 1, "0");
	if (*end == '-') {
		if (!strspn(end + 1, "0123456789"))
			return false;
		end += 1 + strspn(end + 1, "0123456789");
	}
	return !strcmp(end, ".conf");
}
