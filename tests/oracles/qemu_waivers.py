"""Where qemu-ppc64le is known to differ from POWER9 or from the book, with the reason.

A waiver excuses differences in the parts it names, for the rows it names, when its condition holds.
A test fails when one is not needed any more. `fixed_in` is the QEMU version that needs it no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from oracles.agreement import Case
from oracles.qemu_user import Answer

Condition = Callable[[Case, Answer, Answer], bool]


def always(_case: Case, _ours: Answer, _theirs: Answer) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Waiver:
    """`rows` and `parts` are patterns of row keys and of difference names; RT is the target."""

    rows: tuple[str, ...]
    parts: tuple[str, ...]
    reason: str
    ref: str
    when: Condition = always
    fixed_in: tuple[int, ...] = (9999,)

    def applies(self, key: str) -> bool:
        """The waiver is about this row."""
        return any(fnmatchcase(key, pattern) for pattern in self.rows)

    def excuses(self, case: Case, part: str, ours: Answer, theirs: Answer) -> bool:
        """The difference in this part is the one the waiver is about."""
        names = [f"gpr{case.field(p)}" if p == "RT" else p for p in self.parts]
        return any(fnmatchcase(part, name) for name in names) and self.when(case, ours, theirs)


def _we_say(kind: str) -> Condition:
    return lambda case, ours, theirs: ours.kind == kind


def _they_say(kind: str) -> Condition:
    return lambda case, ours, theirs: theirs.kind == kind


def _target_is_zero(case: Case, ours: Answer, _theirs: Answer) -> bool:
    return int(ours.state[0]["gpr"][case.field("RT")]) == 0


def _same_high_halves(_case: Case, ours: Answer, theirs: Answer) -> bool:
    return bool((ours.state[0]["vsr"][:, 1] == theirs.state[0]["vsr"][:, 1]).all())


def _no_decimal_result(case: Case, ours: Answer, _theirs: Answer) -> bool:
    cr6 = int(ours.state[0]["crf"][6])
    return cr6 == 1 or (case.insn.row.key == "bcdcfsq." and bool(cr6 & 1))


def _same_low_words(_case: Case, ours: Answer, theirs: Answer) -> bool:
    a, b = ours.state[0]["vsr"], theirs.state[0]["vsr"]
    return not ((a[:, 1] ^ b[:, 1]) & np.uint64(0xFFFFFFFF)).any()


def _no_packed_number(case: Case, ours: Answer, theirs: Answer) -> bool:
    """We find an invalid operation, they do not."""
    target = case.field("FRTp" if case.insn.row.name.endswith("q") else "FRT")
    nan = 0x7C << 56
    results = [int(side.state[0]["vsr"][target][1]) for side in (ours, theirs)]
    return results[0] == nan != results[1]


def _fpscr_within(mask: int) -> Condition:
    """FPSCR differs in these bits alone, and CR1, its copy, in those of them that it has."""

    def holds(_case: Case, ours: Answer, theirs: Answer) -> bool:
        a, b = ours.state[0], theirs.state[0]
        copied = int(a["crf"][1]) ^ int(b["crf"][1])
        bits = int(a["fpscr"]) ^ int(b["fpscr"])
        return not bits & ~mask and not copied & ~(mask >> 28)

    return holds


#: FPSCR bits. Ref: Book I 4.2.2
FX, FEX, OX, UX, ZX, XX = (1 << n for n in (31, 30, 28, 27, 26, 25))
FR, FI = 0x40000, 0x20000
FPRF, C, VXCVI, NI, DRN = 0x1F000, 0x10000, 0x100, 4, 7 << 32

EVERYTHING = ("*",)
FLOATING = ("f*", "xs*", "xv*")
DECIMAL = (
    "dadd*", "dsub*", "dmul*", "ddiv*", "dcmp*", "dqua*", "drrnd*", "drint*", "dct*", "drsp",
    "drdpq", "dcffix*", "denbcd*",
)  # fmt: skip

WAIVERS: tuple[Waiver, ...] = (
    # --- fixed point
    Waiver(
        ("mulhw", "mulhwu"),
        ("RT", "crf0"),
        "POWER9 puts the high word into both halves of RT",
        "Book I 3.3.9: RT[0:31] is undefined",
    ),
    Waiver(
        ("divw", "divwu", "divwe", "divweu"),
        ("RT", "crf0"),
        "POWER9 zeroes the upper half of RT",
        "Book I 3.3.9: RT[0:31] is undefined",
    ),
    Waiver(
        ("div*", "mod*"),
        ("RT", "crf0"),
        "POWER9 gives 0 for a quotient that does not exist",
        "Book I 3.3.9: RT is undefined",
        when=_target_is_zero,
    ),
    Waiver(("darn",), ("RT",), "random numbers", "Book I 3.3.9"),
    # --- storage
    Waiver(
        ("l[bhwdq]arx", "st[bhwdq]cx."),
        EVERYTHING,
        "a misaligned access with reservation is not refused",
        "Book III 7.5.8",
        when=_we_say("alignment"),
    ),
    Waiver(
        ("lwat.*", "ldat.*", "stwat.*", "stdat.*"),
        EVERYTHING,
        "alignment within 32 bytes is judged later, or not at all",
        "Book II 4.5",
        when=lambda case, ours, theirs: "alignment" in (ours.kind, theirs.kind),
    ),
    Waiver(
        ("lwat.[57]", "stwat.[57]"),
        ("memory",),
        "signed words are compared as unsigned",
        "Book II 4.5",
    ),
    Waiver(
        ("lwat.25", "ldat.25"),
        ("RT",),
        "the sign of the least number reaches too far when operands differ",
        "Book II 4.5",
    ),
    Waiver(
        ("lmw", "stmw", "ls[ws]*", "sts[wx]*"),
        EVERYTHING,
        "the user-mode emulator ends at the alignment interrupt of little-endian mode",
        "Book I 3.3.5",
        when=_they_say("crash"),
    ),
    Waiver(("icbt",), EVERYTHING, "taken as illegal", "Book II 4.3.1", when=_they_say("illegal")),
    Waiver(
        ("copy", "paste."), EVERYTHING, "taken as illegal", "Book II 4.4", when=_they_say("illegal")
    ),
    Waiver(
        ("dcbf",),
        EVERYTHING,
        "reserved L values are taken as illegal",
        "Book II 4.3.2",
        when=_they_say("illegal"),
    ),
    Waiver(
        ("dst*",),
        ("outcome",),
        "taken as illegal when RA is 0",
        "Vector facility, data streams",
        when=_they_say("illegal"),
    ),
    # --- special registers and system
    Waiver(
        ("mfspr.*",),
        ("RT",),
        "registers that the harness does not load",
        "Book III 5.4.4",
        when=_they_say("next"),
    ),
    Waiver(
        ("mfspr.PVR",), ("outcome",), "user mode may read PVR, as Linux emulates", "Book III 5.3.1"
    ),
    Waiver(
        ("m[ft]spr.PPR32", "m[ft]spr.UDSCR", "mfspr.UAMR"),
        EVERYTHING,
        "problem-state numbers of these registers are refused",
        "Book III 5.4.4",
        when=_they_say("privileged"),
    ),
    Waiver(
        ("m[ft]spr.EBB?R", "m[ft]spr.BESCR"),
        EVERYTHING,
        "the user-mode emulator ends at the facility interrupt",
        "Book II 7.2",
        when=_they_say("crash"),
    ),
    Waiver(("mftb", "mftb.TBU"), ("RT",), "the evaluator has no clock", "Book II 6.2"),
    Waiver(
        ("wait",),
        EVERYTHING,
        "the user-mode emulator ends, or refuses reserved WC values",
        "Book II 4.6.4",
    ),
    Waiver(
        ("rfscv",), ("outcome",), "illegal instead of privileged in problem state", "Book III 4.3.1"
    ),
    # --- vectors
    Waiver(
        ("vextu[hw][lr]x",),
        ("RT",),
        "the element reaches beyond the register",
        "Book I 6.7.5: undefined",
        when=lambda case, ours, theirs: (
            case.gpr("RA") % 16 > {"h": 14, "w": 12}[case.insn.row.key[5]]
        ),
    ),
    Waiver(("mtvscr",), ("vscr",), "reserved bits of VSCR are kept", "Book I 6.3.2"),
    Waiver(("vrldmi",), ("vsr*",), "zeros instead of VRT outside the mask", "Book I 6.9.2"),
    Waiver(
        ("bcd*",),
        ("vsr*", "crf6"),
        "operands that are no numbers, or too large ones",
        "Book I 6.17: undefined",
        when=_no_decimal_result,
    ),
    Waiver(("vrsqrtefp",), ("vsr*",), "an estimate", "Book I 6.10.5"),
    Waiver(("vexptefp",), ("vsr*",), "a wrong series for large operands", "Book I 6.10.5"),
    Waiver(
        (
            "lxsdx",
            "lxsiwax",
            "lxsiwzx",
            "lxsibzx",
            "lxsihzx",
            "lxsspx",
            "mtvsrd",
            "mtvsrwa",
            "mtvsrwz",
        ),
        ("vsr*",),
        "POWER9 zeroes the second doubleword",
        "Book I 7.6.3: undefined",
        when=_same_high_halves,
    ),
    # --- floating point
    Waiver(
        FLOATING,
        ("fpscr", "crf1"),
        "FR is never set, and FX set again by an exception that was there already",
        "Book I 4.2.2",
        when=_fpscr_within(FR | FX),
    ),
    Waiver(
        ("fcti*", "xscvdp[su]x[dw]s"),
        ("fpscr", "crf1"),
        "FPRF after a conversion to integer",
        "Book I 4.6.7: undefined",
        when=_fpscr_within(FR | FX | FPRF),
    ),
    Waiver(
        ("fcmp[uo]", "xscmp[uo]dp"),
        ("fpscr",),
        "FI is cleared, and C set when VXVC is",
        "Book I 4.6.8: not among the registers altered",
        when=_fpscr_within(FI | FX | C),
    ),
    Waiver(
        ("mtfsf", "mtfsfi"),
        ("fpscr",),
        "the signal frame has no room for DRN",
        "Book I 4.2.2",
        when=lambda case, ours, theirs: (
            theirs.kind == "floating" and _fpscr_within(DRN)(case, ours, theirs)
        ),
    ),
    Waiver(
        ("f*s", "frsp", "xs*sp"),
        ("fpscr", "crf1"),
        "a denormal single-precision result is classed as the double that holds it",
        "Book I 4.2.2",
        when=_fpscr_within(FR | FX | C),
    ),
    Waiver(
        ("fcfidu", "fcfids", "fcfidus"),
        ("fpscr", "crf1"),
        "FPRF is not set",
        "Book I 4.6.7",
        when=_fpscr_within(FR | FX | FPRF),
    ),
    Waiver(("fctiw*",), ("vsr*",), "FRT[0:31]", "Book I 4.6.7: undefined", when=_same_low_words),
    Waiver(
        ("fre", "fres", "frsqrte", "frsqrtes", "x[sv]re[sd]p", "x[sv]rsqrte[sd]p"),
        ("vsr*", "fpscr", "crf1"),
        "estimates, and FR, FI and XX of them",
        "Book I 4.6.6: to 1 in 256 or 32; FR, FI and XX are undefined",
        when=_fpscr_within(FX | XX | ZX | UX | OX | FR | FI | FPRF),
    ),
    Waiver(
        ("fnm*", "x[sv]nm*"),
        ("vsr*", "fpscr", "crf1"),
        "the result is rounded after it was negated",
        "Book I 4.6.5",
        when=lambda case, ours, theirs: int(case.state[0]["fpscr"]) & 2 != 0,
        fixed_in=(11, 0),
    ),
    Waiver(
        ("mtfsb1",),
        ("fpscr",),
        "NI cannot be set by this instruction",
        "Book I 4.6.10",
        when=_fpscr_within(NI | FR | FX),
    ),
    Waiver(
        ("xv*",),
        ("fpscr",),
        "FI is changed, which vector instructions leave alone; OX hides UX of another element",
        "Book I 7.6.3: FR and FI are not among the registers altered",
        when=_fpscr_within(FR | FI | FX | UX),
    ),
    Waiver(
        ("xvcvdp[su]xds", "xvcvsp[su]xws", "xvcvsp[su]xds", "xvcvdp[su]xws"),
        ("vsr*",),
        "an element is spoilt by an invalid one before it",
        "Book I 7.6.3",
        when=lambda case, ours, theirs: int(ours.state[0]["fpscr"]) & VXCVI != 0,
    ),
    Waiver(
        ("xststdcsp",),
        ("crf*", "fpscr"),
        "a double too small for a single counts as zero, not as denormal",
        "Book I 7.6.3",
        when=lambda case, ours, theirs: 0 < case.vsr("XB")[0] >> 52 & 0x7FF < 0x381,
    ),
    Waiver(
        ("xsnmsubqpo",),
        ("vsr*", "fpscr", "crf1"),
        "rounded as FPSCR[RN] says, not to odd",
        "Book I 7.6.3",
    ),
    # --- decimal floating point
    Waiver(
        DECIMAL,
        ("fpscr", "crf1"),
        "FR and FI are never cleared, FR never set, and FX set again by what was there already",
        "Book I 5.5.10",
        when=_fpscr_within(FR | FI | FX),
    ),
    Waiver(
        ("drdpq",), ("vsr*",), "the result is in the odd register of the pair", "Book I 5.6.5.1"
    ),
    Waiver(
        ("denbcd", "denbcdq"),
        ("fpscr", "crf1"),
        "the NaN of an invalid digit or sign does not set FPRF",
        "Book I 5.6.6",
        when=_fpscr_within(FPRF | FR | FI | FX | FEX),
    ),
    Waiver(
        ("denbcd", "denbcdq", "drrnd", "drrndq"),
        ("fpscr", "crf1"),
        "RN, taken for VE, sets FEX when an operation is invalid",
        "Book I 4.2.2",
        when=_fpscr_within(FPRF | FR | FI | FX | FEX),
    ),
    Waiver(
        ("denbcd", "denbcdq"),
        ("vsr*", "fpscr", "crf1"),
        "0xA passes for a digit",
        "Book I 5.6.6",
        when=_no_packed_number,
    ),
    Waiver(
        ("ddedpd", "ddedpdq"),
        ("vsr*",),
        "infinities are taken to have no digits",
        "Book I 5.6.6: the trailing significand",
    ),
    Waiver(
        ("dscli*", "dscri*"),
        ("vsr*",),
        "infinities are taken to have no digits; after a long shift, infinities and NaNs keep bits "
        "of the combination field",
        "Book I 5.6.6",
    ),
    Waiver(
        ("drsp",),
        ("vsr*", "fpscr"),
        "a payload too long for a short NaN is lost, and a signalling NaN made quiet with it",
        "Book I 5.6.5.1",
        when=_fpscr_within(FPRF | FR | FI | FX),
    ),
)

#: rows whose cases cannot be judged here
NOT_RUN: dict[str, str] = {
    "sc": "would be a system call of the emulated process",
    "scv": "would be a system call of the emulated process",
    "mfspr": "absent SPRs: QEMU knows hypervisor SPRs of these numbers, and refuses them otherwise",
    "mtspr": "absent SPRs: QEMU knows hypervisor SPRs of these numbers, and refuses them otherwise",
    "mtspr.UAMR": "changes translation; QEMU's user mode has none",
}
