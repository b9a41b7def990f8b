"""Waivers of decimal numbers in vectors, and of what ISA 3.1 brought: see waiver.py."""

from __future__ import annotations

import numpy as np

from .waiver import Found, Waiver

MODELS = ("power10",)


# --- conditions
def _no_decimal_result(found: Found) -> np.ndarray:
    field6 = found.ours["state"]["cr"] >> np.uint64(4) & np.uint64(15)
    overflow = field6 & np.uint64(1) != 0
    return (field6 == 1) | (overflow if found.row.key == "bcdcfsq." else False)


def _replaces_its_operand(found: Found) -> np.ndarray:
    target = found.field("VRT")
    others = [name for name in ("VRA", "VRB") if name in found.row.picture.fields]
    return np.any([target == found.field(name) for name in others], axis=0)


def _zero_with_sign(found: Found) -> np.ndarray:
    field6 = found.theirs["state"]["cr"] >> np.uint64(4) & np.uint64(15)
    return (field6 == 0b0110) | (field6 == 0b1010)


def _length_looks_negative(found: Found) -> np.ndarray:
    return found.vsr_high("VRA") & np.uint64(0x8000) != 0


def _rounds_directed(found: Found) -> np.ndarray:
    return found.cases["state"]["fpscr"] & np.uint64(2) != 0


def _differs_without_a_quotient(found: Found) -> np.ndarray:
    """Elements of the target differ only where there is no quotient or remainder."""
    return np.array([_is_explained(found, n) for n in range(len(found))], bool)


def _is_explained(found: Found, n: int) -> bool:
    vsr = found.cases["state"]["vsr"][n]
    x, y, target = (int(found.field(name)[n]) + 32 for name in ("VRA", "VRB", "VRT"))
    width = {"w": 32, "d": 64, "q": 128}[found.row.key[-1]]
    difference = _quadword(found.bits["vsr"][n, target])
    return all(
        not difference >> shift & (1 << width) - 1
        or not _has_quotient(found.row.key, _quadword(vsr[x]), _quadword(vsr[y]), shift, width)
        for shift in range(0, 128, width)
    )


def _quadword(vsr: np.ndarray) -> int:
    return int(vsr[1]) << 64 | int(vsr[0])


def _has_quotient(key: str, x: int, y: int, shift: int, width: int) -> bool:
    """Of the elements of x and y, by the instruction's own name: v div [e] s|u w|d|q."""
    a, b = (value >> shift & (1 << width) - 1 for value in (x, y))
    is_signed = key[-2] == "s"
    if is_signed:
        a, b = (value - (value >> width - 1 << width) for value in (a, b))
    if key.startswith("vdive"):
        a <<= width
    if not b:
        return False
    quotient = abs(a) // abs(b)
    if not is_signed:
        return quotient < 1 << width
    if a * b < 0:
        return quotient <= 1 << width - 1
    return quotient < 1 << width - 1


WAIVERS: tuple[Waiver, ...] = (
    # --- decimal numbers
    Waiver(
        ("bcd*",),
        ("vsr", "crf6"),
        "operands that are no numbers, or too large ones",
        "Book I 6.17: undefined",
        when=_no_decimal_result,
    ),
    Waiver(
        ("bcdadd.", "bcdsub."),
        ("crf6", "vsr"),
        "a zero sum of like signs keeps the sign",
        "Book I 6.17",
        when=_zero_with_sign,
    ),
    Waiver(
        ("bcds.", "bcdsr.", "bcdus.", "bcd*trunc."),
        ("crf6",),
        "compares the result with 0, signed; the book compares the source, and so does POWER9 in"
        " Valgrind's recorded results",
        "Book I 6.17",
    ),
    Waiver(
        ("bcdctsq.", "bcdcpsgn."),
        ("crf6", "vsr"),
        "VRT is written before the sources are read",
        "Book I 6.17",
        when=_replaces_its_operand,
    ),
    Waiver(
        ("bcdtrunc.", "bcdutrunc."),
        ("crf6", "vsr"),
        "lengths from 32768 on are taken as negative",
        "Book I 6.17.4: VRA.hword[3] is a number of digits",
        when=_length_looks_negative,
    ),
    # --- ISA 3.1
    Waiver(
        ("vdiv*", "vmod*"),
        ("vsr",),
        "POWER10 gives 0 for a quotient or remainder that does not exist",
        "Book I 6.9.1.9: undefined",
        when=_differs_without_a_quotient,
        models=MODELS,
    ),
    Waiver(
        ("*xvf[36][24]gern[pn]",),
        ("vsr", "fpscr"),
        "the result is rounded after it was negated, as in fnmsub",
        "Book I 7.6.3, xvf32gernp: r is rounded, then r <- bfp_NEGATE(r)",
        when=_rounds_directed,
        models=MODELS,
    ),
)
