// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the kernels that are installed
 *
 * Boot loader entries come first, for they know the command line as well; then
 * what Debian's packages install, /boot/vmlinuz-RELEASE; then what the links
 * /vmlinuz and /boot/vmlinuz point to. A file is taken once. Which is newer is
 * decided by the release in the image.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "file.h"
#include "initrd.h"
#include "kernels.h"
#include "module.h"
#include "release.h"

#define ENTRY_MAX (64u << 10)

void kernel_clear(struct kernel *kernel)
{
	free(kernel->path);
	free(kernel->entry);
	free(kernel->options);
	strlist_clear(&kernel->initrds);
	image_close(&kernel->image);
	*kernel = (struct kernel){ .image.fd = -1 };
}

void kernels_clear(struct kernels *kernels)
{
	for (size_t i = 0; i < kernels->n; i++)
		kernel_clear(&kernels->v[i]);
	free(kernels->v);
	strlist_clear(&kernels->skipped);
	*kernels = (struct kernels){ 0 };
}

static struct kernel *find_file(const struct kernels *kernels, const struct stat *st)
{
	for (size_t i = 0; i < kernels->n; i++) {
		struct stat other;

		if (!fstat(kernels->v[i].image.fd, &other) && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return &kernels->v[i];
	}
	return NULL;
}

static void own_initrd(struct kernel *kernel, const char *root)
{
	if (!kernel->initrds.n)
		strlist_add(&kernel->initrds, "%s/boot/initrd.img-%s", root,
			    kernel->image.release);
}

/* NULL: it is there already, or it cannot be used, which was noted. */
static struct kernel *add(struct kernels *kernels, const char *path)
{
	struct kernel *v;
	struct image image;
	struct stat st;
	char *reason;

	if (!stat(path, &st) && find_file(kernels, &st))
		return NULL;
	if (image_open(&image, path, &reason)) {
		strlist_add(&kernels->skipped, "%s", reason);
		free(reason);
		return NULL;
	}
	v = realloc(kernels->v, (kernels->n + 1) * sizeof(*v));
	if (!v)
		abort();
	kernels->v = v;
	v += kernels->n++;
	*v = (struct kernel){ .path = xstrdup(path), .image = image };
	return v;
}

/*
 * Entries have paths from the root of their file system, which is mounted where
 * loader/ is; or /boot is none of its own, and they begin with that.
 */
static char *locate(const char *root, const char *mount, const char *path)
{
	char *full = xprintf("%s%s/%s", root, mount, path + strspn(path, "/"));

	if (access(full, F_OK)) {
		char *other = xprintf("%s/%s", root, path + strspn(path, "/"));

		if (!access(other, F_OK)) {
			free(full);
			return other;
		}
		free(other);
	}
	return full;
}

static void add_entry(struct kernels *kernels, const char *root, const char *mount,
		      const char *path)
{
	struct entry entry = { 0 };
	struct kernel *kernel;
	char *text, *file, *reason;
	size_t len;
	int r;

	if (entry_is_bad(path)) {
		strlist_add(&kernels->skipped, "%s: its name says that booting it has failed",
			    path);
		return;
	}
	r = file_read(path, ENTRY_MAX, &text, &len);
	if (r) {
		strlist_add(&kernels->skipped, "%s cannot be read: %s", path, strerror(-r));
		return;
	}
	if (entry_parse(&entry, path, text, len, &reason)) {
		strlist_add(&kernels->skipped, "%s", reason);
		free(reason);
	} else if (entry.linux_path && !entry.other_machine) {
		file = locate(root, mount, entry.linux_path);
		kernel = add(kernels, file);
		free(file);
		if (kernel) {
			kernel->entry = xstrdup(path);
			kernel->options = entry.options;
			entry.options = NULL;
			for (size_t i = 0; i < entry.initrds.n; i++) {
				file = locate(root, mount, entry.initrds.v[i]);
				strlist_add(&kernel->initrds, "%s", file);
				free(file);
			}
			own_initrd(kernel, root);
		}
	}
	entry_clear(&entry);
	free(text);
}

static void add_entries(struct kernels *kernels, const char *root, const char *mount)
{
	char *pattern = xprintf("%s%s/loader/entries/*.conf", root, mount);
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			add_entry(kernels, root, mount, found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
}

/* What is called like a kernel of another release is somebody's copy. */
static void add_files(struct kernels *kernels, const char *root)
{
	char *pattern = xprintf("%s/boot/vmlinuz-*", root);
	size_t prefix = strlen(pattern) - 1;
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			const char *path = found.gl_pathv[i];
			struct kernel *kernel;

			/* The package manager has not finished with it. */
			if (strstr(path + prefix, ".dpkg-"))
				continue;
			kernel = add(kernels, path);
			if (!kernel)
				continue;
			if (strcmp(path + prefix, kernel->image.release)) {
				strlist_add(&kernels->skipped,
					    "%s is %s, which its name does not say", path,
					    kernel->image.release);
				kernel_clear(kernel);
				kernels->n--;
				continue;
			}
			own_initrd(kernel, root);
		}
		globfree(&found);
	}
	free(pattern);
}

static void add_link(struct kernels *kernels, const char *root, const char *name)
{
	char *link = xprintf("%s%s", root, name);
	char *path = realpath(link, NULL);
	struct kernel *kernel = path ? add(kernels, path) : NULL;

	if (kernel)
		own_initrd(kernel, root);
	free(path);
	free(link);
}

static int compare(const void *pa, const void *pb, void *arg)
{
	const struct kernel *a = pa, *b = pb;
	const char *fa = release_flavour(a->image.release);
	const char *fb = release_flavour(b->image.release);
	const char *flavour = arg;
	char va[IMAGE_RELEASE_MAX + 1] = "", vb[IMAGE_RELEASE_MAX + 1] = "";
	int d;

	memcpy(va, a->image.release, (size_t)(fa - a->image.release));
	memcpy(vb, b->image.release, (size_t)(fb - b->image.release));
	d = release_compare(vb, va);
	if (!d)
		d = !strcmp(fb, flavour) - !strcmp(fa, flavour);
	if (!d)
		d = release_compare(fb, fa);
	/* Of two copies that which a boot loader entry is for. */
	if (!d)
		d = !a->entry - !b->entry;
	return d ? d : strcmp(a->path, b->path);
}

void kernels_find(struct kernels *kernels, const char *root, const char *running)
{
	static const char *const mounts[] = { "/boot", "/efi", "/boot/efi" };

	*kernels = (struct kernels){ 0 };
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		add_entries(kernels, root, mounts[i]);
	add_files(kernels, root);
	add_link(kernels, root, "/vmlinuz");
	add_link(kernels, root, "/boot/vmlinuz");
	if (kernels->n)
		qsort_r(kernels->v, kernels->n, sizeof(*kernels->v), compare,
			(void *)release_flavour(running));
}

static void take(struct kernels *kernels, size_t i, struct kernel *kernel)
{
	*kernel = kernels->v[i];
	kernels->n--;
	memmove(&kernels->v[i], &kernels->v[i + 1], (kernels->n - i) * sizeof(*kernels->v));
}

int kernels_take(struct kernels *kernels, const char *root, const char *path,
		 struct kernel *kernel, char **reason)
{
	struct kernel *known;
	struct stat st;
	int r;

	*kernel = (struct kernel){ .image.fd = -1 };
	known = stat(path, &st) ? NULL : find_file(kernels, &st);
	if (known) {
		take(kernels, (size_t)(known - kernels->v), kernel);
		free(kernel->path);
		kernel->path = xstrdup(path);
		return 0;
	}
	r = image_open(&kernel->image, path, reason);
	kernel->path = xstrdup(path);
	if (!r)
		own_initrd(kernel, root);
	return r;
}

/* Why not; NULL: it is fit to be the next. */
static char *unfit(const struct kernel *kernel, const char *root, const struct module_need *need,
		   bool initrd)
{
	char *text;

	if (!initrd && initrd_check(&kernel->initrds, &text))
		return text;
	if (!module_fits(root, kernel->image.release, need, NULL, &text))
		return text;
	free(text);
	return NULL;
}

bool kernels_choose(struct kernels *kernels, const char *root, const struct module_need *need,
		    bool initrd, struct kernel *kernel, struct strlist *passed)
{
	*kernel = (struct kernel){ .image.fd = -1 };
	for (size_t i = 0; i < kernels->n; i++) {
		char *why = unfit(&kernels->v[i], root, need, initrd);

		if (!why) {
			take(kernels, i, kernel);
			return true;
		}
		strlist_add(passed, "%s is passed over: %s", kernels->v[i].image.release, why);
		free(why);
	}
	if (kernels->n)
		take(kernels, 0, kernel);
	return false;
}
