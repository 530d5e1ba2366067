# SPDX-License-Identifier: GPL-2.0-only
"""The command line."""

import argparse
import os
import re
import sys
import time

from . import agent, common, debugkernel, guest, image, kernel, mini, qemu
from .common import VmError, VmUsage, say

EPILOG = f'''Exit status: that of the command in the guest; {common.EXIT_SPLAT} when the kernel complained on its console (WARNING, BUG, Oops, ...),
{common.EXIT_TIMEOUT} when something was ended after its time limit (seconds that the guest could use, see README.md), {common.EXIT_FAILED} when the guest or the harness failed, 2 for a wrong call.
Environment: PMPOOL_CACHE (default ~/.cache/pmpool), PMPOOL_ACCEL=kvm|tcg, PMPOOL_KERNEL=RELEASE, PMPOOL_QEMU=PROGRAM.'''


def _machine(p, mem, pool):
    p.add_argument('--mem', default=mem, metavar='SIZE', help=f'memory of the guest (default {mem})')
    p.add_argument('--cpus', default=2, type=int, metavar='N', help='virtual CPUs (default 2)')
    p.add_argument('--pool', default=pool, metavar='SIZE',
                   help=f'reserve this much for a pool by kernel arguments, or "none" (default {pool})')
    p.add_argument('--no-pool-args', dest='pool', action='store_const', const='none', help='the same as --pool none')
    p.add_argument('--append', default='', metavar='ARGS', help='more kernel arguments')
    p.add_argument('--icount', action='store_true', help='count instructions: stable times, one virtual CPU, slower')
    p.add_argument('--kernel', metavar='FILE', help='another kernel image (bzImage)')
    p.add_argument('--allow-splat', action='append', default=[], metavar='REGEX',
                   help='a kernel complaint one line of which matches is no failure')


def parser():
    ap = argparse.ArgumentParser(prog='vm', description='Boots stock Debian kernels in QEMU for the tests.', epilog=EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest='command', required=True, metavar='COMMAND')

    def add(name, text, guest_name=True, **kw):
        p = sub.add_parser(name, help=text, description=text[0].upper() + text[1:] + '.', epilog=EPILOG,
                           formatter_class=argparse.RawDescriptionHelpFormatter, **kw)
        if guest_name:
            p.add_argument('name', metavar='NAME')
        return p

    p = add('build', 'make the image that full guests boot from, unless it is in the cache', False)
    p.add_argument('--product', metavar='DIR', help='a tree staged by "make install DESTDIR=DIR" to install into the image')
    p.add_argument('--aside', action='store_true', help='do not make it the image that "vm start" takes by itself')
    p.add_argument('--packages', metavar='DIR',
                   help='install the Debian packages in DIR, beside DKMS and the last two kernels; never what "vm start" takes by itself')
    p.add_argument('--series', action='store_true', help='with the kernel of the series; it becomes what "vm start --series" takes')
    p.add_argument('--base-only', action='store_true', help='only what is the same for every product: userland and kernel')

    p = add('start', 'start a full guest and wait until it is up')
    _machine(p, '2G', '512M')
    p.add_argument('--image', metavar='DIR', help='an image that "vm build" printed (default: the last one built from this checkout)')
    p.add_argument('--series', action='store_true',
                   help='with the kernel of the series, from the image that "vm build --series" made; --pool gives it pmpool=SIZE and nothing else')
    p.add_argument('--initrd', metavar='FILE', help='another initramfs')
    p.add_argument('--limit', type=float, default=guest.BOOT_LIMIT, metavar='S',
                   help=f'end a guest that is not up after S seconds (default {guest.BOOT_LIMIT})')
    p.add_argument('--lifetime', type=int, default=guest.LIFETIME, metavar='S',
                   help=f'end the guest after S seconds whatever it does (default {guest.LIFETIME})')
    p.add_argument('--no-wait', action='store_true', help='return at once')
    p.add_argument('--keep', action='store_true', help='leave a guest that does not come up running')

    p = add('exec', 'run a command in a guest; its output and exit status become ours')
    p.add_argument('--timeout', type=float, default=120, metavar='S', help='kill the command after S seconds (default 120)')
    p.add_argument('--limit', type=float, default=guest.BOOT_LIMIT, metavar='S',
                   help=f'end a guest that does not answer for S seconds (default {guest.BOOT_LIMIT})')
    p.add_argument('--stdin', action='store_true', help='pass standard input on')
    p.add_argument('--env', action='append', default=[], metavar='NAME=VALUE', help='add to the environment')
    p.add_argument('--allow-splat', action='append', default=[], metavar='REGEX')
    p.add_argument('argv', nargs='+', metavar='CMD')

    p = add('copy', 'copy a file into a guest; "guest:PATH" as the source copies out of it')
    p.add_argument('src')
    p.add_argument('dst')
    p.add_argument('--timeout', type=float, default=300, metavar='S')

    p = add('kexec', 'run "systemctl kexec" in a guest and wait until the next kernel is up')
    p.add_argument('--limit', type=float, default=guest.BOOT_LIMIT, metavar='S')
    p.add_argument('--allow-splat', action='append', default=[], metavar='REGEX')
    p.add_argument('argv', nargs='*', default=['systemctl', 'kexec'], metavar='CMD', help='run this instead')

    p = add('reset', 'reset a guest through its firmware, keeping memory, and wait until it is up')
    p.add_argument('--limit', type=float, default=guest.BOOT_LIMIT, metavar='S')
    p.add_argument('--allow-splat', action='append', default=[], metavar='REGEX')

    p = add('wait', 'wait until a guest is up')
    p.add_argument('--limit', type=float, default=guest.BOOT_LIMIT, metavar='S')
    p.add_argument('--after', metavar='BOOT_ID', help='under another kernel than that of this boot: what /proc/sys/kernel/random/boot_id said')
    p.add_argument('--allow-splat', action='append', default=[], metavar='REGEX')

    p = add('console', 'show what a guest wrote to its console')
    p.add_argument('-f', '--follow', action='store_true', help='keep showing what is added')
    p.add_argument('-n', '--lines', type=int, metavar='N', help='only the last N lines')

    p = add('stop', 'end a guest and remove its disk', False)
    p.add_argument('names', nargs='*', metavar='NAME')
    p.add_argument('--all', action='store_true', help='every guest there is')

    for name in ('status', 'list'):
        p = add(name, 'list the guests', False)
        p.add_argument('names', nargs='*', metavar='NAME')

    p = add('mini', 'boot the minimal guest: the stock kernel and one program', False)
    _machine(p, '1G', '256M')
    p.add_argument('--timeout', type=float, default=60, metavar='S', help='end the guest after S seconds (default 60)')
    p.add_argument('--module', metavar='FILE', help='pmpool.ko, loaded before the program starts')
    p.add_argument('--no-load', action='store_true', help='only put the module at /lib/pmpool.ko')
    p.add_argument('--file', action='append', default=[], metavar='SRC[:DST]', help='put a file into the guest (default /bin)')
    p.add_argument('--disk', metavar='FILE', help='the contents of an NVMe disk, which the guest may change; with --no-kexec it is /dev/nvme0n1')
    p.add_argument('--kexec-file', action='append', default=[], metavar='SRC[:NAME]', help='put a file beside the kernel image at /kexec')
    p.add_argument('--reboots', type=int, default=0, metavar='N', help='let it be reset N times, for tests of a panic (default 0)')
    p.add_argument('--no-kexec', action='store_true', help='without the kernel image at /kexec, a tenth of a second faster')
    p.add_argument('--firmware', choices=('qboot', 'seabios', 'efi'), default='qboot',
                   help='qboot is the fastest; SeaBIOS sets MTRRs up, which takes a second; EFI takes 10')
    p.add_argument('--nodes', type=int, default=1, metavar='N', help='split the memory in so many NUMA nodes (default 1)')
    p.add_argument('--console', metavar='FILE', help='keep the console log')
    p.add_argument('-v', '--verbose', action='store_true', help='say how long each boot took')
    p.add_argument('argv', nargs='+', metavar='PROGRAM', help='a program or script of the host, or a busybox applet')

    p = add('pool-args', 'print the kernel arguments that --mem and --pool amount to', False)
    p.add_argument('--mem', default='2G', metavar='SIZE')
    p.add_argument('--pool', default='512M', metavar='SIZE')

    p = add('debug-kernel', 'print the path of the debug kernel, which has the series, and build it unless it is in the cache', False)
    which = p.add_mutually_exclusive_group()
    which.add_argument('--kdir', action='store_true', help='print the directory to build modules for it against (KDIR) instead')
    which.add_argument('--release', action='store_true', help='print its release instead')
    which.add_argument('--naive', action='store_true', help='print the path of its variant in the naive order instead')
    which.add_argument('--unpack', metavar='DIR', help='unpack its source, without the series, instead')
    which.add_argument('--built', metavar='MODULE', help='print the path of a module that was built with it instead')

    p = add('stock-kernel', 'print the path of a stock kernel, fetched if need be', False)
    p.add_argument('version', default='6.12', nargs='?', metavar='VERSION', help='6.12 (default) or 6.1, which Debian 12 came with')
    add('kernel-release', 'print the release of the stock kernel that guests run', False)
    add('accel', 'print whether guests run under kvm or tcg', False)
    return ap


def _to(stream):
    def write(data):
        stream.buffer.write(data)
        stream.flush()
    return write


def _guest(o):
    g = guest.Guest(o.name).load()
    g.allow += getattr(o, 'allow_splat', [])
    return g


def cmd_build(o):
    if o.base_only:
        image.base()
        kernel.Kernel().fetch()
        return 0
    if o.packages and (o.product or o.series):
        raise VmUsage('--packages excludes --product, for an image has the one or the other installed, and --series')
    print(image.with_packages(o.packages) if o.packages else image.build(o.product, o.aside, o.series))
    return 0


def cmd_start(o):
    g = (guest.KeepOnFailure if o.keep else guest.Guest)(o.name)
    took = g.start(o.mem, o.cpus, o.pool, o.append, o.icount, o.kernel, o.initrd, o.allow_splat, limit=o.limit,
                   lifetime=o.lifetime, wait=not o.no_wait, img=o.image, series=o.series)
    if took is not None:
        say(f'{o.name} is up after {took:.1f} s')
    return 0


def cmd_exec(o):
    g = _guest(o)
    try:
        return g.run(o.argv, o.timeout, o.limit, sys.stdin.buffer if o.stdin else None, _to(sys.stdout), _to(sys.stderr), o.env)
    except agent.Restarted as e:
        g.check()
        raise VmError(f'{e}: {" ".join(o.argv)}') from None


def cmd_copy(o):
    g = _guest(o)
    if o.src.startswith('guest:'):
        g.get(o.src[len('guest:'):], o.dst, o.timeout)
    else:
        g.put(o.src, o.dst, o.timeout)
    return 0


def cmd_kexec(o):
    print(f'{_guest(o).kexec(o.limit, o.argv):.1f}')
    return 0


def cmd_reset(o):
    print(f'{_guest(o).reset(o.limit):.1f}')
    return 0


def cmd_wait(o):
    print(f'{_guest(o).wait_up(o.limit, o.after):.1f}')
    return 0


def cmd_console(o):
    g = _guest(o)
    text = g.console.text()
    lines = text.splitlines(keepends=True)
    sys.stdout.write(''.join(lines[-o.lines:] if o.lines else lines))
    while o.follow and g.alive():
        sys.stdout.flush()
        time.sleep(0.2)
        more = g.console.text()
        sys.stdout.write(more[len(text):])
        text = more
    return 0


def cmd_stop(o):
    if not o.names and not o.all:
        raise VmUsage('which guest? name it, or say --all')
    for name in guest.names() if o.all else o.names:
        g = guest.Guest(name)
        if not o.all:
            g.load()
        g.stop()
    return 0


def cmd_status(o):
    rows = [('NAME', 'STATE', 'MEM', 'CPUS', 'POOL', 'ACCEL', 'KERNEL ARGUMENTS FOR THE POOL')]
    for name in o.names or guest.names():
        g = guest.Guest(name).load()
        rows.append((name, 'running' if g.alive() else 'ended', g.conf['mem'], str(g.conf['cpus']), g.conf['pool'],
                     g.conf['accel'], ' '.join(g.conf['args'])))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print('  '.join(c.ljust(w) for c, w in zip(r, widths)).rstrip())
    return 0


def cmd_mini(o):
    opts = mini.Options()
    opts.mem, opts.cpus, opts.pool, opts.append, opts.icount = o.mem, o.cpus, o.pool, o.append, o.icount
    opts.timeout, opts.module, opts.load, opts.kexec = o.timeout, o.module, not o.no_load, not o.no_kexec
    opts.files, opts.kexec_files, opts.allow, opts.reboots, opts.kernel = o.file, o.kexec_file, o.allow_splat, o.reboots, o.kernel
    opts.console, opts.verbose, opts.disk, opts.firmware, opts.nodes = o.console, o.verbose, o.disk, o.firmware, o.nodes
    if o.cpus < 1 or o.cpus > 64:
        raise VmUsage(f'--cpus {o.cpus} is impossible: 1 to 64')
    if o.nodes not in (1, 2, 4, 8):
        raise VmUsage(f'--nodes {o.nodes} is impossible: 1, 2, 4 or 8')
    return mini.run(o.argv, opts)


def cmd_pool_args(o):
    print(' '.join(qemu.pool_args(qemu.memory(o.mem), o.pool)))
    return 0


def cmd_debug_kernel(o):
    if o.unpack:
        debugkernel.unpack(o.unpack)
        return 0
    k = debugkernel.get()
    if o.naive and not k.naive.exists():
        raise VmUsage(f'there is no {debugkernel.NAIVE.name}, and so no kernel in that order')
    print(k.kdir if o.kdir else k.release if o.release else k.naive if o.naive else k.module(o.built) if o.built else k.vmlinuz)
    return 0


def cmd_stock_kernel(o):
    print(kernel.Kernel(kernel.newest_release(o.version)).fetch().vmlinuz)
    return 0


def cmd_kernel_release(_):
    print(kernel.newest_release())
    return 0


def cmd_accel(_):
    print(qemu.accel(mini.kvm_works))
    return 0


def main(argv):
    # Everything after "--" belongs to the guest, options included.
    rest = None
    if '--' in argv:
        at = argv.index('--')
        argv, rest = argv[:at] + ['--'], argv[at + 1:]
        argv = argv[:-1] + (['\0'] if rest else [])
    o = parser().parse_args(argv)
    if rest is not None and hasattr(o, 'argv'):
        o.argv = [a for a in o.argv if a != '\0'] + rest
    name = 'status' if o.command == 'list' else o.command
    try:
        for pattern in getattr(o, 'allow_splat', []):
            re.compile(pattern)
        return globals()['cmd_' + name.replace('-', '_')](o)
    except re.error as e:
        say(f'--allow-splat: {e}')
        return 2
    except VmError as e:
        say(e)
        return e.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        return 130
