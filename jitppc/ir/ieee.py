"""IEEE 754 binary arithmetic on bits, exact and slow: Python integers, one rounding at the end, Power's rules for NaNs
and exceptions. The judge of everything the back end does with floating point. Ref: Book I 4.3, 4.4.

Every function returns a `Result`; exceptions are FPSCR bits. Tininess is detected before rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .fpscr import FPSCR

NEAREST, TO_ZERO, UP, DOWN, TO_ODD, NEAR_AWAY = range(6)


@dataclass(frozen=True, slots=True)
class Format:
    """A binary interchange format."""

    exponent_bits: int
    fraction_bits: int
    wrap: int           # what enabled overflow and underflow add to or subtract from the exponent

    @property
    def bits(self) -> int:
        """Width in bits."""
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def bias(self) -> int:
        """Of the exponent; also the largest exponent of a number."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def lowest(self) -> int:
        """Exponent of the smallest normal number."""
        return 1 - self.bias

    @property
    def sign_bit(self) -> int:
        """The sign."""
        return 1 << (self.bits - 1)

    @property
    def infinity(self) -> int:
        """+infinity; all exponent bits."""
        return ((1 << self.exponent_bits) - 1) << self.fraction_bits

    @property
    def quiet(self) -> int:
        """The bit that tells quiet from signalling NaNs."""
        return 1 << (self.fraction_bits - 1)

    @property
    def default_nan(self) -> int:
        """The NaN that an invalid operation makes."""
        return self.infinity | self.quiet

    @property
    def fraction(self) -> int:
        """Mask of the fraction."""
        return (1 << self.fraction_bits) - 1

    def is_nan(self, x: int) -> bool:
        """True for quiet and signalling NaNs."""
        return x & ~self.sign_bit > self.infinity

    def is_signalling(self, x: int) -> bool:
        """True for signalling NaNs."""
        return self.is_nan(x) and not x & self.quiet

    def is_infinite(self, x: int) -> bool:
        """True for either infinity."""
        return x & ~self.sign_bit == self.infinity

    def is_zero(self, x: int) -> bool:
        """True for either zero."""
        return not x & ~self.sign_bit

    def parts(self, x: int) -> tuple[int, int]:
        """(m, e) with |x| = m * 2**e, for a finite number."""
        exponent = (x & self.infinity) >> self.fraction_bits
        fraction = x & self.fraction
        if exponent:
            fraction |= 1 << self.fraction_bits
        return fraction, max(exponent, 1) - self.bias - self.fraction_bits


HALF, SINGLE, DOUBLE, QUAD = Format(5, 10, 0), Format(8, 23, 192), Format(11, 52, 1536), Format(15, 112, 24576)


@dataclass(frozen=True, slots=True)
class Result:
    """Bits, their class (None where the operation leaves FPRF alone), exceptions raised (FPSCR bits, without FX, VX
    and FEX), and whether rounding changed the number (FI) or made it larger (FR)."""

    bits: int
    fprf: int | None = None
    exceptions: int = 0
    fi: bool = False
    fr: bool = False


def result_class(fmt: Format, x: int) -> int:
    """FPRF of a number: C FL FG FE FU. Ref: Book I 4.2.2, Figure 44."""
    negative = bool(x & fmt.sign_bit)
    if fmt.is_nan(x):
        return FPSCR.C | FPSCR.FU
    if fmt.is_zero(x):
        return FPSCR.FE | (FPSCR.C if negative else 0)
    relation = FPSCR.FL if negative else FPSCR.FG
    if fmt.is_infinite(x):
        return relation | FPSCR.FU
    return relation | (0 if x & fmt.infinity else FPSCR.C)


def exactly(fmt: Format, x: int, exceptions: int = 0) -> Result:
    """A result that needed no rounding."""
    return Result(x, result_class(fmt, x), exceptions)


def _shifted(m: int, n: int) -> tuple[int, int]:
    """m * 2**-n as an integer, and how many quarters of one were lost: 0, 1 (below half), 2 (half), 3 (above)."""
    if n <= 0:
        return m << -n, 0
    kept, rest = m >> n, m & (1 << n) - 1
    half = 1 << (n - 1)
    return kept, 0 if not rest else 2 if rest == half else 1 if rest < half else 3


def _grows(mode: int, negative: bool, kept: int, rest: int) -> bool:
    """Whether rounding takes the next number away from zero."""
    if mode == NEAREST:
        return rest == 3 or (rest == 2 and bool(kept & 1))
    if mode == NEAR_AWAY:
        return rest >= 2
    if mode == TO_ODD:
        return bool(rest) and not kept & 1
    return bool(rest) and mode == (DOWN if negative else UP)


def encoded(fmt: Format, negative: bool, m: int, e: int) -> int:
    """The bits of ±m * 2**e, a number of the format."""
    sign = fmt.sign_bit if negative else 0
    if not m:
        return sign
    top = e + m.bit_length() - 1
    if top < fmt.lowest:
        return sign | _shifted(m, fmt.lowest - fmt.fraction_bits - e)[0]
    return sign | _with_exponent(fmt, top, m)


def _with_exponent(fmt: Format, top: int, m: int) -> int:
    """Exponent and fraction of a normal number; an exponent out of range (undefined in the book) loses bits."""
    exponent = (top + fmt.bias) % (1 << fmt.exponent_bits)
    fraction, _ = _shifted(m, m.bit_length() - 1 - fmt.fraction_bits)
    return exponent << fmt.fraction_bits | fraction & fmt.fraction


def rounded(fmt: Format, negative: bool, m: int, e: int, controls: int, *,
            mode: int | None = None, kept_as: Format | None = None) -> Result:
    """±m * 2**e, not zero, rounded to a format, as bits of the format `kept_as` (by default the same).

    `controls` are FPSCR bits: RN unless `mode` says otherwise, OE and UE. Ref: Book I 4.4.3 to 4.4.5.
    """
    mode = controls & FPSCR.RN if mode is None else mode
    into, precision, exceptions = kept_as or fmt, fmt.fraction_bits + 1, 0
    relation = FPSCR.FL if negative else FPSCR.FG
    top = e + m.bit_length() - 1                      # 2**top <= number < 2**(top + 1)
    tiny = top < fmt.lowest
    least = (fmt.lowest if tiny and not controls & FPSCR.UE else top) - (precision - 1)
    kept, rest = _shifted(m, least - e)
    fi, fr = bool(rest), _grows(mode, negative, kept, rest)
    kept += fr
    if fi:
        exceptions |= FPSCR.XX
    if tiny and (fi or controls & FPSCR.UE):
        exceptions |= FPSCR.UX
        if controls & FPSCR.UE:
            least += fmt.wrap
    elif not tiny and least + kept.bit_length() - 1 > fmt.bias:
        exceptions |= FPSCR.OX
        if controls & FPSCR.OE:
            least -= fmt.wrap
        else:
            is_infinite = mode in (NEAREST, NEAR_AWAY, DOWN if negative else UP)
            sign = into.sign_bit if negative else 0
            largest = encoded(into, negative, (1 << precision) - 1, fmt.bias - precision + 1)
            return Result(sign | into.infinity if is_infinite else largest,
                          relation | FPSCR.FU if is_infinite else relation,
                          exceptions | FPSCR.XX, fi=True, fr=is_infinite)
    bits = encoded(into, negative, kept, least)
    if exceptions & FPSCR.UX and controls & FPSCR.UE or exceptions & FPSCR.OX:    # wrapped
        bits = bits & into.sign_bit | _with_exponent(into, least + kept.bit_length() - 1, kept)
    if not kept:
        return Result(bits, result_class(into, bits), exceptions, fi, fr)
    is_denormal = kept < 1 << (precision - 1)
    return Result(bits, relation | (FPSCR.C if is_denormal else 0), exceptions, fi, fr)


# --- NaNs ---------------------------------------------------------------------------------------------

def nan_result(fmt: Format, operands: tuple[int, ...], exceptions: int = 0) -> Result | None:
    """The first NaN operand made quiet, or None without one; VXSNAN when any is signalling. Ref: Book I 4.3.2."""
    if any(fmt.is_signalling(x) for x in operands):
        exceptions |= FPSCR.VXSNAN
    for x in operands:
        if fmt.is_nan(x):
            return exactly(fmt, x | fmt.quiet, exceptions)
    return None


def invalid(fmt: Format, cause: int) -> Result:
    """The default NaN."""
    return exactly(fmt, fmt.default_nan, cause)


# --- arithmetic: operands of `fmt`, rounded once to the format `to`, kept in the operands' format ------------

@dataclass(frozen=True, slots=True)
class Rounding:
    """How an operation rounds: the format of its precision, FPSCR controls, and a mode in place of RN."""

    to: Format
    controls: int = 0
    mode: int | None = None

    @property
    def zero_is_negative(self) -> bool:
        """Sign of an exact zero sum of nonzero numbers."""
        return (self.controls & FPSCR.RN if self.mode is None else self.mode) == DOWN

    def __call__(self, fmt: Format, negative: bool, m: int, e: int) -> Result:
        """±m * 2**e, not zero."""
        return rounded(self.to, negative, m, e, self.controls, mode=self.mode, kept_as=fmt)


def _sum(fmt: Format, first: tuple[bool, int, int], second: tuple[bool, int, int], how: Rounding) -> Result:
    """The rounded sum of two numbers given as (negative, m, e)."""
    (n1, m1, e1), (n2, m2, e2) = first, second
    if not m1 and not m2:
        negative = n1 if n1 == n2 else how.zero_is_negative
        return exactly(fmt, fmt.sign_bit if negative else 0)
    e = min(e1, e2)
    total = (-m1 if n1 else m1) * (1 << (e1 - e)) + (-m2 if n2 else m2) * (1 << (e2 - e))
    if not total:
        return exactly(fmt, fmt.sign_bit if how.zero_is_negative else 0)
    return how(fmt, total < 0, abs(total), e)


def multiply_add(fmt: Format, x: int, z: int, y: int, how: Rounding, *,
                 subtract: bool = False, negate: bool = False) -> Result:
    """x * z + y, or x * z - y, negated after rounding when `negate`; a NaN result is not negated."""
    product_invalid = (fmt.is_infinite(x) and fmt.is_zero(z)) or (fmt.is_zero(x) and fmt.is_infinite(z))
    from_nan = nan_result(fmt, (x, y, z), FPSCR.VXIMZ if product_invalid else 0)
    if from_nan is not None:
        return from_nan
    if product_invalid:
        return invalid(fmt, FPSCR.VXIMZ)
    sign = fmt.sign_bit
    if subtract:
        y ^= sign
    product_sign = (x ^ z) & sign
    if fmt.is_infinite(x) or fmt.is_infinite(z):
        if fmt.is_infinite(y) and y & sign != product_sign:
            return invalid(fmt, FPSCR.VXISI)
        result = exactly(fmt, product_sign | fmt.infinity)
    elif fmt.is_infinite(y):
        result = exactly(fmt, y)
    else:
        (mx, ex), (mz, ez), (my, ey) = fmt.parts(x), fmt.parts(z), fmt.parts(y)
        result = _sum(fmt, (bool(product_sign), mx * mz, ex + ez), (bool(y & sign), my, ey), how)
    return _negated(fmt, result) if negate else result


def _negated(fmt: Format, r: Result) -> Result:
    fprf = r.fprf
    if fprf is not None:
        if fprf & FPSCR.FE:
            fprf ^= FPSCR.C
        else:
            fprf ^= FPSCR.FL | FPSCR.FG
    return Result(r.bits ^ fmt.sign_bit, fprf, r.exceptions, r.fi, r.fr)


def add(fmt: Format, x: int, y: int, how: Rounding, *, subtract: bool = False) -> Result:
    """x + y, or x - y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = fmt.sign_bit
    if subtract:
        y ^= sign
    if fmt.is_infinite(x):
        if fmt.is_infinite(y) and x != y:
            return invalid(fmt, FPSCR.VXISI)
        return exactly(fmt, x)
    if fmt.is_infinite(y):
        return exactly(fmt, y)
    return _sum(fmt, (bool(x & sign), *fmt.parts(x)), (bool(y & sign), *fmt.parts(y)), how)


def multiply(fmt: Format, x: int, y: int, how: Rounding) -> Result:
    """x * y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = (x ^ y) & fmt.sign_bit
    if fmt.is_infinite(x) or fmt.is_infinite(y):
        if fmt.is_zero(x) or fmt.is_zero(y):
            return invalid(fmt, FPSCR.VXIMZ)
        return exactly(fmt, sign | fmt.infinity)
    (mx, ex), (my, ey) = fmt.parts(x), fmt.parts(y)
    if not mx or not my:
        return exactly(fmt, sign)
    return how(fmt, bool(sign), mx * my, ex + ey)


def divide(fmt: Format, x: int, y: int, how: Rounding) -> Result:
    """x / y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = (x ^ y) & fmt.sign_bit
    if fmt.is_infinite(x):
        return invalid(fmt, FPSCR.VXIDI) if fmt.is_infinite(y) else exactly(fmt, sign | fmt.infinity)
    if fmt.is_infinite(y):
        return exactly(fmt, sign)
    (mx, ex), (my, ey) = fmt.parts(x), fmt.parts(y)
    if not my:
        return exactly(fmt, sign | fmt.infinity, FPSCR.ZX) if mx else invalid(fmt, FPSCR.VXZDZ)
    if not mx:
        return exactly(fmt, sign)
    shift = 2 * fmt.fraction_bits + 4
    quotient, rest = divmod(mx << shift, my)
    return how(fmt, bool(sign), quotient << 1 | bool(rest), ex - ey - shift - 1)


def square_root(fmt: Format, x: int, how: Rounding) -> Result:
    """The square root of x."""
    from_nan = nan_result(fmt, (x,))
    if from_nan is not None:
        return from_nan
    if fmt.is_zero(x):
        return exactly(fmt, x)
    if x & fmt.sign_bit:
        return invalid(fmt, FPSCR.VXSQRT)
    if fmt.is_infinite(x):
        return exactly(fmt, x)
    m, e = fmt.parts(x)
    shift = 2 * fmt.fraction_bits + 6
    shift += (e - shift) & 1
    root = math.isqrt(m << shift)
    return how(fmt, False, root << 1 | (root * root != m << shift), (e - shift) // 2 - 1)


def rounded_to(fmt: Format, x: int, how: Rounding) -> Result:
    """x, rounded to the precision of `how`, kept in its own format."""
    from_nan = nan_result(fmt, (x,))
    if from_nan is not None:
        kept = fmt.fraction_bits - how.to.fraction_bits
        return Result(from_nan.bits >> kept << kept, from_nan.fprf, from_nan.exceptions)
    if fmt.is_zero(x) or fmt.is_infinite(x):
        return exactly(fmt, x)
    return how(fmt, bool(x & fmt.sign_bit), *fmt.parts(x))


# --- conversions ---------------------------------------------------------------------------------------

def widened(narrow: Format, wide: Format, x: int) -> int:
    """A number of a narrow format in a wide one; NaNs, even signalling ones, keep sign and payload."""
    sign = wide.sign_bit if x & narrow.sign_bit else 0
    if x & narrow.infinity == narrow.infinity:
        return sign | wide.infinity | (x & narrow.fraction) << (wide.fraction_bits - narrow.fraction_bits)
    m, e = narrow.parts(x)
    return encoded(wide, bool(sign), m, e)


def narrowed(wide: Format, narrow: Format, x: int, controls: int, mode: int | None = None) -> Result:
    """x, rounded to a narrower format; a NaN keeps the high-order part of its payload."""
    sign = narrow.sign_bit if x & wide.sign_bit else 0
    from_nan = nan_result(wide, (x,))
    if from_nan is not None:
        payload = (from_nan.bits & wide.fraction) >> (wide.fraction_bits - narrow.fraction_bits)
        return Result(sign | narrow.infinity | payload, from_nan.fprf, from_nan.exceptions)
    if wide.is_zero(x) or wide.is_infinite(x):
        return exactly(narrow, sign | (narrow.infinity if x & wide.infinity else 0))
    return rounded(narrow, bool(sign), *wide.parts(x), controls, mode=mode)


def from_integer(fmt: Format, value: int, how: Rounding) -> Result:
    """A Python integer as a number, kept in `fmt`."""
    if not value:
        return exactly(fmt, 0)
    return how(fmt, value < 0, abs(value), 0)


def _integral(fmt: Format, x: int, mode: int) -> tuple[int, bool, bool]:
    """|x| rounded to an integer; whether that changed it, and whether it grew."""
    m, e = fmt.parts(x)
    kept, rest = _shifted(m, -e)
    grows = _grows(mode, bool(x & fmt.sign_bit), kept, rest)
    return kept + grows, bool(rest), grows


def to_integer(fmt: Format, x: int, low: int, high: int, mode: int) -> Result:
    """x as an integer from low to high, taken as the bits of a 64-bit one; saturated, low for NaNs, with VXCVI."""
    if fmt.is_nan(x):
        cause = FPSCR.VXCVI | (FPSCR.VXSNAN if fmt.is_signalling(x) else 0)
        return Result(low & (1 << 64) - 1, None, cause)
    negative = bool(x & fmt.sign_bit)
    if not fmt.is_infinite(x):
        magnitude, fi, fr = _integral(fmt, x, mode)
        value = -magnitude if negative else magnitude
        if low <= value <= high:
            return Result(value & (1 << 64) - 1, None, FPSCR.XX if fi else 0, fi, fr)
    return Result((low if negative else high) & (1 << 64) - 1, None, FPSCR.VXCVI)


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


# --- comparison ----------------------------------------------------------------------------------------

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
