// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the command line of the next kernel
 *
 * A region that the memory map does not mention is ordinary RAM to the next
 * kernel, and its content is gone. With the reserved backing the command line
 * is what says so; a kernel with the cma backing hands a map on that does, but
 * one that knows nothing of pools still has to be told where it is. Therefore
 * the command line is read here exactly as the kernel reads it:
 * next_arg() in lib/cmdline.c for words and quotes, memparse() for numbers,
 * parse_memmap_one() in arch/x86/kernel/e820.c for memmap=, and everything
 * behind "--" belongs to init.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"

/* The kernel's decompressor remembers this many memmap= reservations. */
#define KASLR_MEMMAPS 4

/* One word: as it stands, and as the kernel understands it. */
struct arg {
	char *raw;
	char *param;
	char *value;		/* NULL: there is no "=" */
};

struct args {
	struct arg *v;
	size_t n;
	size_t kernel;		/* how many are for the kernel: "--" ends them */
};

static bool is_space(char c)
{
	/* isspace() of the kernel knows the no-break space as well. */
	return c == ' ' || (c >= '\t' && c <= '\r') || c == (char)0xa0;
}

static void args_clear(struct args *args)
{
	for (size_t i = 0; i < args->n; i++) {
		free(args->v[i].raw);
		free(args->v[i].param);
	}
	free(args->v);
	*args = (struct args){ 0 };
}

static void arg_parse(struct arg *arg, const char *start, size_t len)
{
	char *p, *equals;
	size_t plen;

	arg->raw = xstrndup(start, len);
	/* One allocation holds param and value. */
	p = xstrdup(arg->raw);
	arg->param = p;
	arg->value = NULL;
	plen = len;
	if (*p == '"') {
		memmove(p, p + 1, len);
		plen--;
		if (plen && p[plen - 1] == '"')
			p[--plen] = '\0';
	}
	equals = strchr(p, '=');
	if (!equals || equals == p)
		return;
	*equals = '\0';
	arg->value = equals + 1;
	if (*arg->value == '"') {
		size_t n;

		arg->value++;
		n = strlen(arg->value);
		if (n && arg->value[n - 1] == '"')
			arg->value[n - 1] = '\0';
	}
}

/* Returns -EINVAL when a quote is not closed: it would swallow what follows. */
static int args_parse(struct args *args, const char *s)
{
	bool quoted = false, ended = false;

	*args = (struct args){ 0 };
	for (;;) {
		const char *start;
		struct arg *v;

		while (is_space(*s))
			s++;
		if (!*s)
			break;
		for (start = s; *s && (quoted || !is_space(*s)); s++) {
			if (*s == '"')
				quoted = !quoted;
		}
		v = realloc(args->v, (args->n + 1) * sizeof(*v));
		if (!v)
			abort();
		args->v = v;
		arg_parse(&args->v[args->n++], start, (size_t)(s - start));
		if (!ended) {
			if (!strcmp(args->v[args->n - 1].raw, "--"))
				ended = true;
			else
				args->kernel++;
		}
	}
	if (quoted) {
		args_clear(args);
		return -EINVAL;
	}
	return 0;
}

/* Like parameq() of the kernel: "-" and "_" are the same in a parameter's name. */
static bool param_is(const struct arg *arg, const char *name)
{
	const char *p = arg->param;

	for (; *p && *name; p++, name++) {
		if ((*p == '-' ? '_' : *p) != *name)
			return false;
	}
	return !*p && !*name;
}

/* Like memparse() of the kernel; false when there is no number at all. */
static bool memparse(const char *s, const char **end, uint64_t *value)
{
	unsigned int shift = 0;
	char *e;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*value = strtoull(s, &e, 0);
	if (errno)
		return false;
	switch (*e) {
	case 'E': case 'e':
		shift += 10;
		__attribute__((fallthrough));
	case 'P': case 'p':
		shift += 10;
		__attribute__((fallthrough));
	case 'T': case 't':
		shift += 10;
		__attribute__((fallthrough));
	case 'G': case 'g':
		shift += 10;
		__attribute__((fallthrough));
	case 'M': case 'm':
		shift += 10;
		__attribute__((fallthrough));
	case 'K': case 'k':
		shift += 10;
		e++;
		break;
	}
	*end = e;
	if (shift && *value >> (64 - shift))
		return false;
	*value <<= shift;
	return true;
}

/* SIZE, then one of the characters of kinds, then START. */
static bool parse_range(const char *s, const char *kinds, char *kind, struct region *range,
			const char **end)
{
	if (!memparse(s, &s, &range->size) || !*s || !strchr(kinds, *s))
		return false;
	*kind = *s++;
	if (!memparse(s, &s, &range->base))
		return false;
	*end = s;
	return true;
}

static bool overlaps(const struct region *a, const struct region *b)
{
	return a->size && b->size &&
	       a->base <= b->base + (b->size - 1) && b->base <= a->base + (a->size - 1);
}

static bool covers(const struct region *outer, const struct region *inner)
{
	return overlaps(outer, inner) && outer->base <= inner->base &&
	       outer->base + (outer->size - 1) >= inner->base + (inner->size - 1);
}

static bool same(const struct region *a, const struct region *b)
{
	return a->base == b->base && a->size == b->size;
}

/* Written so that a person reads it easily, and memparse() gives the same. */
static char *range_string(const char *name, char kind, const struct region *region)
{
	static const char suffixes[] = "\0KMGT";
	uint64_t size = region->size;
	unsigned int i = 0;

	while (size && !(size & 1023) && i < 4) {
		size >>= 10;
		i++;
	}
	if (!i)
		return xprintf("%s=%" PRIu64 "%c0x%" PRIx64, name, size, kind, region->base);
	return xprintf("%s=%" PRIu64 "%c%c0x%" PRIx64, name, size, suffixes[i], kind,
		       region->base);
}

char *cmdline_memmap(const struct region *region)
{
	return range_string("memmap", '$', region);
}

char *cmdline_region(const struct region *region)
{
	return range_string("pmpool.region", '@', region);
}

char *cmdline_pool(const struct region *region)
{
	return range_string("pmpool", '@', region);
}

/* Whether a memmap= word is nothing but a reservation: of which range? */
static bool is_reservation(const struct arg *arg, struct region *range)
{
	const char *end;
	char kind;

	return arg->value && param_is(arg, "memmap") &&
	       parse_range(arg->value, "$", &kind, range, &end) && !*end;
}

/* Whether it is the parameter called name, with the range of a pool. */
static bool is_place(const struct arg *arg, const char *name, struct region *range)
{
	const char *end;
	char kind;

	return arg->value && param_is(arg, name) &&
	       parse_range(arg->value, "@", &kind, range, &end) && !*end;
}

static bool is_region(const struct arg *arg, struct region *range)
{
	return is_place(arg, "pmpool.region", range);
}

static bool is_pool(const struct arg *arg, struct region *range)
{
	return is_place(arg, "pmpool", range);
}

/* pmpool=SIZE: the kernel chooses where. */
static bool is_pool_anywhere(const struct arg *arg, uint64_t *size)
{
	const char *end;

	return arg->value && param_is(arg, "pmpool") && memparse(arg->value, &end, size) && !*end;
}

/* What the boot loader or an earlier kexec put there for that one boot only. */
static bool is_transient(const struct arg *arg)
{
	return param_is(arg, "BOOT_IMAGE") || param_is(arg, "initrd") ||
	       param_is(arg, "elfcorehdr") || param_is(arg, "kexec_jump_back_entry");
}

static bool has_raw(const struct strlist *list, const char *raw)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!strcmp(list->v[i], raw))
			return true;
	}
	return false;
}

/*
 * Whether a pmpool= word stays; else it may have to be said. A kernel that does
 * not know it would give it to init.
 */
static bool keep_pool(const struct arg *arg, const struct region *region, bool known, bool have,
		      struct strlist *notes)
{
	struct region range;
	uint64_t size;

	if (is_pool(arg, &range) && same(&range, region))
		return known && !have;
	if (is_pool_anywhere(arg, &size) && size == region->size)
		return false;
	strlist_add(notes, "%s is not where the pool is: %s", arg->raw,
		    known ? "replaced" : "left out");
	return false;
}

char *cmdline_compose(const char *current, const char *append, const struct region *region,
		      unsigned int how, struct strlist *notes, struct strlist *problems)
{
	bool have_memmap = false, have_region = false, have_pool = false;
	struct args args = { 0 }, extra = { 0 };
	struct strlist out = { 0 };
	struct region range;
	char *s, *line = NULL;

	if (args_parse(&args, current)) {
		strlist_add(problems,
			    "the running kernel's command line has a quote that is not closed: give a whole one with CommandLine=");
		return NULL;
	}
	if (append && args_parse(&extra, append)) {
		strlist_add(problems, "Append=%s has a quote that is not closed", append);
		goto out;
	}
	if (extra.kernel != extra.n) {
		strlist_add(problems,
			    "Append=%s has a \"--\": arguments for init can only be given with CommandLine=",
			    append);
		goto out;
	}

	for (size_t i = 0; i < args.kernel; i++) {
		const struct arg *arg = &args.v[i];

		if (is_transient(arg))
			continue;
		if (is_reservation(arg, &range) && overlaps(&range, region)) {
			if (same(&range, region)) {
				if (have_memmap)
					continue;
				have_memmap = true;
			} else if (!covers(&range, region)) {
				strlist_add(notes,
					    "%s does not cover the pool (%#" PRIx64 " bytes at %#" PRIx64 "): it is kept, and the right one added",
					    arg->raw, region->size, region->base);
			}
		}
		if (param_is(arg, "pmpool.region")) {
			if (!is_region(arg, &range) || !same(&range, region)) {
				strlist_add(notes, "%s is not where the pool is: replaced", arg->raw);
				continue;
			}
			if (have_region)
				continue;
			have_region = true;
		}
		if (param_is(arg, "pmpool")) {
			if (!keep_pool(arg, region, how & CMDLINE_TO_CMA, have_pool, notes))
				continue;
			have_pool = true;
		}
		strlist_add(&out, "%s", arg->raw);
	}
	if (!have_memmap) {
		s = cmdline_memmap(region);
		strlist_add(&out, "%s", s);
		free(s);
	}
	if (!have_region) {
		s = cmdline_region(region);
		strlist_add(&out, "%s", s);
		free(s);
	}
	if ((how & CMDLINE_TO_CMA) && !have_pool) {
		s = cmdline_pool(region);
		strlist_add(&out, "%s", s);
		free(s);
	}
	/*
	 * The running kernel may have been started with the same addition: it
	 * must not grow with every kexec.
	 */
	for (size_t i = 0; i < extra.n; i++) {
		if (!has_raw(&out, extra.v[i].raw))
			strlist_add(&out, "%s", extra.v[i].raw);
	}
	for (size_t i = args.kernel; i < args.n; i++)
		strlist_add(&out, "%s", args.v[i].raw);
	line = strlist_join(&out, " ");
	strlist_clear(&out);
out:
	args_clear(&args);
	args_clear(&extra);
	return line;
}

/* What the memmap= arguments of a command line do to a region. */
struct memmaps {
	unsigned int avoided;	/* entries that KASLR must remember */
	bool misused;		/* one makes the region something else */
	bool forgotten;		/* one forgets what the map says */
	char *by;		/* the argument that reserves the region */
};

static const char *kind_means(char kind)
{
	switch (kind) {
	case '@': return "ordinary RAM";
	case '#': return "ACPI data";
	case '!': return "a persistent memory device";
	default: return "of another type";
	}
}

static void check_memmap(const struct arg *arg, const struct region *region,
			 struct memmaps *memmaps, struct strlist *problems)
{
	char *list, *save = NULL;

	if (!arg->value)
		return;
	list = xstrdup(arg->value);
	for (char *s = strtok_r(list, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		struct region range;
		const char *end;
		char kind;

		if (!strncmp(s, "exactmap", 8)) {
			/* Forgets the map so far, reservations included. */
			free(memmaps->by);
			memmaps->by = NULL;
			memmaps->forgotten = true;
			continue;
		}
		if (!parse_range(s, "$@#!%", &kind, &range, &end))
			continue;	/* a limit: it only takes RAM away */
		if (range.base)
			memmaps->avoided++;
		if (!overlaps(&range, region))
			continue;
		if (kind != '$') {
			strlist_add(problems, "memmap=%s makes the pool's memory %s: remove it",
				    s, kind_means(kind));
			memmaps->misused = true;
		} else if (!*end && covers(&range, region)) {
			free(memmaps->by);
			memmaps->by = xprintf("memmap=%s", s);
		}
	}
	free(list);
}

/* Whether a comma-separated list of module names has pmpool. */
static bool lists_pmpool(const char *list)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (len == 6 && !strncmp(list, "pmpool", 6))
			return true;
	}
	return false;
}

/* What pmpool= does, for a kernel that knows it. */
struct pools {
	const struct arg *arg;	/* NULL: there is none */
	const struct arg *other;	/* that says something else: neither is believed */
	bool right;		/* it is where the pool is */
	bool misused;		/* that kernel may give the pool's memory away */
};

/* As the kernel reads it: 0 for what is not given, or can not be read. */
static struct region pool_value(const struct arg *arg)
{
	struct region range;
	uint64_t size;

	if (is_pool(arg, &range))
		return range;
	if (is_pool_anywhere(arg, &size))
		return (struct region){ .size = size };
	return (struct region){ 0 };
}

static void add_pool(struct pools *pools, const struct arg *arg)
{
	struct region before, now = pool_value(arg);

	if (!pools->arg) {
		pools->arg = arg;
		return;
	}
	before = pool_value(pools->arg);
	if (!same(&before, &now))
		pools->other = arg;
}

static void check_pool(struct pools *pools, const struct region *region, unsigned int how,
		       struct strlist *problems)
{
	struct region range;
	char *want;

	if (!pools->arg)
		return;
	want = cmdline_pool(region);
	range = pool_value(pools->arg);
	if (pools->other) {
		strlist_add(problems, "%s and %s contradict each other, and that kernel takes neither: make it %s",
			    pools->arg->raw, pools->other->raw, want);
	} else if (same(&range, region) ||
		   /* What the running kernel hands on says where. */
		   ((how & CMDLINE_FROM_CMA) && !range.base && range.size == region->size)) {
		pools->right = true;
	} else {
		/* What is handed on counts more; and a place of its own is in free memory. */
		pools->misused = !(how & CMDLINE_FROM_CMA) && range.base && overlaps(&range, region);
		strlist_add(problems, "%s is not where the pool is: make it %s", pools->arg->raw,
			    want);
	}
	free(want);
}

static void check_reserved(struct cmdline_means *means, const struct memmaps *memmaps,
			   const struct pools *pools, const struct region *region,
			   unsigned int how, struct strlist *notes, struct strlist *problems)
{
	char *want;

	means->reserved = true;
	if (memmaps->by) {
		strlist_add(notes, "%s reserves the pool", memmaps->by);
	} else if (memmaps->forgotten) {
		want = cmdline_memmap(region);
		strlist_add(problems,
			    "memmap=exactmap forgets the map, and nothing behind it reserves the pool: it lacks the reservation of the pool: add %s",
			    want);
		free(want);
		means->reserved = false;
	} else if (how & CMDLINE_FROM_CMA) {
		want = cmdline_memmap(region);
		strlist_add(notes,
			    "it has no %s, and needs none: the running kernel hands on a map that reserves the pool",
			    want);
		free(want);
	} else if (pools->right) {
		strlist_add(notes, "%s reserves the pool", pools->arg->raw);
	} else {
		want = how & CMDLINE_TO_CMA ? cmdline_pool(region) : cmdline_memmap(region);
		strlist_add(problems, "it lacks the reservation of the pool: add %s", want);
		free(want);
		means->reserved = false;
	}
	if (pools->right && memmaps->by)
		strlist_add(notes, "%s lets that kernel use what is free of it", pools->arg->raw);
	if ((how & CMDLINE_TO_CMA) && !(how & CMDLINE_FROM_CMA) && !pools->arg && memmaps->by) {
		want = cmdline_pool(region);
		strlist_add(notes, "without %s that kernel does not use what is free of it", want);
		free(want);
	}
	if (memmaps->misused || pools->misused)
		means->reserved = false;
}

static void check_found(struct cmdline_means *means, const struct arg *last,
			const struct pools *pools, const struct region *region, unsigned int how,
			struct strlist *notes, struct strlist *problems)
{
	struct region range;
	char *want;

	if ((how & CMDLINE_TO_CMA) && pools->arg && !pools->right)
		means->found = false;
	if (last && is_region(last, &range) && same(&range, region))
		return;
	want = cmdline_region(region);
	if (last) {
		strlist_add(problems, "%s is not where the pool is: make it %s", last->raw, want);
		means->found = false;
	} else if (!(how & CMDLINE_TO_CMA) || (!pools->right && !(how & CMDLINE_FROM_CMA))) {
		strlist_add(problems, "it does not say where the pool is: add %s", want);
		means->found = false;
	} else {
		strlist_add(notes, "it has no %s, and needs none: that kernel %s", want,
			    pools->right ? "has pmpool=" : "is handed the place by the running one");
	}
	free(want);
}

struct cmdline_means cmdline_check(const char *cmdline, const struct region *region,
				   unsigned int how, uint32_t max, struct strlist *notes,
				   struct strlist *problems)
{
	struct cmdline_means means = { .reserved = how & CMDLINE_FROM_CMA };
	struct memmaps memmaps = { 0 };
	struct pools pools = { 0 };
	const struct arg *last = NULL;
	size_t len = strlen(cmdline);
	struct args args;

	/* Beyond this the kernel forgets the rest, and the reservation may be there. */
	if (!max || max > CMDLINE_MAX - 1)
		max = CMDLINE_MAX - 1;
	if (len > max)
		strlist_add(problems, "it has %zu characters, and that kernel takes %u: shorten it",
			    len, max);
	if (args_parse(&args, cmdline)) {
		strlist_add(problems, "it has a quote that is not closed");
		return means;
	}
	means.found = true;
	for (size_t i = 0; i < args.kernel; i++) {
		const struct arg *arg = &args.v[i];

		if (param_is(arg, "memmap"))
			check_memmap(arg, region, &memmaps, problems);
		else if (param_is(arg, "pmpool.region"))
			last = arg;
		else if (param_is(arg, "pmpool") && (how & CMDLINE_TO_CMA))
			add_pool(&pools, arg);
		else if ((param_is(arg, "module_blacklist") ||
			  param_is(arg, "modprobe.blacklist")) &&
			 arg->value && lists_pmpool(arg->value)) {
			strlist_add(problems, "%s keeps the driver from being loaded: remove it",
				    arg->raw);
			means.found = false;
		}
	}
	check_pool(&pools, region, how, problems);
	check_reserved(&means, &memmaps, &pools, region, how, notes, problems);
	check_found(&means, last, &pools, region, how, notes, problems);
	if (memmaps.avoided > KASLR_MEMMAPS)
		strlist_add(notes,
			    "it has %u memmap= entries: more than %d turn the randomisation of the kernel's address off",
			    memmaps.avoided, KASLR_MEMMAPS);
	/* Of one that is too long nobody knows which part the kernel reads. */
	if (len > max && !(how & CMDLINE_FROM_CMA))
		means.reserved = false;
	free(memmaps.by);
	args_clear(&args);
	return means;
}

char *cmdline_without(const char *cmdline, struct region *region)
{
	struct strlist out = { 0 };
	struct region range;
	struct args args;
	char *line;

	*region = (struct region){ 0 };
	if (args_parse(&args, cmdline))
		return NULL;
	/* The last one counts, and where a kernel with the backing "cma" is told one thing is enough. */
	for (size_t i = 0; i < args.kernel; i++) {
		if (is_pool(&args.v[i], &range))
			*region = range;
	}
	for (size_t i = 0; i < args.kernel; i++) {
		if (is_region(&args.v[i], &range))
			*region = range;
	}
	for (size_t i = 0; i < args.n; i++) {
		const struct arg *arg = &args.v[i];

		if (i < args.kernel &&
		    (is_transient(arg) || param_is(arg, "pmpool.region") ||
		     param_is(arg, "pmpool") ||
		     (is_reservation(arg, &range) && same(&range, region))))
			continue;
		strlist_add(&out, "%s", arg->raw);
	}
	line = strlist_join(&out, " ");
	strlist_clear(&out);
	args_clear(&args);
	return line;
}
