"""Facts about silicon where an emulator errs, one test each. The names of the tests give the entry:
`wrong` are architecture-visible defects of QEMU, `open` what the book leaves open and we do as
POWER9 does, `silicon` what was seen on POWER9.
"""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from one_insn import CIA, WINDOW, Machine, window, word_of
from runtime_bench import native_machine_check

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.levels import MODELS, in_model
from jitppc.frontend.translate import translate_word
from jitppc.fuzz.differences import differing
from jitppc.fuzz.references import dpd, open_reference
from jitppc.fuzz.references.observed import ObservedRecording
from jitppc.ir.builder import LE64
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR

ONE = 0x3FF0000000000000
SNAN, QNAN, INFINITY = 0x7FF0000000000001, 0x7FF8000000000000, 0x7FF0000000000000
SIGN = 1 << 63
LEAST = 1 << 63


def machine(**gprs: int) -> Machine:
    m = Machine()
    for name, value in gprs.items():
        m.state[0]["gpr"][int(name[1:])] = value & 2**64 - 1
    return m


def put(m: Machine, number: int, high: int, low: int = 0) -> None:
    m.state[0]["vsr"][number] = [low, high]


def vsr(m: Machine, number: int) -> int:
    low, high = (int(v) for v in m.state[0]["vsr"][number])
    return high << 64 | low


def cr(m: Machine, field: int = 0) -> int:
    return int(m.state[0]["crf"][field])


def run_word(m: Machine, word: int):
    return Evaluator(m.state, m.memory).run(translate_word(word, LE64), CIA)


# --- where QEMU is wrong
RESERVED = {  # rows with a reserved bit to set
    "neg": 1 << 11, "addme": 1 << 11, "addze": 1 << 11, "subfme": 1 << 11, "subfze": 1 << 11,
    "mulhw": 1 << 10, "mulhd": 1 << 10, "modud": 1, "modsw": 1, "isel": 1, "popcntd": 1,
    "popcntb": 1 << 11, "prtyd": 1, "cmpb": 1, "sync": 1 << 11, "crand": 1, "mtcrf": 1 << 11,
    "mfcr": 1 << 11, "mfspr.CTR": 1, "isync": 1 << 16, "mulhwu": 1 << 10, "mulhdu": 1 << 10,
    "moduw": 1, "modsd": 1, "popcntw": 1, "prtyw": 1 << 11, "creqv": 1, "mtocrf": 1, "mfocrf": 1,
}  # fmt: skip


@pytest.mark.parametrize("key", RESERVED)
def test_wrong_1_reserved_bits_are_ignored(key):
    plain = word_of(key, **({"FXM": 255} if key == "mtcrf" else {}))
    assert rows()[key] is decode(plain | RESERVED[key]).row
    with_bit, without = machine(r0=5), machine(r0=5)
    run_word(with_bit, plain | RESERVED[key])
    run_word(without, plain)
    assert with_bit.state.tobytes() == without.state.tobytes()


@pytest.mark.parametrize("model", ["power8", "power9", "power10"])
def test_wrong_2_icbt_is_an_instruction(model):
    assert "icbt" == decode(word_of("icbt"), MODELS[model]).row.key
    assert "next" == machine().run("icbt").kind


def test_wrong_3_mtxer_loses_bits_35_to_43():
    m = machine(r3=-1)
    m.run("mtspr.XER", RS=3)
    m.run("mfspr.XER", RT=4)
    assert 0xE00FFFFF == m["r4"]


@pytest.mark.parametrize(
    ("dividend", "divisor"), [(1, 1), (-1, 1), (LEAST, 1), (1 << 62, 2), (3, 3), (-(1 << 62), -1)]
)
def test_wrong_4_divdeo_notices_every_overflow(dividend, divisor):
    """(dividend || 64 zeros) / divisor: the quotient has no room in any of these cases."""
    m = machine(r3=dividend, r4=divisor, r5=7)
    m.run("divde", RT=5, RA=3, RB=4, OE=1)
    s = m.state[0]
    assert (0, 1, 1) == (m["r5"], s["ov"], s["so"])


def test_wrong_5_xsnmsubqpo_rounds_to_odd():
    """-(1 * 1 - 2**-200) rounded to odd ends in 1."""
    m = machine()
    put(m, 32, 0x3FFF000000000000)
    put(m, 33, 0x3FFF000000000000)
    put(m, 34, (0x3FFF - 200) << 48)
    m.run("xsnmsubqpo", VRT=2, VRA=0, VRB=1)
    assert 0xBFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFF == vsr(m, 34)


#: 1 as a decimal of 34 digits and of 16, and a NaN's combination field
DECIMAL_ONE_LONG, DECIMAL_ONE = 0x2208000000000000 << 64 | 1, 0x2238000000000001
DECIMAL_QNAN = 0x7C00000000000000


def test_wrong_6_drdpq_puts_its_result_into_the_even_register():
    m = machine()
    put(m, 4, DECIMAL_ONE_LONG >> 64)
    put(m, 5, DECIMAL_ONE_LONG & 2**64 - 1)
    put(m, 2, 7)
    put(m, 3, 9)
    m.run("drdpq", FRTp=2, FRBp=4)
    assert DECIMAL_ONE == vsr(m, 2) >> 64


@pytest.mark.parametrize(("payload", "kept"), [(1, 1), (999_999, 999_999), (1_234_567, 234_567)])
def test_wrong_7_drsp_keeps_payloads_that_fit_a_short_decimal(payload, kept):
    """Six digits fit. Ref: Book I 5.6.5.1."""
    m = machine()
    put(m, 4, DECIMAL_QNAN | declets(payload))
    m.run("drsp", FRT=2, FRB=4)
    assert 0x7C000000 | declets(kept) == vsr(m, 2) >> 64


def declets(value: int) -> int:
    """Decimal digits as densely packed decimals, by the published table (dpd.py)."""
    packed = 0
    for place in range(5):
        packed |= dpd.declet(value // 1000**place % 1000) << 10 * place
    return packed


def test_wrong_8_a_decimal_sum_of_zero_is_equal_and_not_greater():
    m = machine()
    put(m, 33, 0, 0x1C)
    put(m, 34, 0, 0x1D)
    m.run("bcdadd.", VRT=0, VRA=1, VRB=2)
    assert 2 == cr(m, 6)


def packed(value: int) -> int:
    """A signed packed decimal with the preferred sign codes."""
    return int(f"{abs(value):031d}{'D' if value < 0 else 'C'}", 16)


@pytest.mark.parametrize(("key", "source", "other", "expected", "field6"), [
    ("bcdctsq.", packed(-1234567), None, -1234567 & 2**128 - 1, 8),
    ("bcdcfsq.", -1234567 & 2**128 - 1, None, packed(-1234567), 8),
    ("bcdtrunc.", packed(-1234567), 3 << 64, packed(-567), 9),
    ("bcdtrunc.", packed(567), 3 << 64, packed(567), 4),
    ("bcds.", packed(12), 3 << 64, packed(12000), 4),
    ("bcds.", packed(-4), 31 << 64, packed(-0) & ~0xF | 0xD, 9),
    ("bcdsr.", packed(1250), (-2 & 255) << 64, packed(13), 4),
])  # fmt: skip
def test_wrong_8_decimals_compare_their_source_with_zero(key, source, other, expected, field6):
    """CR6 as on POWER9: digits that are lost count, and are told in SO."""
    m = machine()
    put(m, 33, source >> 64, source & 2**64 - 1)
    put(m, 34, 0 if other is None else other >> 64, 0)
    names = {"VRB": 1} if other is None else {"VRA": 2, "VRB": 1}
    m.run(key, VRT=0, **names, **({} if key == "bcdctsq." else {"PS": 0}))
    assert (f"{expected:032x}", field6) == (f"{vsr(m, 32):032x}", cr(m, 6))


def test_wrong_8_vmul10euq_adds_the_digit_of_its_second_operand():
    m = machine()
    put(m, 33, 0, 12)
    put(m, 34, 0, 7)
    m.run("vmul10euq", VRT=0, VRA=1, VRB=2)
    assert 127 == vsr(m, 32)


@pytest.mark.parametrize(("x", "y"), [(0, SIGN), (SIGN, 0)])
def test_wrong_9_xsmaxcdp_of_equal_zeros_is_the_second(x, y):
    """As C's x > y ? x : y. Ref: Book I 7.6.3."""
    m = machine()
    put(m, 1, x)
    put(m, 2, y)
    m.run("xsmaxcdp", XT=0, XA=1, XB=2)
    assert y == vsr(m, 0) >> 64


@pytest.mark.parametrize("sign", [0, SIGN])
def test_wrong_10_fres_of_zero_is_infinite(sign):
    m = machine()
    put(m, 1, sign)
    m.run("fres", FRT=0, FRB=1)
    assert sign | INFINITY == vsr(m, 0) >> 64


@pytest.mark.parametrize("tier", ["evaluator", "interp", "exact", "regions"])
@pytest.mark.parametrize("model", ["power9", "power10"])
def test_wrong_11_copy_and_paste_do_what_others_have_seen(model, tier):
    """And wait and icbt: see references/observed.py."""
    seen, ours = ObservedRecording(model), open_reference(tier, model)
    batch, theirs, _ = seen.part(0, len(seen))
    found = ours.run(batch)
    ours.close()
    assert list(theirs["kind"]) == list(found["kind"])
    assert not differing(batch, found, theirs, None, seen).any()


def test_wrong_12_fnmadds_rounds_before_it_negates():
    """RN = up: -(1 + 2**-60) rounds away from the negation's side."""
    m = machine()
    for number, bits in ((1, ONE), (2, ONE), (3, (0x3FF - 60) << 52)):
        put(m, number, bits)
    m.state[0]["fpscr"] = 2
    m.run("fnmadds", FRT=0, FRA=1, FRC=2, FRB=3)
    assert SIGN | ONE + (1 << 29) == vsr(m, 0) >> 64


def test_wrong_13_stqcx_succeeds():
    m = machine(r3=WINDOW, r6=1, r7=2)
    m.run("lqarx", RTp=4, RA=0, RB=3)
    m.run("stqcx.", RSp=6, RA=0, RB=3)
    assert 2 == cr(m)
    assert struct.pack("<QQ", 2, 1) == bytes(m.memory.data[:16])


def test_wrong_14_a_NaN_as_unsigned_word_is_0():
    m = machine()
    put(m, 1, 0x7FC000007F800001, 0xFFC000007FC00000)
    m.run("xvcvspuxws", XT=0, XB=1)
    assert 0 == vsr(m, 0)


def test_wrong_15_wait_ends():
    assert "next" == machine().run("wait").kind


WORDS = {"DSISR": 18, "PIDR": 48, "VRSAVE": 256, **{f"PMC{n}": 786 + n for n in range(1, 7)}}


@pytest.mark.parametrize("name", WORDS)
def test_wrong_16_registers_of_32_bits_keep_32_bits(name):
    m = machine(r3=-1)
    m.state[0]["msr"] &= ~np.uint64(MSR.PR)
    outcome = m.run(f"mtspr.{name}", RS=3)
    if name == "PIDR":                        # the routine truncates
        assert ("mtpid", (2**64 - 1, 0, 0)) == outcome.detail
        return
    if name.startswith("PMC"):                # the routine keeps what it is given
        assert ("mtpmu", (WORDS[name], 2**32 - 1, 2**64 - 1)) == outcome.detail
        return
    m.run(f"mfspr.{name}", RT=4)
    assert 0xFFFFFFFF == m["r4"]


def test_wrong_16_ctrl_has_one_bit():
    m = machine(r3=-1)
    m.state[0]["msr"] &= ~np.uint64(MSR.PR)
    assert ("mtpmu", (152, 1, 2**64 - 1)) == m.run("mtspr.CTRL", RS=3).detail


def test_wrong_17_an_unaligned_stwcx_is_an_alignment_interrupt():
    outcome = machine(r3=WINDOW + 2).run("stwcx.", RS=4, RA=0, RB=3)
    assert ("interrupt", "ALIGNMENT", WINDOW + 2) == (outcome.kind, outcome.detail, outcome.value)


@pytest.mark.parametrize("enabled", [True, False])
def test_wrong_18_an_invalid_real_address_is_a_machine_check(enabled):
    """With MSR[ME] = 0 the processor stops."""
    assert ("machine check" if enabled else "checkstop") == native_machine_check(enabled)


def test_wrong_19_an_unaligned_copy_is_an_alignment_interrupt():
    assert "ALIGNMENT" == machine(r3=WINDOW + 64).run("copy", RA=0, RB=3, L=1).detail


def test_wrong_20_a_transaction_fails_as_the_architecture_says():
    m = machine()
    m.state[0]["msr"] |= np.uint64(MSR.TM)
    m.run("tbegin.", R=0)
    spr = m.state[0]["spr"]
    assert (0b1010, CIA + 4, CIA | 1) == (cr(m), int(spr[128]), int(spr[129]))
    failed = 1 << 63 - 7 | 1 << 63 - 9 | 1 << 63 - 35 | 1 << 63 - 36 | 1 << 63 - 37
    assert failed == int(spr[130])
    assert not in_model(rows()["tbegin."], "power10")


# --- what the book leaves open
def test_open_1_words_of_products_and_quotients_fill_the_register_as_on_POWER9():
    m = machine(r3=0x80000000, r4=4)
    m.run("mulhw", RT=5, RA=3, RB=4, Rc=1)
    assert 0xFFFFFFFEFFFFFFFE == m["r5"]
    m.run("divw", RT=5, RA=3, RB=4, OE=0, Rc=1)
    assert (0xE0000000, 4) == (m["r5"], cr(m))


@pytest.mark.parametrize("key", ["divw", "divwu", "divd", "divdu", "divwe", "modsw", "modud"])
def test_open_2_a_quotient_that_does_not_exist_is_0(key):
    m = machine(r3=9, r4=0, r5=1)
    fields = {} if key.startswith("mod") else {"OE": 0, "Rc": 0}
    m.run(key, RT=5, RA=3, RB=4, **fields)
    assert 0 == m["r5"]


@pytest.mark.parametrize(("fxm", "field"), [(0, 7), (0x41, 1), (0xFF, 0)])
def test_open_3_mfocrf_takes_the_first_field(fxm, field):
    m = machine()
    m.state[0]["crf"] = [1, 2, 3, 4, 5, 6, 7, 8]
    m.run("mfocrf", RT=5, FXM=fxm)
    assert field + 1 << 28 - 4 * field == m["r5"]


@pytest.mark.parametrize(("key", "expected"), [("fre", 0.25), ("frsqrte", 0.5)])
def test_open_4_estimates_are_near(key, expected):
    m = machine()
    put(m, 1, struct.unpack(">Q", struct.pack(">d", 4.0))[0])
    m.run(key, FRT=0, FRB=1)
    found = struct.unpack(">d", (vsr(m, 0) >> 64).to_bytes(8, "big"))[0]
    assert abs(found - expected) <= expected / 32


@pytest.mark.parametrize(("key", "expected"), [
    ("vrefp", 0.25), ("vrsqrtefp", 0.5), ("vlogefp", 2.0), ("vexptefp", 16.0),
])  # fmt: skip
def test_open_4_vector_estimates_are_near(key, expected):
    m = machine()
    put(m, 33, 0x4080000040800000, 0x4080000040800000)
    m.run(key, VRT=0, VRB=1)
    (found,) = struct.unpack(">f", (vsr(m, 32) >> 96).to_bytes(4, "big"))
    assert abs(found - expected) <= expected / 16


@pytest.mark.parametrize("key", [k for k in rows() if k.startswith("vdive")])
def test_open_5_vector_quotients_without_room_are_0(key):
    m = machine()
    put(m, 33, 2**64 - 1, 2**64 - 1)
    m.run(key, VRT=0, VRA=1, VRB=2)
    assert 0 == vsr(m, 32)


@pytest.mark.parametrize("key", ["lxsibzx", "lxsihzx"])
def test_open_6_scalar_loads_clear_the_other_doubleword(key):
    m = Machine(memory=window(b"\xff" * 16))
    m.state[0]["gpr"][3] = WINDOW
    put(m, 1, 5, 7)
    m.run(key, XT=1, RA=0, RB=3)
    assert 0 == vsr(m, 1) & 2**64 - 1


def test_open_7_invalid_digits_are_told_in_CR6():
    m = machine()
    put(m, 33, 0xA << 60, 0xC)
    put(m, 34, 0, 0x1C)
    m.run("bcdadd.", VRT=0, VRA=1, VRB=2)
    assert 1 == cr(m, 6)


@pytest.mark.parametrize("key", ["xsrqpi", "xsrqpix", "xsrqpxp"])
@pytest.mark.parametrize("rmc", [1, 2])
def test_open_8_reserved_rounding_modes_round_as_RN_says(key, rmc):
    reserved, current = machine(), machine()
    for m, mode in ((reserved, rmc), (current, 3)):
        put(m, 33, 0x4000400000000000, 1)      # 2.5 and a little
        m.state[0]["fpscr"] = 2
        m.run(key, VRT=0, VRB=1, R=0, RMC=mode)
    assert vsr(current, 32) == vsr(reserved, 32)


# --- what POWER9 does
def test_silicon_1_rc_of_an_instruction_without_dot_form_changes_no_CR():
    m = machine(r3=7, r4=2)
    m.state[0]["crf"][0] = 9
    run_word(m, word_of("modud", RT=5, RA=3, RB=4) | 1)
    assert (1, 9) == (m["r5"], cr(m))


def test_silicon_2_mulhw_compares_the_doubled_word():
    m = machine(r3=0xFFFFFFFF, r4=0xFFFFFFFF)
    m.run("mulhwu", RT=5, RA=3, RB=4, Rc=1)
    assert (0xFFFFFFFEFFFFFFFE, 8) == (m["r5"], cr(m))


@pytest.mark.parametrize("key", ["divw", "divwu", "divwe", "divweu"])
def test_silicon_3_word_quotients_are_never_negative(key):
    m = machine(r3=-8 if key != "divweu" else 1, r4=16 if key[3:] == "we" else 2)
    m.run(key, RT=5, RA=3, RB=4, OE=0, Rc=1)
    assert m["r5"] >> 32 == 0
    assert 4 == cr(m)


@pytest.mark.parametrize("key", ["divw", "divd", "divdu", "divwu", "divde", "divwe"])
def test_silicon_4_division_by_zero_says_overflow_everywhere(key):
    m = machine(r3=5, r4=0, r5=9)
    m.run(key, RT=5, RA=3, RB=4, OE=1, Rc=1)
    s = m.state[0]
    assert (0, 3, 1, 1, 1) == (m["r5"], cr(m), s["ov"], s["ov32"], s["so"])


def test_silicon_5_remainders_extend_their_word():
    m = machine(r3=-7, r4=4)
    m.run("modsw", RT=5, RA=3, RB=4)
    assert 2**64 - 3 == m["r5"]
    m.run("moduw", RT=5, RA=3, RB=4)
    assert 1 == m["r5"]
    m = machine(r3=0x80000000, r4=-1, r5=3)
    m.run("modsw", RT=5, RA=3, RB=4)
    assert 0 == m["r5"]


def test_silicon_6_bit_20_tells_mfcr_from_mfocrf():
    assert "mfcr" == decode(0x7C600026).row.key
    assert "mfocrf" == decode(0x7C600026 | 1 << 20).row.key
    m = machine(r3=0x12345678)
    m.run("mtocrf", RS=3, FXM=0)
    assert [0] * 7 + [8] == list(m.state[0]["crf"])


def test_silicon_7_XER_has_22_bits():
    m = machine(r3=0x1FFFFFFFF)
    m.run("mtspr.XER", RS=3)
    m.run("mfspr.XER", RT=4)
    assert 0xE00FFFFF == m["r4"]


def test_silicon_8_CA32_of_sums_and_of_shifts():
    m = machine(r3=0xFFFFFFFF, r4=1)
    m.run("addc", RT=5, RA=3, RB=4, OE=0, Rc=0)
    assert (0, 1) == (m.state[0]["ca"], m.state[0]["ca32"])
    m = machine(r3=-1, r4=4)
    m.run("srad", RA=5, RS=3, RB=4, Rc=0)
    assert (1, 1) == (m.state[0]["ca"], m.state[0]["ca32"])


@pytest.mark.parametrize("moved", [0, 8, 56])
def test_silicon_9_a_conditional_store_needs_the_granule_only(moved):
    m = machine(r3=WINDOW, r4=WINDOW + moved, r5=1)
    m.run("lwarx", RT=6, RA=0, RB=3)
    m.run("stdcx.", RS=5, RA=0, RB=4)
    assert 2 == cr(m)
    m.run("stdcx.", RS=5, RA=0, RB=4)
    assert 0 == cr(m)


def test_silicon_10_bc_writes_LR_whether_or_not_taken_and_CTR_is_64_bits():
    m = machine()
    m.state[0]["spr"][9] = 1 << 32
    outcome = m.run("bc", BO0=1, BO1=0, BO2=0, BO3=1, LK=1, BD=64)     # bdzl: not taken
    assert CIA + 4 == outcome.nia
    assert (CIA + 4, (1 << 32) - 1) == (m["lr"], m["ctr"])


@pytest.mark.parametrize("key", ["ldx", "lwzx", "lhbrx", "ldbrx", "lxvx", "lvx"])
def test_silicon_11_unaligned_loads_are_done(key):
    m = Machine(memory=window(bytes(range(64))))
    m.state[0]["gpr"][3] = WINDOW + 3
    name = {"lxvx": "XT", "lvx": "VRT"}.get(key, "RT")
    assert "next" == m.run(key, **{name: 5}, RA=0, RB=3).kind


def test_each_fact_in_the_documentation_has_its_test_here():
    text = (Path(__file__).parents[2] / "docs/silicon.md").read_text(encoding="utf-8")
    shown = {name for name in globals() if re.match(r"test_(wrong|open|silicon)_", name)}
    assert shown == set(re.findall(r"`(test_\w+)`", text))
