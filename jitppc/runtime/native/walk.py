"""Address translation, whichever way the processor does it."""

from __future__ import annotations

from typing import Any

from numba import njit

from .hash import walk_hash
from .host import U
from .radix import PR, Walked, walk


@njit
def translate(cpu: Any, ea: Any, access: Any) -> Walked:
    """Translate an address for the current state, which has translation on."""
    problem = cpu.msr & PR != U(0)
    if cpu.hash_mode != U(0):
        return walk_hash(cpu, ea, access, problem)
    return walk(cpu, ea, access, problem)
