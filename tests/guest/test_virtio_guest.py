"""Debian's kernel uses every virtio device; what it did is looked at from the host's side."""

import contextlib
import hashlib
import random
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from guest_modules import fetched_guest
from initramfs import MOUNTS, busybox_initramfs

from jitppc.host.block.options import ImageOptions
from jitppc.host.block.raw import RawImage
from jitppc.host.folders import DiodFolder
from jitppc.spapr.hardware import CharBackend, Device, Drive, Folder, Hardware, Netdev
from jitppc.spapr.machine import Machine

sys.path.insert(0, str(Path(__file__).parents[1] / "devices/virtio"))
from virtio_backends import Line

pytestmark = pytest.mark.slow

SECONDS = 300
DISK_BYTES = 16 << 20
MODULES = """virtio_pci virtio_blk virtio_scsi sd_mod virtio_net virtio_console virtio_balloon
             virtio_rng 9p 9pnet_virtio""".split()
GIB = 1 << 30

# Both machines run it; what it prints as `result ...` must be the same, line by line.
INIT = "#!/bin/busybox sh\n" + MOUNTS + """\
export PATH=/bin
busybox mkdir -p /mnt
{insert}
disk() {{
  echo "result $1 $(sha256sum < /dev/$1)"
  seq 1 $2 | dd of=/dev/$1 bs=64k conv=fsync 2>/dev/null
  dd if=/dev/$1 of=/dev/$1 bs=4k skip=3 seek=700 count=200 conv=notrunc,fsync 2>/dev/null
  echo 3 > /proc/sys/vm/drop_caches
  echo "result $1 $(sha256sum < /dev/$1)"
}}
disk vda 900000
disk sda 800000
busybox blkdiscard -o 1048576 -l 65536 /dev/vda
echo "result discarded $? $(dd if=/dev/vda bs=64k skip=16 count=1 2>/dev/null | sha256sum)"
echo "result serial $(cat /sys/block/vda/serial)"
echo "result random $(dd if=/dev/hwrng bs=32 count=2 2>/dev/null | wc -c)"
mount -t 9p -o trans=virtio,version=9p2000.L share /mnt
echo "result shared $(sha256sum < /mnt/from_host)"
seq 1 50000 > /mnt/from_guest
busybox mkdir /mnt/folder && busybox mv /mnt/from_guest /mnt/folder/moved
echo "result folder $(ls /mnt/folder) $(sha256sum < /mnt/folder/moved)"
echo "result port $(cat /sys/class/virtio-ports/*/name)"
echo "to the line" > /dev/hvc1
port=$(echo /dev/vport*p1)
exec 3<>$port
echo "to the port" >&3
read -t 60 word <&3
echo "result heard $word"
busybox ip addr add 10.9.8.1/24 dev eth0 && busybox ip link set eth0 up
{more}
echo END
poweroff -f
"""

OURS_ONLY = """\
busybox ping -c 3 -s 1400 10.9.8.2 | grep -E 'packets|ttl' | sed 's/^/ping /'
echo BALLOON
while [ "$(awk '/MemTotal/ {print $2}' /proc/meminfo)" -gt 900000 ]; do sleep 0.2; done
echo "small $(awk '/MemTotal/ {print $2}' /proc/meminfo)"
while [ "$(awk '/MemTotal/ {print $2}' /proc/meminfo)" -lt 900000 ]; do sleep 0.2; done
echo "large $(awk '/MemTotal/ {print $2}' /proc/meminfo)"
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Kernel, and an initramfs for either machine."""
    kernel, busybox, entries, insert = fetched_guest(MODULES)
    folder = tmp_path_factory.mktemp("guest")
    initrds = []
    for more in (OURS_ONLY, ""):
        path = folder / f"initramfs{len(initrds)}.gz"
        init = INIT.format(insert=insert, more=more)
        path.write_bytes(busybox_initramfs(busybox, init, entries))
        initrds.append(path)
    return kernel, *initrds


class Peer:
    """A host on the cable that answers ARP and ping, in a few lines of its own."""

    mac = bytes.fromhex("020000000002")

    def start(self, receive, link):
        self.receive = receive
        link(True)

    def send(self, frame):
        frame = bytes(frame)
        kind, back = frame[12:14], frame[6:12] + self.mac + frame[12:14]
        if kind == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == b"\x0a\x09\x08\x02":
            answer = frame[14:20] + b"\0\2" + self.mac + frame[38:42] + frame[22:28] + frame[28:32]
        elif kind == b"\x08\0" and frame[23] == 1 and frame[34] == 8:
            check = (struct.unpack(">H", frame[36:38])[0] + 0x800) % 0xFFFF
            body = b"\0\0" + struct.pack(">H", check) + frame[38:]
            answer = frame[14:26] + frame[30:34] + frame[26:30] + body
        else:
            return
        threading.Thread(target=self.receive, args=(back + answer,)).start()

    def close(self):
        pass


@pytest.fixture
def work(tmp_path):
    """Disks and a folder for one machine; always with the same contents."""
    chance = random.Random(9)
    for name in ("blk", "scsi"):
        (tmp_path / name).write_bytes(chance.randbytes(DISK_BYTES))
    share = tmp_path / "share"
    share.mkdir()
    (share / "from_host").write_bytes(chance.randbytes(300_000))
    return tmp_path


def seq(count):
    return "".join(f"{n}\n" for n in range(1, count + 1)).encode()


def sha(data):
    return hashlib.sha256(data).hexdigest() + "  -"


def results(output):
    assert "\nEND" in output, output[-3000:]
    return re.findall(r"result (.*?)\r?$", output, re.MULTILINE)


def expected_disk(before, count):
    after = bytearray(before)
    after[: len(seq(count))] = seq(count)
    after[700 * 4096 : 900 * 4096] = after[3 * 4096 : 203 * 4096]
    return bytes(after)


def test_every_device_works_and_the_host_sees_what_was_done(images, work):
    before = {name: (work / name).read_bytes() for name in ("blk", "scsi")}
    line, port = Line(), Line()
    peer = Peer()
    hardware = Hardware(
        drives=tuple(
            Drive(name, lambda name=name: RawImage(ImageOptions(work / name))) for name in before
        ),
        netdevs=(Netdev("net", lambda: peer),),
        chardevs=(CharBackend("line", lambda: line), CharBackend("port", lambda: port)),
        folders=(Folder("share", lambda: DiodFolder(work / "share")),),
        devices=(
            Device("virtio-blk-pci", {"drive": "blk", "serial": "A-SERIAL", "num-queues": "2"}),
            Device("virtio-scsi-pci"),
            Device("scsi-hd", {"drive": "scsi"}),
            Device("virtio-net-pci", {"netdev": "net"}),
            Device("virtio-serial-pci", {"max_ports": "4"}),
            Device("virtconsole", {"chardev": "line"}),
            Device("virtserialport", {"chardev": "port", "name": "org.example"}),
            Device("virtio-balloon-pci", {"id": "balloon", "free-page-reporting": "on"}),
            Device("virtio-9p-pci", {"fsdev": "share", "mount_tag": "share"}),
            Device("virtio-rng-pci"),
        ),
    )
    kernel, initrd, _ = images
    with Machine(kernel, initrd, append="quiet", memory="1G", hardware=hardware) as machine:
        answer = threading.Thread(
            target=lambda: (port.wait_for(b"to the port\n", SECONDS), port.type(b"a word\n"))
        )
        answer.start()
        assert "until" == machine.run(until="BALLOON", timeout=SECONDS).reason
        balloon = machine.board.part("balloon").device
        balloon.set_target(GIB - (200 << 20))
        assert "until" == machine.run(until=r"small \d+", timeout=SECONDS).reason
        shown = {}
        asking = threading.Thread(target=lambda: shown.update(balloon.statistics(timeout=60)))
        asking.start()
        balloon.set_target(GIB)
        stop = machine.run(timeout=SECONDS)
        output = machine.console_output.decode(errors="replace")
        assert "poweroff" == stop.reason, output[-2000:]
        asking.join()
        answer.join()
        assert balloon.given_back > 200 << 20
    assert 700 << 20 < shown["total-memory"] <= GIB

    after = {
        "vda": expected_disk(before["blk"], 900000),
        "sda": expected_disk(before["scsi"], 800000),
    }
    share = work / "share"
    expected = [
        f"vda {sha(before['blk'])}",
        f"vda {sha(after['vda'])}",
        f"sda {sha(before['scsi'])}",
        f"sda {sha(after['sda'])}",
        # With discard=ignore, which is the default, the image stays as it is.
        f"discarded 0 {sha(after['vda'][1 << 20 : (1 << 20) + 65536])}",
        "serial A-SERIAL",
        "random 64",
        f"shared {sha((share / 'from_host').read_bytes())}",
        f"folder moved {sha(seq(50000))}",
        "port org.example",
        "heard a word",
    ]
    assert expected == results(output), output
    assert seq(50000) == (share / "folder/moved").read_bytes()
    assert after["sda"] == (work / "scsi").read_bytes()
    assert after["vda"] == (work / "blk").read_bytes()
    assert b"to the line\r\n" == line.output
    assert b"to the port\n" == port.output
    assert "ping 3 packets transmitted, 3 packets received" in output
    for size, bounds in {"small": (700_000, 900_000), "large": (900_000, 1 << 20)}.items():
        ((found),) = re.findall(rf"^{size} (\d+)", output, re.MULTILINE)
        assert bounds[0] < int(found) < bounds[1]
    assert not [t for t in threading.enumerate() if t.name.startswith(("virtio", "9p"))]


def test_the_same_guest_says_the_same_on_qemu(images, work, require_tool):
    before = {name: (work / name).read_bytes() for name in ("blk", "scsi")}
    kernel, _, initrd = images
    path = work / "port"
    command = [require_tool("qemu-system-ppc64"), "-M", "pseries,x-vof=on"]
    command += ["-cpu", "power9", "-m", "1G", "-nographic", "-nodefaults", "-serial", "mon:stdio"]
    command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "quiet"]
    for name in before:
        command += ["-drive", f"id={name},if=none,format=raw,file={work / name}"]
    command += ["-device", "virtio-blk-pci,drive=blk,serial=A-SERIAL"]
    command += ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=scsi"]
    command += ["-netdev", "hubport,id=net,hubid=1"]
    command += ["-device", "virtio-net-pci,netdev=net,romfile="]
    command += ["-chardev", "null,id=line", "-device", "virtio-serial-pci,max_ports=4"]
    command += ["-chardev", f"socket,id=port,path={path},server=on,wait=off"]
    command += ["-device", "virtconsole,chardev=line"]
    command += ["-device", "virtserialport,chardev=port,name=org.example"]
    command += ["-device", "virtio-balloon-pci", "-device", "virtio-rng-pci"]
    command += ["-virtfs", f"local,path={work / 'share'},mount_tag=share,security_model=none"]
    done = threading.Event()
    typist = threading.Thread(target=type_when_asked, args=(path, b"a word\n", done))
    typist.start()
    try:
        run = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    finally:
        done.set()
        typist.join()
    after = expected_disk(before["blk"], 900000)
    found = results(run.stdout.decode(errors="replace").replace("\r", ""))
    assert 11 == len(found)
    assert f"vda {sha(after)}" == found[1]
    assert "heard a word" == found[-1]


def type_when_asked(path, text, done):
    """The other end of QEMU's socket."""
    while not done.wait(0.1):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.settimeout(1)
            heard = b""
            while not done.is_set() and b"\n" not in heard:
                with contextlib.suppress(TimeoutError):
                    heard += line.recv(100)
            line.sendall(text)
            done.wait()
