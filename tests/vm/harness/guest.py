# SPDX-License-Identifier: GPL-2.0-only
"""A running full guest: its processes, its files, and what can be done with it."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from . import agent, clock, common, console, image, mini, qemu
from .common import Timer, VmError, VmSplat, VmTimeout, VmUsage, cache_dir, say

BOOT_LIMIT = 180
LIFETIME = 4 * 3600


def names():
    return sorted(p.parent.name for p in (cache_dir() / 'run').glob('*/guest.json'))


def _born(pid):
    """When a process started, so that its number is not mistaken for a later one's; None for one that has ended."""
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
        fields = f.read().rpartition(')')[2].split()
    return None if fields[0] == 'Z' else fields[19]


class Guest:
    def __init__(self, name):
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]{0,40}', name):
            raise VmUsage(f'"{name}" cannot be a guest\'s name: letters, digits, dots, dashes and underscores, 41 at most')
        self.name = name
        self.dir = cache_dir() / 'run' / name
        self.console = console.Console(self.dir / 'console.log', self.dir / 'console.seen')
        self.kexecs = console.Watch(self.dir / 'console.log', console.KEXEC)
        self.panics = console.Watch(self.dir / 'console.log', b'Kernel panic')
        self.allow = []
        self.conf = {}

    # --- what it is -------------------------------------------------------------------------------------------------

    def load(self):
        try:
            self.conf = json.loads((self.dir / 'guest.json').read_text('utf-8'))
        except FileNotFoundError:
            known = ', '.join(names()) or 'none'
            raise VmUsage(f'there is no guest "{self.name}" (there are: {known}): start it with "vm start {self.name}"') from None
        self.allow = list(self.conf['allow'])
        if self.console.log.exists():
            self.kexecs.at = self.panics.at = self.console.log.stat().st_size
        return self

    def pid(self):
        try:
            pid, born = (self.dir / 'pid').read_text().split()
            if _born(pid) == born:
                return int(pid)
        except (OSError, ValueError):
            pass
        return None

    def alive(self):
        return self.pid() is not None

    def _qemu(self):
        try:
            return int((self.dir / 'qemu.pid').read_text('ascii'))
        except (OSError, ValueError):
            return None

    def limit(self, seconds):
        """So many seconds of the guest's own time."""
        return clock.Limit(self._qemu(), seconds)

    def _agent(self):
        return agent.Agent(self.dir, self.alive, self.limit)

    # --- beginning and end ------------------------------------------------------------------------------------------

    def start(self, mem='2G', cpus=2, pool='512M', append='', icount=False, kernel=None, initrd=None, allow=(),
              accel=None, limit=BOOT_LIMIT, lifetime=LIFETIME, wait=True, img=None, series=False):
        with common.locked(f'guest-{self.name}'):
            if self.alive():
                raise VmUsage(f'the guest "{self.name}" is running already: "vm stop {self.name}" ends it')
            size = qemu.memory(mem)
            if cpus < 1 or cpus > 64:
                raise VmUsage(f'--cpus {cpus} is impossible: 1 to 64')
            if icount and cpus != 1:
                say('--icount: one virtual CPU, since instructions cannot be counted on several at once')
                cpus = 1
            for option, path in (('--kernel', kernel), ('--initrd', initrd)):
                if path and not os.path.isfile(path):
                    raise VmUsage(f'{option} {path} does not exist')
            img = image.choose(img, series)
            first = os.path.abspath(kernel) if kernel else str(img / 'vmlinuz')
            ramdisk = os.path.abspath(initrd) if initrd else str(img / 'initrd')
            args = qemu.pool_args(size, pool, os.path.getsize(ramdisk), series)
            accel = accel or qemu.accel(mini.kvm_works)
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir.mkdir(parents=True)
            (self.dir / 'image').symlink_to(img)
            common.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', img / 'root.img',
                        self.dir / 'disk.qcow2'], 'making the overlay')
            line = ' '.join(a for a in [
                'console=ttyS0', 'root=/dev/nvme0n1', 'rootfstype=ext4', 'rootwait', 'rw', 'rootflags=noinit_itable',
                *qemu.FAST_ARGS, *qemu.PATIENCE_ARGS, 'loglevel=6', 'net.ifnames=0', 'fsck.mode=skip',
                'systemd.show_status=0', *args, append] if a)
            cmd = qemu.machine_args(accel, size, cpus, icount)
            cmd += ['-name', f'pmpool-{self.name}', '-pidfile', 'qemu.pid', '-kernel', first, '-initrd', ramdisk, '-append', line,
                    '-drive', 'file=disk.qcow2,if=none,id=root,format=qcow2,cache=unsafe',
                    '-device', 'nvme,drive=root,serial=root',
                    '-chardev', 'socket,id=con,path=console,server=on,wait=off,logfile=console.log', '-serial', 'chardev:con',
                    '-qmp', 'unix:qmp,server=on,wait=off', '-gdb', 'unix:gdb,server=on,wait=off',
                    '-device', f'virtio-serial-pci,max_ports={agent.PORTS + 2},vectors=0']
            for n in range(agent.PORTS):
                cmd += ['-chardev', f'socket,id=ex{n},path=exec.{n},server=on,wait=off',
                        '-device', f'virtserialport,chardev=ex{n},name=org.pmpool.exec.{n}']
            self.conf = {'mem': mem, 'cpus': cpus, 'pool': pool, 'args': args, 'icount': icount, 'accel': accel,
                         'image': str(img), 'kernel': first, 'append': line, 'allow': list(allow)}
            self.allow = list(allow)
            # A test run that is killed must not leave its guests behind for ever.
            with open(self.dir / 'qemu.log', 'wb') as log:
                p = subprocess.Popen(['timeout', '--kill-after=10', str(lifetime), *cmd], cwd=self.dir,
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            (self.dir / 'pid').write_text(f'{p.pid} {_born(p.pid)}')
            (self.dir / 'guest.json').write_text(json.dumps(self.conf, indent=1))
            while self.alive() and not self._qemu():
                time.sleep(0.02)
        if wait:
            try:
                return self.wait_up(limit)
            except VmError:
                if not isinstance(self, KeepOnFailure):
                    self.stop()
                raise
        return None

    def stop(self):
        pid = self.pid()
        if pid:
            clock.account(self.name, time.time() - (self.dir / 'pid').stat().st_mtime, clock.used(self._qemu()))
            try:
                os.killpg(pid, signal.SIGTERM)
                for _ in range(100):
                    if not self.alive():
                        break
                    time.sleep(0.05)
                else:
                    os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- talking to it ----------------------------------------------------------------------------------------------

    def check(self):
        """Fails with the excerpt if the kernel has complained since the last look."""
        found = console.splats(self.console.news(), self.allow)
        if found:
            raise VmSplat(f'the kernel of "{self.name}" complained:\n{console.excerpt(found)}')

    def _idle(self):
        if self.kexecs.seen() and self.conf['accel'] == 'tcg' and not self.conf['icount']:
            qemu.flush_code(self.dir)
        if self.panics.seen():
            # The rest of the report takes a moment.
            end, allowed = console.Watch(self.console.log, b'end Kernel panic'), self.limit(5)
            while not end.seen() and not allowed.passed() and self.alive():
                time.sleep(0.05)
            try:
                self.check()
            except VmSplat:
                self.stop()
                raise

    def _dead(self):
        tail = self.console.tail()
        log = (self.dir / 'qemu.log').read_text('utf-8', 'replace').strip() if (self.dir / 'qemu.log').exists() else ''
        self.check()
        return VmError(f'the guest "{self.name}" has ended{": " + log if log else ""}; the end of its console:\n{tail}')

    def _hung(self, what, limit):
        tail = self.console.tail()
        try:
            self.check()
        finally:
            self.stop()
        return VmTimeout(f'{what} within {limit}; the guest "{self.name}" was ended; the end of its console:\n{tail}')

    def wait_up(self, limit=BOOT_LIMIT, unlike=None):
        """Waits until the agent answers and systemd has finished; returns the seconds it took."""
        timer = Timer()
        allowed = self.limit(limit)
        try:
            with self._agent() as a:
                boot = a.connect(allowed, unlike, self._idle)
                out = []
                a.run(['systemctl', 'is-system-running', '--wait'], allowed, out=out.append, idle=self._idle)
                state = b''.join(out).decode().strip()
                if state not in ('running', 'degraded'):
                    say(f'{self.name}: systemd says "{state}"')
        except (agent.NotUp, TimeoutError):
            raise self._hung('it did not come up', allowed) from None
        except agent.Dead:
            raise self._dead() from None
        except agent.Restarted:
            return timer() + self.wait_up(limit, None)
        if state == 'degraded':
            say(f'{self.name}: some units failed: ' + self.quiet('systemctl', '--failed', '--plain', '--no-legend', limit=30))
        (self.dir / 'boot').write_text(boot)
        self.check()
        return timer()

    def quiet(self, *argv, limit=60):
        out = []
        self.run(list(argv), limit=limit, out=out.append, check=False)
        return b''.join(out).decode(errors='replace').strip()

    def run(self, argv, limit=120, boot_limit=BOOT_LIMIT, stdin=None, out=None, err=None, env=(), check=True):
        """Runs a command and returns its status; waits for a guest that is still coming up."""
        allowed = self.limit(boot_limit)
        try:
            with self._agent() as a:
                a.connect(allowed, None, self._idle)
                allowed = self.limit(limit)
                try:
                    status = a.run(argv, allowed, stdin, out, err, env, self._idle)
                except TimeoutError:
                    a.close()
                    self.check()
                    raise VmTimeout(f'the command was killed after {allowed}: {" ".join(argv)}; the end of the console:\n'
                                    + self.console.tail(15)) from None
        except agent.NotUp:
            raise self._hung('it did not answer', allowed) from None
        except agent.Dead:
            raise self._dead() from None
        if check:
            self.check()
        return status

    def boot_id(self, limit=BOOT_LIMIT):
        allowed = self.limit(limit)
        try:
            with self._agent() as a:
                return a.connect(allowed, None, self._idle)
        except agent.NotUp:
            raise self._hung('it did not answer', allowed) from None
        except agent.Dead:
            raise self._dead() from None

    # --- replacing its kernel ---------------------------------------------------------------------------------------

    def kexec(self, limit=BOOT_LIMIT, command=('systemctl', 'kexec')):
        """The bare `systemctl kexec`; returns the seconds until the new kernel's system is up."""
        old = self.boot_id()
        timer = Timer()
        said = []
        try:
            status = self.run(list(command), limit=limit, out=said.append, err=said.append)
        except agent.Restarted:
            status = 0
        text = b''.join(said).decode(errors='replace').strip()
        if status:
            raise VmError(f'"{" ".join(command)}" ended with status {status} in the guest: {text}')
        self.wait_up(limit, unlike=old)
        return timer()

    def reset(self, limit=BOOT_LIMIT):
        """A warm reset through the firmware."""
        old = self.boot_id() if (self.dir / 'boot').exists() and self._agent_answers() else None
        timer = Timer()
        try:
            m = qemu.Monitor(self.dir)
        except OSError:
            raise self._dead() from None
        m.command('system_reset')
        m.close()
        if self.conf['accel'] == 'tcg' and not self.conf['icount']:
            qemu.flush_code(self.dir)
        self.wait_up(limit, unlike=old)
        return timer()

    def _agent_answers(self):
        try:
            with self._agent() as a:
                a.connect(self.limit(3))
                return True
        except VmError:
            return False

    # --- files ------------------------------------------------------------------------------------------------------

    def put(self, src, dst, limit=300):
        if os.path.isdir(src):
            raise VmUsage(f'{src} is a directory: copy files, or a tar file of it')
        try:
            f = open(src, 'rb')
        except OSError as e:
            raise VmUsage(f'{src}: {e.strerror}') from None
        err = []
        with f:
            mode = f'{os.stat(src).st_mode & 0o777:o}'
            script = 'd=$1; [ -d "$d" ] && d=$d/$3; cat >"$d" && chmod "$2" "$d"'
            status = self.run(['sh', '-c', script, 'sh', dst, mode, os.path.basename(src)], limit, stdin=f, err=err.append)
        if status:
            raise VmError(f'writing {dst} in the guest failed: {b"".join(err).decode(errors="replace").strip()}')

    def get(self, src, dst, limit=300):
        if os.path.isdir(dst):
            dst = os.path.join(dst, os.path.basename(src))
        err, tmp = [], f'{dst}.part'
        with open(tmp, 'wb') as f:
            status = self.run(['cat', src], limit, out=f.write, err=err.append)
        if status:
            os.unlink(tmp)
            raise VmError(f'reading {src} in the guest failed: {b"".join(err).decode(errors="replace").strip()}')
        os.replace(tmp, dst)


class KeepOnFailure(Guest):
    """A guest that is left running when it does not come up, for a person to look at."""
