// SPDX-License-Identifier: GPL-2.0-only
/* How much of the pool to lend to the system, as somebody wants it. */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "policy.h"
#include "strlist.h"

/* Percent of the last ten seconds in which something waited for memory. */
#define PRESSURE_MAX	10.0

const char *lend_parse(const char *text, struct lend_policy *policy)
{
	policy->size = 0;
	if (!strcmp(text, "auto"))
		policy->mode = LEND_AUTO;
	else if (!strcmp(text, "off"))
		policy->mode = LEND_OFF;
	else if (parse_size(text, &policy->size))
		return "it is \"auto\", \"off\" or a size like 512M";
	else
		policy->mode = LEND_SIZE;
	return NULL;
}

const char *lend_parse_headroom(const char *text, struct lend_policy *policy)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int percent = 0;
	uint64_t headroom = 0;

	if (digits && digits <= 3 && !strcmp(text + digits, "%") && atoi(text) <= 100)
		percent = (unsigned int)atoi(text);
	else if (parse_size(text, &headroom))
		return "it is a size like 512M, or at most 100%";
	policy->percent = percent;
	policy->headroom = headroom;
	return NULL;
}

void lend_configure(struct lend_policy *policy, const char *lend, const char *headroom,
		    bool understood)
{
	if (lend)
		lend_parse(lend, policy);
	/* What is lent was by us. */
	else if (understood && policy->mode != LEND_UNMANAGED)
		policy->mode = LEND_OFF;
	if (headroom) {
		lend_parse_headroom(headroom, policy);
	} else if (understood) {
		policy->percent = LEND_PERCENT;
		policy->headroom = 0;
	}
}

/* What is to stay free. */
static uint64_t headroom_of(const struct lend_policy *policy, const struct lend_state *state)
{
	uint64_t share = state->free / 100 * policy->percent;

	if (!policy->percent)
		return policy->headroom;
	return share > state->unit ? share : state->unit;
}

static uint64_t whole_units(uint64_t size, const struct lend_state *state)
{
	return size - size % state->unit;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How much can be lent for sure in the longest free run: its ends need not be a unit's. */
static uint64_t in_longest_run(const struct lend_state *state)
{
	uint64_t units = whole_units(state->largest, state);

	return units ? units - state->unit : 0;
}

/* How much the policy would lend if it was in one piece. */
static uint64_t most_of(const struct lend_policy *policy, const struct lend_state *state)
{
	uint64_t headroom = headroom_of(policy, state);

	if (policy->mode == LEND_SIZE)
		return policy->size;
	return state->free > headroom ? state->free - headroom : 0;
}

/* And where it would be now. */
static uint64_t here_of(const struct lend_policy *policy, const struct lend_state *state)
{
	return whole_units(lower(most_of(policy, state), state->lendable), state);
}

static uint64_t auto_target(const struct lend_policy *policy, const struct lend_state *state)
{
	uint64_t most = most_of(policy, state), here = here_of(policy, state);
	uint64_t there = whole_units(lower(most, in_longest_run(state)), state);
	uint64_t little = lower(headroom_of(policy, state), state->unit) / 2;

	/* What is lent is in one piece: to lend in another place all is taken back first. */
	if (state->lent && here && there >= 2 * here)
		return 0;
	/* What comes and goes is not worth moving what is there, as long as it is little. */
	if (here < state->lent && state->lent < most + little)
		return state->lent;
	return here;
}

uint64_t lend_target(const struct lend_policy *policy, const struct lend_state *state)
{
	if (state->by_itself)
		return state->lent;
	switch (policy->mode) {
	case LEND_AUTO:
		return auto_target(policy, state);
	case LEND_SIZE:
		return here_of(policy, state);
	case LEND_OFF:
		return 0;
	default:
		return state->lent;
	}
}

static char *nothing_of(const struct lend_policy *policy, const struct lend_state *state)
{
	unsigned long long free_mib = state->free >> 20, unit_mib = state->unit >> 20;

	if (here_of(policy, state))
		return NULL;
	if (!state->lendable)
		return xprintf("nothing is lent: %llu MiB are free, and no whole memory block of %llu MiB is",
			       free_mib, unit_mib);
	if (policy->mode == LEND_SIZE)
		return xprintf("nothing is lent: %llu MiB are less than a memory block of %llu MiB",
			       (unsigned long long)policy->size >> 20, unit_mib);
	return xprintf("nothing is lent: %llu MiB are free, of which %llu MiB are to stay free (LendHeadroom=); the rest is less than a memory block of %llu MiB",
		       free_mib, (unsigned long long)headroom_of(policy, state) >> 20, unit_mib);
}

char *lend_nothing(const struct lend_policy *policy, const struct lend_state *state)
{
	if (policy->mode != LEND_AUTO && !(policy->mode == LEND_SIZE && policy->size))
		return NULL;
	return state->by_itself ?
	       xprintf("Lend= is not needed: the kernel uses what is free of the pool by itself") :
	       nothing_of(policy, state);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

struct lend_step lend_next(const struct lend_policy *policy, const struct lend_state *state,
			   struct lend_past *past, uint64_t now)
{
	uint64_t target = lend_target(policy, state), at_once = LEND_AT_ONCE;
	struct lend_past last = *past;

	past->seen = true;
	past->target = target;
	past->lent = state->lent;
	if (state->emptying || (last.seen && (state->lent < last.lent ||
					      distance(target, last.target) > state->unit)))
		past->quiet = now + LEND_QUIET_USEC;
	/* Each demand prolongs what the driver tries. */
	if (state->emptying)
		return (struct lend_step){ LEND_WAIT, state->lent, LEND_SOON_USEC };
	past->asked = 0;

	if (target < state->lent) {
		if (last.asked && state->lent >= last.asked)
			return (struct lend_step){ LEND_STUCK, state->lent, LEND_LATER_USEC };
		/* Memory may become short meanwhile. */
		if (policy->mode == LEND_AUTO)
			target = state->lent - state->unit;
		return (struct lend_step){ LEND_LESS, target, LEND_SOON_USEC };
	}
	if (target > state->lent) {
		if (now < past->quiet)
			return (struct lend_step){ LEND_WAIT, state->lent, past->quiet - now };
		at_once = state->unit > at_once ? state->unit : whole_units(at_once, state);
		target = lower(target, state->lent + at_once);
		return (struct lend_step){ LEND_MORE, target, 0 };
	}
	if (state->by_itself || policy->mode == LEND_UNMANAGED || policy->mode == LEND_OFF)
		return (struct lend_step){ LEND_KEEP, target, LEND_NEVER };
	return (struct lend_step){ LEND_KEEP, target, LEND_REST_USEC };
}

bool lend_is_pressing(uint64_t bytes, uint64_t available, const char *pressure)
{
	static const char key[] = "some avg10=";
	const char *at = pressure ? strstr(pressure, key) : NULL;

	/* What is there has to find room elsewhere, and the system to have some left. */
	if (available < bytes + bytes / 4)
		return true;
	return at && strtod(at + strlen(key), NULL) > PRESSURE_MAX;
}
