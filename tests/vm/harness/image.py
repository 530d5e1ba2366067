# SPDX-License-Identifier: GPL-2.0-only
"""The disk image of the full guest: a Debian 12 userland, the stock kernel, and what `make install` staged."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from . import common, debugkernel, kernel
from .common import HERE, Timer, VmError, VmUsage, cache_dir, key_of, locked, made_in, run, say

SUITE = 'bookworm'
PACKAGES = ['dbus', 'jq', 'kmod', 'libfdt1', 'libjson-c5', 'libmemcached-tools', 'libsystemd0', 'libudev1', 'netcat-openbsd',
            'procps', 'python3', 'socat', 'systemd', 'systemd-sysv', 'udev', 'zstd']
# To install packages of ours in: what they depend on, what DKMS builds the driver with, and the smallest initramfs that the
# kernel's packages accept. Those are added by release.
PACKAGES_TO_INSTALL_IN = ['dkms', 'gcc', 'make', 'tiny-initramfs']
KEEP_PRODUCTS = 3
KEEP_BASES = 4
SIZE = '2G'

# Nothing that a test needs waits for any of these; each costs an emulated guest time at boot or at shutdown.
MASKED_UNITS = '''
apt-daily.service apt-daily.timer apt-daily-upgrade.service apt-daily-upgrade.timer dpkg-db-backup.service
dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer fstrim.service systemd-tmpfiles-clean.timer
getty@.service serial-getty@.service console-getty.service container-getty@.service getty.target getty-static.service
getty-pre.target autovt@.service
systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-user-sessions.service systemd-random-seed.service
systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-journal-flush.service systemd-firstboot.service
systemd-machine-id-commit.service systemd-update-done.service systemd-sysext.service systemd-ask-password-console.path
systemd-ask-password-wall.path systemd-binfmt.service systemd-boot-system-token.service systemd-pcrphase.service
systemd-pcrphase-initrd.service systemd-pcrphase-sysinit.service systemd-pcrmachine.service systemd-pstore.service
systemd-remount-fs.service systemd-fsck-root.service systemd-repart.service systemd-timesyncd.service
systemd-networkd.service systemd-resolved.service systemd-vconsole-setup.service systemd-tmpfiles-setup-dev.service
systemd-initctl.socket kmod-static-nodes.service dev-mqueue.mount systemd-sysusers.service systemd-sysctl.service
systemd-rfkill.socket systemd-rfkill.service systemd-quotacheck.service
dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount sys-kernel-config.mount
proc-sys-fs-binfmt_misc.automount modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service
modprobe@fuse.service modprobe@dm_mod.service modprobe@loop.service networking.service
'''.split()
MASKED_GENERATORS = '''
systemd-bless-boot-generator systemd-cryptsetup-generator systemd-debug-generator systemd-fstab-generator
systemd-getty-generator systemd-gpt-auto-generator systemd-hibernate-resume-generator systemd-integritysetup-generator
systemd-rc-local-generator systemd-run-generator systemd-system-update-generator systemd-sysv-generator
systemd-veritysetup-generator
'''.split()
# Rules for hardware that no guest has. What remains is what a device of ours can meet: defaults, permissions, systemd.
MASKED_RULES = r'60-(autosuspend|block|cdrom_id|drm|evdev|fido-id|input-id|infiniband|persistent-.*|sensor|serial)|' \
               r'64-btrfs|70-(camera|joystick|memory|mouse|power-switch|touchpad|uaccess)|71-seat|73-(seat-late|special-net.*)|' \
               r'75-.*|78-sound-card|80-(drivers|net-.*)|81-net-dhcp|90-vconsole|96-e2scrub'

FILES = {
    'etc/hostname': 'pmpool-guest\n',
    'etc/hosts': '127.0.0.1 localhost pmpool-guest\n::1 localhost\n',
    'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    'etc/fstab': '',
    # The journal is read while the guest runs, and lost with it. Rate limits would hide what a test looks for.
    'etc/systemd/journald.conf.d/50-guest.conf':
        '[Journal]\nStorage=volatile\nCompress=no\nSeal=no\nRateLimitBurst=0\nForwardToSyslog=no\nAudit=no\n',
    'etc/systemd/system.conf.d/50-guest.conf':
        '[Manager]\nDefaultTimeoutStartSec=10min\nDefaultTimeoutStopSec=10min\nDefaultDeviceTimeoutSec=10min\nShowStatus=no\nLogLevel=notice\n',
    # Coldplug only what a rule or a unit of ours can be about: a guest has two hundred other devices, and nobody waits for them.
    'etc/systemd/system/systemd-udev-trigger.service.d/50-guest.conf':
        '[Service]\nExecStart=\nExecStart=-udevadm trigger --type=subsystems --action=add\n'
        'ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=misc --subsystem-match=pmpool '
        '--subsystem-match=block --subsystem-match=module\n',
    'etc/systemd/system/guest-agent.service': '''[Unit]
Description=Runs commands for the host
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStart=/usr/lib/guest/guest-agent 6
Restart=on-failure
RestartSec=1
StandardOutput=journal
OOMScoreAdjust=-900
TasksMax=infinity

[Install]
WantedBy=sysinit.target
''',
}


def _sources():
    """The machine's own apt sources for the suite; nothing about where packages come from is written down here."""
    found = []
    for p in [pathlib.Path('/etc/apt/sources.list'), *sorted(pathlib.Path('/etc/apt/sources.list.d').glob('*'))]:
        if p.suffix not in ('.list', '.sources') or not p.is_file():
            continue
        text = '\n'.join(line for line in p.read_text('utf-8', 'replace').splitlines() if not line.startswith('#'))
        if not re.search(rf'\b{SUITE}(-updates|-security)?\b', text):
            continue
        if re.search(r'\bmain\b', text) and re.search(r'\bdebian(-security)?/?\s', text + '\n'):
            found.append(str(p))
    if not found:
        raise VmError(f'no apt source on this machine offers Debian {SUITE}: see sources.list(5)')
    return found


def _packages(releases=None):
    """What the userland consists of; with RELEASES, these kernels among it, for packages of ours to be installed in."""
    if not releases:
        return PACKAGES
    return [*PACKAGES, *PACKAGES_TO_INSTALL_IN, *(f'linux-{what}-{r}' for r in releases for what in ('image', 'headers'))]


def _base_key(releases=None):
    return key_of(SUITE, _packages(releases), '1')


def base(releases=None):
    """The userland as a tar file, made by mmdebstrap from the machine's own apt sources."""
    final = cache_dir() / 'base' / _base_key(releases) / 'base.tar'
    if final.exists():
        os.utime(final.parent)
        return final
    if os.geteuid():
        _through_sudo('--base-only')
        return final
    with locked('base'):
        if not final.exists():
            timer = Timer()
            say('building the base image with mmdebstrap (usually one to two minutes)')
            with made_in(final.parent) as tmp:
                excludes = [f'--dpkgopt=path-exclude=/usr/share/{d}/*' for d in ('doc', 'man', 'locale', 'info', 'lintian')]
                run(['mmdebstrap', '--mode=root', '--variant=minbase', '--include=' + ','.join(_packages(releases)), *excludes,
                     '--aptopt=Acquire::Languages "none"', SUITE, tmp / 'base.tar', *_sources()], 'building the base image')
            common.prune(final.parent.parent, KEEP_BASES, in_use=[str(final.parent)])
            say(f'base image: {timer():.0f} s')
    return final


def _write(top, name, text, mode=0o644):
    p = top / name
    p.parent.mkdir(parents=True, exist_ok=True)
    p.write_text(text, 'utf-8')
    p.chmod(mode)


def _mask(top, where, name):
    p = top / where / name
    p.parent.mkdir(parents=True, exist_ok=True)
    p.unlink(missing_ok=True)
    p.symlink_to('/dev/null')


def _trim(top):
    for unit in MASKED_UNITS:
        _mask(top, 'etc/systemd/system', unit)
    for generator in MASKED_GENERATORS:
        _mask(top, 'etc/systemd/system-generators', generator)
    for rules in (top / 'usr/lib/udev/rules.d').glob('*.rules'):
        if re.fullmatch(MASKED_RULES, rules.stem):
            _mask(top, 'etc/udev/rules.d', rules.name)
    for d in ('var/lib/apt/lists', 'var/cache/apt', 'usr/share/doc', 'usr/lib/udev/hwdb.d'):
        shutil.rmtree(top / d, ignore_errors=True)
    (top / 'usr/lib/udev/hwdb.bin').unlink(missing_ok=True)
    (top / 'etc/udev/hwdb.bin').unlink(missing_ok=True)


def _install_kernel(top, k, initrd):
    if (top / 'boot' / f'vmlinuz-{k.release}').exists():
        # It came as a package, with all that belongs to it.
        return
    shutil.copytree(k.fetch().modules, top / 'usr/lib/modules' / k.release, symlinks=True)
    (top / 'boot').mkdir(exist_ok=True)
    for f in (k.dir / 'boot').glob(f'*-{k.release}'):
        shutil.copy(f, top / 'boot')
    shutil.copy(initrd, top / 'boot' / f'initrd.img-{k.release}')
    for link, target in (('vmlinuz', f'boot/vmlinuz-{k.release}'), ('initrd.img', f'boot/initrd.img-{k.release}')):
        (top / link).unlink(missing_ok=True)
        (top / link).symlink_to(target)


def _install_product(top, product):
    """Copies a staged tree in, whatever spelling of merged /usr it uses."""
    for entry in sorted(pathlib.Path(product).iterdir()):
        dst = top / entry.name
        if dst.is_symlink():
            dst = top / os.readlink(dst).lstrip('/')
        if entry.is_dir() and not entry.is_symlink():
            dst.mkdir(exist_ok=True)
            run(['cp', '-a', '--no-preserve=ownership', f'{entry}/.', dst], 'copying the staged tree')
        else:
            run(['cp', '-a', '--no-preserve=ownership', entry, dst], 'copying the staged tree')


def _presets(top, product):
    """The units that the staged tree's preset files name."""
    units = []
    for preset in sorted(pathlib.Path(product).glob('*/systemd/system-preset/*.preset')) + \
            sorted(pathlib.Path(product).glob('usr/lib/systemd/system-preset/*.preset')):
        for line in preset.read_text('utf-8').splitlines():
            m = re.match(r'\s*(enable|disable)\s+(\S+)', line)
            if m and m[2] not in units and (top / 'usr/lib/systemd/system' / m[2]).exists():
                units.append(m[2])
    return units


def _install_packages(top, debs):
    """As apt does on a machine that does not run: no daemon is started, and DKMS builds for the kernel that is in the image."""
    (top / 'var/cache/product').mkdir(parents=True)
    for deb in debs:
        shutil.copy(deb, top / 'var/cache/product')
    script = '''
        mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" || exit 1
        exec chroot "$1" sh -c 'apt-get install -y --no-install-recommends /var/cache/product/*.deb'
        '''
    env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', 'DEBIAN_FRONTEND': 'noninteractive'}
    run(['unshare', '--mount', 'sh', '-c', script, 'sh', top], 'installing packages in the image', env=env)


def _compose(top, tar, k, product, initrd, debs):
    run(['tar', '-xf', tar, '-C', top, '--numeric-owner', '--exclude=./dev/*'], 'unpacking the base image')
    _trim(top)
    for name, text in FILES.items():
        _write(top, name, text)
    _install_kernel(top, k, initrd)
    for name, dst in (('guest-agent.c', 'usr/lib/guest/guest-agent'), ('stage-kexec.c', 'usr/sbin/stage-kexec')):
        (top / dst).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(common.static_program(name), top / dst)
    (top / 'etc/resolv.conf').unlink(missing_ok=True)

    def chroot(*argv):
        env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'SYSTEMD_OFFLINE': '1', 'LC_ALL': 'C'}
        run(['chroot', top, *argv], f'{argv[0]} in the image', env=env)

    if debs:
        _install_packages(top, debs)
    if product:
        _install_product(top, product)
        chroot('ldconfig')
        chroot('systemd-sysusers')
    chroot('depmod', '-a', k.release)
    chroot('systemctl', 'set-default', 'multi-user.target')
    chroot('systemctl', 'enable', 'guest-agent.service')
    for unit in _presets(top, product) if product else []:
        chroot('systemctl', 'preset', unit)


def tiny_initrd():
    """
    An initramfs with nothing to do: NVMe and ext4 are built into the stock cloud kernel, which therefore mounts the root
    by itself when it finds no /init.
    """
    from . import cpio
    arc = cpio.Archive()
    arc.directory('dev')
    arc.device('dev/console', 5, 1)
    data = arc.bytes()
    final = cache_dir() / 'initrd' / key_of(data) / 'initrd.img'
    if not final.exists():
        with locked('initrd'):
            if not final.exists():
                with made_in(final.parent) as tmp:
                    (tmp / 'initrd.img').write_bytes(data)
    return final


def _release_of(product):
    """The kernel a staged tree's modules were built for."""
    releases = sorted({p.name for d in ('usr/lib/modules', 'lib/modules') for p in pathlib.Path(product, d).glob('*')
                       if p.is_dir()})
    if len(releases) > 1:
        raise VmUsage(f'{product} has modules for several kernels ({", ".join(releases)}): stage it for one')
    return releases[0] if releases else None


def with_packages(directory):
    """
    Makes an image in which the Debian packages in DIRECTORY are installed, as they would be by a person. Beside them are DKMS,
    a compiler, and the last two kernels as packages, with their headers; guests boot the older one. The image is never the
    one that `vm start` takes by itself.
    """
    debs = sorted(pathlib.Path(directory).glob('*.deb'))
    if not debs:
        raise VmUsage(f'--packages {directory} has no Debian packages in it: make deb builds them')
    releases = kernel.last_two_releases()
    return _image(kernel.Kernel(releases[0]), None, releases, debs)


def build(product=None, aside=False, series=False):
    """
    Makes the image if there is none yet for these very contents; returns its directory. It becomes the one that `vm start`
    takes, unless it is made ASIDE. With SERIES its kernel is that of the series, and it is what `vm start --series` takes.
    """
    if product is not None:
        product = pathlib.Path(product).resolve()
        if not product.is_dir():
            raise VmUsage(f'--product {product} is no directory: stage one with "make install DESTDIR={product}"')
    release = _release_of(product) if product else None
    if series:
        k = debugkernel.get()
        if release not in (None, k.release):
            raise VmUsage(f'{product} has modules for {release}, and the kernel of the series is {k.release}')
    else:
        k = kernel.Kernel(release)
    final = _image(k, product)
    if aside:
        return final
    link = _current(series)
    tmp = link.with_name(f'.{link.name}.{os.getpid()}')
    tmp.symlink_to(final.name)
    os.replace(tmp, link)
    return final


def _image(k, product, releases=None, debs=()):
    own = [(HERE / f).read_bytes() for f in ('harness/image.py', 'guest-agent.c', 'stage-kexec.c', 'harness/cpio.py')]
    key = key_of(_base_key(releases), k.release, k.key, common.tree_key(product) if product else 'none', *own,
                 *(deb.read_bytes() for deb in debs))
    final = cache_dir() / 'image' / key
    if not final.exists():
        if os.geteuid():
            _through_sudo('--aside', *(['--product', str(product)] if product else []),
                          *(['--series'] if isinstance(k, debugkernel.DebugKernel) else []),
                          *(['--packages', str(debs[0].parent)] if debs else []))
        else:
            with locked(f'image-{key}'):
                if not final.exists():
                    _build(final, base(releases), k, product, debs)
    os.utime(final)
    return final


def _through_sudo(*options):
    say('building an image needs root: going through sudo')
    argv = ['sudo', 'env', f'PMPOOL_CACHE={cache_dir()}', sys.executable, str(HERE / 'vm'), 'build', *options]
    if subprocess.run(argv, check=False).returncode:
        raise VmError('building the image through sudo failed')
    subprocess.run(['sudo', 'chown', '-R', f'{os.getuid()}:{os.getgid()}', str(cache_dir())], check=False)


def _build(final, tar, k, product, debs):
    timer = Timer()
    with made_in(final) as tmp:
        top = tmp / 'top'
        top.mkdir()
        _compose(top, tar, k, product, tiny_initrd(), debs)
        # Lazily written inode tables would be written by a kernel thread in each and every guest.
        run(['mke2fs', '-q', '-t', 'ext4', '-L', 'root', '-m', '0', '-J', 'size=16',
             '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-d', top, tmp / 'root.img', SIZE], 'making the image')
        shutil.copy(top / 'boot' / f'vmlinuz-{k.release}', tmp / 'vmlinuz')
        shutil.copy(tiny_initrd(), tmp / 'initrd')
        shutil.rmtree(top)
        (tmp / 'release').write_text(k.release + '\n')
    common.prune(final.parent, KEEP_PRODUCTS, in_use=_in_use())
    say(f'image {final.name}: {timer():.0f} s')


def _in_use():
    """Images below running guests, and the ones that some checkout's next guest takes."""
    links = [*(cache_dir() / 'run').glob('*/image'), *(cache_dir() / 'image').glob('current-*')]
    return [str(p.resolve()) for p in links]


def _current(series=False):
    """The image last built from this checkout; another checkout has one of its own."""
    return cache_dir() / 'image' / f'current-{"series-" if series else ""}{key_of(HERE)}'


def choose(path=None, series=False):
    if path:
        path = pathlib.Path(path).resolve()
        if not (path / 'root.img').exists():
            raise VmUsage(f'--image {path} holds no image: "vm build" prints the directory of one')
        return path
    final = _current(series)
    if final.is_symlink() and not (final / 'root.img').exists():
        raise VmUsage('the image last built from this checkout is no longer in the cache: run "vm build" again, with the same '
                      '--product')
    return final.resolve() if final.exists() else build(series=series)
