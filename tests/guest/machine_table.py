"""Boots the machines of `machine_cells` to a shell and off again, and writes docs/machines.md.

    make machines [JOBS=2] [MACHINES_FLAGS=--all]

What has been done is kept in the cache directory, by commit: a run that was ended goes on where it
was. It is a make target and no command of jitppc, because it proves this tree with images that the
tests make; a user has one machine and one kernel.
"""

import argparse
import datetime as dt
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import be_kernel
import wrapped_kernel
from initramfs import PROMPT, busybox_initramfs, fetch_busybox
from machine_cells import Cell, all_cells, covering

from jitppc.environment import cache_directory
from jitppc.host import installer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/machines.md"
BOOT_SECONDS = 600
MEMORY = "1G"
COMMANDS = {
    "little": ["uname -m", "cat /proc/cpuinfo", "cat /proc/interrupts", "poweroff -f"],
    "big": ["uname", "cat /proc/cpuinfo", "cat /proc/interrupts", "poweroff"],
}
MACHINES = {"little": r"^ppc64le$", "big": r"^@machine ppc64 big-endian"}


class Images:
    """Kernels by (endian, image), each with an initramfs; and why there is none."""

    def __init__(self, folder: Path) -> None:
        self.missing: dict[tuple[str, str], str] = {}
        self.found: dict[tuple[str, str], tuple[Path, Path]] = {}
        initrd = folder / "little.gz"
        initrd.write_bytes(busybox_initramfs(fetch_busybox()))
        self.found["little", "vmlinux"] = (installer.fetch().kernel, initrd)
        if missing := wrapped_kernel.missing_tools():
            self.missing["little", "zImage"] = f"Debian's kernel is no zImage; missing: {missing}"
        else:
            zimage = wrapped_kernel.zimage(self.found["little", "vmlinux"][0])
            self.found["little", "zImage"] = zimage, initrd
        self._add_big_endian(folder)

    def _add_big_endian(self, folder: Path) -> None:
        built = be_kernel.built("64k-elfv1")
        initrd = None if built is None else be_kernel.initramfs(folder)
        for image, name in {"vmlinux": "vmlinux", "zImage": "zImage.pseries"}.items():
            if built is None or initrd is None:
                self.missing["big", image] = "no big-endian kernel here (`make be-kernel`)"
            else:
                self.found["big", image] = (built / name, initrd)


def unavailable(cell: Cell, images: Images) -> str:
    """Why this cell cannot be booted, or nothing."""
    return images.missing.get((cell.endian, cell.image), "")


def command(cell: Cell, images: Images) -> list[str]:
    """The machine as a user would start it."""
    kernel, initrd = images.found[cell.endian, cell.image]
    model, _, compat = cell.cpu.partition(",")
    machine = ["pseries", f"x-vof={'on' if cell.firmware == 'built-in' else 'off'}"]
    if cell.controller == "xics":
        machine.append("ic-mode=xics")
    append = "quiet" if cell.mmu == "radix" else "quiet disable_radix"
    if compat:
        machine.append(compat)
    return [
        *(sys.executable, "-m", "jitppc", "run", "-M", ",".join(machine), "-cpu", model),
        *("-m", MEMORY, "-smp", str(cell.vcpus), "-nographic", "-append", append),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-timeout", str(BOOT_SECONDS)),
    ]


def doubts(cell: Cell, said: str) -> list[str]:
    """What the guest says that does not fit the cell."""
    text = said.replace("\r", "")
    wanted = {
        "machine": MACHINES[cell.endian],
        "MMU": rf"^MMU\s*: {cell.mmu.capitalize()}$",
        "controller": rf"^\s*\d+:.* {cell.controller.upper()}\b",
        "processors": rf"^(?:{PROMPT}|\s) +{' +'.join(f'CPU{n}' for n in range(cell.vcpus))}\s*$",
        "processor": rf"^cpu\s*: {processor(cell)}(?![\w+])",
    }
    return [name for name, pattern in wanted.items() if not re.search(pattern, text, re.M)]


def processor(cell: Cell) -> str:
    """What Linux calls it: 6.1 knows POWER7+ and POWER11 by their logical numbers only."""
    if cell.cpu == "power5+":
        return r"POWER5\+? \(gs\)"
    _, _, compat = cell.cpu.partition(",max-cpu-compat=")
    if compat:
        return rf"{compat.upper()} \(architected\)"
    name = re.match(r"power\d+[a-z+]*", cell.cpu)[0]
    names = {"power7+": r"POWER7 \(architected\)", "power11": r"POWER1[01]"}
    return names.get(name, name.upper())


def boot(cell: Cell, images: Images) -> dict:
    """The cell's result: seconds, what is wrong (nothing: it works), how to repeat it."""
    words = command(cell, images)
    started = time.monotonic()
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, commands = b"", "".join(f"{line}\n" for line in COMMANDS[cell.endian])
    while chunk := os.read(process.stdout.fileno(), 65536):
        said += chunk
        if PROMPT.encode() in said and not process.stdin.closed:
            process.stdin.write(commands.encode())
            process.stdin.flush()
            process.stdin.close()
    status = process.wait()
    text = said.decode(errors="replace")
    wrong = [] if status == 0 else [f"exit status {status}"]
    wrong += doubts(cell, text)
    return {
        "commit": commit(),
        "seconds": round(time.monotonic() - started, 1),
        "wrong": wrong,
        "command": " ".join(words[1:]),
        "end": text[-1500:] if wrong else "",
    }


def commit() -> str:
    """What is booted: the commit, and whether files but the page have changed since."""
    name = subprocess.check_output(["git", "describe", "--always"], cwd=ROOT, text=True).strip()
    same = ["git", "diff", "--quiet", "HEAD", "--", ".", f":!{PAGE.relative_to(ROOT)}"]
    return name if subprocess.run(same, cwd=ROOT, check=False).returncode == 0 else f"{name}-dirty"


def state_of(what: str) -> Path:
    """Where the results of a commit are kept."""
    return cache_directory() / "machines" / f"{what}.json"


def page(results: dict[Cell, dict], reasons: dict[Cell, str], total: int, what: str) -> str:
    """docs/machines.md."""
    done = sorted(results, key=list(results).index)
    good = [cell for cell in done if not results[cell]["wrong"]]
    load = os.getloadavg()[0]
    day = dt.datetime.now(dt.UTC).date().isoformat()
    lines = [
        "# Machines that were booted",
        "",
        f"Written by `make machines` on {day} at commit {what}: do not edit.",
        "",
        "Each row booted a kernel to a shell, in which the machine (`uname -m`), the processor,",
        "the MMU, the interrupt controller and the number of processors were compared with it,",
        "and switched off. Rows are chosen so that every pair of values of two columns occurs",
        f"({total} machines exist; `MACHINES_FLAGS=--all` boots all of them). Seconds are of",
        f"the clock, from command to end, on {os.cpu_count()} CPUs, with a load of {load:.0f}.",
        f"{len(good)} of {len(done)} that were booted are right.",
        "",
        "| processor | MMU | interrupts | endian | image | firmware | vCPUs | commit | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in done:
        found = results[cell]
        wrong = ", ".join(found["wrong"])
        answer = f"wrong: {wrong}" if wrong else f"{found['seconds']} s"
        lines.append("| " + " | ".join([*cell.texts, found["commit"], answer]) + " |")
    if reasons:
        lines += ["", "## Not booted", "", "| machines | why |", "|---|---|"]
        for reason in dict.fromkeys(reasons.values()):
            count = sum(found == reason for found in reasons.values())
            lines.append(f"| {count} | {reason} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="machines at a time")
    parser.add_argument("--all", action="store_true", help="every machine, not only a cover")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    parser.add_argument("--only", default="", help="cells whose text matches this expression")
    parser.add_argument("--keep", default="", help="a commit: what was right there stays")
    given = parser.parse_args()
    what = commit()
    state = state_of(what)
    state.parent.mkdir(parents=True, exist_ok=True)
    known = {} if given.fresh or not state.exists() else json.loads(state.read_text())
    if given.keep:
        earlier = json.loads(state_of(given.keep).read_text())
        known = {key: found for key, found in earlier.items() if not found["wrong"]} | known
    with tempfile.TemporaryDirectory() as folder:
        images = Images(Path(folder))
        every = all_cells()
        reasons = {cell: why for cell in every if (why := unavailable(cell, images))}
        possible = [cell for cell in every if cell not in reasons]
        wanted = possible if given.all else covering(possible)
        wanted = [cell for cell in wanted if re.search(given.only, cell.key)]
        todo = [cell for cell in wanted if known.get(cell.key, {"wrong": 1})["wrong"]]
        print(f"{len(wanted)} machines, {len(wanted) - len(todo)} done before", flush=True)
        with ThreadPoolExecutor(given.jobs) as pool:
            running = {pool.submit(boot, cell, images): cell for cell in todo}
            for number, future in enumerate(as_completed(running), 1):
                cell, found = running[future], future.result()
                known[cell.key] = found
                state.write_text(json.dumps(known, indent=1))
                answer = f"{', '.join(found['wrong']) or 'right'}, {found['seconds']} s"
                print(f"{number}/{len(todo)}  {cell.key}: {answer}", flush=True)
                results = {cell: known[cell.key] for cell in wanted if cell.key in known}
                left = dict.fromkeys([c for c in wanted if c not in results], "the run was ended")
                PAGE.write_text(page(results, reasons | left, len(every), what))
    return int(any(known[cell.key]["wrong"] for cell in wanted))


if __name__ == "__main__":
    sys.exit(main())
