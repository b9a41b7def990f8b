"""Targets and their units by address, and what a target answers where it has no unit.

Ref: SAM-5 4.7 (logical unit numbers), 5.15 (target resets); SPC-4 6.6.1, 6.33.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.inquiry import inquiry_of_nothing
from jitppc.devices.scsi.primary import lun_field
from jitppc.devices.scsi.sense import Sense, Status
from jitppc.devices.scsi.task import Completion, Task
from jitppc.devices.scsi.unit import LogicalUnit

INQUIRY, REQUEST_SENSE, REPORT_LUNS = 0x12, 0x03, 0xA0


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a unit is on its bus."""

    channel: int
    target: int
    lun: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The greatest numbers that a transport can address."""

    max_channel: int
    max_target: int
    max_lun: int


class ScsiBus:
    """Units behind one adapter. Any thread may call."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._units: dict[Address, LogicalUnit] = {}
        self.changes = 0

    def _changed(self) -> None:
        """Another number in `changes`: units came or went, or one is in another state."""
        with self._counting:
            self.changes += 1

    def attach(
        self, unit: LogicalUnit, channel: int = 0, target: int | None = None, lun: int | None = None
    ) -> Address:
        """The unit is on the bus, at the first free place that the numbers given allow.

        ValueError when it is taken or beyond what the transport can address.
        """
        targets = range(self.limits.max_target + 1) if target is None else (target,)
        with self._lock:
            for number in targets:
                free = (
                    self._first_free(channel, number) if lun is None and target is not None else 0
                )
                address = Address(channel, number, free if lun is None else lun)
                if not self._is_inside(address):
                    break
                if address not in self._units:
                    self._units[address] = unit
                    unit.sibling_luns = partial(self.luns, channel, number)
                    unit.changed = self._changed
                    self._changed()
                    return address
        raise ValueError(f"no free place at channel {channel}, target {target}, lun {lun}")

    def _first_free(self, channel: int, target: int) -> int:
        taken = {a.lun for a in self._units if (a.channel, a.target) == (channel, target)}
        return next(lun for lun in range(self.limits.max_lun + 2) if lun not in taken)

    def _is_inside(self, address: Address) -> bool:
        return (
            0 <= address.channel <= self.limits.max_channel
            and 0 <= address.target <= self.limits.max_target
            and 0 <= address.lun <= self.limits.max_lun
        )

    def detach(self, address: Address) -> LogicalUnit | None:
        """The unit that was there is not on the bus any more."""
        with self._lock:
            unit = self._units.pop(address, None)
        self._changed()
        return unit

    def unit(self, address: Address) -> LogicalUnit | None:
        with self._lock:
            return self._units.get(address)

    def units(self) -> list[tuple[Address, LogicalUnit]]:
        """By address."""
        with self._lock:
            return sorted(self._units.items(), key=lambda item: item[0])

    def plain_disks(self, number_of: Callable[[Address], int]) -> list[tuple[int, ...]]:
        """SCSI_DISK rows of the units that native code may read and write by itself now.

        `number_of` says how a guest's commands name the unit at an address.
        """
        found: list[tuple[int, ...]] = []
        for address, unit in self.units():
            file = unit.plain_file
            if file is not None:
                is_writable = unit.is_write_back and not unit.is_read_only
                size = unit.block_size, unit.block_count
                limits = file.alignment, is_writable, file.write_flags
                found.append((number_of(address), file.fd, *size, *limits, file.flush_error))
        return found

    def luns(self, channel: int, target: int) -> list[int]:
        """The units of a target; LUN 0 answers REPORT LUNS even where it has no unit."""
        found = {a.lun for a, _ in self.units() if (a.channel, a.target) == (channel, target)}
        return sorted(found | {0}) if found else []

    def reset(self, why: Sense = sense.POWER_ON_RESET) -> None:
        """Every unit is as at power-on."""
        for _, unit in self.units():
            unit.reset(why)

    def execute(self, address: Address, task: Task) -> Completion | None:
        """The command is done by the unit at `address`; None when its target is not there at all.

        A target without that unit answers some commands itself. Ref: SPC-4 6.6.1.
        """
        unit = self.unit(address)
        if unit is not None:
            return unit.execute(task)
        luns = self.luns(address.channel, address.target)
        return execute_without_unit(task, luns) if luns else None


def execute_without_unit(task: Task, luns: list[int]) -> Completion:
    """What a target says for a LUN that has no unit."""
    failure: Sense | None = None
    opcode, length = task.cdb[0], 0
    if opcode == INQUIRY:
        data = inquiry_of_nothing(task.cdb)
        if data is None:
            failure = sense.INVALID_FIELD_IN_CDB
        else:
            task.answer(data, len(data))
    elif opcode == REQUEST_SENSE:
        missing = sense.UNIT_NOT_SUPPORTED
        task.answer(missing.descriptors() if task.cdb[1] & 1 else missing.fixed(), task.cdb[4])
    elif opcode == REPORT_LUNS:
        length = task.number(6, 10)
        data = b"".join(lun_field(lun) for lun in luns)
        task.answer(len(data).to_bytes(4, "big") + bytes(4) + data, length)
    else:
        failure = sense.UNIT_NOT_SUPPORTED
    status = Status.GOOD if failure is None else Status.CHECK_CONDITION
    return Completion(status, failure, task.transferred, task.wanted)
