"""Waivers of decimal floating point: see waiver.py."""

from __future__ import annotations

import numpy as np

from jitppc.ir.fpscr import FPSCR

from .cases import Kind
from .waiver import EVERYTHING, Found, Waiver

ROUNDED = (
    "dadd*", "dsub*", "dmul*", "ddiv*", "dcmp*", "dqua*", "drrnd*", "drint*", "dct*", "drsp",
    "drdpq", "dcffix*", "denbcd*",
)  # fmt: skip


def _high_of_target(found: Found, side: np.ndarray) -> np.ndarray:
    name = "FRT" if "FRT" in found.row.picture.fields else "FRTp"
    return side["state"]["vsr"][np.arange(len(found)), found.field(name), 1]


def _no_packed_number(found: Found) -> np.ndarray:
    """We find an invalid operation, they do not."""
    nan = np.uint64(0x7C << 56)
    return (_high_of_target(found, found.ours) == nan) & (
        _high_of_target(found, found.theirs) != nan
    )


def _least_integer(found: Found) -> np.ndarray:
    return _high_of_target(found, found.ours) == np.uint64(1 << 63)


WAIVERS: tuple[Waiver, ...] = (
    Waiver(
        ROUNDED,
        ("fpscr", "crf1"),
        "FR and FI are never cleared, FR never set, and FX set again by what was there already",
        "Book I 5.5.10",
        fpscr=FPSCR.FR | FPSCR.FI | FPSCR.FX,
    ),
    Waiver(
        ROUNDED,
        EVERYTHING,
        "enabled exceptions do not interrupt",
        "Book I 5.5.10",
        when=lambda found: found.we_say(Kind.FLOATING) & found.they_say(Kind.NEXT),
    ),
    Waiver(
        ("drdpq",),
        ("vsr", "fpscr", "crf1"),
        "the result is in the odd register of the pair; a signalling NaN with a long payload is"
        " not noticed",
        "Book I 5.6.5.1",
        fpscr=FPSCR.VXSNAN | FPSCR.VX | FPSCR.FX,
    ),
    Waiver(
        ("denbcd", "denbcdq"),
        ("fpscr",),
        "the NaN of an invalid digit or sign does not set FPRF",
        "Book I 5.6.6",
        fpscr=FPSCR.FPRF,
    ),
    Waiver(
        ("denbcd", "denbcdq", "drrnd", "drrndq"),
        ("fpscr", "crf1"),
        "RN, taken for VE, sets FEX when an operation is invalid",
        "Book I 4.2.2",
        fpscr=FPSCR.FEX,
    ),
    Waiver(
        ("drsp",),
        ("vsr", "fpscr"),
        "a payload too long for a short NaN is lost, and a signalling NaN made quiet with it",
        "Book I 5.6.5.1",
        fpscr=FPSCR.FPRF,
    ),
    Waiver(
        ("dctfixq",),
        ("fpscr", "crf1"),
        "the least integer is found too small",
        "Book I 5.6.5.2",
        when=_least_integer,
        fpscr=FPSCR.VX | FPSCR.VXCVI | FPSCR.FX,
    ),
    Waiver(
        ("denbcd", "denbcdq"),
        ("vsr", "fpscr", "crf1"),
        "0xA passes for a digit",
        "Book I 5.6.6",
        when=_no_packed_number,
    ),
    Waiver(
        ("ddedpd", "ddedpdq"),
        ("vsr",),
        "infinities are taken to have no digits",
        "Book I 5.6.6: the trailing significand",
    ),
    Waiver(
        ("dscli*", "dscri*"),
        ("vsr",),
        "infinities are taken to have no digits; after a long shift, infinities and NaNs keep bits "
        "of the combination field",
        "Book I 5.6.6",
    ),
    Waiver(
        ("diex", "diexq"),
        ("vsr",),
        "infinities are taken to have no digits",
        "Book I 5.6.6: the trailing significand",
    ),
)
