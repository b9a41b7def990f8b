"""Laws of VSX that a little-endian oracle cannot show, or that emulators get wrong."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_insn import WINDOW
from test_fp_laws import FE, INFINITY, NAN, OTHER, SNAN, Unit, bits

from jitppc.frontend.decode import rows
from jitppc.ir.builder import ANY, BE64, LE64
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.layout import MSR, REGISTERS

ROWS = [k for k, r in rows().items() if r.body.__module__.split(".")[-1].startswith("vsx_")]
MISSING = float("nan")
V128 = st.integers(0, 2**128 - 1)
SIGN = 1 << 63


def vector(*singles: float) -> int:
    return int.from_bytes(b"".join(struct.pack(">f", x) for x in singles), "big")


def vsx(fpscr=0, msr=0, mode=LE64, **registers):
    """A unit with whole registers set: vs1=..., GPR 4 at the window, GPR 5 zero."""
    unit = Unit(fpscr=fpscr, msr=msr, mode=mode)
    unit.state["gpr"][0][4:6] = WINDOW, 0
    for name, value in registers.items():
        unit.evaluator.write(REGISTERS["vsr"], value, int(name[2:]))
    return unit


@pytest.mark.parametrize("key", ROWS)
def test_without_the_facilities_nothing_happens(key):
    unit = vsx(msr=MSR.FP | MSR.VEC | MSR.VSX)
    before = unit.state.tobytes()
    outcome = unit.run(key)
    assert "interrupt" == outcome.kind
    assert outcome.detail in ("VSX_UNAVAILABLE", "VECTOR_UNAVAILABLE", "FP_UNAVAILABLE")
    assert before == unit.state.tobytes()


@pytest.mark.parametrize(("key", "field", "lower"), [
    ("lxv", "XT", "VSX"), ("stxvx", "XS", "VSX"), ("mtvsrdd", "XT", "VSX"),
    ("mfvsrld", "XS", "VSX"),
    ("mfvsrd", "XS", "FP"), ("mtvsrwz", "XT", "FP"), ("xxspltib", "XT", "VSX"),
])  # fmt: skip
@pytest.mark.parametrize("register", [3, 35])
def test_the_facility_goes_by_the_register(key, field, lower, register):
    bit = {"VSX": MSR.VSX, "FP": MSR.FP}[lower]
    wanted = "VECTOR_UNAVAILABLE" if register > 31 else f"{lower}_UNAVAILABLE"
    for missing in (bit, MSR.VEC):
        fields = rows()[key].picture.fields
        other = {name: n for name, n in (("RA", 4), ("RB", 5)) if name in fields}
        outcome = vsx(msr=missing).run(key, **{field: register}, **other)
        is_needed = (missing == MSR.VEC) == (register > 31)
        assert (wanted if is_needed else None) == outcome.detail


@pytest.mark.parametrize("mode", [LE64, BE64, ANY], ids=lambda m: m.name)
@pytest.mark.parametrize(("suffix", "lane"), [("d2x", 8), ("w4x", 4), ("h8x", 2), ("b16x", 1)])
@given(data=st.binary(min_size=16, max_size=16))
def test_elements_go_from_low_to_high_addresses(mode, suffix, lane, data):
    unit = vsx(mode=mode)
    unit.evaluator.memory.store(WINDOW, data)
    unit.run(f"lxv{suffix}", XT=3, RA=4, RB=5)
    order = "big" if mode is BE64 else "little"
    pieces = [data[n : n + lane] for n in range(0, 16, lane)]
    expected = b"".join(int.from_bytes(p, order).to_bytes(lane, "big") for p in pieces)
    assert expected == unit.vsr(3).to_bytes(16, "big")
    unit.state["gpr"][0][5] = 32
    unit.run(f"stxv{suffix}", XS=3, RA=4, RB=5)
    assert data == unit.evaluator.memory.load(WINDOW + 32, 16)


@pytest.mark.parametrize("mode", [LE64, BE64], ids=lambda m: m.name)
def test_whole_registers_are_one_number_in_storage(mode):
    unit = vsx(mode=mode, vs3=int.from_bytes(bytes(range(16)), "big"))
    unit.run("stxv", XS=3, RA=4, DQ=1)
    stored = unit.evaluator.memory.load(WINDOW + 16, 16)
    assert bytes(range(16))[:: 1 if mode is BE64 else -1] == stored


@pytest.mark.parametrize(("key", "size"), [("lxsibzx", 1), ("lxsihzx", 2), ("lxsdx", 8)])
def test_scalar_loads_clear_the_other_doubleword(key, size):
    unit = vsx(vs3=OTHER)
    unit.evaluator.memory.store(WINDOW, b"\xff" * 8)
    unit.run(key, XT=3, RA=4, RB=5)
    assert (1 << 8 * size) - 1 << 64 == unit.vsr(3)


@given(V128, V128, V128)
def test_xxpermr_numbers_bytes_from_the_right(xa, xt, xb):
    left, right = vsx(vs1=xt, vs2=xa, vs3=xb ^ 2**128 - 1), vsx(vs1=xt, vs2=xa, vs3=xb)
    left.run("xxperm", XT=1, XA=2, XB=3)
    right.run("xxpermr", XT=1, XA=2, XB=3)
    assert left.vsr(1) == right.vsr(1)


@given(V128, st.integers(0, 12))
def test_xxinsertw_puts_back_what_xxextractuw_took(x, place):
    unit = vsx(vs1=0, vs2=x)
    unit.run("xxextractuw", XT=1, XB=2, UIM4=place)
    unit.run("xxinsertw", XT=2, XB=1, UIM4=place)
    assert x == unit.vsr(2)


# --- exceptions of vectors


def pair(x: float, y: float) -> int:
    return bits(x) << 64 | bits(y)


@pytest.mark.parametrize(("key", "a", "b", "enable", "raised"), [
    ("xvdivdp", pair(1, 1), pair(4, 0), FPSCR.ZE, FPSCR.ZX),
    ("xvdivdp", pair(0, 1), pair(0, 4), FPSCR.VE, FPSCR.VX | FPSCR.VXZDZ),
    ("xvmuldp", pair(2.0**1000, 1), pair(2.0**1000, 1), FPSCR.OE, FPSCR.OX | FPSCR.XX),
    ("xvmuldp", pair(1, 2.0**-1000), pair(1, 2.0**-1000), FPSCR.UE, FPSCR.UX),
    ("xvdivdp", pair(1, 1), pair(4, 3), FPSCR.XE, FPSCR.XX),
    ("xvsubsp", vector(1, 2, float("inf"), 4), vector(1, 2, float("inf"), 4), FPSCR.VE,
     FPSCR.VX | FPSCR.VXISI),
])  # fmt: skip
@pytest.mark.parametrize("enabled", [False, True])
def test_an_enabled_exception_of_any_element_forbids_the_vector(key, a, b, enable, raised, enabled):
    before = FPSCR.FR | FPSCR.FI | FPSCR.FG | (enable if enabled else 0)
    unit = vsx(before, FE, vs1=OTHER, vs2=a, vs3=b)
    outcome = unit.run(key, XT=1, XA=2, XB=3)
    assert enabled == (OTHER == unit.vsr(1))
    assert (FPSCR.FX | (FPSCR.FEX if enabled else 0)) == unit.fpscr & (FPSCR.FX | FPSCR.FEX)
    kept = FPSCR.FR | FPSCR.FI | FPSCR.FPRF
    assert before & kept == unit.fpscr & kept
    if enable not in (FPSCR.OE, FPSCR.UE):
        assert raised == unit.fpscr & (FPSCR.EXCEPTIONS | FPSCR.VX)
    assert ("PROGRAM_FP_ENABLED" if enabled else None) == outcome.detail


# --- maxima, classes, conversions


@pytest.mark.parametrize(("key", "x", "y", "expected"), [
    ("xsmaxdp", 0, SIGN, 0), ("xsmaxdp", SIGN, 0, 0), ("xsmindp", 0, SIGN, SIGN),
    ("xsmaxdp", NAN, bits(1.0), bits(1.0)), ("xsmaxdp", bits(1.0), SNAN, SNAN | NAN),
    ("xsmaxcdp", 0, SIGN, SIGN), ("xsmaxcdp", NAN, bits(1.0), bits(1.0)),
    ("xsmaxcdp", bits(1.0), SNAN, SNAN), ("xsmincdp", SIGN, 0, 0),
    ("xsmaxjdp", bits(1.0), NAN | 5, NAN | 5), ("xsminjdp", 0, SIGN, SIGN),
])  # fmt: skip
def test_maxima_and_minima_choose_as_the_book_says(key, x, y, expected):
    unit = vsx(vs2=x << 64, vs3=y << 64)
    unit.run(key, XT=1, XA=2, XB=3)
    assert expected == unit.vsr(1) >> 64


@pytest.mark.parametrize(("x", "dcmx"), [
    (NAN, 0x40), (SNAN, 0x40), (INFINITY, 0x20), (SIGN | INFINITY, 0x10), (0, 0x08), (SIGN, 0x04),
    (1, 0x02), (SIGN | 1, 0x01), (bits(1.0), 0),
])  # fmt: skip
@pytest.mark.parametrize("asked", [1 << n for n in range(7)])
def test_a_number_is_in_the_classes_it_is_in(x, dcmx, asked):
    unit = vsx(vs3=x << 64)
    unit.run("xststdcdp", BF=2, XB=3, DCMX=asked)
    code = (8 if x & SIGN else 0) | (2 if asked & dcmx else 0)
    assert code == unit.crf(2)
    assert code << 12 == unit.fpscr & FPSCR.FPCC


@pytest.mark.parametrize(("key", "x", "expected"), [
    ("xvcvspuxws", vector(MISSING, -1, 1e30, 7.9), "00000000_00000000_ffffffff_00000007"),
    ("xvcvspsxws", vector(MISSING, -1.5, 1e30, 7.9), "80000000_ffffffff_7fffffff_00000007"),
    ("xvcvdpsxws", pair(-1, 3), "ffffffff_ffffffff_00000003_00000003"),
    ("xscvdpsp", pair(1.0, 0), "3f800000_3f800000_00000000_00000000"),
])  # fmt: skip
def test_conversions_place_words_as_POWER9_does(key, x, expected):
    unit = vsx(vs3=x)
    unit.run(key, XT=1, XB=3)
    assert int(expected, 16) == unit.vsr(1)


def test_a_conversion_of_a_signalling_single_makes_it_quiet_or_does_not():
    snan = 0x7F800001 << 96
    unit = vsx(vs3=snan)
    unit.run("xscvspdpn", XT=1, XB=3)
    assert 0x7FF0000020000000 == unit.vsr(1) >> 64
    assert 0 == unit.fpscr
    unit.run("xscvspdp", XT=1, XB=3)
    assert 0x7FF8000020000000 == unit.vsr(1) >> 64
    assert unit.fpscr & FPSCR.VXSNAN


@given(V128)
def test_round_to_odd_never_ends_in_a_tie(x):
    unit = vsx(vs34=x, vs35=0x3FFF << 112 | 1, vs33=0)
    unit.run("xsmulqpo", VRT=1, VRA=2, VRB=3)
    if unit.fpscr & FPSCR.FI and not unit.fpscr & FPSCR.OX:
        assert unit.vsr(33) & 1
