"""H_PUT_TERM_CHAR where `sc` is executed: a packet waits for who passes on what consoles say.

Ref: LoPAR 16.6.2; reference §2.6.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import vty_layout
from jitppc.ir.layout import offset
from jitppc.ir.vty_layout import OUTPUT, PACKET, VTY

from . import bells, spin
from .host import (
    U,
    bswap64,
    compare_and_swap,
    fence,
    load64,
    load_acquire,
    pointer_of,
    store64,
    store_release,
)

PACKET_BYTES, MAX_PACKETS = U(vty_layout.PACKET_BYTES), U(vty_layout.MAX_PACKETS)
PACKET_SIZE = U(PACKET.itemsize)
LOCK, PUT, TAKEN, SLEEPS, RUNG, PACKETS = (
    U(offset(name, OUTPUT)) for name in ("lock", "put", "taken", "sleeps", "rung", "packets"))
COUNT, TEXT = (U(offset(name, PACKET)) for name in ("count", "text"))


@njit(inline="always")
def vty_at(address: Any) -> Any:
    """The VTY record at a host address."""
    return carray(pointer_of(address), 1, VTY)[0]


@njit(inline="always")
def output_at(address: Any) -> Any:
    """The OUTPUT record at a host address."""
    return carray(pointer_of(address), 1, OUTPUT)[0]


@njit
def put_text(vty: Any, count: Any, high: Any, low: Any) -> Any:
    """1 when these bytes wait to be passed on; 0 when nobody does that, or many are waiting."""
    if count - U(1) >= PACKET_BYTES:
        return U(0)
    output = output_at(vty.output)
    spin.take(output.here + LOCK)
    number = output.put
    is_taken = U(0)
    if output.open != U(0) and number - load_acquire(output.here + TAKEN) < MAX_PACKETS:
        where = output.here + PACKETS + number % MAX_PACKETS * PACKET_SIZE
        store64(where, vty.console)
        store64(where + COUNT, count)
        store64(where + TEXT, bswap64(high))
        store64(where + TEXT + U(8), bswap64(low))
        store_release(output.here + PUT, number + U(1))
        is_taken = U(1)
    spin.give(output.here + LOCK)
    fence()
    sleeps = output.here + SLEEPS
    if is_taken != U(0) and load64(sleeps) != U(0) and compare_and_swap(sleeps, U(1), U(0)) != U(0):
        bells.ring(output.bell)          # once is enough
    return is_taken


@njit
def wait(output: Any) -> None:
    """Until there may be something to pass on, or somebody has rung."""
    here = output.here
    bells.await_news(output.bell, here + SLEEPS, here + RUNG, here + PUT, here + TAKEN)


@njit
def close(output: Any) -> None:
    """Nothing is taken any more, as soon as this returns."""
    spin.take(output.here + LOCK)
    output.open = U(0)
    spin.give(output.here + LOCK)
