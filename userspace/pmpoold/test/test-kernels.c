// SPDX-License-Identifier: GPL-2.0-only
/* Which kernel is to be next, among those that a directory tree holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bzimage.h"
#include "kernels.h"
#include "kmodule.h"
#include "module.h"
#include "release.h"
#include "tap.h"

static char root[] = "/tmp/test-kernels-XXXXXX";

/* Paths in root: parents are made. */
static void put(const char *name, const void *data, size_t len)
{
	char *path = xprintf("%s/%s", root, name);
	int fd;

	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			abort();
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
	free(path);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void put_link(const char *name, const char *target)
{
	char *path = xprintf("%s/%s", root, name);

	if (symlink(target, path))
		abort();
	free(path);
}

static void put_kernel(const char *name, const char *release)
{
	uint8_t head[BZIMAGE_SIZE];
	char *version = xprintf("%s (me@there) #1 SMP", release);

	bzimage(head, version);
	put(name, head, sizeof(head));
	free(version);
}

static void put_module(const char *name, const char *info, size_t len)
{
	struct kmodule m;

	kmodule(&m, info, len);
	put(name, &m, sizeof(m));
}

static void depmod(const char *release)
{
	/* sbin is not on everybody's path. */
	char *command = xprintf("PATH=$PATH:/usr/sbin:/sbin depmod -b %s %s 2>/dev/null", root, release);

	if (system(command))
		abort();
	free(command);
}

/* A driver built for vermagic's kernel; range NULL: it says none. */
static void put_driver(const char *release, const char *vermagic, const char *range)
{
	char *name = xprintf("lib/modules/%s/updates/pmpool.ko", release);
	char info[512];
	int len;

	/* Each string has its NUL. */
	if (range)
		len = snprintf(info, sizeof(info), "pmpool_format=%s%cname=pmpool%cvermagic=%s SMP %c",
			       range, 0, 0, vermagic, 0);
	else
		len = snprintf(info, sizeof(info), "name=pmpool%cvermagic=%s SMP %c", 0, vermagic, 0);
	put_module(name, info, (size_t)len);
	depmod(release);
	free(name);
}

/* All that Debian has of a kernel with the driver. */
static void install(const char *release)
{
	char *name = xprintf("boot/vmlinuz-%s", release);

	put_kernel(name, release);
	free(name);
	name = xprintf("boot/initrd.img-%s", release);
	put_text(name, "initrd");
	free(name);
	put_driver(release, release, "1-1");
}

static void begin(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		abort();
}

static void end(void)
{
	char *command = xprintf("rm -r %s", root);

	if (system(command))
		abort();
	free(command);
}

/* Whether users inside the kernel have part of the pool. */
static bool held;

/*
 * Among what is installed, kernel is chosen (a path in root; NULL: none), and
 * passed has everything of because.
 */
static struct kernel chooses(const char *what, const char *running, unsigned int format,
			     const char *kernel, const char *because)
{
	struct strlist passed = { 0 };
	struct kernels kernels;
	struct kernel chosen;
	char *path = kernel ? xprintf("%s/%s", root, kernel) : NULL, *why;
	bool fits;

	kernels_find(&kernels, root, running);
	fits = kernels_choose(&kernels, root, &(struct module_need){ format, held }, false, &chosen, &passed);
	strlist_move(&passed, &kernels.skipped);
	why = strlist_join(&passed, "; ");
	ok(fits == !!kernel && (!kernel || !strcmp(chosen.path, path)) && strstr(why, because) &&
	   (*because || !*why), "%s: %s (%s)", what, chosen.path ? chosen.path : "none", why);
	free(why);
	free(path);
	strlist_clear(&passed);
	kernels_clear(&kernels);
	return chosen;
}

static void chooses_only(const char *what, const char *running, unsigned int format,
			 const char *kernel, const char *because)
{
	struct kernel chosen = chooses(what, running, format, kernel, because);

	kernel_clear(&chosen);
}

static void test_releases(void)
{
	static const char *const sorted[] = {
		"5.10.0-9-amd64", "5.10.0-10-amd64", "6.1.0-18-amd64", "6.1.0-18-rt-amd64",
		"6.12~rc4-amd64", "6.12.0-rc4", "6.12.0-rc10", "6.12.0", "6.12.9", "6.12.09-a",
		"6.12.74+deb12+1-amd64", "6.12.117+deb12-amd64", "6.13", "6.13.1", "6.100.0",
	};
	size_t n = sizeof(sorted) / sizeof(sorted[0]), wrong = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int d = release_compare(sorted[i], sorted[j]);

			if ((d < 0) != (i < j) || (d > 0) != (i > j)) {
				wrong++;
				printf("# %s against %s: %d\n", sorted[i], sorted[j], d);
			}
		}
	}
	ok(!wrong, "%zu releases are in their order", n);
	ok(!strcmp(release_flavour("6.12.117+deb12-cloud-amd64"), "-cloud-amd64") &&
	   !strcmp(release_flavour("6.1.0-18-amd64"), "-amd64") &&
	   !strcmp(release_flavour("6.13.0-rc4"), "") &&
	   !strcmp(release_flavour("6.13.0-rc4-custom"), "-custom") &&
	   !strcmp(release_flavour("5.14.0-362.el9.x86_64"), "") &&
	   !strcmp(release_flavour(""), ""), "flavours are found");
}

static void test_choice(void)
{
	const char *running = "6.12.9-amd64";
	struct kernels kernels;
	struct kernel kernel;
	char *reason, *path;

	begin();
	chooses_only("nothing is installed", running, 1, NULL, "");
	install("6.12.9-amd64");
	chooses_only("the only one", running, 1, "boot/vmlinuz-6.12.9-amd64", "");
	install("6.12.10-amd64");
	chooses_only("the newer one by its number", running, 1, "boot/vmlinuz-6.12.10-amd64", "");
	put_link("vmlinuz", "boot/vmlinuz-6.12.9-amd64");
	put_link("boot/vmlinuz", "vmlinuz-6.12.10-amd64");
	chooses_only("links name what is there already", running, 1, "boot/vmlinuz-6.12.10-amd64",
		     "");

	install("6.12.10-cloud-amd64");
	chooses_only("of one version the running flavour", running, 1,
		     "boot/vmlinuz-6.12.10-amd64", "");
	chooses_only("the other way round", "6.12.1-cloud-amd64", 1,
		     "boot/vmlinuz-6.12.10-cloud-amd64", "");
	install("6.12.11-cloud-amd64");
	chooses_only("a newer one of another flavour", running, 1,
		     "boot/vmlinuz-6.12.11-cloud-amd64", "");

	put_kernel("boot/vmlinuz-6.13.0-amd64", "6.13.0-amd64");
	chooses_only("the newest has no initrd yet", running, 1, "boot/vmlinuz-6.12.11-cloud-amd64",
		     "6.13.0-amd64 is passed over: ");
	put_text("boot/initrd.img-6.13.0-amd64", "");
	chooses_only("its initrd is empty", running, 1, "boot/vmlinuz-6.12.11-cloud-amd64",
		     "initrd.img-6.13.0-amd64 is empty");
	put_text("boot/initrd.img-6.13.0-amd64", "initrd");
	chooses_only("it has no driver", running, 1, "boot/vmlinuz-6.12.11-cloud-amd64",
		     "there is no pmpool.ko for 6.13.0-amd64");
	put_driver("6.13.0-amd64", "6.12.9-amd64", "1-1");
	chooses_only("its driver is another kernel's", running, 1,
		     "boot/vmlinuz-6.12.11-cloud-amd64", "it was built for 6.12.9-amd64");
	put_driver("6.13.0-amd64", "6.13.0-amd64", NULL);
	chooses_only("its driver says no format", running, 1, "boot/vmlinuz-6.12.11-cloud-amd64",
		     "does not say which format versions");
	put_driver("6.13.0-amd64", "6.13.0-amd64", "2-3");
	chooses_only("its driver attaches newer pools only", running, 1,
		     "boot/vmlinuz-6.12.11-cloud-amd64",
		     "attaches pools of format version 2-3, and this pool has version 1");
	chooses_only("and that is what a newer pool needs", running, 3,
		     "boot/vmlinuz-6.13.0-amd64", "");
	chooses_only("for which the others are too old", running, 4, NULL,
		     "6.12.9-amd64 is passed over");
	put_driver("6.13.0-amd64", "6.13.0-amd64", "one");
	chooses_only("its driver's range makes no sense", running, 1,
		     "boot/vmlinuz-6.12.11-cloud-amd64", "pmpool_format=one is no range");
	put_driver("6.13.0-amd64", "6.13.0-amd64", "1-2");
	chooses_only("all is well with the newest", running, 1, "boot/vmlinuz-6.13.0-amd64", "");

	put_kernel("boot/vmlinuz-6.14.0-amd64.dpkg-new", "6.14.0-amd64");
	chooses_only("one that is just being unpacked", running, 1, "boot/vmlinuz-6.13.0-amd64", "");
	put_kernel("boot/vmlinuz-6.14.0-copy", "6.14.0-amd64");
	put_driver("6.14.0-amd64", "6.14.0-amd64", "1-1");
	chooses_only("a copy under another name", running, 1, "boot/vmlinuz-6.13.0-amd64",
		     "6.14.0-copy is 6.14.0-amd64, which its name does not say");
	put_text("boot/vmlinuz-6.15.0-amd64", "half of");
	chooses_only("one that is cut short", running, 1, "boot/vmlinuz-6.13.0-amd64",
		     "vmlinuz-6.15.0-amd64 cannot be used as the next kernel: not a bzImage");

	kernels_find(&kernels, root, running);
	path = xprintf("%s/boot/vmlinuz-6.12.9-amd64", root);
	ok(!kernels_take(&kernels, root, path, &kernel, &reason) &&
	   !strcmp(kernel.image.release, "6.12.9-amd64") && kernel.initrds.n == 1,
	   "one is taken by its path");
	kernel_clear(&kernel);
	free(path);
	path = xprintf("%s/boot/vmlinuz-6.14.0-copy", root);
	ok(!kernels_take(&kernels, root, path, &kernel, &reason) &&
	   !strcmp(kernel.image.release, "6.14.0-amd64"), "also one that is not installed");
	kernel_clear(&kernel);
	free(path);
	ok(kernels_take(&kernels, root, "/nonexistent", &kernel, &reason) < 0 &&
	   strstr(reason, "/nonexistent cannot be opened"), "one that is not there: %s", reason);
	free(reason);
	kernel_clear(&kernel);
	kernels_clear(&kernels);
	end();
}

static void test_entries(void)
{
	const char *running = "6.12.9-amd64";
	struct kernel kernel;
	char *path;

	begin();
	install("6.12.9-amd64");
	put_kernel("boot/efi/0123/6.12.10-amd64/linux", "6.12.10-amd64");
	put_text("boot/efi/0123/6.12.10-amd64/initrd", "initrd");
	put_driver("6.12.10-amd64", "6.12.10-amd64", "1-1");
	put_text("boot/efi/loader/entries/0123-6.12.10.conf",
		 "linux /0123/6.12.10-amd64/linux\ninitrd /0123/6.12.10-amd64/initrd\n"
		 "options root=/dev/vda1 quiet\n");
	kernel = chooses("a kernel that only an entry names", running, 1,
			 "boot/efi/0123/6.12.10-amd64/linux", "");
	path = xprintf("%s/boot/efi/0123/6.12.10-amd64/initrd", root);
	ok(kernel.options && !strcmp(kernel.options, "root=/dev/vda1 quiet") &&
	   kernel.initrds.n == 1 && !strcmp(kernel.initrds.v[0], path) && kernel.entry,
	   "with the entry's options and initrd");
	free(path);
	kernel_clear(&kernel);

	put_text("boot/loader/entries/b.conf",
		 "linux /vmlinuz-6.12.9-amd64\noptions a\ninitrd /initrd.img-6.12.9-amd64\n");
	put_text("boot/efi/loader/entries/0123-6.12.10.conf",
		 "linux /0123/6.12.10-amd64/linux\ninitrd /0123/none\n");
	kernel = chooses("an entry whose initrd is gone", running, 1, "boot/vmlinuz-6.12.9-amd64",
			 "0123/none cannot be opened");
	ok(kernel.options && !strcmp(kernel.options, "a"), "an entry of /boot, a file system");
	kernel_clear(&kernel);
	put_text("boot/loader/entries/b.conf", "linux /boot/vmlinuz-6.12.9-amd64\noptions b\n");
	kernel = chooses("an entry of /boot, a directory", running, 1, "boot/vmlinuz-6.12.9-amd64",
			 "0123/none cannot be opened");
	ok(kernel.options && !strcmp(kernel.options, "b") && kernel.initrds.n == 1,
	   "its initrd is found by its name");
	kernel_clear(&kernel);

	put_text("boot/efi/loader/entries/0123-6.12.10.conf", "linux /0123/6.12.10-amd64/linux\nlinux x\n");
	chooses_only("an entry that is wrong", running, 1, "boot/vmlinuz-6.12.9-amd64",
		     "0123-6.12.10.conf:2: linux is there twice");
	put_text("boot/efi/loader/entries/0123-6.12.10.conf", "");
	put_text("boot/efi/loader/entries/0123-6.12.10+0-3.conf", "linux /0123/6.12.10-amd64/linux\n");
	chooses_only("an entry that has failed", running, 1, "boot/vmlinuz-6.12.9-amd64",
		     "0123-6.12.10+0-3.conf: its name says that booting it has failed");
	put_text("efi/loader/entries/gone.conf", "linux /gone/linux\n");
	chooses_only("an entry whose kernel is gone", running, 1, "boot/vmlinuz-6.12.9-amd64",
		     "efi/gone/linux cannot be opened");
	end();
}

/* backings NULL: it says none, as those of old. */
static void has_cma(const char *what, const char *release, const char *vermagic,
		    const char *backings, bool said, bool cma)
{
	char *name = xprintf("lib/modules/%s/updates/pmpool.ko", release);
	struct module_backings found = { true, true };
	char info[512], *text;
	bool fits;
	int len;

	len = snprintf(info, sizeof(info), "pmpool_format=1-1%cname=pmpool%cvermagic=%s SMP %c%s%s%c",
		       0, 0, vermagic, 0, backings ? "pmpool_backings=" : "x=",
		       backings ? backings : "", 0);
	put_module(name, info, (size_t)len);
	depmod(release);
	fits = module_fits(root, release, &(struct module_need){ .format = 1 }, &found, &text);
	ok(fits == !strcmp(release, vermagic) && found.said == said && found.cma == cma &&
	   !!strstr(text, "has the backing cma") == (fits && cma), "%s: %s", what, text);
	free(text);
	free(name);
}

static void test_backings(void)
{
	struct module_backings found = { true, true };
	char *text;
	bool fits;

	begin();
	install("6.12.9-amd64");
	has_cma("a driver that says no backings", "6.12.9-amd64", "6.12.9-amd64", NULL, false, false);
	has_cma("one for the reserved one", "6.12.9-amd64", "6.12.9-amd64", "reserved", true, false);
	has_cma("one for both", "6.12.9-amd64", "6.12.9-amd64", "reserved cma", true, true);
	has_cma("one of a later time", "6.12.9-amd64", "6.12.9-amd64", "kho  cma xen", true, true);
	has_cma("names that only begin or end so", "6.12.9-amd64", "6.12.9-amd64", "cma2 xcma", true,
		false);
	has_cma("one of another kernel", "6.12.9-amd64", "6.12.8-amd64", "reserved cma", true, true);
	held = true;
	chooses_only("a driver that leaves alone what is held", "6.12.9-amd64", 1, NULL,
		     "it was built for 6.12.8-amd64");
	has_cma("and fits", "6.12.9-amd64", "6.12.9-amd64", "reserved", true, false);
	chooses_only("is chosen", "6.12.9-amd64", 1, "boot/vmlinuz-6.12.9-amd64", "");
	install("6.12.10-amd64");
	chooses_only("rather than a newer one that does not", "6.12.9-amd64", 1,
		     "boot/vmlinuz-6.12.9-amd64",
		     "does not know that users inside the kernel have part of this pool");
	held = false;
	chooses_only("which will do when nothing is held", "6.12.9-amd64", 1,
		     "boot/vmlinuz-6.12.10-amd64", "");
	fits = module_fits(root, "6.13", &(struct module_need){ .format = 1 }, &found, &text);
	ok(!fits && !found.said && !found.cma, "none at all: %s", text);
	free(text);
	end();
	ok(module_lists("a", "a") && !module_lists("", "a") && !module_lists(" ", "a") &&
	   module_lists(" b  a ", "a") && !module_lists("aa", "a"), "lists of words");
}

int main(void)
{
	unsigned int first, last;

	test_releases();
	ok(module_parse_range("1-1", &first, &last) && first == 1 && last == 1 &&
	   module_parse_range("2-10", &first, &last) && first == 2 && last == 10,
	   "ranges of versions are read");
	ok(!module_parse_range("", &first, &last) && !module_parse_range("1", &first, &last) &&
	   !module_parse_range("1-", &first, &last) && !module_parse_range("-1", &first, &last) &&
	   !module_parse_range("2-1", &first, &last) && !module_parse_range("1-1 ", &first, &last) &&
	   !module_parse_range("1--1", &first, &last) &&
	   !module_parse_range("1-4294967296", &first, &last), "nothing else is a range");
	test_choice();
	test_entries();
	test_backings();
	return done();
}
