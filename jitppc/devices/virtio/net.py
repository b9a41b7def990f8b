"""virtio-net: an Ethernet adapter.

Frames of the guest are sent on the thread of their queue; frames for the guest are put into its
buffers on the thread of the back end, which waits while there are none.

Ref: virtio 1.2, 5.1 (network device).
"""

import struct
import threading
from dataclasses import dataclass

from jitppc.devices.ports import NetBackend, NetOffloads, OffloadingNetBackend
from jitppc.devices.virtio.net_control import ReceiveFilter, control
from jitppc.devices.virtio.net_flows import FlowTable
from jitppc.devices.virtio.queue import Chain, gather, scatter, skip
from jitppc.devices.virtio.served import QUEUE_SIZE, ServedDevice, ServedQueue

F_CSUM = 1 << 0
F_GUEST_CSUM = 1 << 1
F_MTU = 1 << 3
F_MAC = 1 << 5
F_GUEST_TSO4 = 1 << 7
F_GUEST_TSO6 = 1 << 8
F_GUEST_ECN = 1 << 9
F_HOST_TSO4 = 1 << 11
F_HOST_TSO6 = 1 << 12
F_HOST_ECN = 1 << 13
F_MRG_RXBUF = 1 << 15
F_STATUS = 1 << 16
F_CTRL_VQ = 1 << 17
F_CTRL_RX = 1 << 18
F_CTRL_VLAN = 1 << 19
F_CTRL_RX_EXTRA = 1 << 20
F_GUEST_ANNOUNCE = 1 << 21
F_MQ = 1 << 22
F_CTRL_MAC_ADDR = 1 << 23

S_LINK_UP = 1
S_ANNOUNCE = 2

#: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers
HEADER = struct.Struct("<BBHHHHH")
HDR_F_DATA_VALID = 2
NUM_BUFFERS_OFFSET = 10
#: A TCP segment before its segmentation, with its headers.
MAX_FRAME = 65536 + 64
MIN_FRAME = 14
CONTROL_QUEUE_SIZE = 64
CONFIG = struct.Struct("<6sHHH")


@dataclass(frozen=True, slots=True)
class NetShape:
    """`mtu` 0: the guest is not told of one. `pairs` of queues, at most."""

    mac: bytes
    mtu: int = 0
    pairs: int = 1
    queue_size: int = QUEUE_SIZE


def offered(backend: NetBackend, shape: NetShape) -> int:
    """Feature bits: offloads by what the back end says of itself."""
    features = F_MAC | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN
    features |= F_CTRL_RX_EXTRA | F_GUEST_ANNOUNCE | F_CTRL_MAC_ADDR
    features |= (F_MTU if shape.mtu else 0) | (F_MQ if shape.pairs > 1 else 0)
    if isinstance(backend, OffloadingNetBackend):
        can = backend.offloads
        if can.checksum:
            features |= F_CSUM
            features |= (can.tso4 and F_HOST_TSO4) | (can.tso6 and F_HOST_TSO6)
            features |= can.ecn and (can.tso4 or can.tso6) and F_HOST_ECN
        if can.header:
            features |= F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN
        elif backend.is_trusted:
            features |= F_GUEST_CSUM
    return features


class VirtioNet(ServedDevice):
    device_id = 1
    class_code = 0x020000
    name = "virtio-net"

    def __init__(self, backend: NetBackend, shape: NetShape) -> None:
        super().__init__(
            offered(backend, shape), [shape.queue_size] * 2 * shape.pairs + [CONTROL_QUEUE_SIZE]
        )
        self.backend = backend
        self.shape = shape
        self.dropped = 0  # frames that the guest could not get
        self._cable_is_up = True  # by the back end
        self._is_up = True  # by `set_link`
        self._announce = False
        self._receiving = threading.Lock()
        self._header = b""
        self._has_header = False
        self._new_session()
        backend.start(self.receive, self._link)

    def _new_session(self) -> None:
        """What a reset of the device forgets."""
        self.filter = ReceiveFilter(self.shape.mac)
        self.pairs = 1
        self._flows = FlowTable()
        self._announce = False

    # Configuration.

    @property
    def link_is_up(self) -> bool:
        return self._cable_is_up and self._is_up

    def set_link(self, is_up: bool) -> None:
        """The cable is plugged in, or pulled; the guest is told."""
        self._is_up = is_up
        self._link_changed()

    def _link(self, is_up: bool) -> None:
        """The back end has come or gone."""
        self._cable_is_up = is_up
        self._link_changed()

    def _link_changed(self) -> None:
        if self.link_is_up and self.negotiated & F_GUEST_ANNOUNCE:
            self._announce = True
        self.config_changed()

    def announced(self) -> bool:
        """The driver has sent its gratuitous packets; false when nobody asked for them."""
        was_asked, self._announce = self._announce, False
        return was_asked

    def config(self) -> bytes:
        status = S_LINK_UP * self.link_is_up | S_ANNOUNCE * self._announce
        return CONFIG.pack(self.filter.mac, status, self.shape.pairs, self.shape.mtu)

    # Life.

    @property
    def _control_index(self) -> int:
        """Ref: virtio 1.2, 5.1.2: behind the pairs that the driver can know of."""
        return 2 * self.shape.pairs if self.negotiated & F_MQ else 2

    def has_thread(self, index: int) -> bool:
        return bool(index & 1) or index == self._control_index

    def activated(self) -> None:
        has = self.negotiated
        if isinstance(self.backend, OffloadingNetBackend):
            self._has_header = self.backend.offloads.header
            self.backend.accept(
                NetOffloads(
                    header=self._has_header,
                    checksum=bool(has & F_GUEST_CSUM) and self._has_header,
                    tso4=bool(has & F_GUEST_TSO4),
                    tso6=bool(has & F_GUEST_TSO6),
                    ecn=bool(has & F_GUEST_ECN),
                )
            )
            is_valid = self.backend.is_trusted and has & F_GUEST_CSUM
        else:
            self._has_header, is_valid = False, 0
        flags = HDR_F_DATA_VALID if is_valid else 0
        self._header = HEADER.pack(flags, 0, 0, 0, 0, 0, 1)

    def deactivated(self) -> None:
        with self._receiving:  # the back end's thread has left the guest's memory
            self._new_session()
        if isinstance(self.backend, OffloadingNetBackend):
            self.backend.accept(NetOffloads())

    # Control. Ref: virtio 1.2, 5.1.6.5.

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        if queue.index == self._control_index:
            return chain.write(control(self, chain.read(1 << 16)))
        self._transmit(queue, chain)
        return 0

    def set_pairs(self, pairs: int) -> bool:
        """Frames for the guest use so many queues from now on."""
        is_possible = bool(self.negotiated & F_MQ) and 1 <= pairs <= self.shape.pairs
        if is_possible:
            self.pairs = pairs
            self._flows = FlowTable()
        return is_possible

    # From the guest. Ref: virtio 1.2, 5.1.6.2.

    def _transmit(self, queue: ServedQueue, chain: Chain) -> None:
        length = chain.readable_bytes()
        if not MIN_FRAME <= length - HEADER.size <= MAX_FRAME or not self.link_is_up:
            return
        views = chain.readable if self._has_header else skip(chain.readable, HEADER.size)
        frame = views[0] if len(views) == 1 else memoryview(gather(views, length))
        if self.pairs > 1:
            self._flows.sent(frame[HEADER.size :] if self._has_header else frame, queue.index >> 1)
        self.backend.send(frame)

    # To the guest. Ref: virtio 1.2, 5.1.6.3 and 5.1.6.4.

    def receive(self, frame: bytes) -> None:
        """The frame is in the guest's memory, or dropped: it is not for this guest.

        Called on a thread of the back end; waits for buffers.
        """
        with self._receiving:
            if not self.is_active or not self.link_is_up:
                return
            header, data = self._header, memoryview(frame)
            if self._has_header:
                header, data = frame[: HEADER.size], data[HEADER.size :]
            if not self.filter.passes(data):
                return
            pair = self._flows.queue_for(data) if self.pairs > 1 else 0
            queue = self.queues[2 * min(pair, self.pairs - 1)]
            if queue is not None:
                self.guarded(lambda: self._deliver(queue, header, data))

    def _deliver(self, queue: ServedQueue, header: bytes, data: memoryview) -> None:
        ring, wanted = queue.ring, len(header) + len(data)
        may_merge = bool(self.negotiated & F_MRG_RXBUF)
        chains: list[Chain] = []
        room = 0
        while room < wanted:
            chain = queue.take()
            if chain is None:
                queue.doorbell.wait()
                if not self.is_active:
                    return
                continue
            chains.append(chain)
            room += chain.writable_bytes()
            if room < wanted and (len(chains) == ring.size or not may_merge):
                self.dropped += 1  # it would never fit
                ring.unpop(len(chains))
                return
        count = len(chains).to_bytes(2, "little")
        rest = memoryview(header[:NUM_BUFFERS_OFFSET] + count + bytes(data))
        for chain in chains:
            done = scatter(chain.writable, rest)
            rest = rest[done:]
            ring.push(chain, done)
        queue.publish()
