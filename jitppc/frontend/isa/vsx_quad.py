"""Quad-precision instructions, on the vector registers. Ref: Book I 7.6.3.

The o forms round to odd: inexact results get an odd last bit, so that rounding them again is safe.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.ieee import QUAD
from jitppc.ir.types import I128

from .fp_registers import deliver_pair, set_fpscr
from .vsx_compare import set_condition
from .vsx_families import REF, Body

BINARY = "111111 VRT VRA VRB {:010b} {}"
UNARY = "111111 VRT {:05b} VRB {:010b} {}"
SIGN, MAGNITUDE = QUAD.sign_bit, QUAD.sign_bit - 1


def row(form: str, picture: str, asm: str, name: str, says: str, body: Body) -> None:
    """Register one row of a table."""
    body.__doc__ = says
    insn(form, picture, asm, since="3.0", ref=REF, name=name)(body)


def deliver(b: Builder, i: Fields, op: str, attr: object, *operands: Value) -> None:
    """VRT and the FPSCR <- what a pair of q_ ops computes."""
    deliver_pair(b, "vr", i.VRT, op, attr, *operands)


def read(b: Builder, *numbers: Value) -> list[Value]:
    """Vector registers."""
    b.require("VSX")
    return [b.get("vr", number) for number in numbers]


def doubled(b: Builder, number: Value) -> Value:
    """Doubleword 0 of a vector register."""
    b.require("VSX")
    return b.hi(b.get("vr", number))


# --- arithmetic ---------------------------------------------------------------------------------------

def binary(name: str, xo: int, kind: str, sign: str) -> None:
    """The plain and the o form of a sum, difference, product or quotient."""
    for odd in (False, True):
        def body(b: Builder, i: Fields, odd: bool = odd) -> None:
            deliver(b, i, "q_binary", (kind, odd), *read(b, i.VRA, i.VRB))
        row("X", BINARY.format(xo, int(odd)), "VRT,VRA,VRB", name + "o" * odd, f"VRT <- (VRA) {sign} (VRB).", body)


binary("xsaddqp", 4, "add", "+")
binary("xssubqp", 516, "sub", "-")
binary("xsmulqp", 36, "mul", "×")
binary("xsdivqp", 548, "div", "/")


def fused(name: str, xo: int, kind: str, says: str) -> None:
    """The plain and the o form of a multiply-add; VRT is the addend."""
    for odd in (False, True):
        def body(b: Builder, i: Fields, odd: bool = odd) -> None:
            deliver(b, i, "q_fma", (kind, odd), *read(b, i.VRA, i.VRB, i.VRT))
        row("X", BINARY.format(xo, int(odd)), "VRT,VRA,VRB", name + "o" * odd, f"VRT <- {says}.", body)


fused("xsmaddqp", 388, "madd", "(VRA) × (VRB) + (VRT)")
fused("xsmsubqp", 420, "msub", "(VRA) × (VRB) - (VRT)")
fused("xsnmaddqp", 452, "nmadd", "-((VRA) × (VRB) + (VRT))")
fused("xsnmsubqp", 484, "nmsub", "-((VRA) × (VRB) - (VRT))")


def converted(name: str, number: int, xo: int, op: str, says: str) -> None:
    """The plain and the o form of an operation with one operand."""
    for odd in (False, True):
        def body(b: Builder, i: Fields, odd: bool = odd) -> None:
            deliver(b, i, op, odd, *read(b, i.VRB))
        row("X", UNARY.format(number, xo, int(odd)), "VRT,VRB", name + "o" * odd, says, body)


converted("xssqrtqp", 27, 804, "q_sqrt", "VRT <- the square root of (VRB).")
converted("xscvqpdp", 20, 836, "q_to_double", "VRT.dword[0] <- (VRB) rounded to double.")


# --- rounding -----------------------------------------------------------------------------------------

def mode_of(b: Builder, i: Fields) -> Value:
    """The rounding mode that R and RMC name: RN when R is 0 and RMC 3 (or reserved), else one of their own."""
    current = b.and_(b.get("fpscr"), FPSCR.RN)
    away = b.select(b.eq(i.RMC, 0), b.const(5), current)
    return b.select(b.ne(i.R, 0), i.RMC, away)


def valid_mode(word: int) -> bool:
    """R = 0 leaves RMC 1 and 2 reserved."""
    return bool(word & 1 << 16) or word >> 9 & 3 in (0, 3)


def rounding(name: str, picture: str, op: str, attr: object, says: str) -> None:
    """VRT <- (VRB) rounded by R and RMC."""
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, op, attr, *read(b, i.VRB), mode_of(b, i))
    body.__doc__ = says
    insn("Z23", picture, "R,VRT,VRB,RMC", since="3.0", ref=REF, name=name, accept=valid_mode)(body)


rounding("xsrqpi", "111111 VRT //// R VRB RMC 00000101 0", "q_integral", False, "VRT <- (VRB) rounded to an integer.")
rounding("xsrqpix", "111111 VRT //// R VRB RMC 00000101 1", "q_integral", True,
         "VRT <- (VRB) rounded to an integer; inexactness is an exception.")
rounding("xsrqpxp", "111111 VRT //// R VRB RMC 00100101 /", "q_extended", None,
         "VRT <- (VRB) rounded to double-extended precision.")


# --- conversions --------------------------------------------------------------------------------------

def to_integer(name: str, number: int, is_signed: bool, bits: int) -> None:
    """VRT.dword[0] <- (VRB) as an integer."""
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, "q_to_int", (is_signed, bits), *read(b, i.VRB))
    row("X", UNARY.format(number, 836, "/"), "VRT,VRB", name, "VRT.dword[0] <- (VRB) as an integer, toward zero.", body)


to_integer("xscvqpsdz", 25, is_signed=True, bits=64)
to_integer("xscvqpswz", 9, is_signed=True, bits=32)
to_integer("xscvqpudz", 17, is_signed=False, bits=64)
to_integer("xscvqpuwz", 1, is_signed=False, bits=32)


@insn("X", UNARY.format(10, 836, "/"), "VRT,VRB", since="3.0", ref=REF)
def xscvsdqp(b: Builder, i: Fields) -> None:
    """VRT <- the signed integer VRB.dword[0]."""
    deliver(b, i, "q_of_int", True, doubled(b, i.VRB))


@insn("X", UNARY.format(2, 836, "/"), "VRT,VRB", since="3.0", ref=REF)
def xscvudqp(b: Builder, i: Fields) -> None:
    """VRT <- the unsigned integer VRB.dword[0]."""
    deliver(b, i, "q_of_int", False, doubled(b, i.VRB))


@insn("X", UNARY.format(22, 836, "/"), "VRT,VRB", since="3.0", ref=REF)
def xscvdpqp(b: Builder, i: Fields) -> None:
    """VRT <- the double VRB.dword[0]."""
    deliver(b, i, "q_of_double", None, doubled(b, i.VRB))


# --- comparisons --------------------------------------------------------------------------------------

def comparison(name: str, xo: int, ordered: int) -> None:
    """CR field BF, FPCC <- (VRA) compared with (VRB)."""
    def body(b: Builder, i: Fields) -> None:
        vra, vrb = read(b, i.VRA, i.VRB)
        fpscr = b.get("fpscr")
        code = b.q_compare(ordered, vra, vrb, fpscr)
        status = b.q_compare_status(ordered, vra, vrb, fpscr)
        b.set_crf(i.BF, b.trunc(code, 8))
        set_fpscr(b, b.and_(status, ~NO_RESULT))
    row("X", f"111111 BF // VRA VRB {xo:010b} /", "BF,VRA,VRB", name,
        "CR field BF, FPCC <- (VRA) compared with (VRB).", body)


comparison("xscmpuqp", 644, 0)
comparison("xscmpoqp", 132, 1)


@insn("X", "111111 BF // VRA VRB 0010100100 /", "BF,VRA,VRB", since="3.0", ref=REF)
def xscmpexpqp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- the exponent of (VRA) compared with that of (VRB); unordered with a NaN."""
    vra, vrb = read(b, i.VRA, i.VRB)
    a, c = b.and_(vra, QUAD.infinity), b.and_(vrb, QUAD.infinity)
    code = b.select(b.ult(a, c), b.const(8), b.select(b.ult(c, a), b.const(4), b.const(2)))
    infinity = b.const(QUAD.infinity, I128)
    unordered = b.or_(*(b.ult(infinity, b.and_(x, MAGNITUDE)) for x in (vra, vrb)))
    set_condition(b, i, b.select(unordered, b.const(1), code))


@insn("X", "111111 BF DCMX:7 VRB 1011000100 /", "BF,VRB,DCMX", since="3.0", ref=REF)
def xststdcqp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- the sign of (VRB) || 0 || its class is in DCMX || 0."""
    [vrb] = read(b, i.VRB)
    magnitude = b.and_(vrb, MAGNITUDE)
    is_zero, negative = b.eq(magnitude, 0), b.slt(b.hi(vrb), 0)
    is_small = b.eq(b.and_(vrb, QUAD.infinity), 0)
    kind = b.select(b.eq(magnitude, QUAD.infinity), b.const(0x20),
                    b.select(is_zero, b.const(8), b.select(is_small, b.const(2), b.const(0))))
    kind = b.select(negative, b.lshr(kind, 1), kind)
    kind = b.select(b.ult(b.const(QUAD.infinity, I128), magnitude), b.const(0x40), kind)
    match = b.shl(b.zext(b.ne(b.and_(kind, i.DCMX), 0)), 1)
    set_condition(b, i, b.or_(b.shl(b.zext(negative), 3), match))


# --- signs, exponents, significands ------------------------------------------------------------------------

@insn("X", UNARY.format(0, 804, "/"), "VRT,VRB", since="3.0", ref=REF)
def xsabsqp(b: Builder, i: Fields) -> None:
    """VRT <- |(VRB)|."""
    b.set("vr", i.VRT, b.and_(*read(b, i.VRB), MAGNITUDE))


@insn("X", UNARY.format(8, 804, "/"), "VRT,VRB", since="3.0", ref=REF)
def xsnabsqp(b: Builder, i: Fields) -> None:
    """VRT <- -|(VRB)|."""
    b.set("vr", i.VRT, b.or_(*read(b, i.VRB), SIGN))


@insn("X", UNARY.format(16, 804, "/"), "VRT,VRB", since="3.0", ref=REF)
def xsnegqp(b: Builder, i: Fields) -> None:
    """VRT <- -(VRB)."""
    b.set("vr", i.VRT, b.xor(*read(b, i.VRB), SIGN))


@insn("X", BINARY.format(100, "/"), "VRT,VRA,VRB", since="3.0", ref=REF)
def xscpsgnqp(b: Builder, i: Fields) -> None:
    """VRT <- the sign of (VRA) || the rest of (VRB)."""
    vra, vrb = read(b, i.VRA, i.VRB)
    b.set("vr", i.VRT, b.or_(b.and_(vra, SIGN), b.and_(vrb, MAGNITUDE)))


@insn("X", UNARY.format(2, 804, "/"), "VRT,VRB", since="3.0", ref=REF)
def xsxexpqp(b: Builder, i: Fields) -> None:
    """VRT.dword[0] <- the biased exponent of (VRB)."""
    [vrb] = read(b, i.VRB)
    b.set("vr", i.VRT, b.pack(b.and_(b.lshr(b.hi(vrb), 48), 0x7FFF), 0))


@insn("X", UNARY.format(18, 804, "/"), "VRT,VRB", since="3.0", ref=REF)
def xsxsigqp(b: Builder, i: Fields) -> None:
    """VRT <- the significand of (VRB)."""
    [vrb] = read(b, i.VRB)
    exponent = b.and_(b.hi(vrb), 0x7FFF << 48)
    is_normal = b.and_(b.ne(exponent, 0), b.ne(exponent, 0x7FFF << 48))
    hidden = b.select(is_normal, b.const(1 << 48), b.const(0))
    b.set("vr", i.VRT, b.or_(b.and_(vrb, QUAD.fraction), b.pack(hidden, 0)))


@insn("X", BINARY.format(868, "/"), "VRT,VRA,VRB", since="3.0", ref=REF)
def xsiexpqp(b: Builder, i: Fields) -> None:
    """VRT <- sign and fraction of (VRA), biased exponent VRB.dword[0]."""
    vra, vrb = read(b, i.VRA, i.VRB)
    exponent = b.shl(b.and_(b.hi(vrb), 0x7FFF), 48)
    b.set("vr", i.VRT, b.or_(b.and_(vra, SIGN | QUAD.fraction), b.pack(exponent, 0)))
