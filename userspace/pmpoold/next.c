// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the next kernel
 *
 * What is staged, and whether a kexec is allowed: never one that nobody checked.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon.h"
#include "guard.h"
#include "log.h"
#include "preflight.h"
#include "stage.h"

void staged_clear(struct staged *staged)
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

void daemon_check(struct daemon *d, const struct kexec_request *request,
		  struct staged *verdict)
{
	struct strlist reasons = { 0 };
	struct preflight pf;

	*verdict = (struct staged){ 0 };
	if (!d->pool.catalog) {
		strlist_add(&verdict->reasons, NO_POOL);
		return;
	}
	preflight_run(&pf, &d->pool, d->config_path, request);
	preflight_reasons(&pf, &reasons);
	staged_take(verdict, &pf);
	preflight_clear(&pf);
	verdict->ok = !reasons.n;
	verdict->reasons = reasons;
}

void daemon_stage(struct daemon *d, const struct kexec_request *request)
{
	struct strlist reasons = { 0 };
	struct preflight pf;
	char *reason;
	bool ok;

	if (!d->pool.catalog) {
		staged_clear(&d->staged);
		d->staged.time = time(NULL);
		strlist_add(&d->staged.reasons, NO_POOL);
		return;
	}
	preflight_run(&pf, &d->pool, d->config_path, request);
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
	/* Before it is told: whoever waits for the verdict then acts on it. */
	guard_allow_kexec(ok);
}
