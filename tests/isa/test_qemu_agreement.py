"""Every row against QEMU's user mode, in both byte orders; differences need a waiver."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from jitppc.frontend.decode import rows
from jitppc.frontend.levels import in_model
from jitppc.fuzz import differences, waivers_decimal
from jitppc.fuzz.cases import (
    MEMORY,
    MEMORY_BYTES,
    USER_LE64,
    Batch,
    Flag,
    Kind,
    one_case,
)
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.references import open_reference
from jitppc.fuzz.references.qemu_user import NOT_HERE
from jitppc.ir.layout import MSR

MODEL = "power9"
MODELS = ("power8", MODEL, "power10")
ROWS_AT_ONCE = 48
CASES_PER_ROW = 12
CASES_PER_WAIVER = 3000
ORDERS = {"little": USER_LE64, "big": USER_LE64 & ~MSR.LE}

#: the version that the waivers were written for
REFERENCE = (7, 2)



def keys_of(model: str) -> list[str]:
    """The rows that QEMU can judge on this model."""
    return sorted(k for k, row in rows().items() if k not in NOT_HERE and in_model(row, model))


KEYS = {model: keys_of(model) for model in MODELS}
PARTS = [
    (model, first) for model in MODELS for first in range(0, len(KEYS[model]), ROWS_AT_ONCE)
]
#: those of decimal floating point are tried in test_dfp_qemu.py, with operands made for them
ALL_WAIVERS = [
    waiver for waiver in differences.ALL_WAIVERS
    if waiver.reference == "qemu-user" and waiver not in waivers_decimal.WAIVERS
]  # fmt: skip


@pytest.fixture(scope="module")
def qemu(require_tool):
    """QEMU's user mode."""
    for name in (
        "qemu-ppc64le", "qemu-ppc64", "powerpc64le-linux-gnu-gcc", "powerpc64-linux-gnu-gcc",
    ):  # fmt: skip
        require_tool(name)
    running = open_reference("qemu-user", MODEL)
    yield running
    running.close()


@functools.cache
def tier():
    return open_reference("interp", MODEL)


def problems(qemu, batch: Batch, excused=None) -> tuple[list[str], np.ndarray]:
    """What differs without a waiver, and which cases could be compared."""
    theirs, ours = qemu.run(batch), tier().run(batch)
    undefined = qemu.undefined(batch, theirs)
    bad = differences.differing(batch, ours, theirs, undefined, qemu, excused)
    silent = [int(kind) for kind in differences.UNJUDGED]
    judged = ~(np.isin(ours["kind"], silent) | np.isin(theirs["kind"], silent))
    words = batch.cases["words"]
    found = [
        f"{words[n, 0]:08x}: {differences.parts(batch, ours, theirs, int(n), qemu.fields)}"
        for n in np.flatnonzero(bad)[:5]
    ]
    return found, judged


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("model", "first"), PARTS)
def test_rows_agree_with_qemu(model, first, order, qemu):
    chosen = [rows()[key] for key in KEYS[model][first : first + ROWS_AT_ONCE]]
    generator = Generator(chosen, model, (ORDERS[order],))
    made = generator.batch("single", CASES_PER_ROW * len(chosen), 1, 0)
    found, judged = problems(qemu, made.batch)
    assert [] == found
    seen = {chosen[n].key for n in made.numbers[judged, 0]}
    left = {row.key for row in chosen} - seen
    for row in [row for row in chosen if row.key in left]:    # their accesses all went astray
        alone = Generator([row], model, (ORDERS[order],)).batch("single", 8 * CASES_PER_ROW, 2, 0)
        found, judged = problems(qemu, alone.batch)
        assert [] == found
        left -= {row.key} if judged.any() else set()
    assert {key for key in left if not dies(key, order)} == set(), "no case could be judged"


def dies(key: str, order: str) -> bool:
    """Rows whose words end the emulator, see qemu_user.py."""
    if key == "wait" or key.startswith(("mfspr.EBB", "mtspr.EBB")) or key.endswith(".BESCR"):
        return True
    return order == "little" and key in {"lmw", "stmw", "lswi", "lswx", "stswi", "stswx"}


#: what random operands do not meet; test_dfp_qemu.py has operands made for the first
LEAST_INTEGER, LOST_VXSNAN, KEPT_FI = (
    "the least integer is found too small",
    "VXIMZ of zero times infinity hides VXSNAN of what is added",
    "an enabled invalid operation leaves FI as it was",
)
VE_AND_FI, INFINITY, SIGNALLING = 0x20080, 0x7FF << 52, 0x7FF << 52 | 1
#: (reason, words with one of its rows, FPSCR, VSRs by number)
MADE = [
    (LOST_VXSNAN, 0xFC60107A, 0, {0: 0, 1: INFINITY, 2: SIGNALLING}),  # fmadd f3,f0,f1,f2
    (KEPT_FI, 0xFC011008, VE_AND_FI, {33: 0x7FFF << 48 | 1}),  # xsaddqp v0,v1,v2
]


@pytest.mark.parametrize(("reason", "word", "fpscr", "vsr"), MADE)
def test_a_rare_waiver_is_needed(reason, word, fpscr, vsr, qemu):
    case, excused = one_case([word]), set()
    case["state"]["fpscr"] = fpscr
    for number, high in vsr.items():
        case["state"]["vsr"][0, number] = [0, high]
    assert [] == problems(qemu, Batch(case, MODEL), excused)[0]
    assert reason in {waiver.reason for waiver in excused}


RARE = (LEAST_INTEGER, LOST_VXSNAN, KEPT_FI)


@pytest.mark.parametrize(
    "number", [n for n, waiver in enumerate(ALL_WAIVERS) if waiver.reason not in RARE]
)
def test_waivers_are_needed(number, qemu):
    waiver = ALL_WAIVERS[number]
    if qemu.version[:2] != REFERENCE:
        pytest.skip(f"written for QEMU {REFERENCE}")
    model = (*waiver.models, MODEL)[0]
    chosen = [rows()[key] for key in KEYS[model] if waiver.applies(key)]
    assert chosen, f"{waiver.rows}: no such rows"
    if waiver.in_lines:
        assert_its_own_memory_is_met(waiver, qemu)
        return
    for turn in range(24):
        few = [chosen[(turn * 5 + n) % len(chosen)] for n in range(min(5, len(chosen)))]
        order = tuple(ORDERS.values())
        generator = Generator(few, model, order)
        excused: set = set()
        problems(qemu, generator.batch("single", CASES_PER_WAIVER, 7, turn).batch, excused)
        if waiver in excused:
            return
    pytest.fail(f"nothing differs any more: {waiver}")


def assert_its_own_memory_is_met(waiver, qemu) -> None:
    case = one_case([0xE8640000], flags=Flag.USES_MEMORY)  # ld r3,0(r4)
    case["state"]["gpr"][0, 4] = 0x2B0000000100
    excused: set = set()
    assert [] == problems(qemu, Batch(case, MODEL), excused)[0]
    assert {waiver} == excused


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("order", ORDERS)
def test_lines_of_instructions_agree(order, model, qemu):
    """What one instruction leaves is what the next finds: flags, carries, register views."""
    chosen = [rows()[key] for key in KEYS[model]]
    alone = [not differences.has_waiver(row.key, qemu) for row in chosen]
    generator = Generator(chosen, model, (ORDERS[order],), alone)
    for number in range(2):
        assert [] == problems(qemu, generator.batch("block", 2048, 1, number).batch)[0]


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("moved", [0, 128])
def test_a_reservation_lets_one_store_through(bits, moved, qemu):
    """larx, stcx. to the same or another granule, and stcx. once more."""
    larx = {8: 0x7CA01834, 16: 0x7CA018E8, 32: 0x7CA01828, 64: 0x7CA018A8}[bits]
    stcx = {8: 0x7CC0256D, 16: 0x7CC025AD, 32: 0x7CC0212D, 64: 0x7CC021AD}[bits]
    words = [larx, stcx, 0x7CE00026, stcx, 0x7D000026]  # r5 <- (r3); (r4) <- r6 twice; mfcr r7, r8
    case = one_case(words, flags=Flag.USES_MEMORY)
    gpr = case["state"]["gpr"][0]
    gpr[3], gpr[4], gpr[6] = MEMORY + 128, MEMORY + 128 + moved, 0x1122334455667788
    case["memory"] = np.arange(MEMORY_BYTES) & 0xFF
    batch = Batch(case, MODEL)
    assert [] == problems(qemu, batch)[0]
    assert Kind.NEXT == tier().run(batch)["kind"][0]
