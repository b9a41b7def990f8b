"""The Time Base and the decrementer. 512 MHz, as the reference machine.

Ref: Book III 6 (timer facilities).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir.layout import offset

from .host import I, U, address_of, load64, pointer_of

_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_MONOTONIC = np.int32(1)
TIMEBASE_HZ = 512_000_000
TIMESPEC = offset("timespec")


@njit
def host_nanoseconds(room: Any) -> Any:
    """Of the host's monotonic clock; `room`: host address of a struct timespec."""
    _clock_gettime(_MONOTONIC, pointer_of(room))
    return load64(room) * U(1_000_000_000) + load64(room + U(8))


@njit
def timebase(cpu: Any, pointer: Any) -> Any:
    """The Time Base: host time, or (clock_is_insns) one tick for each two retired instructions."""
    if cpu.clock_is_insns != U(0):
        return cpu.tb_offset + ((cpu.retired + U(cpu.slice - cpu.icount)) >> U(1))
    _clock_gettime(_MONOTONIC, pointer_of(address_of(pointer) + U(TIMESPEC)))
    # 64/125 ticks a nanosecond, without overflow: seconds and the rest apart
    ticks = U(cpu.timespec[0]) * U(TIMEBASE_HZ) + U(cpu.timespec[1]) * U(64) // U(125)
    return cpu.tb_offset + ticks


@njit
def decrementer(cpu: Any, pointer: Any) -> Any:
    """DEC as a signed number."""
    return cpu.dec_deadline - I(timebase(cpu, pointer))
