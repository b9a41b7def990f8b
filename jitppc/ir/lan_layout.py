"""What native code and Python share of a logical LAN adapter: what the guest sees of it, answers of
native routines, and its record, in host byte order as in `layout.py`.

Ref: LoPAR 17.2.2 (interpartition logical LAN); reference §7.4.
"""

from __future__ import annotations

import numpy as np

from .vio_layout import VIO_FIELDS, WINDOW_FIELDS

U64 = np.uint64

# --- what the guest sees: descriptors, buffers, its list of them, and entries of its receive queue
VALID, TOGGLE = 1 << 63, 1 << 62
BUFFER_MIN, HANDLE_SIZE, ENTRY_SIZE = 16, 8, 16
DROPPED_OFFSET = 4096 - 8
CONTROL_TOGGLE, CONTROL_VALID = 0x80, 0x40
MAX_FRAME = 64 << 10                        # of those it sends

# --- why the receiving thread comes back, and in place of a status: the stream takes nothing now
STOPPED, INTERRUPT, ENDED = range(3)
BUSY = 1

#: Buffers that an adapter holds at most, and so nodes and sizes.
MAX_BUFFERS = 5 * 4096
#: in place of the number of a node: none
NO_NODE = (1 << 64) - 1
#: Pieces of memory that one frame may lie in: six buffers, and the pages of 64 KiB.
MAX_PIECES = 64
#: What is longer is no frame of a stream's.
MAX_STREAMED = 65536 + 64
INPUT_BYTES, REST_BYTES = 4 << 20, 128 << 10

#: A buffer of the guest's: its descriptor, and the next of the same size, or of those that are free
LAN_NODE = np.dtype([("descriptor", U64), ("next", U64)], align=True)
#: the buffers of one size, oldest first; sizes are sorted
LAN_SIZE = np.dtype([("bytes", U64), ("head", U64), ("tail", U64)], align=True)

#: One adapter. What is below `lock` is touched under it only, if no thread is named.
LAN = np.dtype([
    *VIO_FIELDS,
    *WINDOW_FIELDS,
    ("lock", U64),
    ("open", U64),
    ("busy", U64),              # the receiving thread writes to guest memory
    ("starved", U64),           # it waits for a buffer of so many bytes: whoever adds one rings the bell
    ("queue", U64), ("queue_size", U64),    # device address and bytes of the receive queue
    ("queue_at", U64), ("queue_toggle", U64),   # of the receiving thread
    ("list", U64), ("dropped", U64),
    ("held", U64), ("fresh_nodes", U64), ("free", U64), ("sizes_used", U64),
    ("nodes", U64), ("sizes", U64),         # host addresses of LAN_NODE[], LAN_SIZE[]
    # --- the host's side
    ("fd", np.int64),           # a stream of frames, each behind its length; negative: no cable
    ("bell", U64),              # eventfd that wakes the receiving thread
    ("stop", U64),              # it is to return
    ("rest", U64), ("rest_at", U64), ("rest_end", U64),     # of a frame, not taken by the stream yet
    ("pieces", U64, (MAX_PIECES + 1, 2)),   # struct iovec[]
    ("message", U64, 7),        # struct msghdr
    ("length", U64),            # of the frame, big-endian
    # --- of the receiving thread
    ("input", U64), ("input_at", U64), ("input_end", U64),  # what has arrived and is not delivered
    ("untold", U64),            # frames delivered after the last interrupt
    ("waits_since", np.int64),  # milliseconds of the host's clock; 0: the frame has not waited for a buffer
    ("is_urgent", U64),         # it has waited for one of its size, and takes a larger one
    ("polls", U64, 2),          # struct pollfd[]
    ("time", U64, 2),           # struct timespec
    ("rung", U64),              # what the bell said
], align=True)
