"""Debian's kernel finds on our VIO bus what it finds on QEMU's, and its drivers work."""

import hashlib
import random
import subprocess
from pathlib import Path

import pytest
from beside_qemu import (
    device_words,
    lines_between_marks,
    of_kind,
    qemu_command,
    said_by_qemu,
)
from devices.device_fakes import MemoryDisk
from guest_modules import fetched_guest
from initramfs import MOUNTS, busybox_initramfs

from jitppc.host.archive import program, symlink
from jitppc.spapr.hardware import CONSOLE, CharBackend, Device, Drive, Hardware, Netdev
from jitppc.spapr.machine import Machine

pytestmark = pytest.mark.slow

BOOT_SECONDS = 300
KINDS = "scsi disk cd net random node".split()
DISK_BYTES = 4 << 20
NUMBERS = "".join(f"{n}\n" for n in range(1, 400_001)).encode()
MODULES = ["ibmvscsi", "sd_mod", "sr_mod", "isofs", "ibmveth", "pseries-rng"]
APPLETS = ["ip", "ping", "mkdir"]
PROBE = Path(__file__).parent / "scsi_probe.c"

DEVICES = (
    ("spapr-vscsi", {"id": "vscsi"}),
    ("scsi-hd", {"drive": "disk", "bus": "vscsi.0", "scsi-id": "0", "serial": "JIT42"}),
    ("scsi-cd", {"drive": "cd", "bus": "vscsi.0", "scsi-id": "2"}),
    ("spapr-vlan", {"netdev": "net", "mac": "52:54:00:aa:bb:cc"}),
)

# What the guest prints between the marks is compared, line by line.
INIT = "#!/bin/sh\n" + MOUNTS + """\
export PATH=/bin
{insert}
while [ ! -e /dev/sda ] || [ ! -e /dev/sr0 ]; do sleep 0.1; done
echo; echo BEGIN
for d in /sys/bus/scsi/devices/*:*:*:*; do
  echo scsi ${{d##*/}} $(cd $d; cat type scsi_level vendor model rev)
done
echo disk $(cat /sys/block/sda/size /sys/class/scsi_disk/*/cache_type)
echo disk $(cat /sys/class/scsi_disk/*/provisioning_mode /sys/block/sda/queue/logical_block_size)
echo "disk $(sha256sum < /dev/sda)"
seq 1 400000 | dd of=/dev/sda bs=64k conv=fsync 2>/dev/null
echo 3 > /proc/sys/vm/drop_caches
echo "disk $(sha256sum < /dev/sda)"
mkdir /mnt
mount -t iso9660 -o ro /dev/sr0 /mnt
echo cd $(cat /sys/block/sr0/size) $(ls /mnt)
echo "cd $(sha256sum < /mnt/numbers)"
umount /mnt
echo 0 > /proc/sys/dev/cdrom/autoclose
scsi_probe /dev/sr0 1b0000000200:0 >/dev/null
mount -t iso9660 -o ro /dev/sr0 /mnt 2>/dev/null || echo cd is out
scsi_probe /dev/sr0 1b0000000300:0 >/dev/null
mount -t iso9660 -o ro /dev/sr0 /mnt && echo cd is back
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
echo net $(cat /sys/class/net/eth0/address)
echo net $(ping -c 3 -s 1400 10.0.2.2 | grep received)
ip link set eth0 down
ip link set eth0 up
echo net again $(ping -c 2 10.0.2.2 | grep received)
echo "random $(dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c)"
echo "random $(cat /sys/class/misc/hw_random/rng_available)"
echo the second line > /dev/hvc1
cd /proc/device-tree/vdevice
for n in *@*; do echo node $n $(tr '\\0' ' ' < $n/compatible) $(sha256sum < $n/reg); done
echo END
poweroff -f
"""


class EchoHost:
    """A host of the network, 10.0.2.2: answers ARP and echo requests as they come."""

    MAC, ADDRESS = bytes.fromhex("020000000001"), bytes((10, 0, 2, 2))

    def start(self, receive, link):
        self._receive = receive

    def send(self, frame):
        to, kind, rest = frame[6:12], frame[12:14], frame[14:]
        answer = b""
        if kind == b"\x08\x06" and rest[24:28] == self.ADDRESS:
            answer = rest[:6] + b"\0\2" + self.MAC + self.ADDRESS + rest[8:18]
        elif kind == b"\x08\x00" and rest[9] == 1 and rest[16:20] == self.ADDRESS:
            head, echo = rest[:20], rest[20:]
            total = int.from_bytes(echo[2:4], "big") + 0x0800
            total = (total & 0xFFFF) + (total >> 16)
            echo = b"\0\0" + total.to_bytes(2, "big") + echo[4:]
            answer = head[:12] + head[16:20] + head[12:16] + echo
        if answer:
            self._receive(to + self.MAC + kind + answer)

    def close(self):
        pass


class Line:
    """A serial line that keeps what was written."""

    def __init__(self):
        self.data = b""

    def start(self, receive):
        pass

    def write(self, data):
        self.data += data

    def close(self):
        pass


@pytest.fixture(scope="module")
def images(tmp_path_factory, require_tool):
    """Kernel and initramfs; without a package client there are none."""
    kernel, busybox, entries, insert = fetched_guest(MODULES)
    entries |= {f"bin/{name}": symlink("busybox") for name in APPLETS}
    folder = tmp_path_factory.mktemp("guest")
    compiler = require_tool("powerpc64le-linux-gnu-gcc")
    command = [compiler, "-static", "-O1", "-o", folder / "scsi_probe", PROBE]
    subprocess.run(command, check=True)
    entries["bin/scsi_probe"] = program((folder / "scsi_probe").read_bytes())
    initrd = folder / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(busybox, INIT.format(insert=insert), entries))
    return kernel, initrd


@pytest.fixture(scope="module")
def disk_contents():
    return random.Random(5).randbytes(DISK_BYTES)


@pytest.fixture(scope="module")
def cd_image(tmp_path_factory, require_tool):
    folder = tmp_path_factory.mktemp("cd")
    (folder / "root").mkdir()
    (folder / "root" / "numbers").write_bytes(NUMBERS)
    image = folder / "cd.iso"
    command = [require_tool("genisoimage", "xorriso"), "-quiet", "-R", "-o", image, folder / "root"]
    if "xorriso" in str(command[0]):
        command[1:1] = ["-as", "mkisofs"]
    subprocess.run(command, check=True, capture_output=True)
    return image


@pytest.fixture(scope="module")
def ours(images, disk_contents, cd_image):
    """What the guest says on our machine; the disk and the second line afterwards."""
    disk, line = MemoryDisk(DISK_BYTES), Line()
    disk.data[:] = disk_contents
    image = cd_image.read_bytes()
    cd = MemoryDisk(len(image), read_only=True, serial="")
    cd.data[:] = image
    hardware = Hardware(
        drives=(Drive("disk", lambda: disk), Drive("cd", lambda: cd)),
        netdevs=(Netdev("net", EchoHost),),
        chardevs=(CharBackend("line", lambda: line),),
        serials=(CONSOLE, "line"),
        devices=tuple(Device(name, values) for name, values in DEVICES),
    )
    with Machine(*images, append="console=hvc0 quiet", memory="1G", hardware=hardware) as machine:
        stop = machine.run(timeout=BOOT_SECONDS)
        assert stop.reason == "poweroff", machine.console_output[-2000:]
        lines = lines_between_marks(machine.console_output.decode(errors="replace"), KINDS)
    return lines, disk, line


@pytest.fixture(scope="module")
def qemus(images, disk_contents, cd_image, tmp_path_factory, require_tool):
    """What it says on QEMU."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk.raw").write_bytes(disk_contents)
    command = qemu_command(require_tool("qemu-system-ppc64"), images)
    command += ["-serial", f"file:{folder / 'line'}"]
    disk = f"if=none,id=disk,format=raw,discard=unmap,file={folder / 'disk.raw'}"
    command += ["-drive", disk, "-netdev", "user,id=net", "-device", "spapr-rng"]
    command += ["-drive", f"if=none,id=cd,format=raw,media=cdrom,file={cd_image}"]
    for name, values in DEVICES:
        command += device_words(name, values)
    command += ["-object", "rng-random,filename=/dev/urandom,id=rng"]
    command[command.index("spapr-rng")] = "spapr-rng,rng=rng"
    return said_by_qemu(command, BOOT_SECONDS, KINDS)


def test_what_the_guest_wrote_is_on_the_disk(ours, disk_contents):
    lines, disk, _ = ours
    expected = NUMBERS + disk_contents[len(NUMBERS) :]
    assert expected == disk.data == disk.flushed
    sums = [f"disk {hashlib.sha256(data).hexdigest()}  -" for data in (disk_contents, expected)]
    assert sums == of_kind(lines, "disk")[2:]


def test_the_cd_holds_its_file_and_comes_out_and_back(ours):
    lines = of_kind(ours[0], "cd")
    assert lines[0].endswith(" numbers")
    assert [f"cd {hashlib.sha256(NUMBERS).hexdigest()}  -", "cd is out", "cd is back"] == lines[1:]


def test_every_echo_comes_back_also_after_the_adapter_was_shut(ours):
    assert [
        "net 52:54:00:aa:bb:cc",
        "net 3 packets transmitted, 3 packets received, 0% packet loss",
        "net again 2 packets transmitted, 2 packets received, 0% packet loss",
    ] == of_kind(ours[0], "net")


def test_the_second_console_is_a_line_of_its_own(ours):
    assert b"the second line" == ours[2].data.strip()


def test_the_guest_sees_what_it_sees_on_qemu(ours, qemus):
    kinds = ("scsi", "disk", "cd", "net", "random", "node")
    assert of_kind(qemus, *kinds) == of_kind(ours[0], *kinds)
