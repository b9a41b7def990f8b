"""What MMCR0[PMCC] grants problem state of the performance monitor, beside QEMU's processor.

Ref: Book III 10.4.4 (PMCC).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from bench import BASE_MSR as BASE
from bench import CODE, execute
from debug_registers import FC, at_rest, mfspr, mtspr

from jitppc.fuzz.cases import OUTCOME, USER_LE64, Kind, one_case
from jitppc.fuzz.references import qemu_system
from jitppc.fuzz.references.native import kinds_of_interrupts
from jitppc.fuzz.references.qemu_partition import Partition
from jitppc.ir.layout import MSR

#: names by number for problem state
REGISTERS = {
    768: "sier", 769: "mmcr2", 770: "mmcra", **{770 + n: f"pmc{n}" for n in range(1, 7)},
    779: "mmcr0", 780: "siar", 781: "sdar", 782: "mmcr1",
}  # fmt: skip
GROUP_B = (768, 780, 781, 782)
#: what QEMU grants always (the first four, to read), or never lets problem state write
ONLY_THE_BOOK_JUDGES = (*GROUP_B, 770)
BEFORE, WRITTEN = 0x5A5A5A5A, 0xC3C3_C3C3_C3C3_C3C3 & ~(1 << 26 | 1 << 7)


@pytest.fixture(scope="module")
def partition(require_tool):
    require_tool("qemu-system-ppc64")
    running = Partition("power9")
    running.start()
    yield running
    running.stop()


def cases():
    judged = sorted(REGISTERS.keys() - set(ONLY_THE_BOOK_JUDGES))
    return itertools.product(range(4), judged, (False, True))


def values(granted: int) -> dict[int, int]:
    """Every register before, by its number for problem state; the counters are frozen."""
    return dict.fromkeys(REGISTERS, BEFORE) | {779: FC | granted << 18}


def theirs(partition, granted: int, number: int, writes: bool) -> tuple[Kind, int, int]:
    """Kind, r3 and the register behind it."""
    word = mtspr(number, 3) if writes else mfspr(number, 3)
    case, outcome = one_case([word], USER_LE64), np.zeros(1, OUTCOME)
    case["state"]["gpr"][0, 3] = WRITTEN
    special = {REGISTERS[n]: value for n, value in values(granted).items()}
    qemu_system._run(partition, case[0], special, outcome)
    register = partition.read((REGISTERS[number],))[1][0]
    kind = Kind(outcome["kind"][0])
    if writes and granted == 0 and kind == Kind.PRIVILEGED:   # as with all numbers that are illegal
        kind = Kind.ILLEGAL
    if REGISTERS[number].startswith("pmc"):                   # 32 bits; it keeps 64
        register &= 0xFFFFFFFF
    return kind, int(outcome["state"]["gpr"][0, 3]), register


def ours(native, granted: int, number: int, writes: bool) -> tuple[Kind, int, int]:
    """The same of our own."""
    spr = native.vcpu.state["spr"]
    for n, value in values(granted).items():
        spr[n + 16] = value
    native.vcpu.state["pmu_on"] = 0
    word = mtspr(number, 3) if writes else mfspr(number, 3)
    vcpu = execute(native, [word], BASE | MSR.PR, r3=WRITTEN)
    kind = Kind.NEXT
    if vcpu.nia != CODE + 4:
        nia, srr1 = (np.array([n], np.uint64) for n in (vcpu.nia, vcpu.spr["SRR1"]))
        kind = Kind(int(kinds_of_interrupts(nia, srr1)[0]))
    return kind, vcpu.gpr[3], int(vcpu.state["spr"][number + 16])


@pytest.mark.parametrize("tier", ["exact", "interp"])
def test_problem_state_reaches_what_it_reaches_in_qemu(tier, partition):
    native, wrong = at_rest(tier), {}
    for case in cases():
        expected, found = theirs(partition, *case), ours(native, *case)
        if expected != found:
            wrong[case] = (expected, found)
    at_rest(tier)
    assert {} == wrong


@pytest.mark.parametrize("number", ONLY_THE_BOOK_JUDGES)
@pytest.mark.parametrize("granted", range(4))
def test_the_other_registers_are_withheld_by_one_value(granted, number):
    native = at_rest("interp")
    kind = Kind.FACILITY_UNAVAILABLE if granted == 1 else Kind.NEXT
    assert (kind, WRITTEN if granted == 1 else BEFORE) == ours(native, granted, number, False)[:2]
    if number == 770:
        written = {0: Kind.ILLEGAL, 1: Kind.FACILITY_UNAVAILABLE}.get(granted, Kind.NEXT)
        assert written == ours(native, granted, number, True)[0]
    at_rest("interp")
