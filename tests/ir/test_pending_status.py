"""Records instead of status: what a region keeps about its last floating-point operation."""

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from strategies import U32, SparseMemory, block_of, random_state, random_word

from jitppc.backend.lower.floating_functions import FAST
from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Block, Value
from jitppc.ir.builder import ANY, LE64, OpsMixin
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR
from jitppc.ir.ops.floating_ordinary import settled
from jitppc.ir.passes import keep_status_pending, one_view_each, run_passes_of_regions
from jitppc.ir.verify import verify

FILES = ("fp_arith", "fp_convert", "vsx_arith", "vsx_families", "vsx_convert", "vsx_compare")
ROWS = [r for r in rows().values() if r.body.__module__.split(".")[-1] in FILES]
RECORD = ("fp_kind", "fp_x", "fp_y", "fp_z", "fp_class")
XX_ONLY = FPSCR.FX | FPSCR.XX


def a_state(seed):
    """Registers full of plain numbers; XX is set and nothing else."""
    source, state = random.Random(seed), random_state(seed, LE64)

    def number():
        plain = (source.uniform(-100, 100), float(source.randrange(-9, 99)), 0.5, 1.0)
        value = source.choice(plain)
        if source.randrange(3) == 0:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        return struct.unpack("<Q", struct.pack("<d", value))[0]

    state[0]["vsr"] = [[number(), number()] for _ in range(64)]
    state[0]["fpscr"] = XX_ONLY
    state[0]["msr"] |= MSR.FP | MSR.VEC | MSR.VSX | MSR.FE0
    for name in RECORD:
        state[0][name] = 0
    return state


def watched(block, unusual):
    """The block; its o_ ops tell the list when native code would leave."""
    copies, values = {}, []
    for value in block.values:
        row = value.op
        if row.name.startswith("o_"):
            def evaluate(t, attr, *operands, row=row):
                b = OpsMixin()
                *numbers, fpscr = [b.const(x) for x in operands]
                form = FAST["f" + row.name[1:]](attr, b, *numbers)
                news = form.first_inexact(b, fpscr, FPSCR.XX)
                conditions = [*form.unusual(b, fpscr), *([] if news is None else [news])]
                unusual.extend(c for c in conditions if c.constant)
                return row.evaluate(t, attr, *operands)
            row = replace(row, evaluate=evaluate)
        args = tuple(copies.get(a, a) for a in value.args)
        copies[value] = Value(row, value.type, args, value.attr, value.is_static)
        values.append(copies[value])
    return Block(values, block.starts)


def after(block, state):
    """Outcome and state; a record is settled and forgotten."""
    state = state.copy()
    outcome = Evaluator(state, SparseMemory(0)).run(block, 0x1000)
    record = state[0]
    record["fpscr"] = settled(int(record["fpscr"]), *(int(record[name]) for name in RECORD))
    for name in RECORD:
        record[name] = 0
    return outcome, state


@given(U32, U32)
def test_records_settle_to_the_status_that_they_replace(seed, state_seed):
    source = random.Random(seed)
    words = [random_word(source.choice(ROWS), source, near=True) for _ in range(seed % 6 + 1)]
    block, state = block_of(words), a_state(state_seed)
    changed = run_passes_of_regions(block)
    [split] = one_view_each([changed])
    for one in (changed, split):
        assert [] == verify(one)
    expected, reference = after(block, state)
    for one in (changed, split):
        unusual: list[Value] = []
        outcome, found = after(watched(one, unusual), state)
        if unusual or int(reference[0]["fpscr"]) & FPSCR.EXCEPTIONS & ~FPSCR.XX:
            return
        assert expected == outcome
        assert hex(reference[0]["fpscr"]) == hex(found[0]["fpscr"])
        assert reference.tobytes() == found.tobytes()


@pytest.mark.parametrize("row", rows().values(), ids=lambda r: r.key)
def test_the_fpscr_is_read_before_anything_is_written(row):
    """So tier 0 settles it first, and may leave to do so."""
    for mode in (LE64, ANY):
        for flags in row.variants():
            has_read = has_written = False
            for value in translate_row(row, flags, mode).values:
                if value.op.name == "get" and value.attr == "fpscr":
                    assert has_read or not has_written
                    has_read = True
                has_written |= value.op.name == "set"
                assert has_read or (value.op.name, value.attr) != ("set", "fpscr")


def test_arithmetic_leaves_no_trace_in_the_fpscr_but_a_record():
    block = keep_status_pending(block_of([0xFC22182A, 0xFC2100B2]))  # fadd f1,f2,f3; fmul f1,f1,f2
    written = [v.attr for v in block.values if v.op.name == "set"]
    assert "fpscr" not in written
    assert {"fp_kind", "fp_x", "fp_y", "fp_class"} <= set(written)


def test_a_record_form_computes_its_status():
    block = keep_status_pending(block_of([0xFC22182B]))  # fadd. f1,f2,f3
    assert "f_add" in [v.op.name for v in block.values]
    assert "leave_if" in [v.op.name for v in block.values]


@given(U32)
def test_a_region_has_one_view_of_each_vsr(seed):
    source = random.Random(seed)
    every = list(rows().values())
    blocks = [
        run_passes_of_regions(block_of([random_word(source.choice(every), source, near=True)
                                        for _ in range(4)]))
        for _ in range(3)
    ]
    views: dict[int, set[str]] = {}
    for block in one_view_each(blocks):
        assert [] == verify(block)
        for value in block.values:
            if value.op.name in ("get", "set") and value.attr in ("vsr", "vr", "fpr", "vsr_high",
                                                                  "vsr_low"):
                assert value.attr not in ("vr", "fpr")
                views.setdefault(value.args[0].constant, set()).add(value.attr[:4])
    assert all(len(view) == 1 or view == {"vsr_"} for view in views.values())
