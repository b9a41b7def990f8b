"""spapr-vscsi: a SCSI adapter that takes SRP over a command/response queue.

    H_SEND_CRQ ──► thread: element ──► information unit ──► ScsiBus ──► response ──► ring, interrupt

Reads, writes and flushes of disks that are files do not come here: see runtime/native/vscsi.py.

Ref: LoPAR 17.2.3 (VSCSI); SRP (INCITS 365-2002); reference §7.3.
Differs: 62 requests at a time instead of 22; residuals are reported for good commands too. Linux's
driver takes none for an answer that is shorter than its buffer, so the rest is filled with zeroes.
"""

from collections.abc import Sequence
from typing import Protocol

from fdt import Node

from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.devices.scsi import sense
from jitppc.devices.scsi.bus import Address, Limits, ScsiBus, execute_without_unit
from jitppc.devices.scsi.sense import Sense, Status
from jitppc.devices.scsi.task import Completion, DataBuffer, Task
from jitppc.ir.crq_layout import OTHER
from jitppc.ir.hcalls import H
from jitppc.ir.scsi_layout import COMMAND, FORMAT_SRP, VALID_PAYLOAD
from jitppc.spapr.fdt_values import cells, put
from jitppc.spapr.vio import crq, mad, srp
from jitppc.spapr.vio.bus import Slot, vio_node
from jitppc.spapr.vio.srp import Command, Residual, TaskAnswer, TaskFunction
from jitppc.spapr.vio.window import DmaWindow

FORMAT_MAD = 2
TRANSPORT_OK, TRANSPORT_FAILED = 0x00, 0x10
LIMITS = Limits(max_channel=7, max_target=63, max_lun=31)
REPORT_LUNS = 0xA0
MAX_FILL = 64 << 10
"""Buffers of commands that answer less than there is room for are smaller than this."""
WELL_KNOWN_REPORT_LUNS = 0xC101 << 48
LOGICAL_UNIT_ADDRESSING = 0x8000


def address_of(lun: int) -> Address | None:
    """The unit that an 8-byte LUN names; None for forms that name none here.

    Ref: SAM-5 4.7.7 (single level LUN structures); reference §7.3.
    """
    first = lun >> 48
    form, rest = first >> 14, first & 0x3FFF
    if form == 0 and first >> 8 == 0:
        return Address(0, 0, rest)
    if form == 1:
        return Address(0, 0, rest)
    if form == 2:
        return Address(first >> 5 & 7, first >> 8 & 0x3F, first & 0x1F)
    return None


def lun_field(address: Address) -> bytes:
    """The 8-byte LUN of a unit, as the guest has to send it."""
    if not address.target and not address.channel:
        return address.lun.to_bytes(2, "big") + bytes(6)
    return _packed(address).to_bytes(2, "big") + bytes(6)


def _packed(address: Address) -> int:
    """The first two bytes of a LUN in the form that has room for every unit."""
    return LOGICAL_UNIT_ADDRESSING | address.target << 8 | address.channel << 5 | address.lun


class ScsiRoutines(Protocol):
    """The native side of one adapter; `runtime.vscsi.NativeScsi` is it."""

    @property
    def ring(self) -> crq.Words: ...

    def know(self, disks: Sequence[tuple[int, ...]], /) -> None: ...

    def serve(self, due_ns: int, /) -> int: ...


def _number_of(address: Address) -> int:
    """The LUN of a unit in the form that Linux sends."""
    return _packed(address) << 48


class Vscsi:
    """The adapter; its units are on `bus`."""

    def __init__(
        self,
        slot: Slot,
        window: DmaWindow,
        inbox: crq.Inbox | None = None,
        native: ScsiRoutines | None = None,
    ) -> None:
        """`native`: what handles some of what is in `inbox`."""
        self.slot, self.window = slot, window
        self.bus = ScsiBus(LIMITS)
        self._inbox = crq.PlainInbox() if inbox is None else inbox
        self._dma: DmaSpace = window.dma
        self._native, self._known_changes = native, -1
        self._ring = crq.CrqRing(window.dma, None if native is None else native.ring)
        name = f"vscsi-{slot.unit_address:x}"
        self._serving = crq.Serving(name, self._element, self._inbox, self._tell, self._do_some)

    def tree_node(self) -> Node:
        made = vio_node(self.slot, "v-scsi", "vscsi", "IBM,v-scsi")
        self.window.describe(made)
        put(made, "#address-cells", cells(2))
        put(made, "#size-cells", cells(0))
        return made

    # The guest's side, on the vCPU's thread.

    def set_signal(self, mode: int) -> bool:
        if mode > 1:
            return False
        self._inbox.signals = bool(mode)
        return True

    def register_crq(self, ioba: int, size: int) -> H:
        status = self._ring.register(ioba, size)
        if status is H.SUCCESS:
            self._serving.start()
            self._inbox.set_open(is_open=True)
        return status

    def free_crq(self) -> None:
        """What was under way is finished or forgotten; nothing is written any more."""
        self._inbox.set_open(is_open=False)
        self._serving.drop()
        self._ring.free()
        self._inbox.signals = False

    def send_crq(self, element: bytes) -> H:
        if not self._ring.is_open:
            return H.CLOSED
        return H.SUCCESS if self._serving.put(element) else H.DROPPED

    def quiesce(self) -> None:
        self.free_crq()
        self.window.table.reset()

    def reset(self) -> None:
        self.quiesce()
        self.bus.reset()

    def close(self) -> None:
        self.free_crq()
        self._serving.stop()

    def _tell(self) -> None:
        if self._ring.take_news() and self._inbox.signals:
            self.slot.pulse()

    # The device's side, on its own thread.

    def _do_some(self, due_ns: int) -> int:
        """As `crq.Serving` has it: native code does what is ordinary."""
        if self._native is None:
            return OTHER
        changes = self.bus.changes
        if changes != self._known_changes:
            self._native.know(self.bus.plain_disks(_number_of))
            self._known_changes = changes
        return self._native.serve(due_ns)

    def _element(self, element: bytes) -> None:
        valid, form = element[0], element[1]
        if valid == crq.VALID_INIT:
            if form == crq.INIT:
                head = bytes((crq.VALID_INIT, crq.INIT_COMPLETE))
                self._ring.push(head.ljust(crq.ELEMENT_SIZE, b"\0"))
        elif valid == VALID_PAYLOAD:
            size = int.from_bytes(element[6:8], "big")
            where = int.from_bytes(element[8:16], "big")
            if size <= srp.IU_SIZE_MAX:
                self._unit(form, where, size)

    def _unit(self, form: int, where: int, size: int) -> None:
        """One information unit is answered in place. What cannot be read has no answer."""
        try:
            iu = self._dma.read(where, size)
        except DmaError:
            return
        reply = b""
        if form == FORMAT_SRP and size >= srp.TASK_MANAGEMENT_SIZE:
            reply = self._srp(iu)
            tag = srp.tag_of(iu)
        elif form == FORMAT_MAD and size >= mad.HEADER_SIZE + 8:
            reply = self._mad(iu)
            tag = srp.tag_of(iu)
        if reply:
            self._answer(form, where, tag, reply)

    def _answer(self, form: int, where: int, tag: int, reply: bytes) -> None:
        status = TRANSPORT_OK
        try:
            self._dma.write(where, reply)
        except DmaError:
            status = TRANSPORT_FAILED
        head = bytes((VALID_PAYLOAD, form, 0, status, 0, 0)) + len(reply).to_bytes(2, "big")
        self._ring.push(head + tag.to_bytes(8, "big"))

    def _mad(self, iu: bytes) -> bytes:
        try:
            return mad.answer(iu, self._dma)
        except DmaError:
            return iu[:4] + mad.FAILED.to_bytes(2, "big") + iu[6:]

    def _srp(self, iu: bytes) -> bytes:
        """The response to a request; nothing for requests that get none."""
        if iu[0] == srp.LOGIN_REQUEST:
            return srp.login_response(srp.tag_of(iu))
        if iu[0] == srp.TASK_MANAGEMENT:
            return srp.task_response(srp.tag_of(iu), self._task_management(iu))
        if iu[0] == COMMAND:
            try:
                return self._command(srp.parse_command(iu, self._dma))
            except srp.Malformed:
                return _refused(srp.tag_of(iu), sense.INVALID_FIELD_IN_PARAMETERS)
            except DmaError:
                return _refused(srp.tag_of(iu), sense.TARGET_FAILURE)
        return b""

    def _task_management(self, iu: bytes) -> TaskAnswer:
        """Requests are done in order: what is to be aborted is over or was never there."""
        address = address_of(srp.lun_of(iu))
        unit = None if address is None else self.bus.unit(address)
        if unit is None or iu[30] not in list(TaskFunction):
            return TaskAnswer.FIELDS_INVALID
        if iu[30] == TaskFunction.CLEAR_ACA:
            return TaskAnswer.NOT_SUPPORTED
        if iu[30] == TaskFunction.LUN_RESET:
            unit.reset(sense.UNIT_RESET)
        return TaskAnswer.COMPLETE

    def _command(self, command: Command) -> bytes:
        data_out = self._buffer(command.data_out, is_write=False)
        data_in = self._buffer(command.data_in, is_write=True)
        task = Task(command.cdb, data_out, data_in)
        done = self._execute(command, task)
        left = done.transferred
        if done.status is Status.GOOD and left < min(data_in.size, MAX_FILL):
            for view in data_in.part(left, MAX_FILL - left):
                view[:] = bytes(len(view))
                left += len(view)
        for address, count in command.data_in:
            if left <= 0:
                break
            self._dma.written(address, min(count, left))
            left -= count
        out = _residual(done, data_out.size) if data_out.size else Residual()
        in_ = _residual(done, data_in.size) if data_in.size else Residual()
        said = b"" if done.sense is None else done.sense.fixed()
        return srp.response(command.tag, done.status, said, out, in_)

    def _buffer(self, pieces: list[tuple[int, int]], is_write: bool) -> DataBuffer:
        views = [self._dma.views(address, count, is_write) for address, count in pieces]
        return DataBuffer([view for found in views for view in found])

    def _execute(self, command: Command, task: Task) -> Completion:
        if command.lun in {0, WELL_KNOWN_REPORT_LUNS} and command.cdb[0] == REPORT_LUNS:
            return self._report_luns(task)
        address = address_of(command.lun)
        done = None if address is None else self.bus.execute(address, task)
        return execute_without_unit(task, []) if done is None else done

    def _report_luns(self, task: Task) -> Completion:
        """All units of the adapter, for firmware that asks LUN 0. Ref: reference §7.3."""
        fields = [lun_field(address) for address, _ in self.bus.units()]
        if bytes(8) not in fields:
            fields.insert(0, bytes(8))
        data = b"".join(fields)
        task.answer(len(data).to_bytes(4, "big") + bytes(4) + data, task.number(6, 10))
        return Completion(Status.GOOD, None, task.transferred, task.wanted)


def _refused(tag: int, why: Sense) -> bytes:
    return srp.response(tag, Status.CHECK_CONDITION, why.fixed(), Residual(), Residual())


def _residual(done: Completion, size: int) -> Residual:
    """What the guest's buffer of `size` bytes has too little or too much."""
    if done.wanted > size:
        return Residual(over=done.wanted - size & 0xFFFFFFFF)
    return Residual(under=size - done.transferred)
