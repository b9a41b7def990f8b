"""virtio-scsi: a SCSI bus with disks and CD-ROMs.

Each request queue has its own thread; a command is done when its turn comes, so that there is
never one to abort: task management waits for those under way.

Ref: virtio 1.2, 5.6 (SCSI host device).
"""

import contextlib
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.bus import Address, Limits, ScsiBus, execute_without_unit
from jitppc.devices.scsi.task import Completion, DataBuffer, Task
from jitppc.devices.virtio.queue import Chain, scatter, skip
from jitppc.devices.virtio.served import QUEUE_SIZE, NativeQueue, ServedDevice, ServedQueue
from jitppc.ir.virtq_layout import (
    ANSWER_HEADER_BYTES,
    COMMAND_HEADER_BYTES,
    MAX_CDB_SIZE,
    MAX_SENSE_SIZE,
)

F_HOTPLUG = 1 << 1
F_CHANGE = 1 << 2

CONTROL, EVENT, FIRST_REQUEST = range(3)
LIMITS = Limits(max_channel=0, max_target=255, max_lun=16383)

#: num_queues, seg_max, max_sectors, cmd_per_lun, event_info_size, sense_size, cdb_size,
#: max_channel, max_target, max_lun
CONFIG = struct.Struct("<7I2HI")
SENSE_SIZE_OFFSET, CDB_SIZE_OFFSET = 20, 24
SENSE_SIZE, CDB_SIZE = 96, 32
MAX_SECTORS = 0xFFFF
COMMANDS_PER_LUN = 128

#: lun, id, task_attr, prio, crn; the CDB is behind it
REQUEST = struct.Struct("<8sQBBB")
#: sense_len, residual, status_qualifier, status, response; the sense is behind it
RESPONSE = struct.Struct("<IIHBB")
assert (REQUEST.size, RESPONSE.size) == (COMMAND_HEADER_BYTES, ANSWER_HEADER_BYTES)
S_OK, S_OVERRUN, S_BAD_TARGET, S_FAILURE = 0, 1, 3, 9
S_FUNCTION_REJECTED, S_INCORRECT_LUN = 11, 12

#: type, subtype, lun, id
TASK_MANAGEMENT = struct.Struct("<II8sQ")
#: type, lun, event_requested
NOTIFICATION = struct.Struct("<I8sI")
T_TMF, T_AN_QUERY, T_AN_SUBSCRIBE = range(3)
ABORT_TASK, ABORT_TASK_SET, CLEAR_ACA, CLEAR_TASK_SET = range(4)
NEXUS_RESET, UNIT_RESET, QUERY_TASK, QUERY_TASK_SET = range(4, 8)

#: event, lun, reason
EVENT_RECORD = struct.Struct("<I8sI")
T_TRANSPORT_RESET, T_PARAM_CHANGE = 1, 3
RESET_RESCAN, RESET_REMOVED = 1, 2
EVENTS_MISSED = 1 << 31
MAX_EVENTS = 16

REPORT_LUNS_UNIT = b"\xc1\x01" + bytes(6)


def address_of(lun: bytes) -> Address | None:
    """The unit that eight bytes name. Ref: virtio 1.2, 5.6.6.1; SAM-5 4.7.7."""
    first, target, high, low = lun[:4]
    method = high >> 6
    if first != 1 or method > 1 or any(lun[4:]) or (method == 0 and high):
        return None
    return Address(0, target, (high & 0x3F) << 8 | low)


def lun_of(address: Address) -> bytes:
    """The eight bytes that name a unit."""
    high = address.lun >> 8 | 0x40
    return bytes((1, address.target, high, address.lun & 0xFF)) + bytes(4)


def _number_of(address: Address) -> int:
    """The same as a number."""
    return int.from_bytes(lun_of(address), "big")


@dataclass(frozen=True, slots=True)
class AdapterShape:
    queues: int = 1
    queue_size: int = QUEUE_SIZE


class VirtioScsi(ServedDevice):
    device_id = 8
    class_code = 0x010000
    name = "virtio-scsi"

    def __init__(
        self,
        shape: AdapterShape | None = None,
        native: Callable[[], NativeQueue | None] = lambda: None,
    ) -> None:
        """`native` makes what does plain requests of one queue."""
        self._native = native
        self.shape = shape = shape or AdapterShape()
        super().__init__(F_HOTPLUG | F_CHANGE, [shape.queue_size] * (2 + shape.queues))
        self.bus = ScsiBus(LIMITS)
        self.sense_size, self.cdb_size = SENSE_SIZE, CDB_SIZE
        self._working = [threading.Lock() for _ in range(shape.queues)]
        self._events: deque[bytes] = deque()
        self._missed = False

    def config(self) -> bytes:
        return CONFIG.pack(
            self.shape.queues, self.shape.queue_size - 2, MAX_SECTORS, COMMANDS_PER_LUN,
            EVENT_RECORD.size, self.sense_size, self.cdb_size,
            LIMITS.max_channel, LIMITS.max_target, LIMITS.max_lun,
        )  # fmt: skip

    def write_config(self, offset: int, data: bytes) -> None:
        value = int.from_bytes(data, "little")
        if offset == SENSE_SIZE_OFFSET and len(data) == 4:
            self.sense_size = min(value, MAX_SENSE_SIZE)
        elif offset == CDB_SIZE_OFFSET and len(data) == 4:
            self.cdb_size = min(value, MAX_CDB_SIZE)

    def deactivated(self) -> None:
        self.sense_size, self.cdb_size = SENSE_SIZE, CDB_SIZE
        self._events.clear()
        self._missed = False

    # The host's side: units that come and go.

    def attached(self, address: Address) -> None:
        """A unit is on the bus that was not there when the guest looked."""
        self._report(F_HOTPLUG, T_TRANSPORT_RESET, address, RESET_RESCAN)

    def detached(self, address: Address) -> None:
        """A unit is not there any more."""
        self._report(F_HOTPLUG, T_TRANSPORT_RESET, address, RESET_REMOVED)

    def changed(self, address: Address, what: sense.Sense) -> None:
        """A unit has another capacity, say."""
        reason = what.asc | what.ascq << 8
        self._report(F_CHANGE, T_PARAM_CHANGE, address, reason)

    def _report(self, feature: int, event: int, address: Address, reason: int) -> None:
        queue = self.queues[EVENT] if self.negotiated & feature else None
        if queue is None:
            return
        if len(self._events) < MAX_EVENTS:
            self._events.append(EVENT_RECORD.pack(event, lun_of(address), reason))
        else:
            self._missed = True
        queue.doorbell.ring()

    # Queues.

    def serve(self, queue: ServedQueue) -> None:
        if queue.index == EVENT:
            self._give_events(queue)
            return
        super().serve(queue)

    def at_work(self, queue: ServedQueue) -> contextlib.AbstractContextManager:
        if queue.index < FIRST_REQUEST:
            return contextlib.nullcontext()
        return self._working[queue.index - FIRST_REQUEST]

    def native_queue(self, index: int) -> NativeQueue | None:
        return None if index < FIRST_REQUEST else self._native()

    def plain(self, queue: ServedQueue) -> NativeQueue | None:
        """As `ServedDevice`; none without a disk that is a file."""
        native = queue.native
        if native is None:
            return None
        about = self.bus.changes, self.cdb_size, self.sense_size
        if about != queue.known:
            disks = self.bus.plain_disks(_number_of)
            native.know(disks, REQUEST.size + about[1], RESPONSE.size + about[2])
            queue.known, queue.has_plain = about, bool(disks)
        return native if queue.has_plain else None

    def _give_events(self, queue: ServedQueue) -> None:
        while self._events and (chain := queue.take()) is not None:
            record = bytearray(self._events.popleft())
            if self._missed:
                record[3] |= EVENTS_MISSED >> 24
                self._missed = False
            queue.give_back(chain, chain.write(bytes(record)))

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        if queue.index == CONTROL:
            return self._control(chain)
        return self._command(chain)

    # Commands. Ref: virtio 1.2, 5.6.6.1 (request queues).

    def _command(self, chain: Chain) -> int:
        """One command; a buffer too short for its frame is answered as far as it goes."""
        frame = REQUEST.size + self.cdb_size
        answer_size = RESPONSE.size + self.sense_size
        header = chain.read(frame)
        data_out = DataBuffer(skip(chain.readable, frame))
        data_in = DataBuffer(skip(chain.writable, answer_size))
        is_whole = len(header) == frame and chain.writable_bytes() >= answer_size
        if not is_whole or not self.cdb_size or (data_out.size and data_in.size):
            return chain.write(RESPONSE.pack(0, 0, 0, 0, S_FAILURE))
        lun = header[:8]
        task = Task(header[REQUEST.size :], data_out, data_in)
        done = self._execute(lun, task)
        if done is None:
            return chain.write(RESPONSE.pack(0, 0, 0, 0, S_BAD_TARGET))
        size = data_out.size + data_in.size
        said = b"" if done.sense is None else done.sense.fixed()[: self.sense_size]
        residual = max(0, size - done.transferred)
        response = S_OVERRUN if done.wanted > size else S_OK
        answer = RESPONSE.pack(len(said), residual, 0, done.status, response)
        scatter(chain.writable, answer + said.ljust(self.sense_size, b"\0"))
        return answer_size + (done.transferred if data_in.size else 0)

    def _execute(self, lun: bytes, task: Task) -> Completion | None:
        if lun == REPORT_LUNS_UNIT:
            return execute_without_unit(task, [])
        address = address_of(lun)
        return None if address is None else self.bus.execute(address, task)

    # Task management. Ref: virtio 1.2, 5.6.6.2 (controlq).

    def _control(self, chain: Chain) -> int:
        request = chain.read(TASK_MANAGEMENT.size)
        kind = int.from_bytes(request[:4], "little") if len(request) >= 4 else -1
        if kind == T_TMF and len(request) == TASK_MANAGEMENT.size:
            _, subtype, lun, _ = TASK_MANAGEMENT.unpack(request)
            return chain.write(bytes((self._manage(subtype, lun),)))
        if kind in {T_AN_QUERY, T_AN_SUBSCRIBE} and len(request) >= NOTIFICATION.size:
            _, lun, _ = NOTIFICATION.unpack_from(request)
            # No unit sends any notification of that kind.
            return chain.write(bytes((0, 0, 0, 0, self._presence(lun))))
        return chain.write(bytes((S_FAILURE,)))

    def _presence(self, lun: bytes) -> int:
        address = address_of(lun)
        if address is None or not self.bus.luns(address.channel, address.target):
            return S_BAD_TARGET
        return S_OK if self.bus.unit(address) is not None else S_INCORRECT_LUN

    def _manage(self, function: int, lun: bytes) -> int:
        """One task management function; the commands before it have been answered."""
        presence = self._presence(lun)
        address = address_of(lun)
        if address is None or (presence != S_OK and function != NEXUS_RESET):
            return presence
        if presence == S_BAD_TARGET:
            return presence
        for lock in self._working:
            with lock:
                pass
        if function in {ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET, QUERY_TASK, QUERY_TASK_SET}:
            return S_OK
        if function == UNIT_RESET:
            unit = self.bus.unit(address)
            if unit is not None:
                unit.reset(sense.UNIT_RESET)
            return S_OK
        if function == NEXUS_RESET:
            for place, unit in self.bus.units():
                if place.target == address.target:
                    unit.reset(sense.UNIT_RESET)
            return S_OK
        return S_FUNCTION_REJECTED
