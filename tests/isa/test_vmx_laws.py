"""Laws of the vector facility that a little-endian oracle cannot show, and decimal arithmetic."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_insn import CIA, WINDOW, window, word_of
from strategies import random_state

from jitppc.frontend.decode import rows
from jitppc.frontend.levels import in_model
from jitppc.frontend.translate import translate_word
from jitppc.ir.builder import ANY, BE64, LE64
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR, REGISTERS
from jitppc.ir.ops.vector_float import from_float, to_float
from jitppc.ir.ops.vector_lanes import join, split

VECTOR_ROWS = [
    key
    for key, row in rows().items()
    if row.body.__module__.split(".")[-1][:4] == "vmx_" and in_model(row, "power9")
]
HINTS = {"dst", "dstt", "dstst", "dststt", "dss", "dssall"}


def run(key, mode=LE64, vr=None, gpr=None, vscr=0, memory=b"", msr=0, **fields):
    """The evaluator after one instruction, and how it ended."""
    state = random_state(1, mode, msr)
    state["little"] = int(mode is not BE64)
    evaluator = Evaluator(state, window(memory))
    for number, value in (vr or {}).items():
        evaluator.write(REGISTERS["vr"], value, number)
    for number, value in (gpr or {}).items():
        evaluator.write(REGISTERS["gpr"], value, number)
    evaluator.write(REGISTERS["vscr"], vscr)
    outcome = evaluator.run(translate_word(word_of(key, **fields), mode), CIA)
    return evaluator, outcome


def vr(evaluator, number):
    return evaluator.read(REGISTERS["vr"], number)


@pytest.mark.parametrize("key", VECTOR_ROWS)
def test_without_the_facility_nothing_happens(key):
    evaluator, outcome = run(key, msr=MSR.VEC)
    expected = ("next", None) if key in HINTS else ("interrupt", "VECTOR_UNAVAILABLE")
    assert expected == (outcome.kind, outcome.detail)
    if key not in HINTS:
        before = random_state(1, LE64, MSR.VEC)
        before["vscr"] = 0
        assert before.tobytes() == evaluator.bytes.tobytes()


@pytest.mark.parametrize("mode", [BE64, LE64, ANY], ids=lambda mode: mode.name)
@pytest.mark.parametrize(("key", "size"), [("lvebx", 1), ("lvehx", 2), ("lvewx", 4), ("lvx", 16)])
@given(offset=st.integers(0, 15))
def test_an_element_loads_to_where_the_whole_vector_has_it(key, size, mode, offset):
    memory = bytes(range(0x40, 0x50))
    old = int.from_bytes(bytes(range(16)), "big")
    got, _ = run(key, mode, {3: old}, {4: WINDOW, 5: offset}, memory=memory, VRT=3, RA=4, RB=5)
    order = "big" if mode is BE64 else "little"
    expected = bytearray(old.to_bytes(16, order))
    first = offset & -size
    expected[first : first + size] = memory[first : first + size]
    assert int.from_bytes(expected, order) == vr(got, 3)


@pytest.mark.parametrize("mode", [BE64, LE64, ANY], ids=lambda mode: mode.name)
@pytest.mark.parametrize(
    ("key", "size"), [("stvebx", 1), ("stvehx", 2), ("stvewx", 4), ("stvx", 16)]
)
@given(offset=st.integers(0, 15))
def test_an_element_is_stored_from_where_the_whole_vector_has_it(key, size, mode, offset):
    value = int.from_bytes(bytes(range(16)), "big")
    got, _ = run(key, mode, {3: value}, {4: WINDOW, 5: offset}, VRS=3, RA=4, RB=5)
    whole = value.to_bytes(16, "big" if mode is BE64 else "little")
    first = offset & -size
    expected = bytes(first) + whole[first : first + size] + bytes(16 - first - size)
    assert expected == bytes(got.memory.data[:16])


@given(st.integers(0, 1), st.booleans())
def test_saturation_is_sticky_and_the_other_bits_stay(before, saturates):
    operands = {1: join([250] * 16, 8), 2: join([250 if saturates else 1] * 16, 8)}
    got, _ = run("vaddubs", vr=operands, vscr=1 << 16 | before, VRT=0, VRA=1, VRB=2)
    assert 1 << 16 | before | saturates == got.read(REGISTERS["vscr"])


# --- decimal numbers against Python's integers
LIMIT = 10**31


def packed(number, sign=None):
    code = sign or (0xD if number < 0 else 0xC)
    return int(f"{abs(number) % LIMIT:031d}{code:x}", 16)


def relation(number):
    return 8 if number < 0 else 4 if number else 2


NUMBERS = st.one_of(
    st.integers(1 - LIMIT, LIMIT - 1),
    st.integers(-100, 100),
    st.integers(0, 30).map(lambda n: 10**n),
    st.just(LIMIT - 1),
    st.just(1 - LIMIT),
)


@pytest.mark.parametrize(("key", "operation"), [("bcdadd.", int.__add__), ("bcdsub.", int.__sub__)])
@given(x=NUMBERS, y=NUMBERS, ps=st.integers(0, 1))
def test_decimal_sums_are_those_of_integers(key, operation, x, y, ps):
    got, _ = run(key, vr={1: packed(x), 2: packed(y)}, VRT=0, VRA=1, VRB=2, PS=ps)
    total = operation(x, y)
    assert packed(total, 0xF if ps and total >= 0 else None) == vr(got, 0)
    assert relation(total) | (abs(total) >= LIMIT) == got.read(REGISTERS["crf"], 6)


@given(NUMBERS, st.sampled_from((0xA, 0xB, 0xC, 0xD, 0xE, 0xF)))
def test_packed_numbers_become_integers_and_come_back(number, sign):
    number = -abs(number) if sign in (0xB, 0xD) else abs(number)
    there, _ = run("bcdctsq.", vr={1: packed(number, sign)}, VRT=0, VRB=1)
    assert number % (1 << 128) == vr(there, 0)
    assert relation(number) == there.read(REGISTERS["crf"], 6)
    back, _ = run("bcdcfsq.", vr={1: number % (1 << 128)}, VRT=0, VRB=1, PS=0)
    assert packed(number) == vr(back, 0)
    assert relation(number) == back.read(REGISTERS["crf"], 6)


@given(NUMBERS, st.integers(-128, 127))
def test_decimal_shifts_multiply_and_divide(number, count):
    length = min(abs(count), 31)
    operands = {1: (count & 0xFF) << 64, 2: packed(number)}
    plain, _ = run("bcds.", vr=operands, VRT=0, VRA=1, VRB=2, PS=0)
    rounded, _ = run("bcdsr.", vr=operands, VRT=0, VRA=1, VRB=2, PS=0)
    sign, size = (0xD if number < 0 else 0xC), abs(number)
    lost = 0
    if count >= 0:
        expected = nearest = size * 10**length
        lost = expected >= LIMIT
    else:
        expected, nearest = size // 10**length, (size + 10**length // 2) // 10**length
    assert packed(expected, sign) == vr(plain, 0)
    assert packed(nearest, sign) == vr(rounded, 0)
    assert relation(number) | lost == plain.read(REGISTERS["crf"], 6)


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 9))
def test_ten_times_a_quadword_is_made_of_two_halves(x, digit):
    operands = {1: x, 2: digit}
    low, _ = run("vmul10euq", vr=operands, VRT=0, VRA=1, VRB=2)
    high, _ = run("vmul10ecuq", vr=operands, VRT=0, VRA=1, VRB=2)
    assert 10 * x + digit == vr(high, 0) << 128 | vr(low, 0)


# --- estimates
FLOATS = st.floats(min_value=2.0**-60, max_value=2.0**60, width=32)


@pytest.mark.parametrize(("key", "function", "allowed"), [
    ("vrefp", lambda x: 1 / x, lambda y: abs(y) / 4096),
    ("vrsqrtefp", lambda x: 1 / math.sqrt(x), lambda y: abs(y) / 4096),
    ("vlogefp", math.log2, lambda _y: 1 / 32),
])  # fmt: skip
@given(x=FLOATS)
def test_estimates_are_as_good_as_the_book_asks(key, function, allowed, x):
    got, _ = run(key, vr={1: join([from_float(x)] * 4, 32)}, VRT=0, VRB=1)
    exact = function(x)
    assert abs(to_float(split(vr(got, 0), 32)[2]) - exact) <= allowed(exact)


@given(st.floats(-125, 125, width=32))
def test_powers_of_two_are_as_good_as_the_book_asks(x):
    got, _ = run("vexptefp", vr={1: join([from_float(x)] * 4, 32)}, VRT=0, VRB=1)
    result = to_float(split(vr(got, 0), 32)[0])
    assert abs(result - 2.0**x) <= 2.0**x / 16
    if x == int(x):
        assert 2.0**x == result
