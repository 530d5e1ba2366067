// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: lending
 *
 * The driver lends what it is told to, and takes back by itself what an extent
 * needs. What is told it is decided here, whenever the pool has changed, and now
 * and then, for nobody hears what a create that was given up has emptied: all that
 * is free but a headroom, so that a small extent is made without waiting. To make
 * the headroom larger again memory has to be moved away; when there is little of
 * it that can wait. With the cma backing there is nothing to lend: the kernel has
 * what is free.
 *
 * Each look at the pool is followed by one step at most, which policy.c chooses, and
 * by the next look when that says so. A step is short, for the daemon has one thread.
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

struct lender {
	sd_event *event;
	sd_event_source *timer;		/* when the pool is looked at again */
	const char *config_path;
	struct config config;		/* as it was read last */
	bool understood;		/* all of it */
	struct lend_policy policy;
	struct lend_past past;
	uint64_t told;			/* how much was lent when it last was as it should be */
	bool online;			/* all that was lent then */
	int said;			/* the last error that was said */
	bool explained;			/* why nothing is lent */
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
			.largest = pmpool_info_largest_free(info),
			.lent = pmpool_lending_size(lending),
			.emptying = pmpool_info_emptying(info),
			.lendable = pmpool_lending_max(lending),
			.unit = pmpool_lending_unit(lending),
		};
		pmpool_lending_free(lending);
	}
	pmpool_info_free(info);
	return r;
}

/* Once, and not whenever the pool changes. */
static void say_nothing(struct lender *lender, const struct lend_state *state)
{
	bool said = lender->explained || state->lent;
	char *why = said ? NULL : lend_nothing(&lender->policy, state);

	if (why) {
		log_notice("%s", why);
		lender->explained = true;
	}
	free(why);
}

/* Said once, as long as it is the same. When to look again. */
static uint64_t failed(struct lender *lender, int err, uint64_t bytes, const char *what)
{
	if (err != lender->said)
		log_warning("%" PRIu64 " MiB of the pool cannot be %s: %s: it is tried again every %llu seconds",
			    bytes >> 20, what, err == -EBUSY ?
			    "the system cannot empty them now" : strerror(-err),
			    LEND_LATER_USEC / 1000000);
	lender->said = err;
	return LEND_LATER_USEC;
}

static uint64_t more(struct lender *lender, struct pmpool *pool, const struct lend_state *state,
		     const struct lend_step *step)
{
	/* It need not be there at once: the daemon has other things to do. */
	int r = pmpool_lend(pool, step->size, 1);

	lender->waits = false;
	switch (r) {
	case 0:
		return step->look;
	case -EAGAIN:
		return LEND_SOON_USEC;
	case -ENOSPC:
		/* An extent has it now. */
		return LEND_REST_USEC;
	default:
		return failed(lender, r, step->size - state->lent, "lent to the system");
	}
}

static uint64_t less(struct lender *lender, struct pmpool *pool, const struct lend_state *state,
		     const struct lend_step *step)
{
	uint64_t bytes = state->lent - step->size;
	int r;

	if (lender->policy.mode == LEND_AUTO && under_pressure(bytes)) {
		if (!lender->waits)
			log_info("memory is short: %" PRIu64 " MiB of the pool stay lent to the system until it is not, instead of %" PRIu64 " MiB",
				 state->lent >> 20, lender->past.target >> 20);
		lender->waits = true;
		return LEND_LATER_USEC;
	}
	lender->waits = false;
	r = pmpool_lend(pool, step->size, 1);
	if (r && r != -EAGAIN)
		return failed(lender, r, bytes, "taken back from the system");
	lender->past.asked = state->lent;
	return step->look;
}

static uint64_t keep(struct lender *lender, struct pmpool *pool, const struct lend_state *state,
		     const struct lend_step *step)
{
	/* Who lent it may have been stopped before the system could use it. */
	bool all = lender->online && state->lent == lender->told;
	int r = state->lent && !all ? pmpool_lend(pool, state->lent, 1) : 0;

	lender->waits = false;
	if (r == -EAGAIN)
		return LEND_SOON_USEC;
	if (r)
		return failed(lender, r, state->lent, "brought online");
	lender->online = true;
	lender->said = 0;
	if (state->lent != lender->told)
		log_info("%" PRIu64 " MiB of the pool are lent to the system, of %" PRIu64 " MiB that are free",
			 state->lent >> 20, state->free >> 20);
	lender->told = state->lent;
	return step->look;
}

/* One look at the pool, and one step towards what should be. When to look again. */
static uint64_t follow(struct lender *lender, struct pmpool *pool)
{
	struct lend_state state;
	struct lend_step step;
	uint64_t now;
	int r;

	r = read_state(pool, &state);
	if (r) {
		/* Not of a pool that is not well, and not by a kernel that cannot. */
		if (r == -EOPNOTSUPP && r != lender->said &&
		    (lender->policy.mode == LEND_AUTO || lender->policy.mode == LEND_SIZE))
			log_warning("memory of the pool cannot be lent to the system: the kernel can not take memory back while it runs (CONFIG_MEMORY_HOTREMOVE)");
		lender->said = r;
		return r == -EOPNOTSUPP ? LEND_NEVER : LEND_LATER_USEC;
	}
	say_nothing(lender, &state);
	sd_event_now(lender->event, CLOCK_MONOTONIC, &now);
	step = lend_next(&lender->policy, &state, &lender->past, now);
	switch (step.action) {
	case LEND_MORE:
		return more(lender, pool, &state, &step);
	case LEND_LESS:
		return less(lender, pool, &state, &step);
	case LEND_KEEP:
		return keep(lender, pool, &state, &step);
	case LEND_STUCK:
		return failed(lender, -EBUSY, state.lent - lender->past.target,
			      "taken back from the system");
	default:
		return step.look;
	}
}

static void look_again(struct lender *lender, uint64_t usec)
{
	if (usec == LEND_NEVER) {
		sd_event_source_set_enabled(lender->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(lender->timer, usec);
	sd_event_source_set_time_accuracy(lender->timer, usec / 4 + 1);
	sd_event_source_set_enabled(lender->timer, SD_EVENT_ONESHOT);
}

static int lender_follow(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct lender *lender = userdata;
	uint64_t look = LEND_NEVER;
	struct pmpool *pool;

	(void)s;
	(void)usec;
	if (pmpool_open(NULL, O_RDONLY, &pool)) {
		/* The next one may be another. */
		lender->past = (struct lend_past){ 0 };
		lender->online = false;
	} else {
		look = follow(lender, pool);
		pmpool_close(pool);
	}
	look_again(lender, look);
	return 0;
}

void lender_look(struct lender *lender)
{
	look_again(lender, 0);
}

static void use_policy(struct lender *lender, const struct lend_policy *policy)
{
	lender->policy = *policy;
	/* What was in the way of another policy need not be in the way of this one. */
	lender->past = (struct lend_past){ 0 };
	lender->online = false;
	lender->said = 0;
	lender->explained = false;
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

char *lender_nothing(const struct lender *lender)
{
	struct lend_state state;
	struct pmpool *pool;
	char *why = NULL;

	if (pmpool_open(NULL, O_RDONLY, &pool))
		return NULL;
	if (!read_state(pool, &state))
		why = lend_nothing(&lender->policy, &state);
	pmpool_close(pool);
	return why;
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
	sd_event_add_time_relative(event, &lender->timer, CLOCK_MONOTONIC, 0, 0, lender_follow,
				   lender);
	/* All else goes first: to lend takes its time. */
	sd_event_source_set_priority(lender->timer, SD_EVENT_PRIORITY_IDLE);
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
