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
	uint64_t largest;		/* of that, what is in one piece */
	uint64_t lent;			/* what is being taken back included */
	uint64_t emptying;		/* that */
	uint64_t lendable;		/* in one piece with what is lent */
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

/*
 * Why nothing of that pool is lent by that policy, or will be soon, in new memory;
 * NULL: some will be, or none is wanted.
 */
char *lend_nothing(const struct lend_policy *policy, const struct lend_state *state);

/* How much should be lent, in whole units. */
uint64_t lend_target(const struct lend_policy *policy, const struct lend_state *state);

/* The pool is looked at again soon when it is becoming what it should be, */
#define LEND_SOON_USEC	(150 * 1000ULL)
/* now and then when it is that, for not all that changes is told, */
#define LEND_REST_USEC	(5 * 1000000ULL)
/* later when something is in the way, */
#define LEND_LATER_USEC	(30 * 1000000ULL)
/* and only when something has changed. */
#define LEND_NEVER	UINT64_MAX
/* How long nothing is lent after somebody has needed some, or there is more of it. */
#define LEND_QUIET_USEC	(10 * 1000000ULL)
/* At most so much is lent at once, but a unit. */
#define LEND_AT_ONCE	(1ULL << 30)

/* What was seen at the last look, and what came of it. Zero: there was none. */
struct lend_past {
	bool seen;
	uint64_t target;
	uint64_t lent;
	uint64_t quiet;			/* until then */
	uint64_t asked;			/* so much was lent when some was demanded back; or 0 */
};

enum lend_action {
	LEND_WAIT,
	LEND_KEEP,			/* it is as it should be */
	LEND_MORE,
	LEND_LESS,
	LEND_STUCK,			/* the system could not give back what was demanded */
};

struct lend_step {
	enum lend_action action;
	uint64_t size;			/* to be lent after it */
	uint64_t look;			/* again so many microseconds later */
};

/* What to do next. now is any clock's time that does not go back. */
struct lend_step lend_next(const struct lend_policy *policy, const struct lend_state *state,
			   struct lend_past *past, uint64_t now);

/*
 * Whether the system is too short of memory for that much to be taken back, only
 * that more is free: with so much available, and /proc/pressure/memory, or NULL.
 */
bool lend_is_pressing(uint64_t bytes, uint64_t available, const char *pressure);

#endif
