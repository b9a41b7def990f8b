"""The harness for QEMU's user mode: its layout, and compiling it with the cross compiler."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from jitppc.environment import cache_directory
from jitppc.errors import ReferenceFailure
from jitppc.fuzz.cases import (
    BORDER,
    CODE,
    CODE_BYTES,
    LOOP_SECONDS,
    MAX_WORDS,
    MEMORY,
    MEMORY_BYTES,
    Flag,
)

SOURCES = Path(__file__).parent / "harness"
#: slots of the file; two halves, so that one is filled while the other is run
SLOTS = 4096
SPILLED = 0x100
#: a flag of a slot: its words do not care where they are, and are at a place of their own
PLACED = 0x100
#: the page of the way in, then that of the jump to the words, then that of the way out
ENTER = CODE + 0x100000
JUMP, LEAVE = ENTER + 0x1000, ENTER + 0x2000
ENTER_PLACED = ENTER + 0x800
#: the places, as far apart as the longest case and the way out; all within reach of LEAVE
PLACES, PLACE_BYTES = ENTER + 0x100000, 64 * -(-4 * (MAX_WORDS + 1) // 64)
PLACES_BYTES = SLOTS * PLACE_BYTES
COMPILERS = {"little": "powerpc64le-linux-gnu-gcc", "big": "powerpc64-linux-gnu-gcc"}

HARNESS_STATE = np.dtype([
    ("gpr", "<u8", 32), ("cr", "<u8"), ("xer", "<u8"), ("lr", "<u8"), ("ctr", "<u8"),
    ("fpscr", "<u8"), ("tar", "<u8"), ("vrsave", "<u8"), ("unused", "<u8"),
    ("vscr", "<u8", 2),
    ("vsr", "<u8", (64, 2)),    # [high, low] doubleword
])  # fmt: skip
SLOT = np.dtype([
    ("state", HARNESS_STATE), ("nia", "<u8"), ("signal", "<u8"), ("code", "<u8"),
    ("address", "<u8"), ("words", "<u4", MAX_WORDS), ("count", "<u4"), ("flags", "<u4"),
    ("memory", "u1", MEMORY_BYTES), ("unused", "<u8"),
])  # fmt: skip
HEADER_BYTES = 4096
FILE_BYTES = HEADER_BYTES + SLOTS * SLOT.itemsize
assert SLOT.itemsize % 16 == 0


def layout_header() -> str:
    """The text of layout.h."""
    numbers = {
        "CODE": CODE, "CODE_BYTES": CODE_BYTES, "BORDER": BORDER, "MEMORY": MEMORY,
        "MEMORY_BYTES": MEMORY_BYTES, "ENTER": ENTER, "JUMP": JUMP, "LEAVE": LEAVE,
        "OWN": ENTER + 0x10000, "STACK": ENTER + 0x20000, "STACK_BYTES": 0x20000,
        "MAX_WORDS": MAX_WORDS, "LOOP_SECONDS": LOOP_SECONDS, "SPILLED": SPILLED,
        "PLACED": PLACED,
        "ENTER_PLACED": ENTER_PLACED, "PLACES": PLACES, "PLACES_BYTES": PLACES_BYTES,
        "HEADER_BYTES": HEADER_BYTES, "FILE_BYTES": FILE_BYTES,
    }  # fmt: skip
    numbers |= {str(flag.name): int(flag) for flag in Flag}
    fields = HARNESS_STATE.fields
    assert fields is not None
    numbers |= {f"S_{name.upper()}": int(field[1]) for name, field in fields.items()}
    return "".join(f"#define {name} {value:#x}\n" for name, value in numbers.items())


def build_harness(order: str) -> Path:
    """The program for a byte order, compiled on first use and kept in the cache directory."""
    compiler = shutil.which(COMPILERS[order])
    if compiler is None:
        package = COMPILERS[order].replace("-gcc", "")
        raise ReferenceFailure(f"no {COMPILERS[order]}; install gcc-{package} and its libc6-dev")
    digest = hashlib.sha256(layout_header().encode())
    sources = sorted(SOURCES.glob("*.[cS]"))
    for source in sources:
        digest.update(source.read_bytes())
    program = cache_directory() / "fuzz" / f"harness-{order}-{digest.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as directory:
            _compile(compiler, sources, Path(directory)).replace(program)
    return program


def _compile(compiler: str, sources: list[Path], directory: Path) -> Path:
    """It keeps nothing in vector registers, because a case overwrites them."""
    (directory / "layout.h").write_text(layout_header(), encoding="ascii")
    program = directory / "harness"
    flags = ["-O2", "-static", "-fno-stack-protector", "-mno-vsx", "-mno-altivec"]
    flags += ["-Wl,-Ttext-segment=0x2b0000000000", f"-I{directory}", "-o", str(program)]
    done = subprocess.run(
        [compiler, *flags, *map(str, sources)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReferenceFailure(f"{compiler} cannot compile the harness: {done.stderr[-300:]}")
    return program
