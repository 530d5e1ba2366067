# SPDX-License-Identifier: GPL-2.0-only
"""A guest's console log: what the kernel complained about since the last look."""

import pathlib
import re

SPLAT = re.compile(
    r'WARNING: |\bBUG: |\bBUG at |kernel BUG|\bOops\b|Kernel panic|general protection fault|KASAN|KCSAN|KFENCE: |KMSAN|UBSAN|'
    r'Call Trace:|unable to handle|possible recursive locking|possible circular locking|inconsistent lock state|'
    r'suspicious RCU usage|rcu: INFO: rcu_\w+ (self-)?detected|rcu_\w+ (self-)?detected stall|blocked for more than \d+ seconds|'
    r'soft lockup|hard LOCKUP|sleeping function called|scheduling while atomic|Bad page state|refcount_t: |'
    r'list_(add|del) corruption|double fault|unregister_netdevice: waiting')
# Lines that look like one and are none: features announcing themselves, our own words.
HARMLESS = re.compile(r'Command line: |WARNING: (CPU|Spectre|speculative).*(not affected|mitigation)|kfence: initialized|KASAN: init|pmpool-vm: ')
END = re.compile(r'---\[ end|Rebooting in|Linux version ')
SPLAT_LINES = 60


def splats(text, allow=()):
    """The complaints in TEXT, each a list of lines, without those a line of which matches one of the ALLOW patterns."""
    found, current = [], None
    for line in text.splitlines():
        if current is not None:
            current.append(line)
            if END.search(line) or len(current) >= SPLAT_LINES:
                current = None
            continue
        if SPLAT.search(line) and not HARMLESS.search(line):
            current = [line]
            found.append(current)
    return [s for s in found if not any(re.search(a, line) for a in allow for line in s)]


def excerpt(found, lines=30):
    out = []
    for s in found[:3]:
        out += s[:lines]
        if len(s) > lines:
            out.append(f'[{len(s) - lines} more lines]')
    if len(found) > 3:
        out.append(f'[{len(found) - 3} more of these]')
    return '\n'.join('  | ' + line for line in out)


class Console:
    def __init__(self, log, mark=None):
        self.log = pathlib.Path(log)
        self.mark = pathlib.Path(mark) if mark else None

    def text(self):
        try:
            return self.log.read_bytes().decode('latin-1').replace('\r', '')
        except FileNotFoundError:
            return ''

    def tail(self, lines=40):
        return '\n'.join('  | ' + line for line in self.text().splitlines()[-lines:])

    def news(self):
        """What was written since the last call, whole lines only; the place is remembered across processes."""
        try:
            seen = int(self.mark.read_text())
        except (FileNotFoundError, ValueError):
            seen = 0
        try:
            with open(self.log, 'rb') as f:
                f.seek(seen)
                data = f.read()
        except FileNotFoundError:
            return ''
        data = data[:data.rfind(b'\n') + 1]
        self.mark.write_text(str(seen + len(data)))
        return data.decode('latin-1').replace('\r', '')


# A kernel hands over to the next one.
KEXEC = b'kexec_core: Starting new kernel'


class Watch:
    """Notices that a line with a certain text was added."""

    def __init__(self, log, needle):
        self.log, self.needle, self.at = log, needle, 0

    def seen(self):
        try:
            with open(self.log, 'rb') as f:
                f.seek(self.at)
                data = f.read()
        except FileNotFoundError:
            return False
        found = self.needle in data
        # The end of what was read may be the beginning of the line that is looked for.
        self.at += len(data) if found else max(0, data.rfind(b'\n') + 1)
        return found
