"""Binary formats, and what an operation's result is. Ref: Book I 4.3."""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.fpscr import FPSCR


@dataclass(frozen=True, slots=True)
class Format:
    """A binary interchange format."""

    exponent_bits: int
    fraction_bits: int
    wrap: int  # what enabled overflow and underflow add to or subtract from the exponent

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


HALF, SINGLE, DOUBLE, QUAD = (
    Format(5, 10, 0),
    Format(8, 23, 192),
    Format(11, 52, 1536),
    Format(15, 112, 24576),
)
#: bfloat16: a single's exponents
BFLOAT = Format(8, 7, 192)


@dataclass(frozen=True, slots=True)
class Result:
    """Bits, their class (None where the operation leaves FPRF alone), exceptions raised (FPSCR
    bits, without FX, VX and FEX), and whether rounding changed the number (FI) or made it larger
    (FR).
    """

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
