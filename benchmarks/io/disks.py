"""Disk transfers of a guest on jitppc and on QEMU, with the same image, guest and program.

    python -m benchmarks.io                           virtio-blk, both machines
    python -m benchmarks.io --disk virtio-scsi        or spapr-vscsi
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.io.machines import Images, command, compare, guest, measure, parser

IMAGE_BYTES = 256 << 20
DISKS = {
    "virtio-blk": (["virtio_pci", "virtio_blk"], "/dev/vda", ["virtio-blk-pci,drive=d"]),
    "virtio-scsi": (
        ["virtio_pci", "virtio_scsi", "sd_mod"],
        "/dev/sda",
        ["virtio-scsi-pci", "scsi-hd,drive=d"],
    ),
    "spapr-vscsi": (["ibmvscsi", "sd_mod"], "/dev/sda", ["spapr-vscsi", "scsi-hd,drive=d"]),
}
INIT = """\
#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs dev /dev
{{insert}}
/bin/io {device} {seconds}
/bin/io {device} {seconds}
echo END
poweroff -f
"""


def main(words: Sequence[str] | None = None) -> int:
    line = parser("python -m benchmarks.io", __doc__)
    line.add_argument("--disk", choices=DISKS, default="virtio-blk")
    options = line.parse_args(words)
    modules, device, devices = DISKS[options.disk]
    script = INIT.format(device=device, seconds=options.seconds)

    def once(machine: str, images: Images, work: Path) -> Iterator[dict]:
        for record in measure(command(machine, images) + drive(work, devices)):
            yield record | {"disk": options.disk}

    return compare(options, lambda work: guest(work, "io.c", modules, script), once)


def drive(work: Path, devices: Sequence[str]) -> list[str]:
    """A new image, and what it is on."""
    image = work / "disk"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    words = ["-drive", f"id=d,if=none,format=raw,file={image}"]
    for device in devices:
        words += ["-device", device]
    return words


if __name__ == "__main__":
    sys.exit(main())
