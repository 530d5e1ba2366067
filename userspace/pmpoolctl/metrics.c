// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl metrics: the pool in figures, for monitoring.
 *
 * The text is OpenMetrics, and of its types only those that the older text format
 * of Prometheus has as well, since that is what node_exporter reads from files.
 * Points in time are given rather than ages, which would grow old in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "metrics.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl metrics\n"
	"Write figures about the pool and its extents as OpenMetrics text, for monitoring.\n"
	"\n"
	"  -h, --help  show this help\n";

/*
 * Writing.
 */

/* unit is NULL, or what name ends in. */
static void family(const char *name, const char *type, const char *unit, const char *about)
{
	printf("# TYPE pmpool_%s %s\n", name, type);
	if (unit)
		printf("# UNIT pmpool_%s %s\n", name, unit);
	printf("# HELP pmpool_%s %s\n", name, about);
}

static void gauge(const char *name, const char *unit, const char *about, uint64_t value)
{
	family(name, "gauge", unit, about);
	printf("pmpool_%s %" PRIu64 "\n", name, value);
}

static void print_label(const char *name, const char *value, const char *end)
{
	printf("%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			putchar('\\');
		putchar(*value);
	}
	printf("\"%s", end);
}

static void print_seconds(uint64_t nanoseconds)
{
	printf("%" PRIu64 ".%03" PRIu64 "\n", nanoseconds / 1000000000, nanoseconds / 1000000 % 1000);
}

/* A time that is not known has no sample. */
static void timestamp(const char *name, const char *about, uint64_t nanoseconds)
{
	if (!nanoseconds)
		return;
	family(name, "gauge", "seconds", about);
	printf("pmpool_%s ", name);
	print_seconds(nanoseconds);
}

static void print_pool_metrics(const struct pmpool_pool_info *info)
{
	static const enum pmpool_pool_state states[] = {
		PMPOOL_OK, PMPOOL_READ_ONLY, PMPOOL_DEGRADED,
	};
	char uuid[UUID_TEXT];
	size_t i;

	family("pool_info", "gauge", NULL, "What does not change; always 1.");
	printf("pmpool_pool_info{");
	print_label("uuid", format_uuid(uuid, pmpool_info_uuid(info)), ",");
	print_label("backing", pmpool_info_backing(info), ",");
	printf("format_version=\"%u\"} 1\n", pmpool_info_format_version(info));

	family("state", "gauge", NULL, "1 for the state that the pool is in.");
	for (i = 0; i < sizeof(states) / sizeof(*states); i++)
		printf("pmpool_state{state=\"%s\"} %d\n", pool_state_text(states[i]),
		       states[i] == pmpool_info_state(info));

	gauge("size_bytes", "bytes", "Size of the pool, with its metadata.", pmpool_info_size(info));
	gauge("metadata_size_bytes", "bytes", "What is not for extents.",
	      pmpool_info_metadata_size(info));
	gauge("block_size_bytes", "bytes", "What is allocated at once.",
	      pmpool_info_block_size(info));
	gauge("free_bytes", "bytes", "What is free altogether.", pmpool_info_free_size(info));
	gauge("lent_bytes", "bytes", "What of that is lent to the system.", pmpool_info_lent(info));
	gauge("emptying_bytes", "bytes", "What of that is being taken back.",
	      pmpool_info_emptying(info));
	gauge("kernel_bytes", "bytes", "What users inside the kernel have.", pmpool_info_held(info));
	gauge("largest_free_bytes", "bytes", "What is free in one run: the largest extent possible.",
	      pmpool_info_largest_free(info));
	gauge("extents", NULL, "Extents in the pool.", pmpool_info_extents(info));
	gauge("max_extents", NULL, "Extents that the pool can have.", pmpool_info_max_extents(info));

	family("attaches", "counter", NULL,
	       "Attaches of the pool since it was formatted: its generation.");
	printf("pmpool_attaches_total %" PRIu64 "\n", pmpool_info_generation(info));
	gauge("was_clean", NULL, "1 if the previous kernel left the pool in an orderly way.",
	      pmpool_info_was_clean(info));

	timestamp("formatted_timestamp_seconds", "When the pool was formatted.",
		  pmpool_info_format_time(info));
	timestamp("attached_timestamp_seconds", "When this kernel attached the pool.",
		  pmpool_info_attach_time(info));
	timestamp("handed_over_timestamp_seconds", "When the previous kernel let go of the pool.",
		  pmpool_info_handover_time(info));
}

static void print_extent_info(const struct pmpool_entry *entry)
{
	const uint8_t *tag = pmpool_entry_tag(entry);
	char text[PMPOOL_TAG_LEN + 1] = "";
	char owner[OWNER_TEXT];
	char uuid[UUID_TEXT];
	char mode[MODE_TEXT];

	if (tag_is_text(tag))
		memcpy(text, tag, PMPOOL_TAG_LEN);
	printf("pmpool_extent_info{");
	print_label("name", pmpool_entry_name(entry), ",");
	print_label("uuid", format_uuid(uuid, pmpool_entry_uuid(entry)), ",");
	print_label("owner", format_owner(owner, pmpool_entry_uid(entry), pmpool_entry_gid(entry)),
		    ",");
	print_label("mode", format_mode(mode, pmpool_entry_mode(entry)), ",");
	print_label("tag", text, "} 1\n");
}

enum extent_metric {
	EXTENT_INFO,
	EXTENT_SIZE,
	EXTENT_CLEAN,
	EXTENT_MAPPINGS,
	EXTENT_GENERATION,
	EXTENT_CREATED,
};

static void print_extent_sample(const char *name, enum extent_metric which,
				const struct metrics_extent *extent)
{
	const struct pmpool_entry *entry = extent->entry;
	uint64_t value = 0;

	switch (which) {
	case EXTENT_INFO:
		print_extent_info(entry);
		return;
	case EXTENT_SIZE:
		value = pmpool_entry_size(entry);
		break;
	case EXTENT_CLEAN:
		value = pmpool_entry_clean(entry);
		break;
	case EXTENT_MAPPINGS:
		if (extent->mappings < 0)
			return;
		value = (uint64_t)extent->mappings;
		break;
	case EXTENT_GENERATION:
		value = pmpool_entry_generation(entry);
		break;
	case EXTENT_CREATED:
		if (!pmpool_entry_create_time(entry))
			return;
		break;
	}

	printf("pmpool_%s{", name);
	print_label("name", pmpool_entry_name(entry), "} ");
	if (which == EXTENT_CREATED)
		print_seconds(pmpool_entry_create_time(entry));
	else
		printf("%" PRIu64 "\n", value);
}

/* All samples of a family stand together. */
static void print_extent_metrics(const struct metrics *metrics)
{
	static const struct {
		const char *name;
		const char *unit;
		const char *about;
	} families[] = {
		[EXTENT_INFO] = { "extent_info", NULL, "What an extent is; always 1." },
		[EXTENT_SIZE] = { "extent_size_bytes", "bytes", "Size of the extent." },
		[EXTENT_CLEAN] = {
			"extent_clean", NULL,
			"1 if it has no writable mapping, and had none when its last kernel ended, or was sealed since.",
		},
		[EXTENT_MAPPINGS] = { "extent_mappings", NULL, "Mappings of the extent." },
		[EXTENT_GENERATION] = {
			"extent_generation", NULL,
			"Generation of the pool in which the extent was created.",
		},
		[EXTENT_CREATED] = {
			"extent_created_timestamp_seconds", "seconds",
			"When the extent was created.",
		},
	};
	size_t i, j;

	for (i = 0; i < sizeof(families) / sizeof(*families); i++) {
		family(families[i].name, "gauge", families[i].unit, families[i].about);
		for (j = 0; j < metrics->n; j++)
			print_extent_sample(families[i].name, (enum extent_metric)i,
					    &metrics->extents[j]);
	}
}

void metrics_print(const struct metrics *metrics)
{
	print_pool_metrics(metrics->info);
	if (metrics->n)
		print_extent_metrics(metrics);
	gauge("daemon_up", NULL, "1 if pmpoold runs.", (uint64_t)metrics->daemon_up);
	if (metrics->kexec_safe >= 0) {
		gauge("kexec_safe", NULL, "1 if a kexec now would preserve the pool.",
		      (uint64_t)metrics->kexec_safe);
		gauge("problems", NULL, "Problems that pmpoolctl status tells.", metrics->problems);
	}
	printf("# EOF\n");
}

/*
 * Of the pool that there is.
 */

static int64_t read_mappings(const char *name)
{
	char path[128];
	uint64_t value;
	int got;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/pmpool/%s/mappings", name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	got = fscanf(f, "%" SCNu64, &value);
	fclose(f);
	return got == 1 ? (int64_t)value : -1;
}

static int read_extents(struct pmpool *pool, struct metrics *metrics)
{
	struct metrics_extent *more;
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	int ret;

	while (!(ret = pmpool_next(pool, &cursor, &entry))) {
		more = reallocarray(metrics->extents, metrics->n + 1, sizeof(*more));
		if (!more)
			abort();
		metrics->extents = more;
		more[metrics->n++] = (struct metrics_extent){
			entry, read_mappings(pmpool_entry_name(entry)),
		};
	}
	return ret == -ENOENT ? 0 : ret;
}

/* As verb_status() counts them. */
void metrics_daemon(struct metrics *metrics, const struct daemon_status *daemon, bool loaded)
{
	struct json_object *problems = json_object_new_array();

	metrics->daemon_up = daemon->running;
	metrics->kexec_safe = -1;
	if (daemon->running) {
		pool_problems(metrics->info, problems);
		metrics->kexec_safe = !kexec_problems(daemon, loaded, problems);
		other_problems(daemon, problems);
		attention_problems(daemon, problems);
		metrics->problems = json_object_array_length(problems);
	}
	json_object_put(problems);
}

static int show(struct pmpool *pool)
{
	struct pmpool_pool_info *info = NULL;
	struct daemon_status daemon;
	struct metrics metrics = { 0 };
	int status;
	size_t i;
	int ret;

	ret = pmpool_get_info(pool, &info);
	if (!ret)
		ret = read_extents(pool, &metrics);
	if (ret) {
		say("cannot describe the pool: %s", error_text(ret));
		status = error_status(ret);
	} else {
		metrics.info = info;
		daemon_read(&daemon);
		metrics_daemon(&metrics, &daemon, kexec_loaded());
		daemon_free(&daemon);
		metrics_print(&metrics);
		status = finish_output(CTL_OK);
	}

	for (i = 0; i < metrics.n; i++)
		pmpool_entry_free(metrics.extents[i].entry);
	free(metrics.extents);
	pmpool_info_free(info);
	return status;
}

int verb_metrics(int argc, char **argv)
{
	static const struct option options[] = { END_OPTIONS };
	static const struct command command = { "metrics", help, options, NULL, 0, 0 };
	struct given given = { 0 };
	struct pmpool *pool;
	int status;

	status = parse_options(&command, argc, argv, &given);
	if (status >= 0)
		return status;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	status = show(pool);
	pmpool_close(pool);
	return status;
}
