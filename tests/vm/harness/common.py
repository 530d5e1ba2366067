# SPDX-License-Identifier: GPL-2.0-only
"""Errors, sizes, the cache and its locks."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent.parent

# Exit statuses of our own; every other one belongs to the command that ran in the guest.
EXIT_FAILED = 97    # the harness or the guest failed
EXIT_TIMEOUT = 98   # ended after the stated time
EXIT_SPLAT = 99     # the kernel complained on the console


class VmError(Exception):
    status = EXIT_FAILED


class VmTimeout(VmError):
    status = EXIT_TIMEOUT


class VmSplat(VmError):
    status = EXIT_SPLAT


class VmUsage(VmError):
    status = 2


def say(text):
    print(f'vm: {text}', file=sys.stderr, flush=True)


KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def parse_size(text, what='size'):
    m = re.fullmatch(r'(\d+)([KMGT]?)', text.strip(), re.I)
    if not m:
        raise VmUsage(f'{what} "{text}" is no size: write a number with K, M, G or T, such as 512M')
    return int(m[1]) * {'': 1, 'K': KIB, 'M': MIB, 'G': GIB, 'T': GIB << 10}[m[2].upper()]


def format_size(n):
    for unit, name in ((GIB, 'G'), (MIB, 'M'), (KIB, 'K')):
        if n % unit == 0:
            return f'{n // unit}{name}'
    return str(n)


def cache_dir():
    path = os.environ.get('PMPOOL_CACHE') or os.path.join(os.path.expanduser('~'), '.cache', 'pmpool')
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """Lets one process at a time make a thing; the others wait and find it made."""
    path = cache_dir() / 'locks' / f'{name}.lock'
    path.parent.mkdir(exist_ok=True)
    with open(path, 'w', encoding='ascii') as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f'another run is busy with {name}, waiting for it')
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_in(final):
    """A temporary directory beside FINAL that becomes FINAL when all went well, and goes away when not."""
    final = pathlib.Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    for stale in final.parent.glob('.making-*'):
        pid = stale.name.split('-')[1]
        if not os.path.exists(f'/proc/{pid}'):
            shutil.rmtree(stale, ignore_errors=True)
    tmp = pathlib.Path(tempfile.mkdtemp(prefix=f'.making-{os.getpid()}-', dir=final.parent))
    try:
        os.chmod(tmp, 0o755)
        yield tmp
        try:
            os.rename(tmp, final)
        except OSError:
            # Somebody else was faster: the key says that it is the same.
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def prune(parent, keep, in_use=()):
    """Removes all but the KEEP most recently used directories."""
    entries = [p for p in pathlib.Path(parent).glob('*') if p.is_dir() and not p.is_symlink() and not p.name.startswith('.')]
    entries.sort(key=lambda p: p.stat().st_mtime, reverse=True)
    for p in entries[keep:]:
        if str(p) not in in_use and str(p.resolve()) not in in_use:
            shutil.rmtree(p, ignore_errors=True)


def key_of(*parts):
    h = hashlib.sha256()
    for p in parts:
        p = p if isinstance(p, bytes) else str(p).encode()
        h.update(len(p).to_bytes(8, 'little') + p)
    return h.hexdigest()[:16]


def tree_key(top):
    """What a directory tree contains: names, modes, targets and bytes, but neither times nor owners."""
    h = hashlib.sha256()
    top = pathlib.Path(top)
    for p in sorted(top.rglob('*')):
        st = p.lstat()
        h.update(f'{p.relative_to(top)}\0{st.st_mode:o}\0'.encode())
        if p.is_symlink():
            h.update(os.readlink(p).encode())
        elif p.is_file():
            h.update(p.read_bytes())
    return h.hexdigest()[:16]


def run(argv, what, **kw):
    """Runs a host program; its output is shown only when it fails."""
    try:
        r = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           stdin=kw.pop('stdin', subprocess.DEVNULL), check=False, **kw)
    except FileNotFoundError as e:
        raise VmError(f'{what} needs the program {argv[0]}, which is not installed: run ./bootstrap') from e
    if r.returncode:
        tail = '\n'.join(r.stdout.decode(errors='replace').splitlines()[-25:])
        raise VmError(f'{what} failed: {argv[0]} ended with status {r.returncode}\n{tail}')
    return r.stdout.decode(errors='replace')


def static_program(source):
    """Compiles one of our C files for a guest, once per content."""
    source = HERE / source
    cflags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-static', '-s']
    cc = os.environ.get('CC', 'gcc')
    final = cache_dir() / 'programs' / key_of(source.read_bytes(), cc, cflags) / source.stem
    if final.exists():
        return final
    with locked(f'program-{source.stem}'):
        if not final.exists():
            with made_in(final.parent) as tmp:
                run([*cc.split(), *cflags, '-o', tmp / source.stem, source], f'compiling {source.name}')
    return final


class Timer:
    def __init__(self):
        self.start = time.monotonic()

    def __call__(self):
        return time.monotonic() - self.start
