/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon: what it knows, and its parts that act on that. */
#ifndef PMPOOLD_DAEMON_H
#define PMPOOLD_DAEMON_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "catalog.h"
#include "declared.h"
#include "handover.h"
#include "lend.h"
#include "pool.h"
#include "report.h"
#include "request.h"
#include "status.h"

#define CATALOG_PATH "/var/lib/pmpool/catalog.dtb"

struct daemon {
	sd_event *event;
	sd_event_source *retry;
	struct monitor *monitor;
	struct bus *bus;		/* NULL: not yet */
	const char *config_path;
	struct pool pool;		/* as last seen; its catalog is NULL: none */
	struct catalog *written;	/* as the catalog on disk is known to be */
	struct report report;		/* what nobody has taken note of */
	struct strlist differences;	/* the same as lines */
	struct handover handover;
	struct confdir *declarations;	/* follows the files that declare extents */
	struct declared declared;
	struct lender *lender;
	bool declare;			/* they were not looked at since they changed */
	struct staged staged;
	struct kexec_request request;	/* which it is; holds until the next reload */
	sd_event_source *forced;	/* runs out when a forced image is not used */
	sd_event_source *watch;		/* for images by others */
	char *settings_dir;
	struct confdir *settings;	/* follow what decides on the next kernel */
	struct installed *installed;
	bool reconciled;		/* the catalog on disk was looked at */
	bool waiting;			/* that there is no pool was said */
};

/* Run until SIGTERM. An exit status. */
int daemon_run(const char *config_path);

/*
 * Look at the pool again, and do what has become necessary. restage: also what
 * would be only when the pool was attached anew.
 */
void daemon_refresh(struct daemon *d, bool restage);
/* The same, and stage what request asks for. */
void daemon_restage(struct daemon *d, const struct kexec_request *request);
/* The same, and stage what is staged already. */
void daemon_restage_same(struct daemon *d);

/* Read the configuration, and do what it asks for now. */
void daemon_reload(struct daemon *d);

/*
 * Bring the catalog on disk up to date, after a comparison with what it says
 * when the pool was attached anew. Negative: it has to be tried again later.
 */
int daemon_update_catalog(struct daemon *d);

/* All that an attach asks for is done; it counts once, in the catalog's next update. */
void daemon_note_ready(struct daemon *d);

/* The report was seen. Negative: there is no pool, or the catalog cannot be written. */
int daemon_forget_report(struct daemon *d);

/*
 * Take the pool as it is now for what it should be: differences were seen.
 * Negative: that failed, which is said, and nothing has changed.
 */
int daemon_accept(struct daemon *d);

/*
 * Choose, check and stage the next kernel, and allow or hold back a kexec. What
 * came of it is d->staged. request, which may be NULL, is what somebody asks
 * for beyond the configuration.
 */
void daemon_stage(struct daemon *d, const struct kexec_request *request);

/* What would come of it: a verdict to clear, and nothing is changed. */
void daemon_check(struct daemon *d, const struct kexec_request *request,
		  struct staged *verdict);
void staged_clear(struct staged *staged);

/*
 * Stage again from now on when the configuration or what is installed changes,
 * and when somebody else loads an image.
 */
int daemon_follow_next(struct daemon *d);
void daemon_unfollow_next(struct daemon *d);

/*
 * Without a daemon: is the image the one that was staged? If not stage that
 * again, and if that cannot be, see to it that there is none. An exit status.
 */
int verify_staged(const char *config_path);

#endif
