/* SPDX-License-Identifier: GPL-2.0-only */
/* A growing list of strings: reasons, differences, notes. */
#ifndef PMPOOLD_STRLIST_H
#define PMPOOLD_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

struct strlist {
	char **v;
	size_t n;
};

/* Memory that this daemon needs is small: running out of it ends the daemon. */
void *xalloc(size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void strlist_add(struct strlist *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Everything of from is moved to the end of list. */
void strlist_move(struct strlist *list, struct strlist *from);
/* Everything of from is added to list. */
void strlist_copy(struct strlist *list, const struct strlist *from);
bool strlist_equal(const struct strlist *a, const struct strlist *b);
bool strlist_has(const struct strlist *list, const char *s);
/* All of it in one string, with sep in between. */
char *strlist_join(const struct strlist *list, const char *sep);
void strlist_clear(struct strlist *list);

#endif
