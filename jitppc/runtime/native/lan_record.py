"""The record of a logical LAN adapter: where it is and its lock.

The lock is held for a few accesses, or for one system call that does not block; who holds it waits
for nothing. `ir/lan_layout.py` says what is in the record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from jitppc.ir.lan_layout import LAN
from jitppc.ir.layout import offset

from . import spin
from .host import U, pointer_of

NO_WAIT = np.int32(0x40 | 0x4000)               # MSG_DONTWAIT, MSG_NOSIGNAL
LOCK = U(offset("lock", LAN))


@njit(inline="always")
def lan_at(address: Any) -> Any:
    """The LAN record at a host address."""
    return carray(pointer_of(address), 1, LAN)[0]


@njit
def lock(lan: Any) -> None:
    spin.take(lan.here + LOCK)


@njit
def unlock(lan: Any) -> None:
    spin.give(lan.here + LOCK)
