"""The real-time clock: the host's, and what the guest has set it ahead. Ref: LoPAR 7.3.4."""

import time
from collections.abc import Callable
from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(slots=True)
class RtcClock:
    """UTC of `source_ns` (the host's) plus `offset_ns`, which survives a reboot."""

    source_ns: Callable[[], int] = time.time_ns
    offset_ns: int = 0

    def now_ns(self) -> int:
        return self.source_ns() + self.offset_ns

    def set_ns(self, now_ns: int) -> None:
        self.offset_ns = now_ns - self.source_ns()
