"""Regions for cases: compiled where the words stand, put into their head cell, and forgotten."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import numpy as np

from jitppc.ir.layout import CELL, CELLS_PER_PAGE, PAGE_INFO, PAGE_INFO_OFFSET, PageMode
from jitppc.runtime.engine import Engine
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.runtime.worker import compile_region
from jitppc.strategies import RegionOptions


def _record(address: int, kind: np.dtype, count: int = 1) -> np.ndarray:
    size = kind.itemsize * count
    return np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(address)).view(kind)


class RegionCode:
    """Makes the regions of one engine. Nothing it places into the arena stays there."""

    def __init__(self, engine: Engine, memory: GuestMemory, vcpu: Vcpu) -> None:
        self._arena, self._memory, self._vcpu = engine.arena, memory, vcpu
        names = ("decode_me_le64", "decode_me_any")
        self._undecoded = np.array([self._arena.symbols[name] for name in names], np.uint64)
        #: how many regions were made, and how many places had none
        self.made = self.refused = 0

    def has_run(self, real: int) -> np.ndarray:
        """Which words of the page at an address were executed since it was last stored to."""
        found = self._decoded_cells(real)
        if found is None:
            return np.zeros(CELLS_PER_PAGE, bool)
        return ~np.isin(found[0]["entry"], self._undecoded)

    def compiled(self, real: int, has_run: np.ndarray) -> bytes | None:
        """The region at an address, of the words that are there; None when there is none.

        The page must have run. `has_run` goes by word, of a run with these words.
        """
        found, index, answer = self._decoded_cells(real), (real & 4095) >> 2, None
        if found is not None and has_run[index]:
            page, flags = self._memory.read(real & ~4095, 4096), has_run.astype(np.uint8).tobytes()
            answer = compile_region(
                {0: (page, flags)}, index, RegionOptions(), int(self._vcpu.state["models"]),
                mode=found[1])
        if answer is None:
            self.refused += 1
            return None
        self.made += 1
        return answer[0]

    @contextlib.contextmanager
    def installed(self, real: int, image: bytes | None) -> Iterator[None]:
        """This region is in the cell of an address whose page has run."""
        found = self._decoded_cells(real)
        with self._arena.scratch():
            try:
                if image is not None and found is not None:
                    entry = self._arena.load([image])[0].symbols["region"]
                    found[0]["entry"][(real & 4095) >> 2] = entry
                yield
            finally:
                self._memory.write(real & ~4095, bytes(8192))   # nothing leads there any more

    def _decoded_cells(self, real: int) -> tuple[np.ndarray, int] | None:
        """The cells of a page that has run, and its PageMode."""
        address = int(self._memory.code_pages[real >> 12])
        if not address:
            return None
        info = _record(address + PAGE_INFO_OFFSET, PAGE_INFO)[0]
        if not info["active"] or info["mode"] & PageMode.NARROW:
            return None
        return _record(address, CELL, CELLS_PER_PAGE), int(info["mode"]) & PageMode.EXECUTION
