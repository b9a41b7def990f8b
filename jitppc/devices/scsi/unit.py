"""A logical unit: what disks and CD-ROMs have alike, and how a command is done.

Ref: SAM-5 5.14 (unit attention), SPC-4 4.2 (device model); reference §7.3.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from jitppc.devices.ports import BlockBackend, BlockError, FileBackend, HostFile
from jitppc.devices.scsi import sense, table
from jitppc.devices.scsi.sense import Sense, Status
from jitppc.devices.scsi.task import Completion, Task
from jitppc.ir.scsi_layout import CONTROL_NACA

MAX_ATTENTIONS = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the unit says it is. The defaults are those of the reference machine.

    A guest's names of disks (/dev/disk/by-id) are made of them, so they survive a move.
    """

    vendor: str = "QEMU"
    product: str = "QEMU HARDDISK"
    version: str = "2.5+"
    serial: str = ""
    device_id: str = ""
    wwn: int = 0


class LogicalUnit:
    """One addressable unit. `execute` may be called from any thread, several at once."""

    kind: ClassVar[int]
    is_removable: ClassVar[bool] = False

    def __init__(self, medium: BlockBackend | None, identity: Identity, block_size: int) -> None:
        self.medium = medium
        self.identity = identity
        self.block_size = block_size
        self._is_write_back = True
        self.sibling_luns: Callable[[], Iterable[int]] = lambda: (0,)
        self.changed: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._attentions: deque[Sense] = deque((sense.POWER_ON_RESET,), MAX_ATTENTIONS)

    @property
    def is_write_back(self) -> bool:
        """Writes need not be durable before the guest is told."""
        return self._is_write_back

    @is_write_back.setter
    def is_write_back(self, value: bool) -> None:
        self._is_write_back = value
        self.changed()

    @property
    def plain_file(self) -> HostFile | None:
        """The medium's file, while nothing but that file is looked at for reads and writes.

        `changed` is called whenever that may be otherwise from now on.
        """
        if self.is_removable or self._attentions or not isinstance(self.medium, FileBackend):
            return None
        return self.medium.file

    @property
    def block_count(self) -> int:
        """Whole blocks on the medium; 0 without one."""
        return 0 if self.medium is None else self.medium.size // self.block_size

    @property
    def is_read_only(self) -> bool:
        return self.medium is None or self.medium.is_read_only

    def medium_sense(self) -> Sense | None:
        """Why the medium cannot be used now, or None."""
        return sense.NO_MEDIUM if self.medium is None else None

    def attention(self, what: Sense) -> None:
        """The next command is told of `what`, once."""
        with self._lock:
            if what not in self._attentions:
                self._attentions.append(what)
        self.changed()

    def take_attention(self) -> Sense | None:
        """The oldest thing the guest has not been told yet; it counts as told."""
        if not self._attentions:
            return None
        with self._lock:
            found = self._attentions.popleft() if self._attentions else None
        self.changed()
        return found

    def reset(self, why: Sense = sense.POWER_ON_RESET) -> None:
        """Modes are as at power-on, and the guest is told why."""
        with self._lock:
            self._is_write_back = True
            self._attentions.clear()
            self._attentions.append(why)
        self.changed()

    def execute(self, task: Task) -> Completion:
        """The command is done. What is wrong with guest or host is an answer, never raised."""
        failure = self._do(task)
        if failure is None:
            return Completion(Status.GOOD, None, task.transferred, task.wanted)
        return Completion(Status.CHECK_CONDITION, failure, task.transferred, task.wanted)

    def _do(self, task: Task) -> Sense | None:
        row = table.find(self, task.cdb)
        if row is None:
            is_known = task.cdb[0] in table.WITH_SERVICE_ACTION and any(
                kind == self.kind and opcode == task.cdb[0] for kind, opcode, _ in table.COMMANDS
            )
            return sense.INVALID_FIELD_IN_CDB if is_known else sense.INVALID_OPCODE
        if not row.ignores_attention:
            attention = self.take_attention()
            if attention is not None:
                return attention
        if task.cdb[row.length - 1] & CONTROL_NACA:
            return sense.INVALID_FIELD_IN_CDB
        if row.needs_medium:
            missing = self.medium_sense()
            if missing is not None:
                return missing
        try:
            return row.handler(self, task)
        except BlockError as error:
            return sense.sense_of(error, is_write=task.data_in.size == 0)
