"""Microseconds of CPU time that a disk request costs in the device; no guest runs.

First without a disk, then with the transfer of a file in memory, by Python and by native code.

    python -m benchmarks.io.rings
"""

import struct
import tempfile
import time
from pathlib import Path

from jitppc.devices.ports import BlockBackend
from jitppc.devices.virtio.blk import DiskShape, VirtioBlk
from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, QueueSetup
from jitppc.devices.virtio.queue import DESCRIPTOR
from jitppc.devices.virtio.served import ServedQueue
from jitppc.host.block.options import ImageOptions
from jitppc.host.block.raw import RawImage
from jitppc.ir.virtq_layout import (
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    DISK_REQUESTS,
    NEXT,
    T_FLUSH,
    T_IN,
    T_OUT,
)
from jitppc.runtime.engine import Engine
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.virtio import NativeQueue
from jitppc.spapr.dma import RamDma

SIZE = 256
DESCRIPTORS, AVAILABLE, USED, TABLES, DATA = 0x10000, 0x20000, 0x30000, 0x40000, 0x200000
#: Bytes of a request's part of guest memory: header, data, status.
SLOT = 0x10000


class Nothing:
    """A disk that does nothing, so that only the device's own work is measured."""

    size = 1 << 30
    is_read_only = False
    serial = ""

    def read_into(self, offset, views):
        pass

    def write_from(self, offset, views):
        pass

    def flush(self):
        pass


def fill(memory: GuestMemory, kind: int, segments: int, indirect: bool) -> None:
    """A request in each slot, as Linux builds them: header, 4 KiB pieces, status."""
    per_slot = segments + 2
    for slot in range(SIZE if indirect else SIZE // per_slot):
        base = DATA + SLOT * slot
        memory.write(base, struct.pack("<IIQ", kind, 0, 8 * slot))
        buffers = [(base, 16, 0)]
        writable = DESC_F_WRITE if kind == T_IN else 0
        buffers += [(base + 4096 * (n + 1), 4096, writable) for n in range(segments)]
        buffers += [(base + 16, 1, DESC_F_WRITE)]
        table, first = (TABLES + 0x400 * slot, 0) if indirect else (DESCRIPTORS, per_slot * slot)
        for n, (address, length, flags) in enumerate(buffers):
            is_last = n == len(buffers) - 1
            more, after = (0, 0) if is_last else (DESC_F_NEXT, first + n + 1)
            entry = DESCRIPTOR.pack(address, length, flags | more, after)
            memory.write(table + 16 * (first + n), entry)
        if indirect:
            entry = DESCRIPTOR.pack(table, 16 * len(buffers), DESC_F_INDIRECT, 0)
            memory.write(DESCRIPTORS + 16 * slot, entry)
        memory.write(AVAILABLE + 4 + 2 * slot, struct.pack("<H", slot if indirect else first))


def microseconds(
    kind: int,
    segments: int,
    *,
    indirect: bool,
    batch: int,
    rounds: int,
    backend: BlockBackend,
    engine: Engine | None = None,
) -> float:
    """Of one request, from the available ring to the used ring, `batch` at each doorbell."""
    memory = GuestMemory(64 << 20)
    if engine is not None:
        memory.call_native = engine.call
    fill(memory, kind, segments, indirect)
    features = F_INDIRECT_DESC | F_EVENT_IDX
    setup = QueueSetup(
        0, SIZE, DESCRIPTORS, AVAILABLE, USED, RamDma(memory), interrupt=lambda: None
    )
    native = None if engine is None else NativeQueue(memory, DISK_REQUESTS)
    device = VirtioBlk(backend, DiskShape())
    device.is_active = True
    queue = ServedQueue(setup, SIZE, features, native)
    available = memory.view(AVAILABLE, 4).cast("H")
    slots = batch if indirect else min(batch, SIZE // (segments + 2))
    start = time.process_time()
    for _ in range(rounds):
        # The same slots again and again: heads stay valid, the index goes on.
        queue.ring.state[NEXT] = 0
        available[1] = slots
        device.serve(queue)
    return (time.process_time() - start) / rounds / slots * 1e6


def main() -> None:
    cases = [
        ("read 4 KiB", T_IN, 1),
        ("write 4 KiB", T_OUT, 1),
        ("read 64 KiB in 16 pieces", T_IN, 15),
        ("flush", T_FLUSH, 0),
    ]
    shapes = ((False, 1), (True, 1), (True, 32))
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        file.truncate(Nothing.size)
        image = RawImage(ImageOptions(Path(f"/proc/self/fd/{file.fileno()}"), "raw"))
        ways = ("no disk", Nothing(), None), ("Python", image, None), ("native", image, Engine())
        print(f"{'request':<28}{'direct':>20}{'indirect':>10}{'32 at once':>12}   µs each")
        for name, kind, segments in cases:
            for way, backend, engine in ways:
                row = [
                    min(
                        microseconds(
                            kind, segments, indirect=i, batch=b, rounds=3000 // b,
                            backend=backend, engine=engine,
                        )
                        for _ in "123"
                    )
                    for i, b in shapes
                ]  # fmt: skip
                print(f"{name:<28}{way:<10}{row[0]:>10.1f}{row[1]:>10.1f}{row[2]:>12.1f}")
        image.close()


if __name__ == "__main__":
    main()
