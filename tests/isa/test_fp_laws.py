"""Laws of the floating-point unit that an emulator's oracle does not show, or gets wrong."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_insn import CIA, WINDOW, window, word_of
from strategies import random_state

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_word
from jitppc.ir.builder import ANY, BE64, LE64
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR, REGISTERS

ROWS = [k for k, r in rows().items() if r.body.__module__.split(".")[-1].startswith("fp_")]
FE = MSR.FE0 | MSR.FE1
NAN, SNAN, INFINITY = 0x7FF8000000000000, 0x7FF0000000000123, 0x7FF0000000000000
SIGN = 1 << 63
OTHER = 0x4242424242424242  # what a target holds before
FX, FEX, VX, OX, UX, ZX, XX = (
    FPSCR.FX, FPSCR.FEX, FPSCR.VX, FPSCR.OX, FPSCR.UX, FPSCR.ZX, FPSCR.XX,
)  # fmt: skip


def bits(x: float) -> int:
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def number(x: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", x))[0]


class Unit:
    """A state with every facility on and FE0, FE1 off; `fpr` numbers registers."""

    def __init__(self, fpr=None, fpscr=0, msr=0, mode=LE64, memory=b""):
        self.mode = mode
        self.state = random_state(1, mode)
        self.state["little"] = int(mode is not BE64)
        usual = int(self.state["msr"][0]) | MSR.FP | MSR.VEC | MSR.VSX | FE
        self.state["msr"] = usual ^ FE ^ msr
        self.evaluator = Evaluator(self.state, window(memory))
        self.fpscr = fpscr
        for n, value in (fpr or {}).items():
            self.evaluator.write(REGISTERS["vsr"], value << 64 | OTHER, n)

    @property
    def fpscr(self):
        return self.evaluator.read(REGISTERS["fpscr"])

    @fpscr.setter
    def fpscr(self, value):
        self.evaluator.write(REGISTERS["fpscr"], value)

    def run(self, key, **fields):
        return self.evaluator.run(translate_word(word_of(key, **fields), self.mode), CIA)

    def vsr(self, n):
        return self.evaluator.read(REGISTERS["vsr"], n)

    def fpr(self, n):
        return self.vsr(n) >> 64

    def crf(self, n):
        return self.evaluator.read(REGISTERS["crf"], n)


def arithmetic(key, a, b=0, c=0, fpscr=0, msr=0):
    """The unit after FRT=1 <- op(FRA=2, FRB=3, FRC=4), as far as the row has them."""
    unit = Unit({1: OTHER, 2: a, 3: b, 4: c}, fpscr, msr)
    given_ = {"FRT": 1, "FRA": 2, "FRB": 3, "FRC": 4}
    fields = rows()[key].picture.fields
    unit.outcome = unit.run(key, **{n: v for n, v in given_.items() if n in fields})
    return unit


@pytest.mark.parametrize("key", ROWS)
def test_without_the_facility_nothing_happens(key):
    unit = Unit(msr=MSR.FP)
    before = unit.state.tobytes()
    outcome = unit.run(key)
    assert ("interrupt", "FP_UNAVAILABLE") == (outcome.kind, outcome.detail)
    assert before == unit.state.tobytes()


# --- enabled exceptions

ENABLED = [
    ("fdiv", bits(1.0), 0, FPSCR.ZE, ZX),
    ("fdiv", 0, 0, FPSCR.VE, VX | FPSCR.VXZDZ),
    ("fadd", SNAN, bits(1.0), FPSCR.VE, VX | FPSCR.VXSNAN),
    ("fsub", INFINITY, INFINITY, FPSCR.VE, VX | FPSCR.VXISI),
    ("fsqrt", 0, bits(-1.0), FPSCR.VE, VX | FPSCR.VXSQRT),
    ("fctiw", 0, bits(1e30), FPSCR.VE, VX | FPSCR.VXCVI),
]


@pytest.mark.parametrize(("key", "a", "b", "enable", "raised"), ENABLED)
@pytest.mark.parametrize("msr", [0, MSR.FE0, MSR.FE1, FE])
def test_an_enabled_invalid_operation_or_division_by_zero_has_no_result(
    key, a, b, enable, raised, msr
):
    before = enable | FPSCR.FR | FPSCR.FI | FPSCR.FL
    unit = arithmetic(key, a, b, fpscr=before, msr=msr)
    assert OTHER << 64 | OTHER == unit.vsr(1)
    assert enable | FPSCR.FL | FX | FEX | raised == unit.fpscr
    expected = ("interrupt", "PROGRAM_FP_ENABLED") if msr else ("next", None)
    assert expected == (unit.outcome.kind, unit.outcome.detail)


@pytest.mark.parametrize(("key", "a", "b", "enable", "raised"), ENABLED)
def test_without_enables_there_is_a_result_and_no_interrupt(key, a, b, enable, raised):
    unit = arithmetic(key, a, b, msr=FE)
    assert "next" == unit.outcome.kind
    assert unit.fpr(1) != OTHER
    assert FX | raised == unit.fpscr & ~FPSCR.FPRF


def test_enabled_overflow_divides_by_two_to_the_1536():
    unit = arithmetic("fmul", bits(2.0**1000), c=bits(1.5 * 2.0**500), fpscr=FPSCR.OE, msr=FE)
    assert 1.5 * 2.0 ** (1500 - 1536) == number(unit.fpr(1))
    assert FPSCR.OE | FX | FEX | OX | FPSCR.FG == unit.fpscr
    assert "PROGRAM_FP_ENABLED" == unit.outcome.detail


def test_enabled_underflow_multiplies_by_two_to_the_1536():
    unit = arithmetic("fmul", bits(2.0**-1000), c=bits(2.0**-70), fpscr=FPSCR.UE)
    assert 2.0 ** (1536 - 1070) == number(unit.fpr(1))
    assert FPSCR.UE | FX | FEX | UX | FPSCR.FG == unit.fpscr


def test_enabled_overflow_of_a_single_divides_by_two_to_the_192():
    unit = arithmetic("fmuls", bits(2.0**100), c=bits(2.0**100), fpscr=FPSCR.OE)
    assert 2.0 ** (200 - 192) == number(unit.fpr(1))


def test_a_tiny_exact_result_underflows_only_when_enabled():
    assert not arithmetic("fmul", bits(2.0**-1000), c=bits(2.0**-70)).fpscr & UX
    assert arithmetic("fmul", bits(2.0**-1000), c=bits(2.0**-70), fpscr=FPSCR.UE).fpscr & UX


def test_tininess_is_detected_before_rounding():
    below = bits(2.0**-1022) - 1  # rounds up to the least normal number
    unit = arithmetic("fmul", below, c=bits(1.0 + 2.0**-52))
    assert bits(2.0**-1022) == unit.fpr(1)
    assert unit.fpscr & UX


def test_an_exception_that_stands_already_does_not_set_FX():
    third = ("fdiv", bits(1.0), bits(3.0))
    assert arithmetic(*third).fpscr & FX
    assert not arithmetic(*third, fpscr=XX).fpscr & FX


def test_an_interrupt_by_an_enabled_exception_comes_after_the_writes():
    unit = arithmetic("fdiv", bits(1.0), bits(3.0), fpscr=FPSCR.XE, msr=FE)
    assert 1 / 3 == number(unit.fpr(1))
    assert ("PROGRAM_FP_ENABLED", CIA) == (unit.outcome.detail, unit.outcome.nia)


# --- results


@given(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.integers(0, 3),
)
def test_FR_says_that_rounding_made_the_magnitude_larger(x, y, mode):
    unit = arithmetic("fadd", bits(x), bits(y), fpscr=mode)
    if not unit.fpscr & OX:
        exact, got = Fraction(x) + Fraction(y), Fraction(number(unit.fpr(1)))
        assert bool(unit.fpscr & FPSCR.FI) == (exact != got)
        assert bool(unit.fpscr & FPSCR.FR) == (abs(got) > abs(exact))


@pytest.mark.parametrize(("a", "b", "c", "expected"), [
    (NAN | 1, NAN | 2, NAN | 3, NAN | 1),
    (bits(1.0), NAN | 2, NAN | 3, NAN | 2),
    (bits(1.0), bits(1.0), SNAN, SNAN | NAN),
    (SIGN | SNAN, NAN | 2, NAN | 3, SIGN | SNAN | NAN),
    (INFINITY, bits(1.0), 0, NAN),
    (INFINITY, SIGN | NAN, 0, SIGN | NAN),
])  # fmt: skip
@pytest.mark.parametrize("key", ["fmadd", "fmsub", "fnmadd", "fnmsub"])
def test_a_NaN_result_is_the_first_NaN_operand_made_quiet(key, a, b, c, expected):
    assert expected == arithmetic(key, a, b, c).fpr(1)


@pytest.mark.parametrize(("key", "sign"), [("fmadd", 1), ("fnmadd", -1)])
@pytest.mark.parametrize("mode", [2, 3])
def test_negative_multiply_adds_round_before_they_negate(key, sign, mode):
    unit = arithmetic(key, bits(1.0), bits(2.0**-80), bits(1.0), fpscr=mode)
    assert sign * (1.0 + 2.0**-52 if mode == 2 else 1.0) == number(unit.fpr(1))


@pytest.mark.parametrize("key", ["fre", "fres", "frsqrte", "frsqrtes"])
@pytest.mark.parametrize("sign", [0, SIGN])
def test_estimates_of_zero_are_infinite(key, sign):
    unit = arithmetic(key, 0, sign)
    assert sign | INFINITY == unit.fpr(1)
    assert FX | ZX == unit.fpscr & ~FPSCR.FPRF


def test_a_denormal_single_is_classed_as_one_though_kept_as_a_normal_double():
    unit = arithmetic("fmuls", bits(2.0**-100), c=bits(2.0**-30))
    assert 2.0**-130 == number(unit.fpr(1))
    assert FPSCR.C | FPSCR.FG == unit.fpscr & FPSCR.FPRF


def test_singles_are_rounded_once():
    halfway = 1.0 + 2.0**-24  # between two singles
    unit = arithmetic("fadds", bits(halfway), bits(2.0**-60))
    assert 1.0 + 2.0**-23 == number(unit.fpr(1))


@pytest.mark.parametrize(("key", "ve", "raised"), [
    ("fcmpu", 0, FPSCR.VXSNAN), ("fcmpu", FPSCR.VE, FPSCR.VXSNAN),
    ("fcmpo", 0, FPSCR.VXSNAN | FPSCR.VXVC), ("fcmpo", FPSCR.VE, FPSCR.VXSNAN),
])  # fmt: skip
def test_comparisons_of_signalling_NaNs_say_unordered_even_when_enabled(key, ve, raised):
    unit = Unit({2: SNAN, 3: bits(1.0)}, fpscr=ve | FPSCR.C | FPSCR.FR)
    unit.run(key, BF=5, FRA=2, FRB=3)
    assert 1 == unit.crf(5)
    expected = ve | FPSCR.C | FPSCR.FR | FPSCR.FU | raised | FX | VX | (FEX if ve else 0)
    assert expected == unit.fpscr


def test_record_forms_copy_the_new_status_to_CR1():
    unit = Unit({1: OTHER, 2: INFINITY, 3: INFINITY})
    unit.run("fsub", FRT=1, FRA=2, FRB=3, Rc=1)
    assert 0b1010 == unit.crf(1)


# --- the FPSCR


def test_mcrfs_clears_the_exceptions_it_copies_and_the_summaries_follow():
    unit = Unit(fpscr=FX | VX | FEX | OX | FPSCR.VXSNAN | FPSCR.VE)
    unit.run("mcrfs", BF=3, BFA=0)
    assert 0b1111 == unit.crf(3)
    assert VX | FEX | FPSCR.VXSNAN | FPSCR.VE == unit.fpscr
    unit.run("mcrfs", BF=3, BFA=1)
    assert FPSCR.VE == unit.fpscr


@given(st.integers(0, 2**64 - 1), st.integers(0, 255), st.integers(0, 1))
def test_mtfsf_writes_the_selected_fields(value, mask, upper):
    unit = Unit({2: value})
    unit.run("mtfsf", FLM=mask, L=0, W=upper, FRB=2)
    wanted = sum(0xF << 28 - 4 * n for n in range(8) if mask & 0x80 >> n) << (32 * upper)
    expected = value & wanted & FPSCR.IMPLEMENTED & ~(VX | FEX)
    assert expected == unit.fpscr & ~(VX | FEX)
    assert bool(unit.fpscr & VX) == bool(expected & FPSCR.INVALID)


@pytest.mark.parametrize(("key", "fields", "left"), [
    ("mffsce", {}, 2),
    ("mffscrn", {"FRB": 2}, FPSCR.ENABLES | 1),
    ("mffscrni", {"RM": 3}, FPSCR.ENABLES | 3),
    ("mffsl", {}, FPSCR.ENABLES | 2),
])  # fmt: skip
def test_the_light_forms_of_mffs_change_only_what_they_say(key, fields, left):
    unit = Unit({2: SIGN | 1}, fpscr=FPSCR.ENABLES | 2 | FPSCR.FG)
    unit.run(key, FRT=1, **fields)
    assert left | FPSCR.FG == unit.fpscr
    seen = FPSCR.ENABLES | 2 | (FPSCR.FG if key in ("mffsce", "mffsl") else 0)
    assert seen == unit.fpr(1)


# --- loads and stores


@given(st.integers(0, 2**32 - 1), st.sampled_from([LE64, BE64, ANY]))
def test_singles_come_back_as_they_were(word, mode):
    unit = Unit({1: OTHER}, mode=mode)
    unit.state["gpr"][0][4] = WINDOW
    order = "big" if mode is BE64 else "little"
    unit.evaluator.memory.store(WINDOW + 8, word.to_bytes(4, order))
    unit.run("lfs", FRT=1, RA=4, D=8)
    assert 0 == unit.vsr(1) & 2**64 - 1
    x = struct.unpack("<f", struct.pack("<I", word))[0]
    assert math.isnan(x) or x == number(unit.fpr(1))
    unit.run("stfs", FRS=1, RA=4, D=16)
    assert word.to_bytes(4, order) == unit.evaluator.memory.load(WINDOW + 16, 4)


@pytest.mark.parametrize("key", ["lfdu", "lfsux", "stfdux", "stfsu"])
def test_update_forms_need_a_base_register(key):
    assert "PROGRAM_ILLEGAL" == Unit().run(key, RA=0).detail
