// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of KEY=VALUE lines; empty lines and those that begin with "#" or ";" are
 * skipped. A value goes to the end of its line and is taken as it is: command
 * lines have quotes and "#" of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "settings.h"

#define SETTINGS_FILE_MAX (64u << 10)

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	for (len = strlen(s); len && strchr(" \t\r", s[len - 1]); len--)
		;
	s[len] = '\0';
	return s;
}

void settings_read(struct settings *settings, const char *path, struct strlist *problems)
{
	size_t len;
	int r;

	*settings = (struct settings){ 0 };
	r = file_read(path, SETTINGS_FILE_MAX, &settings->data, &len);
	if (r == -ENOENT)
		return;
	if (r == -EFBIG) {
		strlist_add(problems, "%s is larger than %u bytes: split it", path,
			    SETTINGS_FILE_MAX);
		return;
	}
	if (r) {
		strlist_add(problems, "%s cannot be read: %s", path, strerror(-r));
		return;
	}
	if (strlen(settings->data) != len)
		strlist_add(problems, "%s is not a text file", path);
	settings->next = settings->data;
}

enum settings_line settings_next(struct settings *settings)
{
	char *key, *end;

	do {
		key = settings->next;
		if (!key)
			return SETTINGS_END;
		end = strchr(key, '\n');
		if (end)
			*end++ = '\0';
		settings->next = end;
		settings->line++;
		key = trim(key);
	} while (!*key || *key == '#' || *key == ';');

	settings->key = key;
	settings->value = NULL;
	end = key + strlen(key) - 1;
	if (*key == '[' && *end == ']') {
		*end = '\0';
		settings->key = trim(key + 1);
		return SETTINGS_SECTION;
	}
	end = strchr(key, '=');
	if (!end)
		return SETTINGS_OTHER;
	*end = '\0';
	settings->key = trim(key);
	settings->value = trim(end + 1);
	return SETTINGS_VALUE;
}

void settings_clear(struct settings *settings)
{
	free(settings->data);
	*settings = (struct settings){ 0 };
}
