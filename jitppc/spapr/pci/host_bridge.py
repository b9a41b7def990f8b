"""A PCI host bridge: functions by slot, their place in guest real memory, interrupts and DMA.

Ref: LoPAR appendix B.6.5 (PHB nodes), 7.3.5 (configuration cycles); reference §7.6.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from jitppc.devices.pci.config_space import HEADER_MULTIFUNCTION, Reg
from jitppc.devices.pci.function import PciFunction
from jitppc.devices.ports import DmaSpace
from jitppc.errors import OptionError
from jitppc.spapr.pci.dma_windows import DmaWindows
from jitppc.spapr.pci.firmware import assign_bars
from jitppc.spapr.pci.mmio import MmioMap, Place
from jitppc.spapr.pci.msi import Grant, MsiPool
from jitppc.spapr.pci.windows import Windows
from jitppc.spapr.tce import TceDma, TceTables

FIRST_BUID = 0x0800_0000_2000_0000
MAX_INDEX = 30
SLOTS = 32
FUNCTIONS = 8
PINS = 4
FIRST_LSI = 0x1200


@dataclass(frozen=True, slots=True)
class Chipset:
    """What all host bridges of a machine share.

    `set_lsi` is the level of a source of the interrupt controller, `claim_lsi` makes one.
    """

    mmio: MmioMap
    msis: MsiPool
    tces: TceTables
    memory: DmaSpace
    claim_lsi: Callable[[int], None]
    set_lsi: Callable[[int, bool], None]


class FunctionPort:
    """One function's view of its host bridge (`PciBus`)."""

    def __init__(self, bridge: "HostBridge", slot: int, pin: int) -> None:
        self._bridge, self._source = bridge, bridge.lsi(slot, pin)
        self.dma, self.memory = bridge.dma, bridge.memory

    def set_intx(self, level: bool) -> None:
        self._bridge.set_intx(self, self._source, level)

    def send_msi(self, address: int, data: int) -> None:
        self._bridge.chipset.msis.send(address, data)

    def decoding_changed(self) -> None:
        self._bridge.remap()


class HostBridge:
    """`functions` by devfn (slot << 3 | function), on bus 0."""

    def __init__(self, chipset: Chipset, index: int = 0) -> None:
        """Index 0 to 30 decides all addresses and numbers."""
        self.chipset, self.index = chipset, index
        self.buid = FIRST_BUID + index
        self.windows = Windows.of_bridge(index)
        self.dma_windows = DmaWindows(chipset.tces, index)
        self.dma: DmaSpace = TceDma(lambda: self.dma_windows.tables, chipset.memory)
        self.memory = chipset.memory
        self.functions: dict[int, PciFunction] = {}
        self._grants: dict[int, Grant] = {}
        self._lock = threading.Lock()
        self._asserting: dict[int, set[FunctionPort]] = {}
        for source in range(FIRST_LSI + PINS * index, FIRST_LSI + PINS * (index + 1)):
            chipset.claim_lsi(source)
            self._asserting[source] = set()

    def lsi(self, slot: int, pin: int) -> int:
        """The interrupt source of pin 1 (INTA) to 4 of a slot; slots are swizzled."""
        return FIRST_LSI + PINS * self.index + (slot + max(pin, 1) - 1) % PINS

    # Plugging.

    def plug(self, function: PciFunction, address: str | int | None = None) -> int:
        """The function is on the bus at `address` ("slot" or "slot.function", hexadecimal).

        Without an address, in the first free slot. Its devfn.
        """
        devfn = self._free_devfn() if address is None else parse_address(address)
        if devfn in self.functions:
            raise OptionError(
                f"{function.name}: {self.functions[devfn].name} is at PCI address {show(devfn)}"
            )
        self.functions[devfn] = function
        function.plug(FunctionPort(self, devfn >> 3, function.identity.interrupt_pin))
        self._mark_multifunction(devfn >> 3)
        return devfn

    def _free_devfn(self) -> int:
        used = {devfn >> 3 for devfn in self.functions}
        slot = next((slot for slot in range(SLOTS) if slot not in used), None)
        if slot is None:
            raise OptionError(f"the PCI host bridge {self.index} has no free slot")
        return slot << 3

    def _mark_multifunction(self, slot: int) -> None:
        devfns = [devfn for devfn in self.functions if devfn >> 3 == slot]
        if len(devfns) > 1:
            for devfn in devfns:
                config = self.functions[devfn].config
                config.set(Reg.HEADER_TYPE, 1, HEADER_MULTIFUNCTION)
                config.seal()

    # Configuration cycles.

    def function_at(self, config_address: int) -> PciFunction | None:
        """The function at bus << 16 | devfn << 8; there is bus 0 only."""
        bus, devfn = config_address >> 16 & 0xFF, config_address >> 8 & 0xFF
        return None if bus else self.functions.get(devfn)

    # Functions' side.

    def set_intx(self, port: FunctionPort, source: int, level: bool) -> None:
        """The source is asserted while one of its functions asserts it."""
        with self._lock:
            asserting = self._asserting[source]
            if level:
                asserting.add(port)
            else:
                asserting.discard(port)
            self.chipset.set_lsi(source, bool(asserting))

    def remap(self) -> None:
        """The guest finds each decoded region where its BAR says."""
        places = []
        for function in self.functions.values():
            for bar, bus_address in function.mapped():
                gra = self.windows.gra_of(bar, bus_address)
                if gra is not None:
                    places.append(Place(gra, bar.region))
        self.chipset.mmio.replace(self, places)

    # Interrupt messages.

    def msi_grant(self, config_address: int) -> Grant | None:
        """The sources that the function at this address has."""
        return self._grants.get(config_address >> 8 & 0xFF)

    def set_msi_grant(self, config_address: int, grant: Grant | None) -> None:
        """The function has these sources; those that it had are free again."""
        devfn = config_address >> 8 & 0xFF
        old = self._grants.pop(devfn, None)
        if old is not None:
            self.chipset.msis.give_back(old)
        if grant is not None:
            self._grants[devfn] = grant

    # The machine's side.

    def reset(self) -> None:
        """As after power-on: one empty DMA window, no messages, no BAR has an address."""
        for devfn in list(self._grants):
            self.set_msi_grant(devfn << 8, None)
        self.dma_windows.reset()
        for _, function in sorted(self.functions.items()):
            function.reset()
        self.remap()

    def assign_bars(self) -> None:
        """Every region is where firmware would have put it."""
        assign_bars([f for _, f in sorted(self.functions.items())], self.windows)
        self.remap()

    def close(self) -> None:
        """Functions are closed by who plugged them."""


def show(devfn: int) -> str:
    return f"{devfn >> 3:02x}.{devfn & 7:x}"


def parse_address(address: str | int) -> int:
    """QEMU's `addr=`: "slot" or "slot.function" in hexadecimal, or a devfn as a number."""
    if isinstance(address, int):
        slot, function = address >> 3, address & 7
    else:
        first, _, second = address.partition(".")
        try:
            slot, function = int(first, 16), int(second or "0", 16)
        except ValueError:
            slot = function = -1
    if not (0 <= slot < SLOTS and 0 <= function < FUNCTIONS):
        raise OptionError(f"PCI address {address!r} is not SLOT or SLOT.FUNCTION, 0 to 1f.7")
    return slot << 3 | function
