"""The native code of tier 0: from the object cache or compiled now, in an arena, callable."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from jitppc.backend.arena import Arena
from jitppc.ir.layout import UNIT_BUFFER

from .memory import GuestMemory
from .tier0_cache import Progress, tier0_objects

ARENA_BYTES = 64 << 20


def unit_bytes(count: int) -> int:
    """Of one vCPU's buffer for units, where there are so many."""
    return max(UNIT_BUFFER // count, 4 << 20)


class Engine:
    """One arena with tier 0 in it.

    Several machines of a process may share one: it holds no guest state.
    """

    def __init__(
        self,
        *,
        exact: bool = False,
        use_cache: bool = True,
        progress: Progress | None = None,
        vcpus: int = 1,
    ) -> None:
        self.arena = Arena(ARENA_BYTES - UNIT_BUFFER + vcpus * unit_bytes(vcpus))
        self._units = 0
        self.arena.load(tier0_objects(exact, use_cache, progress), export=True)
        self.handlers = self.arena.symbols["handlers"]
        word = ctypes.c_uint64
        self._prototypes = [ctypes.CFUNCTYPE(word, *[word] * n) for n in range(6)]
        self._functions: dict[str, Callable[..., int]] = {}

    def give_units(self, memory: GuestMemory, vcpu: int = 0, count: int = 1) -> None:
        """Let a vCPU, of `count` of a machine, copy stencils to a buffer of its own
        (native/stitch.py). The first one comes first.
        """
        size = unit_bytes(count)
        if vcpu == 0:
            self._units = self.arena.room(size * count)
        state, symbols = memory.spaces[vcpu].state, self.arena.symbols
        for field in ("stencil_holes", "stencil_code", "stencil_targets"):
            state[field] = symbols[field]
        state["units"] = state["units_next"] = self._units + vcpu * size
        state["units_end"] = int(state["units"]) + size
        state["stencils"] = symbols["stencils"]

    def call(self, name: str, *arguments: int) -> int:
        """Call a native routine by name; the GIL is free while it runs."""
        if name not in self._functions:
            prototype = self._prototypes[len(arguments)]
            self._functions[name] = prototype(self.arena.symbols[name])
        return int(self._functions[name](*arguments))
