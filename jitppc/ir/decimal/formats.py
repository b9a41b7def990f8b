"""Decimal formats: numbers to bits and back. Ref: Book I 5.4, tables of the combination field.

A format is named by its width: 32, 64 or 128 bits. A number is a kind, a sign, an exponent and the
coefficient in the workspace; of infinities and NaNs the coefficient is the trailing significand.
"""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR

from .limbs import LIMBS, Work, clear, digit_count

FINITE, INFINITE, QUIET, SIGNALLING = 0, 1, 2, 3

#: places of results in the workspace: the bits' doublewords, and what the FPSCR is told
HIGH, LOW, FPRF, EXCEPTIONS, FI, FR = 0, 1, 2, 3, 4, 5
#: in FPRF: leave the field as it is
UNCHANGED = -1

C, FL, FG, FE, FU = FPSCR.C, FPSCR.FL, FPSCR.FG, FPSCR.FE, FPSCR.FU


def declets(size: int) -> int:
    """Declets in the trailing significand."""
    if size == 64:
        return 5
    return 11 if size == 128 else 2


def precision(size: int) -> int:
    """Digits of a coefficient."""
    return 3 * declets(size) + 1


def exponent_bits(size: int) -> int:
    """Bits of the exponent that follow the five of the combination field."""
    if size == 64:
        return 8
    return 12 if size == 128 else 6


def e_max(size: int) -> int:
    """Exponent of the largest number's first digit."""
    return 3 << (exponent_bits(size) - 1)


def e_min(size: int) -> int:
    """Exponent of the smallest normal number's first digit."""
    return 1 - e_max(size)


def bias(size: int) -> int:
    """Of the exponent; minus the least one."""
    return e_max(size) + precision(size) - 2


def largest_exponent(size: int) -> int:
    """The greatest exponent a coefficient can have."""
    return e_max(size) - precision(size) + 1


def number_of(declet: int) -> int:
    """0 to 999; all 1024 declets have a meaning. Ref: Book I 5.4, the table of declets."""
    a, b, c = declet >> 7 & 7, declet >> 4 & 7, declet & 7
    if not declet & 8:
        return 100 * a + 10 * b + c
    large_a, large_b, large_c = 8 + (a & 1), 8 + (b & 1), 8 + (c & 1)
    kind = c >> 1
    if kind == 0:
        return 100 * a + 10 * b + large_c
    if kind == 1:
        return 100 * a + 10 * large_b + (b & 6 | c & 1)
    if kind == 2:
        return 100 * large_a + 10 * b + (a & 6 | c & 1)
    if b >> 1 == 0:
        return 100 * large_a + 10 * large_b + (a & 6 | c & 1)
    if b >> 1 == 1:
        return 100 * large_a + 10 * (a & 6 | b & 1) + large_c
    if b >> 1 == 2:
        return 100 * a + 10 * large_b + large_c
    return 100 * large_a + 10 * large_b + large_c


def declet_of(number: int) -> int:
    """The canonical declet of 0 to 999."""
    a, b, c = number // 100, number // 10 % 10, number % 10
    large = (a >> 3) << 2 | (b >> 3) << 1 | c >> 3
    if large == 0:
        return a << 7 | b << 4 | c
    if large == 1:
        return a << 7 | b << 4 | 8 | c & 1
    if large == 2:
        return a << 7 | (c & 6 | b & 1) << 4 | 10 | c & 1
    if large == 4:
        return (c & 6 | a & 1) << 7 | b << 4 | 12 | c & 1
    if large == 6:
        return (c & 6 | a & 1) << 7 | (b & 1) << 4 | 14 | c & 1
    if large == 5:
        return (b & 6 | a & 1) << 7 | (2 | b & 1) << 4 | 14 | c & 1
    if large == 3:
        return a << 7 | (4 | b & 1) << 4 | 14 | c & 1
    return (a & 1) << 7 | (6 | b & 1) << 4 | 14 | c & 1


def unpack(w: Work, at: int, size: int, high: int, low: int) -> tuple[int, int, int]:
    """Kind, sign and exponent; the coefficient goes to `at`."""
    top, width, ec = high if size == 128 else low, min(size, 64), exponent_bits(size)
    clear(w, at)
    for i in range(declets(size)):
        shift = 10 * i
        if shift >= 64:
            declet = high >> (shift - 64) & 1023
        elif shift == 60:
            declet = (high & 63) << 4 | low >> 60 & 15
        else:
            declet = low >> shift & 1023
        w[at + i] = number_of(declet)
    sign, g = top >> (width - 1) & 1, top >> (width - 6) & 31
    if g >= 30:
        kind = INFINITE if g == 30 else QUIET + (top >> (width - 7) & 1)
        return kind, sign, 0
    if g < 24:
        first, upper = g & 7, g >> 3
    else:
        first, upper = 8 | g & 1, g >> 1 & 3
    w[at + declets(size)] = first
    exponent = upper << ec | top >> (width - 6 - ec) & (1 << ec) - 1
    return FINITE, sign, exponent - bias(size)


def pack(w: Work, at: int, size: int, kind: int, sign: int, exponent: int) -> None:
    """Put a number's canonical bits into HIGH and LOW; digits that find no room are dropped."""
    width, ec = min(size, 64), exponent_bits(size)
    if kind == FINITE:
        first, biased = w[at + declets(size)] % 10, exponent + bias(size)
        upper = biased >> ec
        g = upper << 3 | first if first < 8 else 24 | upper << 1 | first & 1
        continuation = biased & (1 << ec) - 1
    else:
        g = 30 if kind == INFINITE else 31
        continuation = 1 << (ec - 1) if kind == SIGNALLING else 0
    top = sign << (width - 1) | g << (width - 6) | continuation << (width - 6 - ec)
    high, low = 0, top
    if size == 128:
        high, low = top, 0
    for i in range(declets(size)):
        declet, shift = declet_of(w[at + i]), 10 * i
        if shift >= 64:
            high |= declet << (shift - 64)
        elif shift == 60:
            high |= declet >> 4
            low |= (declet & 15) << 60
        else:
            low |= declet << shift
    w[HIGH], w[LOW] = high, low


def is_subnormal(w: Work, at: int, size: int, exponent: int) -> int:
    """1 if a finite number that is not 0 is below the smallest normal one."""
    return 1 if exponent + digit_count(w, at) - 1 < e_min(size) else 0


def class_of(w: Work, at: int, size: int, kind: int, sign: int, exponent: int) -> int:
    """FPRF of a number. Ref: Book I 5.2.2, the table of result flags."""
    if kind == SIGNALLING:
        return FU
    if kind == QUIET:
        return C | FU
    relation = FL if sign else FG
    if kind == INFINITE:
        return relation | FU
    if digit_count(w, at) == 0:
        return FE | (C if sign else 0)
    return relation | (C if is_subnormal(w, at, size, exponent) else 0)


def deliver(w: Work, at: int, size: int, kind: int, sign: int, exponent: int) -> None:
    """The result is this number: its bits and its class."""
    pack(w, at, size, kind, sign, exponent)
    w[FPRF] = class_of(w, at, size, kind, sign, exponent)


def deliver_special(w: Work, at: int, size: int, kind: int, sign: int, exceptions: int) -> None:
    """The result is an infinity or a NaN without payload."""
    clear(w, at)
    deliver(w, at, size, kind, sign, 0)
    w[EXCEPTIONS] = exceptions


def fill_nines(w: Work, at: int, digits: int) -> None:
    """The largest number of so many digits."""
    for i in range(LIMBS):
        left = digits - 3 * i
        w[at + i] = 0
        for _ in range(max(min(left, 3), 0)):
            w[at + i] = w[at + i] * 10 + 9
