"""What the guest says on its consoles, passed on in the order in which it was said.

Native code takes packets while `carried` lasts, so that a guest that prints a lot does not wait for
Python at each 16 bytes; a thread passes them on, at once if it had nothing to do, and a few
milliseconds' worth at a time if there is much. Whatever else the guest asks of Python comes behind
what it has said: `settle`. Ref: LoPAR 16.6.2 (H_PUT_TERM_CHAR).
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

PAUSES_S = (0.0005, 0.001, 0.002, 0.004)
"""After each piece that is passed on the next one is collected for so long; the last is kept to."""


class Packets(Protocol):
    """Packets that native code takes while it is open. `runtime.vty.NativeOutput` is it.

    Anybody may ask what is waiting; one at a time drops, one waits.
    """

    @property
    def is_open(self) -> bool: ...

    @property
    def count(self) -> int:
        """How many were ever taken."""

    @property
    def is_empty(self) -> bool: ...

    def add(self, unit: int, console: int) -> None: ...

    def open(self) -> None: ...

    def close(self) -> None:
        """Nothing is taken any more when this returns; what waits goes on waiting."""

    def waiting(self) -> list[tuple[int, bytes]]:
        """The number of the console, and what it said; in order."""

    def drop(self, count: int) -> None:
        """So many of them do not wait any more."""

    def wait(self) -> None:
        """Until there may be some, or somebody rings."""

    def ring(self) -> None: ...


class ConsoleOutput:
    """Of one machine. Without packets the guest waits for Python each time.

    `fail` hears what a back end raises.
    """

    def __init__(self, packets: Packets | None, fail: Callable[[BaseException], None]) -> None:
        self._packets, self._fail = packets, fail
        self._writers: list[Callable[[bytes], None]] = []
        self._passing_on = threading.RLock()
        self._ends = threading.Event()

    @property
    def count(self) -> int:
        """Packets that were never seen as hypercalls."""
        return 0 if self._packets is None else self._packets.count

    def add(self, unit: int, write: Callable[[bytes], None]) -> None:
        """There is a console with this unit address, and `write` is where its output goes."""
        self._writers.append(write)
        if self._packets is not None:
            self._packets.add(unit, len(self._writers) - 1)

    def settle(self) -> bool:
        """All that the caller's vCPU has said is passed on, or waits no longer.

        Returns:
            Whether some of it may have been passed on while the vCPU went on.
        """
        packets = self._packets
        if packets is None:
            return False
        if not packets.is_empty:
            self._pass_on(packets)
        return packets.is_open

    def write(self, write: Callable[[bytes], None], data: bytes) -> None:
        """Output that comes as a hypercall, behind all that has come before."""
        with self._passing_on:
            self.settle()
            write(data)

    def _pass_on(self, packets: Packets) -> None:
        with self._passing_on:
            for console, group in itertools.groupby(packets.waiting(), lambda packet: packet[0]):
                texts = [text for _, text in group]
                try:
                    self._writers[console](b"".join(texts))
                except BaseException as error:  # noqa: BLE001 (it leaves `run` on its thread)
                    self._fail(error)
                packets.drop(len(texts))

    def stop_collecting(self) -> None:
        """From now on, while this run lasts, the guest waits for Python each time."""
        if self._packets is not None:
            self._packets.close()

    @contextlib.contextmanager
    def carried(self, *, is_wanted: bool) -> Iterator[None]:
        """Meanwhile native code takes packets, if that is wanted. Call `settle` at the end of it,
        when all vCPUs stand still.
        """
        packets = self._packets if is_wanted and self._writers else None
        if packets is None:
            yield
            return
        self._ends.clear()
        thread = threading.Thread(target=self._carry, args=(packets,), name="vty", daemon=True)
        packets.open()
        thread.start()
        try:
            yield
        finally:
            packets.close()
            self._ends.set()
            packets.ring()
            thread.join()

    def _carry(self, packets: Packets) -> None:
        while not self._ends.is_set():
            packets.wait()
            for pause in itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1])):
                if packets.is_empty:
                    break
                self._pass_on(packets)
                if self._ends.wait(pause):
                    break
