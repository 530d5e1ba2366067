# SPDX-License-Identifier: GPL-2.0-only
"""Writes the cpio archives (newc) that an initramfs is made of."""

import pathlib
import stat


class Archive:
    def __init__(self):
        self._parts = []
        self._names = set()
        self._ino = 0

    def _entry(self, name, mode, data=b'', rdev=(0, 0)):
        self._ino += 1
        raw = name.encode() + b'\0'
        head = '070701' + ''.join(f'{n:08X}' for n in (self._ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0))
        self._parts.append(self._pad(head.encode() + raw) + self._pad(data))
        self._names.add(name)

    @staticmethod
    def _pad(b):
        return b + b'\0' * (-len(b) % 4)

    def directory(self, name):
        name = name.strip('/')
        if not name or name in self._names:
            return
        self.directory(str(pathlib.PurePath(name).parent) if '/' in name else '')
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        name = name.strip('/')
        if '/' in name:
            self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        name = name.strip('/')
        if name in self._names:
            return
        if '/' in name:
            self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        name = name.strip('/')
        self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def has(self, name):
        return name.strip('/') in self._names

    def bytes(self):
        end = b''.join(self._parts)
        trailer = Archive()
        trailer._entry('TRAILER!!!', 0)
        end += trailer._parts[0]
        return end + b'\0' * (-len(end) % 512)
