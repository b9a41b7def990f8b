"""The gate of native code: what native code relies on changes only while no vCPU is in it.

vCPUs go in and out by themselves (native/exclusive.py). A thread of Python that has written to a
page of code, or changes what other vCPUs go by, waits until all are out, and keeps them out while
it works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Gate:
    """One per machine."""

    def __init__(self) -> None:
        self._lock, self._barrier = threading.RLock(), threading.Lock()
        self._depth = 0
        self._call: Callable[[str], object] | None = None

    def attach(self, call: Callable[[str], object]) -> None:
        """`call` calls a native routine of the machine by name."""
        self._call = call

    def pass_by(self) -> None:
        """A full barrier: what this thread has written is seen before what it reads now."""
        with self._barrier:
            pass

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No vCPU is in native code. The caller is not inside; it may call this again meanwhile."""
        with self._lock:
            call = self._call
            if call is None or self._depth:
                yield
                return
            call("rt_close")
            self._depth = 1
            try:
                yield
            finally:
                self._depth = 0
                call("rt_reopen")
