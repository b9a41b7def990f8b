"""Conversions between formats and to and from integers; comparisons. Ref: Book I 4.6.7."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR

from .formats import Format, Result, exactly, result_class
from .rounding import Rounding, encoded, grows, nan_result, rounded, shifted


def rounded_to(fmt: Format, x: int, how: Rounding) -> Result:
    """x, rounded to the precision of `how`, kept in its own format."""
    from_nan = nan_result(fmt, (x,))
    if from_nan is not None:
        kept = fmt.fraction_bits - how.to.fraction_bits
        return Result(from_nan.bits >> kept << kept, from_nan.fprf, from_nan.exceptions)
    if fmt.is_zero(x) or fmt.is_infinite(x):
        return exactly(fmt, x)
    return how(fmt, bool(x & fmt.sign_bit), *fmt.parts(x))


def widened(narrow: Format, wide: Format, x: int) -> int:
    """A number of a narrow format in a wide one; NaNs keep kind, sign and payload."""
    sign = wide.sign_bit if x & narrow.sign_bit else 0
    if x & narrow.infinity == narrow.infinity:
        return (
            sign
            | wide.infinity
            | (x & narrow.fraction) << (wide.fraction_bits - narrow.fraction_bits)
        )
    m, e = narrow.parts(x)
    return encoded(wide, bool(sign), m, e)


def narrowed(
    wide: Format, narrow: Format, x: int, controls: int, mode: int | None = None
) -> Result:
    """x, rounded to a narrower format; a NaN keeps the high-order part of its payload."""
    sign = narrow.sign_bit if x & wide.sign_bit else 0
    from_nan = nan_result(wide, (x,))
    if from_nan is not None:
        payload = (from_nan.bits & wide.fraction) >> (wide.fraction_bits - narrow.fraction_bits)
        return Result(sign | narrow.infinity | payload, from_nan.fprf, from_nan.exceptions)
    if wide.is_zero(x) or wide.is_infinite(x):
        return exactly(narrow, sign | (narrow.infinity if x & wide.infinity else 0))
    return rounded(narrow, bool(sign), *wide.parts(x), controls, mode=mode)


def is_tiny(wide: Format, narrow: Format, x: int) -> bool:
    """x is below the narrower format's normal numbers, and not 0."""
    if x & wide.infinity == wide.infinity or wide.is_zero(x):
        return False
    m, e = wide.parts(x)
    return e + m.bit_length() - 1 < narrow.lowest


def stored_single(x: int) -> int:
    """A double's bits as a single, as stores convert: never rounded. Ref: Book I 4.6.3."""
    exponent, sign = x >> 52 & 0x7FF, x >> 63
    if exponent > 896 or not x << 1 & (1 << 64) - 1:
        return (x >> 62) << 30 | x >> 29 & 0x3FFFFFFF
    significand = 1 << 23 | x >> 29 & 0x7FFFFF
    return sign << 31 | (significand >> (897 - exponent) if exponent >= 874 else 0)


def from_integer(fmt: Format, value: int, how: Rounding) -> Result:
    """A Python integer as a number, kept in `fmt`."""
    if not value:
        return exactly(fmt, 0)
    return how(fmt, value < 0, abs(value), 0)


def _integral(fmt: Format, x: int, mode: int) -> tuple[int, bool, bool]:
    """|x| rounded to an integer; whether that changed it, and whether it grew."""
    m, e = fmt.parts(x)
    kept, rest = shifted(m, -e)
    larger = grows(mode, bool(x & fmt.sign_bit), kept, rest)
    return kept + larger, bool(rest), larger


def to_integer(fmt: Format, x: int, low: int, high: int, mode: int, bits: int = 64) -> Result:
    """x as an integer from low to high, taken as those of `bits` bits; saturated, low for NaNs,
    with VXCVI.
    """
    mask = (1 << bits) - 1
    if fmt.is_nan(x):
        cause = FPSCR.VXCVI | (FPSCR.VXSNAN if fmt.is_signalling(x) else 0)
        return Result(low & mask, None, cause)
    negative = bool(x & fmt.sign_bit)
    if not fmt.is_infinite(x):
        magnitude, fi, fr = _integral(fmt, x, mode)
        value = -magnitude if negative else magnitude
        if low <= value <= high:
            return Result(value & mask, None, FPSCR.XX if fi else 0, fi, fr)
    return Result((low if negative else high) & mask, None, FPSCR.VXCVI)


def to_integral(fmt: Format, x: int, mode: int, *, exact: bool = False) -> Result:
    """x rounded to an integer in its own format; XX, FI and FR only with `exact`."""
    from_nan = nan_result(fmt, (x,))
    if from_nan is not None:
        return from_nan
    if fmt.is_infinite(x):
        return exactly(fmt, x)
    magnitude, fi, fr = _integral(fmt, x, mode)
    bits = encoded(fmt, bool(x & fmt.sign_bit), magnitude, 0)
    if not exact:
        return exactly(fmt, bits)
    return Result(bits, result_class(fmt, bits), FPSCR.XX if fi else 0, fi, fr)


# --- comparison
def order(fmt: Format, x: int) -> int:
    """A number that orders non-NaNs as their values are ordered; zeros are equal."""
    magnitude = x & ~fmt.sign_bit
    return -magnitude if x & fmt.sign_bit else magnitude


def compare(fmt: Format, x: int, y: int) -> int:
    """FPCC of a comparison, as a CR field: 8 less, 4 greater, 2 equal, 1 unordered."""
    if fmt.is_nan(x) or fmt.is_nan(y):
        return 1
    a, c = order(fmt, x), order(fmt, y)
    return 8 if a < c else 4 if a > c else 2
