/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of the pool to lend to the system, as somebody wants it. */
#ifndef PMPOOLD_POLICY_H
#define PMPOOLD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum lend_mode {
	LEND_UNMANAGED,		/* nobody asked: what is lent stays lent */
	LEND_OFF,
	LEND_AUTO,		/* all but a headroom */
	LEND_SIZE,
};

struct lend_policy {
	enum lend_mode mode;
	uint64_t size;			/* LEND_SIZE: so much */
	unsigned int percent;		/* LEND_AUTO: so much of what is free stays that; or 0, */
	uint64_t headroom;		/* so many bytes */
};

/* What there is to lend, in bytes. */
struct lend_state {
	uint64_t free;			/* what is lent included */
	uint64_t lent;
	uint64_t lendable;
	uint64_t unit;
	bool by_itself;			/* the kernel uses what is free, without being lent it */
};

#define LEND_PERCENT 10

/* "auto", "off" or a size. Returns NULL, or what is wrong with the text. */
const char *lend_parse(const char *text, struct lend_policy *policy);
/* A size, or a number of percent: "10%". The same. */
const char *lend_parse_headroom(const char *text, struct lend_policy *policy);

/*
 * What a configuration makes of the policy that is in force: NULL is what it does
 * not say. When it was not all understood, that may have been said there: then
 * what is in force stays. Both texts have been parsed before.
 */
void lend_configure(struct lend_policy *policy, const char *lend, const char *headroom,
		    bool understood);

/* Why nothing of that pool is lent for that policy; NULL: it is, or none is wanted. */
const char *lend_needless(const struct lend_policy *policy, const struct lend_state *state);

/* How much should be lent, in whole units. */
uint64_t lend_target(const struct lend_policy *policy, const struct lend_state *state);

/*
 * Whether the system is too short of memory for that much to be taken back, only
 * that more is free: with so much available, and /proc/pressure/memory, or NULL.
 */
bool lend_is_pressing(uint64_t bytes, uint64_t available, const char *pressure);

#endif
