// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: declared extents
 *
 * A service that keeps its state in an extent should not have to make it: a file
 * declares it, and it is made when it is missing. What exists is somebody's data:
 * it is compared and never touched.
 *
 * A section with anything wrong in it makes nothing: an extent with another owner
 * or size than was meant would have to be removed again, by then with data in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "confdir.h"
#include "ctl.h"
#include "declared.h"
#include "settings.h"

#define BLOCK_SIZE (2u << 20)
#define DEFAULT_MODE 0600

static void declaration_clear(struct declaration *d)
{
	free(d->file);
	free(d->failed);
}

void declared_clear(struct declared *declared)
{
	for (size_t i = 0; i < declared->n; i++)
		declaration_clear(&declared->v[i]);
	free(declared->v);
	strlist_clear(&declared->wrong);
	strlist_clear(&declared->problems);
	*declared = (struct declared){ 0 };
}

/*
 * Reading. Each setter returns NULL or what is wrong with the text; an empty text
 * resets.
 */

static const char *set_name(struct declaration *d, const char *text)
{
	if (*text && !pmpool_name_valid(text))
		return "a name is 1 to 63 characters of [A-Za-z0-9._-], not '.' or '..'";
	strcpy(d->name, text);
	return NULL;
}

static const char *set_size(struct declaration *d, const char *text)
{
	const char *wrong;

	d->size = 0;
	if (!*text)
		return NULL;
	wrong = parse_size(text, &d->size);
	return wrong || d->size ? wrong : "an extent has at least 1 byte";
}

static const char *set_align(struct declaration *d, const char *text)
{
	const char *wrong;

	d->align = 0;
	if (!*text)
		return NULL;
	wrong = parse_size(text, &d->align);
	if (!wrong && (d->align & (d->align - 1) || d->align < BLOCK_SIZE))
		wrong = "not a power of two from 2M up";
	return wrong;
}

static const char *set_owner(struct declaration *d, const char *text)
{
	d->uid = 0;
	d->has_owner = *text;
	return d->has_owner ? parse_user(text, &d->uid) : NULL;
}

static const char *set_group(struct declaration *d, const char *text)
{
	d->gid = 0;
	d->has_group = *text;
	return d->has_group ? parse_group(text, &d->gid) : NULL;
}

static const char *set_mode(struct declaration *d, const char *text)
{
	d->mode = DEFAULT_MODE;
	d->has_mode = *text;
	return d->has_mode ? parse_mode(text, &d->mode) : NULL;
}

static const char *set_tag(struct declaration *d, const char *text)
{
	size_t len = strlen(text);

	d->has_tag = len;
	memset(d->tag, 0, sizeof(d->tag));
	if (len > sizeof(d->tag))
		return "longer than 16 bytes";
	memcpy(d->tag, text, len);
	return NULL;
}

static const struct setting {
	const char *key;
	const char *(*set)(struct declaration *d, const char *text);
} settings[] = {
	{ "Name", set_name },
	{ "Size", set_size },
	{ "Owner", set_owner },
	{ "Group", set_group },
	{ "Mode", set_mode },
	{ "Align", set_align },
	{ "Tag", set_tag },
};

/* Set what a line says. Returns whether that was possible. */
static bool set(struct declared *declared, struct declaration *d, const struct settings *file)
{
	const char *wrong;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(file->key, settings[i].key))
			continue;
		wrong = settings[i].set(d, file->value);
		if (wrong)
			strlist_add(&declared->wrong, "%s:%u: %s=%s: %s", d->file, file->line,
				    file->key, file->value, wrong);
		return !wrong;
	}
	strlist_add(&declared->wrong,
		    "%s:%u: there is no setting \"%s\": it is one of Name, Size, Owner, Group, Mode, Align, Tag",
		    d->file, file->line, file->key);
	return false;
}

static struct declaration *begin(struct declared *declared, const char *path, unsigned int line)
{
	struct declaration *d;

	d = realloc(declared->v, (declared->n + 1) * sizeof(*d));
	if (!d)
		abort();
	declared->v = d;
	d += declared->n++;
	*d = (struct declaration){ .file = xstrdup(path), .line = line, .mode = DEFAULT_MODE };
	return d;
}

static const struct declaration *earlier(const struct declared *declared,
					 const struct declaration *than)
{
	for (const struct declaration *d = declared->v; d < than; d++) {
		if (!strcmp(d->name, than->name))
			return d;
	}
	return NULL;
}

/* The section ends: is it one? */
static void end(struct declared *declared, struct declaration *d)
{
	const struct declaration *first;
	const struct passwd *user;

	if (!d)
		return;
	if (!d->bad && (!*d->name || !d->size)) {
		strlist_add(&declared->wrong, "%s:%u: the [Extent] that begins here has no %s=: add a line %s",
			    d->file, d->line, *d->name ? "Size" : "Name",
			    *d->name ? "like Size=1G" : "Name= with the extent's name");
		d->bad = true;
	}
	first = *d->name ? earlier(declared, d) : NULL;
	if (first) {
		strlist_add(&declared->wrong, "%s:%u: extent '%s' is declared at %s:%u already, which counts: remove one of the two",
			    d->file, d->line, d->name, first->file, first->line);
		d->bad = true;
	}
	/* As for SocketGroup=: the user's own. */
	if (d->has_owner && !d->has_group) {
		user = getpwuid(d->uid);
		d->gid = user ? user->pw_gid : 0;
	}
}

static void read_file(struct declared *declared, const char *path)
{
	struct declaration *d = NULL;
	bool skip = false;
	enum settings_line kind;
	struct settings file;

	settings_read(&file, path, &declared->wrong);
	while ((kind = settings_next(&file)) != SETTINGS_END) {
		if (kind == SETTINGS_SECTION) {
			end(declared, d);
			skip = strcmp(file.key, "Extent");
			d = skip ? NULL : begin(declared, path, file.line);
			if (skip)
				strlist_add(&declared->wrong, "%s:%u: there is no section [%s]: it is [Extent]",
					    path, file.line, file.key);
		} else if (skip) {
			continue;
		} else if (kind == SETTINGS_OTHER) {
			strlist_add(&declared->wrong, "%s:%u: \"%s\" is neither [Extent] nor KEY=VALUE",
				    path, file.line, file.key);
			if (d)
				d->bad = true;
		} else if (!d) {
			strlist_add(&declared->wrong, "%s:%u: %s=%s stands in no section: begin each extent with a line [Extent]",
				    path, file.line, file.key, file.value);
		} else if (!set(declared, d, &file)) {
			d->bad = true;
		}
	}
	end(declared, d);
	settings_clear(&file);
}

void declared_read(struct declared *declared, const char *const *dirs)
{
	struct strlist paths = { 0 };

	declared_clear(declared);
	confdir_list(dirs, &paths, &declared->wrong);
	for (size_t i = 0; i < paths.n; i++)
		read_file(declared, paths.v[i]);
	strlist_clear(&paths);
}

/*
 * Comparing.
 */

void declaration_compare(const struct declaration *d, const struct catalog_extent *is,
			 uint64_t base, struct strlist *out)
{
	if (is->size != d->size)
		strlist_add(out, "%s:%u: extent '%s' has %" PRIu64 " bytes, Size= says %" PRIu64 ": pmpoolctl resize %s %" PRIu64 ", or change the file",
			    d->file, d->line, d->name, is->size, d->size, d->name, d->size);
	/* Compared by default as well: anybody in the group may have taken the name. */
	if (is->uid != d->uid)
		strlist_add(out, "%s:%u: extent '%s' belongs to user %u, %s %u: pmpoolctl set --owner %u %s, remove it if it is not what was declared, or change the file",
			    d->file, d->line, d->name, is->uid,
			    d->has_owner ? "Owner= says" : "by default Owner= is", d->uid, d->uid,
			    d->name);
	if (d->has_group && is->gid != d->gid)
		strlist_add(out, "%s:%u: extent '%s' belongs to group %u, Group= says %u: pmpoolctl set --group %u %s, or change the file",
			    d->file, d->line, d->name, is->gid, d->gid, d->gid, d->name);
	if (d->has_mode && is->mode != d->mode)
		strlist_add(out, "%s:%u: extent '%s' has mode %04o, Mode= says %04o: pmpoolctl set --mode %04o %s, or change the file",
			    d->file, d->line, d->name, is->mode, d->mode, d->mode, d->name);
	if (d->has_tag && memcmp(is->tag, d->tag, sizeof(d->tag)))
		strlist_add(out, "%s:%u: extent '%s' has another tag than Tag=%.16s: pmpoolctl info %s shows it; change it with pmpoolctl set, or the file",
			    d->file, d->line, d->name, (const char *)d->tag, d->name);
	if (d->align && (base + is->offset) % d->align)
		strlist_add(out, "%s:%u: extent '%s' lies at %#" PRIx64 ", which is no multiple of Align=%" PRIu64 ": extents do not move; change the file, or remove the extent if what it holds is not needed",
			    d->file, d->line, d->name, base + is->offset, d->align);
}

void declared_compare(struct declared *declared, const struct catalog *pool)
{
	strlist_clear(&declared->problems);
	strlist_copy(&declared->problems, &declared->wrong);
	for (size_t i = 0; pool && i < declared->n; i++) {
		const struct declaration *d = &declared->v[i];
		const struct catalog_extent *is = d->bad ? NULL : catalog_by_name(pool, d->name);

		if (is)
			declaration_compare(d, is, pool->base, &declared->problems);
		else if (d->failed)
			strlist_add(&declared->problems, "%s:%u: extent '%s' %s", d->file, d->line,
				    d->name, d->failed);
	}
}
