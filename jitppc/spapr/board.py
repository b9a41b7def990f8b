"""The board: buses, devices on them, and the back ends they work with.

A device model's `make` gets the board and takes from it what the device needs. What it returns
stays in the board's hands: reset with the machine, closed with it.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar

from jitppc.devices.ports import BlockBackend, Chardev, FolderServer, NetBackend
from jitppc.errors import OptionError
from jitppc.option_values import suggestion
from jitppc.spapr.boot_devices import BootDevices
from jitppc.spapr.console import ConsoleTap, UserConsole
from jitppc.spapr.device_model import Part
from jitppc.spapr.device_models import device_model
from jitppc.spapr.dma import RamDma
from jitppc.spapr.hardware import CONSOLE, Device, Hardware
from jitppc.spapr.interrupts import Interrupts
from jitppc.spapr.pci.host_bridge import Chipset, HostBridge
from jitppc.spapr.pci.mmio import MmioMap
from jitppc.spapr.pci.msi import MsiPool
from jitppc.spapr.ports import GuestMemory
from jitppc.spapr.runtime_factory import native_doorbells
from jitppc.spapr.tce import TceTables
from jitppc.spapr.vio.bus import VioBus
from jitppc.spapr.vio.nvram import Nvram
from jitppc.spapr.vio.vty import Vty
from jitppc.spapr.vio.vty_output import ConsoleOutput

Backend = TypeVar("Backend")

FIRST_MAC = 0x525400123456


class Board:
    """All devices of a machine, made in the order in which QEMU makes them."""

    def __init__(
        self,
        memory: GuestMemory,
        interrupts: Interrupts,
        tces: TceTables,
        hardware: Hardware,
        console: UserConsole,
        tap: ConsoleTap,
        output: ConsoleOutput,
    ) -> None:
        """A board whose devices cannot all be made raises OptionError and keeps nothing open."""
        self.memory, self.tces = memory, tces
        self.hardware = hardware
        self.console, self.tap, self.output = console, tap, output
        self.vio = VioBus(interrupts.claim, interrupts.pulse)
        self.mmio = MmioMap(native_doorbells(memory))
        self.chipset = Chipset(
            mmio=self.mmio,
            msis=MsiPool(interrupts),
            tces=tces,
            memory=RamDma(memory),
            claim_lsi=lambda source: interrupts.claim(source, is_level=True),
            set_lsi=interrupts.set_level,
        )
        self._buses: dict[tuple[str, str], Any] = {}
        self._parts: list[Part] = []
        self._ids: dict[str, Part] = {}
        self._macs = 0
        self.boot_devices = BootDevices()
        self._taken: set[tuple[str, str]] = set()
        self._backends = contextlib.ExitStack()
        try:
            self._make_all()
        except BaseException:
            self.close()
            raise

    def _make_all(self) -> None:
        for chardev in self.hardware.serials:
            self.plug(Device("spapr-vty", {"chardev": chardev}))
        self.plug(Device("spapr-pci-host-bridge", {"index": 0}))
        self._plug_all(self.hardware.devices)
        self._refuse_what_nobody_uses()

    def _plug_all(self, devices: Sequence[Device]) -> None:
        """The NVRAM comes first, whether it is among them or not."""
        rest = list(devices)
        at = next((i for i, device in enumerate(rest) if device.model == "spapr-nvram"), None)
        default = Device("spapr-nvram", {"file": self.hardware.nvram})
        self.plug(default if at is None else rest.pop(at))
        for device in rest:
            self.plug(device)

    def _refuse_what_nobody_uses(self) -> None:
        """A drive without a device is a slip of the user's, and the guest would look for it."""
        for drive in self.hardware.drives:
            if ("drive", drive.id) not in self._taken:
                raise OptionError(
                    f"no device uses the drive {drive.id!r}: give -device MODEL,drive={drive.id}"
                )

    def plug(self, device: Device) -> Part:
        """The device is on its bus."""
        model = device_model(device.model)
        values = model.values(device.properties)
        name = values["id"]
        if name is not None and name in self._ids:
            raise OptionError(f"two devices have the id {name!r}")
        part = model.make(self, values)
        self._parts.append(part)
        if name is not None:
            self._ids[name] = part
        return part

    def part(self, name: str) -> Part:
        """The device with this id."""
        if name not in self._ids:
            raise OptionError(f"there is no device {name!r}{suggestion(name, self._ids)}")
        return self._ids[name]

    # What devices ask for.

    def add_bus(self, kind: str, name: str, bus: Any) -> None:
        """Devices of this kind may be plugged into it from now on."""
        if (kind, name) in self._buses:
            raise OptionError(f"two buses are called {name!r}")
        self._buses[kind, name] = bus

    def bus(self, kind: str, name: str | None = None) -> Any:
        """The bus of this kind and name; without a name, the first one of the kind."""
        names = {known: bus for (of, known), bus in self._buses.items() if of == kind}
        if name is None and names:
            return next(iter(names.values()))
        if name not in names:
            guess = suggestion(name or "", names)
            wanted = f"no {kind} bus" + (f" {name!r}" if name else "")
            raise OptionError(f"the machine has {wanted}{guess}")
        return names[name]

    def has_bus(self, kind: str) -> bool:
        return any(of == kind for of, _ in self._buses)

    def pci(self, bus_id: str | None = None) -> Any:
        """The PCI host bridge's bus."""
        return self.bus("pci", bus_id)

    def scsi_bus(self, bus_id: str | None = None) -> Any:
        """The SCSI bus of an adapter."""
        return self.bus("scsi", bus_id)

    def drive(self, name: str | None) -> BlockBackend:
        """The disk image with this id, opened for the caller alone."""
        return self._take("drive", name, self.hardware.drives)

    def netdev(self, name: str | None) -> NetBackend:
        """The host's end of the network with this id, opened for the caller alone."""
        return self._take("netdev", name, self.hardware.netdevs)

    def chardev(self, name: str | None) -> Chardev:
        """The host's end of the serial line with this id, opened for the caller alone."""
        if name == CONSOLE:
            self._claim("chardev", name)
            return self.console
        return self._take("chardev", name, self.hardware.chardevs)

    def folder(self, name: str | None) -> FolderServer:
        """The folder of the host with this id, served for the caller alone."""
        return self._take("folder", name, self.hardware.folders)

    def mac(self, given: bytes | None) -> bytes:
        """The address of an adapter: the one given, or the next of the reference machine's."""
        if given is not None:
            return given
        self._macs += 1
        return (FIRST_MAC + self._macs - 1).to_bytes(6, "big")

    def _take(self, kind: str, name: str | None, known: Any) -> Any:
        by_id = {item.id: item for item in known}
        if not name:
            raise OptionError(f"a {kind} is missing: give {kind}=ID")
        if name not in by_id:
            raise OptionError(f"there is no {kind} {name!r}{suggestion(name, by_id)}")
        self._claim(kind, name)
        backend = by_id[name].open()
        self._backends.callback(backend.close)
        return backend

    def _claim(self, kind: str, name: str) -> None:
        if (kind, name) in self._taken:
            raise OptionError(f"two devices want the {kind} {name!r}")
        self._taken.add((kind, name))

    # The machine's side.

    @property
    def consoles(self) -> list[Vty]:
        return [part for part in self._parts if isinstance(part, Vty)]

    @property
    def parts(self) -> list[Part]:
        return self._parts

    @property
    def has_nvram(self) -> bool:
        return any(isinstance(part, Nvram) for part in self._parts)

    @property
    def nvram(self) -> Nvram:
        return next(part for part in self._parts if isinstance(part, Nvram))

    @property
    def bridges(self) -> list[HostBridge]:
        return [part for part in self._parts if isinstance(part, HostBridge)]

    def type(self, data: bytes) -> None:
        """Typed on the user's console; when no device has that, on the first one."""
        if self.console.receive is not None:
            self.console.receive(data)
        elif self.consoles:
            self.consoles[0].receive(data)

    def reset(self) -> None:
        """Every device is as after power-on, and nothing it was doing goes on."""
        for part in self._parts:
            part.reset()

    def close(self) -> None:
        """No thread of a device runs any more, and what back ends hold is given back."""
        for part in reversed(self._parts):
            part.close()
        self._backends.close()
