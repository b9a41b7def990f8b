"""Why a machine stops, and the latch through which anyone may stop it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

EXIT_STATUS = {"until": 0, "timeout": 124, "poweroff": 0, "reboot": 0, "panic": 1, "quit": 0}


@dataclass(frozen=True, slots=True)
class Stop:
    """`reason` is a key of EXIT_STATUS; `detail` is what was matched or what the guest said."""

    reason: str
    detail: str = ""

    @property
    def exit_status(self) -> int:
        """What the command line exits with. Ref: docs of `jitppc run`."""
        return EXIT_STATUS[self.reason]


class StopLatch:
    """The first stop or exception wins; `wake` makes all vCPUs see it. Any thread may set."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._stop: Stop | None = None
        self._error: BaseException | None = None

    @property
    def is_requested(self) -> bool:
        return self._event.is_set()

    def set(self, stop: Stop) -> None:
        self._latch(stop, None)

    def fail(self, error: BaseException) -> None:
        """`run` raises this error, unchanged, when the vCPUs stand still."""
        self._latch(None, error)

    def _latch(self, stop: Stop | None, error: BaseException | None) -> None:
        with self._lock:
            if not self._event.is_set():
                self._stop, self._error = stop, error
                self._event.set()
        self.wake()

    def wait(self, timeout_s: float | None) -> bool:
        return self._event.wait(timeout_s)

    def take(self) -> Stop:
        """The stop (or the error is raised); the latch is open again."""
        with self._lock:
            stop, error = self._stop, self._error
            self._stop = self._error = None
            self._event.clear()
        if error is not None:
            raise error
        assert stop is not None, "the latch was taken before it was set"
        return stop

    # The guest's ways to end its machine (`papr_cpu.Power`).

    def power_off(self) -> None:
        self.set(Stop("poweroff"))

    def reboot(self) -> None:
        self.set(Stop("reboot"))

    def panic(self, text: str) -> None:
        self.set(Stop("panic", text))
