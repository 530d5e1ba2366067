// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the driver of another kernel
 *
 * Found as modprobe will find it, and asked what it says of itself: the kernel
 * that it was built for, the versions of the on-memory format that it can attach,
 * and its backings. Nothing is loaded.
 */
#include <errno.h>
#include <libkmod.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "strlist.h"

/* What the driver's MODULE_INFO() calls its range of versions. */
#define FORMAT_KEY "pmpool_format"
/* And the names of its backings, with spaces in between. */
#define BACKINGS_KEY "pmpool_backings"

/* Where distributions and DKMS put a module, when depmod has not listed it. */
static char *unlisted(const char *dir)
{
	static const char *const dirs[] = {
		"updates/dkms", "updates", "extra", "kernel/drivers/misc/pmpool",
	};
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		for (size_t j = 0; j < sizeof(suffixes) / sizeof(suffixes[0]); j++) {
			char *path = xprintf("%s/%s/pmpool.ko%s", dir, dirs[i], suffixes[j]);

			if (!access(path, F_OK))
				return path;
			free(path);
		}
	}
	return NULL;
}

static bool number(const char **s, unsigned int *value)
{
	char *end;
	unsigned long v;

	if (**s < '0' || **s > '9')
		return false;
	errno = 0;
	v = strtoul(*s, &end, 10);
	if (errno || v > UINT_MAX)
		return false;
	*value = (unsigned int)v;
	*s = end;
	return true;
}

bool module_parse_range(const char *text, unsigned int *first, unsigned int *last)
{
	return number(&text, first) && *text++ == '-' && number(&text, last) && !*text &&
	       *first <= *last;
}

bool module_lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (list += strspn(list, " "); *list; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		if (n == len && !strncmp(list, word, n))
			return true;
		list += n;
	}
	return false;
}

/* Why the module will not do; NULL: it will. */
static char *why_not(struct kmod_module *module, const char *release,
		     const struct module_need *need, struct module_backings *backings)
{
	unsigned int format = need->format;
	struct kmod_list *info = NULL, *i;
	size_t len = strlen(release);
	bool has_range = false;
	char *wrong = NULL;

	if (kmod_module_get_info(module, &info) < 0)
		return xprintf("it cannot be read as a module: build the driver for %s again",
			       release);
	kmod_list_foreach(i, info) {
		const char *key = kmod_module_info_get_key(i);
		const char *value = kmod_module_info_get_value(i);
		unsigned int first, last;

		if (!strcmp(key, BACKINGS_KEY))
			*backings = (struct module_backings){ true, module_lists(value, "cma") };
		if (wrong)
			continue;
		/* The kernel refuses a module whose vermagic is another kernel's. */
		if (!strcmp(key, "vermagic") &&
		    (strncmp(value, release, len) || value[len] != ' '))
			wrong = xprintf("it will not load, for it was built for %.*s: build the driver for %s",
					(int)strcspn(value, " "), value, release);
		if (strcmp(key, FORMAT_KEY))
			continue;
		has_range = true;
		if (!module_parse_range(value, &first, &last))
			wrong = xprintf("its " FORMAT_KEY "=%s is no range of versions: install a driver whose format versions are known",
					value);
		else if (format < first || format > last)
			wrong = xprintf("it attaches pools of format version %s, and this pool has version %u: install a driver for %s that knows version %u",
					value, format, release, format);
	}
	kmod_module_info_free_list(info);
	if (!wrong && !has_range)
		wrong = xprintf("it does not say which format versions it can attach (no " FORMAT_KEY "= in modinfo): build the driver for %s again",
				release);
	/* The two came with the same version of the driver. */
	if (!wrong && need->held && !backings->said)
		wrong = xprintf("it does not know that users inside the kernel have part of this pool, and would give that to extents (no " BACKINGS_KEY "= in modinfo): build the driver for %s again",
				release);
	return wrong;
}

bool module_fits(const char *root, const char *release, const struct module_need *need,
		 struct module_backings *backings, char **text)
{
	struct module_backings found = { 0 };
	/* No configuration: of interest is what there is, not what is wanted. */
	const char *no_config = NULL;
	struct kmod_list *list = NULL;
	struct kmod_module *module = NULL;
	struct kmod_ctx *ctx;
	const char *path;
	char *dir, *where, *wrong;
	bool fits = false;

	dir = xprintf("%s/lib/modules/%s", root, release);
	ctx = kmod_new(dir, &no_config);
	if (backings)
		*backings = found;
	if (!ctx) {
		*text = xprintf("%s cannot be searched", dir);
		free(dir);
		return false;
	}
	if (kmod_module_new_from_lookup(ctx, "pmpool", &list) >= 0 && list)
		module = kmod_module_get_module(list);
	path = module ? kmod_module_get_path(module) : NULL;
	if (path && access(path, R_OK)) {
		*text = xprintf("%s is listed, but cannot be read: %s: install the driver for %s and run depmod %s",
				path, strerror(errno), release, release);
	} else if (path || (module && kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN)) {
		where = path ? xstrdup(path) : xprintf("the driver built into %s", release);
		wrong = why_not(module, release, need, &found);
		fits = !wrong;
		*text = wrong ? xprintf("%s: %s", where, wrong)
			: xprintf("%s, for %s, attaches format version %u%s", where, release, need->format,
				  found.cma ? ", and has the backing cma" : "");
		free(wrong);
		free(where);
	} else if ((where = unlisted(dir))) {
		*text = xprintf("%s is there, but modprobe does not know it: run depmod %s",
				where, release);
		free(where);
	} else {
		*text = xprintf("there is no pmpool.ko for %s in %s: install the driver for it, and run depmod %s",
				release, dir, release);
	}
	if (module)
		kmod_module_unref(module);
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	free(dir);
	if (backings)
		*backings = found;
	return fits;
}
