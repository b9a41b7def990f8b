"""H_SEND_CRQ where `sc` is executed: an element waits for the device's thread.

Ref: LoPAR 17.2.1.6.7; reference §2.10.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import crq_layout
from jitppc.ir.crq_layout import CRQ
from jitppc.ir.layout import offset

from .host import U, bswap64, pointer_of, store64
from .mailbox import FULL, begin, end

MAX_WAITING, ELEMENT_SIZE = U(crq_layout.MAX_WAITING), U(crq_layout.ELEMENT_SIZE)
BOX, ELEMENTS = (U(offset(name, CRQ)) for name in ("lock", "elements"))


@njit(inline="always")
def crq_at(address: Any) -> Any:
    """The CRQ record at a host address."""
    return carray(pointer_of(address), 1, CRQ)[0]


@njit
def send_element(crq: Any, high: Any, low: Any) -> Any:
    """1 when the element waits for the device; 0 when that is closed, or many are waiting."""
    number = begin(crq.here + BOX, MAX_WAITING)
    if number == FULL:
        return U(0)
    where = crq.here + ELEMENTS + number % MAX_WAITING * ELEMENT_SIZE
    store64(where, bswap64(high))
    store64(where + U(8), bswap64(low))
    end(crq.here + BOX, number)
    return U(1)
