/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the verbs of pmpoolctl share.
 */
#ifndef PMPOOLCTL_H
#define PMPOOLCTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pmpool.h>

/* Exit status; documented in pmpoolctl(1). */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,		/* an argument that can not be right */
	CTL_UNSAFE = 3,		/* the next kernel would not preserve the pool */
	CTL_NO_POOL = 4,
	CTL_ATTENTION = 5,	/* it would, but somebody should look at the extents */
};

/*
 * Verbs: argv[0] is the verb. They return an exit status.
 */
int verb_list(int argc, char **argv);
int verb_info(int argc, char **argv);
int verb_create(int argc, char **argv);
int verb_remove(int argc, char **argv);
int verb_rename(int argc, char **argv);
int verb_resize(int argc, char **argv);
int verb_set(int argc, char **argv);
int verb_limit(int argc, char **argv);
int verb_lend(int argc, char **argv);
int verb_map(int argc, char **argv);
int verb_metrics(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_dump(int argc, char **argv);
int verb_stage(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_reserve(int argc, char **argv);
int verb_kexec(int argc, char **argv);
int verb_reconcile(int argc, char **argv);
int verb_status(int argc, char **argv);

/*
 * say.c: errors, one line each.
 */

/* "pmpoolctl: ..." on stderr. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* After a wrong argument: where to look. Returns CTL_USAGE. */
int say_usage(const char *verb);

/* Whether an extent can have that name; else say why verb can not be done. */
bool check_name(const char *verb, const char *name);

/* Open the pool or say why not. Returns an exit status. */
int open_pool(int flags, struct pmpool **pool);

/* All that was written is out; else say so. Returns an exit status. */
int finish_output(int status);

/*
 * reason.c: errors of the driver in words.
 */

/* What a failed call means for whatever verb; err is a negative errno. */
const char *error_text(int err);
int error_status(int err);

/* Write why creating failed. info is NULL when it could not be had. */
void create_error(char *to, size_t len, int err, uint64_t size, uint64_t align,
		  const struct pmpool_pool_info *info);
const char *remove_error(int err);
/* Of an extent that exists. */
const char *change_error(int err);
/* All of the line. largest is what the driver said, with ENOSPC. */
void resize_error(char *to, size_t len, const char *name, int err, uint64_t size, uint64_t largest,
		  bool exact);

/*
 * interrupt.c: long work that is interrupted.
 */

/* From now on SIGHUP, SIGINT and SIGTERM only make interrupted() true. */
void interrupt_watch(void);
bool interrupted(void);
/* After cleaning up: end by the signal if there was one, else return status. */
int interrupt_end(int status);

/*
 * import.c: whether an extent of that name is one that import was filling.
 */
bool is_import_leftover(const char *name);

/*
 * size.c: sizes for people.
 */
#define SIZE_TEXT 32

/*
 * Read a size: 4096, 2M, 1.5GiB, ... A part of a byte is rounded up. Returns
 * NULL, or what is wrong with the text.
 */
const char *parse_size(const char *text, uint64_t *size);

/* "1.5 GiB", rounded down: never more than there is. With exact, "1610612736". */
const char *format_size(char to[SIZE_TEXT], uint64_t size, bool exact);

/* Permission bits in octal. Returns NULL, or what is wrong with the text. */
const char *parse_mode(const char *text, mode_t *mode);

/*
 * user.c: users and groups. To read one returns NULL, or what is wrong with the
 * text.
 */
#define USER_TEXT 40

const char *parse_user(const char *text, uid_t *uid);
const char *parse_group(const char *text, gid_t *gid);
/* The name, or the number of who has none. */
const char *format_user(char to[USER_TEXT], uid_t uid);

/*
 * describe.c: pools and extents as text and as JSON.
 */
#define UUID_TEXT 37
#define TIME_TEXT 32
#define OWNER_TEXT 80
#define MODE_TEXT 16

const char *format_uuid(char to[UUID_TEXT], const uint8_t uuid[16]);
/* RFC 3339 in UTC, whole seconds; "-" for 0. */
const char *format_time(char to[TIME_TEXT], uint64_t nanoseconds);
/* "user:group", numbers where there is no name. */
const char *format_owner(char to[OWNER_TEXT], uid_t uid, gid_t gid);
const char *format_mode(char to[MODE_TEXT], mode_t mode);
const char *pool_state_text(enum pmpool_pool_state state);
/* "clean" or "dirty", and ",mapped" if it is. */
const char *entry_state_text(const struct pmpool_entry *entry);
/* Whether a tag is printable ASCII with nothing but NULs behind it. */
bool tag_is_text(const uint8_t tag[PMPOOL_TAG_LEN]);

struct json_object *pool_to_json(const struct pmpool_pool_info *info);
struct json_object *entry_to_json(const struct pmpool_entry *entry);
struct archive;
struct json_object *archive_to_json(const struct archive *archive);

/* Write value to stdout and free it. Returns an exit status. */
int print_json(struct json_object *value);

void print_pool(const struct pmpool_pool_info *info, bool exact);
void print_entry(const struct pmpool_entry *entry, bool exact);

struct given;
/* Look the extent up and print it, or say why not. Returns an exit status. */
int show_extent(struct pmpool *pool, const char *name, const struct given *given);

/*
 * table.c: left-aligned columns as wide as they must be.
 */
struct table;

struct table *table_new(unsigned int columns, const char *const *headings);
/* Cells are copied. */
void table_row(struct table *table, const char *const *cells);
void table_print(const struct table *table);
void table_free(struct table *table);

/*
 * daemon.c: what pmpoold says.
 */
#define DAEMON_STATUS		"/run/pmpool/status.json"
#define DAEMON_NOT_RUNNING	"pmpoold is not running: systemctl start pmpoold"

struct daemon_status {
	struct json_object *json;	/* NULL: not to be had */
	bool running;
	char problem[256];		/* why json is NULL, or it is not running */
};

/* Always fills in status; free it. */
void daemon_read(struct daemon_status *status);
void daemon_free(struct daemon_status *status);
/* From a text, for a process that runs or does not. */
void daemon_parse(struct daemon_status *status, const char *text);

/* The member called name of object, which may be NULL, if it has that type. */
struct json_object *member(struct json_object *object, const char *name, enum json_type type);
const char *member_text(struct json_object *object, const char *name, const char *otherwise);

/*
 * Add to problems each reason why a kexec now would lose the pool. Returns
 * their number.
 */
size_t kexec_problems(const struct daemon_status *status, bool loaded,
		      struct json_object *problems);
/*
 * Add the checks that failed and are not among problems yet. Returns how many
 * were added.
 */
size_t other_problems(const struct daemon_status *status, struct json_object *problems);

/* status.c: add what is wrong with the pool itself. */
void pool_problems(const struct pmpool_pool_info *info, struct json_object *problems);

/* Whether the kernel has an image to kexec into. */
bool kexec_loaded(void);

/*
 * handover.c: what pmpoold says of the extents after the last kernel handed them
 * over.
 */

/* Bring up to date which were opened: nobody tells the daemon. */
void handover_refresh(struct daemon_status *status, const struct pmpool_pool_info *info);
void print_handover(const struct daemon_status *status, bool exact);
/*
 * Add what an administrator should look at though a kexec is safe: differences
 * that nobody has accepted, declared extents that could not be made or differ.
 * Returns how many were added.
 */
size_t attention_problems(const struct daemon_status *status, struct json_object *problems);

void print_staged(const struct daemon_status *status);
void print_checks(const struct daemon_status *status);
void print_lines(FILE *to, const char *prefix, struct json_object *texts);

#endif /* PMPOOLCTL_H */
