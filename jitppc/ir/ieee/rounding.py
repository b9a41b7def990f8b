"""The one rounding at the end of every operation, and results that are NaNs. Ref: Book I 4.3.2,
4.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.fpscr import FPSCR

from .formats import Format, Result, exactly, result_class

NEAREST, TO_ZERO, UP, DOWN, TO_ODD, NEAR_AWAY = range(6)


def shifted(m: int, n: int) -> tuple[int, int]:
    """m * 2**-n as an integer, and how many quarters of one were lost: 0, 1 (below half), 2 (half),
    3 (above).
    """
    if n <= 0:
        return m << -n, 0
    kept, rest = m >> n, m & (1 << n) - 1
    half = 1 << (n - 1)
    return kept, 0 if not rest else 2 if rest == half else 1 if rest < half else 3


def grows(mode: int, negative: bool, kept: int, rest: int) -> bool:
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
        return sign | shifted(m, fmt.lowest - fmt.fraction_bits - e)[0]
    return sign | _with_exponent(fmt, top, m)


def _with_exponent(fmt: Format, top: int, m: int) -> int:
    """Exponent and fraction of a normal number; an exponent out of range (undefined in the book)
    loses bits.
    """
    exponent = (top + fmt.bias) % (1 << fmt.exponent_bits)
    fraction, _ = shifted(m, m.bit_length() - 1 - fmt.fraction_bits)
    return exponent << fmt.fraction_bits | fraction & fmt.fraction


def rounded(
    fmt: Format,
    negative: bool,
    m: int,
    e: int,
    controls: int,
    *,
    mode: int | None = None,
    kept_as: Format | None = None,
) -> Result:
    """±m * 2**e, not zero, rounded to a format, as bits of the format `kept_as` (by default the
    same).

    `controls` are FPSCR bits: RN unless `mode` says otherwise, OE and UE. Ref: Book I 4.4.3 to
    4.4.5.
    """
    mode = controls & FPSCR.RN if mode is None else mode
    into, precision, exceptions = kept_as or fmt, fmt.fraction_bits + 1, 0
    relation = FPSCR.FL if negative else FPSCR.FG
    top = e + m.bit_length() - 1  # 2**top <= number < 2**(top + 1)
    tiny = top < fmt.lowest
    least = (fmt.lowest if tiny and not controls & FPSCR.UE else top) - (precision - 1)
    kept, rest = shifted(m, least - e)
    fi, fr = bool(rest), grows(mode, negative, kept, rest)
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
            return Result(
                sign | into.infinity if is_infinite else largest,
                relation | FPSCR.FU if is_infinite else relation,
                exceptions | FPSCR.XX,
                fi=True,
                fr=is_infinite,
            )
    bits = encoded(into, negative, kept, least)
    if (exceptions & FPSCR.UX and controls & FPSCR.UE) or exceptions & FPSCR.OX:  # wrapped
        bits = bits & into.sign_bit | _with_exponent(into, least + kept.bit_length() - 1, kept)
    if not kept:
        return Result(bits, result_class(into, bits), exceptions, fi, fr)
    is_denormal = kept < 1 << (precision - 1)
    return Result(bits, relation | (FPSCR.C if is_denormal else 0), exceptions, fi, fr)


@dataclass(frozen=True, slots=True)
class Rounding:
    """How an operation rounds: the format of its precision, FPSCR controls, and a mode in place of
    RN.
    """

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


# --- NaNs
def nan_result(fmt: Format, operands: tuple[int, ...], exceptions: int = 0) -> Result | None:
    """The first NaN operand made quiet, or None without one; VXSNAN when any is signalling. Ref:
    Book I 4.3.2.
    """
    if any(fmt.is_signalling(x) for x in operands):
        exceptions |= FPSCR.VXSNAN
    for x in operands:
        if fmt.is_nan(x):
            return exactly(fmt, x | fmt.quiet, exceptions)
    return None


def invalid(fmt: Format, cause: int) -> Result:
    """The default NaN."""
    return exactly(fmt, fmt.default_nan, cause)
