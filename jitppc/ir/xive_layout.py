"""The layout of the XIVE controller as native code and Python share it, and what Python asks for.

`runtime/native/xive.py` says what is done with it. Fields are in host byte order.
"""

from __future__ import annotations

import numpy as np

from .layout import MAX_VCPUS

U64 = np.uint64

#: what Python asks native code for
TOUCH, PULSE, LEVEL, RESET = range(4)
#: with the size of a TOUCH: it is a store
STORE = 256

#: The controller, see spapr/xive. All under `lock` but for `active`. Sources, queues and contexts
#: are one behind the other, queues those of a processor's eight priorities.
XIVE_STATE = np.dtype([
    ("lock", U64),
    ("active", U64),            # SHARED: the guest uses it
    ("ram", U64), ("ram_size", U64), ("owners", U64),  # as of MACHINE_STATE and SHARED_STATE
    ("count", np.int64),        # processors
    ("sources", U64), ("queues", U64), ("contexts", U64),  # host addresses
    ("hit", U64),               # real address + 1 of a queue's word over decoded code, or 0;
    ("told", U64),              # ... for who called from Python
    ("cpus", U64, MAX_VCPUS),   # host addresses of CPU_STATE
], align=True)
#: `pq`: bits P and Q (native/xive.py); a `priority` of 255 leads nowhere
XIVE_SOURCE = np.dtype([(name, np.int64) for name in (
    "exists", "pq", "target", "priority", "data", "is_masked", "is_level", "is_asserted")])
#: `size_log2` of the bytes at `gra`, or 0 without a queue; `generation` and `index` are those of
#: the next word
XIVE_QUEUE = np.dtype([(name, np.int64) for name in (
    "gra", "size_log2", "notifies_always", "generation", "index", "pq", "spare", "spare2")])
#: `pending`: priority n is bit 0x80 >> n
XIVE_CONTEXT = np.dtype([(name, np.int64) for name in ("cppr", "pending", "is_presented", "spare")])
