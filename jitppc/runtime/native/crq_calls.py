"""H_SEND_CRQ where `sc` is executed: an element waits for the device's thread.

Ref: LoPAR 17.2.1.6.7; reference §2.10.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import crq_layout
from jitppc.ir.crq_layout import CRQ
from jitppc.ir.layout import offset

from . import bells, spin
from .host import (
    U,
    bswap64,
    fence,
    load64,
    load_acquire,
    pointer_of,
    store64,
    store_release,
)

MAX_WAITING, ELEMENT_SIZE = U(crq_layout.MAX_WAITING), U(crq_layout.ELEMENT_SIZE)
LOCK, PUT, TAKEN, SLEEPS, RUNG, ELEMENTS = (
    U(offset(name, CRQ)) for name in ("lock", "put", "taken", "sleeps", "rung", "elements"))


@njit(inline="always")
def crq_at(address: Any) -> Any:
    """The CRQ record at a host address."""
    return carray(pointer_of(address), 1, CRQ)[0]


@njit
def send_element(crq: Any, high: Any, low: Any) -> Any:
    """1 when the element waits for the device; 0 when that is closed, or many are waiting."""
    spin.take(crq.here + LOCK)
    count = crq.put
    is_taken = U(0)
    if crq.open != U(0) and count - load_acquire(crq.here + TAKEN) < MAX_WAITING:
        where = crq.here + ELEMENTS + count % MAX_WAITING * ELEMENT_SIZE
        store64(where, bswap64(high))
        store64(where + U(8), bswap64(low))
        store_release(crq.here + PUT, count + U(1))
        is_taken = U(1)
    spin.give(crq.here + LOCK)
    fence()
    if is_taken != U(0) and load64(crq.here + SLEEPS) != U(0):
        bells.ring(crq.bell)
    return is_taken


@njit
def wait(crq: Any) -> None:
    """Until there may be something to take, or somebody has rung; on the device's thread."""
    here = crq.here
    bells.await_news(crq.bell, here + SLEEPS, here + RUNG, here + PUT, here + TAKEN)
