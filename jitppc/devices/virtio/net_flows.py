"""Which queue the answers of a connection go to: the one from which the guest spoke last.

Ref: virtio 1.2, 5.1.6.5.6 (automatic receive steering).
"""

#: Flows remembered; the oldest goes when another comes.
MAX_FLOWS = 4096

TYPE_IPV4, TYPE_IPV6 = b"\x08\x00", b"\x86\xdd"
PORTS_BYTES = 4
TCP, UDP = 6, 17


def flow_of(frame: memoryview) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Addresses and ports (source, target) of a TCP or UDP frame; None of others."""
    kind = frame[12:14]
    if kind == TYPE_IPV4 and len(frame) >= 34 and frame[23] in {TCP, UDP}:
        at = 14 + 4 * (frame[14] & 15)
        ends = bytes(frame[26:30]), bytes(frame[30:34])
    elif kind == TYPE_IPV6 and len(frame) >= 54 and frame[20] in {TCP, UDP}:
        at = 54
        ends = bytes(frame[22:38]), bytes(frame[38:54])
    else:
        return None
    return *ends, bytes(frame[at : at + 2]), bytes(frame[at + 2 : at + PORTS_BYTES])


class FlowTable:
    """Queue pair by connection. `sent` and `queue_for` may be called from different threads."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[bytes, bytes, bytes, bytes], int] = {}

    def sent(self, frame: memoryview, pair: int) -> None:
        """The guest spoke from this pair of queues."""
        flow = flow_of(frame)
        if flow is None:
            return
        source, target, from_port, to_port = flow
        answers = target, source, to_port, from_port
        if answers not in self._pairs and len(self._pairs) >= MAX_FLOWS:
            for oldest in list(self._pairs)[: MAX_FLOWS // 4]:
                self._pairs.pop(oldest, None)
        self._pairs[answers] = pair

    def queue_for(self, frame: memoryview) -> int:
        """The pair for a frame to the guest; the first one when nothing is known."""
        flow = flow_of(frame)
        return 0 if flow is None else self._pairs.get(flow, 0)
