"""A PCI function: what software sees in configuration space, and what it makes of it.

A device makes a function, gives it regions and capabilities, and plugs it into a bus. It is told
of reset; everything else it hears through its regions.
Ref: PCI 3.0, 6.1 to 6.2 (header of type 0), 2.2.6 (interrupt pins).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from jitppc.devices.pci import msi, msix
from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.config_space import (
    COMMAND_WRITABLE,
    STATUS_INTERRUPT,
    Command,
    ConfigSpace,
    Reg,
)
from jitppc.devices.pci.ports import PciBus

PIN_A = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Read-only registers of the header; `class_code` has 24 bits."""

    vendor_id: int
    device_id: int
    class_code: int
    revision_id: int = 0
    subsystem_vendor_id: int = 0x1AF4
    subsystem_id: int = 0x1100
    interrupt_pin: int = PIN_A


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability of a device: its bytes after ID and link, and what software can write of them.

    `loaded` and `stored` are called with an offset from the capability's start and a size, before
    a load that touches it and after a store.
    """

    capability_id: int
    body: bytes
    writable: bytes = b""
    loaded: Callable[[int, int], None] | None = None
    stored: Callable[[int, int], None] | None = None


class PciFunction:
    """Config space, regions, interrupts. Software's side is called on vCPU threads."""

    def __init__(
        self,
        name: str,
        identity: Identity,
        on_reset: Callable[[], None] = lambda: None,
        on_plug: Callable[[PciBus], None] = lambda _: None,
    ) -> None:
        """`name` is the device model's, for messages and location codes."""
        self.name, self.identity = name, identity
        self.bars: list[Bar] = []
        self.config = ConfigSpace()
        self.msi: msi.Msi | None = None
        self.msix: msix.MsixTable | None = None
        self.bus: PciBus | None = None
        self._on_reset, self._on_plug = on_reset, on_plug
        self._capabilities: list[tuple[int, int, Capability]] = []
        self._msix_offset = 0
        self._lock = threading.RLock()
        self._intx = False
        self._intx_seen = False
        self.is_bus_master = False
        self._write_header()

    def _write_header(self) -> None:
        config, who = self.config, self.identity
        config.set(Reg.VENDOR_ID, 2, who.vendor_id)
        config.set(Reg.DEVICE_ID, 2, who.device_id)
        config.set(Reg.CLASS_CODE, 3, who.class_code)
        config.set(Reg.REVISION_ID, 1, who.revision_id)
        config.set(Reg.SUBSYSTEM_VENDOR_ID, 2, who.subsystem_vendor_id)
        config.set(Reg.SUBSYSTEM_ID, 2, who.subsystem_id)
        config.set(Reg.INTERRUPT_PIN, 1, who.interrupt_pin)
        config.make_writable(Reg.COMMAND, 2, COMMAND_WRITABLE)
        config.make_writable(Reg.CACHE_LINE_SIZE, 1, 0xFF)
        config.make_writable(Reg.INTERRUPT_LINE, 1, 0xFF)

    # What the device does before it is plugged in.

    def add_bar(self, bar: Bar) -> None:
        bar.install(self.config)
        self.bars.append(bar)

    def add_capability(self, capability: Capability) -> int:
        """Its offset in configuration space."""
        size = 2 + len(capability.body)
        offset = self.config.add_capability(capability.capability_id, size)
        self.config.set(offset + 2, size - 2, int.from_bytes(capability.body, "little"))
        mask = int.from_bytes(capability.writable, "little")
        self.config.make_writable(offset + 2, size - 2, mask)
        self._capabilities.append((offset, size, capability))
        return offset

    def add_msix(self, count: int, bar_index: int) -> None:
        """MSI-X with its table and pending bits in a 32-bit BAR of its own."""
        self.msix = msix.MsixTable(count, self._send_msi)
        self.add_bar(Bar(bar_index, self.msix))
        body = (count - 1).to_bytes(2, "little") + bar_index.to_bytes(4, "little")
        body += (self.msix.pba_offset | bar_index).to_bytes(4, "little")
        control = msix.CONTROL_ENABLE | msix.CONTROL_MASK_ALL
        self._msix_offset = self.add_capability(
            Capability(msix.CAPABILITY_ID, body, control.to_bytes(2, "little"))
        )

    def add_msi(self, count: int) -> None:
        """MSI with `count` vectors, a power of two up to 32."""
        start = 0  # known when the capability is there; nothing is put before

        def put(offset: int, size: int, value: int) -> None:
            self.config.set(start + offset, size, value)

        def stored(_offset: int, _size: int) -> None:
            made.registers_written(self.config.get(start, msi.SIZE).to_bytes(msi.SIZE, "little"))

        self.msi = made = msi.Msi(count, self._send_msi, put)
        start = self.add_capability(
            Capability(msi.CAPABILITY_ID, made.body, made.writable, stored=stored)
        )

    def plug(self, bus: PciBus) -> None:
        """The function is complete and on `bus`."""
        self.config.seal()
        self.bus = bus
        self._on_plug(bus)

    # What the device does.

    def set_intx(self, level: bool) -> None:
        """The device wants its interrupt pin at this level. Any thread may call."""
        with self._lock:
            self._intx = level
            self._drive_intx()

    @property
    def sends_messages(self) -> bool:
        """MSI or MSI-X is enabled: the pin is not used. Ref: PCI 3.0, 6.8.3.3."""
        return any(kind is not None and kind.is_enabled for kind in (self.msi, self.msix))

    def _command_changed(self) -> None:
        self.is_bus_master = bool(self.config.get(Reg.COMMAND, 2) & Command.BUS_MASTER)
        self._drive_intx()

    def _drive_intx(self) -> None:
        command, status = self.config.get(Reg.COMMAND, 2), self.config.get(Reg.STATUS, 2)
        status = status | STATUS_INTERRUPT if self._intx else status & ~STATUS_INTERRUPT
        self.config.set(Reg.STATUS, 2, status)
        seen = self._intx and not command & Command.INTERRUPT_DISABLE and not self.sends_messages
        if seen != self._intx_seen and self.bus is not None:
            self._intx_seen = seen
            self.bus.set_intx(seen)

    def _send_msi(self, address: int, data: int) -> None:
        if self.bus is not None and self.is_bus_master:
            self.bus.send_msi(address, data)

    # What software does.

    def config_read(self, offset: int, size: int) -> int:
        """`size` is 1, 2 or 4 and `offset` a multiple of it below 256."""
        for start, length, capability in self._capabilities:
            if capability.loaded is not None and start <= offset < start + length:
                capability.loaded(offset - start, size)
        return self.config.get(offset, size)

    def config_write(self, offset: int, size: int, value: int) -> None:
        """As `config_read`; read-only bits stay as they are."""
        with self._lock:
            before = self.mapped()
            self.config.write(offset, size, value)
        if self.msix is not None and offset <= self._msix_offset + 3 < offset + size:
            self.msix.control_written(self.config.get(self._msix_offset + msix.CONTROL, 2))
        for start, length, capability in self._capabilities:
            if capability.stored is not None and start <= offset < start + length:
                capability.stored(offset - start, size)
        with self._lock:
            self._command_changed()
        if self.bus is not None and self.mapped() != before:
            self.bus.decoding_changed()

    def mapped(self) -> list[tuple[Bar, int]]:
        """The BARs that are decoded, with their bus addresses."""
        config = self.config
        return [(bar, bar.address(config)) for bar in self.bars if bar.is_decoded(config)]

    # What the machine does.

    def reset(self) -> None:
        """As after power-on; the bus asks for `mapped` afresh."""
        self._on_reset()
        with self._lock:
            self._intx = False
            self._drive_intx()
            self.config.reset()
            self._command_changed()
        if self.msi is not None:
            self.msi.reset()
        if self.msix is not None:
            self.msix.reset()
