# SPDX-License-Identifier: GPL-2.0-only
"""The host's side of guest-agent.c: one connection, one command."""

import os
import re
import select
import struct
import time

from . import qemu
from .common import VmError

PORTS = 6
ENVIRONMENT = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'USER=root', 'SHELL=/bin/sh',
               'LANG=C.UTF-8', 'TERM=dumb', 'SYSTEMD_BUS_TIMEOUT=600']
HELLO = re.compile(rb'\xffH ([0-9a-f-]{36})\n')
CHUNK = 64 << 10


class Restarted(VmError):
    """The guest's kernel was replaced while a command ran."""


class Dead(VmError):
    """QEMU is gone."""


class NotUp(VmError):
    """The agent has not answered in time."""


class Agent:
    def __init__(self, directory, alive, limit):
        """LIMIT is a function that makes a limit of so many seconds."""
        self.directory, self.alive, self.limit = directory, alive, limit
        self.sock, self.lock, self.buf = None, None, b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for f in (self.sock, self.lock):
            if f:
                f.close()
        self.sock = self.lock = None

    def _take_port(self, limit):
        import fcntl
        while True:
            for n in range(PORTS):
                lock = open(os.path.join(self.directory, f'exec.{n}.lock'), 'w', encoding='ascii')
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    lock.close()
                    continue
                try:
                    self.sock = qemu.connect(self.directory, f'exec.{n}')
                    self.lock = lock
                    return
                except OSError:
                    lock.close()
                    if not self.alive():
                        raise Dead('the guest has ended') from None
            if limit.passed():
                raise NotUp(f'all {PORTS} channels to the guest are busy')
            time.sleep(0.1)

    def _receive(self, timeout):
        """Adds to the buffer; False when nothing came in time."""
        if not select.select([self.sock], [], [], max(0, timeout))[0]:
            return False
        data = self.sock.recv(1 << 18)
        if not data:
            raise Dead('the guest has ended')
        self.buf += data
        return True

    def connect(self, limit, unlike=None, idle=None):
        """
        Finds the agent, and returns the id of the boot it belongs to. UNLIKE is a boot that is over: its agent may still
        answer, and is not what is waited for. IDLE is called about four times a second while waiting.
        """
        while True:
            if not self.sock:
                self._take_port(limit)
            nonce = os.urandom(16).hex()
            self.buf = b''
            try:
                self.sock.sendall(b'\xffS ' + nonce.encode() + b'\n')
            except OSError:
                self.close()
                if not self.alive():
                    raise Dead('the guest has ended') from None
                continue
            answer = re.compile(rb'\xffS ' + nonce.encode() + rb' ([0-9a-f-]{36})\n')
            soon, lost = self.limit(0.5), self.limit(5)
            while True:
                m = answer.search(self.buf)
                if m:
                    boot = m[1].decode()
                    if boot != unlike:
                        self.buf = self.buf[m.end():]
                        return boot
                    time.sleep(0.1)
                    break
                h = HELLO.search(self.buf)
                if h and soon.passed():
                    # A new agent, which may have been started after the question was thrown away.
                    break
                if limit.passed():
                    raise NotUp('the guest did not answer')
                if lost.passed():
                    # The question went to an agent that is gone: hang up, so that the port is opened anew, and ask again.
                    self.close()
                    time.sleep(0.2)
                    break
                if not self._receive(0.25) and not self.alive():
                    raise Dead('the guest has ended')
                if idle:
                    idle()

    def _frame(self, kind, data=b''):
        self.sock.sendall(kind + struct.pack('<I', len(data)) + data)

    def _frames(self):
        """Whole frames in the buffer."""
        while self.buf:
            if self.buf[:1] == b'\xff':
                if HELLO.match(self.buf):
                    raise Restarted('the guest restarted while the command ran')
                if len(self.buf) >= 40:
                    raise VmError(f'the agent talks nonsense: {self.buf[:40]!r}')
                return
            if len(self.buf) < 5:
                return
            size = struct.unpack('<I', self.buf[1:5])[0]
            if len(self.buf) < 5 + size:
                if HELLO.search(self.buf):
                    raise Restarted('the guest restarted while the command ran')
                return
            kind, data = self.buf[:1], self.buf[5:5 + size]
            if kind == b'Q' and b'\xffH' in data:
                # The old kernel's agent was cut off in mid-frame, and this is the next one's greeting.
                raise Restarted('the guest restarted while the command ran')
            self.buf = self.buf[5 + size:]
            yield kind, data

    def run(self, argv, limit, stdin=None, out=None, err=None, env=(), idle=None):
        """
        Runs ARGV. STDIN is a binary file or None; OUT and ERR are called with what the command writes. Returns its exit
        status as a shell has it; raises TimeoutError when the limit has passed, and hanging up kills the command.
        """
        for a in argv:
            self._frame(b'A', os.fsencode(a))
        for e in [*ENVIRONMENT, *env]:
            self._frame(b'V', os.fsencode(e))
        self._frame(b'X')
        source = stdin
        if source is None:
            self._frame(b'I')
        pending = b''
        self.sock.setblocking(False)
        last_idle = time.monotonic()
        while True:
            if source and not pending:
                data = source.read(CHUNK)
                pending = b'I' + struct.pack('<I', len(data)) + data
                if not data:
                    source = None
            r, w, _ = select.select([self.sock], [self.sock] if pending else [], [], 0.25)
            if w:
                try:
                    pending = pending[self.sock.send(pending):]
                except BlockingIOError:
                    pass
                except OSError:
                    raise Dead('the guest has ended') from None
            if r:
                self._receive(0)
                for kind, data in self._frames():
                    if kind == b'O' and out:
                        out(data)
                    elif kind == b'E' and err:
                        err(data)
                    elif kind == b'Q':
                        return self._status(argv, *struct.unpack('<II', data), err)
            now = time.monotonic()
            if idle and now - last_idle > 0.25:
                last_idle = now
                idle()
            if limit.passed():
                raise TimeoutError

    @staticmethod
    def _status(argv, kind, value, err):
        if kind == 0:
            return value
        if kind == 1:
            return 128 + value
        if err:
            err(f'vm: running {argv[0]} in the guest: {os.strerror(value)}\n'.encode())
        return 127 if value == 2 else 126
