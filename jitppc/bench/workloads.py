"""Workloads: C files that are compiled for the guest and for the host, and say their checksums.

All that are asked for become one static program for each target, kept in the cache directory under
a hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jitppc.environment import cache_directory
from jitppc.errors import UserError
from jitppc.host import archive

GROUPS = ("integer", "memory", "float", "kernel", "boot")

#: In a wheel they lie in this package, in a work tree under benchmarks/.
_PLACES = (
    Path(__file__).with_name("workloads_c"),
    Path(__file__).parents[2] / "benchmarks/workloads",
)
_ROW = re.compile(r'^WORKLOAD\((\w+),\s*"(\w+)",\s*"([^"]*)"\)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Workload:
    """One row: what it is called, which group it counts to, what it does; boots have no source."""

    name: str
    group: str
    says: str
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A compiler and its flags; `name` is what the peer `native` or a guest runs."""

    name: str
    compiler: str
    flags: tuple[str, ...]
    package: str


GUEST = Target(
    "ppc64le",
    "powerpc64le-linux-gnu-gcc",
    ("-O2", "-mcpu=power8", "-static"),
    "gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross",
)
NATIVE = Target("native", "gcc", ("-O2", "-static"), "gcc libc6-dev")

BOOTS = (
    Workload("boot-init", "boot", "Debian's installer, from start of process to `Run /init`"),
    Workload("boot-language", "boot", "the same, to its language screen"),
)


def directory() -> Path:
    """Where the workloads of this release lie."""
    for place in _PLACES:
        if (place / "main.c").is_file():
            return place
    raise UserError(f"the workloads are not installed: no main.c in {_PLACES[0]}")


def find(extra: Iterable[Path] = ()) -> dict[str, Workload]:
    """All workloads by name: those of this release, and those in files of the user's.

    A file of the user's may replace a workload of the same name.
    """
    found: dict[str, Workload] = {}
    for source in sorted(directory().glob("*.c")):
        found |= {row.name: row for row in _rows(source)}
    for source in extra:
        try:
            rows = _rows(source)
        except OSError as error:
            raise UserError(f"{source}: {error.strerror}") from error
        if not rows:
            raise UserError(
                f'{source}: no line WORKLOAD(name, "group", "sentence"); see docs/bench.md'
            )
        found |= {row.name: row for row in rows}
    order = {group: number for number, group in enumerate(GROUPS)}
    rows = sorted(found.values(), key=lambda row: (order[row.group], row.name))
    return {row.name: row for row in [*rows, *BOOTS]}


def _rows(source: Path) -> list[Workload]:
    rows = []
    for name, group, says in _ROW.findall(source.read_text(encoding="utf-8")):
        if group not in GROUPS[:-1]:
            known = ", ".join(GROUPS[:-1])
            raise UserError(f"{source}: {name} is of group {group!r}; there are {known}")
        rows.append(Workload(name, group, says, source.resolve()))
    return rows


def build(workloads: Mapping[str, Workload], target: Target) -> Path:
    """The program with all these workloads, for this target."""
    home = directory()
    sources = sorted({row.source for row in workloads.values() if row.source})
    files = [home / "main.c", *sources]
    digest = hashlib.sha256(repr((target.compiler, target.flags)).encode())
    for file in [home / "workload.h", *files]:
        digest.update(file.read_bytes())
    path = cache_directory() / "bench" / f"{target.name}-{digest.hexdigest()[:16]}"
    if path.is_file():
        return path
    if shutil.which(target.compiler) is None:
        raise UserError(f"{target.compiler} is not installed (Debian: {target.package})")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    command = [target.compiler, *target.flags, "-I", str(home), "-o", str(partial)]
    done = subprocess.run(
        [*command, *map(str, files), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        partial.unlink(missing_ok=True)
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (errors or done.stderr.splitlines() or ["no reason given"])[0]
        raise UserError(f"{target.compiler} cannot compile the workloads: {reason}")
    partial.replace(path)
    return path


def initramfs(program: Path) -> Path:
    """An initramfs whose /init is the program; it lies beside it."""
    path = program.with_name(f"{program.name}.cpio.gz")
    if not path.is_file():
        entries = {name: archive.directory() for name in ("dev", "proc")}
        entries["dev/console"] = archive.console()
        entries["init"] = archive.program(program.read_bytes())
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        partial.write_bytes(archive.compressed(entries))
        partial.replace(path)
    return path


def command_line(names: Iterable[str], runs: int, seconds: int) -> str:
    """The guest kernel's command line that runs these workloads and powers off."""
    return f"console=hvc0 quiet loglevel=1 -- {runs} {seconds} {' '.join(names)}"
