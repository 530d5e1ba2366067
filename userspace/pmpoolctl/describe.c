// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools and extents, for people and as JSON.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "archive.h"
#include "ctl.h"
#include "options.h"

const char *format_uuid(char to[UUID_TEXT], const uint8_t uuid[16])
{
	char *p = to;
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
	return to;
}

const char *format_time(char to[TIME_TEXT], uint64_t nanoseconds)
{
	time_t seconds = (time_t)(nanoseconds / 1000000000);
	struct tm tm;

	if (nanoseconds == 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(to, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(to, "-");
	return to;
}

const char *format_owner(char to[OWNER_TEXT], uid_t uid, gid_t gid)
{
	const struct passwd *user = getpwuid(uid);
	const struct group *group = getgrgid(gid);
	char number[2][16];

	snprintf(number[0], sizeof(number[0]), "%u", uid);
	snprintf(number[1], sizeof(number[1]), "%u", gid);
	snprintf(to, OWNER_TEXT, "%.32s:%.32s", user ? user->pw_name : number[0],
		 group ? group->gr_name : number[1]);
	return to;
}

const char *format_mode(char to[MODE_TEXT], mode_t mode)
{
	snprintf(to, MODE_TEXT, "%04o", (unsigned int)mode);
	return to;
}

const char *entry_state_text(const struct pmpool_entry *entry)
{
	if (pmpool_entry_mapped(entry))
		return pmpool_entry_clean(entry) ? "clean,mapped" : "dirty,mapped";
	return pmpool_entry_clean(entry) ? "clean" : "dirty";
}

bool tag_is_text(const uint8_t tag[PMPOOL_TAG_LEN])
{
	size_t i = 0;

	while (i < PMPOOL_TAG_LEN && tag[i] >= 0x20 && tag[i] < 0x7f)
		i++;
	while (i < PMPOOL_TAG_LEN && tag[i] == 0)
		i++;
	return i == PMPOOL_TAG_LEN;
}

static void format_hex(char to[2 * PMPOOL_TAG_LEN + 1], const uint8_t tag[PMPOOL_TAG_LEN])
{
	int i;

	for (i = 0; i < PMPOOL_TAG_LEN; i++)
		sprintf(to + 2 * i, "%02x", tag[i]);
}

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	add(to, key, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *key, uint64_t number)
{
	add(to, key, json_object_new_uint64(number));
}

static void add_bool(struct json_object *to, const char *key, bool value)
{
	add(to, key, json_object_new_boolean(value));
}

/* null when it is not known */
static void add_time(struct json_object *to, const char *key, uint64_t nanoseconds)
{
	char text[TIME_TEXT];

	add(to, key, nanoseconds ? json_object_new_string(format_time(text, nanoseconds)) : NULL);
}

struct json_object *pool_to_json(const struct pmpool_pool_info *info)
{
	struct json_object *to = json_object_new_object();
	char uuid[UUID_TEXT];

	add_text(to, "uuid", format_uuid(uuid, pmpool_info_uuid(info)));
	add_text(to, "state", pool_state_text(pmpool_info_state(info)));
	add_number(to, "generation", pmpool_info_generation(info));
	add_bool(to, "was_clean", pmpool_info_was_clean(info));
	add_text(to, "backing", pmpool_info_backing(info));
	add(to, "base",
	    pmpool_info_base(info) ? json_object_new_uint64(pmpool_info_base(info)) : NULL);
	add_number(to, "size", pmpool_info_size(info));
	add_number(to, "metadata_size", pmpool_info_metadata_size(info));
	add_number(to, "block_size", pmpool_info_block_size(info));
	add_number(to, "free", pmpool_info_free_size(info));
	add_number(to, "largest_free", pmpool_info_largest_free(info));
	add_number(to, "lent", pmpool_info_lent(info));
	add_number(to, "kernel", pmpool_info_held(info));
	add_number(to, "extents", pmpool_info_extents(info));
	add_number(to, "max_extents", pmpool_info_max_extents(info));
	add_number(to, "format_version", pmpool_info_format_version(info));
	add_time(to, "formatted", pmpool_info_format_time(info));
	add_time(to, "attached", pmpool_info_attach_time(info));
	add_time(to, "handed_over", pmpool_info_handover_time(info));
	return to;
}

static void add_tag(struct json_object *to, const uint8_t tag[PMPOOL_TAG_LEN])
{
	char hex[2 * PMPOOL_TAG_LEN + 1];

	add(to, "tag", tag_is_text(tag) ?
	    json_object_new_string_len((const char *)tag,
				       (int)strnlen((const char *)tag, PMPOOL_TAG_LEN)) : NULL);
	format_hex(hex, tag);
	add_text(to, "tag_hex", hex);
}

struct json_object *entry_to_json(const struct pmpool_entry *entry)
{
	struct json_object *to = json_object_new_object();
	char owner[OWNER_TEXT];
	char uuid[UUID_TEXT];
	char mode[MODE_TEXT];

	add_text(to, "name", pmpool_entry_name(entry));
	add_number(to, "id", pmpool_entry_id(entry));
	add_text(to, "uuid", format_uuid(uuid, pmpool_entry_uuid(entry)));
	add_number(to, "size", pmpool_entry_size(entry));
	add_number(to, "offset", pmpool_entry_offset(entry));
	add_number(to, "uid", pmpool_entry_uid(entry));
	add_number(to, "gid", pmpool_entry_gid(entry));
	add_text(to, "owner", format_owner(owner, pmpool_entry_uid(entry), pmpool_entry_gid(entry)));
	add_text(to, "mode", format_mode(mode, pmpool_entry_mode(entry)));
	add_tag(to, pmpool_entry_tag(entry));
	add_bool(to, "clean", pmpool_entry_clean(entry));
	add_bool(to, "mapped", pmpool_entry_mapped(entry));
	add_number(to, "generation", pmpool_entry_generation(entry));
	add_time(to, "created", pmpool_entry_create_time(entry));
	return to;
}

static struct json_object *archive_extent_to_json(const struct archive_extent *extent)
{
	struct json_object *to = json_object_new_object();
	char uuid[UUID_TEXT];
	char mode[MODE_TEXT];

	add_text(to, "name", extent->name);
	add_text(to, "uuid", format_uuid(uuid, extent->uuid));
	add_number(to, "size", extent->size);
	add_number(to, "align", extent->align);
	add_number(to, "uid", extent->uid);
	add_number(to, "gid", extent->gid);
	add(to, "user", extent->user[0] ? json_object_new_string(extent->user) : NULL);
	add(to, "group", extent->group[0] ? json_object_new_string(extent->group) : NULL);
	add_text(to, "mode", format_mode(mode, extent->mode));
	add_tag(to, extent->tag);
	add_bool(to, "clean", extent->flags & ARCHIVE_CLEAN);
	add_bool(to, "live", extent->flags & ARCHIVE_LIVE);
	add_number(to, "generation", extent->generation);
	add_time(to, "created", extent->create_time);
	return to;
}

struct json_object *archive_to_json(const struct archive *archive)
{
	struct json_object *to = json_object_new_object();
	struct json_object *extents = json_object_new_array();
	char uuid[UUID_TEXT];
	unsigned int i;

	add_number(to, "version", ARCHIVE_VERSION);
	add_text(to, "pool", format_uuid(uuid, archive->pool_uuid));
	add_time(to, "exported", archive->time);
	for (i = 0; i < archive->n; i++)
		json_object_array_add(extents, archive_extent_to_json(&archive->extents[i]));
	add(to, "extents", extents);
	return to;
}

int print_json(struct json_object *value)
{
	/* json-c would put a line break between the brackets. */
	if (json_object_is_type(value, json_type_array) && !json_object_array_length(value))
		puts("[]");
	else
		puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(value);
	return finish_output(CTL_OK);
}

void print_pool(const struct pmpool_pool_info *info, bool exact)
{
	char text[SIZE_TEXT];
	char time[TIME_TEXT];
	char uuid[UUID_TEXT];

	printf("uuid:          %s\n", format_uuid(uuid, pmpool_info_uuid(info)));
	printf("state:         %s\n", pool_state_text(pmpool_info_state(info)));
	printf("generation:    %" PRIu64 "\n", pmpool_info_generation(info));
	printf("left:          %s\n", pmpool_info_was_clean(info) ?
	       "clean" : "not in an orderly way by the previous kernel");
	printf("backing:       %s", pmpool_info_backing(info));
	if (pmpool_info_base(info))
		printf(" at 0x%" PRIx64, pmpool_info_base(info));
	printf("\n");
	printf("size:          %s\n", format_size(text, pmpool_info_size(info), exact));
	printf("metadata:      %s\n", format_size(text, pmpool_info_metadata_size(info), exact));
	printf("block size:    %s\n", format_size(text, pmpool_info_block_size(info), exact));
	printf("free:          %s\n", format_size(text, pmpool_info_free_size(info), exact));
	printf("largest free:  %s\n", format_size(text, pmpool_info_largest_free(info), exact));
	printf("lent:          %s\n", strcmp(pmpool_info_backing(info), "cma") ?
	       format_size(text, pmpool_info_lent(info), exact) :
	       "nothing: the kernel uses what is free by itself");
	printf("kernel:        %s\n", format_size(text, pmpool_info_held(info), exact));
	printf("extents:       %u of %u\n", pmpool_info_extents(info), pmpool_info_max_extents(info));
	printf("format:        version %u\n", pmpool_info_format_version(info));
	printf("formatted:     %s\n", format_time(time, pmpool_info_format_time(info)));
	printf("attached:      %s\n", format_time(time, pmpool_info_attach_time(info)));
	printf("handed over:   %s\n", format_time(time, pmpool_info_handover_time(info)));
}

void print_entry(const struct pmpool_entry *entry, bool exact)
{
	const uint8_t *tag = pmpool_entry_tag(entry);
	char hex[2 * PMPOOL_TAG_LEN + 1];
	char owner[OWNER_TEXT];
	char text[SIZE_TEXT];
	char time[TIME_TEXT];
	char uuid[UUID_TEXT];
	char mode[MODE_TEXT];

	printf("name:        %s\n", pmpool_entry_name(entry));
	printf("id:          %" PRIu64 "\n", pmpool_entry_id(entry));
	printf("uuid:        %s\n", format_uuid(uuid, pmpool_entry_uuid(entry)));
	printf("size:        %s\n", format_size(text, pmpool_entry_size(entry), exact));
	printf("offset:      %s\n", format_size(text, pmpool_entry_offset(entry), exact));
	printf("owner:       %s (%u:%u)\n",
	       format_owner(owner, pmpool_entry_uid(entry), pmpool_entry_gid(entry)),
	       pmpool_entry_uid(entry), pmpool_entry_gid(entry));
	printf("mode:        %s\n", format_mode(mode, pmpool_entry_mode(entry)));
	if (!tag_is_text(tag)) {
		format_hex(hex, tag);
		printf("tag:         0x%s\n", hex);
	} else {
		printf("tag:         %.*s\n", PMPOOL_TAG_LEN, tag[0] ? (const char *)tag : "-");
	}
	printf("state:       %s\n", entry_state_text(entry));
	printf("generation:  %" PRIu64 "\n", pmpool_entry_generation(entry));
	printf("created:     %s\n", format_time(time, pmpool_entry_create_time(entry)));
}

int show_extent(struct pmpool *pool, const char *name, const struct given *given)
{
	struct pmpool_entry *entry;
	int status;
	int ret;

	ret = pmpool_lookup(pool, name, &entry);
	if (ret == -ENOENT) {
		say("cannot show '%s': there is no such extent; see pmpoolctl list", name);
		return CTL_FAILED;
	}
	if (ret) {
		say("cannot show '%s': %s", name, error_text(ret));
		return error_status(ret);
	}

	if (given->json) {
		status = print_json(entry_to_json(entry));
	} else {
		print_entry(entry, given->exact);
		status = finish_output(CTL_OK);
	}
	pmpool_entry_free(entry);
	return status;
}
