"""Words and bits for tests of the monitor and of debug facilities, and a bench that is at rest."""

from bench import Bench, bench
from isa.vectors import new_state

from jitppc.ir.layout import LPCR

FC, FCS, FCP, PMAE, FCECE, TBEE, EBE, PMC1CE, PMCJCE, TRIGGER, PMAO, FC14, FC56, FCWAIT = (
    1 << 31, 1 << 30, 1 << 29, 1 << 26, 1 << 25, 1 << 22, 1 << 20, 1 << 15, 1 << 14, 1 << 13,
    1 << 7, 1 << 5, 1 << 4, 1 << 1)
RUN_LATCH_NOT_NEEDED = 1 << 8
PMC1, PMC5, PMC6, MMCR0, MMCR1, MMCR2 = 787, 791, 792, 795, 798, 785
SIAR, SDAR = 796, 797


def mtspr(number: int, register: int) -> int:
    """The word."""
    return 31 << 26 | register << 21 | (number & 31) << 16 | number >> 5 << 11 | 467 << 1


def mfspr(number: int, register: int) -> int:
    """The word."""
    return mtspr(number, register) ^ (467 ^ 339) << 1


def at_rest(tier: str) -> Bench:
    """A bench of this tier whose decrementer is far away, with nothing armed."""
    found = bench(tier, 4 << 20)
    found.load_state(new_state())
    vcpu = found.vcpu
    vcpu.lpcr = LPCR.LD | LPCR.ILE
    vcpu.state["dec_deadline"] = (1 << 63) - 1
    found.place_vectors(little=True)
    vcpu.spr["CIABR"] = 0
    for number in range(2):
        vcpu.set_watchpoint(number, 0, 0)
    vcpu.state["pmu_on"] = 0
    return found
