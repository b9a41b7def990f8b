"""VSX comparisons and tests. Ref: Book I 7.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, SINGLE
from jitppc.ir.types import I8

from .fp_convert import deliver_comparison
from .fp_registers import deliver, scalar
from .fp_tests import division_test, root_test
from .vsx_families import REF, XX3, controls_of, deliver_vector, elements, row, union
from .vsx_lanes import of_words, words
from .vsx_logical import operands

#: relation -> bits of FPCC that satisfy it, and whether quiet NaNs are invalid operands
RELATIONS = {"eq": (2, 0), "gt": (4, 1), "ge": (6, 1)}
COMPARES = "111100 BF // A B {:08b} AX BX /"


def scalars(b: Builder, i: Fields) -> tuple[Value, Value]:
    """Doubleword 0 of XA and XB."""
    b.require("VSX")
    return scalar(b, i.XA), scalar(b, i.XB)


@insn("XX3", COMPARES.format(35), "BF,XA,XB", since="2.06", ref=REF)
def xscmpudp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- XA compared with XB."""
    deliver_comparison(b, i, b.f_compare(0, *scalars(b, i), b.get("fpscr")))


@insn("XX3", COMPARES.format(43), "BF,XA,XB", since="2.06", ref=REF)
def xscmpodp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- XA compared with XB; any NaN is an invalid operand."""
    deliver_comparison(b, i, b.f_compare(1, *scalars(b, i), b.get("fpscr")))


def set_condition(b: Builder, i: Fields, code: Value) -> None:
    """CR field BF, FPCC <- a code (doubleword)."""
    fpscr = b.or_(b.and_(b.get("fpscr"), ~FPSCR.FPCC), b.shl(code, 12))
    b.set_crf(i.BF, b.trunc(code, 8))
    b.set("fpscr", fpscr)


@insn("XX3", COMPARES.format(59), "BF,XA,XB", since="3.0", ref=REF)
def xscmpexpdp(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- XA's exponent compared with XB's; unordered with a NaN."""
    xa, xb = scalars(b, i)
    a, c = b.and_(xa, DOUBLE.infinity), b.and_(xb, DOUBLE.infinity)
    code = b.select(b.ult(a, c), b.const(8), b.select(b.ult(c, a), b.const(4), b.const(2)))
    unordered = b.or_(*(b.ult(b.const(DOUBLE.infinity), b.and_(x, DOUBLE.sign_bit - 1)) for x in (xa, xb)))
    set_condition(b, i, b.select(unordered, b.const(1), code))


def mask(b: Builder, code: Value, wanted: int) -> Value:
    """A doubleword of ones if the code has a wanted bit, else 0."""
    return b.sext(b.ne(b.and_(code, wanted), 0))


def scalar_row(name: str, xo: int, relation: str) -> None:
    """XT <- all ones or zeros; FPCC stays."""
    wanted, ordered = RELATIONS[relation]

    def body(b: Builder, i: Fields) -> None:
        xa, xb = scalars(b, i)
        fpscr = b.get("fpscr")
        packed = b.f_compare(ordered, xa, xb, fpscr)
        status = b.or_(b.and_(b.hi(packed), ~FPSCR.FPCC), b.and_(fpscr, FPSCR.FPCC))
        deliver(b, i.XT, b.pack(status, mask(b, b.lo(packed), wanted)))
    row("XX3", XX3.format(xo), "XT,XA,XB", "3.0", name, f"XT <- ones if XA {relation} XB, else zeros.", body)


for _relation, _xo in (("eq", 3), ("gt", 11), ("ge", 19)):
    scalar_row(f"xscmp{_relation}dp", _xo, _relation)


def vector_row(name: str, xo: int, relation: str, precision: int) -> None:
    """XT's elements <- all ones or zeros; with Rc, CR6 <- all true || 0 || none true || 0."""
    wanted, ordered = RELATIONS[relation]

    def body(b: Builder, i: Fields) -> None:
        xa, xb = operands(b, i)
        controls = controls_of(b)
        pairs = zip(elements(b, precision, xa), elements(b, precision, xb), strict=True)
        results = [b.f_compare(ordered, x, y, controls) for x, y in pairs]
        masks = [mask(b, b.lo(r), wanted) for r in results]
        if precision == 64:
            value = b.pack(*masks)
        else:
            value = of_words(b, [b.and_(m, 0xFFFFFFFF) for m in masks])
        if i.Rc:
            none = b.select(b.eq(value, 0), b.const(2, I8), b.const(0, I8))
            b.set_crf(6, b.select(b.eq(value, -1), b.const(8, I8), none))
        deliver_vector(b, i, union(b, results), value)
    row("XX3", f"111100 T A B Rc {xo:07b} AX BX TX", "XT,XA,XB", "2.06", name,
        f"XT's elements <- ones where XA {relation} XB, else zeros.", body)


for _relation, _xo in (("eq", 67), ("gt", 75), ("ge", 83)):
    vector_row(f"xvcmp{_relation}sp", _xo, _relation, 32)
    vector_row(f"xvcmp{_relation}dp", _xo + 32, _relation, 64)


# --- tests for software division and square root ------------------------------------------------------------

@insn("XX3", COMPARES.format(61), "BF,XA,XB", since="2.06", ref=REF)
def xstdivdp(b: Builder, i: Fields) -> None:
    """CR field BF <- 1 || fg_flag || fe_flag || 0, for XA / XB."""
    b.set_crf(i.BF, division_test(b, *scalars(b, i)))


@insn("XX2", "111100 BF // ///// B 001101010 BX /", "BF,XB", since="2.06", ref=REF)
def xstsqrtdp(b: Builder, i: Fields) -> None:
    """CR field BF <- 1 || fg_flag || fe_flag || 0, for the square root of XB."""
    b.require("VSX")
    b.set_crf(i.BF, root_test(b, scalar(b, i.XB)))


def lanes_of(b: Builder, precision: int, value: Value) -> list[Value]:
    """The elements' bits as doublewords."""
    return [b.hi(value), b.lo(value)] if precision == 64 else words(b, value)


def either(b: Builder, codes: list[Value]) -> Value:
    """The bits that any code has."""
    code = codes[0]
    for other in codes[1:]:
        code = b.or_(code, other)
    return code


def vector_tests(suffix: str, division_xo: int, root_xo: int, precision: int) -> None:
    """CR field BF <- the flags of any element."""
    fmt = DOUBLE if precision == 64 else SINGLE

    def division(b: Builder, i: Fields) -> None:
        pairs = zip(*(lanes_of(b, precision, v) for v in operands(b, i)), strict=True)
        b.set_crf(i.BF, either(b, [division_test(b, x, y, fmt) for x, y in pairs]))

    def root(b: Builder, i: Fields) -> None:
        b.require("VSX")
        values = lanes_of(b, precision, b.get("vsr", i.XB))
        b.set_crf(i.BF, either(b, [root_test(b, x, fmt) for x in values]))
    says = "CR field BF <- 1 || fg_flag || fe_flag || 0, flags of any element."
    row("XX3", COMPARES.format(division_xo), "BF,XA,XB", "2.06", f"xvtdiv{suffix}", says, division)
    row("XX2", f"111100 BF // ///// B {root_xo:09b} BX /", "BF,XB", "2.06", f"xvtsqrt{suffix}", says, root)


vector_tests("dp", 125, 234, 64)
vector_tests("sp", 93, 170, 32)
