"""The description of hardware that a QEMU command line gives."""

from collections.abc import Callable
from dataclasses import replace

from jitppc.config import HardwareWords
from jitppc.errors import OptionError
from jitppc.host.qemu_line.disks import Disks
from jitppc.host.qemu_line.lines import Lines
from jitppc.host.qemu_line.networks import Networks
from jitppc.host.qemu_line.shares import Shares
from jitppc.keyed_values import Pairs
from jitppc.spapr.device_models import DEVICE_MODELS, device_model
from jitppc.spapr.hardware import Device, Hardware


def hardware_of(
    words: HardwareWords,
    say: Callable[[str], None] = lambda _: None,
    *,
    has_default_net: bool = True,
) -> Hardware:
    """Everything is looked at before anything is opened; UserError names what cannot be.

    Args:
        say: told what the user must know, such as the name of a pseudo-terminal.
        has_default_net: a guest about whose network nothing is said gets one.
    """
    lines = Lines(words, say)
    networks = Networks(words, has_default=has_default_net)
    disks = Disks(words, say)
    devices = [*networks.devices, *disks.devices]
    devices += [_device(pairs, lines) for pairs in words.devices]
    shares = Shares(words)
    devices += shares.devices
    devices = _with_globals(devices, words.globals)
    for device in devices:
        device_model(device.model).values(device.properties)
    return Hardware(
        drives=tuple(disks.drives),
        netdevs=tuple(networks.netdevs),
        chardevs=tuple(lines.chardevs),
        folders=tuple(shares.folders),
        serials=lines.serials,
        nvram=disks.nvram,
        prom_env=words.prom_env,
        devices=tuple(devices),
    )


def _device(pairs: Pairs, lines: Lines) -> Device:
    properties = dict(pairs)
    model = properties.pop("driver")
    if "chardev" in properties:
        properties["chardev"] = lines.names.get(properties["chardev"], properties["chardev"])
    return Device(model, properties)


def _with_globals(devices: list[Device], rules: tuple[tuple[str, str, str], ...]) -> list[Device]:
    """A property of `-global` holds where the device does not say otherwise."""
    for model, key, value in rules:
        row = DEVICE_MODELS.get(model)
        if row is None:
            raise OptionError(f"-global {model}.{key}: jitppc has no device {model!r}")
        row.values({key: value})
        devices = [
            replace(device, properties={key: value, **device.properties})
            if DEVICE_MODELS.get(device.model) is row
            else device
            for device in devices
        ]
    return devices
