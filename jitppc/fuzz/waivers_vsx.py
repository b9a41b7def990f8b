"""Waivers of VSX's scalar arithmetic and comparisons: see waiver.py."""

from __future__ import annotations

import numpy as np

from jitppc.ir.fpscr import FPSCR

from .cases import Kind
from .waiver import ALL, EVERYTHING, Found, Waiver, bits_of
from .waivers import VECTORS


def _only_we_trap_not_single(found: Found) -> np.ndarray:
    traps = found.we_say(Kind.FLOATING) & found.they_say(Kind.NEXT)
    return traps & bits_of(found, "fpscr", FPSCR.OX | FPSCR.UX) & _not_single(found)


def _compares_in_vain(found: Found) -> np.ndarray:
    enabled = bits_of(found, "fpscr", FPSCR.VXVC) & bits_of(found, "fpscr", FPSCR.VE)
    return enabled & found.we_say(Kind.FLOATING) & found.they_say(Kind.NEXT)


def _second_nan_signals(found: Found) -> np.ndarray:
    first, second = (found.vsr_high(name) & np.uint64(ALL >> 1) for name in ("XA", "XB"))
    infinity, quiet = np.uint64(0x7FF << 52), np.uint64(0xFFF << 51)
    return (first > infinity) & (second > infinity) & (second < quiet)


def _both_are_zeros(found: Found) -> np.ndarray:
    both = found.vsr_high("XA") | found.vsr_high("XB")
    return both & np.uint64(ALL >> 1) == 0


def _not_single(found: Found) -> np.ndarray:
    """An operand is no single, or a result is a denormal one: rounding twice then shows."""
    result = np.zeros(len(found), bool)
    for name in ("XA", "XB"):
        if name == "XB" or "A" in found.row.picture.fields:
            value = found.vsr_high(name)
            with np.errstate(all="ignore"):
                number = value.view(np.float64)
                result |= number.astype(np.float32).astype(np.float64).view(np.uint64) != value
    target = found.field("XT")
    exponent = found.ours["state"]["vsr"][np.arange(len(found)), target, 1] >> np.uint64(52)
    return result | (exponent & np.uint64(0x7FF) <= 0x381)


def _invalid_in_both(found: Found) -> np.ndarray:
    both = found.we_say(Kind.FLOATING) & found.they_say(Kind.FLOATING)
    return both & bits_of(found, "fpscr", FPSCR.VX)


def _product_and_sum_are_invalid(found: Found) -> np.ndarray:
    return bits_of(found, "fpscr", FPSCR.VXIMZ) & bits_of(found, "fpscr", FPSCR.VXSNAN)


WAIVERS: tuple[Waiver, ...] = (
    Waiver(
        ("xs*qp", "xs*qpo"),
        ("fpscr",),
        "an enabled invalid operation leaves FI as it was",
        "Book I 7.4.1: FR and FI are set to 0",
        when=_invalid_in_both,
        fpscr=FPSCR.FI,
    ),
    Waiver(
        ("fmadd*", "fmsub*", "fnm*", "xsm[as]*", "xsnm*", "xvm[as]*", "xvnm*"),
        ("fpscr",),
        "VXIMZ of zero times infinity hides VXSNAN of what is added",
        "Book I 7.6.3, actions for xsmaddadp: both flags",
        when=_product_and_sum_are_invalid,
        fpscr=FPSCR.VXSNAN,
    ),
    Waiver(
        ("xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp"),
        ("vsr", "fpscr"),
        "rounded to double precision first",
        "Book I 7.6.3",
        when=_not_single,
        fpscr=FPSCR.FX | FPSCR.UX | FPSCR.XX | FPSCR.FR | FPSCR.FI | FPSCR.FPRF,
    ),
    Waiver(
        ("xsaddsp", "xssubsp", "xsmulsp", "xsdivsp", "xssqrtsp", "xsm[as]*sp", "xsnm*sp"),
        EVERYTHING,
        "an enabled underflow or overflow is lost where the adjusted exponent is out of range"
        " too, as it can be when an operand is no single",
        "Book I 7.4.3.2, 7.4.4.2",
        when=_only_we_trap_not_single,
    ),
    Waiver(
        VECTORS,
        ("fpscr",),
        "an enabled exception of one element hides those of the elements behind it",
        "Book I 7.6.3: ex_flag is looked at behind all elements",
        when=lambda found: found.we_say(Kind.FLOATING) & found.they_say(Kind.FLOATING),
        fpscr=FPSCR.EXCEPTIONS | FPSCR.VX,
    ),
    Waiver(
        ("xvcmpg*",),
        EVERYTHING,
        "an enabled invalid comparison does not interrupt, or only behind a later instruction",
        "Book I 7.4.1",
        when=_compares_in_vain,
    ),
    Waiver(
        ("xsm[ai][xn]cdp",),
        ("vsr",),
        "of two zeros the first is taken",
        "Book I 7.6.3: the second, since neither is larger",
        when=_both_are_zeros,
    ),
    Waiver(
        ("xsm[ai][xn]jdp",),
        ("fpscr",),
        "a signalling NaN is not noticed behind another NaN",
        "Book I 7.6.3: VXSNAN if either operand is one",
        when=_second_nan_signals,
        fpscr=FPSCR.FX | FPSCR.VX | FPSCR.VXSNAN,
    ),
)
