"""Waivers of QEMU's whole system: privileged registers and instructions. See waivers.py."""

from __future__ import annotations

import numpy as np

from .cases import Kind
from .waivers import EVERYTHING, Condition, Found, Waiver

REFERENCE = "qemu-system"
UPPER = np.uint64(0xFFFF_FFFF_0000_0000)
COUNTERS = "PMC[1-6]"


def _they_say(kind: Kind) -> Condition:
    return lambda found: found.they_say(kind)


def _only_upper_words(found: Found) -> np.ndarray:
    """What differs is in the upper halves of registers."""
    whole = found.bits["gpr"] & ~UPPER
    return np.logical_not(whole.any(axis=1))


def _same_family(found: Found) -> np.ndarray:
    ours, theirs = (
        side["state"]["gpr"][np.arange(len(found)), found.field("RT")] >> np.uint64(16)
        for side in (found.ours, found.theirs)
    )
    return ours == theirs


def _overflow_is_summed(found: Found) -> np.ndarray:
    return found.cases["state"]["xer"] & np.uint64(1 << 31) != 0


def _one_refuses(found: Found) -> np.ndarray:
    kinds = (Kind.ILLEGAL, Kind.PRIVILEGED)
    return np.isin(found.ours["kind"], kinds) | np.isin(found.theirs["kind"], kinds)


def _either_is_illegal(found: Found) -> np.ndarray:
    return found.we_say(Kind.ILLEGAL) | found.they_say(Kind.ILLEGAL)


def _waiver(
    rows: tuple[str, ...],
    parts: tuple[str, ...],
    reason: str,
    ref: str,
    when: Condition | None = None,
) -> Waiver:
    return Waiver(rows, parts, reason, ref, when=when, reference=REFERENCE)


WAIVERS: tuple[Waiver, ...] = (
    # --- clocks and names
    _waiver(
        ("mfspr.TB", "mfspr.TBU", "mfspr.*PURR", "mfspr.VTB", "mfspr.DEC", "mtspr.DEC", "mftb*"),
        ("gpr",),
        "different clocks",
        "Book III 8.2 to 8.5",
    ),
    _waiver(
        ("mfspr.CFAR", "slbmfe[ev]"),
        ("RT",),
        "left by an earlier case: a branch, or an entry that the other side has refused",
        "no matter of the book",
    ),
    _waiver(
        ("mfspr.PVR",), ("RT",), "another revision of the same processor", "Book III 5.3.1",
        _same_family,
    ),
    # --- registers that are shorter, or have reserved bits
    _waiver(
        ("mtspr.DSISR", "mtspr.MMCR0", f"mtspr.{COUNTERS}", "mtspr.VRSAVE"),
        ("gpr", "dsisr"),
        "the upper half of a 32-bit register is kept",
        "Book III 5.4.4, Book I 3.2.3",
        _only_upper_words,
    ),
    _waiver(
        ("mtspr.PMC[56]", "mfspr.PMC[56]", "mfspr.UPMC[56]"),
        ("gpr",),
        "counts instructions and cycles of its own",
        "Book III 10.4.3: what counts, and how exactly, is the processor's",
    ),
    _waiver(
        ("mtspr.PIDR",),
        EVERYTHING,
        "the upper half of PIDR is kept, and no process found",
        "Book III 6.7.6: 32 bits",
        _they_say(Kind.LEFT),
    ),
    _waiver(("mtspr.PPR",), ("gpr",), "reserved bits of PPR are kept", "Book II 3.1"),
    _waiver(
        ("mtspr.XER*",),
        ("xer", "gpr"),
        "bits 35:43 are kept; POWER9 reads them as 0",
        "Book I 3.2.2: reserved",
    ),
    _waiver(
        ("mfspr.XER*",),
        ("RT",),
        "with SO, the stub extends XER's sign into bits that do not exist",
        "no matter of the book",
        _overflow_is_summed,
    ),
    _waiver(
        ("mtspr.BESCRR*",),
        ("gpr",),
        "does not reset bits of BESCR",
        "Book II 9.3: BESCRR and BESCRRU",
    ),
    _waiver(
        ("mtspr.MMCR0",),
        ("gpr",),
        "a counter that is negative already freezes the counters and ends the alert at once",
        "Book III 10.4.2: performance monitor alert",
    ),
    # --- what it does not have
    _waiver(
        ("m[ft]spr.PPR32", "m[ft]spr.PSSCR", "m[ft]spr.UDSCR"),
        EVERYTHING,
        "has no register of this number, and leaves it at that",
        "Book III 5.4.4",
    ),
    _waiver(
        (
            "m[ft]spr.DEXCR", "mfspr.UDEXCR", "m[ft]spr.MMCR3", "mfspr.UMMCR3", "m[ft]spr.SIER[23]",
            "mfspr.USIER[23]",
        ),
        EVERYTHING,
        "POWER10's registers are not there",
        "Book III 5.4.4",
    ),
    _waiver(
        ("mtspr.IAMR",),
        EVERYTHING,
        "IAMR does not hinder fetching with radix trees",
        "Book III 6.7.13",
        lambda found: found.we_say(Kind.LEFT),
    ),
    _waiver(
        ("mfspr", "mtspr"),
        EVERYTHING,
        "registers of the hypervisor and those that do not exist are privileged; here they are left"
        " alone in privileged state, and illegal where the book says so",
        "Book III 5.4.4: LPCR[EVIRT] = 0",
        _one_refuses,
    ),
    _waiver(
        ("mfspr",),
        ("RT",),
        "registers of its processors that the book does not have can be read",
        "Book III 5.4.4",
        _they_say(Kind.NEXT),
    ),
    _waiver(
        ("mfspr.*PURR",),
        EVERYTHING,
        "problem state may read them",
        "Book III 5.4.4: privileged",
        lambda found: found.we_say(Kind.PRIVILEGED),
    ),
    _waiver(
        ("clrbhrb", "mfbhrbe", "msgsndu", "msgclru", "urfid", "slbfee.", "rfebb"),
        EVERYTHING,
        "illegal: in privileged state (rfebb), in problem state (slbfee.), or at all",
        "Book III 4.3.2, 6.9.3.2, 11.4; Book II 9.4",
        _they_say(Kind.ILLEGAL),
    ),
    _waiver(("tbegin.",), ("crf0",), "failing sets CR0[SO] too", "Book II 5.5: CR0 is 0b1010"),
    _waiver(
        ("treclaim.", "trechkpt."),
        EVERYTHING,
        "taken as no operation where there is nothing to reclaim or to recheckpoint",
        "Book II 5.5: TM Bad Thing",
        _they_say(Kind.NEXT),
    ),
    _waiver(
        ("slbmte", "slbmfee", "slbmfev"),
        EVERYTHING,
        "entries that there are not, and sizes that cannot be, are illegal",
        "Book III 6.9.3.2: undefined",
        _they_say(Kind.ILLEGAL),
    ),
    _waiver(
        ("tlbie", "tlbiel"),
        EVERYTHING,
        "which reserved combinations of fields are illegal",
        "Book III 6.9.3.3: the form is invalid",
        _either_is_illegal,
    ),
)
