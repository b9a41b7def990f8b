"""Integer ops. All arithmetic wraps; every op is total, so that folding and hoisting are always allowed."""

from __future__ import annotations

from jitppc.ir.types import I1, I64, I128, Type, signed

from .row import Op

T = "T"


def _shl(t: Type, _a: object, x: int, n: int) -> int:
    return x << n & t.mask if n < t.bits else 0


def _ashr(t: Type, _a: object, x: int, n: int) -> int:
    return signed(x, t.bits) >> min(n, t.bits - 1) & t.mask


def _rotl(t: Type, _a: object, x: int, n: int) -> int:
    n %= t.bits
    return (x << n | x >> (t.bits - n)) & t.mask


def _sdiv(t: Type, _a: object, x: int, y: int) -> int:
    sx, sy = signed(x, t.bits), signed(y, t.bits)
    if sy == 0:
        return 0
    quotient = abs(sx) // abs(sy)
    return (quotient if (sx < 0) == (sy < 0) else -quotient) & t.mask


def _srem(t: Type, _a: object, x: int, y: int) -> int:
    sx, sy = signed(x, t.bits), signed(y, t.bits)
    if sy == 0:
        return 0
    rest = abs(sx) % abs(sy)
    return (-rest if sx < 0 else rest) & t.mask


def _gather(_t: Type, _a: object, x: int, mask: int) -> int:
    """The bits of x where the mask has 1, at the right end in their order."""
    result = at = 0
    while mask:
        low = mask & -mask
        result |= bool(x & low) << at
        at, mask = at + 1, mask ^ low
    return result


def _scatter(_t: Type, _a: object, x: int, mask: int) -> int:
    """The inverse: the low bits of x, put where the mask has 1."""
    result = 0
    while mask:
        low = mask & -mask
        result |= low if x & 1 else 0
        x, mask = x >> 1, mask ^ low
    return result


def _wide(high: int, low: int, divisor: int) -> tuple[int, int]:
    """(high || low) divided, unsigned; 0, 0 when the quotient has no room."""
    return divmod(high << 128 | low, divisor) if high < divisor else (0, 0)


def _less(t: Type, x: int, y: int) -> bool:
    return signed(x, t.bits) < signed(y, t.bits)


ROWS = (
    Op("const", (), "attr", "A constant; the attribute is (value, width)."),
    Op("field", (), "attr", "An instruction field not yet known; the attribute is (name, width, shift)."),
    Op("add", (T, T), T, "Sum.", lambda t, a, x, y: x + y & t.mask, commutative=True),
    Op("sub", (T, T), T, "Difference.", lambda t, a, x, y: x - y & t.mask),
    Op("mul", (T, T), T, "Product, low half.", lambda t, a, x, y: x * y & t.mask, commutative=True),
    Op("and", (T, T), T, "Bitwise and.", lambda t, a, x, y: x & y, commutative=True),
    Op("or", (T, T), T, "Bitwise or.", lambda t, a, x, y: x | y, commutative=True),
    Op("xor", (T, T), T, "Bitwise exclusive or.", lambda t, a, x, y: x ^ y, commutative=True),
    Op("not", (T,), T, "Bitwise complement.", lambda t, a, x: x ^ t.mask),
    Op("neg", (T,), T, "Two's complement.", lambda t, a, x: -x & t.mask),
    Op("shl", (T, T), T, "Shift left; 0 when the amount is the width or more.", _shl),
    Op("lshr", (T, T), T, "Logical shift right; 0 when the amount is the width or more.", lambda t, a, x, n: x >> n),
    Op("ashr", (T, T), T, "Arithmetic shift right; only signs when the amount is the width or more.", _ashr),
    Op("rotl", (T, T), T, "Rotate left by the amount modulo the width.", _rotl),
    Op("udiv", (T, T), T, "Unsigned quotient; 0 for a divisor of 0.", lambda t, a, x, y: x // y if y else 0),
    Op("urem", (T, T), T, "Unsigned remainder; 0 for a divisor of 0.", lambda t, a, x, y: x % y if y else 0),
    Op("sdiv", (T, T), T, "Signed quotient, truncated; 0 for a divisor of 0; wraps.", _sdiv),
    Op("srem", (T, T), T, "Signed remainder with the dividend's sign; 0 for a divisor of 0.", _srem),
    Op("ctlz", (T,), T, "Leading zeros; the width for 0.", lambda t, a, x: t.bits - x.bit_length()),
    Op("cttz", (T,), T, "Trailing zeros; the width for 0.",
       lambda t, a, x: (x & -x).bit_length() - 1 if x else t.bits),
    Op("pext", (I64, I64), I64, "The bits of the first operand where the second has 1, at the right.", _gather),
    Op("pdep", (I64, I64), I64, "The low bits of the first operand, put where the second has 1.", _scatter),
    Op("quotient", (I128, I128, I128), I128, "The first operand || the second over the third, unsigned; 0 when "
       "128 bits have no room for it.", lambda t, a, high, low, d: _wide(high, low, d)[0]),
    Op("remainder", (I128, I128, I128), I128, "What is left of that division; 0 when there was no room.",
       lambda t, a, high, low, d: _wide(high, low, d)[1]),
    Op("popcnt", (T,), T, "Number of ones.", lambda t, a, x: x.bit_count()),
    Op("bswap", (T,), T, "Bytes in reverse order.",
       lambda t, a, x: int.from_bytes(x.to_bytes(t.bits // 8, "little"), "big")),
    Op("eq", (T, T), I1, "Equal.", lambda t, a, x, y: int(x == y), commutative=True),
    Op("ne", (T, T), I1, "Not equal.", lambda t, a, x, y: int(x != y), commutative=True),
    Op("ult", (T, T), I1, "Less, unsigned.", lambda t, a, x, y: int(x < y)),
    Op("ule", (T, T), I1, "Less or equal, unsigned.", lambda t, a, x, y: int(x <= y)),
    Op("slt", (T, T), I1, "Less, signed.", lambda t, a, x, y: int(_less(t, x, y))),
    Op("sle", (T, T), I1, "Less or equal, signed.", lambda t, a, x, y: int(not _less(t, y, x))),
    Op("select", (I1, T, T), T, "The second operand if the first is 1, else the third.",
       lambda t, a, c, x, y: x if c else y),
    Op("zext", (None,), "attr", "Extended with zeros to the width of the attribute.",
       lambda t, a, x: x, attr="width"),
    Op("sext", (None,), "attr", "Extended with the sign to the width of the attribute.",
       lambda t, a, x: signed(x, t.bits) & (1 << a) - 1, attr="width"),
    Op("trunc", (None,), "attr", "The low bits, as many as the attribute says.",
       lambda t, a, x: x & (1 << a) - 1, attr="width"),
    Op("pack", (I64, I64), I128, "First operand as high, second as low doubleword.",
       lambda t, a, hi, lo: hi << 64 | lo),
    Op("hi", (I128,), I64, "High doubleword.", lambda t, a, x: x >> 64),
    Op("lo", (I128,), I64, "Low doubleword.", lambda t, a, x: x & (1 << 64) - 1),
)
