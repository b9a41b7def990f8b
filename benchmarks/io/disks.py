"""Disk transfers of a guest on jitppc and on QEMU, with the same image, guest and program.

    python -m benchmarks.io                           virtio-blk, both machines
    python -m benchmarks.io --disk virtio-scsi        or spapr-vscsi
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/io.jsonl"
sys.path.insert(0, str(ROOT / "tests/guest"))

QEMU_MACHINE = (
    "pseries,x-vof=on,ic-mode=xics,"
    "cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
)
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
{insert}
/bin/io {device} {seconds}
/bin/io {device} {seconds}
echo END
poweroff -f
"""


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.io", description=__doc__)
    parser.add_argument("--disk", choices=DISKS, default="virtio-blk")
    parser.add_argument("--only", choices=["jitppc", "qemu"], help="leave the other out")
    parser.add_argument("-s", "--seconds", type=float, default=2, help="for each transfer (2)")
    parser.add_argument("-n", type=int, default=1, help="repeats (1)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON lines are added here")
    options = parser.parse_args(words)
    records = []
    with tempfile.TemporaryDirectory(prefix="jitppc-io-") as name:
        work = Path(name)
        kernel, initrd = guest(work, options.disk, options.seconds)
        for repeat in range(options.n):
            for machine in ("jitppc", "qemu"):
                if options.only not in {None, machine}:
                    continue
                line = command(machine, kernel, initrd, work, DISKS[options.disk][2])
                for record in measure(line, work):
                    about = {"machine": machine, "disk": options.disk, "repeat": repeat}
                    records.append(record | about | stamp())
                    print(machine, record, file=sys.stderr, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    print(table(records))
    return 0


def guest(work: Path, disk: str, seconds: float) -> tuple[Path, Path]:
    """Kernel, and an initramfs with the program and the modules for this disk."""
    from guest_modules import kernel_release, module_entries, module_tree
    from initramfs import busybox_initramfs, fetch_busybox

    from jitppc.host import installer
    from jitppc.host.archive import program

    binary, source = work / "io", Path(__file__).with_name("io.c")
    compiler = ["powerpc64le-linux-gnu-gcc", "-O2", "-static", "-o", str(binary), str(source)]
    subprocess.run(compiler, check=True)
    kernel = installer.fetch().kernel
    modules, device, _ = DISKS[disk]
    entries, insert = module_entries(module_tree(kernel_release(kernel)), modules)
    entries["bin/io"] = program(binary.read_bytes())
    init = INIT.format(insert=insert, device=device, seconds=seconds)
    initrd = work / "initrd.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), init, entries))
    return kernel, initrd


def command(
    machine: str, kernel: Path, initrd: Path, work: Path, devices: Sequence[str]
) -> list[str]:
    """The same options for both."""
    image = work / "disk"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    words = [sys.executable, "-m", "jitppc", "run"]
    if machine == "qemu":
        words = ["qemu-system-ppc64", "-M", QEMU_MACHINE]
    words += ["-cpu", "power9", "-m", "1G", "-nodefaults", "-nographic", "-serial", "mon:stdio"]
    words += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "quiet"]
    words += ["-drive", f"id=d,if=none,format=raw,file={image}"]
    for device in devices:
        words += ["-device", device]
    return words


def measure(line: Sequence[str], work: Path) -> Iterator[dict]:
    """A record for each transfer of the second round: by then the guest's code is translated.

    `cpu` is what the machine's process used of the host's CPUs, a share of one.
    """
    seen: set[str] = set()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, **pipes, text=True, errors="replace", cwd=ROOT) as process:
        assert process.stdout is not None
        before = cpu_seconds(process.pid), time.monotonic()
        for text in process.stdout:
            after = cpu_seconds(process.pid), time.monotonic()
            found = re.search(r"io (\S+) (\d+) (\d+) ([\d.]+)", text)
            if found is None:
                continue
            name, operations, count, seconds = found.groups()
            if name in seen:
                yield {
                    "name": name,
                    "per_second": int(operations) / float(seconds),
                    "mib_per_second": int(count) / float(seconds) / 2**20,
                    "cpu": (after[0] - before[0]) / (after[1] - before[1]),
                }
            seen.add(name)
            before = after


def cpu_seconds(pid: int) -> float:
    """CPU time of a process up to now; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stamp() -> dict:
    return {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "host": platform.processor(),
            "load": os.getloadavg()[0]}  # fmt: skip


def table(records: Sequence[dict]) -> str:
    """Medians side by side."""
    lines = ["| transfer | jitppc | QEMU | jitppc / QEMU | CPU jitppc | CPU QEMU |"]
    lines += ["|---|---|---|---|---|---|"]
    for name in dict.fromkeys(record["name"] for record in records):
        cells, shares, rates = [], [], []
        for machine in ("jitppc", "qemu"):
            mine = [r for r in records if r["name"] == name and r["machine"] == machine]
            rate = statistics.median(r["per_second"] for r in mine) if mine else 0.0
            speed = statistics.median(r["mib_per_second"] for r in mine) if mine else 0.0
            is_large = name.endswith("1M")
            cells.append(f"{speed:.0f} MiB/s" if is_large else f"{rate:.0f}/s" if rate else "")
            shares.append(f"{statistics.median(r['cpu'] for r in mine):.2f}" if mine else "")
            rates.append(rate)
        ratio = f"{rates[0] / rates[1]:.2f}" if all(rates) else ""
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio} | {shares[0]} | {shares[1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
