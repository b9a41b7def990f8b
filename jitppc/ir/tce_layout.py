"""Entries of a TCE table, and where native code finds the tables that never move.

Ref: LoPAR 14.5.4.2; reference §2.5.
"""

from __future__ import annotations

import numpy as np

U64 = np.uint64

#: An entry: the address of a page, and what a device may do there.
TCE_READ, TCE_WRITE = 1, 2

#: Tables that native code knows at most. One with no entries ends them.
MAX_TABLES = 64
TCE_TABLE = np.dtype([
    ("liobn", U64),
    ("bus_offset", U64), ("page_shift", U64),   # the device addresses that it stands for
    ("page_count", U64),
    ("entries", U64),           # host address of u64[page_count]
    ("is_touched", U64),        # some entry was put
], align=True)
