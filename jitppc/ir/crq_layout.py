"""What a guest says to a device by hypercalls and native code takes: elements, and whether it wants
interrupts. Fields are in host byte order, as in `layout.py`.

Ref: LoPAR 17.2.1.6 (reliable command/response transport); reference §2.10.
"""

from __future__ import annotations

import numpy as np

from .vio_layout import MAILBOX_FIELDS, VIO_FIELDS

U64 = np.uint64

#: Elements that wait for the device; further ones are dropped, and the guest is told so.
MAX_WAITING = 256
ELEMENT_SIZE = 16

#: Why who handles elements stops: nothing waits; the next one is not its; the guest is to be told.
NOTHING, OTHER, DUE = range(3)

#: Words of the ring that the device writes: device address, bytes (0: there is none), offset of the
#: next element, and whether some were written that the guest was not told of.
RING_START, RING_SIZE, RING_NEXT, RING_NEWS = range(4)
RING_WORDS = 4

#: One device.
CRQ = np.dtype([
    *VIO_FIELDS,
    *MAILBOX_FIELDS,            # of elements; the device's thread takes them
    ("elements", np.uint8, (MAX_WAITING, ELEMENT_SIZE)),    # as the guest sees them
], align=True)
