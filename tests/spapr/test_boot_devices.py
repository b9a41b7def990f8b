"""What firmware is told of devices with a bootindex, beside the reference machine."""

import shutil
import subprocess

import fdt
import pytest

from jitppc.errors import OptionError
from jitppc.host.block.open import open_image
from jitppc.host.block.options import ImageOptions
from jitppc.spapr.fdt_values import get
from jitppc.spapr.hardware import Device, Drive, Hardware

DEVICES = (
    ("virtio-blk-pci", {"drive": "a", "bootindex": "3"}),
    ("spapr-vscsi", {}),
    ("scsi-hd", {"drive": "b", "bootindex": "1"}),
    ("scsi-cd", {"drive": "c", "bootindex": "2"}),
    ("virtio-scsi-pci", {"id": "vs"}),
    ("scsi-cd", {"bus": "vs.0", "drive": "d", "bootindex": "0", "scsi-id": "2", "lun": "3"}),
)


@pytest.fixture
def images(tmp_path):
    """One small image for each drive."""
    found = {name: tmp_path / name for name in "abcd"}
    for path in found.values():
        path.write_bytes(bytes(1 << 20))
    return found


def qemus_list(images, folder):
    """`qemu,boot-list` of the reference machine."""
    program = shutil.which("qemu-system-ppc64")
    assert program, "qemu-system-ppc64 is among the programs that tests need"
    path = folder / "tree.dtb"
    command = [program, "-M", f"pseries,dumpdtb={path}", "-m", "512M", "-nodefaults", "-nographic"]
    for name, image in images.items():
        command += ["-drive", f"if=none,id={name},file={image},format=raw"]
    for model, values in DEVICES:
        command += ["-device", ",".join([model, *(f"{k}={v}" for k, v in values.items())])]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    chosen = fdt.parse_dtb(path.read_bytes()).root.get_subnode("chosen")
    return get(chosen, "qemu,boot-list").rstrip(b"\0").decode()


def drive(name, path):
    return Drive(name, lambda: open_image(ImageOptions(path=path, format="raw")))


def test_devices_are_listed_by_their_paths_as_the_reference_lists_them(
    machine_with, images, tmp_path
):
    """Consoles come first on the bus of the reference, which has none here."""
    hardware = Hardware(
        drives=tuple(drive(*item) for item in images.items()),
        devices=tuple(Device(*item) for item in DEVICES),
        serials=(),
    )
    with machine_with(hardware=hardware) as made:
        listed = made.board.boot_devices.listed
    assert qemus_list(images, tmp_path) == listed


def test_two_devices_cannot_be_the_first(machine_with, images):
    devices = (Device("virtio-blk-pci", {"drive": name, "bootindex": "1"}) for name in "ab")
    drives = tuple(drive(name, images[name]) for name in "ab")
    with pytest.raises(OptionError, match="two devices have the bootindex 1"):
        machine_with(hardware=Hardware(drives=drives, devices=tuple(devices)))
