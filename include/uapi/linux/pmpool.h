/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Persistent memory pool: named extents of memory that outlive the kernel.
 */
#ifndef _UAPI_LINUX_PMPOOL_H
#define _UAPI_LINUX_PMPOOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PMPOOL_IOC_TYPE		0xBB

/* Version of this interface; it changes only when an old caller would break. */
#define PMPOOL_ABI_VERSION	1

/* An extent's name with its terminating NUL. */
#define PMPOOL_NAME_SIZE	64
#define PMPOOL_TAG_SIZE		16
#define PMPOOL_UUID_SIZE	16

/**
 * DOC: ioctl format
 *
 * Every ioctl takes a pointer to a struct whose first member, @size, holds the
 * size of that struct as the caller knows it. A kernel that knows a longer
 * struct treats the missing part as zero and does not write to it; a kernel
 * that knows a shorter one accepts the call when the part it does not know is
 * zero. No struct holds a pointer or a hole, so 32-bit callers use the same
 * layout.
 *
 * Errors that any command may return:
 *
 *  - ENOTTY: the command is not supported.
 *  - EINVAL: @size is too small for the command, or padding is not zero.
 *  - E2BIG: @size is larger than this kernel knows and the excess is not zero.
 *  - EOPNOTSUPP: a flag is set that this kernel does not know.
 *  - EFAULT: the struct is not readable and writable memory. Nothing was changed,
 *    unless that memory went away while the call ran: then what was asked for is
 *    done, and could not be told.
 *  - ENODEV: the pool or the extent behind this file has gone away.
 *  - EINTR: a fatal signal arrived while waiting for another operation.
 *
 * What a command returns besides is listed with it.
 *
 * All sizes, offsets and lengths are in bytes. An offset counts from the start
 * of the pool's region. Times are nanoseconds since the Unix epoch, or 0.
 */
enum {
	PMPOOL_CMD_BASE = 0x80,
	PMPOOL_CMD_INFO = PMPOOL_CMD_BASE,
	PMPOOL_CMD_CREATE = 0x81,
	PMPOOL_CMD_OPEN = 0x82,
	PMPOOL_CMD_REMOVE = 0x83,
	PMPOOL_CMD_NEXT = 0x84,
	PMPOOL_CMD_RENAME = 0x85,
	PMPOOL_CMD_RESIZE = 0x86,
	PMPOOL_CMD_SET = 0x87,
	PMPOOL_CMD_SEAL = 0x88,
	PMPOOL_CMD_LIMIT = 0x89,
	PMPOOL_CMD_REPAIR = 0x8a,
	PMPOOL_CMD_LEND = 0x8b,
};

/**
 * enum pmpool_state - what may be done with a pool
 * @PMPOOL_STATE_OK: everything
 * @PMPOOL_STATE_READ_ONLY: the pool uses a format feature that this driver can
 *	read but not write: extents map read-only, nothing can be changed
 * @PMPOOL_STATE_DEGRADED: part of the metadata is damaged: intact extents can
 *	be read and written, nothing can be created, removed or changed
 */
enum pmpool_state {
	PMPOOL_STATE_OK = 0,
	PMPOOL_STATE_READ_ONLY = 1,
	PMPOOL_STATE_DEGRADED = 2,
};

/**
 * enum pmpool_backing - how the region is kept from the next kernel
 * @PMPOOL_BACKING_RESERVED: by the memory map: ``memmap=`` or the firmware
 * @PMPOOL_BACKING_CMA: by the kernel itself, which uses what is free of it for
 *	what it can move: ``pmpool=``, or handed over by the last kernel
 */
enum pmpool_backing {
	PMPOOL_BACKING_RESERVED = 0,
	PMPOOL_BACKING_CMA = 1,
};

/**
 * struct pmpool_info - ioctl(PMPOOL_INFO)
 * @size: sizeof(struct pmpool_info)
 * @flags: must be 0
 * @abi_version: PMPOOL_ABI_VERSION of the driver
 * @format_version: version of the on-memory format
 * @compat: features of the format that an unaware driver may ignore
 * @ro_compat: features with which an unaware driver may only read the pool
 * @incompat: features without which the pool can not be attached
 * @uuid: made when the pool was formatted
 * @pool_size: size of the whole region
 * @metadata_size: part of it that holds the metadata, from its start
 * @block_size: unit of allocation, and the least alignment of an extent
 * @free: bytes in no extent and not held, those that are lent included
 * @largest_free: longest run of them: the largest extent that can be created
 * @extents: number of extents
 * @max_extents: number of extents the pool has records for
 * @generation: attaches of the pool since it was formatted, this one included
 * @state: one of enum pmpool_state
 * @backing: one of enum pmpool_backing
 * @was_clean: 1 when the last kernel that had the pool ended in an orderly way,
 *	or the pool was formatted by this one; else 0
 * @__reserved: must be 0
 * @format_time: when the pool was formatted
 * @attach_time: when this kernel attached it
 * @handover_time: when the previous kernel let go of it; 0 when it did not
 *	say so, or there was none
 * @base: physical address of the region; 0 unless the caller has CAP_SYS_ADMIN
 * @lent: bytes that are lent to the system; see PMPOOL_LEND
 * @emptying: part of @lent that is being taken back
 * @held: bytes that users inside the kernel have; see PMPOOL_NEXT_HELD
 *
 * The extents, in whole blocks, @metadata_size, @free and @held are @pool_size, in a
 * pool that is PMPOOL_STATE_OK.
 *
 * Describe the pool. Needs no right but to have the device open.
 */
struct pmpool_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 format_version;
	__aligned_u64 compat;
	__aligned_u64 ro_compat;
	__aligned_u64 incompat;
	__u8 uuid[PMPOOL_UUID_SIZE];
	__aligned_u64 pool_size;
	__aligned_u64 metadata_size;
	__aligned_u64 block_size;
	__aligned_u64 free;
	__aligned_u64 largest_free;
	__u32 extents;
	__u32 max_extents;
	__aligned_u64 generation;
	__u32 state;
	__u32 backing;
	__u32 was_clean;
	__u32 __reserved;
	__aligned_u64 format_time;
	__aligned_u64 attach_time;
	__aligned_u64 handover_time;
	__aligned_u64 base;
	__aligned_u64 lent;
	__aligned_u64 emptying;
	__aligned_u64 held;
};

#define PMPOOL_INFO _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_INFO)

/**
 * struct pmpool_create - ioctl(PMPOOL_CREATE)
 * @size: sizeof(struct pmpool_create)
 * @flags: must be 0
 * @name: 1 to 63 characters of ``[A-Za-z0-9._-]``, not ``.`` or ``..``, with
 *	only NULs behind it
 * @length: of the extent, at least 1; whole blocks are taken, and all of them
 *	can be mapped up to @length rounded up to the page size
 * @align: of its place in the machine's memory: 0 for the block size, or a power
 *	of two from the block size up
 * @mode: permission bits for the owner, the group and others, at most 0777
 * @timeout: how long to wait for memory that is lent or, with PMPOOL_BACKING_CMA,
 *	used by the system, in milliseconds; 0 for PMPOOL_TIMEOUT
 * @tag: free for the application: what the extent holds and in which version
 * @id: out: the extent's number, never given to another one in this pool
 * @offset: out: where it starts
 *
 * Create an extent owned by the caller's file system uid and gid. It reads as
 * zeroes. Needs a file opened for writing. The device
 * ``/dev/pmpool-extents/NAME`` exists when the call returns.
 *
 * Errors:
 *
 *  - EBADF: the file is not open for writing.
 *  - EINVAL: @name is malformed, @length is 0, @align is not a power of two or
 *    below the block size, or @mode has other bits.
 *  - EEXIST: an extent of that name exists.
 *  - ENOSPC: no free run is long enough, see @largest_free of PMPOOL_INFO; or
 *    part of it is lent, or used by the system with PMPOOL_BACKING_CMA, and the
 *    system can not empty it, for lack of other memory.
 *  - EAGAIN: part of it is lent, and was not emptied within @timeout. That goes
 *    on: see @emptying of PMPOOL_INFO, and try again. Or, with PMPOOL_BACKING_CMA,
 *    in every place that is long enough there is something that could not be moved
 *    away within @timeout, such as pages that a device is using: try again.
 *  - EDQUOT: the caller would have more than its limit; see PMPOOL_LIMIT.
 *  - ENFILE: every record is in use; see @max_extents of PMPOOL_INFO.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 *  - ENOMEM: the kernel is out of memory.
 */
struct pmpool_create {
	__u32 size;
	__u32 flags;
	char name[PMPOOL_NAME_SIZE];
	__aligned_u64 length;
	__aligned_u64 align;
	__u32 mode;
	__u32 timeout;
	__u8 tag[PMPOOL_TAG_SIZE];
	__aligned_u64 id;
	__aligned_u64 offset;
};

#define PMPOOL_CREATE _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_CREATE)

/*
 * Flags of struct pmpool_extent_info. An extent is clean when it has no writable
 * mapping, or was sealed and not written since; when the kernel ends, in whatever
 * way, the mark stays as it was.
 */
#define PMPOOL_EXTENT_CLEAN	(1 << 0)
#define PMPOOL_EXTENT_MAPPED	(1 << 1) /* mapped now */

/**
 * struct pmpool_extent_info - what PMPOOL_OPEN and PMPOOL_NEXT tell
 * @name: its name, padded with NULs
 * @uuid: made when the extent was created
 * @tag: as given to PMPOOL_CREATE
 * @id: its number
 * @offset: where it starts: the offset to mmap() on ``/dev/pmpool``
 * @length: as given to PMPOOL_CREATE
 * @create_generation: the pool's generation when it was created
 * @create_time: when it was created
 * @uid: owner, in the caller's user namespace
 * @gid: group, in the caller's user namespace
 * @mode: permission bits
 * @flags: PMPOOL_EXTENT_CLEAN, PMPOOL_EXTENT_MAPPED
 */
struct pmpool_extent_info {
	char name[PMPOOL_NAME_SIZE];
	__u8 uuid[PMPOOL_UUID_SIZE];
	__u8 tag[PMPOOL_TAG_SIZE];
	__aligned_u64 id;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 create_generation;
	__aligned_u64 create_time;
	__u32 uid;
	__u32 gid;
	__u32 mode;
	__u32 flags;
};

/* Flags of PMPOOL_OPEN */
#define PMPOOL_OPEN_READ	(1 << 0)
#define PMPOOL_OPEN_WRITE	(1 << 1)

/**
 * struct pmpool_open - ioctl(PMPOOL_OPEN)
 * @size: sizeof(struct pmpool_open)
 * @flags: what to be granted: PMPOOL_OPEN_READ, PMPOOL_OPEN_WRITE, both, or 0
 *	to look the extent up only
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 * @info: out: the extent
 *
 * Look an extent up and grant this open file the right to map it: writing
 * includes reading. The mode, owner and group of the extent decide, as for a
 * file; CAP_DAC_OVERRIDE overrides. Grants add up and last until the file is
 * closed. What a security module says of the extent's own node is not asked.
 *
 * On the file of an extent's own device, @flags, @id and @name must be 0: the
 * call describes that extent, and the device's permissions have granted access.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, or @name is malformed.
 *  - ENOENT: there is no such extent.
 *  - EACCES: the extent's mode does not allow it.
 *  - EBADF: PMPOOL_OPEN_WRITE, and the file is not open for writing.
 *  - EROFS: PMPOOL_OPEN_WRITE, and the pool is read-only.
 *  - ENOMEM: the kernel is out of memory.
 */
struct pmpool_open {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
	struct pmpool_extent_info info;
};

#define PMPOOL_OPEN _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_OPEN)

/**
 * struct pmpool_remove - ioctl(PMPOOL_REMOVE)
 * @size: sizeof(struct pmpool_remove)
 * @flags: must be 0
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 *
 * Remove an extent. Its blocks are free when the call returns. Files that have
 * it open but not mapped stay open and get ENODEV.
 *
 * A device that VFIO has mapped the extent for (VFIO_IOMMU_MAP_DMA, type 1) is no
 * mapping that the driver knows of: unmap it from the container before munmap(), or
 * the device goes on reading and writing what is somebody else's by then.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, or @name is malformed.
 *  - ENOENT: there is no such extent.
 *  - EPERM: the caller is neither its owner nor has CAP_SYS_ADMIN.
 *  - EBUSY: it is mapped.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 */
struct pmpool_remove {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
};

#define PMPOOL_REMOVE _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_REMOVE)

/* Flags of PMPOOL_NEXT */
#define PMPOOL_NEXT_HELD	(1 << 0)

/**
 * struct pmpool_next - ioctl(PMPOOL_NEXT)
 * @size: sizeof(struct pmpool_next)
 * @flags: PMPOOL_NEXT_HELD, or 0
 * @cursor: in: 0 to begin, then what the last call left here; out: where to go
 *	on
 * @info: out: the extent
 *
 * Walk the extents in the order of their offsets. One that exists during the
 * whole walk is told exactly once.
 *
 * With PMPOOL_NEXT_HELD walk what users inside the kernel have instead. In @info
 * there are only @offset, @length and @name, which may be empty, and need not be
 * the name of an extent, or text.
 *
 * Errors:
 *
 *  - ENOENT: there are no more.
 */
struct pmpool_next {
	__u32 size;
	__u32 flags;
	__aligned_u64 cursor;
	struct pmpool_extent_info info;
};

#define PMPOOL_NEXT _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_NEXT)

/**
 * struct pmpool_rename - ioctl(PMPOOL_RENAME)
 * @size: sizeof(struct pmpool_rename)
 * @flags: must be 0
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 * @new_name: what it shall be called, as for PMPOOL_CREATE
 *
 * Rename an extent. Its device goes away and another one comes. Files that have
 * the old device open get ENODEV; grants of files of ``/dev/pmpool`` stay.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, or a name is malformed.
 *  - ENOENT: there is no such extent.
 *  - EPERM: the caller is neither its owner nor has CAP_SYS_ADMIN.
 *  - EEXIST: an extent of the new name exists, this one included.
 *  - EBUSY: it is mapped.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 *  - ENOMEM: the kernel is out of memory.
 */
struct pmpool_rename {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
	char new_name[PMPOOL_NAME_SIZE];
};

#define PMPOOL_RENAME _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_RENAME)

/**
 * struct pmpool_resize - ioctl(PMPOOL_RESIZE)
 * @size: sizeof(struct pmpool_resize)
 * @flags: must be 0
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 * @length: the new length, at least 1
 * @largest: out, also with ENOSPC and EAGAIN: the greatest length it can be given
 * @timeout: as that of PMPOOL_CREATE
 * @__reserved: must be 0
 *
 * Change an extent's length without moving it. What is added reads as zeroes, also
 * where something was written behind the end, to the rest of the last page.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, @name is malformed, or
 *    @length is 0.
 *  - ENOENT: there is no such extent.
 *  - EPERM: the caller is neither its owner nor has CAP_SYS_ADMIN.
 *  - EBUSY: it is mapped, and shall become shorter.
 *  - ENOSPC: the blocks behind it are not free, see @largest; or are lent, and
 *    the system can not empty them.
 *  - EAGAIN: as with PMPOOL_CREATE.
 *  - EDQUOT: its owner would have more than its limit; see PMPOOL_LIMIT.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 */
struct pmpool_resize {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
	__aligned_u64 length;
	__aligned_u64 largest;
	__u32 timeout;
	__u32 __reserved;
};

#define PMPOOL_RESIZE _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_RESIZE)

/* Flags of PMPOOL_SET: what to set */
#define PMPOOL_SET_MODE		(1 << 0)
#define PMPOOL_SET_UID		(1 << 1)
#define PMPOOL_SET_GID		(1 << 2)
#define PMPOOL_SET_TAG		(1 << 3)

/**
 * struct pmpool_set - ioctl(PMPOOL_SET)
 * @size: sizeof(struct pmpool_set)
 * @flags: any of PMPOOL_SET_MODE, _UID, _GID, _TAG; what is not set is ignored,
 *	and must be 0
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 * @mode: permission bits, at most 0777
 * @uid: owner, in the caller's user namespace
 * @gid: group, in the caller's user namespace
 * @__reserved: must be 0
 * @tag: for the application
 *
 * Change attributes of an extent, all or none. It may be mapped; what is mapped
 * or granted stays so. The kernel applies them to each open that follows; for
 * ``/dev/pmpool-extents/NAME`` to show them, udev has to see the change event.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, @name is malformed, @mode
 *    has other bits, @uid or @gid does not exist in the caller's namespace, or
 *    something is not 0 that must be.
 *  - ENOENT: there is no such extent.
 *  - EPERM: the caller is neither its owner nor has CAP_SYS_ADMIN; or gives it to
 *    another owner, or to a group it is not in, without CAP_CHOWN.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 */
struct pmpool_set {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 __reserved;
	__u8 tag[PMPOOL_TAG_SIZE];
};

#define PMPOOL_SET _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_SET)

/**
 * struct pmpool_seal - ioctl(PMPOOL_SEAL)
 * @size: sizeof(struct pmpool_seal)
 * @flags: must be 0
 * @id: the extent's number, or 0 when @name is given
 * @name: the extent's name, or all NULs when @id is given
 *
 * Say that an extent is consistent now: it is marked clean, until the next write
 * through any mapping. Meant for a program that keeps its extent mapped; on the
 * file of an extent's own device @id and @name must be 0, and it is that one.
 * Needs a file that may write the extent, and that no other file has a writable
 * mapping of it.
 *
 * Errors:
 *
 *  - EINVAL: both or none of @id and @name are given, or @name is malformed.
 *  - ENOENT: there is no such extent.
 *  - EACCES: this file was not granted the extent for writing.
 *  - EBUSY: another file has a writable mapping.
 *  - EROFS: the pool is read-only.
 */
struct pmpool_seal {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	char name[PMPOOL_NAME_SIZE];
};

#define PMPOOL_SEAL _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_SEAL)

/* Flags of PMPOOL_LIMIT */
#define PMPOOL_LIMIT_SET	(1 << 0)

#define PMPOOL_UNLIMITED	(~0ULL)

/**
 * struct pmpool_limit - ioctl(PMPOOL_LIMIT)
 * @size: sizeof(struct pmpool_limit)
 * @flags: PMPOOL_LIMIT_SET to set the limit, else it is told
 * @uid: whose, in the caller's user namespace; (__u32)-1 for that of every user
 *	who has no limit of its own
 * @__reserved: must be 0
 * @max_bytes: in and out: of all extents of that user, in whole blocks, or
 *	PMPOOL_UNLIMITED
 * @max_extents: in and out: how many extents, or PMPOOL_UNLIMITED
 * @bytes: out: what the user's extents take now
 * @extents: out: how many they are
 *
 * Tell or set how much of the pool a user may have. It is kept in the pool.
 * Setting both to PMPOOL_UNLIMITED takes a user's own limit away. A limit below
 * what the user has removes nothing. CAP_SYS_RESOURCE overrides limits.
 *
 * Errors:
 *
 *  - EINVAL: @uid does not exist in the caller's namespace, or padding is not 0.
 *  - EPERM: to set, or to ask about another user, needs CAP_SYS_ADMIN.
 *  - ENFILE: every record is in use; see @max_extents of PMPOOL_INFO.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 *  - ENOMEM: the kernel is out of memory.
 */
struct pmpool_limit {
	__u32 size;
	__u32 flags;
	__u32 uid;
	__u32 __reserved;
	__aligned_u64 max_bytes;
	__aligned_u64 max_extents;
	__aligned_u64 bytes;
	__aligned_u64 extents;
};

#define PMPOOL_LIMIT _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_LIMIT)

/**
 * struct pmpool_repair - ioctl(PMPOOL_REPAIR)
 * @size: sizeof(struct pmpool_repair)
 * @flags: must be 0
 * @slot: of the extent table, one that is damaged: no record of it is valid, or
 *	its extent shares blocks or its name with another
 * @__reserved: must be 0
 * @record: struct pmpool_format_record that the slot gets, its seq and crc
 *	ignored: of type FREE to give the extent up, or EXTENT to bring it back
 *
 * Decide what becomes of a damaged record, in a degraded pool. When none is left
 * the pool is PMPOOL_STATE_OK again. ``pmpoolctl check --repair`` uses it.
 *
 * Errors:
 *
 *  - EPERM: needs CAP_SYS_ADMIN.
 *  - EINVAL: @slot is out of range or not damaged, or @record is not sound.
 *  - EEXIST: an extent of that name exists.
 *  - EBUSY: blocks of it belong to an intact extent, or to a user inside the
 *    kernel, or the system has used them.
 *  - EROFS: the pool is read-only.
 *  - ENOMEM: the kernel is out of memory.
 */
struct pmpool_repair {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 __reserved;
	__u8 record[256];
};

#define PMPOOL_REPAIR _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_REPAIR)

/* How long a command waits for memory that the system uses, unless told, in ms. */
#define PMPOOL_TIMEOUT		10000

/* Flags of PMPOOL_LEND */
#define PMPOOL_LEND_SET		(1 << 0)

/**
 * struct pmpool_lend - ioctl(PMPOOL_LEND)
 * @size: sizeof(struct pmpool_lend)
 * @flags: PMPOOL_LEND_SET to change how much is lent, else it is told
 * @lent: with PMPOOL_LEND_SET: how much shall be lent, rounded down to whole
 *	units; when there is not that much, all there is. Else out: how much is
 * @timeout: as that of PMPOOL_CREATE, when less shall be lent
 * @__reserved: must be 0
 * @offset: out, as what follows, without PMPOOL_LEND_SET: where the lent part
 *	starts; it is in one piece
 * @unit: what is lent at once: a memory block of the machine
 * @lendable: how much could be lent now, @lent included
 *
 * Lend memory that is in no extent to the system, which has it as "System RAM
 * (pmpool)", or take it back. The system uses it when its memory blocks have been
 * brought online: write ``online_movable`` to their ``state`` in
 * ``/sys/devices/system/memory``; as anything else they can not be. Memory that is
 * lent is taken back by itself when an extent needs it. No kernel that is started
 * by kexec_file_load() finds it in its memory map, and none is loaded into it; with
 * kexec_load() that is for the caller to see to.
 *
 * While memory is lent the driver can not be unloaded.
 *
 * Errors:
 *
 *  - EPERM: to set needs CAP_SYS_ADMIN.
 *  - EAGAIN: less shall be lent, and was not emptied within @timeout; that goes
 *    on. Or more shall be lent, and some is being taken back.
 *  - EBUSY: less shall be lent, and the system can not empty it.
 *  - ENOSPC: more shall be lent, and no whole unit is free beside what is lent.
 *  - EROFS: the pool is read-only.
 *  - EUCLEAN: the pool is degraded.
 *  - ENOMEM, EEXIST, E2BIG: the kernel could not add the memory.
 *  - EOPNOTSUPP: the kernel can not take memory back while it runs
 *    (CONFIG_MEMORY_HOTREMOVE), or has what is free without that, with
 *    PMPOOL_BACKING_CMA.
 */
struct pmpool_lend {
	__u32 size;
	__u32 flags;
	__aligned_u64 lent;
	__u32 timeout;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 unit;
	__aligned_u64 lendable;
};

#define PMPOOL_LEND _IO(PMPOOL_IOC_TYPE, PMPOOL_CMD_LEND)

/**
 * DOC: reading the metadata
 *
 * pread() on ``/dev/pmpool`` gives the pool's metadata, from offset 0 up to
 * @metadata_size of PMPOOL_INFO, as <linux/pmpool_format.h> describes it. Needs
 * CAP_SYS_ADMIN, else EPERM. Extents' contents can only be mapped.
 */

/**
 * DOC: mapping
 *
 * mmap() on ``/dev/pmpool`` at an extent's offset, or inside it, maps an extent
 * that this file opened with PMPOOL_OPEN; on ``/dev/pmpool-extents/NAME``
 * offsets count from the extent's start. lseek() with SEEK_END there gives the
 * extent's length.
 *
 * Errors of mmap():
 *
 *  - EINVAL: not MAP_SHARED.
 *  - ENXIO: the range is not inside one extent.
 *  - EACCES: the file was not granted the extent, or not for writing.
 *  - EROFS: PROT_WRITE, and the pool is read-only.
 *  - ENODEV: the extent was removed.
 *
 * An extent is mapped without struct pages: read() and write() from and to the
 * mapping work, and so do ptrace(), /proc/PID/mem, msync() and fsync(). O_DIRECT, RDMA,
 * vmsplice(), process_vm_readv() and futexes that processes share fail with EFAULT,
 * and with the last any lock of the C library that is shared and has to be waited
 * for. MADV_POPULATE_READ and MADV_POPULATE_WRITE fail with EINVAL.
 */

#endif /* _UAPI_LINUX_PMPOOL_H */
