// SPDX-License-Identifier: GPL-2.0-only
/* Strings that own their memory. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strlist.h"

static void *checked(void *p)
{
	if (!p) {
		fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
		abort();
	}
	return p;
}

void *xalloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return checked(strndup(s, len));
}

static char *xvprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return checked(s);
}

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvprintf(fmt, ap);
	va_end(ap);
	return s;
}

static void append(struct strlist *list, char *s)
{
	list->v = checked(realloc(list->v, (list->n + 1) * sizeof(*list->v)));
	list->v[list->n++] = s;
}

void strlist_add(struct strlist *list, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(list, xvprintf(fmt, ap));
	va_end(ap);
}

void strlist_move(struct strlist *list, struct strlist *from)
{
	for (size_t i = 0; i < from->n; i++)
		append(list, from->v[i]);
	free(from->v);
	*from = (struct strlist){ 0 };
}

void strlist_copy(struct strlist *list, const struct strlist *from)
{
	for (size_t i = 0; i < from->n; i++)
		append(list, xstrdup(from->v[i]));
}

bool strlist_equal(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]))
			return false;
	}
	return true;
}

bool strlist_has(const struct strlist *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!strcmp(list->v[i], s))
			return true;
	}
	return false;
}

char *strlist_join(const struct strlist *list, const char *sep)
{
	size_t len = 1;
	char *s, *p;

	for (size_t i = 0; i < list->n; i++)
		len += strlen(list->v[i]) + strlen(sep);
	p = s = xalloc(len);
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			p = stpcpy(p, sep);
		p = stpcpy(p, list->v[i]);
	}
	return s;
}

void strlist_clear(struct strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct strlist){ 0 };
}
