// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: pmpoold
 *
 * Keeps the catalog of a pool's extents, and keeps an image staged with which a
 * kexec preserves the pool; when there can be none, sees to it that there is
 * none, and says why. It holds no state that matters: everything is in the
 * pool, in the catalog, in the kernel's staged image. So it may be killed at
 * any moment, and a new one goes on.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "catalog.h"
#include "config.h"
#include "file.h"
#include "guard.h"
#include "log.h"
#include "monitor.h"
#include "pool.h"
#include "preflight.h"
#include "stage.h"
#include "status.h"

#ifndef PMPOOL_VERSION
#define PMPOOL_VERSION "unknown"
#endif

#define CATALOG_PATH "/var/lib/pmpool/catalog.dtb"

/* When the catalog could not be written and nothing changes meanwhile. */
#define RETRY_USEC (30 * 1000000ULL)

struct daemon {
	sd_event *event;
	sd_event_source *retry;
	struct monitor *monitor;
	const char *config_path;
	struct pool pool;		/* as last seen; its catalog is NULL: none */
	struct catalog *written;	/* as the catalog on disk is known to be */
	struct strlist differences;	/* since the last attach */
	struct staged staged;
	bool reconciled;		/* the catalog on disk was looked at */
	bool waiting;			/* that there is no pool was said */
};

/*
 * The catalog.
 */

/* Move the catalog that is there out of the way of the one to come. */
static int keep_aside(const char *suffix)
{
	char *to = xprintf("%s.%s", CATALOG_PATH, suffix);
	int r = rename(CATALOG_PATH, to) < 0 ? -errno : file_sync_dir(to);

	if (r)
		log_err("cannot keep %s as %s: %s: it stays, and no new one is written until that works",
			CATALOG_PATH, to, strerror(-r));
	free(to);
	return r;
}

static void difference(struct daemon *d, char *text)
{
	log_warning("%s", text);
	strlist_add(&d->differences, "%s", text);
	free(text);
}

/* Extents are not what the catalog says: what it says may be needed to repair. */
static int keep_copy(struct daemon *d, const struct catalog *old)
{
	char uuid[UUID_STRING_SIZE];
	char *to = xprintf("%s.old-%s-g%" PRIu64, CATALOG_PATH,
			   uuid_string(old->uuid, uuid), old->generation);
	int r = link(CATALOG_PATH, to) < 0 && errno != EEXIST ? -errno : file_sync_dir(to);

	if (r)
		log_err("cannot keep %s as %s: %s: it stays, and no new one is written until that works",
			CATALOG_PATH, to, strerror(-r));
	else
		difference(d, xprintf("the catalog from before is kept as %s", to));
	free(to);
	return r;
}

/*
 * The first look at a pool: compare it with what the catalog says it was. A
 * negative return means that the catalog on disk must not be replaced yet.
 */
static int reconcile(struct daemon *d)
{
	const struct catalog *now = d->pool.catalog;
	struct strlist found = { 0 };
	struct catalog *old = NULL;
	char uuid[UUID_STRING_SIZE], is[UUID_STRING_SIZE];
	char *reason = NULL;
	int r;

	strlist_clear(&d->differences);
	catalog_free(d->written);
	d->written = NULL;
	r = catalog_read(CATALOG_PATH, &old, &reason);
	if (r == -ENOENT) {
		log_info("there is no catalog yet: it is made from the pool");
		return 0;
	}
	if (r) {
		difference(d, xprintf("catalog %s: %s: kept as %s.bad, and made again from the pool; extents cannot be compared with it",
				      CATALOG_PATH, reason, CATALOG_PATH));
		free(reason);
		return keep_aside("bad");
	}
	if (memcmp(old->uuid, now->uuid, sizeof(old->uuid))) {
		char *suffix = xprintf("old-%s", uuid_string(old->uuid, uuid));

		difference(d, xprintf("pool: another pool: the catalog is of pool %s, this is %s; it is kept as %s.%s",
				      uuid, uuid_string(now->uuid, is), CATALOG_PATH, suffix));
		r = keep_aside(suffix);
		free(suffix);
		catalog_free(old);
		return r;
	}
	r = catalog_compare(old, now, &found) ? 1 : 0;
	for (size_t i = 0; i < found.n; i++)
		difference(d, xstrdup(found.v[i]));
	strlist_clear(&found);
	if (!d->differences.n)
		log_info("pool %s, generation %" PRIu64 ": all %zu extents are where the catalog says",
			 uuid_string(now->uuid, uuid), now->generation, now->n);
	if (r) {
		r = keep_copy(d, old);
		catalog_free(old);
		return r;
	}
	d->written = old;
	return 0;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata);

/* Bring the catalog on disk up to date; try again later when that fails. */
static void update_catalog(struct daemon *d)
{
	int r = 0;

	if (!d->reconciled) {
		r = reconcile(d);
		d->reconciled = !r;
	}
	if (!r && (!d->written || !catalog_equal(d->written, d->pool.catalog))) {
		r = catalog_write(CATALOG_PATH, d->pool.catalog);
		if (!r) {
			catalog_free(d->written);
			d->written = catalog_dup(d->pool.catalog);
		}
	}
	if (r) {
		d->retry = sd_event_source_disable_unref(d->retry);
		sd_event_add_time_relative(d->event, &d->retry, CLOCK_MONOTONIC, RETRY_USEC, 0,
					   on_retry, d);
	}
}

/*
 * The next kernel.
 */

static void staged_clear(struct staged *staged)
{
	free(staged->kernel);
	free(staged->release);
	free(staged->initrd);
	free(staged->cmdline);
	strlist_clear(&staged->reasons);
	for (size_t i = 0; i < staged->n; i++)
		free(staged->checks[i].text);
	*staged = (struct staged){ 0 };
}

/* What was checked moves to what is told. */
static void staged_take(struct staged *staged, struct preflight *pf)
{
	staged_clear(staged);
	staged->time = time(NULL);
	staged->kernel = pf->kernel;
	staged->initrd = pf->initrd;
	staged->cmdline = pf->cmdline;
	pf->kernel = pf->initrd = pf->cmdline = NULL;
	if (pf->image.release[0])
		staged->release = xstrdup(pf->image.release);
	memcpy(staged->checks, pf->checks, sizeof(staged->checks));
	staged->n = pf->n;
	pf->n = 0;
}

/* An image that nobody has checked may lose the pool: there is to be none. */
static void drop_image(void)
{
	int r;

	if (!stage_loaded())
		return;
	r = stage_unload();
	if (r)
		log_err("the loaded kexec image cannot be unloaded: %s: do not kexec", strerror(-r));
	else
		log_err("the kexec image that was loaded is unloaded: it could have lost the pool");
}

static void stage(struct daemon *d)
{
	struct strlist reasons = { 0 };
	struct preflight pf;
	char *reason;
	bool ok;

	preflight_run(&pf, &d->pool, d->config_path);
	ok = preflight_ok(&pf);
	if (!ok) {
		preflight_reasons(&pf, &reasons);
	} else if (stage_load(&pf, &reason)) {
		strlist_add(&reasons, "load: %s", reason);
		free(reason);
		ok = false;
	}
	staged_take(&d->staged, &pf);
	preflight_clear(&pf);
	d->staged.ok = ok;
	d->staged.reasons = reasons;
	if (ok) {
		log_notice("staged %s (%s) for kexec, with command line: %s",
			   d->staged.kernel, d->staged.release, d->staged.cmdline);
	} else {
		drop_image();
		for (size_t i = 0; i < reasons.n; i++)
			log_err("kexec would lose the pool: %s", reasons.v[i]);
	}
}

/*
 * The daemon.
 */

static void tell(struct daemon *d)
{
	struct status status = {
		.pool = d->pool.catalog,
		.catalog_path = CATALOG_PATH,
		.catalog = d->written,
		.differences = &d->differences,
		.staged = &d->staged,
	};

	status_write(STATUS_PATH, &status);
	if (!d->pool.catalog) {
		sd_notify(0, "STATUS=waiting for /dev/pmpool");
	} else if (d->staged.ok) {
		sd_notifyf(0, "STATUS=%zu extents; a kexec into %s keeps them",
			   d->pool.catalog->n, d->staged.release);
	} else {
		char *why = strlist_join(&d->staged.reasons, "; ");

		sd_notifyf(0, "STATUS=kexec would lose the pool: %s", why);
		free(why);
	}
}

/* Look at the pool again, and do what has become necessary. */
static void refresh(struct daemon *d, bool restage)
{
	struct pool pool;
	bool attached;
	int r;

	r = pool_read(&pool);
	if (r) {
		if (r != -ENOENT && r != -ENXIO && r != -ENODEV)
			log_err("/dev/pmpool cannot be read: %s", strerror(-r));
		else if (d->pool.catalog)
			log_notice("the pool is gone: its catalog and the staged image stay");
		else if (!d->waiting)
			log_info("waiting for /dev/pmpool");
		d->waiting = true;
		pool_clear(&d->pool);
		d->reconciled = false;
		/* An image that was staged for the pool is still good for its region. */
		if (!d->staged.ok && (restage || !d->staged.time)) {
			staged_clear(&d->staged);
			strlist_add(&d->staged.reasons,
				    "pool: there is no pool: load the driver with modprobe pmpool");
		}
		if (restage || !d->staged.time)
			d->staged.time = time(NULL);
		tell(d);
		return;
	}
	d->waiting = false;
	attached = !d->pool.catalog ||
		   memcmp(d->pool.catalog->uuid, pool.catalog->uuid, CATALOG_UUID_LEN) ||
		   d->pool.catalog->generation != pool.catalog->generation;
	pool_clear(&d->pool);
	d->pool = pool;
	if (attached)
		d->reconciled = false;
	update_catalog(d);
	if (attached || restage) {
		stage(d);
		/* Before it is told: whoever waits for the verdict then acts on it. */
		guard_allow_kexec(d->staged.ok);
	}
	tell(d);
}

static void on_change(void *userdata)
{
	refresh(userdata, false);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	refresh(userdata, false);
	return 0;
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct timespec now;

	(void)s;
	(void)si;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	refresh(userdata, true);
	sd_notify(0, "READY=1");
	return 0;
}

static int run(const char *config_path)
{
	struct daemon d = { .config_path = config_path };
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = sd_event_new(&d.event);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d.event, NULL, SIGHUP, on_reload, &d);
	if (r < 0) {
		log_err("cannot set the event loop up: %s", strerror(-r));
		goto out;
	}
	/* First listen, then look: a device that comes in between is seen. */
	r = monitor_new(d.event, on_change, &d, &d.monitor);
	if (r < 0)
		goto out;
	refresh(&d, false);
	sd_notify(0, "READY=1");
	r = sd_event_loop(d.event);
	if (r < 0)
		log_err("the event loop failed: %s", strerror(-r));
	/* The image stays: services are stopped before a kexec as well. */
	sd_notify(0, "STOPPING=1");
	unlink(STATUS_PATH);
out:
	monitor_free(d.monitor);
	sd_event_source_unref(d.retry);
	sd_event_unref(d.event);
	pool_clear(&d.pool);
	catalog_free(d.written);
	strlist_clear(&d.differences);
	staged_clear(&d.staged);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int dry_run(const char *config_path)
{
	struct preflight pf;
	struct pool pool;
	bool ok;
	int r;

	r = pool_read(&pool);
	if (r) {
		log_err("/dev/pmpool cannot be read: %s: is the driver loaded?", strerror(-r));
		return EXIT_FAILURE;
	}
	preflight_run(&pf, &pool, config_path);
	for (size_t i = 0; i < pf.n; i++)
		printf("%-4s %s: %s\n", pf.checks[i].ok ? "ok" : "FAIL", pf.checks[i].name,
		       pf.checks[i].text);
	if (pf.cmdline)
		printf("command line: %s\n", pf.cmdline);
	ok = preflight_ok(&pf);
	preflight_clear(&pf);
	pool_clear(&pool);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_catalog(const char *path)
{
	struct catalog *catalog;
	char *reason, *text;
	int r;

	r = catalog_read(path, &catalog, &reason);
	if (r) {
		log_err("catalog %s: %s", path, reason ? reason : "there is none");
		free(reason);
		return EXIT_FAILURE;
	}
	text = catalog_json(catalog);
	puts(text);
	free(text);
	catalog_free(catalog);
	return EXIT_SUCCESS;
}

static void usage(FILE *f)
{
	fputs("Usage: pmpoold [OPTION]...\n"
	      "Keep a memory pool's catalog, and a kernel staged with which a kexec keeps the pool.\n"
	      "\n"
	      "  --config FILE           settings, instead of " CONFIG_PATH "\n"
	      "  --dry-run               check whether a kexec would keep the pool, print the\n"
	      "                          verdicts and the next command line, stage nothing;\n"
	      "                          exit status 1 when it would not\n"
	      "  --print-catalog [FILE]  print a catalog as JSON, by default\n"
	      "                          " CATALOG_PATH "\n"
	      "  --help, --version\n"
	      "\n"
	      "See pmpoold(8) and pmpool-kexec(7).\n", f);
}

int main(int argc, char **argv)
{
	enum { CONFIG = 1, DRY_RUN, PRINT_CATALOG, HELP, VERSION };
	static const struct option options[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ "print-catalog", no_argument, NULL, PRINT_CATALOG },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	const char *config_path = CONFIG_PATH;
	int c, action = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case CONFIG:
			config_path = optarg;
			break;
		case HELP:
			usage(stdout);
			return EXIT_SUCCESS;
		case VERSION:
			puts("pmpoold " PMPOOL_VERSION);
			return EXIT_SUCCESS;
		case '?':
			usage(stderr);
			return 2;
		default:
			action = c;
		}
	}
	if (argc - optind > (action == PRINT_CATALOG)) {
		log_err("\"%s\" is one argument too many", argv[argc - 1]);
		usage(stderr);
		return 2;
	}
	if (action == PRINT_CATALOG)
		return print_catalog(optind < argc ? argv[optind] : CATALOG_PATH);
	if (action == DRY_RUN)
		return dry_run(config_path);
	return run(config_path);
}
