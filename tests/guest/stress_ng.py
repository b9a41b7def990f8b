"""stress-ng from the guest's Debian packages, for an initramfs, and what it is to do there."""

import re
import shutil
import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile
from initramfs import MOUNTS, busybox_initramfs, fetch_busybox

from jitppc.host.archive import Entry, program
from jitppc.host.package_sets import fetch_set

#: run together, each by as many workers as there are processors, or as said. Another method of zlib
#: executes `darn`, which POWER8 has not: SIGILL, and a lost worker's counters are "corrupted".
#: Eight times 1024 threads, each with pages of 64 KiB, fill 1 GiB: Linux panics then, on QEMU too
GROUPS = (
    "--futex 0 --mutex 0 --sem 0 --membarrier 0 --atomic 0",
    "--fork 0 --clone 1 --pthread 0 --pthread-max 128 --mmap 0 --tlb-shootdown 1",
    "--peterson 1 --dekker 1 --cacheline 0 --mcontend 1 --lockbus 1",
    "--pipe 0 --switch 0 --sem-sysv 0 --msg 0 --flock 0",
    "--vm 0 --vm-bytes 32M --mprotect 1 --mremap 1 --mremap-bytes 16M --sigq 1 --sigsegv 1",
    "--matrix 0 --vecmath 1 --qsort 1 --bsearch 1 --zlib 1 --zlib-method text",
)
#: stress-ng's status when a stressor did nothing, as one does whose time was over before it began
NO_RESOURCES = "3"
SAYS = re.compile(r"^STRESS (\d+) (\d+)\r?$", re.MULTILINE)


def _needed(path: Path) -> list[str]:
    """Names of the shared libraries that a program or library asks for, its loader among them."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        dynamic = elf.get_section_by_name(".dynamic")
        return [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")]


def entries(folder: Path) -> dict[str, Entry]:
    """Members of an initramfs: the program and its libraries; packages are unpacked in `folder`."""
    tree = folder / "stress-ng"
    if not tree.is_dir():
        partial = folder / "stress-ng.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for package in fetch_set(["stress-ng"], lambda _what, _fraction: None):
            subprocess.run(["dpkg-deb", "-x", str(package), str(partial)], check=True)
        partial.rename(tree)
    libraries = {path.name: path for path in tree.glob("**/*.so*") if path.is_file()}
    main = tree / "usr/bin/stress-ng"
    found = {"bin/stress-ng": program(main.read_bytes())}
    waiting = [*_needed(main), "ld64.so.2"]
    while waiting:
        name = waiting.pop()
        place = f"lib64/{name}" if name == "ld64.so.2" else f"lib/{name}"
        if place not in found:
            found[place] = program(libraries[name].read_bytes())
            waiting += _needed(libraries[name])
    return found


def initramfs(folder: Path, seconds: int) -> bytes:
    """The archive: /init does all groups for `seconds` each, says how each ended, and is done."""
    lines = "".join(
        f"stress-ng --verify --temp-path /tmp --timeout {seconds} --metrics-brief {group}\n"
        f'echo "STRESS {number} $?"\n'
        for number, group in enumerate(GROUPS)
    )
    init = f"#!/bin/sh\n{MOUNTS}export PATH=/bin\n{lines}poweroff -f\n"
    return busybox_initramfs(fetch_busybox(), init, entries(folder))


def complaints(console: str) -> list[str]:
    """What was wrong in the words of a guest with this archive."""
    statuses = dict(SAYS.findall(console))
    bad = {n: status for n, status in statuses.items() if status not in {"0", NO_RESOURCES}}
    wrong = [f"group {n}: status {status}" for n, status in bad.items()]
    missing = [f"group {n}: no status" for n in range(len(GROUPS)) if str(n) not in statuses]
    failures = re.findall(r"stress-ng: (?:fail|error): (?!.*could not create any).*", console)
    done = re.findall(r"metrc: \[\d+\] (\S+) +(\d+) +[\d.]+ +[\d.]+ ", console)
    print(", ".join(f"{name} {count}" for name, count in done))
    return wrong + missing + failures
