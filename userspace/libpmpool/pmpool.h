/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libpmpool: named memory that outlives the kernel.
 *
 * Functions return 0 or a negative errno, unless they say otherwise; the
 * errors that the driver gives are documented in <linux/pmpool.h>. Sizes and
 * offsets are in bytes, times in nanoseconds since the Unix epoch.
 *
 * Thread safety: different objects may be used in different threads at the
 * same time. One object may be used by several threads at the same time as long
 * as none of them closes or frees it, or maps or unmaps it.
 */
#ifndef PMPOOL_H
#define PMPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PMPOOL_DEVICE		"/dev/pmpool"
#define PMPOOL_EXTENT_DIR	"/dev/pmpool-extents"
#define PMPOOL_NAME_MAX		63
#define PMPOOL_TAG_LEN		16
/* As a limit: none. */
#define PMPOOL_NO_LIMIT		UINT64_MAX
/* As a user, for limits: everybody who has none of their own. */
#define PMPOOL_ANY_USER		((uid_t)-1)

struct pmpool;			/* an open pool */
struct pmpool_pool_info;	/* what a pool is and holds: a snapshot */
struct pmpool_entry;		/* what an extent is: a snapshot */
struct pmpool_options;		/* how to create an extent */
struct pmpool_change;		/* what to change of an extent */
struct pmpool_user_limit;	/* what a user may have, and has: a snapshot */
struct pmpool_extent;		/* an open extent */

/* Whether name is 1 to 63 characters of [A-Za-z0-9._-] and not "." or "..". */
bool pmpool_name_valid(const char *name);

/* The library's version, "MAJOR.MINOR.PATCH". */
const char *pmpool_version(void);

/*
 * The pool.
 */

/*
 * Open the pool device at path, or PMPOOL_DEVICE when path is NULL. flags is
 * O_RDONLY to look, or O_RDWR to create. -ENOENT: there is no such device.
 * -ENOTTY: path is something else. -EPROTONOSUPPORT: the driver's interface has
 * another version than the library's.
 */
int pmpool_open(const char *path, int flags, struct pmpool **pool);
void pmpool_close(struct pmpool *pool);

/* The file descriptor, which stays the library's. */
int pmpool_fd(const struct pmpool *pool);

int pmpool_get_info(struct pmpool *pool, struct pmpool_pool_info **info);
void pmpool_info_free(struct pmpool_pool_info *info);

enum pmpool_pool_state {
	PMPOOL_OK = 0,
	PMPOOL_READ_ONLY = 1,
	PMPOOL_DEGRADED = 2,
};

uint64_t pmpool_info_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_metadata_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_block_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_free_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_largest_free(const struct pmpool_pool_info *info);
unsigned int pmpool_info_extents(const struct pmpool_pool_info *info);
unsigned int pmpool_info_max_extents(const struct pmpool_pool_info *info);
uint64_t pmpool_info_generation(const struct pmpool_pool_info *info);
enum pmpool_pool_state pmpool_info_state(const struct pmpool_pool_info *info);
/* "reserved", ... */
const char *pmpool_info_backing(const struct pmpool_pool_info *info);
bool pmpool_info_was_clean(const struct pmpool_pool_info *info);
unsigned int pmpool_info_format_version(const struct pmpool_pool_info *info);
uint64_t pmpool_info_format_time(const struct pmpool_pool_info *info);
uint64_t pmpool_info_attach_time(const struct pmpool_pool_info *info);
uint64_t pmpool_info_handover_time(const struct pmpool_pool_info *info);
/* 16 bytes. */
const uint8_t *pmpool_info_uuid(const struct pmpool_pool_info *info);
/* Physical address of the region; 0 without CAP_SYS_ADMIN. */
uint64_t pmpool_info_base(const struct pmpool_pool_info *info);

/*
 * Creating, removing and listing extents.
 */

/* Options start as: mode 0600, alignment of one block, tag of zeroes. */
int pmpool_options_new(struct pmpool_options **options);
void pmpool_options_free(struct pmpool_options *options);
void pmpool_options_set_mode(struct pmpool_options *options, mode_t mode);
/* Of the extent's place in the machine's memory. */
void pmpool_options_set_align(struct pmpool_options *options, uint64_t align);
/* tag is text or bytes, at most PMPOOL_TAG_LEN of them; -EINVAL if longer. */
int pmpool_options_set_tag(struct pmpool_options *options, const void *tag, size_t len);

/*
 * Create an extent. options may be NULL. entry, unless NULL, receives what was
 * made; -ENOENT then: it was made, but somebody removed it at once.
 */
int pmpool_create(struct pmpool *pool, const char *name, uint64_t size,
		  const struct pmpool_options *options, struct pmpool_entry **entry);
int pmpool_remove(struct pmpool *pool, const char *name);

/* What the extent called name is. -ENOENT: there is none. */
int pmpool_lookup(struct pmpool *pool, const char *name, struct pmpool_entry **entry);

/*
 * Walk the extents in the order of their offsets: *cursor is 0 at first.
 * -ENOENT: there are no more.
 */
int pmpool_next(struct pmpool *pool, uint64_t *cursor, struct pmpool_entry **entry);

/*
 * Changing them: the owner and root may.
 */

/*
 * Give an extent another name; not while it is mapped. Objects that have it
 * open by its old one get -ENODEV from then on.
 */
int pmpool_rename(struct pmpool *pool, const char *name, const char *new_name);

/*
 * Make an extent longer or shorter where it is; shorter not while it is mapped.
 * What is added reads as zeroes. Open it again to map its new size. largest,
 * unless NULL, receives the greatest size it can be given, also with -ENOSPC:
 * what is behind it is in use.
 */
int pmpool_resize(struct pmpool *pool, const char *name, uint64_t size, uint64_t *largest);

/* A change starts as: nothing. Each of these adds to it. */
int pmpool_change_new(struct pmpool_change **change);
void pmpool_change_free(struct pmpool_change *change);
void pmpool_change_set_mode(struct pmpool_change *change, mode_t mode);
void pmpool_change_set_uid(struct pmpool_change *change, uid_t uid);
void pmpool_change_set_gid(struct pmpool_change *change, gid_t gid);
/* tag is text or bytes, at most PMPOOL_TAG_LEN of them; -EINVAL if longer. */
int pmpool_change_set_tag(struct pmpool_change *change, const void *tag, size_t len);

/*
 * Make a change: all of it, or none. The extent may be mapped; what is open
 * stays open.
 */
int pmpool_set(struct pmpool *pool, const char *name, const struct pmpool_change *change);

/*
 * What an extent is.
 */

void pmpool_entry_free(struct pmpool_entry *entry);
const char *pmpool_entry_name(const struct pmpool_entry *entry);
uint64_t pmpool_entry_id(const struct pmpool_entry *entry);
uint64_t pmpool_entry_offset(const struct pmpool_entry *entry);
uint64_t pmpool_entry_size(const struct pmpool_entry *entry);
uid_t pmpool_entry_uid(const struct pmpool_entry *entry);
gid_t pmpool_entry_gid(const struct pmpool_entry *entry);
mode_t pmpool_entry_mode(const struct pmpool_entry *entry);
/* 16 bytes each. */
const uint8_t *pmpool_entry_uuid(const struct pmpool_entry *entry);
const uint8_t *pmpool_entry_tag(const struct pmpool_entry *entry);
/* The pool's generation, and the time, in which it was created. */
uint64_t pmpool_entry_generation(const struct pmpool_entry *entry);
uint64_t pmpool_entry_create_time(const struct pmpool_entry *entry);
/*
 * Whether no writable mapping of it exists, or existed when its last kernel
 * ended; or it was sealed and not written since.
 */
bool pmpool_entry_clean(const struct pmpool_entry *entry);
bool pmpool_entry_mapped(const struct pmpool_entry *entry);

/*
 * Using an extent.
 */

/*
 * Open the extent called name by its device in PMPOOL_EXTENT_DIR: its mode,
 * owner and group decide who may, no right to the pool itself is needed. flags
 * is O_RDONLY or O_RDWR. -ENOENT: there is no such extent, or no pool.
 */
int pmpool_extent_open(const char *name, int flags, struct pmpool_extent **extent);
/* Unmaps it as well. */
void pmpool_extent_close(struct pmpool_extent *extent);

/*
 * What it was when it was opened: its clean mark tells how it was left, since
 * opening it does not change that; a writable mapping does.
 */
const struct pmpool_entry *pmpool_extent_entry(const struct pmpool_extent *extent);
int pmpool_extent_fd(const struct pmpool_extent *extent);

/*
 * Map all of it, writable when it was opened O_RDWR. addr is NULL, or where it
 * must be: -EEXIST when something else is mapped there. Mapping twice returns
 * the mapping that exists (-EEXIST when addr is another one).
 */
int pmpool_extent_map(struct pmpool_extent *extent, void *addr, void **memory);
int pmpool_extent_unmap(struct pmpool_extent *extent);

/*
 * Say that what the extent holds is consistent now: it is marked clean, though
 * it stays mapped, until the next write. It must have been opened O_RDWR
 * (-EACCES); -EBUSY: another file has a writable mapping of it.
 */
int pmpool_extent_seal(struct pmpool_extent *extent);

/*
 * Limits: how much of the pool a user may have. They are kept in the pool.
 */

/* uid may be PMPOOL_ANY_USER. Only root may ask about other users (-EPERM). */
int pmpool_get_limit(struct pmpool *pool, uid_t uid, struct pmpool_user_limit **limit);
void pmpool_limit_free(struct pmpool_user_limit *limit);
/*
 * Of all extents of that user, in whole blocks, and how many. Both are
 * PMPOOL_NO_LIMIT for a user without a limit of their own; then that of
 * PMPOOL_ANY_USER holds.
 */
uint64_t pmpool_limit_max_size(const struct pmpool_user_limit *limit);
uint64_t pmpool_limit_max_extents(const struct pmpool_user_limit *limit);
/* What the user has. */
uint64_t pmpool_limit_size(const struct pmpool_user_limit *limit);
uint64_t pmpool_limit_extents(const struct pmpool_user_limit *limit);

/*
 * For root. Both PMPOOL_NO_LIMIT take a user's own limit away. A limit below
 * what the user has removes nothing.
 */
int pmpool_set_limit(struct pmpool *pool, uid_t uid, uint64_t max_size, uint64_t max_extents);

/*
 * Metadata, for programs that check and mend it. <linux/pmpool_format.h> says
 * what it looks like. For root.
 */

/* Read all of it into new memory, which is for free(). */
int pmpool_read_metadata(struct pmpool *pool, void **metadata, size_t *size);

/*
 * Decide what becomes of a damaged slot of the extent table: record is the
 * struct pmpool_format_record that it gets, of size bytes.
 */
int pmpool_repair(struct pmpool *pool, unsigned int slot, const void *record, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* PMPOOL_H */
