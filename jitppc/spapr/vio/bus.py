"""The virtual I/O bus: devices by unit address, each with one interrupt source and one tree node.

Ref: LoPAR 17.2 (VIO), appendix B.6.9; reference §4.5, §6.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fdt import Node

from jitppc.spapr.fdt_values import cells, node, text
from jitppc.spapr.vio.window import DmaWindow

FIRST_UNIT = 0x7100_0000
FIRST_IRQ = 0x1100


@dataclass(frozen=True, slots=True)
class Slot:
    """What the bus gives to a new device."""

    unit_address: int
    irq: int
    pulse: Callable[[], None]


class VioDevice(Protocol):
    """A device on the bus."""

    @property
    def slot(self) -> Slot: ...

    @property
    def window(self) -> DmaWindow | None:
        """What it reaches of guest memory, if it does."""

    def tree_node(self) -> Node: ...

    def set_signal(self, mode: int) -> bool:
        """False for modes of H_VIO_SIGNAL that the device does not have."""

    def quiesce(self) -> None:
        """It has no queue and reaches no memory, until the guest sets both up again."""

    def reset(self) -> None: ...


Device = TypeVar("Device", bound=VioDevice)


def vio_node(slot: Slot, name: str, device_type: str, compatible: str) -> Node:
    """The part of a device's node that all devices share."""
    return node(
        f"{name}@{slot.unit_address:x}",
        {
            "reg": cells(slot.unit_address),
            "device_type": text(device_type),
            "compatible": text(compatible),
            "interrupts": cells(slot.irq, 0),
        },
    )


class VioBus:
    """Devices in the order of their creation: units 0x71000000, 0x71000001, ..."""

    def __init__(self, claim_irq: Callable[[int], None], pulse: Callable[[int], None]) -> None:
        self._claim_irq = claim_irq
        self._pulse = pulse
        self._devices: dict[int, VioDevice] = {}

    def plug(self, make: Callable[[Slot], Device]) -> Device:
        """A device made for the next free unit address is on the bus."""
        unit_address = FIRST_UNIT + len(self._devices)
        irq = FIRST_IRQ + (unit_address & 0xFF)
        self._claim_irq(irq)
        device = make(Slot(unit_address, irq, lambda: self._pulse(irq)))
        self._devices[unit_address] = device
        return device

    def device(self, unit_address: int) -> VioDevice | None:
        return self._devices.get(unit_address)

    def devices(self) -> list[VioDevice]:
        return list(self._devices.values())

    def tree_nodes(self) -> tuple[Node, ...]:
        return tuple(device.tree_node() for device in self._devices.values())

    def quiesce(self) -> None:
        """Ref: reference §3.2 (the RTAS call of this name)."""
        for device in self._devices.values():
            device.quiesce()

    def reset(self) -> None:
        for device in self._devices.values():
            device.reset()
