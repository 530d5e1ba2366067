# SPDX-License-Identifier: GPL-2.0-only
"""
The debug kernel: Debian's own source of the stock kernel, configured by tests/debug/kernel.config, so that KASAN, lockdep,
kmemleak, fault injection and KUnit watch the driver. Built once for each source version, configuration and compiler.
"""

import os
import pathlib
import re
import shutil
import subprocess

from . import common
from .common import HERE, Timer, VmError, cache_dir, locked, run, say

PACKAGE = 'linux-source-6.12'
CONFIG = HERE.parent / 'debug' / 'kernel.config'
# Changes when what is made of the same source and configuration changes.
RECIPE = 1
KEEP = 2
# All that building a module needs of the tree; the rest is 1.6 GB.
KEEP_TREE = {'.config', 'Makefile', 'Kbuild', 'Kconfig', 'Module.symvers', 'System.map', 'arch', 'include', 'scripts', 'tools'}
KEEP_ARCH = {'x86'}
KEEP_X86 = {'include', 'Makefile', 'Makefile_32.cpu', 'Makefile.um', 'Kbuild', 'Kconfig'}
KEEP_TOOLS = {'objtool'}


def _query(argv):
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return r.stdout.decode()


def _installed():
    """The tar file of an installed source package, and its version."""
    version = _query(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Version}', PACKAGE]).split()
    archive = pathlib.Path(f'/usr/src/{PACKAGE}.tar.xz')
    return (version[1], archive) if version[:1] == ['installed'] and archive.exists() else (None, None)


def _offered():
    m = re.search(r'^Version: (\S+)', _query(['apt-cache', 'show', '--no-all-versions', PACKAGE]), re.M)
    return m[1] if m else None


def _compiler():
    try:
        return _query(['gcc', '--version']).splitlines()[0]
    except (IndexError, FileNotFoundError) as e:
        raise VmError('building the debug kernel needs gcc: run ./bootstrap setup') from e


class DebugKernel:
    """DIR/vmlinuz is the kernel; DIR/build is what modules for it are built against (KDIR)."""

    def __init__(self, version):
        self.version = version
        self.config = CONFIG.read_bytes()
        self.key = common.key_of(version, self.config, RECIPE, _compiler())
        self.dir = cache_dir() / 'debug-kernel' / self.key
        self.vmlinuz = self.dir / 'vmlinuz'
        self.kdir = self.dir / 'build'

    def get(self):
        if not self.dir.exists():
            with locked('debug-kernel'):
                if not self.dir.exists():
                    self._build()
                    common.prune(self.dir.parent, KEEP, in_use=[str(self.dir)])
        os.utime(self.dir)
        return self

    def _build(self):
        """
        Builds beside the place where the result will be, and moves it there when it is whole. What an interrupted
        build has done is kept, and the next one goes on from there: make knows which objects are complete.
        """
        timer = Timer()
        parent = self.dir.parent
        work = parent / f'.build-{self.key}'
        parent.mkdir(exist_ok=True)
        for stale in parent.glob('.build-*'):
            if stale != work:
                shutil.rmtree(stale, ignore_errors=True)
        work.mkdir(exist_ok=True)
        tree = work / 'build'
        if not tree.exists():
            self._unpack(work, tree)
        self._configure(tree)
        jobs = os.cpu_count() or 1
        log = work / 'log'
        say(f'building the debug kernel {self.version}, once: some 15 minutes on two cores; {log}')
        with open(log, 'wb') as out:
            # Ended with us: a make that goes on alone would meet the next one in the same tree.
            r = subprocess.run(['setpriv', '--pdeathsig', 'TERM', 'nice', '-n', '5', 'make', 'ARCH=x86_64', f'-j{jobs}', 'bzImage', 'modules'], cwd=tree,
                               stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False)
        if r.returncode:
            lines = log.read_text('utf-8', 'replace').splitlines()
            errors = [line for line in lines if re.search(r'error|Error|cannot|No such', line)]
            raise VmError('building the debug kernel failed:\n' + '\n'.join((errors or lines)[-25:]))
        shutil.copy(tree / 'arch/x86/boot/bzImage', work / 'vmlinuz')
        shutil.copy(tree / '.config', work / 'config')
        self._trim(tree)
        os.rename(work, self.dir)
        say(f'the debug kernel was built in {timer() / 60:.1f} minutes')

    def _unpack(self, work, tree):
        version, archive = _installed()
        if version != self.version:
            say(f'fetching {PACKAGE} {self.version} (150 MB)')
            run(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', f'{PACKAGE}={self.version}'],
                f'downloading {PACKAGE}', cwd=work)
            deb = next(work.glob('*.deb'))
            run(['dpkg-deb', '-x', deb, work / 'package'], f'unpacking {deb.name}')
            deb.unlink()
            archive = next((work / 'package/usr/src').glob('*.tar.*'))
        new = work / 'unpacking'
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        run(['tar', '-xf', archive, '-C', new, '--strip-components=1'], f'unpacking {archive.name}')
        shutil.rmtree(work / 'package', ignore_errors=True)
        os.rename(new, tree)

    def _configure(self, tree):
        for tool, package in (('flex', 'flex'), ('bison', 'bison'), ('bc', 'bc')):
            if not shutil.which(tool):
                raise VmError(f'building the debug kernel needs {tool}: install the package {package}, or run ./bootstrap setup')
        run(['make', 'ARCH=x86_64', f'KCONFIG_ALLCONFIG={CONFIG}', 'allnoconfig'], 'configuring the debug kernel', cwd=tree)
        # Kconfig drops without a word what depends on something that is off.
        got = set((tree / '.config').read_text('utf-8').splitlines())
        missing = [line for line in self.config.decode().splitlines() if line not in got
                   and (line.startswith('CONFIG_') or re.fullmatch(r'# CONFIG_\w+ is not set', line))
                   # What does not even exist is not set either.
                   and not (line.startswith('# ') and not any(g.startswith(line.split()[1] + '=') for g in got))]
        if missing:
            raise VmError(f'{PACKAGE} {self.version} does not accept all of {CONFIG.name}: ' + ', '.join(missing)
                          + '; see what each depends on')

    @staticmethod
    def _trim(tree):
        for top, keep in ((tree, KEEP_TREE), (tree / 'arch', KEEP_ARCH), (tree / 'arch/x86', KEEP_X86), (tree / 'tools', KEEP_TOOLS)):
            for p in top.iterdir():
                if p.name in keep:
                    continue
                if p.is_dir() and not p.is_symlink():
                    shutil.rmtree(p)
                else:
                    p.unlink()


def get():
    """The debug kernel of the newest source that can be had, built if need be."""
    offered, installed = _offered(), _installed()[0]
    if not offered and not installed:
        raise VmError(f'apt offers no {PACKAGE} and none is installed: enable bookworm-security and run "apt-get update"')
    newest = DebugKernel(offered or installed)
    if newest.dir.exists() or not installed or installed == newest.version:
        return newest.get()
    try:
        return newest.get()
    except VmError as e:
        if 'downloading' not in str(e):
            raise
        say(f'{e}\nusing the installed {PACKAGE} {installed} instead')
        return DebugKernel(installed).get()
