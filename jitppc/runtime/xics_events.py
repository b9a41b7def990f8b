"""The XICS controller's memory, and what Python asks of its native code (native/xics.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jitppc.ir.layout import MAX_VCPUS
from jitppc.ir.xics_layout import (
    SOURCE_BASE,
    SOURCE_COUNT,
    XICS_SERVER,
    XICS_SOURCE,
    XICS_STATE,
)

from .controller_memory import ControllerMemory
from .engine import Engine


class XicsEvents(ControllerMemory):
    """Of a machine whose vCPUs have their records at these host addresses."""

    def __init__(self, engine: Engine, cpus: Sequence[int]) -> None:
        super().__init__(engine, XICS_STATE, cpus)
        self._sources = np.zeros(SOURCE_COUNT, XICS_SOURCE)
        self._numbers = np.zeros(SOURCE_COUNT, np.uint64)
        self._servers = np.zeros(MAX_VCPUS, XICS_SERVER)
        state = self._state
        state["sources"], state["numbers"] = self._sources.ctypes.data, self._numbers.ctypes.data
        state["servers"] = self._servers.ctypes.data

    def has_source(self, number: int) -> bool:
        is_inside = SOURCE_BASE <= number < SOURCE_BASE + SOURCE_COUNT
        return is_inside and bool(self._sources["exists"][number - SOURCE_BASE])

    def ask(self, what: int, a: int = 0, b: int = 0, c: int = 0) -> int:
        """An operation of `ir/xics_layout.py`; arguments and answer as `ask` there has them."""
        return self._engine.call("rt_xics", self.address, what, a, b, c)
