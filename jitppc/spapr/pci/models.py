"""How PCI host bridges and PCI devices are plugged: rows of the table of device models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jitppc.errors import OptionError
from jitppc.spapr.device_model import DeviceModel, Property, number
from jitppc.spapr.pci.host_bridge import MAX_INDEX, HostBridge

if TYPE_CHECKING:
    from jitppc.spapr.board import Board


def _plug_bridge(board: "Board", values: Mapping[str, Any]) -> HostBridge:
    """Its bus is called ID.0, or pci.N for the N-th bridge without an id."""
    index = values["index"]
    if index is None or index > MAX_INDEX:
        raise OptionError(f"spapr-pci-host-bridge needs index=1 to index={MAX_INDEX}")
    if any(bridge.index == index for bridge in board.bridges):
        raise OptionError(f"there is a spapr-pci-host-bridge with index={index} already")
    bridge = HostBridge(board.chipset, index)
    name = values["id"]
    board.add_bus("pci", f"{name}.0" if name else f"pci.{len(board.bridges)}", bridge)
    return bridge


PCI_MODELS = (
    DeviceModel(
        "spapr-pci-host-bridge",
        "",
        "another PCI bus, ID.0; the first is pci.0",
        _plug_bridge,
        (Property("index", "number of the host bridge, 1 to 30", number),),
    ),
)
