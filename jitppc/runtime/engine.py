"""The native code of tier 0: from the object cache or compiled now, in an arena, callable."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from jitppc.backend.arena import Arena
from jitppc.ir.layout import UNIT_BUFFER

from .memory import GuestMemory
from .tier0_cache import Progress, tier0_objects


class Engine:
    """One arena with tier 0 in it.

    Several machines of a process may share one: it holds no guest state.
    """

    def __init__(
        self, *, exact: bool = False, use_cache: bool = True, progress: Progress | None = None
    ) -> None:
        self.arena = Arena()
        self.arena.load(tier0_objects(exact, use_cache, progress), export=True)
        self.handlers = self.arena.symbols["handlers"]
        word = ctypes.c_uint64
        self._one, self._two = (ctypes.CFUNCTYPE(word, *[word] * n) for n in (1, 2))
        self._functions: dict[str, Callable[..., int]] = {}

    def give_units(self, memory: GuestMemory) -> None:
        """Let the vCPUs of a machine copy stencils (runtime/native/stitch.py)."""
        state, symbols = memory.state[0], self.arena.symbols
        for field in ("stencil_holes", "stencil_code", "stencil_targets"):
            state[field] = symbols[field]
        state["units"] = state["units_next"] = self.arena.room(UNIT_BUFFER)
        state["units_end"] = int(state["units"]) + UNIT_BUFFER
        state["stencils"] = symbols["stencils"]

    def call(self, name: str, *arguments: int) -> int:
        """Call a native routine by name; the GIL is free while it runs."""
        if name not in self._functions:
            prototype = self._one if len(arguments) == 1 else self._two
            self._functions[name] = prototype(self.arena.symbols[name])
        return int(self._functions[name](*arguments))
