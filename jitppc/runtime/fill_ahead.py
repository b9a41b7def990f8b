"""Host memory taken before the guest needs it, on a thread beside the vCPUs.

The host clears a page when it is first touched, and whoever touched it waits: a tenth of the time
of a boot. Linux goes upwards through what its allocator gives it, and cells of code are made one
page after the other, so what comes next is known well enough: what was written to is filled up to
whole pieces, and the cells have some pieces in hand. The thread ends when there is nothing to do
for a while; it is started with the machine and at each run.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from jitppc.ir.layout import GRANULE_LOG2
from jitppc.processes import NICENESS

from .code_space import CodeSpace

PIECE = 2 << 20
#: bytes of cells of the first vCPU that are taken beyond those in use; of others, when they use any
CELLS_IN_HAND, CELLS_OF_OTHERS = 16 << 20, 4 << 20
#: seconds between looks, and of nothing new until the thread ends
LEAST_PAUSE, MOST_PAUSE, PATIENCE = 0.004, 0.064, 2.0
#: a look takes at most this part of the time
SHARE = 0.05
#: Linux 5.14; others refuse it. Ref: madvise(2).
_POPULATE_WRITE = 23

_madvise = ctypes.CDLL(None, use_errno=True).madvise
_madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


def take(address: int, size: int) -> bool:
    """The pages of a mapping there are the host's memory, as if written to; False if refused."""
    start = address & -mmap.PAGESIZE
    return bool(_madvise(start, address + size - start, _POPULATE_WRITE) == 0)


class Pieces:
    """The pieces of one mapping, each taken once."""

    def __init__(self, address: int, size: int, take: Callable[[int, int], bool] = take) -> None:
        self._address, self._size, self._take = address, size, take
        self._is_taken = np.zeros(-(-size // PIECE), bool)

    def fill(self, start: int, end: int) -> bool:
        """Pieces with any of these bytes are taken; True if some were not yet."""
        first, last = start // PIECE, -(-min(end, self._size) // PIECE)
        return self.fill_those(range(first, last))

    def leave(self, start: int, end: int) -> None:
        """Pieces with any of these bytes are taken no more."""
        self._is_taken[start // PIECE : -(-end // PIECE)] = True

    def fill_those(self, numbers: Iterable[int]) -> bool:
        """These pieces are taken; True if some were not yet."""
        is_new = False
        for number in numbers:
            if not self._is_taken[number]:
                self._is_taken[number] = is_new = True
                at = number * PIECE
                if not self._take(self._address + at, min(PIECE, self._size - at)):
                    self._is_taken[:] = True            # it cannot be done: no more of that
        return is_new


class FillAhead:
    """For one machine's RAM and cells."""

    def __init__(self, base: int, size: int, spaces: Sequence[CodeSpace], owner: object) -> None:
        """`owner` keeps the RAM at host address `base`; `spaces` may grow."""
        self._owner, self._spaces = owner, spaces
        self._ram = Pieces(base, size)
        self._cells: list[Pieces] = []
        self._expected: list[tuple[int, int]] = []
        self._lock, self._ends = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """The thread runs; of RAM, these ranges [start, end) come first."""
        with self._lock:
            self._expected += ranges
            if self._thread is None:
                self._ends.clear()
                self._thread = threading.Thread(target=self._run, name="jitppc-fill", daemon=True)
                self._thread.start()

    def give_back(self, start: int, end: int) -> None:
        """These bytes of RAM are the host's again: what is around them is not taken ahead."""
        self._ram.leave(start, end)

    def close(self) -> None:
        """No thread runs."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._ends.set()
            thread.join()

    def _run(self) -> None:
        with contextlib.suppress(OSError):              # Linux: of this thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        pause, news = LEAST_PAUSE, time.monotonic()
        while True:
            began = time.monotonic()
            if self.look():
                pause, news = LEAST_PAUSE, time.monotonic()
            with self._lock:
                is_idle = not self._expected and time.monotonic() - news > PATIENCE
                if is_idle or self._ends.is_set():
                    self._thread = None
                    return
            if self._ends.wait(max(pause, (time.monotonic() - began) / SHARE)):
                continue
            pause = min(2 * pause, MOST_PAUSE)

    def look(self) -> bool:
        """What is going to be needed now is taken; True if there was something."""
        with self._lock:
            expected, self._expected = self._expected, []
        is_new = False
        for start, end in expected:
            is_new |= self._ram.fill(start, end)
        for number, space in enumerate(self._spaces):
            is_new |= self._fill_cells(number, space)
            granules = np.flatnonzero(space.write_slots[:, 0])
            touched = np.unique(granules >> PIECE.bit_length() - 1 - GRANULE_LOG2)
            is_new |= self._ram.fill_those(touched.tolist())
        return is_new

    def _fill_cells(self, number: int, space: CodeSpace) -> bool:
        start, end, used = (int(space.state[f"pool{name}"]) for name in ("", "_end", "_next"))
        if number == len(self._cells):
            self._cells.append(Pieces(start, end - start))
        if number and used == start:
            return False
        in_hand = CELLS_OF_OTHERS if number else CELLS_IN_HAND
        return self._cells[number].fill(used - start, used - start + in_hand)
