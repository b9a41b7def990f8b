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

    @contextlib.contextmanager
    def installed(self, real: int) -> Iterator[None]:
        """The region at an address is in its cell, if the page has run and there is one."""
        found = self._decoded_cells(real)
        with self._arena.scratch():
            try:
                if found is not None:
                    self._install(*found, real)
                else:
                    self.refused += 1
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

    def _install(self, cells: np.ndarray, mode: int, real: int) -> None:
        has_run = ~np.isin(cells["entry"], self._undecoded)
        page, index = self._memory.read(real & ~4095, 4096), (real & 4095) >> 2
        found = None
        if has_run[index]:
            flags = has_run.astype(np.uint8).tobytes()
            found = compile_region(
                {0: (page, flags)}, index, RegionOptions(), int(self._vcpu.state["models"]),
                mode=mode)
        if found is None:
            self.refused += 1
            return
        cells["entry"][index] = self._arena.load([found[0]])[0].symbols["region"]
        self.made += 1
