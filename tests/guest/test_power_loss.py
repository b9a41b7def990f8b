"""jitppc is killed while a guest writes and waits for its writes: what was promised is there.

`--power-losses N` kills it N times for each kind of disk; without it, twice.
"""

import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from guest_modules import compiled, fetched_guest
from initramfs import MOUNTS, busybox_initramfs

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("power_loss.c")
DISK = "96M"
WORDS = 512
MODULES = "virtio_pci virtio_blk virtio_scsi ibmvscsi sd_mod crc32c_generic ext4".split()
START_SECONDS, WRITE_SECONDS = 300, 6.0

INIT = "#!/bin/busybox sh\n" + MOUNTS + """\
export PATH=/bin
{insert}
for word in $(cat /proc/cmdline); do
  case $word in disk=*) disk=${{word#disk=}};; start=*) start=${{word#start=}};; esac
done
while [ ! -b /dev/$disk ]; do sleep 0.1; done
busybox mkdir -p /mnt
mount -t ext4 /dev/$disk /mnt && /power_loss /mnt $start
echo "@ended $?"
poweroff -f
"""

#: name of the disk in the guest, its format, and what is said on the command line
DISKS = {
    "virtio-blk": ("vda", "raw", ["-drive", "file={path},format=raw,if=virtio"]),
    "virtio-blk, qcow2": ("vda", "qcow2", ["-drive", "file={path},format=qcow2,if=virtio"]),
    "virtio-scsi": (
        "sda",
        "raw",
        "-drive file={path},format=raw,if=none,id=d -device virtio-scsi-pci"
        " -device scsi-hd,drive=d".split(),
    ),
    "vscsi": ("sda", "raw", ["-drive", "file={path},format=raw,if=scsi"]),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory, require_tool):
    """Kernel and initramfs."""
    kernel, busybox, entries, insert = fetched_guest(MODULES)
    folder = tmp_path_factory.mktemp("power")
    entries["power_loss"] = compiled(require_tool, SOURCE, folder / "power_loss")
    initrd = folder / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(busybox, INIT.format(insert=insert), entries))
    return kernel, initrd


def record(number):
    """What power_loss.c writes."""
    with np.errstate(over="ignore"):
        value = np.arange(WORDS, dtype=np.uint64) + np.uint64(number * WORDS)
        value *= np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
        value *= np.uint64(0xBF58476D1CE4E5B9)
    return value.astype("<u8").tobytes()


def written_until_killed(command, seconds):
    """The guest's acknowledged numbers; the process is killed that long after the first."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = bytearray()

    def read():
        while data := process.stdout.read1():
            output.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + START_SECONDS
    while b"@ack" not in output and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(seconds)
    is_alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    text = bytes(output).replace(b"\r", b"").decode(errors="replace")
    assert is_alive, text[-2000:]
    # the last line may have been cut
    return [int(number) for number in re.findall(r"^@ack (\d+)\n", text, re.MULTILINE)], text


def file_system(path, form, folder):
    """A raw image of the disk as it was left."""
    if form == "raw":
        return path
    subprocess.run(["qemu-img", "check", "-q", path], check=True)
    raw = folder / "as.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", path, raw], check=True)
    return raw


@pytest.mark.parametrize("kind", DISKS)
def test_what_was_promised_is_there_after_a_kill(
    kind, images, tmp_path, require_tool, pytestconfig
):
    for tool in ("mke2fs", "e2fsck", "debugfs", "qemu-img"):
        require_tool(tool)
    kernel, initrd = images
    name, form, words = DISKS[kind]
    path = tmp_path / f"disk.{form}"
    raw = tmp_path / "new.raw"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", raw, DISK], check=True)
    subprocess.run(["qemu-img", "convert", "-O", form, raw, path], check=True)
    source, promised, start = random.Random(kind), 0, 0
    for _ in range(pytestconfig.getoption("--power-losses")):
        append = f"quiet console=hvc0 disk={name} start={start}"
        command = [sys.executable, "-m", "jitppc", "run", "-m", "512M", "-nic", "none"]
        command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", append]
        command += [word.format(path=path) for word in words]
        acked, text = written_until_killed(command, source.random() * WRITE_SECONDS)
        assert acked == list(range(start, start + len(acked))), text[-2000:]
        assert acked, text[-2000:]
        promised = start = start + len(acked)
        image = file_system(path, form, tmp_path)
        replayed = tmp_path / "replayed.raw"
        subprocess.run(["cp", "--sparse=always", image, replayed], check=True)
        # 1: the journal was replayed
        assert subprocess.run(["e2fsck", "-p", replayed], check=False).returncode in (0, 1)
        subprocess.run(["e2fsck", "-f", "-n", replayed], check=True)
        check_records(replayed, promised, tmp_path)


def check_records(image, promised, folder):
    """Every promised record is in its file."""
    for file in range(4):
        copy = folder / f"f{file}"
        command = ["debugfs", "-R", f"dump f{file} {copy}", str(image)]
        subprocess.run(command, check=True, capture_output=True)
        data = copy.read_bytes()
        for number in range(file, promised, 4):
            at = number // 4 * 4096
            assert data[at : at + 4096] == record(number), f"record {number} of {promised}"
