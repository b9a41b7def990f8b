"""Waivers of QEMU's whole system: privileged registers and instructions. See waiver.py."""

from __future__ import annotations

import numpy as np

from .cases import Kind
from .waiver import EVERYTHING, Condition, Found, Waiver, they_say

REFERENCE = "qemu-system"
UPPER = np.uint64(0xFFFF_FFFF_0000_0000)
COUNTERS = "PMC[1-6]"
SLB_ENTRIES = 32
#: L || LP of 4 KiB, 16 MiB, 64 KiB and 16 GiB
PAGE_SIZES = (0, 0x100, 0x110, 0x120)
#: numbers of special registers: the hypervisor's; those with another number, or none, to write by
HYPERVISORS = (
    152, 180, 186, 187, 188, 190, 286, *range(304, 308), 310, *range(313, 320), 336, 337, 338, 349,
    464, 469, 816, 851, 921, 1008,
)  # fmt: skip
READ_ONLY = (136, 176, 259, 268, 269, 287, 308, 309, 446, 848, 849, 1023)
NOT_IN_THE_BOOK = (31, 144, 282, 284, 285, 888, 889, 890, 892, 893, 894, 895)


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


def _all_of(*conditions: Condition) -> Condition:
    return lambda found: np.logical_and.reduce([condition(found) for condition in conditions])


def _number(found: Found) -> np.ndarray:
    """The special register of mfspr or mtspr."""
    return found.field("spr")


def _number_is(*numbers: int) -> Condition:
    return lambda found: np.isin(_number(found), numbers)


def _illegal_number_is_privileged(found: Found) -> np.ndarray:
    return (
        found.we_say(Kind.ILLEGAL) & found.they_say(Kind.PRIVILEGED)
        & (_number(found) & np.uint64(0x10) == 0)
    )  # fmt: skip


def _invalid_for_hash(found: Found) -> np.ndarray:
    """RIC is 3, or is 1 or 2 with the scope of one address; and R is 0."""
    one_address = found.gpr("RB") & np.uint64(0xC00) == 0
    scope, kind = found.field("RIC"), found.they_say(Kind.NEXT) & found.we_say(Kind.ILLEGAL)
    return kind & (found.field("R") == 0) & ((scope == 3) | (scope != 0) & one_address)


def _one_register_differs(found: Found) -> np.ndarray:
    return np.asarray((found.bits["gpr"] != 0).sum(axis=1) == 1)


def _has_counted(found: Found) -> np.ndarray:
    """One register differs, and is a little more there (of 32 bits)."""
    everyone, place = np.arange(len(found)), (found.bits["gpr"] != 0).argmax(axis=1)
    ours, theirs = (side["state"]["gpr"][everyone, place] for side in (found.ours, found.theirs))
    more = theirs - ours & np.uint64(0xFFFF_FFFF)
    return np.asarray(_one_register_differs(found) & (more < 1 << 28))


def _digest_is_reversed(found: Found) -> np.ndarray:
    """The doublewords that differ are each other's bytes from behind."""
    shape = (len(found), -1, 8)
    ours, theirs = (side["memory"].reshape(shape) for side in (found.ours, found.theirs))
    differs = found.bits["memory"].reshape(shape).any(axis=2)
    return np.asarray(((ours == theirs[:, :, ::-1]).all(axis=2) | ~differs).all(axis=1))


def _no_such_entry(found: Found) -> np.ndarray:
    return np.asarray(found.gpr("RB") & np.uint64(0xFFF) >= SLB_ENTRIES)


def _no_such_page(found: Found) -> np.ndarray:
    """L || LP in RS is no size, or B none; or a bit between V and the index in RB is 1."""
    size, segment = found.gpr("RS") & np.uint64(0x130), found.gpr("RS") >> np.uint64(63)
    reserved = found.gpr("RB") & np.uint64(0x07FF_F000)
    return np.logical_not(np.isin(size, PAGE_SIZES)) | (segment != 0) | (reserved != 0)


def _waiver(
    rows: tuple[str, ...],
    parts: tuple[str, ...],
    reason: str,
    ref: str,
    when: Condition | None = None,
    models: tuple[str, ...] = (),
) -> Waiver:
    return Waiver(rows, parts, reason, ref, when=when, models=models, reference=REFERENCE)


WAIVERS: tuple[Waiver, ...] = (
    # --- clocks and names
    _waiver(
        ("mfspr.TB", "mfspr.TBU", "mfspr.*PURR", "mfspr.VTB", "mfspr.DEC", "mtspr.DEC", "mftb*"),
        ("gpr",),
        "different clocks",
        "Book III 8.2 to 8.5",
        _one_register_differs,
    ),
    _waiver(
        ("mfspr.CFAR",),
        ("RT",),
        "left by an earlier case's branch",
        "no matter of the book",
    ),
    _waiver(
        ("mfspr.PVR",), ("RT",), "another revision of the same processor", "Book III 5.3.1",
        _same_family,
    ),
    # --- registers that are shorter, or have reserved bits
    _waiver(
        (
            "mtspr.DSISR", "mtspr.VRSAVE", "mtspr.MMCR0", "mtspr.UMMCR0", f"mtspr.{COUNTERS}",
            f"mtspr.U{COUNTERS}",
        ),
        ("gpr", "dsisr"),
        "the upper half of a 32-bit register is kept",
        "Book III 5.4.4, Book I 3.2.3",
        _only_upper_words,
    ),
    _waiver(
        ("m[ft]spr.PMC[56]", "m[ft]spr.UPMC[56]"),
        ("gpr",),
        "counts instructions and cycles of its own",
        "Book III 10.4.3: what counts, and how exactly, is the processor's",
        _one_register_differs,
    ),
    _waiver(
        ("mtspr.PMC[1-4]", "mtspr.UPMC[1-4]"),
        ("gpr",),
        "counts what an earlier case has chosen by MMCR1",
        "no matter of the book",
        _has_counted,
    ),
    _waiver(
        ("mtspr.PIDR",),
        EVERYTHING,
        "the upper half of PIDR is kept, and no process found",
        "Book III 6.7.6: 32 bits",
        they_say(Kind.LEFT),
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
        ("mtspr.MMCR0", "mtspr.UMMCR0"),
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
        "numbers that are illegal here are privileged",
        "Book III 5.4.4: bit 0 of the first half is 0, or the number is 0, 4, 5 or 6",
        _illegal_number_is_privileged,
    ),
    _waiver(
        ("mtspr",),
        EVERYTHING,
        "numbers 4, 5 and 6 are left alone",
        "Book III 5.4.4: illegal",
        _number_is(4, 5, 6),
    ),
    _waiver(
        ("mfspr", "mtspr"),
        EVERYTHING,
        "registers of the hypervisor are privileged",
        "Book III 5.4.4: with LPCR[EVIRT] = 0 a partition's access does nothing",
        _all_of(they_say(Kind.PRIVILEGED), _number_is(*HYPERVISORS)),
    ),
    _waiver(
        ("mtspr",),
        EVERYTHING,
        "writing to what can only be read is privileged",
        "Book III 5.4.4: does nothing in privileged state",
        _all_of(they_say(Kind.PRIVILEGED), _number_is(*READ_ONLY)),
    ),
    _waiver(
        ("mfspr", "mtspr"),
        EVERYTHING,
        "POWER10 still has the registers of transactional memory",
        "Book III 5.4.4 of ISA 3.1",
        _all_of(they_say(Kind.FACILITY_UNAVAILABLE), _number_is(128, 129, 130, 131)),
        models=("power10",),
    ),
    _waiver(
        ("mfspr",),
        ("RT", "outcome", "srr0", "srr1"),
        "registers of its processors that the book does not have can be read",
        "Book III 5.4.4",
        _all_of(they_say(Kind.NEXT), _number_is(*NOT_IN_THE_BOOK)),
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
        they_say(Kind.ILLEGAL),
    ),
    _waiver(
        ("hashst*", "hashchk*"),
        EVERYTHING,
        "any address is aligned",
        "Book I 3.3.17: EA is a multiple of 8",
        lambda found: found.we_say(Kind.ALIGNMENT),
    ),
    _waiver(
        ("hashst*",),
        ("memory",),
        "digests are stored in big-endian order, whatever MSR[LE] is",
        "Book I 3.3.17: MEM(EA, 8); 1.7: in the order of the mode",
        _digest_is_reversed,
    ),
    _waiver(("tbegin.",), ("crf0",), "failing sets CR0[SO] too", "Book II 5.5: CR0 is 0b1010"),
    _waiver(
        ("treclaim.", "trechkpt."),
        EVERYTHING,
        "taken as no operation where there is nothing to reclaim or to recheckpoint",
        "Book II 5.5: TM Bad Thing",
        they_say(Kind.NEXT),
    ),
    _waiver(
        ("slbmte", "slbmfee", "slbmfev"),
        EVERYTHING,
        "entries that there are not are illegal",
        "Book III 6.9.3.2: undefined",
        _all_of(they_say(Kind.ILLEGAL), _no_such_entry),
    ),
    _waiver(
        ("slbmte",),
        EVERYTHING,
        "reserved bits of RB, and sizes of pages and segments that there are not, are illegal",
        "Book III 6.9.3.2: reserved, or undefined",
        _all_of(they_say(Kind.ILLEGAL), _no_such_page),
    ),
    _waiver(
        ("tlbie", "tlbiel"),
        EVERYTHING,
        "reserved combinations of RIC and IS pass when R is 0",
        "Book III 6.9.3.3: the form is invalid",
        _invalid_for_hash,
    ),
)
