"""Prefixed vector instructions of ISA 3.1: splats of 32-bit immediates, blends, permutes, any function of three bits.

Ref: Book I 7.6.3.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .prefix import prefixed
from .vmx_lanes import each
from .vmx_masks import signs_of

REF = "Book I 7.6.3"
SPLAT = "000001 01 0000 //// imm0:16 100000 T {} TX imm1:16"
FOUR = "000001 01 0000 {} {} T A B C {} CX AX BX TX"


# --- splats
@prefixed("8RR:D", SPLAT.format("0011"), "XT,IMM32", ref=REF)
def xxspltiw(b: Builder, i: Fields) -> None:
    """VSR[XT].word[0:3] <- IMM."""
    b.require("VSX")
    b.set("vsr", i.XT, b.vsplat(32, i.IMM32))


@prefixed("8RR:D", SPLAT.format("0010"), "XT,IMM32", ref=REF)
def xxspltidp(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0:1] <- the single IMM, as double. A denormal is undefined in the book."""
    b.require("VSX")
    b.set("vsr", i.XT, b.vsplat(64, b.double_of_single(b.trunc(i.IMM32, 32))))


@prefixed("8RR:D", SPLAT.format("000 IX:1"), "XT,IX,IMM32", ref=REF, static=("IX",))
def xxsplti32dx(b: Builder, i: Fields) -> None:
    """VSR[XT].word[IX], word[IX+2] <- IMM; the other words stay."""
    b.require("VSX")
    here = each(64, 0xFFFFFFFF if i.IX else 0xFFFFFFFF << 32)
    kept = b.and_(b.get("vsr", i.XT), b.not_(b.const(here, I128)))
    b.set("vsr", i.XT, b.or_(kept, b.and_(b.vsplat(32, i.IMM32), here)))


# --- blends, permutes, functions
def three(b: Builder, i: Fields) -> tuple[Value, Value, Value]:
    """VSR[XA], VSR[XB] and VSR[XC]."""
    b.require("VSX")
    return b.get("vsr", i.XA), b.get("vsr", i.XB), b.get("vsr", i.XC)


def blend(letter: str, lane: int, number: str) -> None:
    """A row: XB's elements where the leftmost bit of XC's is 1, else XA's."""
    @prefixed("8RR:XX4", FOUR.format("/" * 20, "100001", number), "XT,XA,XB,XC", ref=REF,
          name=f"xxblendv{letter}")
    def _blend(b: Builder, i: Fields) -> None:
        """VSR[XT]'s elements <- XB's where the leftmost bit of XC's is 1, else XA's."""
        xa, xb, xc = three(b, i)
        b.set("vsr", i.XT, b.vselect(signs_of(b, lane, xc), xb, xa))


for _number, (_letter, _lane) in enumerate((("b", 8), ("h", 16), ("w", 32), ("d", 64))):
    blend(_letter, _lane, f"{_number:02b}")


@prefixed("8RR:XX4", FOUR.format("/" * 17 + " UIM3", "100010", "00"), "XT,XA,XB,XC,UIM3", ref=REF)
def xxpermx(b: Builder, i: Fields) -> None:
    """Each byte is that of XA || XB that XC's byte numbers, if the number is in the eighth UIM of 256; else 0."""
    xa, xb, xc = three(b, i)
    ours = b.vcmpeq(8, b.vlshr(8, xc, each(8, 5)), b.vsplat(8, i.UIM3))
    b.set("vsr", i.XT, b.and_(b.vperm(xa, xb, xc), ours))


@prefixed("8RR:XX4", FOUR.format("/" * 12 + " IMM8", "100010", "01"), "XT,XA,XB,XC,IMM8", ref=REF)
def xxeval(b: Builder, i: Fields) -> None:
    """Each bit is the bit of IMM, from the left, that the bits of XA, XB and XC number."""
    operands = three(b, i)
    result = b.const(0, I128)
    for number in range(8):
        term = b.sext(b.trunc(b.lshr(i.IMM8, 7 - number), 1))
        term = b.pack(term, term)
        for place, x in enumerate(operands):
            term = b.and_(term, x if number >> 2 - place & 1 else b.not_(x))
        result = b.or_(result, term)
    b.set("vsr", i.XT, result)
