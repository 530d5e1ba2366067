# SPDX-License-Identifier: LGPL-2.1-or-later
"""libpmpool as ctypes see it: the functions of <pmpool.h>, with what they take and return."""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_bool, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from typing import Any

SONAME = 'libpmpool.so.1'
# From <pmpool.h>.
DEVICE = '/dev/pmpool'
TAG_LEN = 16
NO_LIMIT = 2**64 - 1
ANY_USER = 2**32 - 1
STATES = ('ok', 'read-only', 'degraded')
ACTIONS = ('added', 'changed', 'removed')

try:
    _lib = ctypes.CDLL(SONAME)
except OSError as e:
    raise ImportError(f'{SONAME} can not be loaded ({e}): install libpmpool') from e

_HANDLE = POINTER(c_void_p)


def _declare(result: Any, name: str, *arguments: Any) -> Any:
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = arguments
    return function


version = _declare(c_char_p, 'pmpool_version')
name_valid = _declare(c_bool, 'pmpool_name_valid', c_char_p)

pool_open = _declare(c_int, 'pmpool_open', c_char_p, c_int, _HANDLE)
pool_close = _declare(None, 'pmpool_close', c_void_p)
get_info = _declare(c_int, 'pmpool_get_info', c_void_p, _HANDLE)
info_free = _declare(None, 'pmpool_info_free', c_void_p)
create = _declare(c_int, 'pmpool_create', c_void_p, c_char_p, c_uint64, c_void_p, _HANDLE)
remove = _declare(c_int, 'pmpool_remove', c_void_p, c_char_p)
rename = _declare(c_int, 'pmpool_rename', c_void_p, c_char_p, c_char_p)
resize = _declare(c_int, 'pmpool_resize', c_void_p, c_char_p, c_uint64, POINTER(c_uint64))
change = _declare(c_int, 'pmpool_set', c_void_p, c_char_p, c_void_p)
lookup = _declare(c_int, 'pmpool_lookup', c_void_p, c_char_p, _HANDLE)
next_entry = _declare(c_int, 'pmpool_next', c_void_p, POINTER(c_uint64), _HANDLE)
entry_free = _declare(None, 'pmpool_entry_free', c_void_p)

options_new = _declare(c_int, 'pmpool_options_new', _HANDLE)
options_free = _declare(None, 'pmpool_options_free', c_void_p)
options_set_mode = _declare(None, 'pmpool_options_set_mode', c_void_p, c_uint)
options_set_align = _declare(None, 'pmpool_options_set_align', c_void_p, c_uint64)
options_set_tag = _declare(c_int, 'pmpool_options_set_tag', c_void_p, c_char_p, c_size_t)
change_new = _declare(c_int, 'pmpool_change_new', _HANDLE)
change_free = _declare(None, 'pmpool_change_free', c_void_p)
change_set_mode = _declare(None, 'pmpool_change_set_mode', c_void_p, c_uint)
change_set_uid = _declare(None, 'pmpool_change_set_uid', c_void_p, c_uint)
change_set_gid = _declare(None, 'pmpool_change_set_gid', c_void_p, c_uint)
change_set_tag = _declare(c_int, 'pmpool_change_set_tag', c_void_p, c_char_p, c_size_t)

extent_open = _declare(c_int, 'pmpool_extent_open', c_char_p, c_int, _HANDLE)
extent_close = _declare(None, 'pmpool_extent_close', c_void_p)
extent_entry = _declare(c_void_p, 'pmpool_extent_entry', c_void_p)
extent_fd = _declare(c_int, 'pmpool_extent_fd', c_void_p)
extent_seal = _declare(c_int, 'pmpool_extent_seal', c_void_p)
extent_wait = _declare(c_int, 'pmpool_extent_wait', c_char_p, c_int)

watch_new = _declare(c_int, 'pmpool_watch_new', _HANDLE)
watch_free = _declare(None, 'pmpool_watch_free', c_void_p)
watch_fd = _declare(c_int, 'pmpool_watch_fd', c_void_p)
watch_next = _declare(c_int, 'pmpool_watch_next', c_void_p, c_int, _HANDLE)
event_free = _declare(None, 'pmpool_event_free', c_void_p)
event_action = _declare(c_int, 'pmpool_event_action', c_void_p)
event_name = _declare(c_char_p, 'pmpool_event_name', c_void_p)

get_limit = _declare(c_int, 'pmpool_get_limit', c_void_p, c_uint, _HANDLE)
set_limit = _declare(c_int, 'pmpool_set_limit', c_void_p, c_uint, c_uint64, c_uint64)
limit_free = _declare(None, 'pmpool_limit_free', c_void_p)


def _fields(prefix: str, **types: Any) -> dict[str, Any]:
    return {field: _declare(result, f'{prefix}_{field}', c_void_p) for field, result in types.items()}


# Snapshots, by the functions that read them. Bytes are behind a pointer.
ENTRY = _fields('pmpool_entry', name=c_char_p, id=c_uint64, offset=c_uint64, size=c_uint64, uid=c_uint, gid=c_uint,
                mode=c_uint, uuid=c_void_p, tag=c_void_p, generation=c_uint64, create_time=c_uint64, clean=c_bool,
                mapped=c_bool)
INFO = _fields('pmpool_info', size=c_uint64, metadata_size=c_uint64, block_size=c_uint64, free_size=c_uint64,
               largest_free=c_uint64, extents=c_uint, max_extents=c_uint, generation=c_uint64, state=c_int,
               backing=c_char_p, was_clean=c_bool, format_version=c_uint, format_time=c_uint64, attach_time=c_uint64,
               handover_time=c_uint64, uuid=c_void_p, base=c_uint64, held=c_uint64, lent=c_uint64,
               emptying=c_uint64)
LIMIT = _fields('pmpool_limit', max_size=c_uint64, max_extents=c_uint64, size=c_uint64, extents=c_uint64)


def snapshot(fields: dict[str, Any], handle: Any) -> dict[str, Any]:
    """A dictionary of what a snapshot holds: text as str, 16 bytes as bytes."""
    values = {}
    for field, function in fields.items():
        value = function(handle)
        if function.restype is c_char_p:
            value = value.decode()
        elif function.restype is c_void_p:
            value = ctypes.string_at(value, 16)
        values[field] = value
    return values


def new(function: Callable[..., Any], *arguments: Any) -> tuple[int, c_void_p]:
    """Calls a function that stores a handle by its last argument. Returns its error, 0 or negative, and the handle."""
    handle = c_void_p()
    return function(*arguments, byref(handle)), handle
