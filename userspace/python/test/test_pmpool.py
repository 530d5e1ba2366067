# SPDX-License-Identifier: GPL-2.0-only
"""
The Python module on a real pool, with a real udev. Run as root in a guest whose pool has nothing else to do and 16 MiB free;
creates and removes extents called python.*, no others.
"""

import contextlib
import errno
import gc
import io
import mmap
import os
import pathlib
import select
import signal
import struct
import textwrap
import threading
import time
import types
import unittest
import unittest.mock
import uuid

import pmpool

BLOCK = 2 << 20
SOON = 30
NOBODY = 65534


def mappings(name):
    return int(pathlib.Path('/sys/class/pmpool', name, 'mappings').read_text())


def descriptors():
    return len(os.listdir('/proc/self/fd'))


class Case(unittest.TestCase):
    def setUp(self):
        self.before = descriptors()
        self.addCleanup(self.remove_all)

    def remove_all(self):
        gc.collect()
        for entry in list(pmpool.extents()):
            if entry.name.startswith('python.'):
                pmpool.remove(entry.name)
        self.assertEqual(descriptors(), self.before, 'no descriptor is left open')

    def fails(self, kind, number, name, text, function, *args, **kwargs):
        with self.assertRaises(kind) as caught:
            function(*args, **kwargs)
        self.assertEqual(caught.exception.errno, number)
        self.assertEqual(caught.exception.filename, name)
        self.assertIn(text, str(caught.exception))
        self.assertIn(repr(name), str(caught.exception))


class Extents(Case):
    def test_create_tells_what_was_made(self):
        before = time.time_ns()
        entry = pmpool.create('python.a', 5000, mode=0o640, align=2 * BLOCK, tag=b'python 1')
        self.assertEqual((entry.name, entry.size, entry.mode, entry.tag), ('python.a', 5000, 0o640, b'python 1'))
        self.assertEqual((entry.uid, entry.gid), (os.geteuid(), os.getegid()))
        self.assertEqual((pmpool.info().base + entry.offset) % (2 * BLOCK), 0)
        self.assertTrue(before <= entry.create_time <= time.time_ns())
        self.assertEqual(entry.generation, pmpool.info().generation)
        self.assertIsInstance(entry.uuid, uuid.UUID)
        self.assertTrue(entry.clean)
        self.assertFalse(entry.mapped)
        self.assertEqual(pmpool.lookup('python.a'), entry)

    def test_extents_are_told_in_order(self):
        made = {pmpool.create(f'python.{n}', 1).id for n in range(3)}
        told = [entry for entry in pmpool.extents() if entry.name.startswith('python.')]
        self.assertEqual({entry.id for entry in told}, made)
        self.assertEqual(told, sorted(told, key=lambda entry: entry.offset))

    def test_an_abandoned_walk_closes_the_pool(self):
        pmpool.create('python.a', 1)
        walk = pmpool.extents()
        next(walk)
        self.assertEqual(descriptors(), self.before + 1)
        del walk
        self.assertEqual(descriptors(), self.before)

    def test_changes(self):
        pmpool.create('python.a', 1)
        pmpool.set('python.a', mode=0o604, uid=12345, tag=b'new')
        entry = pmpool.lookup('python.a')
        self.assertEqual((entry.mode, entry.uid, entry.gid, entry.tag), (0o604, 12345, os.getegid(), b'new'))
        pmpool.resize('python.a', BLOCK + 1)
        pmpool.rename('python.a', 'python.b')
        self.assertEqual(pmpool.lookup('python.b').size, BLOCK + 1)
        pmpool.remove('python.b')
        self.fails(FileNotFoundError, errno.ENOENT, 'python.b', 'there is no such extent', pmpool.lookup, 'python.b')

    def test_info(self):
        info = pmpool.info()
        self.assertEqual(info.size, int(pathlib.Path('/sys/class/misc/pmpool/size').read_text()))
        self.assertEqual(info.uuid, uuid.UUID(pathlib.Path('/sys/class/misc/pmpool/uuid').read_text().strip()))
        self.assertEqual((info.state, info.backing, info.block_size, info.held), ('ok', 'reserved', BLOCK, 0))
        self.assertGreaterEqual(info.free_size, info.largest_free)
        self.assertEqual(info.lent, int(pathlib.Path('/sys/class/misc/pmpool/lent').read_text()))
        self.assertLessEqual(info.emptying, info.lent)

    def test_limits(self):
        self.addCleanup(pmpool.set_limit, 12345, None, None)
        self.assertEqual(pmpool.get_limit(12345), pmpool.Limit(None, None, 0, 0))
        pmpool.set_limit(12345, 2 * BLOCK, 1)
        pmpool.create('python.a', 1)
        pmpool.set('python.a', uid=12345)
        self.assertEqual(pmpool.get_limit(12345), pmpool.Limit(2 * BLOCK, 1, BLOCK, 1))


class Errors(Case):
    def test_names(self):
        for name in ('', '.', '..', 'a/b', 'a b', 'x' * 64, 'a\0', '\udcff'):
            self.assertFalse(pmpool.name_valid(name))
            for function in (pmpool.open, pmpool.lookup, pmpool.remove, pmpool.wait):
                self.fails(OSError, errno.EINVAL, name, '1 to 63 characters', function, name)
        self.assertTrue(pmpool.name_valid('x' * 63))
        # What ctypes would make of it exists.
        pmpool.create('python.a', 1)
        self.fails(OSError, errno.EINVAL, 'python.a\0b', '1 to 63', pmpool.remove, 'python.a\0b')

    def test_create(self):
        pmpool.create('python.a', 1)
        self.fails(FileExistsError, errno.EEXIST, 'python.a', 'of that name exists', pmpool.create, 'python.a', 1)
        self.fails(OSError, errno.EINVAL, 'python.b', 'a size of 0 bytes', pmpool.create, 'python.b', 0)
        self.fails(OSError, errno.EINVAL, 'python.b', 'mode 0o1000', pmpool.create, 'python.b', 1, mode=0o1000)
        self.fails(OSError, errno.EINVAL, 'python.b', 'align 3', pmpool.create, 'python.b', 1, align=3)
        self.fails(OSError, errno.ENOSPC, 'python.b', f'the largest is {pmpool.info().largest_free}',
                   pmpool.create, 'python.b', 1 << 50)
        for size in (-1, 1 << 64):
            with self.assertRaisesRegex(ValueError, f'size {size} '):
                pmpool.create('python.b', size)
        with self.assertRaisesRegex(ValueError, 'has 17 bytes'):
            pmpool.create('python.b', 1, tag=b'seventeen letters')
        with self.assertRaises(TypeError):
            pmpool.create('python.b', 'much')
        self.fails(FileNotFoundError, errno.ENOENT, 'python.b', 'there is no such extent', pmpool.lookup, 'python.b')

    def test_changes(self):
        pmpool.create('python.a', BLOCK)
        pmpool.create('python.b', 1)
        self.fails(FileNotFoundError, errno.ENOENT, 'python.c', 'no such', pmpool.remove, 'python.c')
        self.fails(FileNotFoundError, errno.ENOENT, 'python.c', 'no such', pmpool.rename, 'python.c', 'python.d')
        self.fails(FileExistsError, errno.EEXIST, 'python.b', 'exists', pmpool.rename, 'python.a', 'python.b')
        self.fails(FileNotFoundError, errno.ENOENT, 'python.c', 'no such', pmpool.set, 'python.c', mode=0)
        self.fails(OSError, errno.EINVAL, 'python.a', 'at most 0o777', pmpool.set, 'python.a', mode=0o1000)
        self.fails(OSError, errno.ENOSPC, 'python.a', f'at most {BLOCK} where it is', pmpool.resize, 'python.a', 2 * BLOCK)
        with pmpool.open('python.a'):
            self.fails(OSError, errno.EBUSY, 'python.a', 'it is mapped', pmpool.remove, 'python.a')
            self.fails(OSError, errno.EBUSY, 'python.a', 'it is mapped', pmpool.resize, 'python.a', 1)

    def test_what_others_may_do(self):
        pmpool.create('python.a', 1)
        pmpool.wait('python.a', SOON)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                self.fails(PermissionError, errno.EACCES, 'python.a', 'owner and mode', pmpool.open, 'python.a')
                self.fails(PermissionError, errno.EACCES, '/dev/pmpool', 'group pmpool', pmpool.remove, 'python.a')
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


class MadeUpErrors(unittest.TestCase):
    """Those for which memory would have to be short; needs no pool."""

    def library(self, **answers):
        for name, value in (answers | {'pool_open': 0, 'pool_close': None}).items():
            self.enterContext(unittest.mock.patch(f'pmpool._library.{name}', lambda *_, value=value: value))

    def fails(self, number, text, function, *args, **kwargs):
        with self.assertRaises(OSError) as caught:
            function(*args, **kwargs)
        self.assertEqual((caught.exception.errno, caught.exception.strerror), (number, text))

    def test_create(self):
        now = types.SimpleNamespace(largest_free=4 * BLOCK, block_size=BLOCK)
        self.enterContext(unittest.mock.patch('pmpool._info', lambda _: now))
        self.library(create=-errno.ENOSPC)
        self.fails(errno.ENOSPC, 'the system uses memory that it needs and can not move that away; free some memory and try '
                   'again', pmpool.create, 'python.a', 4 * BLOCK)
        self.fails(errno.ENOSPC, f'no free run of {4 * BLOCK + 1} bytes; the largest is {4 * BLOCK}',
                   pmpool.create, 'python.a', 4 * BLOCK + 1)
        self.fails(errno.ENOSPC, f'no free run of 1 bytes; the largest is {4 * BLOCK}',
                   pmpool.create, 'python.a', 1, align=2 * BLOCK)
        self.library(create=-errno.EAGAIN)
        self.fails(errno.EAGAIN, 'the system uses memory that it needs; try again', pmpool.create, 'python.a', 1)

    def test_resize(self):
        def resize(_pool, _name, _size, largest):
            largest._obj.value = 4 * BLOCK
            return -errno.ENOSPC

        self.library()
        self.enterContext(unittest.mock.patch('pmpool._library.resize', resize))
        self.fails(errno.ENOSPC, 'the system uses memory that it needs and can not move that away; free some memory and try '
                   'again', pmpool.resize, 'python.a', 4 * BLOCK)
        self.fails(errno.ENOSPC, f'{4 * BLOCK + 1} bytes do not fit; it can have at most {4 * BLOCK} where it is',
                   pmpool.resize, 'python.a', 4 * BLOCK + 1)
        self.library(resize=-errno.EAGAIN)
        self.fails(errno.EAGAIN, 'the system uses memory that it needs; try again', pmpool.resize, 'python.a', 1)

    def test_udev(self):
        nobody = 'udev does not run here, and nobody else tells of extents'
        self.library(extent_wait=-errno.EOPNOTSUPP, watch_new=-errno.EOPNOTSUPP, remove=-errno.EOPNOTSUPP)
        self.fails(errno.EOPNOTSUPP, nobody, pmpool.wait, 'python.a')
        self.fails(errno.EOPNOTSUPP, nobody, pmpool.watch)
        self.fails(errno.EOPNOTSUPP, "the driver's interface has another version than the library's",
                   pmpool.remove, 'python.a')


class Documentation(Case):
    def test_the_first_example(self):
        self.addCleanup(pmpool.remove, 'runs')
        code = textwrap.dedent('\n'.join(line for line in pmpool.__doc__.splitlines() if line.startswith('    ')))
        once, each_time = code.split("'runs', 4096)")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(once + "'runs', 4096)" + each_time, {})
            pmpool.wait('runs', SOON)
            exec('import pmpool\n' + each_time, {})
        self.assertEqual(said.getvalue(), 'run 1\nrun 2\n')


class Memory(Case):
    def setUp(self):
        super().setUp()
        pmpool.create('python.a', 5000)
        pmpool.wait('python.a', SOON)

    def test_bytes_stay(self):
        with pmpool.open('python.a') as extent:
            self.assertEqual((len(extent), extent.name, extent.closed), (5000, 'python.a', False))
            self.assertEqual(extent[:], bytes(5000))
            extent[0:7] = b'written'
            struct.pack_into('<Q', extent, 4992, 2**63 + 1)
            self.assertEqual(mappings('python.a'), 1)
        self.assertTrue(extent.closed)
        self.assertEqual(mappings('python.a'), 0)
        self.assertEqual(descriptors(), self.before)
        with pmpool.open('python.a', readonly=True) as extent:
            self.assertEqual(extent[:7], b'written')
            self.assertEqual(struct.unpack_from('<Q', extent, 4992), (2**63 + 1,))

    def test_a_memoryview_writes_to_it(self):
        with pmpool.open('python.a') as extent, memoryview(extent) as view:
            self.assertEqual((view.nbytes, view.readonly), (5000, False))
            view[8:16].cast('Q')[0] = 42
            with pmpool.open('python.a', readonly=True) as reader, memoryview(reader) as other:
                self.assertEqual(other[8:16].cast('Q')[0], 42)

    def test_readonly(self):
        with pmpool.open('python.a', readonly=True) as extent:
            with self.assertRaises(TypeError):
                extent[0:1] = b'x'
            with memoryview(extent) as view:
                self.assertTrue(view.readonly)
            self.assertTrue(pmpool.lookup('python.a').clean)
            self.fails(PermissionError, errno.EACCES, 'python.a', 'readonly=True', extent.seal)

    def test_closing_under_a_memoryview(self):
        extent = pmpool.open('python.a')
        view = memoryview(extent)
        with self.assertRaises(BufferError):
            extent.close()
        with self.assertRaises(BufferError):
            with extent:
                pass
        # It is mapped still, and as it was.
        view[0:3] = b'abc'
        self.assertEqual(bytes(extent[:3]), b'abc')
        self.assertFalse(extent.closed)
        extent.seal()
        view.release()
        extent.close()
        extent.close()
        self.assertEqual(mappings('python.a'), 0)
        for use in (lambda: extent[0], lambda: memoryview(extent), extent.seal):
            with self.assertRaises(ValueError):
                use()

    def test_a_forgotten_extent_is_closed(self):
        view = memoryview(pmpool.open('python.a'))
        gc.collect()
        self.assertEqual(mappings('python.a'), 1, 'the memoryview holds it')
        view[0] = 1
        del view
        gc.collect()
        self.assertEqual(mappings('python.a'), 0)

    def test_clean_and_sealed(self):
        with pmpool.open('python.a') as extent:
            self.assertTrue(extent.entry.clean)
            extent[0] = 1
            self.assertFalse(pmpool.lookup('python.a').clean)
            extent.seal()
            self.assertTrue(pmpool.lookup('python.a').clean)
            extent[0] = 2
            self.assertFalse(pmpool.lookup('python.a').clean)
            with pmpool.open('python.a') as other:
                self.fails(OSError, errno.EBUSY, 'python.a', 'another file', other.seal)
        self.assertTrue(pmpool.lookup('python.a').clean)

    def test_what_mmap_would_do_wrong(self):
        with pmpool.open('python.a') as extent:
            self.assertIsInstance(extent, mmap.mmap)
            extent.flush()
            with self.assertRaisesRegex(OSError, 'use pmpool.resize'):
                extent.resize(1)
            pmpool.resize('python.a', 6000)
            self.assertEqual((len(extent), extent.size()), (5000, 5000))
        with pmpool.open('python.a') as extent:
            self.assertEqual(len(extent), 6000)

    def test_a_missing_extent(self):
        self.fails(FileNotFoundError, errno.ENOENT, 'python.none', 'see pmpool.wait', pmpool.open, 'python.none')

    def test_many_times(self):
        for n in range(200):
            with pmpool.open('python.a') as extent:
                extent[n] = n
        with pmpool.open('python.a', readonly=True) as extent:
            self.assertEqual(extent[:200], bytes(range(200)))


class Waiting(Case):
    def next_is(self, watch, action, name):
        self.assertEqual(watch.next(SOON), pmpool.Event(action, name))

    def test_watch(self):
        with pmpool.watch() as watch:
            self.assertEqual(select.select([watch], [], [], 0)[0], [watch])
            self.next_is(watch, 'added', None)
            while watch.next(0):
                pass
            self.assertEqual(select.select([watch], [], [], 0)[0], [])
            pmpool.create('python.a', 1)
            self.assertEqual(select.select([watch], [], [], SOON)[0], [watch])
            self.next_is(watch, 'added', 'python.a')
            pmpool.set('python.a', mode=0o604)
            self.next_is(watch, 'changed', 'python.a')
            pmpool.remove('python.a')
            self.assertEqual(next(iter(watch)), pmpool.Event('removed', 'python.a'))
            start = time.monotonic()
            self.assertIsNone(watch.next(0.3))
            self.assertGreaterEqual(time.monotonic() - start, 0.3)
        for use in (watch.next, watch.fileno):
            with self.assertRaisesRegex(ValueError, 'closed'):
                use()

    def test_wait(self):
        start = time.monotonic()
        self.fails(TimeoutError, errno.ETIMEDOUT, 'python.a', 'within 0.2 s', pmpool.wait, 'python.a', 0.2)
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        timer = threading.Timer(0.2, pmpool.create, ('python.a', 1))
        timer.start()
        pmpool.wait('python.a', SOON)
        timer.join()
        pmpool.open('python.a').close()
        pmpool.wait('python.a', 0)

    def test_signals(self):
        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        handlers = [lambda *_: None, stop]
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, lambda *args: handlers.pop(0)(*args)))
        # The first is handled, and waiting goes on; the second one's exception gets through.
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
        self.addCleanup(signal.setitimer, signal.ITIMER_REAL, 0)
        with self.assertRaises(Stop):
            pmpool.wait('python.none')
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.assertEqual(handlers, [])


if __name__ == '__main__':
    unittest.main()
