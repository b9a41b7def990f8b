"""virtio-net's control queue: which frames the guest wants, how many queues, announcements.

Ref: virtio 1.2, 5.1.6.5 (control virtqueue).
"""

import struct
from typing import Protocol

OK, ERR = b"\0", b"\1"

CLASS_RX = 0
RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST = range(6)
CLASS_MAC = 1
MAC_TABLE_SET, MAC_ADDR_SET = range(2)
CLASS_VLAN = 2
VLAN_ADD, VLAN_DEL = range(2)
CLASS_ANNOUNCE = 3
CLASS_MQ = 4

MAC_BYTES = 6
BROADCAST = b"\xff" * MAC_BYTES
#: Longer tables are not kept: all addresses of that kind pass, as the specification allows.
MAX_ADDRESSES = 64
VLAN_TAG = b"\x81\x00"
VLANS = 4096


class ReceiveFilter:
    """What the guest wants to hear. As long as it says nothing: everything.

    Ref: virtio 1.2, 5.1.6.5.1 (packet receive filtering), 5.1.6.5.2, 5.1.6.5.3 (VLAN).
    """

    def __init__(self, mac: bytes) -> None:
        self.mac = mac
        self.modes = dict.fromkeys(range(6), False)
        self.modes[RX_PROMISC] = True
        self.unicast: frozenset[bytes] | None = frozenset()  # None: too many, all pass
        self.multicast: frozenset[bytes] | None = frozenset()
        self.vlans: set[int] | None = None  # None: the guest has not asked for a filter

    def passes(self, frame: memoryview) -> bool:
        """Whether the guest wants this frame."""
        if self.vlans is not None and frame[12:14] == VLAN_TAG:
            tag = int.from_bytes(frame[14:16], "big") & VLANS - 1
            if tag not in self.vlans:
                return False
        if self.modes[RX_PROMISC]:
            return True
        target = bytes(frame[:MAC_BYTES])
        if target == BROADCAST:
            return not self.modes[RX_NOBCAST]
        if target[:1] and target[0] & 1:
            if self.modes[RX_NOMULTI]:
                return False
            every = self.modes[RX_ALLMULTI] or self.multicast is None
            return every or target in (self.multicast or ())
        if self.modes[RX_NOUNI]:
            return False
        every = self.modes[RX_ALLUNI] or self.unicast is None
        return every or target == self.mac or target in (self.unicast or ())


class Adapter(Protocol):
    """What commands act on."""

    filter: ReceiveFilter

    def set_pairs(self, pairs: int) -> bool: ...

    def announced(self) -> bool: ...


def control(adapter: Adapter, request: bytes) -> bytes:
    """One command is done; its acknowledgement."""
    if len(request) < 2:
        return ERR
    kind, command, data = request[0], request[1], request[2:]
    table = adapter.filter
    if kind == CLASS_RX and command in table.modes and len(data) == 1:
        table.modes[command] = bool(data[0])
        return OK
    if kind == CLASS_MAC and command == MAC_ADDR_SET and len(data) == MAC_BYTES:
        table.mac = data
        return OK
    if kind == CLASS_MAC and command == MAC_TABLE_SET:
        return _set_tables(table, data)
    if kind == CLASS_VLAN and command in {VLAN_ADD, VLAN_DEL} and len(data) == 2:
        return _set_vlan(table, command, int.from_bytes(data, "little"))
    if kind == CLASS_ANNOUNCE and command == 0 and not data:
        return OK if adapter.announced() else ERR
    if kind == CLASS_MQ and command == 0 and len(data) == 2:
        return OK if adapter.set_pairs(int.from_bytes(data, "little")) else ERR
    return ERR


def _set_tables(table: ReceiveFilter, data: bytes) -> bytes:
    """Unicast addresses, then multicast ones; each list behind its length."""
    lists = []
    for _ in range(2):
        if len(data) < 4:
            return ERR
        (count,) = struct.unpack_from("<I", data)
        end = 4 + MAC_BYTES * count
        if end > len(data):
            return ERR
        addresses = [data[at : at + MAC_BYTES] for at in range(4, end, MAC_BYTES)]
        lists.append(frozenset(addresses) if count <= MAX_ADDRESSES else None)
        data = data[end:]
    if data:
        return ERR
    table.unicast, table.multicast = lists
    return OK


def _set_vlan(table: ReceiveFilter, command: int, vlan: int) -> bytes:
    if vlan >= VLANS:
        return ERR
    known = set() if table.vlans is None else table.vlans
    table.vlans = known | {vlan} if command == VLAN_ADD else known - {vlan}
    return OK
