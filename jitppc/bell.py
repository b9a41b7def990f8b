"""Rung by any thread, waited for by one: how threads wake each other without Python's lock.

A bell is a counter of the host's kernel, because Python lets go of its own lock for system calls:
who is woken can go on at once. With a primitive of `threading` it would first wait for the one who
rang, and on a busy host that costs milliseconds.
"""

from __future__ import annotations

import os
import select

SELECTABLE = 1024
"""`select` knows file descriptors below this."""

FAR_AHEAD = 3600.0
"""Nobody sleeps longer at once, if a time is given."""

ONE = (1).to_bytes(8, "little")


class Bell:
    """`wait` returns after `ring`, also after one from before; several count once.

    `number` is its file descriptor, by which native code rings (runtime/native/bells.py).
    """

    def __init__(self) -> None:
        self.number = os.eventfd(0, os.EFD_CLOEXEC)

    def ring(self) -> None:
        # Not `os.eventfd_write`: that one, and its sibling, give up when a signal comes.
        os.write(self.number, ONE)

    def wait(self, seconds: float | None = None) -> None:
        """Until somebody rings, or so long; to the microsecond where `select` can be used."""
        if seconds is None or self._is_rung(min(max(seconds, 0.0), FAR_AHEAD)):
            os.read(self.number, 8)

    def _is_rung(self, seconds: float) -> bool:
        if self.number < SELECTABLE:
            return bool(select.select([self.number], [], [], seconds)[0])
        poll = select.poll()
        poll.register(self.number, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def __del__(self) -> None:
        """Closed when nobody can ring any more, so that a late ring harms nobody."""
        os.close(self.number)
