"""H_PUT_TERM_CHAR where `sc` is executed: a packet waits for who passes on what consoles say.

Ref: LoPAR 16.6.2; reference §2.6.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import vty_layout
from jitppc.ir.layout import offset
from jitppc.ir.vty_layout import OUTPUT, PACKET, VTY

from .host import U, bswap64, pointer_of, store64
from .mailbox import FULL, begin, end

PACKET_BYTES, MAX_PACKETS = U(vty_layout.PACKET_BYTES), U(vty_layout.MAX_PACKETS)
PACKET_SIZE = U(PACKET.itemsize)
BOX, PACKETS = (U(offset(name, OUTPUT)) for name in ("lock", "packets"))
COUNT, TEXT = (U(offset(name, PACKET)) for name in ("count", "text"))


@njit(inline="always")
def vty_at(address: Any) -> Any:
    """The VTY record at a host address."""
    return carray(pointer_of(address), 1, VTY)[0]


@njit
def put_text(vty: Any, count: Any, high: Any, low: Any) -> Any:
    """1 when these bytes wait to be passed on; 0 when nobody does that, or many are waiting."""
    if count - U(1) >= PACKET_BYTES:
        return U(0)
    number = begin(vty.output + BOX, MAX_PACKETS)
    if number == FULL:
        return U(0)
    where = vty.output + PACKETS + number % MAX_PACKETS * PACKET_SIZE
    store64(where, vty.console)
    store64(where + COUNT, count)
    store64(where + TEXT, bswap64(high))
    store64(where + TEXT + U(8), bswap64(low))
    end(vty.output + BOX, number)
    return U(1)
