"""Laws that hold between forms of an instruction, over all rows that have them, in tier 0.

Many states at once: the cases of the fuzzer, run by the interpreter.
"""

import numpy as np
import pytest

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.levels import in_model
from jitppc.fuzz.cases import MEMORY, MEMORY_BYTES, USER_LE64, Batch, Flag, Kind
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.generate_memory import address, compute, touches_memory
from jitppc.fuzz.references import open_reference
from jitppc.ir.layout import MSR

MODEL = "power9"
CASES = 256
ROWS = [row for _, row in sorted(rows().items()) if in_model(row, MODEL)]
#: what bits of FPSCR CR1 repeats
FPSCR_TO_CR1 = 28


@pytest.fixture(scope="module")
def interp():
    side = open_reference("interp", MODEL)
    yield side
    side.close()


def cases_of(row, msr=USER_LE64, count=CASES, number=0):
    """Cases of one row, each with another word."""
    return Generator([row], MODEL, [msr]).batch("single", count, 7, number).batch.cases


def with_bit(cases, row, name, value):
    """The cases with a flag of their word set or cleared."""
    shift, _ = row.picture.fields[name]
    changed = cases.copy()
    last = row.picture.bits // 32 - 1
    changed["words"][:, last] &= np.uint32(~(1 << shift) & 0xFFFFFFFF)
    changed["words"][:, last] |= np.uint32(value << shift)
    return changed


def run(side, cases):
    return side.run(Batch(cases, MODEL))


def same(a, b, but=()):
    """Whether outcomes agree, case by case, in all but some fields of the state."""
    equal = (a["kind"] == b["kind"]) & (a["memory"] == b["memory"]).all(axis=1)
    for name in a["state"].dtype.names:
        if name not in but:
            differ = a["state"][name] != b["state"][name]
            equal &= ~differ.any(axis=tuple(range(1, differ.ndim)))
    return equal


RECORDING = [row for row in ROWS if "Rc" in row.flags]


@pytest.mark.parametrize("row", RECORDING, ids=[row.key for row in RECORDING])
def test_the_record_form_is_the_plain_form_and_a_cr_field(row, interp):
    """CR0 compares the result with 0 and copies SO; CR1 copies FPSCR[FX:OX]; CR6 is a vector's."""
    cases = cases_of(row)
    plain = run(interp, with_bit(cases, row, "Rc", 0))
    record = run(interp, with_bit(cases, row, "Rc", 1))
    ran = (plain["kind"] == Kind.NEXT) & (record["kind"] == Kind.NEXT)
    assert ran.any()
    assert same(plain, record, but=("cr",))[ran].all()
    if row.form == "VC" or row.name.startswith("xv"):
        fields = 0x000000F0  # CR6
    elif any(name.startswith("FR") for name in row.picture.fields) or row.name.startswith("mtfs"):
        fields = 0x0F000000
        expected = record["state"]["fpscr"] >> np.uint64(FPSCR_TO_CR1) & np.uint64(15)
        cr1 = record["state"]["cr"] >> np.uint64(24) & np.uint64(15)
        assert np.array_equal(expected[ran], cr1[ran])
    else:
        fields = 0xF0000000
        so = record["state"]["xer"] >> np.uint64(31) & np.uint64(1)
        cr0 = record["state"]["cr"] >> np.uint64(28) & np.uint64(15)
        assert np.array_equal(so[ran], (cr0 & np.uint64(1))[ran])
        assert np.isin(cr0[ran] >> np.uint64(1), (1, 2, 4)).all()
        _compares_the_target(row, cases, record, cr0, ran)
    changed = plain["state"]["cr"] ^ record["state"]["cr"]
    assert not (changed & np.uint64(~fields & 0xFFFFFFFF))[ran].any()


def _compares_the_target(row, cases, record, cr0, ran):
    target = next((name for name in ("RT", "RA") if name in row.asm.split(",")[0]), None)
    assert target, row.asm
    shift, _ = row.picture.fields[target]
    number = cases["words"][:, 0] >> np.uint32(shift) & np.uint32(31)
    value = record["state"]["gpr"][np.arange(len(cases)), number].view(np.int64)
    sign = np.select([value < 0, value > 0], [4, 2], 1)
    assert np.array_equal(sign[ran], (cr0 >> np.uint64(1))[ran])


OVERFLOWING = [row for row in ROWS if "OE" in row.flags]


@pytest.mark.parametrize("row", OVERFLOWING, ids=[row.key for row in OVERFLOWING])
def test_oe_changes_nothing_but_overflow_bits(row, interp):
    """OV, OV32 and SO; SO only ever gets set. CR0 may copy it."""
    cases = with_bit(cases_of(row), row, "Rc", 0)
    plain, overflow = (run(interp, with_bit(cases, row, "OE", oe)) for oe in (0, 1))
    assert same(plain, overflow, but=("xer",)).all()
    changed = plain["state"]["xer"] ^ overflow["state"]["xer"]
    assert not (changed & ~np.uint64(0xC0080000)).any()
    before, after = (s["state"]["xer"] >> np.uint64(31) & np.uint64(1) for s in (cases, overflow))
    ov = overflow["state"]["xer"] >> np.uint64(30) & np.uint64(1)
    assert np.array_equal(before | ov, after)


UPDATING = [
    (row, rows()[row.key.replace("ux", "x") if row.key.endswith("ux") else row.key[:-1]])
    for row in ROWS
    if row.picture.fields.keys() >= {"RA"}
    and (row.key.endswith("ux") or row.key.endswith("u"))
    and (row.key.replace("ux", "x") if row.key.endswith("ux") else row.key[:-1]) in rows()
    and row.key[0] in "ls"
]


@pytest.mark.parametrize(("update", "plain"), UPDATING, ids=[row.key for row, _ in UPDATING])
def test_the_update_form_is_the_plain_form_and_a_base_register(update, plain, interp):
    cases = cases_of(update)
    base = cases["words"][:, 0] >> np.uint32(16) & np.uint32(31)
    cases, base = cases[base != 0], base[base != 0]  # without a base it is an invalid form
    other = cases.copy()
    opcode = update.picture.value ^ plain.picture.value
    other["words"][:, 0] ^= np.uint32(opcode)
    assert all(decode(int(word)).row is plain for word in other["words"][:, 0])
    a, b = run(interp, cases), run(interp, other)
    assert (a["kind"] == b["kind"]).all()
    ran = a["kind"] == Kind.NEXT
    assert ran.any()
    everyone = np.arange(len(cases))
    address = a["state"]["gpr"][everyone, base]
    expected = b["state"]["gpr"].copy()
    expected[everyone[ran], base[ran]] = address[ran]
    known = a["kind"] != Kind.SPILLED
    assert np.array_equal(expected[known], a["state"]["gpr"][known])
    assert same(a, b, but=("gpr",)).all()
    # and the address is where the access was
    at, word = cases["state"]["gpr"], cases["words"][:, 0].astype(np.int64)
    if "RB" in update.picture.fields:
        offset = at[everyone, word >> 11 & 31]
    else:
        scale = 2 if "DS" in update.picture.fields else 0
        low = (word & 0xFFFF) >> scale << scale
        offset = ((low ^ 0x8000) - 0x8000).astype(np.uint64)
    assert np.array_equal((at[everyone, base] + offset)[ran], address[ran])


def test_there_are_rows_of_every_form():
    assert len(RECORDING) > 100
    assert len(OVERFLOWING) > 15
    assert len(UPDATING) > 15


# --- byte order
ACCESSES = [
    row for row in ROWS
    if row.form in {"D", "DS", "X"} and row.key.rstrip("xu") in
    {"lbz", "lhz", "lha", "lwz", "lwa", "ld", "stb", "sth", "stw", "std", "lfs", "lfd", "stfs",
     "stfd", "lfiwa", "lfiwz", "stfiw", "lhbr", "lwbr", "ldbr", "sthbr", "stwbr", "stdbr"}
]  # fmt: skip
WIDTH = {"b": 1, "h": 2, "w": 4, "d": 8, "s": 4}


def size_of(row):
    name = row.key.removeprefix("lf").removeprefix("stf").removeprefix("st").removeprefix("l")
    return 4 if name.startswith("iw") else WIDTH[name[0]]


@pytest.mark.parametrize("row", ACCESSES, ids=[row.key for row in ACCESSES])
def test_the_other_byte_order_is_the_same_memory_backwards(row, interp):
    """A big-endian access of bytes finds what a little-endian one finds in the reversed bytes."""
    little = cases_of(row)
    size = size_of(row)
    first = run(interp, little)
    ea = effective_addresses(row, little)
    inside = (ea >= MEMORY) & (ea + np.uint64(size) <= np.uint64(MEMORY + MEMORY_BYTES))
    big = little.copy()
    big["state"]["msr"] = USER_LE64 & ~MSR.LE
    reverse(big["memory"], ea, size, inside)
    second = run(interp, big)
    reverse(second["memory"], ea, size, inside)
    ran = inside & (first["kind"] == Kind.NEXT)
    assert ran.any()
    assert same(first, second, but=("msr", "srr0", "srr1"))[ran].all()
    assert np.array_equal(first["memory"][ran], second["memory"][ran])


def reverse(memory, ea, size, where):
    for n in np.flatnonzero(where):
        at = int(ea[n]) - MEMORY
        memory[n, at : at + size] = memory[n, at : at + size][::-1]


def effective_addresses(row, cases):
    gpr = np.concatenate((cases["state"]["gpr"], np.zeros((len(cases), 1), np.uint64)), axis=1)
    words = cases["words"][:, 0].astype(np.uint64)
    return compute(address(row), words, gpr, cases["state"]["nia"])


# --- restart after a fault
FAULTING = [row for row in ROWS if touches_memory(row) and row.form != "XFX"]


@pytest.mark.parametrize("row", FAULTING, ids=[row.key for row in FAULTING])
def test_a_storage_interrupt_changes_nothing_so_the_instruction_can_start_again(row, interp):
    """Wherever an operand faults, registers and memory are as before; elsewhere it completes."""
    cases = cases_of(row)
    outcomes = run(interp, cases)
    faulted = (outcomes["kind"] == Kind.STORAGE) | (outcomes["kind"] == Kind.ALIGNMENT)
    before = outcomes[faulted].copy()
    before["state"] = cases["state"][faulted]
    before["memory"] = cases["memory"][faulted]
    uses = cases["flags"] & Flag.USES_MEMORY != 0
    assert uses.all()
    assert same(outcomes[faulted], before, but=("srr0", "srr1", "dar", "dsisr")).all()


def test_most_of_these_rows_do_fault(interp):
    """But hints, and conditional stores without a reservation, do not."""
    generator = Generator(FAULTING, MODEL)
    faulting = set()
    for number in range(len(FAULTING) // 64 + 1):
        made = generator.batch("single", 64 * 64, 7, number)
        kinds = run(interp, made.batch.cases)["kind"]
        faulted = np.isin(kinds, (Kind.STORAGE, Kind.ALIGNMENT))
        faulting |= set(made.numbers[faulted].ravel().tolist())
    assert len(faulting) > 0.85 * len(FAULTING)
