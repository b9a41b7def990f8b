"""Waking threads that wait in the host's kernel, without Python: see jitppc/bell.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from .host import U

_write = types.ExternalFunction("eventfd_write", types.int32(types.int32, types.uint64))
_read = types.ExternalFunction("eventfd_read", types.int32(types.int32, types.voidptr))


@njit
def ring(number: Any) -> None:
    """Whoever waits for the bell with this file descriptor goes on."""
    _write(np.int32(number), U(1))


@njit
def hush(number: Any, room: Any) -> None:
    """The bell has rung, and is silent again; `room` points to a doubleword that may be lost."""
    _read(np.int32(number), room)
