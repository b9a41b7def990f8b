"""Random decimal operands: what instructions distinguish is as likely as any number."""

from __future__ import annotations

import random
from decimal import Decimal

from jitppc.fuzz.references import dpd


def a_number(source: random.Random, width: int) -> int:
    """Bits of a number of this width."""
    form = dpd.FORMS[width]
    kind = source.randrange(12)
    if kind == 0:
        return source.getrandbits(width)
    if kind == 1 and source.randrange(3) == 0:
        # an infinity or NaN with bits that mean nothing
        first = source.getrandbits(1) << 5 | 0b11110 | source.getrandbits(1)
        return first << (width - 6) | source.getrandbits(width - 6)
    if kind == 1:
        special = source.choice(("Inf", "-Inf", "NaN", "-NaN", "sNaN", "NaN123", "-sNaN999"))
        return _bits(Decimal(special), width)
    digits = source.choice((1, 2, 3, form.digits // 2, form.digits - 1, form.digits, form.digits))
    text = "".join(source.choice("0123456789") for _ in range(digits))
    if kind == 2:
        text = "0"
    elif kind == 3:
        text = "9" * digits
    elif kind == 4:
        text = "1" + "0" * (digits - 1)
    elif kind == 5:
        text = text[: digits // 2] + "5" + "0" * (digits - digits // 2 - 1)
    near = source.choice((0, 0, 0, form.top, form.bottom, form.e_min, source.randrange(
        form.bottom, form.top)))
    exponent = near + source.randrange(-2 * form.digits, 2 * form.digits)
    if source.randrange(3) == 0:
        exponent = near + source.randrange(-3, 4)
    exponent = max(min(exponent, form.top), form.bottom)
    return _bits(Decimal((source.randrange(2), tuple(map(int, text)), exponent)), width)


def _bits(value: Decimal, width: int) -> int:
    bits = dpd.encode(value, width)
    assert bits is not None
    return bits


def an_integer(source: random.Random, bits: int) -> int:
    """An integer of any size, or near a power of ten or two; unsigned."""
    kind = source.randrange(3)
    if kind == 0:
        value = source.getrandbits(source.randrange(1, bits + 1))
    elif kind == 1:
        value = 10 ** source.randrange(20) + source.randrange(-2, 3)
    else:
        value = (1 << source.randrange(bits)) + source.randrange(-2, 3)
    return source.choice((value, -value)) & (1 << bits) - 1


def some_digits(source: random.Random, width: int) -> int:
    """Packed decimal digits, mostly right, with a sign or without."""
    count = width // 4
    text = "".join(source.choice("0123456789") for _ in range(count - 1))
    text = "0" * source.choice((0, 0, 3, count - 4)) + text
    text = text[: count - 1] + source.choice("0123456789ABCDEF")
    if source.randrange(8) == 0:
        at = source.randrange(count)
        text = text[:at] + source.choice("ABCDEF") + text[at + 1 :]
    return int(text, 16)


def operands(key: str, width: int, source: random.Random) -> tuple[int, int]:
    """(FRA) and (FRB) for an instruction on numbers of a width."""
    name = key.removesuffix("q") if key not in ("dctqpq", "drdpq", "dcffixqq") else key
    a, b = a_number(source, width), a_number(source, width)
    if name in ("dtstsf", "drrnd"):
        a = source.choice((0, 1, 5, 7, 15, 16, 17, 34, 35, source.getrandbits(64)))
    elif name == "diex":
        a = source.choice((0, 1, 369, 398, 767, 768, 6176, 12287, 12288, -1, -2, -3, -4,
                           source.getrandbits(64))) & (1 << 64) - 1
    elif name in ("dcffix", "dcffixqq"):
        b = an_integer(source, 64 if name == "dcffix" else 128)
    elif name == "denbcd":
        b = some_digits(source, width)
    elif name in ("dctqpq", "dctdp"):
        b = a_number(source, 64 if name == "dctqpq" else 32)
    elif name in ("dctfix", "dctfixq") and source.randrange(2):
        integer = Decimal(an_integer(source, 64) - (1 << 63)).scaleb(source.randrange(-3, 2))
        b = dpd.encode(integer, width) or b
    elif source.randrange(4) == 0:
        b = a ^ source.choice((0, 1 << (width - 1), 1, 16))
    return a, b
