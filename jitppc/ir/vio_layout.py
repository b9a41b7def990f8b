"""What the records of virtual devices begin with whose hypercalls native code answers.

Ref: LoPAR 17.2.1 (virtual I/O).
"""

from __future__ import annotations

import numpy as np

U64 = np.uint64

#: Kinds: which record it is. `lan_layout.py`, `crq_layout.py`.
LAN_DEVICE, CRQ_DEVICE = 1, 2

VIO_FIELDS = [
    ("here", U64),              # host address of this record
    ("next", U64),              # that of the next device of the machine, or 0
    ("kind", U64),
    ("unit", U64),              # unit address
    ("signals", U64),           # the guest wants interrupts
]
VIO_DEVICE = np.dtype(VIO_FIELDS, align=True)
