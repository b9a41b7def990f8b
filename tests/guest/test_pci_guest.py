"""Debian's kernel finds on our PCI buses what it finds on QEMU's, and its drivers work.

They let go of their devices while these are busy, and take them again; functions are removed, found
again, and get other addresses.
"""

import hashlib
import random

import pytest
from beside_qemu import (
    device_words,
    lines_between_marks,
    of_kind,
    qemu_command,
    said_by_qemu,
)
from devices.virtio.virtio_backends import MemoryDisk
from guest_modules import fetched_guest
from initramfs import MOUNTS, busybox_initramfs

from jitppc.spapr.hardware import Device, Drive, Hardware
from jitppc.spapr.machine import Machine

pytestmark = pytest.mark.slow

BOOT_SECONDS = 300
KINDS = "device group resource interrupt virtio window disk random".split()
DISK_BYTES = 4 << 20
MODULES = ["virtio_pci", "virtio_blk", "virtio_rng"]

# QEMU's words for both; the disk is behind the second host bridge and its DMA windows.
DEVICES = (
    ("spapr-pci-host-bridge", {"index": "2", "id": "two"}),
    ("virtio-rng-pci", {"vectors": "0", "bus": "pci.0"}),
    ("virtio-rng-pci", {"addr": "4.1", "bus": "pci.0"}),
    (
        "virtio-blk-pci",
        {"drive": "disk", "bus": "two.0", "addr": "7", "iommu_platform": "on", "num-queues": "2"},
    ),
)
MODERN = {"disable-legacy": "on"}

# What the guest prints between the marks is compared, line by line.
INIT = "#!/bin/sh\n" + MOUNTS + """\
export PATH=/bin
{insert}
echo; echo BEGIN
for d in /sys/bus/pci/devices/*; do
  echo device ${{d##*/}} $(cd $d; cat vendor device class subsystem_device revision)
  echo "group $(readlink $d/iommu_group) messages $(ls $d/msi_irqs 2>/dev/null | wc -l)"
  while read start end flags; do echo resource $flags $((end - start)); done < $d/resource
done
grep -E 'PCI|LSI|Level' /proc/interrupts | awk '{{ print "interrupt", $3, $5, $6 }}'
for d in /sys/bus/virtio/devices/*; do echo virtio ${{d##*/}} $(cat $d/features $d/status); done
dmesg | grep -oE 'ibm,(create|remove)-pe-dma.*' | sed 's/^/window /'
echo "disk $(cat /sys/block/vda/size) $(sha256sum < /dev/vda)"
seq 1 400000 | dd of=/dev/vda bs=64k conv=fsync 2>/dev/null
echo 3 > /proc/sys/vm/drop_caches
echo "disk $(sha256sum < /dev/vda)"
echo "random $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c)"
echo "random $(cat /sys/class/misc/hw_random/rng_available)"
cd /sys/bus/pci/drivers/virtio-pci
for round in 1 2 3 4 5; do
  dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null &
  for d in 0000:00:00.0 0002:00:07.0; do echo $d > unbind; done
  wait
  for d in 0000:00:00.0 0002:00:07.0; do echo $d > bind; done
done
cd /sys/bus/pci
for d in 0000:00:04.1 0002:00:07.0; do echo 1 > devices/$d/remove; done
echo 1 > rescan
echo "disk $(sha256sum < /dev/vda)"
echo "random $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c)"
grep -cE 'PCI-MSI' /proc/interrupts | sed 's/^/interrupt /'
echo END
poweroff -f
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Kernel and initramfs; without a package client there are none."""
    kernel, busybox, entries, insert = fetched_guest(MODULES)
    initrd = tmp_path_factory.mktemp("guest") / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(busybox, INIT.format(insert=insert), entries))
    return kernel, initrd


@pytest.fixture(scope="module")
def contents():
    return random.Random(5).randbytes(DISK_BYTES)


@pytest.fixture(scope="module")
def ours(images, contents):
    """What the guest says on our machine, and the disk afterwards."""
    disk = MemoryDisk(DISK_BYTES)
    disk.data[:] = contents
    devices = tuple(Device(name, values) for name, values in DEVICES)
    hardware = Hardware(drives=(Drive("disk", lambda: disk),), devices=devices)
    with Machine(*images, append="console=hvc0 quiet", memory="1G", hardware=hardware) as machine:
        stop = machine.run(timeout=BOOT_SECONDS)
        assert stop.reason == "poweroff", machine.console_output[-2000:]
        assert machine.hcalls.calls["H_PUT_TCE_INDIRECT"]
        return lines_between_marks(machine.console_output.decode(errors="replace"), KINDS), disk


@pytest.fixture(scope="module")
def qemus(images, contents, tmp_path_factory, require_tool):
    """What it says on QEMU."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    path.write_bytes(contents)
    command = qemu_command(require_tool("qemu-system-ppc64"), images)
    command += ["-drive", f"if=none,id=disk,format=raw,file={path}"]
    for name, values in DEVICES:
        modern = MODERN if name.startswith("virtio") else {}
        several = {"multifunction": "on"} if values.get("addr") == "4.1" else {}
        command += device_words(name, values | modern | several)
    return said_by_qemu(command, BOOT_SECONDS, KINDS)


def test_the_same_functions_regions_and_interrupts_are_found(ours, qemus):
    lines, _ = ours
    kinds = ("device", "group", "resource", "interrupt")
    assert of_kind(lines, *kinds) == of_kind(qemus, *kinds)
    assert len(of_kind(lines, "device")) == 3


def test_the_kernel_makes_the_same_dma_windows(ours, qemus):
    lines, _ = ours
    assert of_kind(lines, "window") == of_kind(qemus, "window")
    assert any("liobn = 0x80000201 starting addr = 8000000 0" in line for line in lines)


def test_drivers_work(ours, qemus, contents):
    lines, disk = ours
    written = b"".join(b"%d\n" % n for n in range(1, 400001))
    after = written + contents[len(written) :]
    assert of_kind(lines, "disk") == [
        f"disk {DISK_BYTES // 512} {hashlib.sha256(contents).hexdigest()}  -",
        f"disk {hashlib.sha256(after).hexdigest()}  -",
        f"disk {hashlib.sha256(after).hexdigest()}  -",
    ]
    assert bytes(disk.data) == after
    assert of_kind(lines, "disk", "random") == of_kind(qemus, "disk", "random")


RING_RESET = 40
"""What QEMU offers and we do not: resetting single queues. Ref: virtio 1.2, 2.6.1."""


def test_drivers_agree_on_the_same_features(ours, qemus):
    lines, _ = ours
    expected = [
        f"virtio {name} {bits[:RING_RESET]}0{bits[RING_RESET + 1 :]} {status}"
        for _, name, bits, status in map(str.split, of_kind(qemus, "virtio"))
    ]
    assert of_kind(lines, "virtio") == expected
    assert len(expected) == 3
