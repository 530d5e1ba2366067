# SPDX-License-Identifier: GPL-2.0-only
"""The minimal guest: the stock kernel, and an initramfs of one init and the test program."""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

from . import clock, common, console, cpio, kernel, qemu
from .common import Timer, VmError, VmSplat, VmTimeout, VmUsage, say

BUSYBOX = '/bin/busybox'


def _libraries(path):
    """What a dynamically linked program needs besides itself."""
    r = subprocess.run(['ldd', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if r.returncode:
        return []
    missing = re.findall(rb'(\S+) => not found', r.stdout)
    if missing:
        raise VmError(f'{path} needs {missing[0].decode()}, which is not on this machine')
    return [m.decode() for m in re.findall(rb'(?:=> |^\s+)(/\S+) \(0x', r.stdout, re.M)]


def _add_file(arc, src, dst):
    src = pathlib.Path(src)
    if not src.is_file():
        raise VmUsage(f'{src} does not exist or is no plain file')
    arc.file(dst, src.read_bytes(), 0o755 if os.access(src, os.X_OK) else 0o644)
    with open(src, 'rb') as f:
        if f.read(4) != b'\x7fELF' or src.suffix == '.ko':
            return
    for lib in _libraries(src):
        if not arc.has(lib):
            arc.file(lib, pathlib.Path(lib).read_bytes(), 0o755)


def initramfs(argv, files=(), module=None, load=True, kexec=True):
    arc = cpio.Archive()
    for d in ('proc', 'sys', 'dev', 'tmp', 'run', 'root', 'sbin', 'usr/bin', 'usr/sbin', 'var', 'kexec'):
        arc.directory(d)
    arc.device('dev/console', 5, 1)
    arc.device('dev/null', 1, 3)
    arc.file('init', common.static_program('mini-init.c').read_bytes(), 0o755)
    stage = common.static_program('stage-kexec.c').read_bytes()
    arc.file('bin/stage-kexec', stage, 0o755)
    arc.symlink('bin/mini-kexec', 'stage-kexec')

    if not os.path.exists(BUSYBOX):
        raise VmError(f'{BUSYBOX} is missing: install busybox-static')
    argv = list(argv)
    applets = common.run([BUSYBOX, '--list'], 'listing busybox applets').split()
    # /bin/sh and the like mean the guest's own, which is busybox; any other path means a program of the host.
    own = os.path.dirname(argv[0]) in ('/bin', '/sbin', '/usr/bin', '/usr/sbin') and os.path.basename(argv[0]) in applets
    if own:
        argv[0] = '/bin/' + os.path.basename(argv[0])
    elif '/' in argv[0] and os.path.isfile(argv[0]):
        name = '/bin/' + os.path.basename(argv[0])
        if not os.access(argv[0], os.X_OK):
            raise VmUsage(f'{argv[0]} is not executable')
        _add_file(arc, argv[0], name)
        argv[0] = name
    for spec in files:
        src, _, dst = spec.partition(':')
        _add_file(arc, src, dst or '/bin/' + os.path.basename(src))
    arc.file('bin/busybox', pathlib.Path(BUSYBOX).read_bytes(), 0o755)
    for applet in applets:
        arc.symlink(f'bin/{applet}', 'busybox')
    arc.file('etc/passwd', b'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n')
    arc.file('etc/group', b'root:x:0:\npmpool:x:990:\nnogroup:x:65534:\n')
    arc.file('etc/mini/argv', b''.join(os.fsencode(a) + b'\0' for a in argv))
    if kexec:
        arc.file('etc/mini/kexec', b'')
    if module:
        _add_file(arc, module, '/lib/pmpool.ko')
        if load:
            arc.file('etc/mini/load', b'')
    return arc.bytes()


def kvm_works():
    """Boots a guest under KVM, with a short limit."""
    opts = Options()
    opts.accel, opts.timeout, opts.kexec = 'kvm', 20, False
    try:
        return run(['/bin/true'], opts, out=subprocess.DEVNULL, quiet=True) == 0
    except VmError:
        return False


class Options:
    mem, cpus, pool, append = '1G', 2, '256M', ''
    icount, firmware, nodes, timeout, module, load, kexec = False, 'qboot', 1, 60.0, None, True, True
    files, kexec_files, allow, reboots, kernel, accel, verbose = (), (), (), 0, None, None, False
    console, disk = None, None


class _Tail:
    """Copies what is appended to a file to a stream."""

    def __init__(self, path, out):
        self.path, self.out, self.at = path, out, 0

    def copy(self):
        try:
            with open(self.path, 'rb') as f:
                f.seek(self.at)
                data = f.read()
        except FileNotFoundError:
            return
        self.at += len(data)
        if data and self.out is not subprocess.DEVNULL:
            self.out.write(data)
            self.out.flush()


def run(argv, o, out=None, quiet=False):
    """Boots, runs ARGV, returns its exit status."""
    out = out if out is not None else sys.stdout.buffer
    accel = o.accel or qemu.accel(kvm_works)
    mem = qemu.memory(o.mem)
    vmlinuz = pathlib.Path(o.kernel) if o.kernel else kernel.Kernel().fetch().vmlinuz
    if not vmlinuz.is_file():
        raise VmUsage(f'--kernel {vmlinuz} does not exist')
    cpus = 1 if o.icount else o.cpus
    if o.icount and o.cpus != Options.cpus and o.cpus != 1:
        say('--icount: one virtual CPU, since instructions cannot be counted on several at once')
    timer = Timer()
    work = pathlib.Path(tempfile.mkdtemp(prefix='pmpool-mini-'))
    proc = None
    try:
        initrd = initramfs(argv, o.files, o.module, o.load, o.kexec)
        (work / 'initrd').write_bytes(initrd)
        args = ['console=ttyS0', 'retain_initrd', *qemu.FAST_ARGS, *qemu.PATIENCE_ARGS, 'loglevel=6',
                f'panic={1 if o.reboots else -1}', *qemu.pool_args(mem, o.pool, len(initrd)), o.append]
        cmd = qemu.machine_args(accel, mem, cpus, o.icount, o.firmware, o.nodes)
        cmd += ['-kernel', str(kernel.elf_of(vmlinuz) if accel == 'tcg' and o.firmware != 'efi' else vmlinuz), '-initrd', 'initrd',
                '-append', ' '.join(a for a in args if a),
                '-chardev', 'file,id=con,path=console', '-serial', 'chardev:con',
                '-device', 'virtio-serial-pci,max_ports=4,vectors=0',
                '-chardev', 'file,id=out,path=out', '-device', 'virtserialport,chardev=out,name=org.pmpool.out',
                '-chardev', 'file,id=st,path=status', '-device', 'virtserialport,chardev=st,name=org.pmpool.status',
                '-qmp', 'unix:qmp,server=on,wait=off', '-gdb', 'unix:gdb,server=on,wait=off']
        if o.kexec:
            more = [(pathlib.Path(src), name or os.path.basename(src)) for src, _, name in (f.partition(':') for f in o.kexec_files)]
            cmd += ['-drive', f'file={kernel.boot_disk(vmlinuz, more)},if=none,id=k,format=raw,readonly=on',
                    '-device', 'nvme,drive=k,serial=kexec']
        if o.disk:
            cmd += ['-drive', f'file={pathlib.Path(o.disk).resolve()},if=none,id=d,format=raw,cache=unsafe', '-device', 'nvme,drive=d,serial=disk']
        if not o.reboots:
            cmd.append('-no-reboot')
        with open(work / 'qemu.log', 'wb') as log:
            proc = subprocess.Popen(cmd, cwd=work, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        o.name = ' '.join(os.path.basename(a) for a in argv)[:70]
        return _watch(proc, work, o, out, timer, quiet)
    finally:
        if proc and proc.poll() is None:
            proc.kill()
            proc.wait()
        if o.console and (work / 'console').exists():
            shutil.copy(work / 'console', o.console)
        shutil.rmtree(work, ignore_errors=True)


def _watch(proc, work, o, out, timer, quiet):
    con = console.Console(work / 'console')
    tail = _Tail(work / 'out', out)
    kexecs = console.Watch(work / 'console', console.KEXEC)
    pidfd = os.pidfd_open(proc.pid)
    allowed = clock.Limit(proc.pid, o.timeout)
    monitor, resets, reset_limit, processor = None, 0, None, 0.0
    try:
        if o.reboots:
            monitor = qemu.Monitor(work)
        while True:
            ended = bool(select.select([pidfd], [], [], 0.03)[0])
            processor = max(processor, clock.used(proc.pid))
            tail.copy()
            if ended:
                break
            if kexecs.seen() and not o.icount:
                qemu.flush_code(work)
            if allowed.passed():
                proc.send_signal(signal.SIGKILL)
                proc.wait()
                tail.copy()
                _check(con, o)
                raise VmTimeout(f'the guest was ended after {allowed}; the end of its console:\n{con.tail()}')
            if monitor:
                events = monitor.pending_events()
                resets += (events or []).count('RESET')
                if resets > o.reboots:
                    reset_limit = resets
                    proc.kill()
    finally:
        os.close(pidfd)
        clock.account(o.name, timer(), processor)
        if monitor:
            monitor.close()
    proc.wait()
    tail.copy()
    status = (work / 'status').read_text('latin-1') if (work / 'status').exists() else ''
    if o.verbose:
        for n, m in enumerate(re.findall(r'^start (\S+)', status, re.M), 1):
            say(f'boot {n}: the program started {m} s after the kernel did')
        say(f'the guest ran {timer():.1f} s, {allowed.clock():.1f} s of its own time')
    if not (work / 'console').exists() or (not con.text() and not status):
        raise VmError(f'QEMU ended with status {proc.returncode} before the guest said anything:\n'
                      + (work / 'qemu.log').read_text('utf-8', 'replace'))
    _check(con, o)
    if reset_limit:
        raise VmError(f'the guest was reset {reset_limit} times, and {o.reboots} were allowed; '
                      f'the end of its console:\n{con.tail()}')
    ends = re.findall(r'^exit (\d+)$', status, re.M)
    if not ends:
        raise VmError(f'the guest ended without a word about how the program did; the end of its console:\n{con.tail()}')
    if not quiet and o.verbose:
        say(f'the program ended with status {ends[-1]}')
    return int(ends[-1])


def _check(con, o):
    found = console.splats(con.text(), o.allow)
    if found:
        raise VmSplat(f'the kernel complained:\n{console.excerpt(found)}')
