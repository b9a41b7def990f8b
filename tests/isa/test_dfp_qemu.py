"""Decimal instructions in every tier and against qemu-ppc64le: operands made for them, in every
rounding mode.
"""

from __future__ import annotations

import functools
import random

import numpy as np
import pytest
from dfp_insn import prepared
from dfp_operands import operands

from jitppc.frontend.decode import rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.levels import in_model
from jitppc.fuzz import differences
from jitppc.fuzz.cases import Batch, new_cases
from jitppc.fuzz.references import TIERS, open_reference
from jitppc.ir.fpscr import FPSCR, with_summaries

MODEL = "power9"
KEYS = [
    key for key, row in rows().items()
    if row.body.__module__.split(".")[-1][:4] == "dfp_" and in_model(row, MODEL)
]
REGISTERS = ("FRT", "FRTp", "FRA", "FRAp", "FRB", "FRBp", "VRT", "VRB")


@functools.cache
def reference(name: str):
    return open_reference(name, MODEL)


def batch_of(key: str, count: int, source: random.Random, enables: int) -> Batch:
    """Cases of a row; FPSCR has any rounding mode, and some of these enable bits."""
    cases, row = new_cases(count), rows()[key]
    width = 64 if row.picture.value >> 26 == 59 else 128
    fields = {name: bits for name, (_, bits) in row.picture.fields.items() if name not in REGISTERS}
    for case in cases:
        a, b = operands(key, width, source)
        some = {name: source.getrandbits(bits) for name, bits in fields.items()}
        sticky = source.getrandbits(32) & (FPSCR.EXCEPTIONS | FPSCR.FX | FPSCR.FPRF)
        sticky = sticky if source.randrange(2) else 0
        enabled = source.getrandbits(32) & enables
        # an exception that is there already must not be enabled
        for bit in (FPSCR.VE, FPSCR.OE, FPSCR.UE, FPSCR.ZE, FPSCR.XE):
            if with_summaries(sticky | bit) & FPSCR.FEX:
                enabled &= ~bit
        modes = source.getrandbits(3) << 32 | source.getrandbits(2)
        fpscr = with_summaries(modes | sticky | enabled)
        word, state = prepared(key, a, b, fpscr, **some)
        case["words"][0], case["count"] = word, 1
        case["state"]["vsr"], case["state"]["fpscr"] = state[0]["vsr"], fpscr
    return Batch(cases, MODEL)


def complaints(batch: Batch, ours: np.ndarray, theirs: np.ndarray, side) -> list[str]:
    bad = np.flatnonzero(differences.differing(batch, ours, theirs, None, side))
    return [
        f"{disassemble(int(batch.cases['words'][n, 0]))}: "
        f"{differences.parts(batch, ours, theirs, n, side.fields)}"
        for n in bad[:5]
    ]


@pytest.mark.parametrize("key", KEYS)
def test_decimal_rows_agree_with_qemu(key, require_tool):
    require_tool("powerpc64le-linux-gnu-gcc")
    require_tool("qemu-ppc64le")
    batch = batch_of(key, 150, random.Random(f"qemu {key}"), 0)
    judge = reference("qemu-user")
    ours = reference("evaluator").run(batch)
    assert [] == complaints(batch, ours, judge.run(batch), judge)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("key", KEYS)
def test_tiers_do_what_the_evaluator_does_with_exceptions_enabled(key, tier):
    batch = batch_of(key, 60, random.Random(f"tiers {key}"), FPSCR.ENABLES)
    judge = reference("evaluator")
    ours = reference(tier).run(batch)
    assert [] == complaints(batch, ours, judge.run(batch), judge)
