"""Where user mode of QEMU differs from POWER9 or from the book; `waiver.py` says what an entry is.

A test fails when one explains nothing any more.
"""

from __future__ import annotations

import numpy as np

from jitppc.ir.fpscr import FPSCR

from .cases import Kind
from .waiver import (
    ALL,
    EVERYTHING,
    Found,
    Waiver,
    bits_of,
    either_says,
    they_say,
    we_say,
)

VECTORS = ("xv*", "pmxv*")
FLOATING = ("f*", "xs*", *VECTORS)


# --- conditions
def _target_is_zero(found: Found) -> np.ndarray:
    target = found.field("RT")
    return found.ours["state"]["gpr"][np.arange(len(found)), target] == 0


def _same_high_halves(found: Found) -> np.ndarray:
    return np.logical_not(found.bits["vsr"][:, :, 1].any(axis=1))


def _same_low_words(found: Found) -> np.ndarray:
    low_words = found.bits["vsr"][:, :, 1] & np.uint64(0xFFFFFFFF)
    return np.logical_not(low_words.any(axis=1))


def _element_is_cut(found: Found) -> np.ndarray:
    last = {"h": 14, "w": 12}[found.row.key[5]]
    return found.gpr("RA") % np.uint64(16) > last


def _rounds_directed(found: Found) -> np.ndarray:
    return found.cases["state"]["fpscr"] & np.uint64(2) != 0


def _tiny_double(found: Found) -> np.ndarray:
    exponent = found.vsr_high("XB") >> np.uint64(52) & np.uint64(0x7FF)
    return (exponent > 0) & (exponent < 0x381)


def _reserved_of_xer(found: Found) -> np.ndarray:
    return found.bits["xer"] & np.uint64(~0x1FF00000 & ALL) == 0


def _own_odd_rounding(found: Found) -> np.ndarray:
    rounding = found.cases["state"]["fpscr"] & np.uint64(1) != 0
    return (found.field("R") == 0) & (found.field("RMC") == 3) & rounding


def _traps_in_floating_point(found: Found) -> np.ndarray:
    return found.we_say(Kind.FLOATING) | found.they_say(Kind.FLOATING)


def _traps_and_rounds_directed(found: Found) -> np.ndarray:
    return _traps_in_floating_point(found) & _rounds_directed(found)


def _in_the_emulated_process(found: Found) -> np.ndarray:
    """The address is one where the harness itself has its stack, its heap or its program."""
    ea = found.ours["ea"]
    its_own = (ea >> np.uint64(32) == 0x40) | (ea >> np.uint64(32) == 0x2B00)
    return found.we_say(Kind.STORAGE) & its_own


def _hidden_underflow(found: Found) -> np.ndarray:
    both = np.uint64(FPSCR.OX | FPSCR.UX)
    has_both = found.ours["state"]["fpscr"] & both == both
    return found.we_say(Kind.FLOATING) & found.they_say(Kind.NEXT) & has_both


def _several_exceptions(found: Found) -> np.ndarray:
    return bits_of(found, "fpscr", FPSCR.OX | FPSCR.ZX | FPSCR.UX | FPSCR.VX)


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
    Waiver(
        ("divde", "divde.", "divdeo", "divdeo."),
        ("RT", "crf0", "xer"),
        "overflow is missed in a part of the range",
        "Book I 3.3.9.1",
        when=_target_is_zero,
    ),
    Waiver(("darn",), ("RT",), "random numbers", "Book I 3.3.9"),
    # --- storage
    Waiver(
        ("l[bhwdq]arx", "st[bhwdq]cx."),
        EVERYTHING,
        "a misaligned access with reservation is not refused",
        "Book III 7.5.8",
        when=we_say(Kind.ALIGNMENT),
    ),
    Waiver(
        ("lwat.*", "ldat.*", "stwat.*", "stdat.*"),
        EVERYTHING,
        "alignment within 32 bytes is judged later, or not at all",
        "Book II 4.5.1, 4.5.2: what is accessed lies in an aligned block of 32 bytes",
        when=either_says(Kind.ALIGNMENT),
    ),
    Waiver(
        ("l[wd]at.2[45]",),
        ("RT",),
        "the sign of the least number reaches too far when the bound is hit",
        "Book II 4.5",
    ),
    Waiver(
        ("icbt",), EVERYTHING, "taken as illegal", "Book II 4.3.1", when=they_say(Kind.ILLEGAL)
    ),
    Waiver(
        ("copy*", "paste.*"),
        EVERYTHING,
        "taken as illegal",
        "Book II 4.4",
        when=they_say(Kind.ILLEGAL),
    ),
    Waiver(
        ("dcbf",),
        EVERYTHING,
        "reserved L values are taken as illegal",
        "Book II 4.3.2",
        when=they_say(Kind.ILLEGAL),
    ),
    Waiver(
        ("dst*",),
        ("outcome",),
        "taken as illegal when RA is 0",
        "Vector facility, data streams",
        when=they_say(Kind.ILLEGAL),
    ),
    Waiver(
        ("l[wd]at.28",),
        EVERYTHING,
        "the bound is taken from behind the operand; the book has it before the operand",
        "Book II 4.5.1: mem(EA-s, 2s)",
    ),
    Waiver(
        EVERYTHING,
        EVERYTHING,
        "there the emulated process has memory of its own",
        "no matter of the book",
        when=_in_the_emulated_process,
        in_lines=True,
    ),
    Waiver(
        ("lq", "plq", "lqarx", "lxv*", "plxv*", "lmw", "lswi", "lswx"),
        ("gpr", "vsr"),
        "a part of the target is written before another part's access is refused",
        "Book II 1.7.1: may be, and restarts all the same",
        when=they_say(Kind.STORAGE),
    ),
    Waiver(
        ("st[bhwdq]cx.",),
        EVERYTHING,
        "without a reservation nothing is accessed",
        "Book II 4.6.2: allowed",
        when=we_say(Kind.STORAGE),
    ),
    # --- special registers and system
    Waiver(
        ("mfspr.*",),
        ("RT",),
        "registers that the harness does not load",
        "Book III 5.4.4",
        when=they_say(Kind.NEXT),
    ),
    Waiver(
        ("mfspr.PVR",), ("outcome",), "user mode may read PVR, as Linux emulates", "Book III 5.3.1"
    ),
    Waiver(
        ("m[ft]spr.PPR32", "m[ft]spr.UDSCR", "mfspr.UAMR"),
        EVERYTHING,
        "problem-state numbers of these registers are refused",
        "Book III 5.4.4",
        when=they_say(Kind.PRIVILEGED),
    ),
    Waiver(
        ("mtspr.UPMC[1-6]", "mtspr.UMMCR*"),
        EVERYTHING,
        "MMCR0[PMCC] is not the case's, and lets problem state write other registers",
        "Book III 10.4.4: PMCC = 0 makes these writes illegal",
        when=lambda found: found.we_say(Kind.ILLEGAL)
        & (found.they_say(Kind.NEXT) | found.they_say(Kind.PRIVILEGED)),
    ),
    Waiver(("mftb", "mftb.TBU"), ("RT",), "different clocks", "Book II 6.2"),
    Waiver(("mtspr.VRSAVE",), ("vrsave",), "its upper half is kept", "Book I 3.2.3"),
    Waiver(
        ("rfscv",), ("outcome",), "illegal instead of privileged in problem state", "Book III 4.3.1"
    ),
    Waiver(
        ("mtspr.XER*",),
        ("xer",),
        "bits 35:43 are kept; POWER9 reads them as 0",
        "Book I 3.2.2: reserved",
        when=_reserved_of_xer,
    ),
    Waiver(
        ("lswi", "lswx", "lmw"),
        EVERYTHING,
        "illegal when the address's register is among those loaded",
        "Book I 3.3.7: invalid form",
        when=they_say(Kind.ILLEGAL),
    ),
    # --- vectors
    Waiver(
        ("vextu[hw][lr]x",),
        ("RT",),
        "the element reaches beyond the register",
        "Book I 6.7.5: undefined",
        when=_element_is_cut,
    ),
    Waiver(("mtvscr",), ("vscr",), "reserved bits of VSCR are kept", "Book I 6.3.2"),
    Waiver(("vrsqrtefp",), ("vsr",), "an estimate", "Book I 6.10.5"),
    Waiver(("vexptefp",), ("vsr",), "a wrong series for large operands", "Book I 6.10.5"),
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
        ("vsr",),
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
        fpscr=FPSCR.FR | FPSCR.FX,
    ),
    Waiver(
        ("fcti*", "xscvdp[su]x[dw]s"),
        ("fpscr",),
        "FPRF after a conversion to integer",
        "Book I 4.6.7: undefined",
        fpscr=FPSCR.FPRF,
    ),
    Waiver(
        ("fcmp[uo]", "xscmp[uo]dp"),
        ("fpscr",),
        "FI is cleared, and C set when VXVC is",
        "Book I 4.6.8: not among the registers altered",
        fpscr=FPSCR.FI | FPSCR.C,
    ),
    Waiver(
        ("f*s", "frsp", "xs*sp"),
        ("fpscr",),
        "a denormal single-precision result is classed as the double that holds it",
        "Book I 4.2.2",
        fpscr=FPSCR.C,
    ),
    Waiver(
        ("fcfidu", "fcfids", "fcfidus"),
        ("fpscr",),
        "FPRF is not set",
        "Book I 4.6.7",
        fpscr=FPSCR.FPRF,
    ),
    Waiver(("fctiw*",), ("vsr",), "FRT[0:31]", "Book I 4.6.7: undefined", when=_same_low_words),
    Waiver(
        ("fre", "fres", "frsqrte", "frsqrtes", "x[sv]re[sd]p", "x[sv]rsqrte[sd]p"),
        ("vsr", "fpscr", "crf1"),
        "estimates, and FR, FI and XX of them",
        "Book I 4.6.6: to 1 in 256 or 32; FR, FI and XX are undefined",
        fpscr=FPSCR.FX | FPSCR.EXCEPTIONS & ~FPSCR.INVALID | FPSCR.FR | FPSCR.FI | FPSCR.FPRF,
    ),
    Waiver(
        ("fnm*", "x[sv]nm*"),
        ("vsr", "fpscr", "crf1"),
        "the result is rounded after it was negated",
        "Book I 4.6.5",
        when=_rounds_directed,
        fixed_in=(11, 0),
    ),
    Waiver(
        ("fnm*", "x[sv]nm*"),
        EVERYTHING,
        "the result is rounded after it was negated, and so overflows where it should not",
        "Book I 4.6.5",
        when=_traps_and_rounds_directed,
        fixed_in=(11, 0),
    ),
    Waiver(
        ("fre*", "frsqrte*", "x[sv]re[sd]p", "x[sv]rsqrte[sd]p"),
        EVERYTHING,
        "which estimates are inexact, and so interrupt when that is enabled",
        "Book I 4.6.6: FR, FI and XX are undefined",
        when=_traps_in_floating_point,
    ),
    Waiver(
        FLOATING,
        ("crf1",),
        "CR1 is not set when an enabled exception interrupts",
        "Book I 2.3.1: a copy of the exception status, whatever is enabled or suppressed",
        when=they_say(Kind.FLOATING),
    ),
    Waiver(
        (*VECTORS, "xscmp[eg]*"),
        ("vsr",),
        "the target is written although an enabled exception forbids it",
        "Book I 7.6.3: if ex_flag is 1, no results are written",
        when=they_say(Kind.FLOATING),
    ),
    Waiver(
        VECTORS,
        EVERYTHING,
        "OX hides UX of another element, and with it the interrupt",
        "Book I 7.6.3",
        when=_hidden_underflow,
    ),
    Waiver(
        VECTORS,
        ("fpscr",),
        "an exception of one element hides XX of another",
        "Book I 7.6.3",
        when=_several_exceptions,
        fpscr=FPSCR.XX,
    ),
    Waiver(
        ("f*s", "frsp", "fcfid*", "xs*sp", "xscv*", "xsrqp*"),
        ("vsr", "fpscr"),
        "with an enabled exception the target is not written, or adjusted by another amount",
        "Book I 4.4: 192 for single, 1536 for double precision",
        when=they_say(Kind.FLOATING),
        fpscr=FPSCR.FR | FPSCR.FI | FPSCR.FPRF | FPSCR.XX | FPSCR.OX | FPSCR.UX,
    ),
    Waiver(
        ("x[sv]max[sd]p", "x[sv]min[sd]p"),
        EVERYTHING,
        "a denormal result counts as an underflow when that is enabled",
        "Book I 7.6.3: only invalid operations",
        when=lambda found: found.they_say(Kind.FLOATING) & found.we_say(Kind.NEXT),
    ),
    Waiver(
        ("xscv[su]xdsp",),
        ("vsr", "fpscr"),
        "rounded to double precision first",
        "Book I 7.6.3",
        fpscr=FPSCR.FX | FPSCR.XX | FPSCR.FR | FPSCR.FI,
    ),
    Waiver(
        ("x[sv]max[sd]p", "x[sv]min[sd]p"),
        ("vsr",),
        "of a quiet and a signalling NaN the quiet one is the result when it comes first",
        "Book I 7.6.3, actions for xsmaxdp",
        when=lambda found: bits_of(found, "fpscr", FPSCR.VXSNAN),
    ),
    Waiver(
        ("xsrqpxp",),
        ("vsr",),
        "the low bits of a NaN's payload are lost",
        "Book I 7.6.3, xsrqpxp: what is finite is rounded; a NaN is the result, made quiet",
        when=lambda found: found.vsr_high("VRB") & np.uint64(0x7FFF << 48) == 0x7FFF << 48,
    ),
    Waiver(
        ("mtfsb1",),
        ("fpscr", "crf1"),
        "NI cannot be set by this instruction, nor FX by setting an exception",
        "Book I 4.6.10",
        fpscr=FPSCR.NI | FPSCR.FX,
    ),
    Waiver(
        VECTORS,
        ("fpscr",),
        "FI is changed, which vector instructions leave alone; OX hides UX of another element",
        "Book I 7.6.3: FR and FI are not among the registers altered",
        fpscr=FPSCR.FI | FPSCR.UX,
    ),
    Waiver(
        ("xvcvdp[su]xds", "xvcvsp[su]xws", "xvcvsp[su]xds", "xvcvdp[su]xws"),
        ("vsr",),
        "an element is spoilt by an invalid one before it",
        "Book I 7.6.3",
        when=lambda found: bits_of(found, "fpscr", FPSCR.VXCVI),
    ),
    Waiver(
        ("xststdcsp",),
        ("cr", "fpscr"),
        "a double too small for a single counts as zero, not as denormal",
        "Book I 7.6.3",
        when=_tiny_double,
    ),
    Waiver(
        ("xsrqpi", "xsrqpix", "xsrqpxp"),
        ("vsr", "fpscr", "crf1"),
        "FPSCR[RN] = 1 and 3 are taken for each other when R || RMC asks for it",
        "Book I 7.6.3",
        when=_own_odd_rounding,
    ),
    Waiver(
        ("xsnmsubqpo",),
        ("vsr", "fpscr", "crf1"),
        "rounded as FPSCR[RN] says, not to odd",
        "Book I 7.6.3",
    ),
)
