// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoold.conf: KEY=VALUE lines; empty ones and those that begin with "#" or
 * ";" are skipped. A value goes to the end of its line and is taken as it is:
 * command lines have quotes and "#" of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "file.h"

#define CONFIG_FILE_MAX (64u << 10)

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	for (len = strlen(s); len && strchr(" \t\r", s[len - 1]); len--)
		;
	s[len] = '\0';
	return s;
}

void config_clear(struct config *config)
{
	free(config->kernel);
	free(config->initrd);
	free(config->append);
	free(config->cmdline);
	*config = (struct config){ 0 };
}

void config_read(struct config *config, const char *path, struct strlist *problems)
{
	const struct {
		const char *key;
		char **value;
		int path;
	} keys[] = {
		{ "Kernel", &config->kernel, 1 },
		{ "Initrd", &config->initrd, 1 },
		{ "Append", &config->append, 0 },
		{ "CommandLine", &config->cmdline, 0 },
	};
	char *data, *line, *next;
	unsigned int number = 0;
	size_t len;
	int r;

	*config = (struct config){ 0 };
	r = file_read(path, CONFIG_FILE_MAX, &data, &len);
	if (r == -ENOENT)
		return;
	if (r) {
		strlist_add(problems, "%s cannot be read: %s", path, strerror(-r));
		return;
	}
	if (strlen(data) != len)
		strlist_add(problems, "%s is not a text file", path);
	for (line = data; line; line = next) {
		char *key, *value;
		size_t i;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		key = trim(line);
		if (!*key || *key == '#' || *key == ';')
			continue;
		value = strchr(key, '=');
		if (!value) {
			strlist_add(problems, "%s:%u: \"%s\" is not KEY=VALUE", path, number, key);
			continue;
		}
		*value++ = '\0';
		key = trim(key);
		value = trim(value);
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (!strcmp(key, keys[i].key))
				break;
		}
		if (i == sizeof(keys) / sizeof(keys[0])) {
			strlist_add(problems, "%s:%u: there is no setting \"%s\": it is one of Kernel, Initrd, Append, CommandLine",
				    path, number, key);
			continue;
		}
		if (*value && keys[i].path && *value != '/' &&
		    !(keys[i].value == &config->initrd && !strcmp(value, "none"))) {
			strlist_add(problems, "%s:%u: %s=%s is not an absolute path",
				    path, number, key, value);
			continue;
		}
		/* As in units: the last one counts, and an empty one resets. */
		free(*keys[i].value);
		*keys[i].value = *value ? xstrdup(value) : NULL;
	}
	free(data);
}
