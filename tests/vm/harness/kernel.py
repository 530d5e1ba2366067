# SPDX-License-Identifier: GPL-2.0-only
"""The stock kernel: which one, where it comes from, and the forms in which a guest takes it."""

import os
import pathlib
import re
import struct
import subprocess

from . import common
from .common import VmError, VmUsage, cache_dir, locked, made_in, run, say

PACKAGES = {'6.12': 'linux-image-6.12-cloud-amd64', '6.1': 'linux-image-cloud-amd64'}
KEEP = 4
# Of what guests boot from: one test may use four kernels.
KEEP_FORMS = 8


def _apt_cache(*args):
    r = subprocess.run(['apt-cache', *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return r.stdout.decode()


def newest_release(version='6.12'):
    """The release apt offers as the newest cloud kernel of a version."""
    wanted = os.environ.get('PMPOOL_KERNEL')
    if wanted and version == '6.12':
        return wanted
    if version not in PACKAGES:
        raise VmUsage(f'there is no stock kernel {version}: Debian 12 has {" and ".join(PACKAGES)}')
    package = PACKAGES[version]
    m = re.search(rf'Depends: linux-image-({re.escape(version)}\.\S+)', _apt_cache('depends', package))
    if m:
        return m[1]
    cached = sorted((cache_dir() / 'kernel').glob(f'{version}.*-cloud-amd64'), key=lambda p: p.stat().st_mtime)
    if cached:
        return cached[-1].name
    installed = sorted(pathlib.Path('/boot').glob(f'vmlinuz-{version}.*-cloud-amd64'))
    if installed:
        return installed[-1].name[len('vmlinuz-'):]
    raise VmError(f'apt offers no {package} and none is installed: enable bookworm-security and run "apt-get update"')


def last_two_releases():
    """The newest release and the one before it, as far as apt offers both with their headers: [older, newer]."""
    found = re.findall(r'^linux-headers-(6\.12\.\S+-cloud-amd64)$', _apt_cache('pkgnames', 'linux-headers-6.12.'), re.M)
    newest = newest_release()
    found = sorted({r for r in found if _version(r) < _version(newest)}, key=_version)
    if not found:
        raise VmError(f'apt offers no 6.12 kernel before {newest}, to upgrade from')
    return [found[-1], newest]


def _version(release):
    return [int(n) for n in re.findall(r'\d+', release)]


class Kernel:
    """An unpacked kernel package: boot/vmlinuz-RELEASE and lib/modules/RELEASE, as dpkg would have put them."""

    def __init__(self, release=None):
        self.release = release or newest_release()
        self.dir = cache_dir() / 'kernel' / self.release
        self.vmlinuz = self.dir / 'boot' / f'vmlinuz-{self.release}'
        self.modules = self.dir / 'lib' / 'modules' / self.release
        # A release never changes.
        self.key = ''

    def fetch(self):
        if self.dir.exists():
            return self
        with locked(f'kernel-{self.release}'):
            if not self.dir.exists():
                with made_in(self.dir) as tmp:
                    self._fetch(tmp)
                common.prune(self.dir.parent, KEEP, in_use=[str(self.dir)])
        return self

    def _fetch(self, tmp):
        package = f'linux-image-{self.release}'
        say(f'fetching {package}')
        if 'Package:' in _apt_cache('show', package):
            try:
                run(['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', package],
                    f'downloading {package}', cwd=tmp)
                deb = next(tmp.glob('*.deb'))
                run(['dpkg-deb', '-x', deb, tmp], f'unpacking {deb.name}')
                deb.unlink()
                if not (tmp / 'lib/modules').is_dir():
                    # A package built for merged /usr.
                    (tmp / 'lib').symlink_to('usr/lib')
                return
            except VmError:
                if not os.path.exists(f'/boot/vmlinuz-{self.release}'):
                    raise
        # The very files of the package, where it is installed on this machine.
        if not os.path.exists(f'/boot/vmlinuz-{self.release}'):
            raise VmError(f'apt offers no {package} and /boot has no vmlinuz-{self.release}: run "apt-get update", '
                          f'or build for {newest_release()}')
        (tmp / 'boot').mkdir()
        (tmp / 'lib/modules').mkdir(parents=True)
        for name in ('vmlinuz', 'config', 'System.map'):
            run(['cp', f'/boot/{name}-{self.release}', tmp / 'boot'], 'copying the kernel')
        run(['cp', '-a', f'/lib/modules/{self.release}', tmp / 'lib/modules'], 'copying the modules')
        for link in ('build', 'source'):
            (tmp / 'lib/modules' / self.release / link).unlink(missing_ok=True)


def elf_of(vmlinuz):
    """
    The ELF kernel inside a bzImage. QEMU starts it through its PVH entry, which spares an emulated guest the second
    or more that unpacking itself takes; physical KASLR is then not exercised, by the first boot only.
    """
    vmlinuz = pathlib.Path(vmlinuz)
    final = cache_dir() / 'vmlinux' / common.key_of(vmlinuz.resolve(), vmlinuz.stat().st_mtime_ns,
                                                    vmlinuz.stat().st_size) / 'vmlinux'
    if final.exists():
        return final
    data = vmlinuz.read_bytes()
    if data[0x202:0x206] != b'HdrS' and data[:4] == b'\x7fELF':
        return vmlinuz
    if data[0x202:0x206] != b'HdrS':
        raise VmError(f'{vmlinuz} is neither a bzImage nor an ELF kernel')
    offset, length = struct.unpack_from('<II', data, 0x248)
    start = (data[0x1f1] + 1) * 512 + offset
    payload = data[start:start + length]
    for magic, tool, cut in ((b'\x28\xb5\x2f\xfd', ['zstd', '-dqc'], 4), (b'\xfd7zXZ\0', ['xz', '-dc'], 4),
                             (b'\x1f\x8b', ['gzip', '-dc'], 0)):
        if payload.startswith(magic):
            break
    else:
        raise VmError(f'{vmlinuz} is packed in a way unknown here (first bytes {payload[:6].hex()})')
    with locked('vmlinux'):
        if not final.exists():
            _unpack(vmlinuz, tool, payload[:len(payload) - cut], final)
    common.prune(final.parent.parent, KEEP_FORMS, in_use=[str(final.parent)])
    return final


def _unpack(vmlinuz, tool, payload, final):
    with made_in(final.parent) as tmp:
        # The last four bytes are the unpacked size, for the kernel's own use; gzip has that in its own format.
        r = subprocess.run(tool, input=payload, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if r.returncode or r.stdout[:4] != b'\x7fELF':
            raise VmError(f'unpacking {vmlinuz} with {tool[0]} failed: {r.stderr.decode().strip()}')
        (tmp / 'vmlinux').write_bytes(r.stdout)


def boot_disk(vmlinuz, more=()):
    """A small ext4 image with the kernel, for guests that start it again by kexec, and MORE files, pairs of path and name."""
    files = [(pathlib.Path(vmlinuz), 'vmlinuz'), *more]
    stats = [(path.resolve(), path.stat().st_mtime_ns, path.stat().st_size, name) for path, name in files]
    final = cache_dir() / 'kexec' / common.key_of('2', *(part for st in stats for part in st)) / 'disk.img'
    if final.exists():
        return final
    with locked('kexec-disk'):
        if not final.exists():
            with made_in(final.parent) as tmp:
                (tmp / 'top').mkdir()
                for path, name in files:
                    run(['cp', path, tmp / 'top' / name], 'copying the kernel')
                (tmp / 'top/initrd').symlink_to('/sys/firmware/initrd')
                size = sum(st[2] for st in stats) * 5 // 4 + (2 << 20)
                run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'lazy_itable_init=0', '-d', tmp / 'top',
                     tmp / 'disk.img', f'{size >> 10}k'], 'making the kexec disk')
                run(['rm', '-r', tmp / 'top'], 'cleaning up')
            common.prune(final.parent.parent, KEEP_FORMS, in_use=[str(final.parent)])
    return final
