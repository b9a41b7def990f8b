"""Branches. Ref: Book I 2.4.

The bits of BO are flags, except for the hint: each kind of branch has a short handler of its own. BO[0] ignores
the CR bit, BO[1] is the value wanted, BO[2] leaves CTR alone, BO[3] wants CTR to be 0. LR is written whether or
not the branch is taken. In 32-bit mode CTR is tested by its low word, but decremented whole.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1

from .fixed_arith import in_mode
from .spr import TAR_FACILITY, facility

REF = "Book I 2.4"
BO = ("BO0", "BO1", "BO2", "BO3")
BO_PICTURE = "BO0:1 BO1:1 BO2:1 BO3:1 BO4:1"

#: BO without reserved hints and with its unused bits 0: the values that are not invalid forms
VALID_BO = {0, 2, 4, 6, 7, 8, 10, 12, 14, 15, 16, 18, 20, 24, 25, 26, 27}

TAR = 815


def is_valid_BO(word: int) -> bool:
    """BO is one the book lists."""
    return word >> 21 & 31 in VALID_BO


def link(b: Builder, i: Fields) -> None:
    """LR <- CIA + 4 if LK."""
    if i.LK:
        b.set("lr", b.add(b.cia(), 4))


def condition(b: Builder, i: Fields) -> Value:
    """i1: the branch is taken as far as the CR bit is concerned."""
    if i.BO0:
        return b.const(1, I1)
    bit = b.cr_bit(i.BI)
    return bit if i.BO1 else b.eq(bit, 0)


def counter(b: Builder, i: Fields, ctr: Value) -> Value:
    """i1: the branch is taken as far as the count `ctr` is concerned."""
    zero = in_mode(b, b.eq(ctr, 0), b.eq(b.trunc(ctr, 32), 0))
    return zero if i.BO3 else b.eq(zero, 0)


def taken(b: Builder, i: Fields) -> Value:
    """i1: the branch is taken. Decrements CTR unless BO[2]."""
    wanted = condition(b, i)
    if i.BO2:
        return wanted
    ctr = b.sub(b.get("ctr"), 1)
    b.set("ctr", ctr)
    return b.and_(wanted, counter(b, i, ctr))


def go(b: Builder, wanted: Value, target: Value) -> None:
    """Jump to a register's address, its low two bits cleared, if the i1 is 1."""
    target = b.ea(b.and_(target, ~3))
    if wanted.constant == 1:
        b.jump(target)
    else:
        b.jump_if(wanted, target)


@insn("I", "010010 LI AA LK", "LI", ref=REF)
def b_(b: Builder, i: Fields) -> None:
    """NIA <- CIA + EXTS(LI || 0b00), or without CIA if AA."""
    link(b, i)
    if i.AA:
        b.jump(b.ea(i.LI))
    else:
        b.jump_rel(i.LI)


@insn("B", f"010000 {BO_PICTURE} BI BD AA LK", "BO,BI,BD", ref=REF, static=BO,
      accept=is_valid_BO)
def bc(b: Builder, i: Fields) -> None:
    """If BO and BI say so, NIA <- CIA + EXTS(BD || 0b00), or without CIA if AA."""
    wanted = taken(b, i)
    link(b, i)
    if i.AA:
        go(b, wanted, i.BD)
    elif wanted.constant == 1:
        b.jump_rel(i.BD)
    else:
        b.jump_rel_if(wanted, i.BD)


@insn("XL", f"010011 {BO_PICTURE} BI /// BH 0000010000 LK", "BO,BI,BH", ref=REF, static=BO,
      accept=is_valid_BO)
def bclr(b: Builder, i: Fields) -> None:
    """If BO and BI say so, NIA <- LR[0:61] || 0b00."""
    target = b.get("lr")
    wanted = taken(b, i)
    link(b, i)
    go(b, wanted, target)


@insn("XL", f"010011 {BO_PICTURE} BI /// BH 1000010000 LK", "BO,BI,BH", ref=REF, static=BO,
      accept=lambda word: is_valid_BO(word) and bool(word >> 23 & 1))
def bcctr(b: Builder, i: Fields) -> None:
    """If BO and BI say so, NIA <- CTR[0:61] || 0b00.

    A form that decrements is invalid; server processors test CTR, decrement it, and go to the old address.
    """
    target = b.get("ctr")
    wanted = condition(b, i)
    if not i.BO2:
        wanted = b.and_(wanted, counter(b, i, target))
        b.set("ctr", b.sub(target, 1))
    link(b, i)
    go(b, wanted, target)


@insn("XL", f"010011 {BO_PICTURE} BI /// BH 1000110000 LK", "BO,BI,BH", since="2.07", ref=REF,
      static=BO, accept=is_valid_BO)
def bctar(b: Builder, i: Fields) -> None:
    """If BO and BI say so, NIA <- TAR[0:61] || 0b00. FSCR may forbid it to problem state."""
    facility(b, TAR_FACILITY)
    target = b.get("spr", TAR)
    wanted = taken(b, i)
    link(b, i)
    go(b, wanted, target)
