# SPDX-License-Identifier: GPL-2.0-only
"""QEMU: acceleration, machine, where the pool goes, and the monitor."""

import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import time

from . import common
from .common import GIB, MIB, VmError, VmUsage, cache_dir, format_size, locked, say

QEMU = os.environ.get('PMPOOL_QEMU', 'qemu-system-x86_64')
# A plain CPU: what newer models add (SMAP, XSAVE, AVX) costs an emulator time at every context switch. 1 GiB pages,
# in which the kernel maps the region for itself, and SSE 4.2, which crc32c uses, are what the driver makes use of.
TCG_CPU = 'Nehalem,+pdpe1gb'
QBOOT = '/usr/share/qemu/qboot.rom'
OVMF = '/usr/share/ovmf/OVMF.fd'

# Arguments every guest gets: without them a stock kernel is not wrong, only slower under emulation.
FAST_ARGS = [
    'mitigations=off', 'random.trust_cpu=on', 'random.trust_bootloader=on', 'no_timer_check', 'tsc=reliable', 'audit=0',
    'cryptomgr.notests', 'init_on_alloc=0', 'rcupdate.rcu_expedited=1', '8250.nr_uarts=1', 'i8042.noaux', 'i8042.nokbd',
    # The self test of the jitter entropy source alone takes a third of a second.
    'initcall_blacklist=jent_mod_init',
]
# A guest's kernel goes by the wall clock, and a host with other things to do keeps a virtual CPU from it for seconds: only
# what lasts far longer is the guest's own fault.
PATIENCE_ARGS = ['rcupdate.rcu_cpu_stall_timeout=300', 'sysctl.kernel.hung_task_timeout_secs=600', 'nowatchdog',
                 'clocksource.max_cswd_read_retries=50']


def version():
    try:
        r = subprocess.run([QEMU, '--version'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError as e:
        raise VmError(f'{QEMU} is not installed: run ./bootstrap') from e
    return r.stdout.decode().splitlines()[0]


def accel(probe=None):
    """
    'kvm' or 'tcg'. A /dev/kvm that opens proves nothing: KVM is used only where PROBE, a guest, has really booted under
    it. The verdict is remembered for this machine, host kernel and QEMU.
    """
    wanted = os.environ.get('PMPOOL_ACCEL', '')
    if wanted not in ('', 'kvm', 'tcg'):
        raise VmUsage(f'PMPOOL_ACCEL is "{wanted}": it can be kvm or tcg')
    if wanted:
        return wanted
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'tcg'
    cpu = [line for line in pathlib.Path('/proc/cpuinfo').read_text('utf-8').splitlines() if 'model name' in line][:1]
    try:
        machine = pathlib.Path('/etc/machine-id').read_text('ascii')
    except OSError:
        machine = ''
    verdict = cache_dir() / 'kvm' / common.key_of(machine, cpu, platform.release(), version())
    if not verdict.exists():
        with locked('kvm-probe'):
            if not verdict.exists():
                verdict.parent.mkdir(exist_ok=True)
                say('probing whether a guest really boots under KVM (at most 20 s, once per machine)')
                result = 'kvm' if probe() else 'tcg'
                say('KVM works and will be used' if result == 'kvm' else
                    'KVM does not work here: guests are emulated (PMPOOL_ACCEL=kvm would insist)')
                tmp = verdict.with_suffix(f'.{os.getpid()}')
                tmp.write_text(result)
                tmp.rename(verdict)
    return verdict.read_text().strip()


def ram(mem):
    """How the q35 machine lays out its RAM: (start, end) pairs."""
    low = mem if mem < 0xb0000000 else 0x80000000
    return [(0, low)] + ([(4 * GIB, 4 * GIB + mem - low)] if mem > low else [])


def place_pool(mem, size, initrd=0):
    """
    A base for a pool of SIZE in a guest with MEM: the highest one with the best alignment possible, clear of the first
    256 MiB, of each RAM end by 64 MiB (Linux's "RAM buffer") and of the initrd that QEMU puts below the end of low RAM.
    """
    if size <= 0 or size % (2 * MIB):
        raise VmUsage(f'a pool of {format_size(size)} is impossible: it must be a multiple of 2M, the block size')
    holes = []
    for start, end in ram(mem):
        low = start == 0
        lo = start + (256 * MIB if low else 0)
        hi = end - 64 * MIB - (-(-initrd // (2 * MIB)) * 2 * MIB + 2 * MIB if low and initrd > 8 * MIB else 0)
        if hi > lo:
            holes.append((lo, hi))
    for align in (GIB, 128 * MIB, 2 * MIB):
        for lo, hi in reversed(holes):
            base = (hi - size) // align * align
            if base >= lo:
                return base
    largest = max((hi - lo for lo, hi in holes), default=0) // (2 * MIB) * (2 * MIB)
    raise VmUsage(f'a pool of {format_size(size)} does not fit into {format_size(mem)} of memory, where '
                  f'{format_size(largest)} is the most: give the guest more with --mem or take a smaller pool')


def pool_args(mem, pool, initrd=0, series=False):
    """The kernel arguments for --pool SIZE, none for --pool none. A kernel of the SERIES finds a place by itself."""
    if pool in (None, '', 'none', '0'):
        return []
    size = common.parse_size(pool, '--pool')
    if series:
        return [f'pmpool={format_size(size)}']
    base = place_pool(mem, size, initrd)
    text = format_size(size)
    return [f'memmap={text}${base:#x}', f'pmpool.region={text}@{base:#x}']


def memory(text):
    mem = common.parse_size(text, '--mem')
    if mem < 256 * MIB or mem % (2 * MIB):
        raise VmUsage(f'--mem {text} is impossible: a guest needs 256M at least, in steps of 2M')
    return mem


def machine_args(kind, mem, cpus, icount, firmware='seabios', nodes=1):
    """The arguments that guests of both kinds have in common."""
    args = [QEMU, '-machine', 'q35,i8042=off,vmport=off,sata=off,hpet=off', '-m', f'{mem // MIB}M', '-smp', str(cpus),
            '-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none', '-nic', 'none']
    if kind == 'kvm' and not icount:
        args += ['-accel', 'kvm', '-cpu', 'host']
    elif icount:
        args += ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off', '-cpu', TCG_CPU]
    else:
        args += ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', TCG_CPU]
    for n in range(nodes if nodes > 1 else 0):
        args += ['-object', f'memory-backend-ram,id=node{n},size={mem // nodes // MIB}M', '-numa', f'node,nodeid={n},memdev=node{n}']
    if firmware == 'qboot' and os.path.exists(QBOOT):
        args += ['-bios', QBOOT]
    elif firmware == 'efi':
        if not os.path.exists(OVMF):
            raise VmError(f'{OVMF} is missing: install ovmf')
        # With a source of random numbers, or the kernel is always loaded in the same place.
        args += ['-bios', OVMF, '-device', 'virtio-rng-pci']
    return args


def connect(directory, name, timeout=60):
    """Connects to a Unix socket by way of its directory, since a socket's path may have 107 bytes only."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        s.connect(f'/proc/self/fd/{fd}/{name}')
    except BaseException:
        s.close()
        raise
    finally:
        os.close(fd)
    return s


def flush_code(directory):
    """
    Makes an emulating QEMU forget the code it translated. When memory that once held code is overwritten, QEMU 7.2 looks
    through all of its page's translations at every single store; a kernel that unpacks itself where an earlier one ran
    takes a minute instead of a second. Nothing but a debugger's single step makes it drop them all.
    """
    try:
        s = connect(directory, 'gdb', timeout=60)
    except OSError:
        return False
    try:
        # Step, and wait for the trap that ends it (a T02 before it only says that we connected); then detach.
        for packet, answer in ((b'$s#73', rb'\$T05[^#]*#..'), (b'$D#44', rb'\$OK#..')):
            s.sendall(b'+' + packet)
            got = b''
            while not re.search(answer, got):
                data = s.recv(4096)
                if not data:
                    return False
                got += data
        s.sendall(b'+')
        return True
    except TimeoutError:
        return False
    finally:
        s.close()


class Monitor:
    """QEMU's machine protocol; one short conversation each."""

    def __init__(self, directory, name='qmp'):
        deadline = time.monotonic() + 60
        while True:
            try:
                self.sock = connect(directory, name)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.file = self.sock.makefile('rwb')
        self.events = []
        self._read()
        self.command('qmp_capabilities')

    def _read(self):
        line = self.file.readline()
        if not line:
            raise VmError('QEMU has closed its monitor: the guest has ended')
        return json.loads(line)

    def command(self, execute, **arguments):
        self.file.write(json.dumps({'execute': execute, 'arguments': arguments}).encode() + b'\n')
        self.file.flush()
        while True:
            msg = self._read()
            if 'event' in msg:
                self.events.append(msg['event'])
            elif 'error' in msg:
                raise VmError(f'QEMU refused {execute}: {msg["error"]["desc"]}')
            else:
                return msg['return']

    def pending_events(self):
        """The events since the last look; None when QEMU is gone."""
        self.sock.settimeout(0.01)
        try:
            while True:
                self.events.append(self._read()['event'])
        except (TimeoutError, KeyError):
            pass
        except (VmError, OSError, ValueError):
            return None
        got, self.events = self.events, []
        return got

    def close(self):
        self.file.close()
        self.sock.close()
