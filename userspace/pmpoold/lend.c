// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: lending
 *
 * The driver lends what it is told to, and takes back by itself what an extent
 * needs. What is told it is decided here, whenever the pool has changed: all that
 * is free but a headroom, so that a small extent is made without waiting. To make
 * the headroom larger again memory has to be moved away; when there is little of
 * it that can wait. With the cma backing there is nothing to lend: the kernel has
 * what is free.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pmpool.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "file.h"
#include "iomem.h"
#include "lend.h"
#include "log.h"
#include "policy.h"
#include "strlist.h"

/* Memory is being taken back; the pool is looked at again then. */
#define SOON_USEC	(1 * 1000000ULL)
/* It can not be, or had better not. */
#define LATER_USEC	(30 * 1000000ULL)

struct lender {
	sd_event *event;
	sd_event_source *timer;
	const char *config_path;
	struct config config;		/* as it was read last */
	bool understood;		/* all of it */
	struct lend_policy policy;
	int said;			/* the last error that was said */
	const char *needless;		/* the same, of why nothing is lent */
	bool waits;			/* for the system to have memory again; was said */
};

/* Whether what is to be taken back had better stay where it is for now. */
static bool under_pressure(uint64_t bytes)
{
	char *text;
	bool yes;

	/* Not every kernel tells. */
	if (file_read("/proc/pressure/memory", 4096, &text, NULL))
		text = NULL;
	yes = lend_is_pressing(bytes, mem_available(), text);
	free(text);
	return yes;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	lender_follow(userdata);
	return 0;
}

static void look_again(struct lender *lender, uint64_t usec)
{
	lender->timer = sd_event_source_disable_unref(lender->timer);
	sd_event_add_time_relative(lender->event, &lender->timer, CLOCK_MONOTONIC, usec, 0,
				   on_timer, lender);
}

static int read_state(struct pmpool *pool, struct lend_state *state)
{
	struct pmpool_lending *lending;
	struct pmpool_pool_info *info;
	int r;

	r = pmpool_get_info(pool, &info);
	if (r)
		return r;
	*state = (struct lend_state){ .by_itself = !strcmp(pmpool_info_backing(info), "cma") };
	r = pmpool_info_state(info) == PMPOOL_OK ? 0 : -EUCLEAN;
	if (!r && !state->by_itself)
		r = pmpool_get_lending(pool, &lending);
	if (!r && !state->by_itself) {
		*state = (struct lend_state){
			.free = pmpool_info_free_size(info),
			.lent = pmpool_lending_size(lending),
			.lendable = pmpool_lending_max(lending),
			.unit = pmpool_lending_unit(lending),
		};
		pmpool_lending_free(lending);
	}
	pmpool_info_free(info);
	return r;
}

/* Once, and not whenever the pool changes. */
static void say_needless(struct lender *lender, const char *why)
{
	if (why && why != lender->needless)
		log_info("%s", why);
	lender->needless = why;
}

static void failed(struct lender *lender, int err)
{
	if (err != lender->said)
		log_warning("memory of the pool cannot be %s: %s",
			    err == -EBUSY ? "taken back from the system" : "lent to the system",
			    err == -EBUSY ? "the system cannot empty it now" : strerror(-err));
	lender->said = err;
	look_again(lender, LATER_USEC);
}

void lender_follow(struct lender *lender)
{
	struct lend_state state;
	struct pmpool *pool;
	uint64_t target;
	int r;

	if (lender->policy.mode == LEND_UNMANAGED)
		return;
	r = pmpool_open(NULL, O_RDONLY, &pool);
	if (r)
		return;
	r = read_state(pool, &state);
	if (r) {
		pmpool_close(pool);
		/* Not of a pool that is not well, and not by a kernel that cannot. */
		if (r == -EOPNOTSUPP && lender->policy.mode != LEND_OFF)
			failed(lender, r);
		return;
	}
	say_needless(lender, lend_needless(&lender->policy, &state));
	target = lend_target(&lender->policy, &state);
	if (target < state.lent && lender->policy.mode == LEND_AUTO &&
	    under_pressure(state.lent - target)) {
		if (!lender->waits)
			log_info("memory is short: %" PRIu64 " MiB of the pool stay lent to the system until it is not, instead of %" PRIu64 " MiB",
				 state.lent >> 20, target >> 20);
		lender->waits = true;
		look_again(lender, LATER_USEC);
		pmpool_close(pool);
		return;
	}
	lender->waits = false;
	if (target != state.lent) {
		/* It need not be there at once: the daemon has other things to do. */
		r = pmpool_lend(pool, target, 1);
		if (r == -EAGAIN) {
			look_again(lender, SOON_USEC);
		} else if (r && r != -ENOSPC) {
			failed(lender, r);
		} else {
			lender->said = 0;
			log_info("%" PRIu64 " MiB of the pool are lent to the system, of %" PRIu64 " MiB that are free",
				 target >> 20, state.free >> 20);
		}
	}
	pmpool_close(pool);
}

static void use_policy(struct lender *lender, const struct lend_policy *policy)
{
	lender->policy = *policy;
	lender->said = 0;
	lender->needless = NULL;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

void lender_configure(struct lender *lender, bool changed)
{
	struct lend_policy policy = lender->policy;
	struct strlist problems = { 0 };
	struct config config;
	bool understood;

	config_read(&config, lender->config_path, &problems);
	understood = !problems.n;
	if (!changed || understood != lender->understood ||
	    !same(config.lend, lender->config.lend) ||
	    !same(config.headroom, lender->config.headroom)) {
		lend_configure(&policy, config.lend, config.headroom, understood);
		use_policy(lender, &policy);
	}
	if (!understood && !config.lend) {
		char *why = strlist_join(&problems, "; "), *stays = lender_policy(lender);

		log_warning("what is lent of the pool stays \"%s\": %s", stays, why);
		free(stays);
		free(why);
	}
	config_clear(&lender->config);
	lender->config = config;
	lender->understood = understood;
	strlist_clear(&problems);
}

const char *lender_set(struct lender *lender, const char *text)
{
	struct lend_policy policy = lender->policy;
	const char *wrong = lend_parse(text, &policy);

	if (wrong)
		return wrong;
	use_policy(lender, &policy);
	lender_follow(lender);
	return NULL;
}

char *lender_policy(const struct lender *lender)
{
	switch (lender->policy.mode) {
	case LEND_AUTO:
		return xstrdup("auto");
	case LEND_SIZE:
		return xprintf("%" PRIu64, lender->policy.size);
	case LEND_OFF:
		return xstrdup("off");
	default:
		return xstrdup("unmanaged");
	}
}

struct lender *lender_new(sd_event *event, const char *config_path)
{
	struct lender *lender = xalloc(sizeof(*lender));

	*lender = (struct lender){
		.event = event,
		.config_path = config_path,
		.policy = { .percent = LEND_PERCENT },
	};
	lender_configure(lender, false);
	return lender;
}

void lender_free(struct lender *lender)
{
	if (!lender)
		return;
	sd_event_source_disable_unref(lender->timer);
	config_clear(&lender->config);
	free(lender);
}
