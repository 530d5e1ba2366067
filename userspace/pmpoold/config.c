// SPDX-License-Identifier: GPL-2.0-only
/* pmpoold.conf */
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "policy.h"
#include "settings.h"

void config_clear(struct config *config)
{
	free(config->kernel);
	free(config->initrd);
	free(config->append);
	free(config->cmdline);
	free(config->lend);
	free(config->headroom);
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
		{ "Lend", &config->lend, 0 },
		{ "LendHeadroom", &config->headroom, 0 },
	};
	struct lend_policy policy;
	struct settings file;
	enum settings_line kind;

	*config = (struct config){ 0 };
	settings_read(&file, path, problems);
	while ((kind = settings_next(&file)) != SETTINGS_END) {
		const char *key = file.key, *value = file.value, *wrong;
		unsigned int number = file.line;
		size_t i;

		if (kind != SETTINGS_VALUE) {
			strlist_add(problems, kind == SETTINGS_SECTION ?
				    "%s:%u: \"[%s]\" is not KEY=VALUE" :
				    "%s:%u: \"%s\" is not KEY=VALUE", path, number, key);
			continue;
		}
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (!strcmp(key, keys[i].key))
				break;
		}
		if (i == sizeof(keys) / sizeof(keys[0])) {
			strlist_add(problems, "%s:%u: there is no setting \"%s\": it is one of Kernel, Initrd, Append, CommandLine, Lend, LendHeadroom",
				    path, number, key);
			continue;
		}
		if (*value && keys[i].path && *value != '/' &&
		    !(keys[i].value == &config->initrd && !strcmp(value, "none"))) {
			strlist_add(problems, "%s:%u: %s=%s is not an absolute path",
				    path, number, key, value);
			continue;
		}
		wrong = !*value ? NULL :
			keys[i].value == &config->lend ? lend_parse(value, &policy) :
			keys[i].value == &config->headroom ? lend_parse_headroom(value, &policy) :
			NULL;
		if (wrong) {
			strlist_add(problems, "%s:%u: %s=%s: %s", path, number, key, value, wrong);
			value = "";
		}
		/* As in units: the last one counts, and an empty one resets. */
		free(*keys[i].value);
		*keys[i].value = *value ? xstrdup(value) : NULL;
	}
	settings_clear(&file);
}
