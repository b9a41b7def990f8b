"""The device tree nodes of a host bridge and of the functions on it.

The reference machine leaves the prefetchable bit out of addresses, and so do we.
Ref: LoPAR appendix B.6.5 (PHB nodes); IEEE 1275 PCI bus binding, 4.1 (standard properties).
"""

from fdt import Node

from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.function import PciFunction
from jitppc.spapr.fdt_values import EMPTY, PHANDLE_INTERRUPTS, cells, cells64, node, text
from jitppc.spapr.pci.dma_windows import DEFAULT_ADDRESS, DEFAULT_SIZE
from jitppc.spapr.pci.firmware import window_of
from jitppc.spapr.pci.host_bridge import PINS, SLOTS, HostBridge, show
from jitppc.spapr.pci.msi import MSI_COUNT
from jitppc.spapr.pci.windows import SPACE_MEMORY_64

NON_RELOCATABLE = 0x8000_0000
LEVEL_SENSE = 1
TOKEN_QUERY, TOKEN_CREATE, TOKEN_REMOVE, TOKEN_RESET = 0x2026, 0x2027, 0x2028, 0x2029

CLASS_NAMES = {
    0x0100: "scsi",
    0x0101: "ide",
    0x0106: "sata",
    0x0108: "nvme",
    0x0180: "mass-storage",
    0x0200: "ethernet",
    0x0280: "network",
    0x0300: "vga",
    0x0480: "multimedia",
    0x0780: "communication-controller",
    0x0C03: "usb",
    0x00FF: "legacy-device",
    0x0002: "legacy-device",
}
"""Ref: IEEE 1275 PCI bus binding, 2.2.1.1 (generic names by class code)."""


def bridge_node(bridge: HostBridge) -> Node:
    """Ref: reference §4.5, /pci@..."""
    return node(
        f"pci@{bridge.buid:x}",
        {
            "device_type": text("pci"),
            "compatible": text("IBM,Logical_PHB"),
            "#address-cells": cells(3),
            "#size-cells": cells(2),
            "#interrupt-cells": cells(1),
            "used-by-rtas": EMPTY,
            "bus-range": cells(0, 0xFF),
            "ranges": _ranges(bridge),
            "reg": cells64(bridge.buid) + cells(0, 0),
            "ibm,pci-config-space-type": cells(1),
            "ibm,pe-total-#msi": cells(MSI_COUNT),
            "ibm,ddw-applicable": cells(TOKEN_QUERY, TOKEN_CREATE, TOKEN_REMOVE),
            "ibm,ddw-extensions": cells(2, TOKEN_RESET, 1),
            "interrupt-map-mask": cells(0xF800, 0, 0, -1),
            "interrupt-map": _interrupt_map(bridge),
            "ibm,#dma-address-cells": cells(2),
            "ibm,#dma-size-cells": cells(2),
            "ibm,dma-window": cells(bridge.dma_windows.default_liobn)
            + cells64(DEFAULT_ADDRESS, DEFAULT_SIZE),
            "qemu,phb-enumerated": cells(1),
        },
        [function_node(bridge, *item) for item in sorted(bridge.functions.items())],
    )


def function_node(bridge: HostBridge, devfn: int, function: PciFunction) -> Node:
    """Ref: IEEE 1275 PCI bus binding, 4.1.2 (properties of child nodes)."""
    who = function.identity
    properties = {
        "vendor-id": cells(who.vendor_id),
        "device-id": cells(who.device_id),
        "revision-id": cells(who.revision_id),
        "class-code": cells(who.class_code),
    }
    if who.interrupt_pin:
        properties["interrupts"] = cells(who.interrupt_pin)
    properties |= {
        "subsystem-id": cells(who.subsystem_id),
        "subsystem-vendor-id": cells(who.subsystem_vendor_id),
        "cache-line-size": cells(0),
        "devsel-speed": cells(0),
        "ibm,loc-code": text(f"qemu_{function.name}:{bridge.index:04x}:00:{show(devfn)}"),
    }
    if function.msi is not None:
        properties["ibm,req#msi"] = cells(function.msi.count)
    if function.msix is not None:
        properties["ibm,req#msi-x"] = cells(function.msix.count)
    properties |= {
        "reg": _reg(bridge, devfn, function),
        "min-grant": cells(0),
        "max-latency": cells(0),
    }
    assigned = _assigned(bridge, devfn, function)
    if assigned:
        properties["assigned-addresses"] = assigned
    return node(node_name(devfn, who.class_code), properties)


def node_name(devfn: int, class_code: int) -> str:
    """Of a function, by its class and place."""
    name = CLASS_NAMES.get(class_code >> 8, "unknown-device")
    slot, number = devfn >> 3, devfn & 7
    return f"{name}@{slot:x},{number:x}" if number else f"{name}@{slot:x}"


def _ranges(bridge: HostBridge) -> bytes:
    return b"".join(
        cells(window.space) + cells64(window.bus_address, window.gra, window.size)
        for window in bridge.windows.all
    )


def _interrupt_map(bridge: HostBridge) -> bytes:
    rows = [
        cells(slot << 11, 0, 0, pin, PHANDLE_INTERRUPTS, bridge.lsi(slot, pin), LEVEL_SENSE)
        for slot in range(SLOTS)
        for pin in range(1, PINS + 1)
    ]
    return b"".join(rows)


def _first_cell(bridge: HostBridge, devfn: int, bar: Bar) -> int:
    """phys.hi of a region: where it can be, and which register says so."""
    space = SPACE_MEMORY_64 if bar.is_64 else window_of(bridge.windows, bar).space
    return space | devfn << 8 | bar.offset


def _reg(bridge: HostBridge, devfn: int, function: PciFunction) -> bytes:
    """Configuration space, then the size of each region."""
    rows = [cells(devfn << 8, 0, 0, 0, 0)]
    for bar in function.bars:
        size = cells64(0, bar.region.size_bytes)
        rows.append(cells(_first_cell(bridge, devfn, bar)) + size)
    return b"".join(rows)


def _assigned(bridge: HostBridge, devfn: int, function: PciFunction) -> bytes:
    """Where `firmware.assign_bars` has put each region; nothing when the guest's firmware will."""
    rows = []
    for bar, address in function.mapped():
        first = NON_RELOCATABLE | _first_cell(bridge, devfn, bar)
        rows.append(cells(first) + cells64(address, bar.region.size_bytes))
    return b"".join(rows)
