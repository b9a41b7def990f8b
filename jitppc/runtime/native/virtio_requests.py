"""Requests that wait for a virtio disk or SCSI adapter: plain reads, writes and flushes are done,
in order. A chain that is anything else, or not plainly right, is left to Python.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import crq_layout, virtq_layout
from jitppc.ir.layout import offset
from jitppc.ir.virtq_layout import VIRTQ

from . import virtio_blk, virtio_scsi
from .clock import host_nanoseconds
from .host import U
from .virtq import listen, publish, silence, take, waiting

NOTHING, OTHER, DUE = (U(getattr(crq_layout, name)) for name in ("NOTHING", "OTHER", "DUE"))
WANTED, SCSI_REQUESTS = U(virtq_layout.WANTED), U(virtq_layout.SCSI_REQUESTS)
TIME = U(offset("time", VIRTQ))


@njit
def serve(q: Any, due: Any) -> Any:
    """What waits is done, up to a chain that is Python's, or a time of the host's clock; and the
    driver sees that.

    NOTHING (the doorbell rings for what comes after), OTHER or DUE says why no more was, the last
    one after one chain at least; with WANTED, the driver is to be interrupted.
    """
    silence(q)
    while True:
        count = waiting(q)
        if count == U(0):
            is_wanted = publish(q)
            if listen(q):
                return _answer(NOTHING, is_wanted)
            if is_wanted:
                return _answer(DUE, is_wanted)
        elif count > q.size or not take(q) or not _request(q):
            return _answer(OTHER, publish(q))
        elif host_nanoseconds(q.here + TIME) >= due:
            return _answer(DUE, publish(q))


@njit
def _request(q: Any) -> Any:
    return virtio_scsi.request(q) if q.requests == SCSI_REQUESTS else virtio_blk.request(q)


@njit
def _answer(why: Any, is_wanted: Any) -> Any:
    return why | WANTED if is_wanted else why
