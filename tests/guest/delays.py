"""How long a guest ran, and how long the host had stopped us meanwhile.

A guest's watchdogs go by real time: they complain when this process stood still (SIGSTOP, a host
that sleeps) or got none of a busy host's time. That is said, and is no fault of the machine.
"""

import re
import threading
import time
from typing import Self

LOOK_SECONDS, STOPPED_SECONDS = 0.2, 2.0
BROKEN = re.compile(r"\b(?:BUG|Oops|Kernel panic|WARNING)\b")
WATCHDOGS = re.compile(r".*(?:rcu: .*stall|soft lockup|hard LOCKUP|Hard LOCKUP).*")


class Delays:
    """For a `with` block: `seconds` in it, and `stopped` of them without us."""

    def __init__(self) -> None:
        self.seconds = self.stopped = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began

    def _look(self) -> None:
        before = time.monotonic()
        while not self._end.wait(LOOK_SECONDS):
            now = time.monotonic()
            if now - before > STOPPED_SECONDS:
                self.stopped += now - before
            before = now

    def broken(self, console: str) -> list[str]:
        """What the guest's kernel found wrong with itself or its machine."""
        return BROKEN.findall(WATCHDOGS.sub("", console))

    def says(self, console: str) -> str:
        """The times, and how often the guest's watchdogs complained."""
        paused = f" ({self.stopped:.0f} s of them stopped)" if self.stopped else ""
        barks = len(WATCHDOGS.findall(console))
        barking = f", {barks} complaints of watchdogs" if barks else ""
        return f"{self.seconds:.1f} s{paused}{barking}"
