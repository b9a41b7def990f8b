"""Watchpoints, the breakpoint behind an instruction, and what a trace interrupt tells.

Ref: Book III 7.5.16, 11.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from bench import BASE_MSR as BASE
from bench import CODE, Bench, execute
from debug_registers import MMCR0, PMAE, SDAR, SIAR, at_rest

from jitppc.frontend.decode import rows
from jitppc.frontend.levels import MODELS
from jitppc.frontend.translate import translate_row
from jitppc.ir.builder import BE64
from jitppc.ir.layout import MSR
from jitppc.runtime.native.operand import LOADS as LOADED
from jitppc.runtime.native.operand import STORES as STORED
from jitppc.runtime.native.operand import kind_of

HERE, GRANULE = 0x20000, 1 << 16
NOP, LD, STD, STB, LQ = 0x60000000, 0xE8640000, 0xF8640000, 0x98640000, 0xE0C40000
DCBZ, LDARX, LWZU = 0x7C0027EC, 0x7C6020A8, 0x84640004
LOADS, STORES, PRIVILEGED, PROBLEM, ANY_DR = 0x20, 0x40, 2, 1, 8
MATCH, STORE = 1 << (63 - 41), 1 << (63 - 38)


@pytest.fixture(params=["exact", "interp"])
def native(request) -> Bench:
    yield at_rest(request.param)
    at_rest(request.param)


ARMED = LOADS | STORES | PRIVILEGED | ANY_DR


@pytest.mark.parametrize(("word", "ea", "is_store", "control", "matches"), [
    (LD, HERE, False, ARMED, True), (STD, HERE, True, ARMED, True),
    (LD, HERE, False, ARMED & ~LOADS, False), (STD, HERE, True, ARMED & ~STORES, False),
    (LD, HERE, False, ARMED & ~PRIVILEGED | PROBLEM, False), (LD, HERE - 8, False, ARMED, False),
    (LD, HERE - 7, False, ARMED, True), (LD, HERE + 7, False, ARMED, True),
    (LD, HERE + 8, False, ARMED, False), (LD, HERE + 8, False, ARMED | 1 << 10, True),
    (LD, HERE + 16, False, ARMED | 1 << 10, False), (LD, HERE, False, ARMED & ~ANY_DR, True),
    (LD, HERE, False, ARMED & ~ANY_DR | 0x10, False), (STB, HERE + 3, True, ARMED, True),
    (LQ, HERE - 16, False, ARMED, False), (LQ, HERE - 8 & ~15, False, ARMED, False),
    (DCBZ, HERE + 64, True, ARMED, True), (LDARX, HERE, False, ARMED, True),
    (LD, HERE + GRANULE, False, ARMED, False), (LWZU, HERE - 4, False, ARMED, True),
])  # fmt: skip
@pytest.mark.parametrize("number", [0, 1])
def test_a_watched_access_is_a_storage_interrupt_and_does_nothing(
    native, number, word, ea, is_store, control, matches
):
    native.memory.write(HERE - 256, bytes(1024))
    execute(native, [LD, STD], r4=HERE + 128, r3=1)        # the TLB has the granule
    native.vcpu.set_watchpoint(number, HERE, control)
    vcpu = execute(native, [word], r4=ea, r3=0x5555)
    if not matches:
        assert CODE + 4 == vcpu.nia
        return
    assert (0x300, CODE) == (vcpu.nia, vcpu.spr["SRR0"])
    assert MATCH | (STORE if is_store else 0) == vcpu.spr["DSISR"]
    assert max(ea, HERE) == vcpu.spr["DAR"] or word in {DCBZ, LWZU}
    assert (0x5555, ea) == (vcpu.gpr[3], vcpu.gpr[4])
    assert bytes(128) == native.memory.read(HERE, 128)


def test_a_watchpoint_taken_away_lets_accesses_pass(native):
    native.vcpu.set_watchpoint(0, HERE, ARMED)
    execute(native, [LD], r4=HERE)
    native.vcpu.set_watchpoint(0, HERE, 0)
    assert CODE + 4 == execute(native, [LD], r4=HERE).nia


@pytest.mark.parametrize(("where", "msr", "nia"), [
    (CODE + 4 | 2, BASE, 0xD00), (CODE + 4 | 1, BASE, CODE + 16), (CODE + 4, BASE, CODE + 16),
    (CODE + 64 | 2, BASE, CODE + 16), (CODE + 4 | 3, BASE, CODE + 16),
])  # fmt: skip
def test_ciabr_interrupts_behind_its_instruction(native, where, msr, nia):
    native.vcpu.spr["CIABR"] = where
    vcpu = execute(native, [NOP, NOP, NOP, NOP], msr, count=4)
    assert nia == vcpu.nia
    if nia == 0xD00:
        assert (CODE + 8, msr | 1 << 30 | 1 << 20) == (vcpu.spr["SRR0"], vcpu.spr["SRR1"])


READS = {"load", "load_reserve", "load_string", "lxvl", "lxvll", "copy"}
WRITES = {"store", "store_conditional", "zero_block", "store_string", "stxvl", "stxvll", "paste"}
#: they touch no storage, but count as loads
HINTS = {"dcbt", "dcbtst", "icbt"}
#: function codes that there are not, and a paste that goes nowhere
NOTHING_DONE = {"lwat", "ldat", "stwat", "stdat", "paste."}


def operands_of(row) -> int:
    """LOADED, STORED or both, by what the row's body does."""
    flags = next(iter(row.variants()))
    values = translate_row(row, flags, BE64).values
    names = {v.attr if v.op.name == "helper" else v.op.name for v in values}
    if row.key in HINTS:
        return LOADED
    return LOADED * bool(names & READS) | STORED * bool(names & WRITES)


def test_what_is_known_of_storage_operands_is_what_the_rows_do():
    source = random.Random("operands")
    wrong = {}
    for row in rows().values():
        if row.key in NOTHING_DONE or row.key.startswith(("lwat", "ldat", "stwat", "stdat")):
            continue                      # these load and store
        word = row.picture.value | source.getrandbits(row.picture.bits) & ~row.picture.mask
        found = kind_of.py_func(np.uint64(word))
        if found != operands_of(row):
            wrong[row.key] = (found, operands_of(row))
    assert {} == wrong


STEP = 1 << 10                                                 # MSR[SE]
LXV, STDU, PLD, LWAT = 0xF4240031, 0xF8640009, (0x04000000, 0xE4640010), 0x7C64048C


@pytest.mark.parametrize(("words", "ea", "kind"), [
    ([NOP], None, 0), ([LD], HERE, LOADED), ([STDU], HERE + 8, STORED), ([LXV], HERE + 48, LOADED),
    ([*PLD], HERE + 16, LOADED), ([LWAT], HERE, LOADED | STORED), ([DCBZ], HERE, STORED),
    ([LDARX], HERE, LOADED),
])  # fmt: skip
def test_a_trace_interrupt_tells_of_the_instruction(native, words, ea, kind):
    native.vcpu.set_model(MODELS["power10"])
    for number in (SIAR, SDAR):
        native.vcpu.state["spr"][number] = 5
    native.vcpu.state["spr"][MMCR0] = 0
    msr = BASE | STEP | MSR.VSX
    vcpu = execute(native, words, msr, count=1, r4=HERE)
    assert 0xD00 == vcpu.nia
    told = 1 << 30 | (1 << 28 if kind & LOADED else 0) | (1 << 27 if kind & STORED else 0)
    prefixed = 1 << 29 if len(words) == 2 else 0
    assert told == vcpu.spr["SRR1"] & (0xF << 27 | 1 << 20) & ~prefixed
    assert [CODE, 5 if ea is None else ea] == [int(vcpu.state["spr"][n]) for n in (SIAR, SDAR)]


def test_while_the_monitor_may_alert_it_keeps_its_registers(native):
    native.vcpu.state["spr"][MMCR0] = PMAE
    native.vcpu.state["spr"][SIAR] = 5
    assert 5 == execute(native, [LD], BASE | STEP, count=1, r4=HERE).state["spr"][SIAR]
    native.vcpu.state["spr"][MMCR0] = 0
