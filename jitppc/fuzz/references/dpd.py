"""Decimal interchange formats by Python's `decimal` module: numbers to bits and back.

Written from the tables of IEEE 754-2008 3.5.2, over strings and tuples; shares nothing with
jitppc/ir/decimal.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Form:
    """A format: width in bits, digits, greatest exponent of a first digit."""

    width: int
    digits: int
    e_max: int

    @property
    def e_min(self) -> int:
        """Exponent of the smallest normal number."""
        return 1 - self.e_max

    @property
    def top(self) -> int:
        """Greatest exponent of a coefficient."""
        return self.e_max - self.digits + 1

    @property
    def bottom(self) -> int:
        """Least exponent of a coefficient."""
        return self.e_min - self.digits + 1

    @property
    def declets(self) -> int:
        """Groups of three digits behind the first digit."""
        return self.digits // 3

    @property
    def continuation(self) -> int:
        """Bits of exponent continuation."""
        return self.width - 6 - 10 * self.declets


FORMS = {32: Form(32, 7, 96), 64: Form(64, 16, 384), 128: Form(128, 34, 6144)}

#: the ten bits of three digits, from their bits abcd efgh ijkm, by which of a, e, i are 1
_LAYOUT = {
    "000": "bcdfgh0jkm", "001": "bcdfgh100m", "010": "bcdjkh101m", "100": "jkdfgh110m",
    "110": "jkd00h111m", "101": "fgd01h111m", "011": "bcd10h111m", "111": "00d11h111m",
}  # fmt: skip


@functools.cache
def declet(number: int) -> int:
    """The canonical declet of 0 to 999."""
    bits = dict(zip("abcdefghijkm", "".join(f"{int(d):04b}" for d in f"{number:03}"), strict=True))
    layout = _LAYOUT[bits["a"] + bits["e"] + bits["i"]]
    return int("".join(bits.get(c, c) for c in layout), 2)


@functools.cache
def _numbers() -> dict[int, int]:
    return {declet(n): n for n in range(1000)}


def number(group: int) -> int:
    """The number of a declet; the 24 others mean what they mean with bits 0:1 taken as 0."""
    return _numbers()[group] if group in _numbers() else _numbers()[group & 0xFF]


def exponent_of(value: Decimal) -> int:
    """The exponent of a finite number."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def fitted(value: Decimal, form: Form) -> Decimal | None:
    """The same number with an exponent of the format, as near to its own as can be."""
    sign, digits, _ = value.as_tuple()
    exponent = exponent_of(value)
    whole = int("".join(map(str, digits)))
    if whole == 0:
        return Decimal((sign, (0,), max(min(exponent, form.top), form.bottom)))
    while form.top < exponent <= form.e_max:
        whole, exponent = whole * 10, exponent - 1
    while (exponent < form.bottom or whole >= 10**form.digits) and whole % 10 == 0:
        whole, exponent = whole // 10, exponent + 1
    if not form.bottom <= exponent <= form.top or whole >= 10**form.digits:
        return None
    return Decimal((sign, tuple(map(int, str(whole))), exponent))


def encode(value: Decimal, width: int) -> int | None:
    """The canonical bits of a number, or None when the format does not have it."""
    form = FORMS[width]
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, str):
        kind = {"F": 0b11110, "n": 0b11111, "N": 0b11111}[exponent]
        payload = "0" if exponent == "F" else "".join(map(str, digits)) or "0"
        continuation = 1 << (form.continuation - 1) if exponent == "N" else 0
        if len(payload) > form.digits - 1:
            return None
        first, upper = 0, kind
    else:
        fit = fitted(value, form)
        if fit is None:
            return None
        sign, digits, exponent = fit.as_tuple()
        payload = "".join(map(str, digits)).rjust(form.digits, "0")
        first, biased = int(payload[0]), int(exponent) - form.bottom
        payload, high = payload[1:], biased >> form.continuation
        upper = high << 3 | first if first < 8 else 0b11000 | high << 1 | first & 1
        continuation = biased & (1 << form.continuation) - 1
    payload = payload.rjust(3 * form.declets, "0")
    bits = (sign << 5 | upper) << form.continuation | continuation
    for start in range(0, len(payload), 3):
        bits = bits << 10 | declet(int(payload[start : start + 3]))
    return bits


def decode(bits: int, width: int) -> Decimal:
    """The number of these bits; of NaNs the payload too."""
    form, text = FORMS[width], f"{bits:0{width}b}"
    sign, upper = int(text[0]), int(text[1:6], 2)
    continuation, trailing = text[6 : 6 + form.continuation], text[6 + form.continuation :]
    groups = [number(int(trailing[n : n + 10], 2)) for n in range(0, len(trailing), 10)]
    tail = "".join(f"{n:03}" for n in groups)
    if upper == 0b11110:
        return Decimal("-Inf" if sign else "Inf")
    if upper == 0b11111:
        name = "sNaN" if continuation[0] == "1" else "NaN"
        return Decimal(f"{'-' * sign}{name}{tail.lstrip('0')}")
    first, high = (upper & 7, upper >> 3) if upper < 0b11000 else (8 | upper & 1, upper >> 1 & 3)
    exponent = (high << form.continuation | int(continuation, 2)) + form.bottom
    return Decimal((sign, tuple(map(int, str(int(f"{first}{tail}")))), exponent))


def class_code(value: Decimal, width: int) -> int:
    """FPSCR[FPRF] of a number. Ref: Book I 5.2.2."""
    if value.is_snan():
        return 0b00001
    if value.is_nan():
        return 0b10001
    negative = value.is_signed()
    if value.is_zero():
        return 0b10010 if negative else 0b00010
    relation = 0b01000 if negative else 0b00100
    if value.is_infinite():
        return relation | 1
    return relation | (0b10000 if value.adjusted() < FORMS[width].e_min else 0)
