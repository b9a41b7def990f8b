"""The real-time clock: the host's, and what the guest has set it ahead. Ref: LoPAR 7.3.4."""

import time
from dataclasses import dataclass

NS = 1_000_000_000


@dataclass(slots=True)
class RtcClock:
    """UTC of the host plus `offset_ns`, which survives a reboot."""

    offset_ns: int = 0

    def now_ns(self) -> int:
        return time.time_ns() + self.offset_ns

    def set_ns(self, now_ns: int) -> None:
        self.offset_ns = now_ns - time.time_ns()
