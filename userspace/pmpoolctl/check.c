// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl check: what is wrong with a pool's metadata, and mending it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "mend.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl check [OPTION...] [FILE]\n"
	"Check the metadata of the pool, or of the image of a pool's region in FILE.\n"
	"\n"
	"  -r, --repair         mend what can be mended\n"
	"  -n, --dry-run        show what --repair would do\n"
	"  -c, --catalog=PATH   use this catalog of pmpoold's, and no other\n"
	"  -g, --give-up=WHICH  free a damaged slot, given by the name of its extent or\n"
	"                       its number, or in an image kernel:NUMBER, a record of\n"
	"                       users inside the kernel; can be repeated\n"
	"  -j, --json           for programs\n"
	"  -h, --help           show this help\n"
	"\n"
	"--catalog and --give-up need --repair or --dry-run.\n"
	"The exit status is 0 when nothing is wrong any more, 1 when something is.\n";

struct request {
	const char *file;
	const char *catalog;
	char **give_up;
	size_t n;
	bool repair;
	bool dry_run;
	struct given given;
};

/*
 * A pool in use changes while it is read, a part at a time. What is wrong in two
 * readings that are the same is wrong.
 */
#define READINGS 10

static int examine_source(struct source *source, struct pmpool_format *fmt,
			  struct findings *found, bool *blind)
{
	void *before;
	int i, ret;
	bool same;

	for (i = 0; ; i++) {
		*fmt = source_format(source);
		ret = examine(fmt, found, blind);
		if (!source->pool || (!ret && !found->faults) || i == READINGS)
			return ret;

		before = source->copy;
		source->copy = NULL;
		if (source_read(source)) {
			/* Said already; what was read first must do. */
			source->copy = before;
			return ret;
		}
		same = !memcmp(before, source->copy, fmt->bitmap_offset);
		free(before);
		if (same) {
			fmt->mem = source->copy;
			return ret;
		}
		findings_free(found);
	}
}

/*
 * Output.
 */

static struct json_object *number(int slot)
{
	return slot < 0 ? NULL : json_object_new_int(slot);
}

static struct json_object *text(const char *s)
{
	return s && *s ? json_object_new_string(s) : NULL;
}

static struct json_object *finding_json(const struct finding *f)
{
	struct json_object *to = json_object_new_object();

	json_object_object_add(to, "kind", json_object_new_string(f->kind));
	json_object_object_add(to, "name", text(f->name));
	json_object_object_add(to, "slot", number(f->slot));
	json_object_object_add(to, "other_slot", number(f->other));
	json_object_object_add(to, "offset", json_object_new_uint64(f->offset));
	json_object_object_add(to, "text", json_object_new_string(f->text));
	return to;
}

static struct json_object *findings_json(const struct findings *found, bool notes)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < found->n; i++)
		if (found->v[i].note == notes)
			json_object_array_add(array, finding_json(&found->v[i]));
	return array;
}

static struct json_object *steps_json(const struct plan *plan, bool done)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < plan->n; i++) {
		const struct step *step = &plan->v[i];
		struct json_object *to = json_object_new_object();

		json_object_object_add(to, "name", text(step->name));
		json_object_object_add(to, "slot", number(step->slot));
		json_object_object_add(to, "text", json_object_new_string(step->text));
		json_object_object_add(to, "done", json_object_new_boolean(done && !step->error));
		json_object_object_add(to, "error", text(step->error));
		json_object_array_add(array, to);
	}
	return array;
}

static struct json_object *left_json(const struct findings *left, const struct plan *plan)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < left->n; i++) {
		struct json_object *to;

		if (left->v[i].note)
			continue;
		to = finding_json(&left->v[i]);
		json_object_object_add(to, "why", text(plan_why(plan, &left->v[i])));
		json_object_array_add(array, to);
	}
	return array;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_findings(const struct findings *found)
{
	size_t i;

	for (i = 0; i < found->n; i++)
		printf("%s: %s\n", found->v[i].note ? "note" : "fault", found->v[i].text);
}

static void print_summary(const char *path, const struct findings *found)
{
	printf("%s: %u extent%s, %u limit%s: ", path, found->extents, plural(found->extents),
	       found->limits, plural(found->limits));
	if (found->faults)
		printf("%zu fault%s\n", found->faults, plural(found->faults));
	else
		printf("nothing is wrong\n");
}

static void print_steps(const struct plan *plan, bool dry_run)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		const struct step *step = &plan->v[i];

		if (step->error)
			printf("not repaired: %s: %s\n", step->text, step->error);
		else
			printf("%s: %s\n", dry_run ? "would repair" : "repaired", step->text);
	}
}

static void print_left(const struct findings *left, const struct plan *plan)
{
	const char *why;
	size_t i;

	for (i = 0; i < left->n; i++) {
		if (left->v[i].note)
			continue;
		why = plan_why(plan, &left->v[i]);
		if (why && left->v[i].subject[0])
			printf("left: %s: %s\n", left->v[i].subject, why);
		else
			printf("left: %s%s%s\n", left->v[i].text, why ? ": " : "", why ? why : "");
	}
}

/*
 * Work.
 */

/* What is wrong, and nothing else. */
static int report(const struct source *source, const struct findings *found, bool json)
{
	int status = found->faults ? CTL_FAILED : CTL_OK;
	struct json_object *to;
	int printed;

	if (!json) {
		print_findings(found);
		print_summary(source->path, found);
		if (found->faults)
			printf("'pmpoolctl check --dry-run' shows what can be mended\n");
		return finish_output(status);
	}

	to = json_object_new_object();
	json_object_object_add(to, "pool", json_object_new_string(source->path));
	json_object_object_add(to, "extents", json_object_new_int64(found->extents));
	json_object_object_add(to, "limits", json_object_new_int64(found->limits));
	json_object_object_add(to, "faults", findings_json(found, false));
	json_object_object_add(to, "notes", findings_json(found, true));
	printed = print_json(to);
	return printed ? printed : status;
}

static int report_repair(const struct source *source, const struct findings *found,
			 const struct plan *plan, const struct findings *left, size_t failed,
			 const struct request *request)
{
	int status = failed || (request->dry_run ? found->faults : left->faults) ?
		     CTL_FAILED : CTL_OK;
	struct json_object *to;
	int printed;

	if (!request->given.json) {
		print_findings(found);
		print_steps(plan, request->dry_run);
		print_left(left, plan);
		print_summary(source->path, found);
		if (found->faults)
			printf("%s: %zu fault%s %s\n", source->path, left->faults,
			       plural(left->faults),
			       request->dry_run ? "would be left; nothing was changed" : "left");
		return finish_output(status);
	}

	to = json_object_new_object();
	json_object_object_add(to, "pool", json_object_new_string(source->path));
	json_object_object_add(to, "extents", json_object_new_int64(found->extents));
	json_object_object_add(to, "limits", json_object_new_int64(found->limits));
	json_object_object_add(to, "faults", findings_json(found, false));
	json_object_object_add(to, "notes", findings_json(found, true));
	json_object_object_add(to, "dry_run", json_object_new_boolean(request->dry_run));
	json_object_object_add(to, "repairs", steps_json(plan, !request->dry_run));
	json_object_object_add(to, "left", left_json(left, plan));
	printed = print_json(to);
	return printed ? printed : status;
}

static int repair(struct source *source, struct pmpool_format *fmt, const struct findings *found,
		  const struct request *request)
{
	struct findings left = { 0 };
	struct opinions opinions;
	struct plan *plan;
	size_t failed = 0;
	bool blind;
	int status;

	status = opinions_load(request->catalog, fmt, &opinions);
	if (status)
		return status;
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		abort();

	/* On the snapshot: it will be what the pool becomes. */
	status = plan_make(fmt, &opinions, request->give_up, request->n, source->pool, plan);
	if (status)
		goto free_plan;

	if (!request->dry_run) {
		failed = plan_run(plan, source);
		status = source_read(source);
		if (status)
			goto free_plan;
		*fmt = source_format(source);
	}
	examine(fmt, &left, &blind);
	status = report_repair(source, found, plan, &left, failed, request);
	findings_free(&left);

free_plan:
	plan_free(plan);
	free(plan);
	opinions_free(&opinions);
	return status;
}

static int check(const struct request *request)
{
	struct pmpool_format fmt;
	struct findings found;
	struct source source;
	int status;
	bool blind;
	int ret;

	status = source_open(request->file, request->repair && !request->dry_run, &source);
	if (status)
		return status;

	ret = examine_source(&source, &fmt, &found, &blind);
	if (ret) {
		say("%s holds no pool", source.path);
		status = CTL_NO_POOL;
	} else if (request->repair) {
		status = repair(&source, &fmt, &found, request);
	} else {
		status = report(&source, &found, request->given.json);
	}
	findings_free(&found);
	source_close(&source);
	return status;
}

/* Fill in request. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "repair", no_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "catalog", required_argument, NULL, 'c' },
		{ "give-up", required_argument, NULL, 'g' },
		OPTION_JSON, END_OPTIONS
	};
	static const struct command command = { "check", help, options, "one file", 0, 1 };
	int c;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		switch (c) {
		case 'r':
			request->repair = true;
			break;
		case 'n':
			request->repair = true;
			request->dry_run = true;
			break;
		case 'c':
			request->catalog = optarg;
			break;
		case 'g':
			request->give_up[request->n++] = optarg;
			break;
		}
	}
	if (request->given.status >= 0)
		return request->given.status;
	if (!request->repair && (request->n || request->catalog)) {
		say("%s needs --repair or --dry-run", request->n ? "--give-up" : "--catalog");
		return say_usage("check");
	}
	request->file = argv[optind];
	return -1;
}

int verb_check(int argc, char **argv)
{
	struct request request = { 0 };
	int status;

	/* No more can be given than there are arguments. */
	request.give_up = calloc((size_t)argc + 1, sizeof(*request.give_up));
	if (!request.give_up) {
		say("out of memory");
		return CTL_FAILED;
	}
	status = parse(argc, argv, &request);
	if (status < 0)
		status = check(&request);
	free(request.give_up);
	return status;
}
