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


@dataclass(frozen=True, slots=True)
class RtcWish:
    """When the clock starts, and what moves it on.

    Fields:
        base: seconds since 1970 (UTC); "utc" is now, "localtime" now as the host's wall clocks say.
        clock: "host" follows corrections of the host's date, "rt" does not, "vm" is guest time.
    """

    base: int | str = "utc"
    clock: str = "host"

    def make(self, guest_time_ns: Callable[[], int], is_repeatable: bool) -> RtcClock:
        """The clock; in a repeatable machine it is guest time from a fixed day, unless a day is
        given.
        """
        if is_repeatable or self.clock == "vm":
            made = RtcClock(guest_time_ns)
        else:
            made = RtcClock(time.time_ns if self.clock == "host" else time.monotonic_ns)
        if isinstance(self.base, int):
            made.set_ns(self.base * NS)
        elif not is_repeatable:
            ahead = time.localtime().tm_gmtoff if self.base == "localtime" else 0
            made.set_ns(time.time_ns() + ahead * NS)
        return made
