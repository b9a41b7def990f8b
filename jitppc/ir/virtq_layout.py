"""What native code and Python share of a virtio device's queue: numbers that the driver sees, and
the record of a live queue, in host byte order as in `layout.py`.

Ref: virtio 1.2, 2.7 (split virtqueues), 5.2.6 (requests of disks), 5.6.6.1 (of SCSI adapters).
"""

from __future__ import annotations

import numpy as np

from .vio_layout import WINDOW_FIELDS

U64 = np.uint64

# --- the rings: a descriptor is address, length, flags, next
DESC_BYTES = 16
DESC_F_NEXT, DESC_F_WRITE, DESC_F_INDIRECT = 1, 2, 4
AVAIL_F_NO_INTERRUPT, USED_F_NO_NOTIFY = 1, 1
MAX_CHAIN_BYTES = 1 << 32

# --- requests of a disk: type, reserved, sector; behind the data a byte of status
SECTOR, DISK_HEADER_BYTES = 512, 16
T_IN, T_OUT, T_FLUSH = 0, 1, 4
#: What some drivers add to a type: old drivers' word for "not before what came earlier".
T_BARRIER = 1 << 31
DISK_OK = 0

# --- requests of a SCSI adapter: what is before the descriptor block; 0 in an answer: all is well
COMMAND_HEADER_BYTES, ANSWER_HEADER_BYTES = 19, 12
#: Bytes of descriptor blocks and of sense that a driver may ask for.
MAX_CDB_SIZE, MAX_SENSE_SIZE = 260, 252
MAX_COMMAND_BYTES = COMMAND_HEADER_BYTES + MAX_CDB_SIZE

#: Words of what the device knows of its rings: chains taken, used elements written, and of those
#: the ones that the driver was told of. All are free-running and have 16 bits, as in the rings.
NEXT, USED, SIGNALLED = range(3)
STATE_WORDS = 3

#: What the requests are; no requests that native code knows.
DISK_REQUESTS, SCSI_REQUESTS = 1, 2
#: In what native code answers, beside why it stops (crq_layout.py): the driver wants an interrupt.
WANTED = 4

#: Where a store rings a bell: guest real address of four bytes, and an eventfd. One without an
#: address ends them; further ones are Python's.
DOORBELL = np.dtype([("gra", U64), ("bell", U64)], align=True)
MAX_DOORBELLS = 256

#: Pieces of memory of one chain; two more come of cutting it into its parts.
MAX_PIECES = 1022
SPARE_PIECES = 2

#: One live queue; of the device's thread.
VIRTQ = np.dtype([
    ("here", U64),              # host address of this record
    ("descriptors", U64), ("available", U64), ("used", U64),   # those of the rings
    ("size", U64),              # of each ring, in entries
    ("limit", U64),             # descriptors of a chain
    ("event_index", U64), ("indirect", U64),                    # what was negotiated
    ("state", U64, STATE_WORDS),
    *WINDOW_FIELDS,             # without entries: addresses are guest real ones
    ("requests", U64),          # DISK_REQUESTS or SCSI_REQUESTS
    ("disks", U64), ("disk_count", U64),    # host address of SCSI_DISK[disk_count]
    ("command_bytes", U64), ("answer_bytes", U64),  # a SCSI request's, without data
    ("done", U64),              # requests that native code has done
    ("time", U64, 2),           # struct timespec
    # the chain at hand: its descriptor, how many pieces, the first of them for the device to read,
    # and how many bytes it can read and write
    ("head", U64), ("count", U64), ("readable", U64), ("out_bytes", U64), ("in_bytes", U64),
    ("header", np.uint8, 8 * (MAX_COMMAND_BYTES // 8 + 1)),     # what it begins with, copied
    ("pieces", U64, (MAX_PIECES + SPARE_PIECES, 2)),            # struct iovec[]
], align=True)
