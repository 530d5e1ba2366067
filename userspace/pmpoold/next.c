// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the next kernel
 *
 * What is staged, and whether a kexec is allowed: never one that nobody checked.
 *
 * Anybody with the right can load another image at any time, and nothing tells.
 * But the kernel counts: kernel.kexec_load_limit_reboot, once it is set, goes
 * down with every attempt to load or unload. A count that is not what we left
 * behind means that the image may not be ours, and it is staged again.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <pmpool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "confdir.h"
#include "daemon.h"
#include "guard.h"
#include "installed.h"
#include "log.h"
#include "preflight.h"
#include "record.h"
#include "stage.h"

/* How long an image by somebody else can stay unnoticed. */
#define WATCH_USEC	(5 * 1000000ULL)
/* What was forced was meant for a kexec now, and not for one some day. */
#define FORCED_USEC	(60 * 1000000ULL)

void staged_clear(struct staged *staged)
{
	free(staged->kernel);
	free(staged->release);
	free(staged->initrd);
	free(staged->cmdline);
	strlist_clear(&staged->reasons);
	strlist_clear(&staged->losses);
	for (size_t i = 0; i < staged->n; i++)
		free(staged->checks[i].text);
	*staged = (struct staged){ 0 };
}

/* What a kexec into what was checked would lose, reasons or not. */
static void find_losses(struct strlist *losses, const struct pool *pool,
			const struct preflight *pf)
{
	const struct catalog *c = pool->catalog;

	if (!pf->kept && !c->n)
		strlist_add(losses, "the pool is lost; it has no extents");
	for (size_t i = 0; !pf->kept && i < c->n; i++)
		strlist_add(losses, "extent %s, %" PRIu64 " bytes, is lost: the next kernel may use its memory as its own",
			    c->extents[i].name, c->extents[i].size);
	if (pf->kept && !pf->driver)
		strlist_add(losses, "no extent is lost, but none can be opened until a kernel runs that finds the pool and has its driver");
	else if (pf->kept && pool->state != PMPOOL_OK)
		strlist_add(losses, "no extent is lost by the kexec itself: the pool stays as it is");
	else if (pf->kept)
		strlist_add(losses, "no extent is lost");
}

/* What was checked moves to what is told. */
static void staged_take(struct staged *staged, const struct pool *pool, struct preflight *pf)
{
	staged_clear(staged);
	staged->time = time(NULL);
	staged->ok = preflight_ok(pf);
	preflight_reasons(pf, &staged->reasons);
	if (!staged->ok)
		find_losses(&staged->losses, pool, pf);
	staged->kernel = pf->kernel.path;
	staged->initrd = pf->initrd;
	staged->cmdline = pf->cmdline;
	pf->kernel.path = pf->initrd = pf->cmdline = NULL;
	if (pf->kernel.image.release[0])
		staged->release = xstrdup(pf->kernel.image.release);
	memcpy(staged->checks, pf->checks, sizeof(staged->checks));
	staged->n = pf->n;
	pf->n = 0;
}

/* An image that nobody has checked may lose the pool: there is to be none. */
static void drop_image(int *count)
{
	int r;

	*count = stage_count();
	if (!stage_loaded())
		return;
	r = stage_unload(count);
	if (r)
		log_err("the loaded kexec image cannot be unloaded: %s: do not kexec", strerror(-r));
	else
		log_err("the kexec image that was loaded is unloaded: it could have lost the pool");
}

/* For who comes after us; several initrds are found again by their kernel. */
static void write_record(const struct staged *staged)
{
	char *none = (char *)"none";
	struct record record = {
		.count = staged->count,
		.loaded = staged->loaded,
		.request = {
			.kernel = staged->kernel,
			.initrd = staged->initrd ? staged->initrd : none,
			.cmdline = staged->cmdline,
			.force = staged->forced,
		},
	};

	if (staged->initrd && strchr(staged->initrd, ' '))
		record.request.initrd = NULL;
	record_write(RECORD_PATH, &record);
}

/* Check, and stage what is right or forced; else there is no image. */
static void stage(struct staged *staged, const struct pool *pool, const char *config_path,
		  const struct kexec_request *request)
{
	struct preflight pf;
	bool ok, force, loaded = false;
	char *reason = NULL;
	int count = -1;

	preflight_run(&pf, pool, config_path, request);
	ok = preflight_ok(&pf);
	force = !ok && request && request->force && preflight_loadable(&pf);
	if (ok || force)
		loaded = !stage_load(&pf, &count, &reason);
	staged_take(staged, pool, &pf);
	preflight_clear(&pf);
	staged->ok = ok && loaded;
	staged->forced = force && loaded;
	staged->loaded = loaded;
	if (reason) {
		strlist_add(&staged->reasons, "load: %s", reason);
		free(reason);
	}
	if (!loaded)
		drop_image(&count);
	staged->count = count;
	write_record(staged);
	if (staged->ok)
		log_notice("staged %s (%s) for kexec, with command line: %s",
			   staged->kernel, staged->release, staged->cmdline);
	else
		for (size_t i = 0; i < staged->reasons.n; i++)
			log_err("kexec would lose the pool: %s", staged->reasons.v[i]);
	for (size_t i = 0; staged->forced && i < staged->losses.n; i++)
		log_warning("staged %s for kexec all the same, as it was forced: %s",
			    staged->release, staged->losses.v[i]);
}

void daemon_check(struct daemon *d, const struct kexec_request *request,
		  struct staged *verdict)
{
	struct preflight pf;

	*verdict = (struct staged){ 0 };
	if (!d->pool.catalog) {
		strlist_add(&verdict->reasons, NO_POOL);
		return;
	}
	preflight_run(&pf, &d->pool, d->config_path, request);
	staged_take(verdict, &d->pool, &pf);
	preflight_clear(&pf);
}

static int on_forced(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	log_notice("what was forced was not started: it is replaced");
	daemon_refresh(userdata, true);
	return 0;
}

void daemon_stage(struct daemon *d, const struct kexec_request *request)
{
	struct kexec_request copy;

	request_copy(&copy, request);
	request_clear(&d->request);
	d->request = copy;
	d->forced = sd_event_source_disable_unref(d->forced);
	stage(&d->staged, &d->pool, d->config_path, &d->request);
	if (d->staged.forced)
		sd_event_add_time_relative(d->event, &d->forced, CLOCK_MONOTONIC, FORCED_USEC, 0,
					   on_forced, d);
	/* Before it is told: whoever waits for the verdict then acts on it. */
	guard_allow_kexec(d->staged.loaded);
}

/* Whether nobody has loaded or unloaded anything since. */
static bool undisturbed(int count, bool loaded)
{
	return stage_count() == count && stage_loaded() == loaded;
}

static int on_watch(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)usec;
	sd_event_source_set_time_relative(s, WATCH_USEC);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
	if (undisturbed(d->staged.count, d->staged.loaded))
		return 0;
	if (d->pool.catalog) {
		log_warning("somebody else has loaded or unloaded a kexec image, which may be placed in the pool or not keep it: ours is staged again");
		daemon_restage_same(d);
	} else if (d->staged.loaded) {
		log_warning("somebody else has loaded or unloaded a kexec image, and without the driver nothing can be checked");
		drop_image(&d->staged.count);
		d->staged.loaded = false;
	} else {
		/* There is no pool to lose. */
		d->staged.count = stage_count();
	}
	return 0;
}

static void on_settings(void *userdata)
{
	struct daemon *d = userdata;

	log_info("the configuration or a boot loader entry has changed");
	/* Most of these files have nothing to do with what pmpoolctl lend has set. */
	lender_configure(d->lender, true);
	daemon_refresh(d, true);
}

static void on_installed(void *userdata)
{
	log_info("a kernel, an initrd or modules have changed");
	daemon_restage_same(userdata);
}

int daemon_follow_next(struct daemon *d)
{
	/* The first is the configuration's. */
	static const char *dirs[] = {
		NULL, "/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries", NULL,
	};

	d->settings_dir = xstrdup(d->config_path);
	dirs[0] = dirname(d->settings_dir);
	d->settings = confdir_watch(d->event, dirs, on_settings, d);
	d->installed = installed_watch(d->event, on_installed, d);
	if (stage_count() < 0)
		log_warning("kernel.kexec_load_limit_reboot is not set: a kexec image that somebody else loads may not be noticed");
	return sd_event_add_time_relative(d->event, &d->watch, CLOCK_MONOTONIC, WATCH_USEC,
					  WATCH_USEC / 4, on_watch, d);
}

void daemon_unfollow_next(struct daemon *d)
{
	sd_event_source_disable_unref(d->watch);
	sd_event_source_disable_unref(d->forced);
	confdir_free(d->settings);
	installed_free(d->installed);
	free(d->settings_dir);
	staged_clear(&d->staged);
	request_clear(&d->request);
}

int verify_staged(const char *config_path)
{
	struct staged staged = { 0 };
	struct record record;
	struct pool pool;
	bool known, safe;
	int r;

	r = record_read(RECORD_PATH, &record);
	known = !r;
	if (known && record.count >= 0 && undisturbed(record.count, record.loaded)) {
		request_clear(&record.request);
		return EXIT_SUCCESS;
	}
	r = pool_read(&pool);
	if (r) {
		/* No image was staged for a pool, and there is none: nothing to lose. */
		safe = !known || !record.loaded;
		if (!safe) {
			log_err("the kexec image may be somebody else's, and /dev/pmpool cannot be read: %s",
				strerror(-r));
			drop_image(&record.count);
		}
	} else {
		log_warning("the kexec image may be somebody else's: it is staged again");
		stage(&staged, &pool, config_path, known && record.loaded ? &record.request : NULL);
		safe = staged.loaded;
		staged_clear(&staged);
		pool_clear(&pool);
	}
	request_clear(&record.request);
	return safe ? EXIT_SUCCESS : EXIT_FAILURE;
}
