"""Laws of decimal instructions: against Python's `decimal` module, and what the book says of
exceptions that no emulator knows.
"""

import decimal
import random
from decimal import Decimal

import pytest
from dfp_insn import OLD, PRECISE, A, B, T, execute, key_of, prepared
from dfp_operands import a_number, an_integer, some_digits
from hypothesis import given
from hypothesis import strategies as st
from one_insn import CIA, window, word_of
from vectors import new_state

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_word
from jitppc.fuzz.references import dpd
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR

WIDTHS = (64, 128)
ROUNDINGS = (
    decimal.ROUND_HALF_EVEN, decimal.ROUND_DOWN, decimal.ROUND_CEILING, decimal.ROUND_FLOOR,
    decimal.ROUND_HALF_UP, decimal.ROUND_HALF_DOWN, decimal.ROUND_UP, decimal.ROUND_05UP,
)  # fmt: skip
ARITHMETIC = {"dadd": "add", "dsub": "subtract", "dmul": "multiply", "ddiv": "divide"}
SIGNALS = {
    decimal.Inexact: FPSCR.XX, decimal.Overflow: FPSCR.OX, decimal.Underflow: FPSCR.UX,
    decimal.DivisionByZero: FPSCR.ZX, decimal.InvalidOperation: FPSCR.VX,
}  # fmt: skip
EXCEPTIONS = sum(SIGNALS.values())
KEYS = [key for key, row in rows().items() if row.body.__module__.split(".")[-1][:4] == "dfp_"]
SEEDS = st.integers(0, 2**32 - 1)


def context(width: int, mode: int) -> decimal.Context:
    """Arithmetic of a format, with all traps off."""
    form = dpd.FORMS[width]
    return decimal.Context(
        prec=form.digits, rounding=ROUNDINGS[mode], Emin=form.e_min, Emax=form.e_max, clamp=1,
        traps=[],
    )  # fmt: skip


def bits(text: str, width: int = 64) -> int:
    found = dpd.encode(Decimal(text), width)
    assert found is not None
    return found


@given(st.sampled_from(sorted(ARITHMETIC)), st.sampled_from(WIDTHS), st.integers(0, 7), SEEDS)
def test_arithmetic_is_that_of_the_decimal_module(name, width, mode, seed):
    source = random.Random(seed)
    a, b = a_number(source, width), a_number(source, width)
    x, y = dpd.decode(a, width), dpd.decode(b, width)
    judge = context(width, mode)
    expected = getattr(judge, ARITHMETIC[name])(x, y)
    flags = sum(bit for signal, bit in SIGNALS.items() if judge.flags[signal])
    done = execute(key_of(name, width), a, b, mode << 32)
    assert f"{dpd.encode(expected, width):x}" == f"{done.result:x}"
    assert flags == done.fpscr & EXCEPTIONS
    assert bool(flags & FPSCR.XX) == bool(done.fpscr & FPSCR.FI)
    assert dpd.class_code(expected, width) == done.fpscr >> 12 & 31
    if flags & FPSCR.XX and expected.is_finite() and name != "ddiv":
        exact = getattr(decimal.Context(prec=14000), ARITHMETIC[name])(x, y)
        assert (expected.copy_abs() > exact.copy_abs()) == bool(done.fpscr & FPSCR.FR)


@given(st.sampled_from(WIDTHS), st.integers(0, 7), st.integers(0, 3), SEEDS)
def test_quantize_is_that_of_the_decimal_module(width, drn, rmc, seed):
    source = random.Random(seed)
    a, b = a_number(source, width), a_number(source, width)
    x, y = dpd.decode(a, width), dpd.decode(b, width)
    judge = context(width, (0, 1, 4, drn)[rmc])
    expected = judge.quantize(y, x)
    if x.is_nan() and y.is_nan() and (x.is_snan() or not y.is_snan()):
        expected = judge.add(x, 1)
    flags = sum(bit for signal, bit in SIGNALS.items() if judge.flags[signal])
    done = execute(key_of("dqua", width), a, b, drn << 32, RMC=rmc)
    assert f"{dpd.encode(expected, width):x}" == f"{done.result:x}"
    assert flags == done.fpscr & EXCEPTIONS


#: of an enabled overflow: operands, and the result times 10**-576 or 10**-9216 by the book
WRAPS = {"dadd": ("9E{top}", "9.1E{top}"), "dmul": ("-3E{half}", "1234567E{half}"),
         "ddiv": ("1.5E{half}", "7E-{half}")}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", WRAPS)
@pytest.mark.parametrize("mode", range(8))
def test_an_enabled_overflow_wraps_the_exponent(name, width, mode):
    form = dpd.FORMS[width]
    wrap = form.e_max * 3 // 2
    x, y = (Decimal(t.format(top=form.e_max, half=form.e_max * 3 // 4)) for t in WRAPS[name])
    x, y = (dpd.fitted(v, form) for v in (x, y))
    wide = decimal.Context(prec=form.digits, rounding=ROUNDINGS[mode], traps=[])
    whole = getattr(wide, ARITHMETIC[name])(x, y)
    expected = decimal.Context(prec=34).scaleb(whole, -wrap)
    done = execute(key_of(name, width), dpd.encode(x, width), dpd.encode(y, width),
                   mode << 32 | FPSCR.OE)
    assert f"{dpd.encode(expected, width):x}" == f"{done.result:x}"
    inexact = FPSCR.XX if wide.flags[decimal.Inexact] else 0
    assert FPSCR.OX | inexact == done.fpscr & EXCEPTIONS
    assert bool(inexact) == bool(done.fpscr & FPSCR.FI)
    assert done.fpscr & FPSCR.FEX
    assert dpd.class_code(expected, width) == done.fpscr >> 12 & 31


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("texts", [("1E{low}", "3E-20"), ("1234567E{low}", "1E-9"),
                                   ("-1E{bottom}", "0.1"), ("1E{bottom}", "1")])
@pytest.mark.parametrize("mode", range(8))
def test_an_enabled_underflow_wraps_the_exponent_even_when_exact(texts, width, mode):
    form = dpd.FORMS[width]
    wrap = form.e_max * 3 // 2
    x, y = (Decimal(t.format(low=form.e_min, bottom=form.bottom)) for t in texts)
    wide = decimal.Context(prec=form.digits, rounding=ROUNDINGS[mode], traps=[])
    whole = wide.multiply(x, y)
    done = execute(key_of("dmul", width), dpd.encode(x, width), dpd.encode(y, width),
                   mode << 32 | FPSCR.UE)
    expected = decimal.Context(prec=34).scaleb(whole, wrap)
    assert f"{dpd.encode(expected, width):x}" == f"{done.result:x}"
    assert FPSCR.UX | (FPSCR.XX if wide.flags[decimal.Inexact] else 0) == done.fpscr & EXCEPTIONS


@pytest.mark.parametrize(("key", "source", "target"), [("drsp", 64, 32), ("drdpq", 128, 64)])
@pytest.mark.parametrize("enable", [FPSCR.OE, FPSCR.UE])
def test_wrapped_results_of_narrowing_keep_the_format_of_the_operand(key, source, target, enable):
    form, narrow = dpd.FORMS[source], dpd.FORMS[target]
    wrap = form.e_max // 2 * (-1 if enable == FPSCR.OE else 1)
    sign = 1 if enable == FPSCR.OE else -1
    x = Decimal("-1.23456789012345") * Decimal((0, (1,), sign * (narrow.e_max + 7)))
    done = execute(key, 0, dpd.encode(x, source), enable)
    expected = decimal.Context(prec=narrow.digits).plus(x).scaleb(wrap)
    assert f"{dpd.encode(expected, source):x}" == f"{done.result:x}"
    cause = FPSCR.OX if enable == FPSCR.OE else FPSCR.UX
    inexact = FPSCR.XX if narrow.digits < 15 else 0
    assert cause | inexact == done.fpscr & EXCEPTIONS


#: instruction, operands, cause, enable bit: no result when enabled
FORBIDDEN = [
    ("dadd", "sNaN5", "1", FPSCR.VXSNAN, FPSCR.VE), ("dadd", "Inf", "-Inf", FPSCR.VXISI, FPSCR.VE),
    ("dsub", "Inf", "Inf", FPSCR.VXISI, FPSCR.VE), ("dmul", "0", "Inf", FPSCR.VXIMZ, FPSCR.VE),
    ("ddiv", "Inf", "Inf", FPSCR.VXIDI, FPSCR.VE), ("ddiv", "0", "0", FPSCR.VXZDZ, FPSCR.VE),
    ("ddiv", "1", "0", FPSCR.ZX, FPSCR.ZE), ("dqua", "1E-20", "123456", FPSCR.VXCVI, FPSCR.VE),
    ("dqua", "Inf", "1", FPSCR.VXCVI, FPSCR.VE), ("dctfix", "0", "1E19", FPSCR.VXCVI, FPSCR.VE),
    ("drintx", "0", "sNaN", FPSCR.VXSNAN, FPSCR.VE),
]  # fmt: skip


@pytest.mark.parametrize("case", FORBIDDEN, ids=lambda c: f"{c[0]} {c[1]} {c[2]}")
def test_an_enabled_invalid_operation_or_division_by_zero_writes_no_result(case):
    key, a, b, cause, enable = case
    before = FPSCR.FR | FPSCR.FI | FPSCR.C | FPSCR.FG
    done = execute(key, bits(a), bits(b), enable | before, msr=PRECISE, Rc=1)
    assert OLD == done.result & (1 << 64) - 1
    summary = FPSCR.VX if enable == FPSCR.VE else 0
    expected = FPSCR.FX | FPSCR.FEX | summary | cause | enable | FPSCR.C | FPSCR.FG
    assert f"{expected:x}" == f"{done.fpscr:x}"
    assert ("interrupt", "PROGRAM_FP_ENABLED") == (done.kind, done.detail)
    assert expected >> 28 == done.crf[1]
    quiet = execute(key, bits(a), bits(b), before)
    assert OLD != quiet.result
    assert quiet.fpscr & cause
    assert quiet.kind == "next"


def test_an_enabled_inexact_result_is_delivered_and_interrupts():
    done = execute("ddiv", bits("1"), bits("3"), FPSCR.XE, msr=PRECISE)
    assert bits("0.3333333333333333") == done.result
    assert ("interrupt", "PROGRAM_FP_ENABLED") == (done.kind, done.detail)
    assert FPSCR.FX | FPSCR.FEX | FPSCR.XX | FPSCR.FI | FPSCR.FG | FPSCR.XE == done.fpscr


def test_fx_is_set_by_new_exceptions_only():
    done = execute("ddiv", bits("1"), bits("3"), FPSCR.XX)
    assert not done.fpscr & FPSCR.FX


@pytest.mark.parametrize("ordered", ["dcmpo", "dcmpu"])
@pytest.mark.parametrize("enabled", [0, FPSCR.VE])
def test_only_ordered_comparisons_find_quiet_nans_invalid(ordered, enabled):
    quiet = execute(ordered, bits("NaN"), bits("1"), enabled, BF=2)
    assert (1, FPSCR.FU) == (quiet.crf[2], quiet.fpscr & FPSCR.FPCC)
    assert (FPSCR.VXVC if ordered == "dcmpo" else 0) == quiet.fpscr & FPSCR.INVALID
    signalling = execute(ordered, bits("1"), bits("sNaN"), enabled, BF=2)
    also = FPSCR.VXVC if ordered == "dcmpo" and not enabled else 0
    assert FPSCR.VXSNAN | also == signalling.fpscr & FPSCR.INVALID


@pytest.mark.parametrize("key", KEYS)
def test_decimal_instructions_need_the_floating_point_facility(key):
    done = execute(key, 0, 0, 0, msr=MSR.FP)
    assert ("interrupt", "FP_UNAVAILABLE") == (done.kind, done.detail)


@pytest.mark.parametrize("key", [k for k in KEYS if rows()[k].accept is not None])
def test_odd_registers_are_no_pairs(key):
    pairs = [f for f in rows()[key].picture.fields if f in ("FRTp", "FRAp", "FRBp")]
    for pair in pairs:
        word = word_of(key, **{pair: 7})
        assert not rows()[key].accept(word)
        outcome = Evaluator(new_state(), window()).run(translate_word(word), CIA)
        assert ("interrupt", "PROGRAM_ILLEGAL") == (outcome.kind, outcome.detail)


@pytest.mark.parametrize("key", [k for k in KEYS if "Rc" in rows()[k].flags])
def test_record_forms_are_plain_forms_and_cr1(key):
    source = random.Random(key)
    for _ in range(5):
        a, b = (source.getrandbits(128) for _ in range(2))
        fpscr = FPSCR.FX | FPSCR.OX if source.randrange(2) else FPSCR.UX
        plain, record = (execute(key, a, b, fpscr, Rc=n) for n in (0, 1))
        assert (plain.result, plain.fpscr) == (record.result, record.fpscr)
        assert record.fpscr >> 28 & 15 == record.crf[1]
        assert plain.crf[1] == 0


def test_drn_is_set_by_mtfsfi_mtfsf_mffscdrn_and_mffscdrni():
    third = [("mtfsfi", {"BF": 7, "U": 2, "W": 1}), ("mffscdrni", {"FRT": 9, "DRM": 2}),
             ("mtfsf", {"FLM": 1, "W": 1, "FRB": 8}), ("mffscdrn", {"FRT": 9, "FRB": 8})]
    for key, fields in third:
        word, state = prepared("ddiv", bits("1"), bits("3"))
        state[0]["vsr"][8][1] = 2 << 32
        for each in (word_of(key, **fields), word):
            Evaluator(state, window()).run(translate_word(each), CIA)
        assert bits("0.3333333333333334") == int(state[0]["vsr"][T][1]), key


@given(SEEDS)
def test_packed_digits_go_to_numbers_and_back(seed):
    source = random.Random(seed)
    for width in WIDTHS:
        packed = some_digits(source, width)
        for sign in (0, 1):
            text = f"{packed:0{width // 4}x}"
            valid = text[:-1].isdigit() and text[-1].isdigit() != bool(sign)
            done = execute(key_of("denbcd", width), 0, packed, S=sign)
            if not valid:
                assert bits("NaN", width) == done.result
                assert done.fpscr & FPSCR.VXCVI
                continue
            number = int(text[:-1]) * (-1 if text[-1] in "bd" else 1) if sign else int(text)
            value = dpd.decode(done.result, width)
            assert (number, 0) == (int(value), value.as_tuple().exponent)
            back = execute(key_of("ddedpd", width), 0, done.result, SP=2 if sign else 0).result
            plain = text[:-1] + ("d" if text[-1] in "bd" else "c") if sign else text
            assert plain == f"{back:0{width // 4}x}"


@given(SEEDS, st.sampled_from(WIDTHS))
def test_an_exponent_taken_out_goes_back_in(seed, width):
    number = a_number(random.Random(seed), width)
    taken = execute(key_of("dxex", width), 0, number).result
    value = dpd.decode(number, width)
    canonical = dpd.encode(value, width)
    if not value.is_infinite():
        assert canonical == execute(key_of("diex", width), taken, canonical).result


def test_infinities_keep_their_trailing_significand_where_it_is_moved():
    """Ref: Book I 5.6.6: shifts, insertion and ddedpd look at it."""
    infinity = 0x7800000000000123
    moved = execute("dscli", 0x123, SH=1).result
    assert execute("dscli", infinity, SH=1).result == moved | 30 << 58
    assert execute("dscri", infinity, SH=3).result == 30 << 58
    assert execute("diex", 398, infinity).result == 0x2238000000000123
    assert execute("ddedpd", 0, infinity, SP=0).result == 0x223
    assert execute("dadd", infinity, bits("1")).result == 0x7800000000000000


@given(SEEDS, st.integers(0, 7))
def test_integers_of_all_sizes_convert_both_ways(seed, mode):
    source = random.Random(seed)
    for key, bits_, width in (("dcffix", 64, 64), ("dcffixq", 64, 128), ("dcffixqq", 128, 128)):
        raw = an_integer(source, bits_)
        number = raw - (1 << bits_ if raw >> (bits_ - 1) else 0)
        judge = context(width, mode)
        expected = judge.create_decimal(number)
        done = execute(key, 0, raw, mode << 32)
        assert dpd.encode(expected, width) == done.result
        assert (FPSCR.XX if judge.flags[decimal.Inexact] else 0) == done.fpscr & EXCEPTIONS
    for key, bits_, width in (("dctfix", 64, 64), ("dctfixq", 64, 128), ("dctfixqq", 128, 128)):
        value = dpd.decode(a_number(source, width), width)
        if not value.is_finite():
            continue
        limit = 1 << (bits_ - 1)
        small = not value or value.adjusted() < 50
        whole = int(value.to_integral_value(ROUNDINGS[mode])) if small else None
        if whole is None or not -limit <= whole < limit:
            whole, flags = -limit if value.is_signed() else limit - 1, FPSCR.VX
        else:
            flags = FPSCR.XX if whole != value else 0
        done = execute(key, 0, dpd.encode(value, width), mode << 32)
        assert whole & (1 << bits_) - 1 == done.result
        assert flags == done.fpscr & EXCEPTIONS


@pytest.mark.parametrize("text", ["NaN", "-NaN77", "sNaN", "Inf", "-Inf"])
def test_specials_convert_to_the_nearest_integer_or_the_least(text):
    for key, bits_, width in (("dctfix", 64, 64), ("dctfixq", 64, 128), ("dctfixqq", 128, 128)):
        done = execute(key, 0, bits(text, width))
        greatest = (1 << (bits_ - 1)) - 1
        assert (greatest if text == "Inf" else greatest + 1) == done.result
        causes = FPSCR.VXCVI | (FPSCR.VXSNAN if text == "sNaN" else 0)
        assert causes == done.fpscr & FPSCR.INVALID


def test_the_least_integers_are_in_range():
    for key, bits_, width in (("dctfixq", 64, 128), ("dctfixqq", 128, 128)):
        least = dpd.encode(Decimal(-1 << (bits_ - 1)), width)
        if least is not None:
            done = execute(key, 0, least)
            assert (1 << (bits_ - 1), 0) == (done.result, done.fpscr)


def test_registers_of_pairs_and_targets():
    """FRTp, FRAp and FRBp are the registers that the words name; targets' other halves are 0."""
    word, state = prepared("daddq", bits("1", 128), bits("2", 128))
    state[0]["vsr"][T][0] = state[0]["vsr"][T + 1][0] = OLD
    Evaluator(state, window()).run(translate_word(word), CIA)
    assert [0, 0] == [int(state[0]["vsr"][n][0]) for n in (T, T + 1)]
    assert bits("1", 128) & (1 << 64) - 1 == int(state[0]["vsr"][A + 1][1])
    assert bits("2", 128) & (1 << 64) - 1 == int(state[0]["vsr"][B + 1][1])
