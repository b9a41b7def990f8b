"""What native code and Python share of a SCSI adapter: numbers of SRP's information units and of
commands for blocks, and records in host byte order as in `layout.py`.

Ref: SRP (INCITS 365-2002) 5.6, 6; SPC-4 4.3 (descriptor blocks); SBC-3 5; reference §7.3.
"""

from __future__ import annotations

import numpy as np

from .crq_layout import RING_WORDS
from .vio_layout import WINDOW_FIELDS

U64 = np.uint64

# --- elements of the queue
VALID_PAYLOAD, FORMAT_SRP = 0x80, 1

# --- information units
IU_SIZE_MAX = 256
COMMAND, RESPONSE = 0x02, 0xC1
COMMAND_SIZE, RESPONSE_SIZE, DESCRIPTOR_SIZE, TABLE_HEADER_SIZE = 48, 36, 16, 20
NO_BUFFER, DIRECT, INDIRECT = 0, 1, 2
#: of one data buffer; the guest is told of two mebibytes at most
MAX_DESCRIPTORS, MAX_BUFFER_BYTES = 4096, 16 << 20

# --- commands: operation codes but for the group, which says how long the descriptor block is
READ_IN_GROUP, WRITE_IN_GROUP, IN_GROUP = 0x08, 0x0A, 0x1F
GROUP_SHIFT, GROUP_6, GROUP_10, GROUP_16, GROUP_12 = 5, 0, 1, 4, 5
LBA_OF_6, BLOCKS_OF_6 = 0x1FFFFF, 256
PROTECT_MASK, FUA, CONTROL_NACA = 0xE0, 0x08, 0x04
SYNCHRONIZE_10, SYNCHRONIZE_16, IMMED = 0x35, 0x91, 0x02

#: Disks that native code knows at most, and pieces of memory of one transfer.
MAX_DISKS, MAX_PIECES = 64, 513

#: A disk that is a file of the host, and all reads, writes and flushes inside of it are good now.
SCSI_DISK = np.dtype([
    ("lun", U64),               # as the guest sends it, in host order
    ("fd", np.int64),
    ("block_size", U64), ("block_count", U64),
    ("alignment", U64),         # offset, addresses and lengths of transfers are multiples
    ("is_writable", U64),
    ("write_flags", U64),       # of pwritev2
    ("flush_error", U64),       # where it is: see HostFile of devices/ports.py
], align=True)

#: One adapter; of the device's thread.
VSCSI = np.dtype([
    ("here", U64),              # host address of this record
    ("crq", U64),               # that of its CRQ (crq_layout.py)
    *WINDOW_FIELDS,
    ("ring", U64, RING_WORDS),  # what it writes: see crq_layout.py
    ("disks", U64), ("disk_count", U64),    # host address of SCSI_DISK[disk_count]
    ("done", U64),              # commands that native code has done
    ("time", U64, 2),           # struct timespec
    ("unit", np.uint8, IU_SIZE_MAX),        # an information unit, copied
    ("pieces", U64, (MAX_PIECES, 2)),       # struct iovec[]
], align=True)
