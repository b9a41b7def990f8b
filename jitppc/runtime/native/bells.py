"""Waking threads that wait in the host's kernel, without Python: see jitppc/bell.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir.layout import offset

from .host import U, cpu_at, fence, load64, load_acquire, pointer_of, store_release

_write = types.ExternalFunction("eventfd_write", types.int32(types.int32, types.uint64))
_read = types.ExternalFunction("eventfd_read", types.int32(types.int32, types.voidptr))
WAITED_FOR = U(offset("waited_for"))


@njit
def ring(number: Any) -> None:
    """Whoever waits for the bell with this file descriptor goes on."""
    _write(np.int32(number), U(1))


@njit
def wake(cpu: Any) -> None:
    """The vCPU whose state is at this host address goes on if it waits, because of what was set
    by an exchange before: it looks, or we see it wait.
    """
    if load_acquire(cpu + WAITED_FOR) != U(0):
        ring(cpu_at(pointer_of(cpu)).alarm)


@njit
def hush(number: Any, room: Any) -> None:
    """The bell has rung, and is silent again; `room` points to a doubleword that may be lost."""
    _read(np.int32(number), room)


@njit
def await_news(number: Any, sleeps: Any, rung: Any, put: Any, taken: Any) -> None:
    """Until the bell rings, unless the counts of what was put and of what was taken differ now.

    All are host addresses but the bell's number; at `sleeps` is 1 meanwhile, for who puts.
    """
    store_release(sleeps, U(1))
    fence()                              # from now on, who puts rings
    if load64(put) == load64(taken):
        hush(number, pointer_of(rung))
    store_release(sleeps, U(0))
