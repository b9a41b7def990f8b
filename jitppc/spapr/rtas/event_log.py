"""Error logs that the platform reports: the queue, and the power event log.

Ref: LoPAR 10.3.2 (error log formats), 10.3.2.2 (version 6 extended log); reference §3.3.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from jitppc.spapr.fdt_values import cells

MASK_EPOW = 0x4000_0000

VERSION_6 = 0x0600_0000
SEVERITY_EVENT = 0x0020_0000
NOT_RECOVERED = 0x0010_0000
OPTIONAL_PART_PRESENT = 0x0004_0000
TYPE_EPOW = 0x40
SUBSYSTEM_EXTERNAL_ENVIRONMENT = 0xA0
SUBTYPE_NORMAL_SHUTDOWN = 0xD0
ACTION_SYSTEM_SHUTDOWN = 3


@dataclass(frozen=True, slots=True)
class EventLog:
    """One log: which check-exception mask asks for it, and its bytes."""

    mask: int
    data: bytes


def _section(identifier: bytes, version: int, body: bytes) -> bytes:
    length = 8 + len(body)
    return identifier + length.to_bytes(2, "big") + bytes((version, 0, 0, 0)) + body


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def epow_shutdown_log(now: datetime | None = None) -> EventLog:
    """Somebody has pressed the power button: the operating system shall shut down."""
    now = datetime.now(UTC) if now is None else now
    stamp = bytes(map(_bcd, (now.year // 100, now.year % 100, now.month, now.day)))
    stamp += bytes(map(_bcd, (now.hour, now.minute, now.second, 0)))
    header = bytes((0x86, 0x00, 0x8E)) + bytes(9) + b"IBM\0"
    private = _section(b"PH", 1, stamp + bytes(8) + b"H" + bytes(2) + bytes((3,)) + bytes(20))
    user = _section(
        b"UH", 1, bytes((SUBSYSTEM_EXTERNAL_ENVIRONMENT, 0, 0, SUBTYPE_NORMAL_SHUTDOWN)) + bytes(12)
    )
    epow = _section(b"EP", 2, bytes((ACTION_SYSTEM_SHUTDOWN, 1, 1)) + bytes(9))
    extended = header + private + user + epow
    first = VERSION_6 | SEVERITY_EVENT | NOT_RECOVERED | OPTIONAL_PART_PRESENT | TYPE_EPOW
    return EventLog(MASK_EPOW, cells(first, len(extended)) + extended)


class EventQueue:
    """Logs that wait to be fetched; `pulse` raises the interrupt of power events."""

    def __init__(self, pulse: Callable[[], None]) -> None:
        self._pulse = pulse
        self._lock = threading.Lock()
        self._logs: deque[EventLog] = deque()

    def post(self, log: EventLog) -> None:
        with self._lock:
            self._logs.append(log)
        self._pulse()

    def take(self, mask: int) -> EventLog | None:
        """The oldest log that `mask` asks for; the interrupt is raised again if others wait."""
        with self._lock:
            found = next((log for log in self._logs if log.mask & mask), None)
            if found is not None:
                self._logs.remove(found)
        self.remind()
        return found

    def remind(self) -> None:
        """The interrupt is raised when a log waits."""
        if self._logs:
            self._pulse()

    def clear(self) -> None:
        with self._lock:
            self._logs.clear()
