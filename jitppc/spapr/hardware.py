"""What a machine is made of besides processor and memory, as a description.

Made by `jitppc.host.hardware` from QEMU's spellings, or by hand. Back ends are named here and
opened by the board, each for one device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jitppc.devices.ports import BlockBackend, Chardev, FolderServer, NetBackend

CONSOLE = "console"
"""The chardev that every machine has: its `console` argument, or nothing."""


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk image by its id; `open` raises UserError when it cannot be had."""

    id: str
    open: Callable[[], BlockBackend]


@dataclass(frozen=True, slots=True)
class Netdev:
    """The host's end of a network by its id."""

    id: str
    open: Callable[[], NetBackend]


@dataclass(frozen=True, slots=True)
class CharBackend:
    """The host's end of a serial line by its id."""

    id: str
    open: Callable[[], Chardev]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the host, to be shared, by its id."""

    id: str
    open: Callable[[], FolderServer]


@dataclass(frozen=True, slots=True)
class Device:
    """A row of the table of device models, and the properties that are given."""

    model: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Fields:
    serials: chardev ids of the consoles, the first one is where kernel messages go.
    nvram: file that keeps the NVRAM's contents.
    prom_env: variables (NAME=VALUE) of firmware in a fresh NVRAM.
    devices: in the order in which they are plugged, after the consoles and the NVRAM.
    """

    drives: tuple[Drive, ...] = ()
    netdevs: tuple[Netdev, ...] = ()
    chardevs: tuple[CharBackend, ...] = ()
    folders: tuple[Folder, ...] = ()
    serials: tuple[str, ...] = (CONSOLE,)
    nvram: Path | None = None
    prom_env: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()

    @property
    def uses_console(self) -> bool:
        """Some device is on the user's console."""
        chardevs = [device.properties.get("chardev") for device in self.devices]
        return CONSOLE in self.serials or CONSOLE in chardevs
