/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of the pool is lent to the system. */
#ifndef PMPOOLD_LEND_H
#define PMPOOLD_LEND_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct lender;

/* config_path is where the policy stands. */
struct lender *lender_new(sd_event *event, const char *config_path);
void lender_free(struct lender *lender);

/*
 * Read the configuration. What lender_set() has set is forgotten, with changed
 * only if the configuration says something else than it did.
 */
void lender_configure(struct lender *lender, bool changed);
/* From the next look on, until that. NULL, or what is wrong with the text. */
const char *lender_set(struct lender *lender, const char *text);
/* "auto", "off", a number of bytes, or "unmanaged"; in new memory. */
char *lender_policy(const struct lender *lender);

/* Why nothing is lent although some should be, in new memory; or NULL. */
char *lender_nothing(const struct lender *lender);

/*
 * Something has changed: look at the pool, when nothing else is to be done, and lend
 * or take back, in steps, what the policy asks for.
 */
void lender_look(struct lender *lender);

#endif
