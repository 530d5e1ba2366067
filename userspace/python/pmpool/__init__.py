# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Memory that outlives the kernel.

A pool is a region of memory that survives kexec, and holds extents: pieces of it with a name, an owner and a mode. An
extent is open as a bytes-like object:

    import pmpool

    pmpool.create('runs', 4096)                 # once

    with pmpool.open('runs') as extent:         # under this kernel, and the next
        with memoryview(extent) as view, view[:8].cast('Q') as runs:
            runs[0] += 1
            print('run', runs[0])

Sizes are in bytes, points in time in nanoseconds since 1970 (as time.time_ns()), timeouts in seconds, None for ever.
Errors are OSErrors, of the kind that goes with their errno (FileNotFoundError, FileExistsError, PermissionError, ...), with
the name that they are about in filename. An extent or a watch is for one thread at a time; all else can be called from any.

The module is thin: what it calls is described in libpmpool(3) and the pages that this names. Lending memory to the system is
for pmpoolctl(1) and pmpoold(8): the module only tells how much is lent, in Info.
"""

import contextlib
import ctypes
import dataclasses
import errno
import io
import math
import mmap
import os
import time
import uuid
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from . import _library

__all__ = ['ANY_USER', 'Entry', 'Event', 'Extent', 'Info', 'Limit', 'Watch', 'create', 'extents', 'get_limit', 'info',
           'lookup', 'name_valid', 'open', 'remove', 'rename', 'resize', 'set', 'set_limit', 'wait', 'watch']

__version__: str = _library.version().decode()

# As a user, for limits: everybody who has none of their own.
ANY_USER = _library.ANY_USER


# ------------------------------------------------------------------- errors

_NAMES = "a name is 1 to 63 characters of [A-Za-z0-9._-], not '.' or '..'"

_ERRORS = {
    errno.ENOENT: 'there is no such extent',
    errno.EEXIST: 'an extent of that name exists; remove it first or choose another name',
    errno.EACCES: 'its owner and mode do not allow it',
    errno.EPERM: 'only its owner and root may do that',
    errno.EBUSY: 'it is mapped; close it first',
    errno.EDQUOT: 'its owner would have more than its limit',
    errno.ENFILE: 'every record of the pool is in use; remove an extent first',
    errno.ENODEV: 'it was removed or renamed; open it again',
    errno.EROFS: 'the pool is read-only',
    errno.EUCLEAN: 'the pool is degraded; see pmpoolctl check',
    errno.EAGAIN: 'the system uses memory that it needs; try again',
    errno.EOPNOTSUPP: "the driver's interface has another version than the library's",
}

_POOL_ERRORS = {
    errno.ENOENT: 'there is no pool; load the driver, and see pmpoolctl status',
    errno.EACCES: 'only root and members of the group pmpool may do that',
    errno.ENODEV: 'the pool has gone away',
    errno.EPROTONOSUPPORT: "the driver's interface has another version than the library's",
}

_UDEV_ERRORS = {
    errno.EOPNOTSUPP: 'udev does not run here, and nobody else tells of extents',
}

# A place that is long enough may be one that the system uses: lent, or with the backing cma.
_CAN_NOT_MOVE = 'the system uses memory that it needs and can not move that away; free some memory and try again'


def _check(result: int, name: str, texts: Optional[dict[int, str]] = None) -> None:
    """Raises an error of the library; TEXTS are what an errno means here, if not what it usually does."""
    if result < 0:
        text = (texts or {}).get(-result) or _ERRORS.get(-result) or os.strerror(-result)
        raise OSError(-result, text, name)


def _encode(name: str) -> bytes:
    """A name as the library takes it: refused here if it can not be one, for ctypes would cut it at a NUL."""
    encoded = os.fsencode(name)
    if b'\0' in encoded or not _library.name_valid(encoded):
        raise OSError(errno.EINVAL, _NAMES, name)
    return encoded


def _number(value: int, what: str, bits: int = 64) -> int:
    """A number that fits: ctypes would cut it."""
    if not 0 <= value < 1 << bits:
        raise ValueError(f'{what} {value} is not between 0 and 2**{bits} - 1')
    return value


def _tag(tag: bytes) -> bytes:
    if len(tag) > _library.TAG_LEN:
        raise ValueError(f'tag {tag!r} has {len(tag)} bytes; it can have {_library.TAG_LEN}')
    return tag


def name_valid(name: str) -> bool:
    """Whether an extent can have that name."""
    encoded = os.fsencode(name)
    return b'\0' not in encoded and _library.name_valid(encoded)


# ---------------------------------------------------------------- snapshots

@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What an extent was at some moment: see pmpool_entry_name(3)."""

    name: str
    id: int
    offset: int
    size: int
    uid: int
    gid: int
    mode: int
    uuid: uuid.UUID
    tag: bytes              # without the zeroes at its end
    generation: int         # in which it was created
    create_time: int
    clean: bool
    mapped: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Info:
    """What the pool was at some moment: see pmpool_get_info(3)."""

    size: int
    metadata_size: int
    block_size: int
    free_size: int
    largest_free: int
    extents: int
    max_extents: int
    generation: int
    state: str              # 'ok', 'read-only' or 'degraded'
    backing: str
    was_clean: bool
    format_version: int
    format_time: int
    attach_time: int
    handover_time: int      # 0: the last kernel did not let go
    uuid: uuid.UUID
    base: int               # 0 without CAP_SYS_ADMIN
    held: int               # what users inside the kernel have
    lent: int               # of what is free: to the system
    emptying: int           # of what is lent: is being taken back


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """What a user has, and may have, None for no limit: see pmpool_get_limit(3)."""

    max_size: Optional[int]
    max_extents: Optional[int]
    size: int
    extents: int


class Event(NamedTuple):
    """What has become of an extent, or of the pool when name is None: 'added', 'changed' or 'removed'."""

    action: str
    name: Optional[str]


def _entry(handle: Any) -> Entry:
    values = _library.snapshot(_library.ENTRY, handle)
    values['uuid'] = uuid.UUID(bytes=values['uuid'])
    values['tag'] = values['tag'].rstrip(b'\0')
    return Entry(**values)


def _taken_entry(handle: Any) -> Entry:
    try:
        return _entry(handle)
    finally:
        _library.entry_free(handle)


# ----------------------------------------------------------------- the pool

@contextlib.contextmanager
def _pool(flags: int) -> Iterator[Any]:
    result, pool = _library.new(_library.pool_open, None, flags)
    _check(result, _library.DEVICE, _POOL_ERRORS)
    try:
        yield pool
    finally:
        _library.pool_close(pool)


def _info(pool: Any) -> Info:
    result, handle = _library.new(_library.get_info, pool)
    _check(result, _library.DEVICE, _POOL_ERRORS)
    try:
        values = _library.snapshot(_library.INFO, handle)
    finally:
        _library.info_free(handle)
    values['uuid'] = uuid.UUID(bytes=values['uuid'])
    values['state'] = _library.STATES[values['state']]
    return Info(**values)


def info() -> Info:
    """What the pool is and holds."""
    with _pool(os.O_RDONLY) as pool:
        return _info(pool)


def extents() -> Iterator[Entry]:
    """All extents, in the order of their offsets."""
    with _pool(os.O_RDONLY) as pool:
        cursor = ctypes.c_uint64(0)
        while True:
            result, handle = _library.new(_library.next_entry, pool, ctypes.byref(cursor))
            if result == -errno.ENOENT:
                return
            _check(result, _library.DEVICE, _POOL_ERRORS)
            yield _taken_entry(handle)


def lookup(name: str) -> Entry:
    """What the extent of that name is."""
    encoded = _encode(name)
    with _pool(os.O_RDONLY) as pool:
        result, handle = _library.new(_library.lookup, pool, encoded)
        _check(result, name)
        return _taken_entry(handle)


def create(name: str, size: int, *, mode: int = 0o600, align: int = 0, tag: bytes = b'') -> Entry:
    """
    Make an extent of SIZE bytes, which belongs to the caller and reads as zeroes. ALIGN, a power of two from the size of a
    block up, is that of its place in the machine's memory; TAG, up to 16 bytes, says what it holds.
    """
    encoded, tag = _encode(name), _tag(tag)
    with _pool(os.O_RDWR) as pool:
        result, options = _library.new(_library.options_new)
        _check(result, name)
        try:
            _library.options_set_mode(options, _number(mode, 'mode', 32))
            _library.options_set_align(options, _number(align, 'align'))
            _check(_library.options_set_tag(options, tag, len(tag)), name)
            result, handle = _library.new(_library.create, pool, encoded, _number(size, 'size'), options)
        finally:
            _library.options_free(options)
        if result == -errno.ENOSPC:
            now = _info(pool)
            used = now.largest_free >= size and align <= now.block_size
            raise OSError(errno.ENOSPC, _CAN_NOT_MOVE if used else
                          f'no free run of {size} bytes; the largest is {now.largest_free}', name)
        _check(result, name, {
            errno.EINVAL: f'a size of {size} bytes, mode {mode:#o} or align {align} can not be: the size is at least 1, the '
                          'mode at most 0o777, and align 0 or a power of two from the block size up',
        })
        return _taken_entry(handle)


def remove(name: str) -> None:
    """Remove an extent, and what it holds. Nobody may have it mapped."""
    encoded = _encode(name)
    with _pool(os.O_RDWR) as pool:
        _check(_library.remove(pool, encoded), name)


def rename(name: str, new_name: str) -> None:
    """Give an extent another name. Nobody may have it mapped."""
    encoded, new_encoded = _encode(name), _encode(new_name)
    with _pool(os.O_RDWR) as pool:
        result = _library.rename(pool, encoded, new_encoded)
        _check(result, new_name if result == -errno.EEXIST else name)


def resize(name: str, size: int) -> None:
    """
    Make an extent longer or shorter where it is, shorter only when nobody has it mapped. What has it open keeps the length
    that it has; open it again for the new one.
    """
    encoded = _encode(name)
    largest = ctypes.c_uint64(0)
    with _pool(os.O_RDWR) as pool:
        result = _library.resize(pool, encoded, _number(size, 'size'), ctypes.byref(largest))
        _check(result, name, {
            errno.EINVAL: f'a size of {size} bytes can not be: it is at least 1',
            errno.ENOSPC: _CAN_NOT_MOVE if largest.value >= size else
                          f'{size} bytes do not fit; it can have at most {largest.value} where it is',
        })


def set(name: str, *, mode: Optional[int] = None, uid: Optional[int] = None, gid: Optional[int] = None,
        tag: Optional[bytes] = None) -> None:
    """Change the mode, owner, group or tag of an extent: all that are given, or none."""
    encoded = _encode(name)
    with _pool(os.O_RDWR) as pool:
        result, change = _library.new(_library.change_new)
        _check(result, name)
        try:
            if mode is not None:
                _library.change_set_mode(change, _number(mode, 'mode', 32))
            if uid is not None:
                _library.change_set_uid(change, _number(uid, 'uid', 32))
            if gid is not None:
                _library.change_set_gid(change, _number(gid, 'gid', 32))
            if tag is not None:
                _check(_library.change_set_tag(change, _tag(tag), len(tag)), name)
            result = _library.change(pool, encoded, change)
        finally:
            _library.change_free(change)
        _check(result, name, {errno.EINVAL: 'a mode is at most 0o777, and there must be such a user and group'})


def get_limit(uid: int = ANY_USER) -> Limit:
    """What a user has, and may have. Only root may ask about other users."""
    with _pool(os.O_RDONLY) as pool:
        result, handle = _library.new(_library.get_limit, pool, _number(uid, 'uid', 32))
        _check(result, _library.DEVICE, {errno.EPERM: f'only root may ask about user {uid}'})
        try:
            values = _library.snapshot(_library.LIMIT, handle)
        finally:
            _library.limit_free(handle)
    for field in ('max_size', 'max_extents'):
        if values[field] == _library.NO_LIMIT:
            values[field] = None
    return Limit(**values)


def set_limit(uid: int, max_size: Optional[int], max_extents: Optional[int]) -> None:
    """Limit what a user may have, None for no limit; both None take a user's own limit away. For root."""
    numbers = [_library.NO_LIMIT if n is None else _number(n, 'limit') for n in (max_size, max_extents)]
    with _pool(os.O_RDWR) as pool:
        _check(_library.set_limit(pool, _number(uid, 'uid', 32), *numbers), _library.DEVICE,
               {errno.EPERM: 'only root may set limits'})


# ------------------------------------------------------------- open extents

class Extent(mmap.mmap):
    """
    An open extent, and its memory. It is what mmap.mmap is: bytes-like, so that memoryview(extent), extent[a:b] and
    struct.pack_into() work on it, of the length that the extent had when it was opened.

    As a context manager it is closed at the end. While somebody has a memoryview of it, closing it raises BufferError,
    and it stays open and mapped.
    """

    _entry: Entry
    _handle: Any
    _finalizer: Any

    def __new__(cls, name: str, *, readonly: bool = False) -> 'Extent':
        result, handle = _library.new(_library.extent_open, _encode(name), os.O_RDONLY if readonly else os.O_RDWR)
        _check(result, name, {errno.ENOENT: 'there is no such extent, or no pool; see pmpool.wait()'})
        try:
            entry = _entry(_library.extent_entry(handle))
            # It takes a descriptor of its own.
            access = mmap.ACCESS_READ if readonly else mmap.ACCESS_WRITE
            self = super().__new__(cls, _library.extent_fd(handle), entry.size, access=access)  # type: ignore[call-arg]
        except OSError as e:
            _library.extent_close(handle)
            raise OSError(e.errno, _ERRORS.get(e.errno, e.strerror), name) from e
        except BaseException:
            _library.extent_close(handle)
            raise
        self._entry = entry
        self._handle = handle
        self._finalizer = weakref.finalize(self, _library.extent_close, handle)
        return self

    def __repr__(self) -> str:
        return f'<{"closed" if self.closed else "open"} extent {self.name!r}>'

    def __enter__(self) -> 'Extent':
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def entry(self) -> Entry:
        """What it was when it was opened: entry.clean says how it was left."""
        return self._entry

    @property
    def name(self) -> str:
        """What it was called when it was opened."""
        return self._entry.name

    def close(self) -> None:
        """Unmap and close it. BufferError: somebody has a memoryview of it."""
        super().close()
        self._finalizer()

    def seal(self) -> None:
        """Say that what it holds is consistent now: it is marked clean until the next write."""
        if self.closed:
            raise ValueError(f'extent {self.name!r} is closed')
        _check(_library.extent_seal(self._handle), self.name, {
            errno.EACCES: 'it was opened with readonly=True',
            errno.EBUSY: 'another file has a writable mapping of it, and nobody can speak for that',
        })

    def flush(self, *_range: int) -> None:
        """Does nothing: what is in memory is where it shall be."""

    def size(self) -> int:
        """The same as len(): a device has no size that mmap could tell."""
        return len(self)

    def resize(self, newsize: int) -> None:
        """Can not be done to what is mapped."""
        raise io.UnsupportedOperation(f'extent {self.name!r} keeps its length while it is open: use pmpool.resize() and open '
                                      'it again')


def open(name: str, *, readonly: bool = False) -> Extent:
    """Open the extent of that name, and map all of it. Its owner, group and mode say who may."""
    return Extent(name, readonly=readonly)


# ------------------------------------------------------------------ waiting

class _Deadline:
    def __init__(self, timeout: Optional[float]):
        self._end = None if timeout is None else time.monotonic() + timeout

    def milliseconds(self) -> int:
        """What is left, for a function of the library."""
        if self._end is None:
            return -1
        return min(max(0, math.ceil((self._end - time.monotonic()) * 1000)), 2**31 - 1)


def wait(name: str, timeout: Optional[float] = None) -> None:
    """Wait until there is an extent of that name that can be opened. TimeoutError: it did not come in time."""
    encoded = _encode(name)
    deadline = _Deadline(timeout)
    while True:
        result = _library.extent_wait(encoded, deadline.milliseconds())
        # A signal's handler has run, and did not raise anything.
        if result != -errno.EINTR:
            break
    _check(result, name, {errno.ETIMEDOUT: f'there was no such extent within {timeout} s'} | _UDEV_ERRORS)


class Watch:
    """
    Hears of extents that come, change and go, and of the pool. What is there already is told first, as added.

    It can be iterated over, for ever; or asked for the next event; or be given to select, by its fileno(): then ask it with
    a timeout of 0 until it says None.
    """

    def __init__(self) -> None:
        result, self._handle = _library.new(_library.watch_new)
        _check(result, 'udev', _UDEV_ERRORS)
        self._finalizer = weakref.finalize(self, _library.watch_free, self._handle)

    def __enter__(self) -> 'Watch':
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __iter__(self) -> 'Watch':
        return self

    def __next__(self) -> Event:
        event = self.next()
        assert event is not None
        return event

    def _open(self) -> Any:
        if not self._finalizer.alive:
            raise ValueError('this watch is closed')
        return self._handle

    def next(self, timeout: Optional[float] = None) -> Optional[Event]:
        """What happened next; None when nothing did in that time."""
        deadline = _Deadline(timeout)
        while True:
            result, handle = _library.new(_library.watch_next, self._open(), deadline.milliseconds())
            if result == -errno.ETIMEDOUT and deadline.milliseconds() == 0:
                return None
            if result not in (-errno.ETIMEDOUT, -errno.EINTR):
                break
        _check(result, 'udev', _UDEV_ERRORS)
        try:
            name = _library.event_name(handle)
            return Event(_library.ACTIONS[_library.event_action(handle)], None if name is None else name.decode())
        finally:
            _library.event_free(handle)

    def fileno(self) -> int:
        """For select: readable when there may be an event. Only look whether it is."""
        fd: int = _library.watch_fd(self._open())
        return fd

    def close(self) -> None:
        """Hear no more."""
        self._finalizer()


def watch() -> Watch:
    """Begin to hear of extents that come, change and go."""
    return Watch()
