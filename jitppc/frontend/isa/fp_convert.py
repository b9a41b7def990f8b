"""Floating-point rounding, conversion, comparison and test instructions. Ref: Book I 4.6.6.3, 4.6.7, 4.6.8."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import NO_RESULT

from .fp_arith import fra_frb, frb
from .fp_registers import deliver, set_fpscr
from .fp_tests import division_test, root_test

CONVERT, ROUND, COMPARE, TEST = "Book I 4.6.7.2", "Book I 4.6.7.3", "Book I 4.6.8", "Book I 4.6.6.1"


@insn("X", "111111 FRT ///// FRB 0000001100 Rc", "FRT,FRB", ref="Book I 4.6.7.1")
def frsp(b: Builder, i: Fields) -> None:
    """FRT <- (FRB), rounded to single."""
    deliver(b, i.FRT, b.f_narrow(32, *frb(b, i)), i.Rc)


# --- to and from integers -------------------------------------------------------------------------------

@insn("X", "111111 FRT ///// FRB 1100101110 Rc", "FRT,FRB", ref=CONVERT)
def fctid(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) as a signed doubleword, by RN."""
    deliver(b, i.FRT, b.f_to_int((True, 64, False), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 1100101111 Rc", "FRT,FRB", ref=CONVERT)
def fctidz(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) as a signed doubleword, toward zero."""
    deliver(b, i.FRT, b.f_to_int((True, 64, True), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 1110101110 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fctidu(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) as an unsigned doubleword, by RN."""
    deliver(b, i.FRT, b.f_to_int((False, 64, False), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 1110101111 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fctiduz(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) as an unsigned doubleword, toward zero."""
    deliver(b, i.FRT, b.f_to_int((False, 64, True), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0000001110 Rc", "FRT,FRB", since="P2", ref=CONVERT)
def fctiw(b: Builder, i: Fields) -> None:
    """FRT[32:63] <- (FRB) as a signed word, by RN; the rest is undefined, here its sign."""
    deliver(b, i.FRT, b.f_to_int((True, 32, False), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0000001111 Rc", "FRT,FRB", since="P2", ref=CONVERT)
def fctiwz(b: Builder, i: Fields) -> None:
    """FRT[32:63] <- (FRB) as a signed word, toward zero; the rest is undefined, here its sign."""
    deliver(b, i.FRT, b.f_to_int((True, 32, True), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0010001110 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fctiwu(b: Builder, i: Fields) -> None:
    """FRT[32:63] <- (FRB) as an unsigned word, by RN; the rest is undefined, here 0."""
    deliver(b, i.FRT, b.f_to_int((False, 32, False), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0010001111 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fctiwuz(b: Builder, i: Fields) -> None:
    """FRT[32:63] <- (FRB) as an unsigned word, toward zero; the rest is undefined, here 0."""
    deliver(b, i.FRT, b.f_to_int((False, 32, True), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 1101001110 Rc", "FRT,FRB", ref=CONVERT)
def fcfid(b: Builder, i: Fields) -> None:
    """FRT <- the signed doubleword (FRB) as a number."""
    deliver(b, i.FRT, b.f_from_int((True, 64), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 1111001110 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fcfidu(b: Builder, i: Fields) -> None:
    """FRT <- the unsigned doubleword (FRB) as a number."""
    deliver(b, i.FRT, b.f_from_int((False, 64), *frb(b, i)), i.Rc)


@insn("X", "111011 FRT ///// FRB 1101001110 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fcfids(b: Builder, i: Fields) -> None:
    """FRT <- the signed doubleword (FRB) as a single."""
    deliver(b, i.FRT, b.f_from_int((True, 32), *frb(b, i)), i.Rc)


@insn("X", "111011 FRT ///// FRB 1111001110 Rc", "FRT,FRB", since="2.06", ref=CONVERT)
def fcfidus(b: Builder, i: Fields) -> None:
    """FRT <- the unsigned doubleword (FRB) as a single."""
    deliver(b, i.FRT, b.f_from_int((False, 32), *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0110001000 Rc", "FRT,FRB", since="2.02", ref=ROUND)
def frin(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) rounded to an integer, half-way cases away from zero."""
    deliver(b, i.FRT, b.f_to_integral("away", *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0110101000 Rc", "FRT,FRB", since="2.02", ref=ROUND)
def friz(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) rounded to an integer toward zero."""
    deliver(b, i.FRT, b.f_to_integral("zero", *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0111001000 Rc", "FRT,FRB", since="2.02", ref=ROUND)
def frip(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) rounded to an integer toward +infinity."""
    deliver(b, i.FRT, b.f_to_integral("up", *frb(b, i)), i.Rc)


@insn("X", "111111 FRT ///// FRB 0111101000 Rc", "FRT,FRB", since="2.02", ref=ROUND)
def frim(b: Builder, i: Fields) -> None:
    """FRT <- (FRB) rounded to an integer toward -infinity."""
    deliver(b, i.FRT, b.f_to_integral("down", *frb(b, i)), i.Rc)


# --- comparisons ----------------------------------------------------------------------------------------

def deliver_comparison(b: Builder, i: Fields, packed: Value) -> None:
    """Write CR field BF and the FPSCR."""
    b.set_crf(i.BF, b.trunc(b.lo(packed), 8))
    set_fpscr(b, b.and_(b.hi(packed), ~NO_RESULT))


@insn("X", "111111 BF // FRA FRB 0000000000 /", "BF,FRA,FRB", ref=COMPARE)
def fcmpu(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- (FRA) compared with (FRB)."""
    deliver_comparison(b, i, b.f_compare(0, *fra_frb(b, i)))


@insn("X", "111111 BF // FRA FRB 0000100000 /", "BF,FRA,FRB", ref=COMPARE)
def fcmpo(b: Builder, i: Fields) -> None:
    """CR field BF, FPCC <- (FRA) compared with (FRB); any NaN is an invalid operand."""
    deliver_comparison(b, i, b.f_compare(1, *fra_frb(b, i)))


# --- tests for software division and square root ----------------------------------------------------------

@insn("X", "111111 BF // FRA FRB 0010000000 /", "BF,FRA,FRB", since="2.06", ref=TEST)
def ftdiv(b: Builder, i: Fields) -> None:
    """CR field BF <- 1 || fg_flag || fe_flag || 0."""
    fra, divisor, _ = fra_frb(b, i)
    b.set_crf(i.BF, division_test(b, fra, divisor))


@insn("X", "111111 BF // ///// FRB 0010100000 /", "BF,FRB", since="2.06", ref=TEST)
def ftsqrt(b: Builder, i: Fields) -> None:
    """CR field BF <- 1 || fg_flag || fe_flag || 0."""
    b.set_crf(i.BF, root_test(b, frb(b, i)[0]))
