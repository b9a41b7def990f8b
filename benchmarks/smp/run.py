"""What a second virtual processor is worth: two independent computations, and talk between two.

    python -m benchmarks.smp [-n 3] [--only jitppc] [--ic-mode xics] [--cpu power10]

`two` is the time of two computations at once over that of one (1 is best); `pipe` and `futex` are
microseconds for a word there and back between two processors, `spin` without the kernel. `host` is
the same program without a machine: what two processors are worth here at the moment.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("smp.c")
sys.path.insert(0, str(ROOT / "tests/guest"))

MACHINES = ("jitppc", "qemu", "host")
CAPS = "cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev
/bin/smp {seconds}
/bin/poweroff -f
"""
SECONDS_LIMIT = 300
SAYS = re.compile(r"^SMP (\w+) ([\d.]+)$", re.MULTILINE)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smp", description=__doc__)
    parser.add_argument("--only", choices=MACHINES, help="leave the others out")
    parser.add_argument("-n", type=int, default=1, help="repeats (1)")
    parser.add_argument("-s", "--seconds", type=float, default=1, help="for each measurement (1)")
    parser.add_argument("--cpu", default="power9")
    parser.add_argument("--ic-mode", default="xive", help="interrupt controller (xive)")
    options = parser.parse_args(words)
    wanted = [m for m in MACHINES if options.only in {None, m}]
    if "qemu" in wanted and not shutil.which("qemu-system-ppc64"):
        print("qemu-system-ppc64 is not installed: left out", file=sys.stderr)
        wanted.remove("qemu")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in wanted}
    with tempfile.TemporaryDirectory(prefix="jitppc-smp-") as name:
        kernel, initrd = _guest(Path(name), options.seconds)
        for _ in range(options.n):
            for machine in wanted:
                if machine == "host":
                    values = _on_the_host(Path(name), options.seconds)
                else:
                    values = _once(machine, kernel, initrd, options)
                print(machine, values, file=sys.stderr, flush=True)
                found[machine].append(values)
    print(_table(found))
    return 0 if all(one for runs in found.values() for one in runs) else 1


def _guest(work: Path, seconds: float) -> tuple[Path, Path]:
    """Kernel, and an initramfs whose /init measures and switches off."""
    from initramfs import busybox_initramfs, fetch_busybox

    from jitppc.host import installer
    from jitppc.host.archive import program

    binary = work / "smp"
    flags = ["-O2", "-mcpu=power8", "-static", "-pthread"]
    subprocess.run(
        ["powerpc64le-linux-gnu-gcc", *flags, "-o", str(binary), str(SOURCE)], check=True
    )
    init = INIT.format(seconds=seconds)
    more = {"bin/smp": program(binary.read_bytes())}
    initrd = work / "initrd.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), init, more))
    return installer.fetch().kernel, initrd


def _once(
    machine: str, kernel: Path, initrd: Path, options: argparse.Namespace
) -> dict[str, float]:
    """What the guest said: values by name; and the seconds until it began."""
    guest = ["-kernel", str(kernel), "-initrd", str(initrd), "-m", "1G", "-nographic", "-smp", "2"]
    guest += ["-append", "console=hvc0 quiet", "-cpu", options.cpu]
    if machine == "qemu":
        command = ["qemu-system-ppc64", "-accel", "tcg,thread=multi", "-no-reboot", "-nodefaults"]
        command += ["-serial", "stdio"]
        command += ["-M", f"pseries,x-vof=on,ic-mode={options.ic_mode},{CAPS}", *guest]
    else:
        command = [sys.executable, "-m", "jitppc", "run"]
        command += ["-M", f"ic-mode={options.ic_mode}", *guest]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS_LIMIT
    )
    text = done.stdout.replace("\r", "")
    if "SMP-END" not in text:
        print(text[-2000:], done.stderr[-2000:], file=sys.stderr)
        return {}
    return _said(text) | {"all_s": round(time.monotonic() - began, 1)}


def _said(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in SAYS.findall(text)}


def _on_the_host(work: Path, seconds: float) -> dict[str, float]:
    """What the program says without a machine around it."""
    binary = work / "host"
    if not binary.exists():
        flags = ["-O2", "-pthread"]
        subprocess.run(["gcc", *flags, "-o", str(binary), str(SOURCE)], check=True)
    command = [str(binary), str(seconds)]
    return _said(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _table(found: dict[str, list[dict[str, float]]]) -> str:
    """Medians, as a Markdown table."""
    names = list(dict.fromkeys(name for runs in found.values() for run in runs for name in run))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for machine, runs in found.items():
        cells = [statistics.median([run[n] for run in runs if n in run] or [0.0]) for n in names]
        lines.append(f"| {machine} | " + " | ".join(f"{cell:g}" for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
