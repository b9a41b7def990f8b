"""The gate of native code: what native code relies on changes only while no vCPU is in it.

vCPUs go in and out; a device's thread that has written to a page of code waits until all are out,
and keeps them out while it works. Nobody waits when nobody wants to work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Gate:
    """One per machine."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._workers = 0
        self._kicks: list[Callable[[], None]] = []

    def add(self, kick: Callable[[], None]) -> None:
        """`kick` makes a vCPU come out soon; called on any thread."""
        self._kicks.append(kick)

    def enter(self) -> None:
        """The caller's vCPU goes into native code."""
        with self._changed:
            while self._workers:
                self._changed.wait()
            self._inside += 1

    def leave(self) -> None:
        with self._changed:
            self._inside -= 1
            if self._workers and not self._inside:
                self._changed.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No vCPU is in native code. The caller is not inside; calls do not nest."""
        with self._changed:
            self._workers += 1
            while self._inside:
                for kick in self._kicks:
                    kick()
                self._changed.wait()
            try:
                yield
            finally:
                self._workers -= 1
                if not self._workers:
                    self._changed.notify_all()
