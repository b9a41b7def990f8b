"""The one table of device models, gathered from the rooms that plug them."""

from jitppc.errors import InternalError, OptionError
from jitppc.option_values import suggestion
from jitppc.spapr.device_model import DeviceModel
from jitppc.spapr.pci.models import PCI_MODELS
from jitppc.spapr.pci.virtio_rows import VIRTIO_MODELS
from jitppc.spapr.scsi_models import SCSI_MODELS
from jitppc.spapr.vio.models import VIO_MODELS

_ROWS: tuple[DeviceModel, ...] = (*PCI_MODELS, *VIO_MODELS, *VIRTIO_MODELS, *SCSI_MODELS)


def _by_name(rows: tuple[DeviceModel, ...]) -> dict[str, DeviceModel]:
    table: dict[str, DeviceModel] = {}
    for row in rows:
        for name in (row.name, *row.aliases):
            if name in table:
                raise InternalError(f"two device models are called {name}")
            table[name] = row
    return table


DEVICE_MODELS = _by_name(_ROWS)
"""Rows by their names and aliases."""


def device_model(name: str) -> DeviceModel:
    """The row; an unknown name is refused with the nearest known one."""
    if name not in DEVICE_MODELS:
        guess = suggestion(name, DEVICE_MODELS) or "; `-device help` lists what there is"
        raise OptionError(f"jitppc has no device {name!r}{guess}")
    return DEVICE_MODELS[name]


def device_help(name: str = "") -> str:
    """The text of `-device help`, or of `-device NAME,help`."""
    if name:
        return "\n".join(device_model(name).help())
    lines = []
    for row in sorted(_ROWS, key=lambda row: (row.bus, row.name)):
        also = f" (also {', '.join(row.aliases)})" if row.aliases else ""
        lines.append(f"{row.name:<28} {row.bus:<8} {row.says}{also}")
    return "\n".join(lines)
