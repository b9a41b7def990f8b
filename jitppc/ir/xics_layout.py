"""The layout of the XICS controller as native code and Python share it, how sources are numbered,
and what Python asks for.

`runtime/native/xics.py` says what is done with it. Fields are in host byte order.
Ref: LoPAR 10.2.3 (PAPR interrupt controller).
"""

from __future__ import annotations

import numpy as np

from .layout import MAX_VCPUS

U64 = np.uint64

SOURCE_BASE = 0x1000
SOURCE_COUNT = 0x1000
IPI_SOURCE = 2
LEAST_FAVOURED = 0xFF
"""Priority of a masked source, MFRR of no request, CPPR of "take everything"."""

#: what Python asks native code for
RESET, CLAIM, RELEASE, PULSE, LEVEL, SET_XIVE, GET_XIVE, MASK, UNMASK = range(9)
SET_CPPR, SET_MFRR, ACCEPT, END, POLL = range(9, 14)

#: The controller. All under `lock` but for `active`. Sources are in the order of their numbers from
#: the first one on, servers in that of the vCPUs.
XICS_STATE = np.dtype([
    ("lock", U64),
    ("active", U64),            # SHARED: the guest uses it
    ("count", np.int64),        # servers
    ("known", np.int64),        # sources that exist; their numbers, oldest first, are at
    ("numbers", U64),           # ... this host address
    ("sources", U64), ("servers", U64),     # host addresses
    ("cpus", U64, MAX_VCPUS),   # host addresses of CPU_STATE
], align=True)
XICS_SOURCE = np.dtype([(name, np.int64) for name in (
    "exists", "server", "priority", "saved_priority", "is_level", "is_asserted", "is_sent",
    "is_rejected", "is_masked_pending")])
#: `pending`: number of the source that the line stands for, or 0
XICS_SERVER = np.dtype([(name, np.int64) for name in (
    "cppr", "mfrr", "pending", "pending_priority")])
