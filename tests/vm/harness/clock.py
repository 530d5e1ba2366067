# SPDX-License-Identifier: GPL-2.0-only
"""
A guest's own time. A limit by the wall clock says something about the machine's other work; by this clock it says something
about the guest: a second in which the guest had to wait for a processor is not counted.
"""

import contextlib
import os
import time

# However slow the machine is, somebody wants to know in the end: so long by the wall clock, or so many times a limit.
WALL_LIMIT, WALL_TIMES = 3600, 4
# A processor can be slower than those that the limits were chosen on: so many times.
PATIENCE = float(os.environ.get('PMPOOL_PATIENCE') or 1)
TICK = 0.2


def used(pid):
    """Seconds that a process has had of processors."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            fields = f.read().rpartition(')')[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def account(name, seconds, processor):
    """Adds a line about a guest that ends to the file that PMPOOL_TIMES names."""
    if os.environ.get('PMPOOL_TIMES'):
        with open(os.environ['PMPOOL_TIMES'], 'a', encoding='utf-8') as f:
            f.write(f'{seconds:.1f}\t{processor:.1f}\t{name}\n')


class Clock:
    """
    Seconds that a process could have used: those of the wall clock, less those that its threads were ready to run and did not,
    because of others (/proc/PID/task/TID/schedstat, the second number), and less those that it was stopped. So it stands
    still for a guest that gets no processor, and goes on for one that spins, that sleeps or that hangs. Where the host's
    kernel keeps no such account it is the wall clock.
    """

    def __init__(self, pid):
        self.pid = pid
        self.seconds, self.wall, self.waited = 0.0, time.monotonic(), self._waited()

    def _waited(self):
        """How long each thread has waited for a processor; None while all are stopped."""
        waited = {}
        try:
            with open(f'/proc/{self.pid}/stat', encoding='ascii', errors='replace') as f:
                if f.read().rpartition(')')[2].split()[0] in 'Tt':
                    return None
            for tid in os.listdir(f'/proc/{self.pid}/task'):
                # A thread may end at any time.
                with contextlib.suppress(OSError), open(f'/proc/{self.pid}/task/{tid}/schedstat', encoding='ascii') as f:
                    waited[tid] = int(f.read().split()[1]) / 1e9
        except OSError:
            # So may the process: whoever asks will see that.
            pass
        return waited

    def __call__(self):
        wall = time.monotonic()
        if wall - self.wall < TICK:
            return self.seconds
        waited = self._waited()
        if waited is not None:
            # The thread that waited longest; a wait is booked when it is over, so this may be more than has passed.
            lost = max((w - (self.waited or {}).get(tid, w) for tid, w in waited.items()), default=0.0)
            self.seconds += wall - self.wall - lost
            self.waited = waited
        self.wall = wall
        return self.seconds


class Limit:
    """So many seconds of a guest's clock from now on."""

    def __init__(self, pid, seconds):
        self.clock, self.seconds, self.began = Clock(pid), PATIENCE * seconds, time.monotonic()
        self.wall = max(WALL_LIMIT, WALL_TIMES * seconds)

    def passed(self):
        return self.clock() > self.seconds or time.monotonic() - self.began > self.wall

    def __str__(self):
        wall = time.monotonic() - self.began
        if wall > self.wall:
            return f'{wall:.0f} s by the wall clock, of which it could run {self.clock():.0f}'
        return f'{self.seconds:g} s' + (f', which took {wall:.0f}' if wall > self.seconds + 5 else '')
