"""What records of virtual devices have alike: of those whose hypercalls native code answers, and
of those that native code moves data for.

Ref: LoPAR 17.2.1 (virtual I/O).
"""

from __future__ import annotations

import numpy as np

U64 = np.uint64

#: Kinds: which record it is. `lan_layout.py`, `crq_layout.py`, `vty_layout.py`.
LAN_DEVICE, CRQ_DEVICE, VTY_DEVICE = 1, 2, 3

VIO_FIELDS = [
    ("here", U64),              # host address of this record
    ("next", U64),              # that of the next device of the machine, or 0
    ("kind", U64),
    ("unit", U64),              # unit address
    ("signals", U64),           # the guest wants interrupts
]
VIO_DEVICE = np.dtype(VIO_FIELDS, align=True)

#: Items that vCPUs put and one thread of the host takes, in a ring elsewhere in the record. `lock`
#: is for those who put. Ref: runtime/native/mailbox.py.
MAILBOX_FIELDS = [
    ("lock", U64),
    ("open", U64),              # somebody takes what is put
    ("bell", U64),              # eventfd that wakes who does
    ("sleeps", U64),            # that one may be asleep, so that who puts has to ring
    ("rung", U64),              # what the bell said
    ("put", U64), ("taken", U64),   # how many items ever were
]
MAILBOX = np.dtype(MAILBOX_FIELDS, align=True)

#: What a device reaches of guest memory.
WINDOW_FIELDS = [
    ("shared", U64),            # host address of SHARED_STATE
    ("ram", U64), ("ram_size", U64),
    ("tces", U64), ("tce_count", U64),      # host address of u64[tce_count], for pages of 4 KiB
]
