"""What a device model is: its name, its bus, its properties, and how it is plugged.

The rows stand beside the code they plug (`spapr/vio/models.py`, `spapr/pci/...`); `device_models`
is the one table of all of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jitppc.errors import OptionError
from jitppc.option_values import suggestion

if TYPE_CHECKING:
    from jitppc.spapr.board import Board


def text(value: str) -> str:
    """Any text."""
    return value


def switch(value: str) -> bool:
    """`on` or `off`, and the other words that QEMU takes for them."""
    words = {"on": True, "yes": True, "true": True, "y": True}
    words |= {"off": False, "no": False, "false": False, "n": False}
    if value.lower() not in words:
        raise ValueError("is on or off")
    return words[value.lower()]


def auto_switch(value: str) -> bool | None:
    """`on`, `off`, or `auto` (None)."""
    return None if value.lower() == "auto" else switch(value)


def number(value: str) -> int:
    """A number from 0, in decimal or with 0x."""
    try:
        parsed = int(value, 0)
    except ValueError:
        parsed = -1
    if parsed < 0:
        raise ValueError("is a number from 0")
    return parsed


def size_bytes(value: str) -> int:
    """Bytes, or with a suffix: 64k, 1M, 2G, 1T."""
    match = re.fullmatch(r"(\d+)([bkmgt]?)(?:i?b)?", value.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError("is a size such as 512, 64k or 2G")
    return int(match[1]) << {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}[match[2].lower()]


def mac_address(value: str) -> bytes:
    """Six bytes such as 52:54:00:12:34:56, of one adapter."""
    if not re.fullmatch(r"[\da-fA-F]{1,2}([:-][\da-fA-F]{1,2}){5}", value):
        raise ValueError("is six bytes such as 52:54:00:12:34:56")
    address = bytes(int(part, 16) for part in re.split("[:-]", value))
    if address[0] & 1:
        raise ValueError("is the address of a group, not of one adapter")
    return address


def choice(*known: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(value: str) -> str:
        if value not in known:
            raise ValueError(f"is one of {', '.join(known)}{suggestion(value, known)}")
        return value

    return parse


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a device: `parse` takes QEMU's text, and raises ValueError with a reason."""

    name: str
    says: str
    parse: Callable[[str], Any] = text
    default: Any = None


class Part(Protocol):
    """What a device is to the machine. `close` stops its threads; no method raises."""

    def reset(self) -> None: ...

    def close(self) -> None: ...


BOOT_INDEX = Property("bootindex", "what firmware tries first: lower numbers before", number)
"""Of disks, CDs and networks."""

COMMON = (
    Property("id", "name of the device"),
    Property("bus", "id of the bus it sits on (the first of its kind)"),
)


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One row.

    Fields:
        name: as `-device` spells it.
        bus: kind of bus it sits on: vio, pci, scsi, ... ; "" for none.
        make: the device is plugged; gets the board, and all properties with their defaults.
        aliases: other names QEMU has for it.
    """

    name: str
    bus: str
    says: str
    make: Callable[["Board", Mapping[str, Any]], Part]
    properties: tuple[Property, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def all_properties(self) -> tuple[Property, ...]:
        return (*COMMON, *self.properties)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every property with its value; text is parsed, other values are taken as they are."""
        known = {item.name: item for item in self.all_properties}
        values = {name: item.default for name, item in known.items()}
        for name, value in given.items():
            if name not in known:
                guess = suggestion(name, known) or f"; `-device {self.name},help` lists them"
                raise OptionError(f"{self.name} has no property {name!r}{guess}")
            try:
                values[name] = known[name].parse(value) if isinstance(value, str) else value
            except ValueError as error:
                raise OptionError(f"{self.name}: {name} {error}, not {value!r}") from None
        return values

    def help(self) -> list[str]:
        """The lines of `-device NAME,help`."""
        lines = [f"{self.name}: {self.says}"]
        for item in self.all_properties:
            given = "" if item.default is None else f" (default {_shown(item.default)})"
            lines.append(f"  {item.name:<24} {item.says}{given}")
        return lines


def _shown(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
