"""What wakes an idle vCPU: rung by any thread, waited for by one.

It is a counter of the host's kernel, because Python lets go of its own lock for system calls: who
is woken can go on at once. With a `threading.Condition` it would first wait for the one who rang,
which on a busy host costs milliseconds.
"""

from __future__ import annotations

import os
import select

SELECTABLE = 1024
"""`select` knows file descriptors below this."""

FAR_AHEAD = 3600.0
"""Nobody sleeps longer at once."""


class Alarm:
    """`wait` returns after `ring`, also after one from before."""

    def __init__(self) -> None:
        self._counter = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_waited_for = False

    def arm(self) -> None:
        """Rings count from now on; the caller then looks whether it needs to wait at all."""
        self._is_waited_for = True

    def disarm(self) -> None:
        """Nobody waits: ringing costs nothing."""
        self._is_waited_for = False

    def ring(self) -> None:
        if self._is_waited_for:
            os.eventfd_write(self._counter, 1)

    def wait(self, seconds: float) -> None:
        """Until somebody rings, or so long; to the microsecond where `select` can be used."""
        seconds = min(max(seconds, 0.0), FAR_AHEAD)
        if self._counter < SELECTABLE:
            rung = bool(select.select([self._counter], [], [], seconds)[0])
        else:
            poll = select.poll()
            poll.register(self._counter, select.POLLIN)
            rung = bool(poll.poll(seconds * 1000))
        if rung:
            os.eventfd_read(self._counter)

    def __del__(self) -> None:
        """Closed when nobody can ring any more."""
        os.close(self._counter)
