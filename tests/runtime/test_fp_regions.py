"""Floating-point programs in regions: ordinary and unusual numbers, modes, enabled exceptions."""

from __future__ import annotations

import random
import struct

import pytest
from bench import CODE, FACILITIES, MODES, Judge, bench, differences, program_state, set_msr
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import U32, random_word

from jitppc.frontend.decode import rows
from jitppc.frontend.disasm import disassemble
from jitppc.ir.fpscr import FPSCR, with_summaries
from jitppc.ir.layout import MSR

FILES = ("fp_arith", "fp_convert", "fp_status", "vsx_arith", "vsx_families", "vsx_convert",
         "vsx_compare", "vsx_quad")  # fmt: skip
ROWS = [r for r in rows().values() if r.body.__module__.split(".")[-1] in FILES]
ORDINARY = (1.0, 0.5, -3.0, 0.1, 1e10, -2.5e-7, 0.0, -0.0, 123456789.0)
UNUSUAL = (0x7FF0000000000000, 0x7FF8000000000001, 0x7FF0000000000001, 1, 0x7FEFFFFFFFFFFFFF,
           0x0010000000000000, 0x36A0000000000000, 0x47EFFFFFE0000000)  # fmt: skip


def fp_state(seed: int, msr: int):
    """Registers full of numbers, few of them unusual; sometimes modes and enabled exceptions."""
    source = random.Random(seed)
    state = program_state(seed, "le64")
    strange = source.choice((0.0, 0.0, 0.1))

    def a_number() -> int:
        if source.random() < strange:
            return source.choice(UNUSUAL) ^ source.getrandbits(1) << 63
        if source.randrange(4) == 0:
            pair = struct.pack("<ff", source.uniform(-9, 9), source.choice(ORDINARY[:6]))
            return struct.unpack("<Q", pair)[0]
        value = source.choice((source.choice(ORDINARY), source.uniform(-100, 100)))
        return struct.unpack("<Q", struct.pack("<d", value))[0]

    state[0]["vsr"] = [[a_number(), a_number()] for _ in range(64)]
    controls = source.choice((0, 0, source.getrandbits(2), source.getrandbits(8)))
    sticky = source.choice((0, FPSCR.FX | FPSCR.XX, source.getrandbits(32) & FPSCR.EXCEPTIONS))
    plain = with_summaries(controls | sticky)
    # with an enabled exception standing, the interrupt would have come already
    state[0]["fpscr"] = plain if not plain & FPSCR.FEX else with_summaries(sticky)
    set_msr(state[0], MODES["le64"][1] | FACILITIES | MSR.ME | MSR.RI | msr)
    return state


@settings(max_examples=30)
@given(U32, U32, st.sampled_from([0, MSR.FE0, MSR.FE1 | MSR.FE0]))
def test_regions_compute_what_the_evaluator_does(seed, state_seed, msr):
    source = random.Random(seed)
    words = [random_word(source.choice(ROWS), source, near=True) for _ in range(seed % 8 + 1)]
    words.append(0x48000000)
    native = bench("interp")
    native.place_vectors(little=True)
    native.place(CODE, words)
    for turn in range(3):
        state = fp_state(state_seed + (turn == 2), msr)
        native.load_state(state)
        judge = Judge(state, native.memory.read(0, native.memory.size))
        found = native.run(CODE, 60)
        nia = judge.run(CODE, found.retired)
        listing = "\n".join(disassemble(word) for word in words)
        assert not differences(state, found.state), f"turn {turn}\n{listing}"
        assert nia == found.nia, listing
        if turn == 0 and not native.install_region(CODE):
            pytest.fail("no region")
