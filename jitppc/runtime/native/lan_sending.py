"""Frames of a logical LAN adapter on their way to the host's stream.

Ref: LoPAR 17.2.2.4 (H_SEND_LOGICAL_LAN).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir import lan_layout
from jitppc.ir.lan_layout import LAN
from jitppc.ir.layout import offset

from . import bells
from .host import I, U, bswap64, load64, memmove, pointer_of
from .host_errors import EAGAIN, EINTR, last_error
from .lan_record import NO_WAIT, lock, unlock
from .status import DROPPED, PARAMETER, RESOURCE, SUCCESS
from .window import TCE_READ, UNMAPPED, gather

_sendmsg = types.ExternalFunction(
    "sendmsg", types.int64(types.int32, types.voidptr, types.int32))
BUSY, VALID = U(lan_layout.BUSY), U(lan_layout.VALID)
MAX_SENT = U(lan_layout.MAX_FRAME)
MESSAGE, PIECES, LENGTH = (U(offset(name, LAN)) for name in ("message", "pieces", "length"))


@njit
def flush(lan: Any) -> None:
    """As much as the stream takes of what is left of a frame; under the lock."""
    while lan.rest_at < lan.rest_end and lan.fd >= I(0):
        lan.pieces[0, 0], lan.pieces[0, 1] = lan.rest + lan.rest_at, lan.rest_end - lan.rest_at
        lan.message[2], lan.message[3] = lan.here + PIECES, U(1)
        n = _sendmsg(np.int32(lan.fd), pointer_of(lan.here + MESSAGE), NO_WAIT)
        if n > 0:
            lan.rest_at += U(n)
        elif last_error() == EAGAIN:
            return
        elif last_error() != EINTR:
            break
    lan.rest_at = lan.rest_end = U(0)


@njit
def send(lan: Any, descriptors: Any) -> Any:
    """A frame in up to six pieces is on its way; a status, or BUSY: again later.

    Args:
        descriptors: host address of u64[6].
    """
    if lan.open == U(0):
        return DROPPED
    total, wanted = U(0), 0
    while wanted < 6 and load64(descriptors + U(8 * wanted)) & VALID != U(0):
        total += (load64(descriptors + U(8 * wanted)) >> U(32)) & U(0xFF_FFFF)
        wanted += 1
    if total > MAX_SENT:
        return RESOURCE
    lock(lan)
    status = _send_locked(lan, descriptors, wanted, total)
    has_rest = lan.rest_at < lan.rest_end
    unlock(lan)
    if has_rest:
        bells.ring(lan.bell)
    return status


@njit
def _send_locked(lan: Any, descriptors: Any, wanted: Any, total: Any) -> Any:
    flush(lan)
    if lan.rest_at < lan.rest_end:
        return BUSY
    lan.length = bswap64(total) >> U(32)
    lan.pieces[0, 0], lan.pieces[0, 1] = lan.here + LENGTH, U(4)
    used = I(1)
    for n in range(wanted):
        descriptor = load64(descriptors + U(8 * n))
        address, count = descriptor & U(0xFFFF_FFFF), (descriptor >> U(32)) & U(0xFF_FFFF)
        used = gather(lan, I(1), used, address, count, TCE_READ)
        if used < I(0):
            return PARAMETER if used == UNMAPPED else RESOURCE
    if total == U(0) or lan.fd < I(0):
        return SUCCESS
    lan.message[2], lan.message[3] = lan.here + PIECES, U(used)
    n = _sendmsg(np.int32(lan.fd), pointer_of(lan.here + MESSAGE), NO_WAIT)
    if n < 0:
        again = last_error() == EAGAIN or last_error() == EINTR
        return BUSY if again else SUCCESS
    _keep(lan, used, U(n))
    return SUCCESS


@njit
def _keep(lan: Any, used: Any, sent: Any) -> None:
    """What the stream has not taken of a frame goes there first, whatever comes next."""
    for n in range(used):
        at, count = lan.pieces[n, 0], lan.pieces[n, 1]
        skipped = min(sent, count)
        sent -= skipped
        memmove(pointer_of(lan.rest + lan.rest_end), pointer_of(at + skipped), count - skipped)
        lan.rest_end += count - skipped
