"""Small pieces of guest code whose translation is watched; `code_quality.txt` has the numbers.

python tests/explain/kernels.py            says what has changed
python tests/explain/kernels.py --update   writes the present numbers
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import llvmlite.binding as llvm

from jitppc.backend import objects
from jitppc.explain.guest import of_words
from jitppc.explain.stages import STAGES, explain
from jitppc.strategies import RegionOptions

PAGE = Path(__file__).with_name("code_quality.txt")
BLR = 0x4E800020
#: name -> words; comments are what GNU as makes them of
KERNELS = {
    "add r3,r4,r5": [0x7C642A14, BLR],
    "add. r3,r4,r5": [0x7C642A15, BLR],
    "addc, adde": [0x7C642814, 0x7CC74114, BLR],
    "rlwinm r3,r4,5,10,20": [0x54832AA8, BLR],
    "ld r3,8(r4)": [0xE8640008, BLR],
    "std r3,8(r4)": [0xF8640008, BLR],
    "three loads off one base": [0xE8640000, 0xE8A40008, 0xE8C40010, BLR],
    "fadd f1,f2,f3": [0xFC22182A, BLR],
    "fmadd f1,f2,f3,f4": [0xFC2220FA, BLR],
    "xvadddp vs1,vs2,vs3": [0xF0221B00, BLR],
    "vaddubm v1,v2,v3": [0x10221800, BLR],
    "lxvd2x, stxvd2x": [0x7C231698, 0x7C232798, BLR],
    "cmpd, bne loop": [0x38630001, 0x7C232000, 0x4082FFF8, BLR],
    "bdnz loop with a load": [0x8CA30001, 0x7CC62A14, 0x4200FFF8, BLR],
    "call and return": [0x7C0802A6, 0x4800000D, 0x7C0803A6, BLR, 0x38630001, BLR],
}
#: those of them that are shown in big-endian order too
BIG = ("three loads off one base", "bdnz loop with a load", "lxvd2x, stxvd2x")
#: no host's own, so that the numbers are the same everywhere
CPU = "x86-64-v3"


def machine(level: int) -> object:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple("x86_64-unknown-linux-gnu")
    objects._prepare()
    return target.create_target_machine(opt=level, cpu=CPU, reloc="static", codemodel="small")


def report() -> str:
    """Instructions and ops of each stage, one line for each kernel."""
    lines = [f"{'':26}" + "".join(f"{stage:>11}" for stage in STAGES)]
    with mock.patch.object(objects, "target_machine", machine):
        rows = [(name, name, False) for name in KERNELS]
        for title, name, is_big in rows + [(f"{name}, BE", name, True) for name in BIG]:
            counts = explain(of_words(KERNELS[name], is_big=is_big), RegionOptions()).counts
            lines.append(f"{title:26}" + "".join(f"{counts[stage]:11}" for stage in STAGES))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        PAGE.write_text(report(), encoding="utf-8")
    print(report(), end="")
