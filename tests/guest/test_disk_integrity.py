"""fio writes to every kind of disk and verifies what it reads; then the host looks at the image.

It takes minutes and the network, for fio's package, so it runs when asked for: `make test-disks`,
or `pytest --fio-mib 64`.
"""

import hashlib
import re
import subprocess
import sys

import pytest
from guest_modules import fetched_guest
from guest_programs import program_entries
from initramfs import MOUNTS, busybox_initramfs

pytestmark = pytest.mark.slow

SECONDS = 3600
#: disks by their serial numbers; Linux calls them sda and so on in the order in which they answer
DISKS = {
    "blk-raw": ("virtio-blk", "raw"),
    "blk-qcow2": ("virtio-blk", "qcow2"),
    "scsi-raw": ("virtio-scsi", "raw"),
    "scsi-qcow2": ("virtio-scsi", "qcow2"),
    "vscsi-raw": ("spapr-vscsi", "raw"),
    "vscsi-qcow2": ("spapr-vscsi", "qcow2"),
}
MODULES = "virtio_pci virtio_blk virtio_scsi sd_mod".split()
MODELS = {
    "virtio-blk": "virtio-blk-pci,num-queues=2,drive={name},serial={name}",
    "virtio-scsi": "scsi-hd,bus=virtio.0,drive={name},serial={name}",
    "spapr-vscsi": "scsi-hd,bus=vscsi.0,drive={name},serial={name}",
}
# Small blocks at random with many under way; blocks of all sizes in order, with flushes; small
# blocks between reads. (fio itself, on any disk, cannot verify blocks that it writes twice.)
JOBS = (
    "--rw=randwrite --bs=4k --iodepth=16",
    "--rw=write --bsrange=4k-512k --iodepth=4 --fdatasync=32",
    "--rw=randrw --bs=4k --iodepth=8",
)
INIT = "#!/bin/busybox sh\n" + MOUNTS + """\
export PATH=/bin LD_LIBRARY_PATH=/lib
{insert}
for disk in {disks}; do
  while [ ! -b /dev/$disk ]; do
    sleep 0.1
    for found in /sys/block/[sv]d*; do
      name=$(cat $found/serial || tail -c +5 $found/device/vpd_pg80)
      ln -sf /dev/${{found##*/}} "/dev/$name"
    done 2> /dev/null
  done
{jobs}
  echo "@sum $disk $(sha256sum < /dev/$disk)"
done
echo "@end"
poweroff -f
"""
JOB = """\
  fio --name=job{number} --filename=/dev/$disk --direct=1 --ioengine=libaio --thread \\
    --size={mib}m {how} --verify=crc32c --verify_fatal=1 --do_verify=1 --randseed={number} \\
    > /tmp/out
  echo "@job $disk {number} $?"
  grep -E "IOPS|err=" /tmp/out
"""


@pytest.fixture
def mib(long_proof, require_tool):
    given = long_proof("--fio-mib", "test-disks")
    require_tool("qemu-nbd")
    return given


def test_fio_reads_back_what_it_wrote_on_every_kind_of_disk(mib, tmp_path, require_tool):
    kernel, busybox, entries, insert = fetched_guest([*MODULES, "ibmvscsi"])
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    entries |= program_entries("fio", "usr/bin/fio", unpacked)
    jobs = "".join(JOB.format(number=n, how=how, mib=mib) for n, how in enumerate(JOBS))
    initrd = tmp_path / "initramfs.gz"
    init = INIT.format(insert=insert, disks=" ".join(DISKS), jobs=jobs)
    initrd.write_bytes(busybox_initramfs(busybox, init, entries))
    words = ["run", "-m", "2G", "-nic", "none", "-kernel", str(kernel), "-initrd", str(initrd)]
    words += ["-append", "quiet console=hvc0"]
    words += ["-device", "virtio-scsi-pci,id=virtio", "-device", "spapr-vscsi,id=vscsi"]
    for name, (bus, form) in DISKS.items():
        image = tmp_path / name
        command = [require_tool("qemu-img"), "create", "-q", "-f", form, image, f"{2 * mib}M"]
        subprocess.run(command, check=True)
        words += ["-drive", f"file={image},format={form},if=none,id={name}"]
        words += ["-device", MODELS[bus].format(name=name)]
    command = [sys.executable, "-m", "jitppc", *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    said = run.stdout.replace("\r", "")
    print(said[said.index("@job") - 1000 :] if "@job" in said else said)
    ended = re.findall(r"@job (\S+) (\d) (\d+)", said)
    assert [(name, str(n), "0") for name in DISKS for n in range(len(JOBS))] == ended
    sums = dict(re.findall(r"@sum (\S+) (\w+)", said))
    for name, (_, form) in DISKS.items():
        assert sums[name] == digest(tmp_path / name, form, tmp_path), DISKS[name]


def digest(path, form, folder):
    """SHA-256 of a disk's contents, by another program than the one that wrote it."""
    raw = folder / "as.raw"
    if form != "raw":
        subprocess.run(["qemu-img", "check", "-q", path], check=True)
    subprocess.run(["qemu-img", "convert", "-f", form, "-O", "raw", path, raw], check=True)
    with raw.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
