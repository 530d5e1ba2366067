// SPDX-License-Identifier: GPL-2.0-only
/* How much of the pool to lend to the system, as somebody wants it. */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "policy.h"

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

const char *lend_needless(const struct lend_policy *policy, const struct lend_state *state)
{
	if (!state->by_itself)
		return NULL;
	switch (policy->mode) {
	case LEND_AUTO:
		return "Lend=auto is not needed: the kernel uses what is free of the pool by itself";
	case LEND_SIZE:
		return "Lend= is not needed: the kernel uses all that is free of the pool by itself";
	default:
		return NULL;
	}
}

uint64_t lend_target(const struct lend_policy *policy, const struct lend_state *state)
{
	uint64_t headroom, most = state->lendable;

	if (state->by_itself)
		return state->lent;
	switch (policy->mode) {
	case LEND_UNMANAGED:
		return state->lent;
	case LEND_OFF:
		return 0;
	case LEND_SIZE:
		if (policy->size < most)
			most = policy->size;
		break;
	case LEND_AUTO:
		headroom = policy->headroom;
		if (policy->percent)
			headroom = state->free / 100 * policy->percent;
		if (policy->percent && headroom < state->unit)
			headroom = state->unit;
		if (headroom >= state->free)
			return 0;
		if (state->free - headroom < most)
			most = state->free - headroom;
	}
	return most - most % state->unit;
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
