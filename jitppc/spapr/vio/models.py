"""How VIO devices are plugged: rows of the table of device models."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitppc.devices.ports import StreamingNetBackend
from jitppc.errors import OptionError
from jitppc.spapr.device_model import BOOT_INDEX, DeviceModel, Property, mac_address, switch
from jitppc.spapr.dma import RamDma
from jitppc.spapr.runtime_factory import native_inbox, native_lan, native_scsi
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.native_vlan import NativeVlan
from jitppc.spapr.vio.nvram import Nvram
from jitppc.spapr.vio.vlan import Vlan
from jitppc.spapr.vio.vscsi import Vscsi
from jitppc.spapr.vio.vty import Vty
from jitppc.spapr.vio.window import DmaWindow

if TYPE_CHECKING:
    from jitppc.spapr.board import Board


def _plug_vty(board: "Board", values: Mapping[str, Any]) -> Vty:
    """The first console is the machine's: what it prints is kept and looked at."""
    chardev = board.chardev(values["chardev"])
    is_first = not board.consoles
    if is_first:
        board.tap.chardev = chardev
    seen = board.tap if is_first else chardev
    vty = board.vio.plug(lambda slot: Vty(slot, seen, board.output))
    chardev.start(vty.receive)
    return vty


def _plug_nvram(board: "Board", values: Mapping[str, Any]) -> Nvram:
    if board.has_nvram:
        raise OptionError("the machine has its spapr-nvram already")
    path: Path | None = values["file"]
    variables = board.hardware.prom_env
    return board.vio.plug(lambda slot: Nvram(slot, path=path, variables=variables))


class RandomNumbers:
    """H_RANDOM and its node are always there: nothing is left to do for who asks for them."""

    def reset(self) -> None:
        """It has no state."""

    def close(self) -> None:
        """It has no thread."""


def _plug_rng(board: "Board", values: Mapping[str, Any]) -> RandomNumbers:
    return RandomNumbers()


def _window(board: "Board", slot: Slot) -> DmaWindow:
    return DmaWindow(slot.unit_address, board.tces, RamDma(board.memory))


def _vscsi(board: "Board", slot: Slot) -> Vscsi:
    window, inbox = _window(board, slot), native_inbox(board.memory, slot.unit_address)
    return Vscsi(slot, window, inbox, native_scsi(board.memory, inbox, window.table))


def _plug_vscsi(board: "Board", values: Mapping[str, Any]) -> Vscsi:
    """Its bus is called after it: `ID.0`, or `scsi.0` without an id."""
    vscsi = board.vio.plug(lambda slot: _vscsi(board, slot))
    board.add_bus("scsi", f"{values['id'] or 'scsi'}.0", vscsi.bus)
    return vscsi


def _plug_vlan(board: "Board", values: Mapping[str, Any]) -> Vlan:
    backend = board.netdev(values["netdev"])
    mac = board.mac(values["mac"])

    def make(slot: Slot) -> Vlan:
        window = _window(board, slot)
        if isinstance(backend, StreamingNetBackend):
            native = native_lan(board.memory, window.table)
            if native is not None:
                return NativeVlan(slot, window, backend, mac, native)
        return Vlan(slot, window, backend, mac)

    vlan = board.vio.plug(make)
    vlan.start()
    path = f"/vdevice/l-lan@{vlan.slot.unit_address:x}"
    board.boot_devices.add(values["bootindex"], lambda: path)
    return vlan


VIO_MODELS = (
    DeviceModel(
        "spapr-vty",
        "vio",
        "console (hvc0, hvc1, ...)",
        _plug_vty,
        (Property("chardev", "id of the host's end of the line"),),
    ),
    DeviceModel(
        "spapr-nvram",
        "vio",
        "non-volatile memory",
        _plug_nvram,
        (Property("file", "file that keeps the contents; made when it is missing", Path),),
    ),
    DeviceModel(
        "spapr-vlan",
        "vio",
        "Ethernet adapter of the hypervisor",
        _plug_vlan,
        (
            Property("netdev", "id of the host's end of the network"),
            Property("mac", "address (default 52:54:00:12:34:56 and following)", mac_address),
            BOOT_INDEX,
        ),
    ),
    DeviceModel(
        "spapr-rng",
        "",
        "random numbers of the host by hypercall (always there)",
        _plug_rng,
        (
            Property("rng", "accepted; the numbers are the host's"),
            Property("use-kvm", "accepted; there is no KVM", switch, default=False),
        ),
    ),
    DeviceModel("spapr-vscsi", "vio", "SCSI adapter of the hypervisor", _plug_vscsi),
)
