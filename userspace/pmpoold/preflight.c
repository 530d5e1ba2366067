// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: preflight
 *
 * A kexec keeps the pool when the next kernel leaves the region alone and has a
 * driver that finds it. Each check here is one thing without which that does
 * not hold; all of them are made even after one has failed, so that a person
 * has to come back only once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkmod.h>
#include <pmpool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmdline.h"
#include "config.h"
#include "file.h"
#include "iomem.h"
#include "preflight.h"

#define MIB (1024 * 1024)

/* Takes text. */
static void verdict(struct preflight *pf, const char *name, bool ok, char *text)
{
	if (pf->n == PREFLIGHT_MAX)
		abort();
	pf->checks[pf->n++] = (struct check){ name, ok, text };
}

/* The problems, or when there are none the notes; both are cleared. */
static void verdict_lists(struct preflight *pf, const char *name, struct strlist *problems,
			  struct strlist *notes, const char *fine)
{
	bool ok = !problems->n;
	struct strlist *list = ok ? notes : problems;

	verdict(pf, name, ok, list->n ? strlist_join(list, "; ") : xstrdup(fine));
	strlist_clear(problems);
	strlist_clear(notes);
}

static void check_pool(struct preflight *pf, const struct pool *pool)
{
	char uuid[UUID_STRING_SIZE];

	uuid_string(pool->catalog->uuid, uuid);
	switch (pool->state) {
	case PMPOOL_OK:
		verdict(pf, "pool", true, xprintf("pool %s is attached", uuid));
		break;
	case PMPOOL_READ_ONLY:
		verdict(pf, "pool", false,
			xprintf("pool %s is read-only: it uses a feature that this driver cannot write: install the driver that made it",
				uuid));
		break;
	default:
		verdict(pf, "pool", false,
			xprintf("pool %s is degraded: part of its metadata is damaged: the kernel's log says which",
				uuid));
	}
}

static void check_region(struct preflight *pf, const struct region *region,
			 struct iomem *iomem)
{
	int r = iomem_read("/proc/iomem", region, iomem);

	if (r) {
		verdict(pf, "region", false,
			xprintf("/proc/iomem cannot be read: %s", strerror(-r)));
	} else if (!iomem->readable || !region->base) {
		verdict(pf, "region", false,
			xstrdup("the kernel hides physical addresses from this process: it needs CAP_SYS_ADMIN"));
	} else if (iomem->ram.size) {
		verdict(pf, "region", false,
			xprintf("the region (%#" PRIx64 " bytes at %#" PRIx64 ") overlaps System RAM at %#" PRIx64 ": other data may be written there",
				region->size, region->base, iomem->ram.base));
	} else if (!iomem->claimed) {
		verdict(pf, "region", false,
			xprintf("no \"Persistent Memory Pool\" of %#" PRIx64 " bytes at %#" PRIx64 " is in /proc/iomem",
				region->size, region->base));
	} else {
		verdict(pf, "region", true,
			xprintf("the region is %" PRIu64 " MiB at %#" PRIx64 ", in no System RAM",
				region->size / MIB, region->base));
	}
}

/* The kernel that is to be next when nobody says: the one that runs. */
static char *default_kernel(void)
{
	struct utsname uts;
	char *path, *link;

	uname(&uts);
	path = xprintf("/boot/vmlinuz-%s", uts.release);
	if (!access(path, F_OK))
		return path;
	link = realpath("/vmlinuz", NULL);
	if (!link)
		link = realpath("/boot/vmlinuz", NULL);
	if (!link)
		return path;
	free(path);
	return link;
}

static void check_kernel(struct preflight *pf, const struct config *config)
{
	char *reason;

	pf->kernel = config->kernel ? xstrdup(config->kernel) : default_kernel();
	if (image_open(&pf->image, pf->kernel, &reason))
		verdict(pf, "kernel", false, reason);
	else
		verdict(pf, "kernel", true,
			xprintf("%s is %s", pf->kernel, pf->image.release));
}

static void check_initrd(struct preflight *pf, const struct config *config)
{
	struct stat st;
	char *path;

	if (config->initrd && !strcmp(config->initrd, "none")) {
		verdict(pf, "initrd", true, xstrdup("none, as configured"));
		return;
	}
	if (config->initrd)
		path = xstrdup(config->initrd);
	else if (pf->image.release[0])
		path = xprintf("/boot/initrd.img-%s", pf->image.release);
	else
		return;		/* the kernel's check has failed */
	pf->initrd_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (pf->initrd_fd < 0 || fstat(pf->initrd_fd, &st) < 0) {
		verdict(pf, "initrd", false,
			xprintf("%s cannot be opened: %s: make it with update-initramfs, or say Initrd=none in the configuration",
				path, strerror(errno)));
		free(path);
		return;
	}
	pf->initrd = path;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		verdict(pf, "initrd", false,
			xprintf("%s is empty or not a regular file: make it with update-initramfs",
				path));
	else
		verdict(pf, "initrd", true, xprintf("%s", path));
}

/* Where distributions and DKMS put a module, when depmod has not listed it. */
static char *unlisted_module(const char *release)
{
	static const char *const dirs[] = {
		"updates/dkms", "updates", "extra", "kernel/drivers/misc/pmpool",
	};
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		for (size_t j = 0; j < sizeof(suffixes) / sizeof(suffixes[0]); j++) {
			char *path = xprintf("/lib/modules/%s/%s/pmpool.ko%s", release,
					     dirs[i], suffixes[j]);

			if (!access(path, F_OK))
				return path;
			free(path);
		}
	}
	return NULL;
}

/* The kernel refuses a module whose vermagic is another kernel's. */
static char *wrong_vermagic(struct kmod_module *module, const char *release)
{
	struct kmod_list *info = NULL, *i;
	char *wrong = NULL;
	size_t len = strlen(release);

	if (kmod_module_get_info(module, &info) < 0)
		return xstrdup("it cannot be read as a module");
	kmod_list_foreach(i, info) {
		const char *magic = kmod_module_info_get_value(i);

		if (strcmp(kmod_module_info_get_key(i), "vermagic"))
			continue;
		if (strncmp(magic, release, len) || magic[len] != ' ')
			wrong = xprintf("it was built for %.*s", (int)strcspn(magic, " "), magic);
	}
	kmod_module_info_free_list(info);
	return wrong;
}

static void check_module(struct preflight *pf)
{
	const char *release = pf->image.release;
	/* No configuration: of interest is what there is, not what is wanted. */
	const char *no_config = NULL;
	struct kmod_list *list = NULL;
	struct kmod_module *module = NULL;
	struct kmod_ctx *ctx;
	const char *path;
	char *dir, *file, *wrong;

	if (!*release)
		return;		/* the kernel's check has failed */
	dir = xprintf("/lib/modules/%s", release);
	ctx = kmod_new(dir, &no_config);
	if (!ctx) {
		verdict(pf, "module", false, xprintf("%s cannot be searched", dir));
		free(dir);
		return;
	}
	if (kmod_module_new_from_lookup(ctx, "pmpool", &list) >= 0 && list)
		module = kmod_module_get_module(list);
	path = module ? kmod_module_get_path(module) : NULL;
	if (path && access(path, R_OK)) {
		verdict(pf, "module", false,
			xprintf("%s is listed, but cannot be read: %s: install the driver for %s and run depmod %s",
				path, strerror(errno), release, release));
	} else if (path) {
		wrong = wrong_vermagic(module, release);
		verdict(pf, "module", !wrong,
			wrong ? xprintf("%s will not load: %s: build the driver for %s",
					path, wrong, release)
			      : xprintf("%s is installed for %s", path, release));
		free(wrong);
	} else if (module && kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN) {
		verdict(pf, "module", true, xprintf("the driver is built into %s", release));
	} else if ((file = unlisted_module(release))) {
		verdict(pf, "module", false,
			xprintf("%s is there, but modprobe does not know it: run depmod %s",
				file, release));
		free(file);
	} else {
		verdict(pf, "module", false,
			xprintf("there is no pmpool.ko for %s in %s: install the driver for it, and run depmod %s",
				release, dir, release));
	}
	if (module)
		kmod_module_unref(module);
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	free(dir);
}

static void check_cmdline(struct preflight *pf, const struct config *config,
			  const struct region *region)
{
	struct strlist problems = { 0 }, notes = { 0 };
	char *current;
	int r;

	if (!region->base)
		return;		/* the region's check has failed */
	if (config->cmdline) {
		pf->cmdline = xstrdup(config->cmdline);
		if (config->append)
			strlist_add(&notes, "Append= is not used: CommandLine= is the whole of it");
	} else {
		r = file_read("/proc/cmdline", 64u << 10, &current, NULL);
		if (r) {
			verdict(pf, "reservation", false,
				xprintf("/proc/cmdline cannot be read: %s", strerror(-r)));
			return;
		}
		current[strcspn(current, "\n")] = '\0';
		pf->cmdline = cmdline_compose(current, config->append, region, &notes, &problems);
		free(current);
	}
	if (pf->cmdline) {
		cmdline_check(pf->cmdline, region, pf->image.cmdline_size, &notes, &problems);
		if (problems.n) {
			char *all = strlist_join(&problems, "; ");

			strlist_clear(&problems);
			strlist_add(&problems, "%s would lose the pool: %s",
				    config->cmdline ? "CommandLine= in the configuration"
						    : "the next kernel's command line",
				    all);
			free(all);
		}
	}
	verdict_lists(pf, "reservation", &problems, &notes, "");
}

static uint64_t mem_available(void)
{
	uint64_t kib = 0;
	char *text, *p;

	if (file_read("/proc/meminfo", 64u << 10, &text, NULL))
		return 0;
	p = strstr(text, "MemAvailable:");
	if (p)
		kib = strtoull(p + strlen("MemAvailable:"), NULL, 10);
	free(text);
	return kib * 1024;
}

static void check_fit(struct preflight *pf, const struct iomem *iomem)
{
	uint64_t need, available;
	struct stat st = { 0 };

	if (!pf->image.release[0] || !iomem->readable)
		return;		/* other checks have failed */
	if (pf->initrd_fd >= 0)
		fstat(pf->initrd_fd, &st);
	/* While an image is loaded the kernel holds the files and a copy of them. */
	need = 2 * (pf->image.file_size + (uint64_t)st.st_size);
	available = mem_available();
	if (iomem->largest_ram < pf->image.init_size) {
		verdict(pf, "memory", false,
			xprintf("the kernel needs %u MiB in one piece, and the longest piece of System RAM outside the pool has %" PRIu64 " MiB",
				pf->image.init_size / MIB, iomem->largest_ram / MIB));
	} else if (available < need) {
		verdict(pf, "memory", false,
			xprintf("%" PRIu64 " MiB are needed to load the image, and %" PRIu64 " MiB are available: free some, then run systemctl reload pmpoold",
				need / MIB, available / MIB));
	} else {
		verdict(pf, "memory", true,
			xprintf("the image fits: %" PRIu64 " MiB of files, %u MiB to start",
				need / 2 / MIB, pf->image.init_size / MIB));
	}
}

static void drop(char **setting)
{
	free(*setting);
	*setting = NULL;
}

static void replace(char **setting, const char *by)
{
	if (!by)
		return;
	drop(setting);
	*setting = xstrdup(by);
}

/* What is asked for goes before what is configured. */
static void apply_request(struct config *config, const struct kexec_request *request)
{
	/* The settings beside a kernel's name are about that kernel. */
	if (request->kernel)
		drop(&config->initrd);
	if (request->reuse)
		drop(&config->cmdline);
	replace(&config->kernel, request->kernel);
	replace(&config->initrd, request->initrd);
	replace(&config->append, request->append);
	replace(&config->cmdline, request->cmdline);
}

void preflight_run(struct preflight *pf, const struct pool *pool, const char *config_path,
		   const struct kexec_request *request)
{
	struct region region = { pool->catalog->base, pool->catalog->size };
	struct strlist problems = { 0 }, notes = { 0 };
	struct config config;
	struct iomem iomem;

	*pf = (struct preflight){ .image.fd = -1, .initrd_fd = -1 };
	config_read(&config, config_path, &problems);
	if (request)
		apply_request(&config, request);
	/* A setting that is not understood may be the one that matters. */
	if (problems.n)
		verdict_lists(pf, "configuration", &problems, &notes, "");
	check_pool(pf, pool);
	check_region(pf, &region, &iomem);
	check_kernel(pf, &config);
	check_initrd(pf, &config);
	check_module(pf);
	check_cmdline(pf, &config, &region);
	check_fit(pf, &iomem);
	config_clear(&config);
}

bool preflight_ok(const struct preflight *pf)
{
	for (size_t i = 0; i < pf->n; i++) {
		if (!pf->checks[i].ok)
			return false;
	}
	return pf->n > 0;
}

void preflight_reasons(const struct preflight *pf, struct strlist *reasons)
{
	for (size_t i = 0; i < pf->n; i++) {
		if (!pf->checks[i].ok)
			strlist_add(reasons, "%s: %s", pf->checks[i].name, pf->checks[i].text);
	}
}

void preflight_clear(struct preflight *pf)
{
	for (size_t i = 0; i < pf->n; i++)
		free(pf->checks[i].text);
	free(pf->kernel);
	free(pf->initrd);
	free(pf->cmdline);
	image_close(&pf->image);
	if (pf->initrd_fd >= 0)
		close(pf->initrd_fd);
	*pf = (struct preflight){ .image.fd = -1, .initrd_fd = -1 };
}
