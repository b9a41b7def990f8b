"""What a guest says on its consoles and native code takes: packets, in order, of all consoles.

Fields are in host byte order, as in `layout.py`, but for what a packet says.
Ref: LoPAR 16.6.2 (H_PUT_TERM_CHAR).
"""

from __future__ import annotations

import numpy as np

from .vio_layout import MAILBOX_FIELDS, VIO_FIELDS

U64 = np.uint64

#: Bytes of a packet at most; packets that wait for the host at most, then the guest waits, too.
PACKET_BYTES, MAX_PACKETS = 16, 4096

#: What a console said: its number, how many bytes, and these as the guest gave them.
PACKET = np.dtype([("console", U64), ("count", U64), ("text", np.uint8, PACKET_BYTES)], align=True)

#: One machine's.
OUTPUT = np.dtype([
    *MAILBOX_FIELDS,            # of packets; one thread takes and passes them on
    ("packets", PACKET, MAX_PACKETS),
], align=True)

#: One console.
VTY = np.dtype([
    *VIO_FIELDS,
    ("console", U64),           # its number in packets
    ("output", U64),            # host address of the machine's OUTPUT
], align=True)
