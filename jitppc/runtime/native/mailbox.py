"""Items that vCPUs put and one thread of the host takes: who puts waits for nobody, and who takes
sleeps while there are none.

A box is the host address of MAILBOX_FIELDS (ir/vio_layout.py). Where items lie is its owner's:

    number = begin(box, limit)      there is room for an item with this number, and the lock is ours
    ...                             it is written
    end(box, number)                it may be taken
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import NO_TAG, offset
from jitppc.ir.vio_layout import MAILBOX

from . import bells, spin
from .host import (
    U,
    compare_and_swap,
    fence,
    load64,
    load_acquire,
    pointer_of,
    store64,
    store_release,
)

LOCK, OPEN, BELL, SLEEPS, RUNG, PUT, TAKEN = (
    U(offset(name, MAILBOX)) for name in (
        "lock", "open", "bell", "sleeps", "rung", "put", "taken"))
#: in place of a number: nobody takes, or as many as the limit are waiting
FULL = U(NO_TAG)


@njit
def begin(box: Any, limit: Any) -> Any:
    """The number of the next item, which the caller is going to write; or FULL, and no more."""
    spin.take(box + LOCK)
    number = load64(box + PUT)
    if load64(box + OPEN) != U(0) and number - load_acquire(box + TAKEN) < limit:
        return number
    spin.give(box + LOCK)
    return FULL


@njit
def end(box: Any, number: Any) -> None:
    """The item that was begun is there. Who sleeps is woken, once."""
    store_release(box + PUT, number + U(1))
    spin.give(box + LOCK)
    fence()
    if load64(box + SLEEPS) != U(0) and compare_and_swap(box + SLEEPS, U(1), U(0)) != U(0):
        bells.ring(load64(box + BELL))


@njit
def wait(box: Any) -> None:
    """Until there may be something to take, or somebody has rung; on the thread that takes."""
    store_release(box + SLEEPS, U(1))
    fence()                              # from now on, who puts rings
    if load64(box + PUT) == load64(box + TAKEN):
        bells.hush(load64(box + BELL), pointer_of(box + RUNG))
    store_release(box + SLEEPS, U(0))


@njit
def close(box: Any) -> None:
    """Nothing is put any more when this returns."""
    spin.take(box + LOCK)
    store64(box + OPEN, U(0))
    spin.give(box + LOCK)
