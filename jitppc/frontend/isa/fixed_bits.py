"""Fixed-point instructions of ISA 3.1: byte reversals, bits gathered and scattered, set boolean.

Ref: Book I 3.3.13, 3.3.14, 3.3.18.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vsx_lanes import bytes_in_halfwords_swapped, bytes_in_words_swapped

REF, REF_REVERSE, REF_SET = "Book I 3.3.13", "Book I 3.3.14", "Book I 3.3.18"


# --- byte reversals ----------------------------------------------------------------------------------------
@insn("X", "011111 RS RA ///// 0011011011 /", "RA,RS", since="3.1", ref=REF_REVERSE)
def brh(b: Builder, i: Fields) -> None:
    """RA <- (RS) with the bytes of each halfword reversed."""
    b.set_gpr(i.RA, bytes_in_halfwords_swapped(b, b.gpr(i.RS)))


@insn("X", "011111 RS RA ///// 0010011011 /", "RA,RS", since="3.1", ref=REF_REVERSE)
def brw(b: Builder, i: Fields) -> None:
    """RA <- (RS) with the bytes of each word reversed."""
    b.set_gpr(i.RA, bytes_in_words_swapped(b, b.gpr(i.RS)))


@insn("X", "011111 RS RA ///// 0010111011 /", "RA,RS", since="3.1", ref=REF_REVERSE)
def brd(b: Builder, i: Fields) -> None:
    """RA <- (RS) with its bytes reversed."""
    b.set_gpr(i.RA, b.bswap(b.gpr(i.RS)))


# --- bits gathered, scattered, counted under a mask --------------------------------------------------------
def centrifuged(b: Builder, x: Value, mask: Value) -> Value:
    """The bits where the mask has 0 at the left, those where it has 1 at the right, in their order."""
    right = b.pext(x, mask)
    left = b.pext(x, b.not_(mask))
    return b.or_(b.shl(left, b.popcnt(mask)), right)


def leading_zeros_under(b: Builder, x: Value, mask: Value) -> Value:
    """Leading zeros of the bits of x where the mask has 1."""
    chosen = b.pext(x, mask)
    return b.sub(b.ctlz(chosen), b.sub(64, b.popcnt(mask)))


def trailing_zeros_under(b: Builder, x: Value, mask: Value) -> Value:
    """Trailing zeros of the bits of x where the mask has 1."""
    ones = b.popcnt(mask)
    zeros = b.cttz(b.pext(x, mask))
    return b.select(b.ult(ones, zeros), ones, zeros)


def under_mask(name: str, xo: str, says: str, meaning: Callable[[Builder, Value, Value], Value]) -> None:
    """A row: RA <- meaning((RS), mask (RB))."""
    def body(b: Builder, i: Fields) -> None:
        b.set_gpr(i.RA, meaning(b, b.gpr(i.RS), b.gpr(i.RB)))

    body.__doc__ = says
    insn("X", f"011111 RS RA RB {xo} /", "RA,RS,RB", since="3.1", ref=REF, name=name)(body)


under_mask("cfuged", "0011011100", "RA <- bits of (RS) where (RB) has 0, then those where it has 1.", centrifuged)
under_mask("pdepd", "0010011100", "RA <- the low bits of (RS), put where (RB) has 1.", lambda b, x, m: b.pdep(x, m))
under_mask("pextd", "0010111100", "RA <- the bits of (RS) where (RB) has 1, at the right.",
           lambda b, x, m: b.pext(x, m))
under_mask("cntlzdm", "0000111011", "RA <- leading zeros of the bits of (RS) where (RB) has 1.", leading_zeros_under)
under_mask("cnttzdm", "1000111011", "RA <- trailing zeros of the bits of (RS) where (RB) has 1.",
           trailing_zeros_under)


# --- set boolean -------------------------------------------------------------------------------------------
def set_boolean(name: str, xo: str, when_one: int, when_zero: int) -> None:
    """A row: RT <- one of two numbers, as CR bit BI says."""
    def body(b: Builder, i: Fields) -> None:
        b.set_gpr(i.RT, b.select(b.cr_bit(i.BI), b.const(when_one), b.const(when_zero)))

    body.__doc__ = f"RT <- CR[BI] ? {when_one} : {when_zero}."
    insn("X", f"011111 RT BI ///// {xo} /", "RT,BI", since="3.1", ref=REF_SET, name=name)(body)


set_boolean("setbc", "0110000000", 1, 0)
set_boolean("setbcr", "0110100000", 0, 1)
set_boolean("setnbc", "0111000000", -1, 0)
set_boolean("setnbcr", "0111100000", 0, -1)
