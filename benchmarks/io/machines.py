"""A guest that measures, on jitppc and on QEMU: how it is made, run and read."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/io.jsonl"
sys.path.insert(0, str(ROOT / "tests/guest"))

MACHINES = ("jitppc", "qemu")
QEMU_MACHINE = (
    "pseries,x-vof=on,ic-mode=xics,"
    "cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
)
Images = tuple[Path, Path]


def parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """The options that all measurements have."""
    found = argparse.ArgumentParser(prog=name, description=about)
    found.add_argument("--only", choices=MACHINES, help="leave the other out")
    found.add_argument("-s", "--seconds", type=float, default=2, help="for each transfer (2)")
    found.add_argument("-n", type=int, default=1, help="repeats (1)")
    found.add_argument("--out", type=Path, default=RESULTS, help="JSON lines are added here")
    return found


def compare(
    options: argparse.Namespace,
    make: Callable[[Path], Images],
    once: Callable[[str, Images, Path], Iterator[dict]],
) -> int:
    """Records of both machines in turn, kept and shown.

    Args:
        make: kernel and initramfs, in this folder.
        once: the records of one machine.
    """
    records = []
    with tempfile.TemporaryDirectory(prefix="jitppc-io-") as name:
        work = Path(name)
        images = make(work)
        for repeat in range(options.n):
            for machine in MACHINES:
                if options.only in {None, machine}:
                    for record in once(machine, images, work):
                        about = {"machine": machine, "repeat": repeat, **stamp()}
                        records.append(record | about)
                        print(machine, record, file=sys.stderr, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    print(table(records))
    return 0


def guest(work: Path, source: str, modules: Sequence[str], script: str) -> Images:
    """Kernel, and an initramfs with the program of this folder, these modules, and the script.

    In the script `{insert}` stands for what inserts the modules.
    """
    from guest_modules import kernel_release, module_entries, module_tree
    from initramfs import busybox_initramfs, fetch_busybox

    from jitppc.host import installer
    from jitppc.host.archive import program

    path = Path(__file__).with_name(source)
    binary = work / path.stem
    compiler = ["powerpc64le-linux-gnu-gcc", "-O2", "-static", "-o", str(binary), str(path)]
    subprocess.run(compiler, check=True)
    kernel = installer.fetch().kernel
    entries, insert = module_entries(module_tree(kernel_release(kernel)), list(modules))
    entries[f"bin/{path.stem}"] = program(binary.read_bytes())
    initrd = work / "initrd.gz"
    init = script.format(insert=insert)
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), init, entries))
    return kernel, initrd


def command(machine: str, images: Images) -> list[str]:
    """The options that are the same for both, and for all measurements."""
    kernel, initrd = images
    words = [sys.executable, "-m", "jitppc", "run"]
    if machine == "qemu":
        words = ["qemu-system-ppc64", "-M", QEMU_MACHINE]
    words += ["-cpu", "power9", "-m", "1G", "-nodefaults", "-nographic", "-serial", "mon:stdio"]
    return [*words, "-kernel", str(kernel), "-initrd", str(initrd), "-append", "quiet"]


def measure(line: Sequence[str]) -> Iterator[dict]:
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


#: transfers that are judged by bytes; others by requests
LARGE = re.compile(r".*-1M|send|give")


def table(records: Sequence[dict]) -> str:
    """Medians side by side."""
    lines = ["| transfer | jitppc | QEMU | jitppc / QEMU | CPU jitppc | CPU QEMU |"]
    lines += ["|---|---|---|---|---|---|"]
    for name in dict.fromkeys(record["name"] for record in records):
        cells, shares, rates = [], [], []
        for machine in MACHINES:
            mine = [r for r in records if r["name"] == name and r["machine"] == machine]
            rate = statistics.median(r["per_second"] for r in mine) if mine else 0.0
            speed = statistics.median(r["mib_per_second"] for r in mine) if mine else 0.0
            is_large = LARGE.fullmatch(name)
            rates.append(speed if is_large else rate)
            cells.append(f"{speed:.0f} MiB/s" if is_large else f"{rate:.0f}/s" if rate else "")
            shares.append(f"{statistics.median(r['cpu'] for r in mine):.2f}" if mine else "")
        ratio = f"{rates[0] / rates[1]:.2f}" if all(rates) else ""
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio} | {shares[0]} | {shares[1]} |")
    return "\n".join(lines)
