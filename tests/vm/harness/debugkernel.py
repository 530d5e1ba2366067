# SPDX-License-Identifier: GPL-2.0-only
"""
The debug kernel, which is the series' kernel as well: Debian's own source of the stock kernel with the patches that
patches/6.12/series names, configured by tests/debug/kernel.config, so that KASAN, lockdep, kmemleak, fault injection and KUnit
watch the series and the driver. Built once for each source version, series, configuration and compiler.
"""

import os
import pathlib
import re
import shutil
import subprocess
import time

from . import common
from .common import HERE, Timer, VmError, VmUsage, cache_dir, locked, run, say

PACKAGE = 'linux-source-6.12'
CONFIG = HERE.parent / 'debug' / 'kernel.config'
PATCHES = HERE.parent.parent / 'patches' / '6.12'
# Not of the series: restores the order that loses what a pool holds, for the test that shows the loss.
NAIVE = PATCHES / 'tests' / 'naive-order.patch'
# Changes when what is made of the same source and configuration changes.
RECIPE = 2
KEEP = 2
# So many files are compiled, more or less.
FILES = 1500
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


def series():
    """The patches, in order."""
    try:
        lines = (PATCHES / 'series').read_text('utf-8').splitlines()
    except FileNotFoundError:
        return []
    names = [line.split('#')[0].strip() for line in lines]
    return [PATCHES / name for name in names if name]


def apply(tree, patch):
    """What GNU patch calls fuzz is a guess, and a patch that was made for another source."""
    run(['patch', '-p1', '-d', tree, '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch', '-r', '-', '-i', patch],
        f'applying {patch.name}')


class DebugKernel:
    """
    DIR is laid out as that of kernel.Kernel: boot/vmlinuz-RELEASE, lib/modules/RELEASE. DIR/build is what modules for it are
    built against (KDIR), DIR/naive/vmlinuz the variant in the naive order.
    """

    def __init__(self, version):
        self.version = version
        self.config = CONFIG.read_bytes()
        self.patches = series()
        self.key = common.key_of(version, self.config, RECIPE, _compiler(), *self._bytes_of(self.patches),
                                 *self._bytes_of([NAIVE] if NAIVE.exists() else []))
        self.dir = cache_dir() / 'debug-kernel' / self.key
        self.kdir = self.dir / 'build'
        self.naive = self.dir / 'naive' / 'vmlinuz'

    @staticmethod
    def _bytes_of(patches):
        try:
            return [p.read_bytes() for p in patches]
        except FileNotFoundError as e:
            raise VmError(f'{PATCHES.name}/series names {pathlib.Path(e.filename).name}, which is not there') from None

    @property
    def release(self):
        return (self.kdir / 'include/config/kernel.release').read_text('ascii').strip()

    @property
    def vmlinuz(self):
        return self.dir / 'boot' / f'vmlinuz-{self.release}'

    @property
    def modules(self):
        return self.dir / 'lib' / 'modules' / self.release

    def module(self, name):
        """A module that was built with it."""
        found = list(self.modules.glob(f'kernel/**/{name}.ko'))
        if not found:
            known = ', '.join(sorted(p.stem for p in self.modules.glob('kernel/**/*.ko'))) or 'none'
            raise VmUsage(f'no module {name} was built with the debug kernel; it has: {known}')
        return found[0]

    def fetch(self):
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
            self.unpack(work, tree, self.patches)
        self._restore(work, tree)
        self._configure(tree)
        say(f'building the debug kernel {self.version} with {len(self.patches)} patches, once: some 15 minutes on two cores')
        self._make(work, tree, ['bzImage', 'modules'])
        self._keep(work, tree)
        if NAIVE.exists():
            self._build_naive(work, tree)
        self._trim(tree)
        os.rename(work, self.dir)
        say(f'the debug kernel was built in {timer() / 60:.1f} minutes')

    @staticmethod
    def _make(work, tree, targets):
        """Says each minute how far it is."""
        log = work / 'log'
        # Where ccache is installed, the kernel with the next version of the series is built in a few minutes.
        cc = ['CC=ccache gcc'] if shutil.which('ccache') else []
        # A make that we are under may be one that says nothing, which this one would take over.
        env = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MFLAGS')}
        with open(log, 'ab') as out:
            start = out.tell()
            # Ended with us: a make that goes on alone would meet the next one in the same tree.
            make = subprocess.Popen(['setpriv', '--pdeathsig', 'TERM', 'nice', '-n', '5', 'make', 'ARCH=x86_64', *cc,
                                     f'-j{os.cpu_count() or 1}', *targets],
                                    cwd=tree, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        timer, said = Timer(), 1
        while True:
            try:
                status = make.wait(max(0.0, said * 60 - timer()))
                break
            except subprocess.TimeoutExpired:
                compiled = len(re.findall(rb'^  (?:CC|AS) ', log.read_bytes()[start:], re.M))
                say(f'building the debug kernel: {compiled} of some {FILES} files compiled in {said} min')
                said += 1
        if status:
            lines = log.read_bytes()[start:].decode('utf-8', 'replace').splitlines()
            errors = [line for line in lines if re.search(r'error|Error|cannot|No such', line)]
            raise VmError('building the debug kernel failed:\n' + '\n'.join((errors or lines)[-25:]))

    @staticmethod
    def _keep(work, tree):
        """As its package would have installed it."""
        release = (tree / 'include/config/kernel.release').read_text('ascii').strip()
        shutil.rmtree(work / 'lib', ignore_errors=True)
        run(['make', 'ARCH=x86_64', f'INSTALL_MOD_PATH={work}', 'DEPMOD=true', 'modules_install'], 'installing modules', cwd=tree)
        for link in ('build', 'source'):
            (work / 'lib/modules' / release / link).unlink(missing_ok=True)
        (work / 'boot').mkdir(exist_ok=True)
        for name, path in (('vmlinuz', 'arch/x86/boot/bzImage'), ('config', '.config'), ('System.map', 'System.map')):
            shutil.copy(tree / path, work / 'boot' / f'{name}-{release}')

    def _build_naive(self, work, tree):
        """The same tree once more, with a few files in another state. They are put back, whatever happens."""
        saved = work / 'naive' / 'saved'
        changed = re.findall(r'^\+\+\+ b/(\S+)', NAIVE.read_text('utf-8'), re.M)
        say(f'building the debug kernel once more with {NAIVE.name}')
        for name in [*changed, 'Module.symvers', 'System.map']:
            (saved / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / name, saved / name)
        try:
            apply(tree, NAIVE)
            self._make(work, tree, ['bzImage'])
            shutil.copy(tree / 'arch/x86/boot/bzImage', work / 'naive' / 'vmlinuz')
        finally:
            self._restore(work, tree)

    @staticmethod
    def _restore(work, tree):
        saved = work / 'naive' / 'saved'
        for f in [p for p in saved.rglob('*') if p.is_file()]:
            # With a new time, so that make sees it.
            shutil.copyfile(f, tree / f.relative_to(saved))
        shutil.rmtree(saved, ignore_errors=True)

    def unpack(self, work, tree, patches=()):
        """Debian's source as TREE, all at once; WORK is a directory beside it."""
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
        for patch in patches:
            apply(new, patch)
        os.rename(new, tree)

    def _configure(self, tree):
        for tool, package in (('flex', 'flex'), ('bison', 'bison'), ('bc', 'bc'), ('patch', 'patch')):
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


def unpack(tree):
    """The newest source that can be had, as it is."""
    tree = pathlib.Path(tree).absolute()
    if tree.exists():
        raise VmUsage(f'{tree} exists already')
    tree.parent.mkdir(parents=True, exist_ok=True)
    DebugKernel(_offered() or _installed()[0]).unpack(tree.parent, tree)


def get():
    """The debug kernel of the newest source that can be had, built if need be."""
    offered, installed = _offered(), _installed()[0]
    if not offered and not installed:
        raise VmError(f'apt offers no {PACKAGE} and none is installed: enable bookworm-security and run "apt-get update"')
    newest = DebugKernel(offered or installed)
    if newest.dir.exists() or not installed or installed == newest.version:
        return newest.fetch()
    try:
        return newest.fetch()
    except VmError as e:
        if 'downloading' not in str(e):
            raise
        say(f'{e}\nusing the installed {PACKAGE} {installed} instead')
        return DebugKernel(installed).fetch()
