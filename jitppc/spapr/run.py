"""Running all vCPUs of a machine, each on a thread of its own, until the machine stops."""

import threading
import time
from collections.abc import Callable, Sequence

from jitppc.spapr.processor import Processor
from jitppc.spapr.stop import Stop, StopLatch

MAX_IGNORED_INTERRUPTS = 3


def run_until_stopped(
    processors: Sequence[Processor],
    latch: StopLatch,
    deadline: float | None,
    settle: Callable[[], object],
) -> Stop:
    """Guest code runs until the latch is set; then all stand still.

    `deadline` is a time of `time.monotonic`. What the latch or the caller's own waiting raised is
    raised when they stand still, and `settle` has done what is left of theirs.
    """
    threads = [
        threading.Thread(target=processor.run, name=f"vcpu-{index}", daemon=True)
        for index, processor in enumerate(processors)
    ]
    try:
        for thread in threads:
            thread.start()
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not latch.wait(remaining):
            latch.set(Stop("timeout"))
    except BaseException as error:  # noqa: BLE001 (KeyboardInterrupt; `take` raises it again)
        latch.fail(error)
    _join(threads, latch)
    settle()
    return latch.take()


def _join(threads: list[threading.Thread], latch: StopLatch) -> None:
    """All vCPUs stand still. An impatient caller is heard after a few interrupts."""
    interrupts = 0
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                thread.join(0.5)
            latch.wake()
        except KeyboardInterrupt:
            interrupts += 1
            if interrupts > MAX_IGNORED_INTERRUPTS:
                raise
