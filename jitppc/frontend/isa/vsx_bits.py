"""VSX instructions on signs, exponents and significands, and tests of the class of data. Ref: Book I 7.6.3."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.ieee import DOUBLE, SINGLE, Format
from jitppc.ir.types import I128

from .fp_registers import scalar, set_scalar
from .vsx_compare import lanes_of, set_condition
from .vsx_families import REF, XX2, XX3, row
from .vsx_lanes import of_words
from .vsx_logical import operands

SIGN, MAGNITUDE = DOUBLE.sign_bit, DOUBLE.sign_bit - 1
FORMATS = {64: DOUBLE, 32: SINGLE}
#: an element's bits in every element
SIGNS = {64: SIGN << 64 | SIGN, 32: int("80000000" * 4, 16)}
SIGN_CHANGES: dict[str, Callable[[Builder, Value, Value], Value]] = {
    "abs": lambda b, x, signs: b.and_(x, b.not_(signs)),
    "nabs": lambda b, x, signs: b.or_(x, signs),
    "neg": lambda b, x, signs: b.xor(x, signs),
}
SAYS = {"abs": "XT <- |XB|.", "nabs": "XT <- -|XB|.", "neg": "XT <- -XB."}


def scalar_sign(name: str, xo: int, change: str) -> None:
    """XT <- XB with another sign."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VSX")
        set_scalar(b, i.XT, SIGN_CHANGES[change](b, scalar(b, i.XB), b.const(SIGN)))
    row("XX2", XX2.format(xo), "XT,XB", "2.06", name, SAYS[change], body)


def vector_sign(name: str, xo: int, change: str, precision: int) -> None:
    """XT <- XB's elements with other signs."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VSX")
        signs = b.const(SIGNS[precision], I128)
        b.set("vsr", i.XT, SIGN_CHANGES[change](b, b.get("vsr", i.XB), signs))
    row("XX2", XX2.format(xo), "XT,XB", "2.06", name, SAYS[change], body)


for _change, _xo in (("abs", 345), ("nabs", 361), ("neg", 377)):
    scalar_sign(f"xs{_change}dp", _xo, _change)
    vector_sign(f"xv{_change}dp", _xo + 128, _change, 64)
    vector_sign(f"xv{_change}sp", _xo + 64, _change, 32)


@insn("XX3", XX3.format(176), "XT,XA,XB", since="2.06", ref=REF)
def xscpsgndp(b: Builder, i: Fields) -> None:
    """XT <- the sign of XA || the rest of XB."""
    b.require("VSX")
    sign = b.and_(scalar(b, i.XA), SIGN)
    set_scalar(b, i.XT, b.or_(sign, b.and_(scalar(b, i.XB), MAGNITUDE)))


def copy_signs(name: str, xo: int, precision: int) -> None:
    """XT's elements <- the signs of XA's || the rest of XB's."""
    def body(b: Builder, i: Fields) -> None:
        xa, xb = operands(b, i)
        signs = b.const(SIGNS[precision], I128)
        b.set("vsr", i.XT, b.or_(b.and_(xa, signs), b.and_(xb, b.not_(signs))))
    row("XX3", XX3.format(xo), "XT,XA,XB", "2.06", name, "XT's elements <- the signs of XA's || the rest of XB's.",
        body)


copy_signs("xvcpsgndp", 240, 64)
copy_signs("xvcpsgnsp", 208, 32)


# --- exponents and significands --------------------------------------------------------------------------------

def exponent_of(b: Builder, fmt: Format, x: Value) -> Value:
    """The biased exponent."""
    return b.lshr(b.and_(x, fmt.infinity), fmt.fraction_bits)


def significand_of(b: Builder, fmt: Format, x: Value) -> Value:
    """The fraction, with the hidden bit of normal numbers."""
    exponent = b.and_(x, fmt.infinity)
    is_normal = b.and_(b.ne(exponent, 0), b.ne(exponent, fmt.infinity))
    hidden = b.select(is_normal, b.const(1 << fmt.fraction_bits), b.const(0))
    return b.or_(b.and_(x, fmt.fraction), hidden)


def with_exponent(b: Builder, fmt: Format, x: Value, exponent: Value) -> Value:
    """x with another biased exponent."""
    placed = b.and_(b.shl(exponent, fmt.fraction_bits), fmt.infinity)
    return b.or_(b.and_(x, fmt.sign_bit | fmt.fraction), placed)


@insn("XX2", "111100 RT 00000 B 101011011 BX /", "RT,XB", since="3.0", ref=REF)
def xsxexpdp(b: Builder, i: Fields) -> None:
    """RT <- the biased exponent of XB."""
    b.require("VSX")
    b.set_gpr(i.RT, exponent_of(b, DOUBLE, scalar(b, i.XB)))


@insn("XX2", "111100 RT 00001 B 101011011 BX /", "RT,XB", since="3.0", ref=REF)
def xsxsigdp(b: Builder, i: Fields) -> None:
    """RT <- the significand of XB."""
    b.require("VSX")
    b.set_gpr(i.RT, significand_of(b, DOUBLE, scalar(b, i.XB)))


@insn("X", "111100 T RA RB 1110010110 TX", "XT,RA,RB", since="3.0", ref=REF)
def xsiexpdp(b: Builder, i: Fields) -> None:
    """XT <- sign and fraction of (RA), biased exponent of (RB)."""
    b.require("VSX")
    set_scalar(b, i.XT, with_exponent(b, DOUBLE, b.gpr(i.RA), b.gpr(i.RB)))


def joined_bits(b: Builder, precision: int, values: list[Value]) -> Value:
    """The inverse of `lanes_of`."""
    return b.pack(*values) if precision == 64 else of_words(b, values)


def vector_part(name: str, number: str, precision: int, part: Callable[..., Value], says: str) -> None:
    """XT's elements <- a part of XB's."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VSX")
        values = [part(b, FORMATS[precision], x) for x in lanes_of(b, precision, b.get("vsr", i.XB))]
        b.set("vsr", i.XT, joined_bits(b, precision, values))
    row("XX2", f"111100 T {number} B 111011011 BX TX", "XT,XB", "3.0", name, says, body)


vector_part("xvxexpdp", "00000", 64, exponent_of, "XT's elements <- the biased exponents of XB's.")
vector_part("xvxsigdp", "00001", 64, significand_of, "XT's elements <- the significands of XB's.")
vector_part("xvxexpsp", "01000", 32, exponent_of, "XT's elements <- the biased exponents of XB's.")
vector_part("xvxsigsp", "01001", 32, significand_of, "XT's elements <- the significands of XB's.")


def insert_exponents(name: str, xo: int, precision: int) -> None:
    """XT's elements <- signs and fractions of XA's, biased exponents of XB's."""
    def body(b: Builder, i: Fields) -> None:
        pairs = zip(*(lanes_of(b, precision, v) for v in operands(b, i)), strict=True)
        values = [with_exponent(b, FORMATS[precision], x, y) for x, y in pairs]
        b.set("vsr", i.XT, joined_bits(b, precision, values))
    row("XX3", XX3.format(xo), "XT,XA,XB", "3.0", name,
        "XT's elements <- signs and fractions of XA's, biased exponents of XB's.", body)


insert_exponents("xviexpdp", 248, 64)
insert_exponents("xviexpsp", 216, 32)


# --- data class --------------------------------------------------------------------------------------------------

def matches(b: Builder, fmt: Format, x: Value, dcmx: Value) -> Value:
    """i1: the number's class is among those of DCMX: NaN, infinity, zero, denormal; each but the first by sign."""
    magnitude = b.and_(x, fmt.sign_bit - 1)
    is_zero = b.eq(magnitude, 0)
    is_denormal = b.and_(b.eq(b.and_(x, fmt.infinity), 0), b.xor(is_zero, 1))
    return _chosen(b, dcmx, b.ne(b.and_(x, fmt.sign_bit), 0), b.ult(b.const(fmt.infinity), magnitude),
                   b.eq(magnitude, fmt.infinity), is_zero, is_denormal)


def _chosen(b: Builder, dcmx: Value, negative: Value, is_nan: Value, is_infinite: Value, is_zero: Value,
            is_denormal: Value) -> Value:
    positive = b.select(is_infinite, b.const(0x20), b.select(is_zero, b.const(8), b.const(2)))
    signed = b.select(negative, b.lshr(positive, 1), positive)
    known = b.or_(b.or_(is_infinite, is_zero), is_denormal)
    wanted = b.select(is_nan, b.const(0x40), b.select(known, signed, b.const(0)))
    return b.ne(b.and_(wanted, dcmx), 0)


@insn("XX2", "111100 BF DCMX:7 B 101101010 BX /", "BF,XB,DCMX", since="3.0", ref=REF)
def xststdcdp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- the sign of XB || 0 || its class is in DCMX || 0."""
    b.require("VSX")
    x = scalar(b, i.XB)
    sign = b.and_(b.lshr(x, 60), 8)
    set_condition(b, i, b.or_(sign, b.shl(b.zext(matches(b, DOUBLE, x, i.DCMX)), 1)))


@insn("XX2", "111100 BF DCMX:7 B 100101010 BX /", "BF,XB,DCMX", since="3.0", ref=REF)
def xststdcsp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- the sign of XB || 0 || its class as a single is in DCMX || it is no single."""
    b.require("VSX")
    x = scalar(b, i.XB)
    magnitude = b.and_(x, MAGNITUDE)
    is_zero = b.eq(magnitude, 0)
    is_denormal = b.and_(b.ult(magnitude, 897 << 52), b.xor(is_zero, 1))
    match = _chosen(b, i.DCMX, b.slt(x, 0), b.ult(b.const(DOUBLE.infinity), magnitude),
                    b.eq(magnitude, DOUBLE.infinity), is_zero, is_denormal)
    differs = b.ne(b.double_of_single(b.single_of_double(x)), x)
    sign = b.and_(b.lshr(x, 60), 8)
    set_condition(b, i, b.or_(sign, b.or_(b.shl(b.zext(match), 1), b.zext(differs))))


def vector_class(name: str, xo: str, precision: int) -> None:
    """XT's elements <- ones where the class is in DCMX."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VSX")
        values = lanes_of(b, precision, b.get("vsr", i.XB))
        masks = [b.sext(matches(b, FORMATS[precision], x, i.DCMX)) for x in values]
        if precision == 32:
            masks = [b.and_(m, 0xFFFFFFFF) for m in masks]
        b.set("vsr", i.XT, joined_bits(b, precision, masks))
    row("XX2", f"111100 T dx B {xo} dc 101 dm BX TX", "XT,XB,DCMX", "3.0", name,
        "XT's elements <- ones where the class of XB's is in DCMX, else zeros.", body)


vector_class("xvtstdcdp", "1111", 64)
vector_class("xvtstdcsp", "1101", 32)
