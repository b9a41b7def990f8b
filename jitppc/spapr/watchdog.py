"""The four watchdog timers of H_WATCHDOG. Ref: LoPAR 14.16 (watchdog timers); reference §7.8."""

import threading
from collections.abc import Callable
from typing import Protocol

COUNT = 4
MIN_TIMEOUT_MS = 1
MAX_TIMEOUT_S = 10.0 * 365 * 86400


class Timer(Protocol):
    def start(self) -> None: ...

    def cancel(self) -> None: ...


TimerFactory = Callable[[float, Callable[[], None]], Timer]


def host_timer(timeout_s: float, expire: Callable[[], None]) -> Timer:
    """A timer of the host's monotonic clock that does not keep the process alive."""
    timer = threading.Timer(timeout_s, expire)
    timer.daemon = True
    return timer


class Watchdogs:
    """Timers 1 to 4; `act` is called with the action code of one that has run out."""

    def __init__(self, act: Callable[[int], None], make_timer: TimerFactory = host_timer) -> None:
        self._act = act
        self._make_timer = make_timer
        self._lock = threading.Lock()
        self._timers: dict[int, Timer] = {}

    def start(self, number: int, timeout_ms: int, action: int, leaves_others: bool) -> None:
        """Timer `number` runs, from the beginning if it ran already."""
        self.stop(number)
        timeout_s = min(timeout_ms / 1000, MAX_TIMEOUT_S)
        timer = self._make_timer(
            timeout_s, lambda: self._expire(timer, number, action, leaves_others)
        )
        with self._lock:
            self._timers[number] = timer
        timer.start()

    def stop(self, number: int) -> bool:
        """True when that timer was running."""
        with self._lock:
            timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def stop_all(self) -> bool:
        """True when at least one timer was running."""
        stopped = [self.stop(number) for number in range(1, COUNT + 1)]
        return any(stopped)

    def _expire(self, timer: Timer, number: int, action: int, leaves_others: bool) -> None:
        with self._lock:
            if self._timers.get(number) is not timer:
                return
            del self._timers[number]
        if not leaves_others:
            self.stop_all()
        self._act(action)
