"""Decimal arithmetic, comparisons and tests. Ref: Book I 5.6.1, 5.6.2, 5.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import NO_RESULT

from .dfp_registers import Body, both, compute, deliver, deliver_test, number
from .fp_registers import set_fpscr

ARITHMETIC, COMPARE, TEST = "Book I 5.6.1", "Book I 5.6.2", "Book I 5.6.3"


def arithmetic(name: str, xo: str, operation: str, sign: str) -> None:
    """Sum, difference, product or quotient, rounded by DRN."""
    def sized(size: int) -> Body:
        def body(b: Builder, i: Fields) -> None:
            deliver(b, i, operation, size, number(b, i, size, "FRA"), number(b, i, size, "FRB"))
        return body
    both("X", name, f"FRT* FRA* FRB* {xo} Rc", "FRT*,FRA*,FRB*", f"FRT* <- (FRA*) {sign} (FRB*).", sized, ARITHMETIC)


arithmetic("dadd", "0000000010", "add", "+")
arithmetic("dsub", "1000000010", "sub", "-")
arithmetic("dmul", "0000100010", "mul", "×")
arithmetic("ddiv", "1000100010", "div", "/")


def comparison(name: str, xo: str, ordered: int) -> None:
    """CR field BF, FPCC <- a comparison. Only the ordered one takes a quiet NaN for invalid."""
    def sized(size: int) -> Body:
        def body(b: Builder, i: Fields) -> None:
            operands = number(b, i, size, "FRA"), number(b, i, size, "FRB")
            result, status = compute(b, "compare", size, *operands, ordered)
            b.set_crf(i.BF, b.trunc(b.lo(result), 8))
            set_fpscr(b, b.and_(status, ~NO_RESULT))
        return body
    both("X", name, f"BF // FRA* FRB* {xo} /", "BF,FRA*,FRB*", "CR field BF, FPCC <- (FRA*) compared with (FRB*).",
         sized, COMPARE)


comparison("dcmpu", "1010000010", 0)
comparison("dcmpo", "0010000010", 1)


def masked_test(name: str, xo: str, operation: str, field: str, what: str) -> None:
    """CR field BF, FPCC <- the sign of a number, and whether its class or group is in a mask."""
    def sized(size: int) -> Body:
        def body(b: Builder, i: Fields) -> None:
            deliver_test(b, i, operation, size, number(b, i, size, "FRA"), 0, getattr(i, field))
        return body
    both("Z22", name, f"BF // FRA* {field} {xo} /", f"BF,FRA*,{field}",
         f"CR field BF, FPCC <- the sign of (FRA*) || 0 || its {what} is in {field} || 0.", sized, TEST)


masked_test("dtstdc", "011000010", "class_test", "DCM", "class")
masked_test("dtstdg", "011100010", "group_test", "DGM", "group")


def exponent_test(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver_test(b, i, "exponent_test", size, number(b, i, size, "FRA"), number(b, i, size, "FRB"), 0)
    return body


both("X", "dtstex", "BF // FRA* FRB* 0010100010 /", "BF,FRA*,FRB*",
     "CR field BF, FPCC <- the exponent of (FRA*) compared with that of (FRB*).", exponent_test, TEST)


def significance_test(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        reference = b.and_(b.get("fpr", i.FRA), 63)
        deliver_test(b, i, "significance_test", size, 0, number(b, i, size, "FRB"), reference)
    return body


both("X", "dtstsf", "BF // FRA FRB* 1010100010 /", "BF,FRA,FRB*",
     "CR field BF, FPCC <- (FRA)[58:63] compared with the number of digits of (FRB*).", significance_test, TEST)


def significance_test_immediate(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver_test(b, i, "significance_test", size, 0, number(b, i, size, "FRB"), i.UIM)
    return body


both("X", "dtstsfi", "BF / UIM:6 FRB* 1010100011 /", "BF,UIM,FRB*",
     "CR field BF, FPCC <- UIM compared with the number of digits of (FRB*).", significance_test_immediate, TEST, "3.0")
