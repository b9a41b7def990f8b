"""Vector single-precision arithmetic: rounds to nearest, touches no FPSCR; VSCR[NJ] makes denormals zero, in and out.
Ref: Book I 6.6, 6.10.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I8

from .vmx_lanes import each, read, record_cr6, set_saturated, write

ARITHMETIC, EXTREME, CONVERT, COMPARE, ESTIMATE = (f"Book I 6.10.{n}" for n in range(1, 6))
SIGNS = each(32, 1 << 31)


def operands(b: Builder, *numbers: Value) -> tuple[Value, list[Value]]:
    """VSCR[NJ] as an i1, and the contents of vector registers, with denormals as zeros if it is set."""
    values = read(b, *numbers)
    nj = b.trunc(b.lshr(b.get("vscr"), 16), 1)
    return nj, [b.vfflush(value, nj) for value in values]


def arithmetic(b: Builder, i: Fields, op: str) -> None:
    """VRT <- op(VRA, VRB)."""
    nj, (vra, vrb) = operands(b, i.VRA, i.VRB)
    write(b, i, b.vfflush(b.emit(op, vra, vrb), nj))


@insn("VX", "000100 VRT VRA VRB 00000001010", "VRT,VRA,VRB", since="2.03", ref=ARITHMETIC)
def vaddfp(b: Builder, i: Fields) -> None:
    """Sums of singles."""
    arithmetic(b, i, "vfadd")


@insn("VX", "000100 VRT VRA VRB 00001001010", "VRT,VRA,VRB", since="2.03", ref=ARITHMETIC)
def vsubfp(b: Builder, i: Fields) -> None:
    """Differences of singles."""
    arithmetic(b, i, "vfsub")


@insn("VX", "000100 VRT VRA VRB 10000001010", "VRT,VRA,VRB", since="2.03", ref=EXTREME)
def vmaxfp(b: Builder, i: Fields) -> None:
    """Greater of singles; +0 is above -0."""
    arithmetic(b, i, "vfmax")


@insn("VX", "000100 VRT VRA VRB 10001001010", "VRT,VRA,VRB", since="2.03", ref=EXTREME)
def vminfp(b: Builder, i: Fields) -> None:
    """Lesser of singles; -0 is below +0."""
    arithmetic(b, i, "vfmin")


def multiply_add(b: Builder, i: Fields, negated: bool) -> None:
    """VRT <- (VRA) * (VRC) + (VRB), or the negated product less (VRB)."""
    nj, (vra, vrb, vrc) = operands(b, i.VRA, i.VRB, i.VRC)
    write(b, i, b.vfmadd(negated, vra, vrb, vrc, nj))


@insn("VA", "000100 VRT VRA VRB VRC 101110", "VRT,VRA,VRC,VRB", since="2.03", ref=ARITHMETIC)
def vmaddfp(b: Builder, i: Fields) -> None:
    """VRA * VRC + VRB, rounded once."""
    multiply_add(b, i, negated=False)


@insn("VA", "000100 VRT VRA VRB VRC 101111", "VRT,VRA,VRC,VRB", since="2.03", ref=ARITHMETIC)
def vnmsubfp(b: Builder, i: Fields) -> None:
    """-(VRA * VRC - VRB), rounded once."""
    multiply_add(b, i, negated=True)


# --- rounding and conversion
def round_to_integral(b: Builder, i: Fields, how: str) -> None:
    """VRT <- singles of VRB rounded to integral values."""
    _, [vrb] = operands(b, i.VRB)
    write(b, i, b.vfround(how, vrb))


@insn("VX", "000100 VRT ///// VRB 01000001010", "VRT,VRB", since="2.03", ref=CONVERT)
def vrfin(b: Builder, i: Fields) -> None:
    """Rounded to the nearest integral value, ties to even."""
    round_to_integral(b, i, "nearest")


@insn("VX", "000100 VRT ///// VRB 01001001010", "VRT,VRB", since="2.03", ref=CONVERT)
def vrfiz(b: Builder, i: Fields) -> None:
    """Rounded towards zero."""
    round_to_integral(b, i, "zero")


@insn("VX", "000100 VRT ///// VRB 01010001010", "VRT,VRB", since="2.03", ref=CONVERT)
def vrfip(b: Builder, i: Fields) -> None:
    """Rounded up."""
    round_to_integral(b, i, "up")


@insn("VX", "000100 VRT ///// VRB 01011001010", "VRT,VRB", since="2.03", ref=CONVERT)
def vrfim(b: Builder, i: Fields) -> None:
    """Rounded down."""
    round_to_integral(b, i, "down")


def from_words(b: Builder, i: Fields, signed: bool) -> None:
    """VRT <- words of VRB over 2**UIM, as singles."""
    [vrb] = read(b, i.VRB)
    write(b, i, b.vffromint(signed, vrb, i.UIM))


def to_words(b: Builder, i: Fields, signed: bool) -> None:
    """VRT <- singles of VRB times 2**UIM, truncated to words and saturated."""
    [vrb] = read(b, i.VRB)
    set_saturated(b, b.vfsaturates(signed, vrb, i.UIM))
    write(b, i, b.vftoint(signed, vrb, i.UIM))


@insn("VX", "000100 VRT UIM VRB 01100001010", "VRT,VRB,UIM", since="2.03", ref=CONVERT)
def vcfux(b: Builder, i: Fields) -> None:
    """Unsigned words over 2**UIM, as singles."""
    from_words(b, i, signed=False)


@insn("VX", "000100 VRT UIM VRB 01101001010", "VRT,VRB,UIM", since="2.03", ref=CONVERT)
def vcfsx(b: Builder, i: Fields) -> None:
    """Signed words over 2**UIM, as singles."""
    from_words(b, i, signed=True)


@insn("VX", "000100 VRT UIM VRB 01110001010", "VRT,VRB,UIM", since="2.03", ref=CONVERT)
def vctuxs(b: Builder, i: Fields) -> None:
    """Singles times 2**UIM, as unsigned words, saturated."""
    to_words(b, i, signed=False)


@insn("VX", "000100 VRT UIM VRB 01111001010", "VRT,VRB,UIM", since="2.03", ref=CONVERT)
def vctsxs(b: Builder, i: Fields) -> None:
    """Singles times 2**UIM, as signed words, saturated."""
    to_words(b, i, signed=True)


# --- compares
def compare(b: Builder, i: Fields, relation: str) -> None:
    """VRT <- ones where the relation holds; with Rc CR6."""
    _, (vra, vrb) = operands(b, i.VRA, i.VRB)
    result = b.vfcmp(relation, vra, vrb)
    write(b, i, result)
    if i.Rc:
        record_cr6(b, result)


@insn("VC", "000100 VRT VRA VRB Rc 0011000110", "VRT,VRA,VRB", since="2.03", ref=COMPARE)
def vcmpeqfp(b: Builder, i: Fields) -> None:
    """Ones where singles are equal."""
    compare(b, i, "eq")


@insn("VC", "000100 VRT VRA VRB Rc 0111000110", "VRT,VRA,VRB", since="2.03", ref=COMPARE)
def vcmpgefp(b: Builder, i: Fields) -> None:
    """Ones where VRA's single is greater or equal."""
    compare(b, i, "ge")


@insn("VC", "000100 VRT VRA VRB Rc 1011000110", "VRT,VRA,VRB", since="2.03", ref=COMPARE)
def vcmpgtfp(b: Builder, i: Fields) -> None:
    """Ones where VRA's single is greater."""
    compare(b, i, "gt")


@insn("VC", "000100 VRT VRA VRB Rc 1111000110", "VRT,VRA,VRB", since="2.03", ref=COMPARE)
def vcmpbfp(b: Builder, i: Fields) -> None:
    """Bit 0 of each word: not VRA <= VRB; bit 1: not VRA >= -VRB. CR6 EQ: all are within bounds."""
    _, (vra, vrb) = operands(b, i.VRA, i.VRB)
    above = b.not_(b.vfcmp("ge", vrb, vra))
    below = b.not_(b.vfcmp("ge", vra, b.xor(vrb, SIGNS)))
    result = b.or_(b.and_(above, SIGNS), b.and_(below, each(32, 1 << 30)))
    write(b, i, result)
    if i.Rc:
        b.set_crf(6, b.select(b.eq(result, 0), b.const(2, I8), 0))


# --- estimates
def estimate(b: Builder, i: Fields, function: str) -> None:
    """VRT <- an estimate of a function of VRB's singles. The book bounds its error; here it is rounded correctly."""
    nj, [vrb] = operands(b, i.VRB)
    write(b, i, b.vfflush(b.vfestimate(function, vrb), nj))


@insn("VX", "000100 VRT ///// VRB 00100001010", "VRT,VRB", since="2.03", ref=ESTIMATE)
def vrefp(b: Builder, i: Fields) -> None:
    """Reciprocals."""
    estimate(b, i, "reciprocal")


@insn("VX", "000100 VRT ///// VRB 00101001010", "VRT,VRB", since="2.03", ref=ESTIMATE)
def vrsqrtefp(b: Builder, i: Fields) -> None:
    """Reciprocals of square roots."""
    estimate(b, i, "reciprocal root")


@insn("VX", "000100 VRT ///// VRB 00110001010", "VRT,VRB", since="2.03", ref=ESTIMATE)
def vexptefp(b: Builder, i: Fields) -> None:
    """2 to the power of each single."""
    estimate(b, i, "exp2")


@insn("VX", "000100 VRT ///// VRB 00111001010", "VRT,VRB", since="2.03", ref=ESTIMATE)
def vlogefp(b: Builder, i: Fields) -> None:
    """Logarithms to the base 2."""
    estimate(b, i, "log2")
