"""Why a system call of the host has failed."""

from __future__ import annotations

import errno
from typing import Any

from numba import njit, types

from .host import U, address_of, load32

EINTR, EAGAIN = U(errno.EINTR), U(errno.EAGAIN)
_errno = types.ExternalFunction("__errno_location", types.voidptr())


@njit
def last_error() -> Any:
    """errno of the last system call of this thread that failed."""
    return load32(address_of(_errno()))
