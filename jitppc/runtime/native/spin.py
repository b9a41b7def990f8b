"""Locks that are held for a few accesses: a doubleword that is 0 while nobody has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from .host import U, compare_and_swap, store_release

yield_processor = types.ExternalFunction("sched_yield", types.int32())
_sleep = types.ExternalFunction("usleep", types.int32(types.uint32))
#: looks at what is waited for before the host's processor is given away, and before one sleeps
EAGER, PATIENT, NAP_US = 200, 2000, np.uint32(50)


@njit
def pause(looks: Any) -> Any:
    """Between two looks at what is waited for; returns how many there were."""
    if looks > PATIENT:
        _sleep(NAP_US)
    elif looks > EAGER:
        yield_processor()
    return looks + 1


@njit
def take(word: Any) -> None:
    """The caller has the lock at a host address, as soon as nobody else has."""
    looks = 0
    while compare_and_swap(word, U(0), U(1)) == U(0):
        looks = pause(looks)


@njit
def give(word: Any) -> None:
    """Others may have it, and see what was written under it."""
    store_release(word, U(0))
