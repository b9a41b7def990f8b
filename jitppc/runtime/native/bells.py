"""Waking threads that wait in the host's kernel, without Python: see jitppc/bell.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir.layout import offset

from .host import U, cpu_at, load_acquire, pointer_of

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
