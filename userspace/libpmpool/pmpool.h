/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libpmpool: named memory that outlives the kernel.
 *
 * Functions that return int return 0 or a negative errno, unless they say
 * otherwise, and after an error have changed nothing and stored nothing, but for what
 * pmpool_create(), pmpool_resize() and pmpool_lend() say. The errors that each can give are in its man page, and those of the driver also in
 * <linux/pmpool.h>. Sizes and offsets are in bytes, points in time in nanoseconds
 * since the Unix epoch, timeouts in milliseconds.
 *
 * What a function returns by a pointer to a pointer is the caller's, and is given
 * back by the function whose name ends in _free or _close; these take NULL.
 * Strings and bytes that a function returns live as long as the object that it was
 * called for.
 *
 * Thread safety: there is no global state. Different objects may be used in
 * different threads at the same time. One object may be used by several threads at
 * the same time as long as none of them closes, frees, maps or unmaps it, or sets
 * something in it, if it is of options or a change. A watch may be used by one
 * thread at a time only.
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
struct pmpool_lending;		/* what is lent to the system: a snapshot */
struct pmpool_extent;		/* an open extent */
struct pmpool_watch;		/* hears of extents that come and go */
struct pmpool_event;		/* what a watch has heard: a snapshot */

/**
 * pmpool_name_valid - whether an extent can have a name
 * @name: may be NULL, which is no name
 *
 * Return: whether @name is 1 to 63 characters of ``[A-Za-z0-9._-]``, and neither
 * ``.`` nor ``..``.
 */
bool pmpool_name_valid(const char *name);

/* The library's version, "MAJOR.MINOR.PATCH". */
const char *pmpool_version(void);

/*
 * The pool.
 */

/**
 * pmpool_open - open a pool, to look at it or to create and change extents
 * @path: of the device; NULL for PMPOOL_DEVICE
 * @flags: O_RDONLY to look, O_RDWR to change anything as well
 * @pool: receives the pool
 *
 * Return: 0, or -ENOENT: there is no such device; -EACCES: it is not for the
 * caller; -EINVAL: other @flags; -ENOTTY: @path is something else;
 * -EPROTONOSUPPORT: the driver's interface has another version than the library's.
 */
int pmpool_open(const char *path, int flags, struct pmpool **pool);
void pmpool_close(struct pmpool *pool);

/* The file descriptor, which stays the library's. */
int pmpool_fd(const struct pmpool *pool);

/**
 * pmpool_get_info - what a pool is and holds, at this moment
 * @pool: open
 * @info: receives it
 *
 * Return: 0, or -ENODEV: the pool has gone away.
 */
int pmpool_get_info(struct pmpool *pool, struct pmpool_pool_info **info);
void pmpool_info_free(struct pmpool_pool_info *info);

/**
 * enum pmpool_pool_state - what can be done with a pool
 * @PMPOOL_OK: everything
 * @PMPOOL_READ_ONLY: extents can be opened and read; it was written by a driver
 *	that knows more than this one
 * @PMPOOL_DEGRADED: intact extents can be used, none can be created or changed,
 *	before ``pmpoolctl check --repair``
 */
enum pmpool_pool_state {
	PMPOOL_OK = 0,
	PMPOOL_READ_ONLY = 1,
	PMPOOL_DEGRADED = 2,
};

/* Of the whole region; of the metadata at its beginning; of one block. */
uint64_t pmpool_info_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_metadata_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_block_size(const struct pmpool_pool_info *info);
/* All that is free, and the longest extent that can be created. */
uint64_t pmpool_info_free_size(const struct pmpool_pool_info *info);
uint64_t pmpool_info_largest_free(const struct pmpool_pool_info *info);
/* How much of what is free is lent to the system, and of that being taken back. */
uint64_t pmpool_info_lent(const struct pmpool_pool_info *info);
uint64_t pmpool_info_emptying(const struct pmpool_pool_info *info);
/* How much users inside the kernel have; it is neither free nor in an extent. */
uint64_t pmpool_info_held(const struct pmpool_pool_info *info);
/* How many there are, and how many there can be. */
unsigned int pmpool_info_extents(const struct pmpool_pool_info *info);
unsigned int pmpool_info_max_extents(const struct pmpool_pool_info *info);
/* How often the pool was attached since it was formatted: 1 at first. */
uint64_t pmpool_info_generation(const struct pmpool_pool_info *info);
enum pmpool_pool_state pmpool_info_state(const struct pmpool_pool_info *info);
/* "reserved", ... */
const char *pmpool_info_backing(const struct pmpool_pool_info *info);
/* Whether the previous kernel let go of the pool in good order. */
bool pmpool_info_was_clean(const struct pmpool_pool_info *info);
unsigned int pmpool_info_format_version(const struct pmpool_pool_info *info);
/* handover_time is 0 when the previous kernel did not let go, or there was none. */
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
/* At most 0777. */
void pmpool_options_set_mode(struct pmpool_options *options, mode_t mode);
/* Of the extent's place in the machine's memory: 0, or a power of two from a block up. */
void pmpool_options_set_align(struct pmpool_options *options, uint64_t align);
/* tag is text or bytes, at most PMPOOL_TAG_LEN of them; -EINVAL if longer. */
int pmpool_options_set_tag(struct pmpool_options *options, const void *tag, size_t len);

/**
 * pmpool_create - create an extent, which belongs to the caller and reads as zeroes
 * @pool: opened O_RDWR
 * @name: that no other extent has; see pmpool_name_valid()
 * @size: at least 1; takes whole blocks of the pool
 * @options: NULL for the defaults
 * @entry: unless NULL, receives what was made
 *
 * The extent's device is there when this returns; udev may set its owner a moment
 * later.
 *
 * Return: 0, or -EINVAL: a name, size, mode or alignment that can not be; -EEXIST:
 * an extent of that name exists; -ENOSPC: no free run is that long, see
 * pmpool_info_largest_free(), or the system uses part of it and can not empty it;
 * -EAGAIN: the system uses memory that it needs, and that was not emptied within 10
 * seconds, the driver's default, and goes on; -EDQUOT: the caller would have more than its limit;
 * -ENFILE: every record of the pool is in use; -EBADF: @pool was not opened O_RDWR;
 * -EROFS, -EUCLEAN: the pool is read-only, degraded; -ENOENT, only with @entry: it
 * was made, but somebody removed it at once.
 */
int pmpool_create(struct pmpool *pool, const char *name, uint64_t size,
		  const struct pmpool_options *options, struct pmpool_entry **entry);

/**
 * pmpool_remove - remove an extent, and what it holds
 * @pool: opened
 * @name: of the extent
 *
 * Return: 0, or -ENOENT: there is none; -EPERM: the caller is neither its owner nor
 * root; -EBUSY: it is mapped; -EROFS, -EUCLEAN: the pool is read-only, degraded.
 */
int pmpool_remove(struct pmpool *pool, const char *name);

/**
 * pmpool_lookup - what an extent is
 * @pool: open
 * @name: of the extent
 * @entry: receives it
 *
 * Return: 0, or -ENOENT: there is none; -EINVAL: there can be none.
 */
int pmpool_lookup(struct pmpool *pool, const char *name, struct pmpool_entry **entry);

/**
 * pmpool_next - walk the extents in the order of their offsets
 * @pool: open
 * @cursor: 0 at first; moved on by each call
 * @entry: receives the next extent
 *
 * An extent that exists during the whole walk is told once.
 *
 * Return: 0, or -ENOENT: there are no more.
 */
int pmpool_next(struct pmpool *pool, uint64_t *cursor, struct pmpool_entry **entry);

/**
 * pmpool_next_held - walk what users inside the kernel have
 * @pool: open
 * @cursor: 0 at first; moved on by each call
 * @entry: receives what the next one has: offset, size, and a name, which may be
 *	empty and need not be text; there is nothing else in it
 *
 * Return: 0, or -ENOENT: there are no more.
 */
int pmpool_next_held(struct pmpool *pool, uint64_t *cursor, struct pmpool_entry **entry);

/*
 * Changing them: the owner and root may.
 */

/**
 * pmpool_rename - give an extent another name
 * @pool: open
 * @name: of the extent
 * @new_name: that no extent has
 *
 * Objects that have it open by its old name get -ENODEV from then on.
 *
 * Return: 0, or -ENOENT: there is none; -EEXIST: @new_name is taken; -EBUSY: it is
 * mapped; -EINVAL, -EPERM, -EROFS, -EUCLEAN as above.
 */
int pmpool_rename(struct pmpool *pool, const char *name, const char *new_name);

/**
 * pmpool_resize - make an extent longer or shorter where it is
 * @pool: open
 * @name: of the extent
 * @size: at least 1
 * @largest: unless NULL, receives the greatest size it can be given, also with
 *	-ENOSPC
 *
 * What is added reads as zeroes. Open the extent again to map its new size.
 *
 * Return: 0, or -ENOENT: there is none; -EBUSY: it is mapped, and was to be made
 * shorter; -ENOSPC: what is behind it is in use, or the system uses part of it and can
 * not empty it; -EAGAIN: as with pmpool_create(); -EDQUOT: its owner would have more
 * than its limit; -EINVAL, -EPERM, -EROFS, -EUCLEAN as above.
 */
int pmpool_resize(struct pmpool *pool, const char *name, uint64_t size, uint64_t *largest);

/* A change starts as: nothing. Each of these adds to it. */
int pmpool_change_new(struct pmpool_change **change);
void pmpool_change_free(struct pmpool_change *change);
/* At most 0777. */
void pmpool_change_set_mode(struct pmpool_change *change, mode_t mode);
void pmpool_change_set_uid(struct pmpool_change *change, uid_t uid);
void pmpool_change_set_gid(struct pmpool_change *change, gid_t gid);
/* tag is text or bytes, at most PMPOOL_TAG_LEN of them; -EINVAL if longer. */
int pmpool_change_set_tag(struct pmpool_change *change, const void *tag, size_t len);

/**
 * pmpool_set - make a change of an extent: all of it, or none
 * @pool: open
 * @name: of the extent
 * @change: may be made of other extents too
 *
 * The extent may be mapped; what is open stays open.
 *
 * Return: 0, or -ENOENT: there is none; -EINVAL: @change has a mode, uid or gid that
 * can not be; -EPERM: the caller is neither its owner nor root, or gives it to
 * others; -EROFS, -EUCLEAN as above.
 */
int pmpool_set(struct pmpool *pool, const char *name, const struct pmpool_change *change);

/*
 * What an extent is.
 */

void pmpool_entry_free(struct pmpool_entry *entry);
const char *pmpool_entry_name(const struct pmpool_entry *entry);
/* Never given to another extent of this pool. */
uint64_t pmpool_entry_id(const struct pmpool_entry *entry);
/* Where it starts in the pool. */
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

/**
 * pmpool_extent_open - open an extent by its device in PMPOOL_EXTENT_DIR
 * @name: of the extent
 * @flags: O_RDONLY or O_RDWR
 * @extent: receives it
 *
 * Its mode, owner and group decide who may; no right to the pool itself is needed.
 *
 * Return: 0, or -ENOENT: there is no such extent, or no pool; -EACCES: it is not for
 * the caller; -EROFS: O_RDWR, and the pool is read-only; -ENODEV, -ENXIO: it was
 * removed in this moment; -EINVAL: a name that no extent can have, or other @flags.
 */
int pmpool_extent_open(const char *name, int flags, struct pmpool_extent **extent);
/* Unmaps it as well. */
void pmpool_extent_close(struct pmpool_extent *extent);

/*
 * What it was when it was opened: its clean mark tells how it was left, since
 * opening it does not change that; a writable mapping does.
 */
const struct pmpool_entry *pmpool_extent_entry(const struct pmpool_extent *extent);
/* The file descriptor, which stays the library's. */
int pmpool_extent_fd(const struct pmpool_extent *extent);

/**
 * pmpool_extent_map - map all of an extent, writable when it was opened O_RDWR
 * @extent: open
 * @addr: NULL, or where it must be, a multiple of the page size
 * @memory: receives where it is
 *
 * An extent that is mapped already stays where it is, and that is told.
 *
 * Return: 0, or -EEXIST: something else is mapped at @addr, or it is mapped
 * elsewhere; -EINVAL: @addr is not a multiple of the page size; -ENODEV: the extent
 * was removed or renamed; -ENXIO: it was made shorter after it was opened;
 * -EOVERFLOW: a 32-bit program can not have all of it; -ENOMEM: no room for it.
 */
int pmpool_extent_map(struct pmpool_extent *extent, void *addr, void **memory);
/* Nothing happens when it is not mapped. */
int pmpool_extent_unmap(struct pmpool_extent *extent);

/**
 * pmpool_extent_seal - say that what an extent holds is consistent now
 * @extent: opened O_RDWR
 *
 * It is marked clean, though it stays mapped, until the next write.
 *
 * Return: 0, or -EACCES: it was not opened O_RDWR; -EBUSY: another file has a
 * writable mapping of it; -ENODEV: it was removed or renamed; -EROFS: the pool is
 * read-only.
 */
int pmpool_extent_seal(struct pmpool_extent *extent);

/*
 * Hearing of extents that come and go. Needs udev.
 */

/**
 * pmpool_extent_wait - wait until an extent is there, with its owner and mode
 * @name: of the extent
 * @timeout: in milliseconds; negative: for ever
 *
 * For programs that are not started by systemd, whose units can wait for the
 * extent's device instead. The pool need not be there either.
 *
 * Return: 0, or -ETIMEDOUT: it did not come in time; -EINTR: a signal came;
 * -EINVAL: a name that no extent can have; -EOPNOTSUPP: udev does not run.
 */
int pmpool_extent_wait(const char *name, int timeout);

/**
 * enum pmpool_action - what has become of a pool or an extent
 * @PMPOOL_ADDED: it is there, and its device has its owner and mode
 * @PMPOOL_CHANGED: its size, owner, mode or tag may be another
 * @PMPOOL_REMOVED: it has gone away; an extent perhaps by getting another name
 */
enum pmpool_action {
	PMPOOL_ADDED = 0,
	PMPOOL_CHANGED = 1,
	PMPOOL_REMOVED = 2,
};

/**
 * pmpool_watch_new - begin to hear of the pool and of extents
 * @watch: receives the watch
 *
 * What is there already is told first, as PMPOOL_ADDED.
 *
 * Return: 0, or -EOPNOTSUPP: udev does not run; -ENOMEM; -EMFILE.
 */
int pmpool_watch_new(struct pmpool_watch **watch);
void pmpool_watch_free(struct pmpool_watch *watch);

/*
 * For poll(): readable when pmpool_watch_next() may have something to tell. It
 * stays the library's; only look whether it is readable.
 */
int pmpool_watch_fd(const struct pmpool_watch *watch);

/**
 * pmpool_watch_next - what happened next
 * @watch: used by no other thread at the same time
 * @timeout: in milliseconds; 0: do not wait; negative: for ever
 * @event: receives what happened
 *
 * Nothing is lost when events come faster than they are asked for; several changes
 * of one extent may be told as one.
 *
 * Return: 0, or -ETIMEDOUT: nothing in that time; -EINTR: a signal came; -ENOMEM.
 * It can be called again after any of these.
 */
int pmpool_watch_next(struct pmpool_watch *watch, int timeout, struct pmpool_event **event);

void pmpool_event_free(struct pmpool_event *event);
enum pmpool_action pmpool_event_action(const struct pmpool_event *event);
/* Of the extent; NULL when it is about the pool. */
const char *pmpool_event_name(const struct pmpool_event *event);

/*
 * Limits: how much of the pool a user may have. They are kept in the pool.
 */

/**
 * pmpool_get_limit - what a user has, and may have
 * @pool: open
 * @uid: whose; may be PMPOOL_ANY_USER
 * @limit: receives it
 *
 * Return: 0, or -EPERM: only root may ask about other users.
 */
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

/**
 * pmpool_set_limit - limit what a user may have; for root
 * @pool: open
 * @uid: whose; may be PMPOOL_ANY_USER
 * @max_size: of all extents together, or PMPOOL_NO_LIMIT
 * @max_extents: how many, or PMPOOL_NO_LIMIT
 *
 * Both PMPOOL_NO_LIMIT take a user's own limit away. A limit below what the user
 * has removes nothing.
 *
 * Return: 0, or -EPERM: the caller is not root; -ENFILE: every record of the pool is
 * in use; -EROFS, -EUCLEAN as above.
 */
int pmpool_set_limit(struct pmpool *pool, uid_t uid, uint64_t max_size, uint64_t max_extents);

/*
 * Lending: memory that is in no extent, given to the system until an extent needs
 * it.
 */

int pmpool_get_lending(struct pmpool *pool, struct pmpool_lending **lending);
void pmpool_lending_free(struct pmpool_lending *lending);
/* How much is lent, and how much could be, that included. */
uint64_t pmpool_lending_size(const struct pmpool_lending *lending);
uint64_t pmpool_lending_max(const struct pmpool_lending *lending);
/* What is lent at once: a memory block of the machine. */
uint64_t pmpool_lending_unit(const struct pmpool_lending *lending);
/* Where the lent part starts; it is in one piece. */
uint64_t pmpool_lending_offset(const struct pmpool_lending *lending);

/*
 * Lend size bytes, rounded down to whole units, or as many as there are; and have
 * the system use them. For root. timeout: how long to wait when less shall be
 * lent, in milliseconds, 0 for PMPOOL_TIMEOUT of <linux/pmpool.h>. -EAGAIN: it was
 * not emptied in time, and that goes on, or more shall be lent meanwhile. -EBUSY:
 * it can not be emptied. -ENOSPC: there is no more to lend.
 */
int pmpool_lend(struct pmpool *pool, uint64_t size, unsigned int timeout);

/*
 * Metadata, for programs that check and mend it. <linux/pmpool_format.h> says
 * what it looks like. For root.
 */

/**
 * pmpool_read_metadata - read all of a pool's metadata
 * @pool: open
 * @metadata: receives new memory, which is for free()
 * @size: receives its size
 *
 * Return: 0, or -EPERM: the caller is not root; -ENOMEM.
 */
int pmpool_read_metadata(struct pmpool *pool, void **metadata, size_t *size);

/**
 * pmpool_repair - decide what becomes of a damaged slot of the extent table
 * @pool: open
 * @slot: from 0 on
 * @record: the struct pmpool_format_record that it gets
 * @size: of @record
 *
 * Return: 0, or -EPERM: the caller is not root; -EINVAL: there is no such slot, it is
 * not damaged, or @record is not sound; -EEXIST: an extent of that name exists;
 * -EBUSY: blocks of it belong to an intact extent or to a user inside the kernel, or
 * the system has used them; -EROFS: the pool is read-only.
 */
int pmpool_repair(struct pmpool *pool, unsigned int slot, const void *record, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* PMPOOL_H */
