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
#include <pmpool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmdline.h"
#include "config.h"
#include "file.h"
#include "initrd.h"
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
			xprintf("pool %s is degraded: part of its metadata is damaged: the kernel's log says which; see pmpoolctl check",
				uuid));
	}
}

static void check_region(struct preflight *pf, const struct pool *pool,
			 const struct region *region, struct iomem *iomem)
{
	int r = iomem_read("/proc/iomem", region, iomem);

	if (r) {
		verdict(pf, "region", false,
			xprintf("/proc/iomem cannot be read: %s: mount /proc, then run systemctl reload pmpoold",
				strerror(-r)));
	} else if (!iomem->readable || !region->base) {
		verdict(pf, "region", false,
			xstrdup("the kernel hides physical addresses from this process: it needs CAP_SYS_ADMIN"));
	} else if (iomem->ram.size) {
		verdict(pf, "region", false,
			xprintf("the region (%#" PRIx64 " bytes at %#" PRIx64 ") overlaps System RAM at %#" PRIx64 ": other data may be written there: save the extents with pmpoolctl export, then reserve the region with pmpoolctl reserve",
				region->size, region->base, iomem->ram.base));
	} else if (!iomem->claimed) {
		verdict(pf, "region", false,
			xprintf("no \"Persistent Memory Pool\" of %#" PRIx64 " bytes at %#" PRIx64 " is in /proc/iomem: load the driver anew, whose messages in the kernel's log say what it finds",
				region->size, region->base));
	} else {
		pf->kept = true;
		verdict(pf, "region", true,
			xprintf("the region is %" PRIu64 " MiB at %#" PRIx64 ", in no System RAM%s",
				region->size / MIB, region->base, pool_is_cma(pool) ?
				": this kernel uses what is free of it, and keeps it from the next" : ""));
	}
}

/* What is asked for goes before what is configured. */
struct wanted {
	const char *kernel;	/* NULL: the newest that fits */
	const char *initrd;	/* NULL: its own; "none" */
	const char *append;
	const char *cmdline;	/* NULL: the entry's, else the running kernel's */
	const char *cmdline_by;
	bool reuse;
	bool add;		/* append goes to whatever command line there is */
};

static void want(struct wanted *wanted, const struct config *config,
		 const struct kexec_request *request)
{
	static const struct kexec_request nothing;

	if (!request)
		request = &nothing;
	*wanted = (struct wanted){
		.kernel = request->kernel ? request->kernel : config->kernel,
		.initrd = request->initrd,
		.append = request->append ? request->append : config->append,
		.cmdline = request->cmdline,
		.cmdline_by = "the command line that was asked for",
		.reuse = request->reuse && !request->cmdline,
		.add = request->append,
	};
	/* The setting is about the kernel that is configured. */
	if (!wanted->initrd && !request->kernel)
		wanted->initrd = config->initrd;
	if (!wanted->cmdline && !wanted->reuse && config->cmdline) {
		wanted->cmdline = config->cmdline;
		wanted->cmdline_by = "CommandLine= in the configuration";
	}
}

static void check_kernel(struct preflight *pf, const struct wanted *wanted, bool asked,
			 const struct module_need *need)
{
	struct strlist passed = { 0 };
	struct kernels kernels;
	struct utsname uts;
	size_t newer, n;
	char *reason;
	bool fits;

	uname(&uts);
	kernels_find(&kernels, "", uts.release);
	if (wanted->kernel) {
		if (kernels_take(&kernels, "", wanted->kernel, &pf->kernel, &reason)) {
			verdict(pf, "kernel", false,
				xprintf("%s, or name another one%s", reason,
					asked ? "" : " with Kernel="));
			free(reason);
		} else {
			verdict(pf, "kernel", true,
				xprintf("%s is %s, as %s", pf->kernel.path,
					pf->kernel.image.release,
					asked ? "was asked for" : "Kernel= says"));
		}
		kernels_clear(&kernels);
		return;
	}
	n = kernels.n;
	fits = kernels_choose(&kernels, "", need, wanted->initrd, &pf->kernel, &passed);
	newer = passed.n;
	strlist_move(&passed, &kernels.skipped);
	if (!n)
		verdict(pf, "kernel", false,
			xprintf("no kernel is installed, neither as /boot/vmlinuz-RELEASE nor by a boot loader entry: install one, or name one with Kernel="));
	else
		verdict(pf, "kernel", true,
			xprintf("%s is %s, %s of %zu installed%s%s", pf->kernel.path,
				pf->kernel.image.release,
				newer && fits ? "the newest that fits" : "the newest", n,
				pf->kernel.entry ? ", by " : "",
				pf->kernel.entry ? pf->kernel.entry : ""));
	/* When none fits the checks of the newest say why. */
	if (passed.n && (fits || n != 1))
		verdict(pf, "choice", fits, strlist_join(&passed, "; "));
	strlist_clear(&passed);
	kernels_clear(&kernels);
}

static void check_initrd(struct preflight *pf, const struct wanted *wanted)
{
	struct strlist given = { 0 };
	const struct strlist *paths = &pf->kernel.initrds;
	char *reason;

	if (wanted->initrd && !strcmp(wanted->initrd, "none")) {
		verdict(pf, "initrd", true, xstrdup("none, as configured"));
		return;
	}
	if (wanted->initrd) {
		strlist_add(&given, "%s", wanted->initrd);
		paths = &given;
	}
	if (!paths->n)
		return;		/* the kernel's check has failed */
	pf->initrd_fd = initrd_open(paths, &reason);
	if (pf->initrd_fd < 0) {
		verdict(pf, "initrd", false, reason);
	} else {
		pf->initrd = strlist_join(paths, " ");
		verdict(pf, "initrd", true, xstrdup(pf->initrd));
	}
	strlist_clear(&given);
}

static void check_module(struct preflight *pf, const struct module_need *need)
{
	char *text;

	if (!pf->kernel.image.release[0])
		return;		/* the kernel's check has failed */
	pf->driver = module_fits("", pf->kernel.image.release, need, &pf->backings, &text);
	verdict(pf, "module", pf->driver, text);
}

/* The running kernel's; NULL after a verdict. */
static char *running_cmdline(struct preflight *pf)
{
	char *text;
	int r = file_read("/proc/cmdline", 64u << 10, &text, NULL);

	if (r) {
		verdict(pf, "reservation", false,
			xprintf("/proc/cmdline cannot be read: %s", strerror(-r)));
		return NULL;
	}
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void check_cmdline(struct preflight *pf, const struct pool *pool,
			  const struct wanted *wanted, const struct region *region)
{
	unsigned int how = (pool_is_cma(pool) ? CMDLINE_FROM_CMA : 0) |
			   (pf->backings.cma ? CMDLINE_TO_CMA : 0);
	struct strlist problems = { 0 }, notes = { 0 };
	struct cmdline_means means = { 0 };
	bool entry = pf->kernel.options && !wanted->reuse;

	if (!region->base)
		return;		/* the region's check has failed */
	if (wanted->cmdline) {
		pf->cmdline = wanted->add ? xprintf("%s %s", wanted->cmdline, wanted->append)
					  : xstrdup(wanted->cmdline);
		if (wanted->append && !wanted->add)
			strlist_add(&notes, "Append= is not used: %s is the whole of it",
				    wanted->cmdline_by);
	} else {
		char *base = entry ? xstrdup(pf->kernel.options) : running_cmdline(pf);

		if (!base)
			return;
		pf->cmdline = cmdline_compose(base, wanted->append, region, how, &notes,
					      &problems);
		free(base);
	}
	if (pf->cmdline) {
		means = cmdline_check(pf->cmdline, region, how, pf->kernel.image.cmdline_size,
				      &notes, &problems);
		if (problems.n) {
			char *all = strlist_join(&problems, "; ");

			strlist_clear(&problems);
			strlist_add(&problems, "%s would %s the pool: %s",
				    wanted->cmdline ? wanted->cmdline_by
						    : "the next kernel's command line",
				    means.reserved ? "not find" : "lose", all);
			free(all);
		}
	}
	pf->kept &= means.reserved;
	pf->driver &= means.found;
	verdict_lists(pf, "reservation", &problems, &notes, "");
}

static void check_fit(struct preflight *pf, const struct iomem *iomem)
{
	uint64_t need, available;
	struct stat st = { 0 };

	if (!pf->kernel.image.release[0] || !iomem->readable)
		return;		/* other checks have failed */
	if (pf->initrd_fd >= 0)
		fstat(pf->initrd_fd, &st);
	/* While an image is loaded the kernel holds the files and a copy of them. */
	need = 2 * (pf->kernel.image.file_size + (uint64_t)st.st_size);
	available = mem_available_to_kernel("/proc/meminfo");
	if (iomem->largest_ram < pf->kernel.image.init_size) {
		verdict(pf, "memory", false,
			xprintf("the kernel needs %u MiB in one piece, and the longest piece of System RAM outside the pool has %" PRIu64 " MiB: take another kernel with Kernel=, or move or shrink the pool with pmpoolctl reserve",
				pf->kernel.image.init_size / MIB, iomem->largest_ram / MIB));
	} else if (available < need) {
		verdict(pf, "memory", false,
			xprintf("%" PRIu64 " MiB are needed to load the image, and %" PRIu64 " MiB are available: free some, then run systemctl reload pmpoold",
				need / MIB, available / MIB));
	} else {
		verdict(pf, "memory", true,
			xprintf("the image fits: %" PRIu64 " MiB of files, %u MiB to start",
				need / 2 / MIB, pf->kernel.image.init_size / MIB));
	}
}

void preflight_run(struct preflight *pf, const struct pool *pool, const char *config_path,
		   const struct kexec_request *request)
{
	const struct module_need need = { pool->format, pool->held };
	struct region region = { pool->catalog->base, pool->catalog->size };
	struct strlist problems = { 0 }, notes = { 0 };
	struct wanted wanted;
	struct config config;
	struct iomem iomem;

	*pf = (struct preflight){ .kernel.image.fd = -1, .initrd_fd = -1 };
	config_read(&config, config_path, &problems);
	want(&wanted, &config, request);
	/* A setting that is not understood may be the one that matters. */
	if (problems.n)
		verdict_lists(pf, "configuration", &problems, &notes, "");
	check_pool(pf, pool);
	check_region(pf, pool, &region, &iomem);
	check_kernel(pf, &wanted, request && request->kernel, &need);
	check_initrd(pf, &wanted);
	check_module(pf, &need);
	check_cmdline(pf, pool, &wanted, &region);
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

bool preflight_loadable(const struct preflight *pf)
{
	bool initrd = true;

	for (size_t i = 0; i < pf->n; i++) {
		if (!strcmp(pf->checks[i].name, "initrd"))
			initrd = pf->checks[i].ok;
	}
	return pf->kernel.image.fd >= 0 && initrd && pf->cmdline;
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
	kernel_clear(&pf->kernel);
	free(pf->initrd);
	free(pf->cmdline);
	if (pf->initrd_fd >= 0)
		close(pf->initrd_fd);
	*pf = (struct preflight){ .kernel.image.fd = -1, .initrd_fd = -1 };
}
