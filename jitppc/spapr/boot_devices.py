"""The devices that firmware tries first: those with a `bootindex`, by their paths in the tree.

Ref: IEEE 1275 3.2.1 (device paths); reference §4.2 (qemu,boot-list), §7.3 (units of vscsi).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from jitppc.devices.scsi.bus import Address, ScsiBus
from jitppc.devices.virtio.pci import VirtioPci
from jitppc.errors import OptionError
from jitppc.spapr.pci.host_bridge import HostBridge
from jitppc.spapr.pci.tree import node_name
from jitppc.spapr.vio.vscsi import Vscsi

if TYPE_CHECKING:
    from jitppc.spapr.board import Board


class BootDevices:
    """Paths by index; a path is asked for when the tree is made."""

    def __init__(self) -> None:
        self._paths: dict[int, Callable[[], str]] = {}

    def add(self, index: int | None, path: Callable[[], str]) -> None:
        """The device has this `bootindex`; None: firmware is told nothing of it."""
        if index is None:
            return
        if index in self._paths:
            raise OptionError(f"two devices have the bootindex {index}")
        self._paths[index] = path

    @property
    def listed(self) -> str:
        """`qemu,boot-list`."""
        return " ".join(path() for _, path in sorted(self._paths.items()))


def function_path(bridge: HostBridge, devfn: int) -> str:
    """Of a PCI function."""
    class_code = bridge.functions[devfn].identity.class_code
    return f"/pci@{bridge.buid:x}/{node_name(devfn, class_code)}"


def unit_path(board: "Board", bus: ScsiBus, address: Address) -> str:
    """Of a unit behind a SCSI adapter, which names it by eight bytes."""
    for part in board.parts:
        if isinstance(part, Vscsi) and part.bus is bus:
            number = 0x8000 | address.target << 8 | address.channel << 5 | address.lun
            return f"/vdevice/v-scsi@{part.slot.unit_address:x}/disk@{number << 48:x}"
    adapters = [p for p in board.parts if isinstance(p, VirtioPci)]
    adapter = next(p.function for p in adapters if getattr(p.device, "bus", None) is bus)
    number = 0x0100_0000 | address.target << 16 | address.lun
    for bridge in board.bridges:
        for devfn, function in bridge.functions.items():
            if function is adapter:
                return f"{function_path(bridge, devfn)}/disk@{number << 32:x}"
    raise AssertionError("the adapter is on a bridge of the board's")
