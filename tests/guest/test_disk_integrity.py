"""fio writes to every kind of disk in a Debian guest and verifies what it reads back; then the host
looks at the images.

It takes many minutes and the network, for fio's package, so it runs when asked for: `make
test-disks`, or `pytest --debian DIRECTORY tests/guest/test_disk_integrity.py`.
"""

import hashlib
import json
import subprocess

import pytest
from console_session import COMMAND_SECONDS, Session, free_port, ssh

pytestmark = pytest.mark.slow

DISK_MIB = 128
BUSES = ("virtio-blk", "virtio-scsi", "spapr-vscsi")
FORMATS = ("raw", "qcow2")
DISKS = [(bus, form) for bus in BUSES for form in FORMATS]
# Small blocks at random with many under way, blocks of all sizes in order with flushes, and small
# blocks, some of them several times, between reads.
JOBS = {
    "random": "--rw=randwrite --bs=4k --iodepth=16",
    "sizes": "--rw=write --bsrange=4k-512k --iodepth=4 --fdatasync=32",
    "again": "--rw=randrw --bs=4k --iodepth=8 --norandommap --serialize_overlap=1",
}
FIO = (
    "fio --name={name} --filename={path} --size={mib}m --direct=1 --ioengine=libaio {how} "
    "--verify=crc32c --verify_fatal=1 --do_verify=1 --randseed={seed} --output-format=json"
)
INSTALL = "apt-get -q -y --no-install-recommends install fio"


def name_of(bus, form):
    return f"{bus.replace('-', '')}{form}"


@pytest.fixture
def images(tmp_path, require_tool):
    found = {}
    for bus, form in DISKS:
        path = tmp_path / name_of(bus, form)
        command = [require_tool("qemu-img"), "create", "-q", "-f", form, path, f"{DISK_MIB}M"]
        subprocess.run(command, check=True)
        found[bus, form] = path
    return found


def device_words(images):
    """The adapters, and a disk of each format on each."""
    words = ["-device", "virtio-scsi-pci,id=virtio", "-device", "spapr-vscsi,id=vscsi"]
    for (bus, form), path in images.items():
        name = name_of(bus, form)
        words += ["-drive", f"file={path},format={form},if=none,id={name}"]
        model = {
            "virtio-blk": f"virtio-blk-pci,num-queues=2,drive={name},serial={name}",
            "virtio-scsi": f"scsi-hd,bus=virtio.0,drive={name},serial={name}",
            "spapr-vscsi": f"scsi-hd,bus=vscsi.0,drive={name},serial={name}",
        }
        words += ["-device", model[bus]]
    return words


def test_fio_reads_back_what_it_wrote_on_every_kind_of_disk(directory, disk, images, tmp_path):
    from jitppc.debian.disk import APPEND, boot_files

    port = free_port()
    kernel, initrd = boot_files(disk)
    words = ["run", "-m", "2G", "-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND]
    words += ["-drive", f"file={disk},format=raw,if=none,id=system,snapshot=on"]
    words += ["-device", "virtio-blk-pci,drive=system", *device_words(images)]
    words += ["-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"]
    session = Session(*words)
    sums = {}
    try:
        session.expect("login: ", COMMAND_SECONDS)
        ssh(directory, port, f"apt-get -q update && {INSTALL}")
        for seed, (bus, form) in enumerate(DISKS):
            path = f"$(ls /dev/disk/by-id/*{name_of(bus, form)} | head -n 1)"
            for job, how in JOBS.items():
                command = FIO.format(name=job, path=path, mib=DISK_MIB, how=how, seed=seed)
                told = json.loads(ssh(directory, port, command))["jobs"][0]
                assert 0 == told["error"]
                # all that was written was read again
                assert told["write"]["io_kbytes"] > 0
                assert told["read"]["io_kbytes"] >= told["write"]["io_kbytes"] // 2
                writes, reads = (told[way]["iops"] for way in ("write", "read"))
                print(f"\nproof: {bus}, {form}, {job}: {writes:.0f} writes/s, {reads:.0f} reads/s")
            sums[bus, form] = ssh(directory, port, f"sha256sum < {path}").split()[0]
        ssh(directory, port, "systemctl poweroff; true")
        assert 0 == session.process.wait(COMMAND_SECONDS)
    finally:
        session.process.kill()
    for (bus, form), path in images.items():
        assert sums[bus, form] == digest(path, form, tmp_path), f"{bus}, {form}"


def digest(path, form, folder):
    """SHA-256 of a disk's contents, by another program than the one that wrote it."""
    raw = folder / "as.raw"
    if form != "raw":
        subprocess.run(["qemu-img", "check", "-q", path], check=True)
    subprocess.run(["qemu-img", "convert", "-f", form, "-O", "raw", path, raw], check=True)
    with raw.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
