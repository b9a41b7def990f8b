"""Laws of fixed-point instructions that no recorded vector covers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_insn import WINDOW, Machine

from jitppc.frontend import rtl
from jitppc.ir.builder import ANY, BE64, LE64, Builder

U64 = st.integers(0, 2**64 - 1)
MASK64 = 2**64 - 1


def value_of(machine, key, before, result="r3", **fields):
    assert machine.run(key, before, **fields).kind == "next"
    return machine[result]


# --- arithmetic ----------------------------------------------------------------------------------
@given(divisor=st.one_of(U64, st.integers(1, 300), st.integers(2**64 - 9, 2**64 - 1)), seed=U64)
def test_the_extended_quotient_is_exact(divisor, seed):
    divisor = max(divisor, 1)
    high = random.Random(seed).choice((seed % divisor, divisor - 1, 0))
    b = Builder()
    quotient = rtl.DIVIDE_EXTENDED(b, b.const(high), b.const(divisor))
    assert quotient.constant == (high << 64) // divisor


@given(ra=U64, rb=U64)
def test_addg6s_puts_6_where_no_nibble_carries(ra, rb):
    found = value_of(Machine(), "addg6s", {"r4": ra, "r5": rb}, RT=3, RA=4, RB=5)
    expected = 0
    for nibble in range(16):
        below = (1 << 4 * nibble + 4) - 1
        if (ra & below) + (rb & below) <= below:
            expected |= 6 << 4 * nibble
    assert found == expected


@given(ra=U64, rb=U64, ov=st.booleans())
def test_addex_carries_through_OV_and_leaves_CA_and_SO(ra, rb, ov):
    machine = Machine()
    before = {"r4": ra, "r5": rb, "xer": 0xA0040000 | ov << 30}
    total = ra + rb + ov
    assert value_of(machine, "addex", before, RT=3, RA=4, RB=5) == total & MASK64
    low = (ra & 0xFFFFFFFF) + (rb & 0xFFFFFFFF) + ov
    assert machine["xer"] == 0xA0040000 | total >> 64 << 30 | low >> 32 << 19


def test_darn_gives_32_bits_64_bits_or_the_error():
    for _ in range(20):
        assert value_of(Machine(), "darn", {}, RT=3, L=0) < 2**32
    assert value_of(Machine(), "darn", {}, RT=3, L=3) == MASK64


# --- decimal -------------------------------------------------------------------------------------
def bcd(number, digits=3):
    return int(f"{number:0{digits}d}", 16)


def test_declets_and_digits_convert_both_ways():
    """All of 0 to 999, in the four places; the 24 redundant declets decode too."""
    seen = set()
    for number in range(1000):
        digits = bcd(number) * 0x0000100100001001
        declets = value_of(Machine(), "cbcdtd", {"r4": digits}, RS=4, RA=3)
        declet = declets & 0x3FF
        assert declets == declet * (0x401 | 0x401 << 32)
        assert value_of(Machine(), "cdtbcd", {"r4": declets}, RS=4, RA=3) == digits
        seen.add(declet)
    assert len(seen) == 1000
    for declet in set(range(1024)) - seen:
        digits = value_of(Machine(), "cdtbcd", {"r4": declet}, RS=4, RA=3)
        canonical = value_of(Machine(), "cbcdtd", {"r4": digits}, RS=4, RA=3)
        assert canonical == declet & 0x0FF


# --- storage -------------------------------------------------------------------------------------
def test_a_load_with_update_into_its_base_keeps_what_was_loaded():
    machine = Machine()
    machine.memory.data[8:16] = (77).to_bytes(8, "little")
    assert value_of(machine, "ldu", {"r3": WINDOW}, RT=3, RA=3, DS=2) == 77


def test_update_forms_write_the_whole_sum_in_32_bit_mode():
    machine = Machine(ANY)
    machine.narrow()
    machine.memory.data[4] = 9
    before = {"r4": 0x5_0000_0000 + WINDOW}
    assert value_of(machine, "lbzu", before, RT=3, RA=4, D=4) == 9
    assert machine["r4"] == 0x5_0000_0004 + WINDOW


@pytest.mark.parametrize(("little", "reverse"), [(True, False), (False, True)])
def test_byte_order_is_the_modes_or_the_other(little, reverse):
    machine = Machine(ANY)
    machine.state["little"] = int(little)
    machine.memory.data[:4] = bytes([1, 2, 3, 4])
    key = "lwbrx" if reverse else "lwzx"
    assert value_of(machine, key, {"r5": WINDOW}, RT=3, RA=0, RB=5) == 0x04030201


@pytest.mark.parametrize(("mode", "order"), [(LE64, "little"), (BE64, "big")])
def test_quadwords_have_their_high_half_in_the_even_register(mode, order):
    machine = Machine(mode)
    number = 0x0123456789ABCDEF_FEDCBA9876543210
    machine.memory.data[:16] = number.to_bytes(16, order)
    assert value_of(machine, "lq", {"r5": WINDOW}, "r6", RTp=6, RA=5) == number >> 64
    assert machine["r7"] == number & MASK64
    machine.run("stq", {}, RSp=6, RA=5, DS=8)
    assert machine.memory.data[32:48] == number.to_bytes(16, order)


STRINGS = ("lmw", "stmw", "lswi", "lswx", "stswi", "stswx")


@pytest.mark.parametrize("key", STRINGS)
def test_multiples_and_strings_raise_an_alignment_interrupt_in_little_endian_mode(key):
    fields = {"RB": 5} if key.endswith("x") else {}
    outcome = Machine().run(key, {"r4": WINDOW, "xer": 4}, RA=4, **fields)
    assert (outcome.kind, outcome.detail, outcome.value) == ("interrupt", "ALIGNMENT", WINDOW)


def test_multiples_and_strings_call_their_routine_in_big_endian_mode():
    def call(key, **fields):
        outcome = Machine(BE64).run(key, {"r4": WINDOW, "r5": 8, "xer": 5}, **fields)
        assert outcome.kind == "helper"
        return outcome.detail

    assert call("lmw", RT=29, RA=4, D=4) == ("load_string", (29, WINDOW + 4, 12))
    assert call("stmw", RS=31, RA=4) == ("store_string", (31, WINDOW, 4))
    assert call("lswi", RT=3, RA=4, NB=7) == ("load_string", (3, WINDOW, 7))
    assert call("stswi", RS=3, RA=4, NB=0) == ("store_string", (3, WINDOW, 32))
    assert call("lswx", RT=3, RA=4, RB=5) == ("load_string", (3, WINDOW + 8, 5))
    assert call("stswx", RS=3, RA=4, RB=5) == ("store_string", (3, WINDOW + 8, 5))


# --- reservations and atomics --------------------------------------------------------------------
def test_a_conditional_store_succeeds_once():
    machine = Machine()
    machine.run("lwarx", {"r5": WINDOW}, RT=3, RB=5)
    machine.run("stwcx.", {"r3": 5}, RS=3, RB=5)
    assert (machine["cr"] >> 28, machine.memory.data[0]) == (2, 5)
    machine.run("stwcx.", {"r3": 6, "xer": 1 << 31}, RS=3, RB=5)
    assert (machine["cr"] >> 28, machine.memory.data[0]) == (1, 5)


def amo(key, memory, offset=0, size=8, **before):
    machine = Machine()
    data = b"".join(value.to_bytes(size, "little") for value in memory)
    machine.memory.data[: len(data)] = data
    register = {"RT": 3} if key.startswith("l") else {"RS": 3}
    outcome = machine.run(key, {"r5": WINDOW + offset * size, **before}, RA=5, **register)
    assert (outcome.kind, outcome.nia) == ("next", 0x10004)
    after = bytes(machine.memory.data[: len(data)])
    values = [int.from_bytes(after[n : n + size], "little") for n in range(0, len(data), size)]
    return machine["r3"], values


def test_fetch_and_operate():
    assert amo("ldat.0", [10], r4=5) == (10, [15])
    assert amo("ldat.1", [10], r4=6) == (10, [12])
    assert amo("ldat.4", [10], r4=MASK64) == (10, [MASK64])
    assert amo("ldat.5", [10], r4=MASK64) == (10, [10])
    assert amo("ldat.8", [10], r4=6) == (10, [6])
    assert amo("lwat.7", [3], size=4, r4=0x5_FFFFFFFF) == (3, [0xFFFFFFFF])


def test_compare_and_swap_not_equal():
    assert amo("ldat.16", [10], r4=10, r5=WINDOW) == (10, [10])
    assert amo("ldat.16", [11], r4=10, r5=WINDOW) == (11, [WINDOW])


def test_bounded_increments_stop_at_the_neighbour():
    assert amo("ldat.24", [10, 12]) == (10, [11, 12])
    assert amo("ldat.24", [12, 12]) == (1 << 63, [12, 12])
    assert amo("ldat.25", [12, 12]) == (12, [13, 12])
    assert amo("lwat.28", [7, 9], offset=1, size=4) == (9, [7, 8])
    assert amo("lwat.28", [9, 9], offset=1, size=4) == (1 << 31, [9, 9])


def test_atomics_whose_neighbour_is_in_another_block_are_misaligned():
    for key, offset in (("ldat.24", 24), ("lwat.25", 28), ("ldat.28", 32), ("stdat.24", 24)):
        outcome = Machine().run(key, {"r5": WINDOW + offset}, RA=5)
        assert (outcome.kind, outcome.detail) == ("interrupt", "ALIGNMENT")


def test_store_twin_writes_both_or_none():
    assert amo("stdat.24", [4, 4], r3=9) == (9, [9, 9])
    assert amo("stdat.24", [4, 5], r3=9) == (9, [4, 5])


# --- copy and paste ------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["copy", "paste."])
def test_an_unaligned_copy_or_paste_raises_an_alignment_interrupt(key):
    outcome = Machine().run(key, {"r5": WINDOW + 64}, RB=5, L=1)
    assert (outcome.detail, outcome.value) == ("ALIGNMENT", WINDOW + 64)
