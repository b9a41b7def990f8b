"""Stores to doorbells of devices: the thread behind one is woken where the store is executed.

Who serves it looks at the guest's memory itself, so that the value does not matter. The table
changes only while no vCPU is in native code. Ref: virtio 1.2, 4.1.5.2 (available buffer
notifications).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import COUNTER
from jitppc.ir.virtq_layout import DOORBELL

from . import bells
from .host import U, load64, shared_of

ROW_BYTES, PLACE = U(DOORBELL.itemsize), ~U(3)
RUNG = COUNTER["doorbells"]


@njit
def rings(cpu: Any, real: Any) -> Any:
    """Whether a store to this real address was to a doorbell, and has rung."""
    row = shared_of(cpu).doorbells
    while load64(row) != U(0):
        if load64(row) == real & PLACE:
            bells.ring(load64(row + U(8)))
            cpu.counters[RUNG] += U(1)
            return True
        row += ROW_BYTES
    return False
