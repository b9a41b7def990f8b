"""What the memory of every interrupt controller has that native code shares with Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .code_space import aligned_zeros
from .engine import Engine


class ControllerMemory:
    """The record of a controller of a machine whose vCPUs have theirs at these host addresses."""

    def __init__(self, engine: Engine, layout: np.dtype, cpus: Sequence[int]) -> None:
        self._engine = engine
        self.count = len(cpus)
        self._record = aligned_zeros(layout.itemsize).view(layout)
        self.address = self._record.ctypes.data
        self._state: Any = self._record[0]
        self._state["count"] = self.count
        self._state["cpus"][: self.count] = cpus

    @property
    def is_active(self) -> bool:
        """The guest uses this controller: native code answers it."""
        return bool(self._state["active"])

    @is_active.setter
    def is_active(self, value: bool) -> None:
        self._state["active"] = int(value)
