"""One table of commands. A handler is a function of the unit and of the task.

The handlers are in files by subject; `commands` imports them all.
Ref: SPC-4 annex F.3 (operation codes by device type).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.task import Task

if TYPE_CHECKING:
    from jitppc.devices.scsi.unit import LogicalUnit

DISK = 0x00
CD_ROM = 0x05
ALL = (DISK, CD_ROM)

SERVICE_ACTION_MASK = 0x1F

Handler = Callable[[Any, Task], Sense | None]
"""None means GOOD."""


@dataclass(frozen=True, slots=True)
class Command:
    """One row. `usage` has ones where the descriptor block has fields that the unit looks at."""

    opcode: int
    service_action: int | None
    name: str
    kinds: tuple[int, ...]
    usage: bytes
    handler: Handler
    ignores_attention: bool
    needs_medium: bool

    @property
    def length(self) -> int:
        return len(self.usage)


COMMANDS: dict[tuple[int, int, int | None], Command] = {}
"""By kind of device, operation code, and service action where the code has some."""

WITH_SERVICE_ACTION: set[int] = set()


def command(
    name: str,
    usage: str,
    kinds: tuple[int, ...] = ALL,
    *,
    action: int | None = None,
    ignores_attention: bool = False,
    needs_medium: bool = False,
) -> Callable[[Handler], Handler]:
    """The decorated function does the command whose usage map this is.

    Args:
        usage: hexadecimal bytes; the first one is the operation code, a set bit elsewhere is part
            of a field that the unit looks at. Ref: SPC-4 6.35.3 (CDB USAGE DATA).
    """
    bits = bytes.fromhex(usage)

    def register(handler: Handler) -> Handler:
        row = Command(bits[0], action, name, kinds, bits, handler, ignores_attention, needs_medium)
        for kind in kinds:
            key = (kind, row.opcode, action)
            if key in COMMANDS:
                raise ValueError(f"command {name} ({row.opcode:#04x}) is defined twice")
            COMMANDS[key] = row
        if action is not None:
            WITH_SERVICE_ACTION.add(row.opcode)
        return handler

    return register


def find(unit: "LogicalUnit", cdb: bytes) -> Command | None:
    """The row of a command for this kind of unit."""
    opcode = cdb[0]
    action = cdb[1] & SERVICE_ACTION_MASK if opcode in WITH_SERVICE_ACTION else None
    return COMMANDS.get((unit.kind, opcode, action))


def rows_of(kind: int) -> list[Command]:
    """The commands of a kind of device, by operation code and service action."""
    found = [row for (of, _, _), row in COMMANDS.items() if of == kind]
    return sorted(found, key=lambda row: (row.opcode, row.service_action or 0))
