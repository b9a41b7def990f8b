"""Fixed-point load and store multiple, and move assist (strings). Ref: Book I 3.3.6, 3.3.7.

In little-endian mode all of them raise an alignment interrupt. In big-endian mode two native routines do the
work, because a body has no loops:

    load_string(register, ea, count)    bytes MEM(ea .. ea+count-1), left to right, into bytes 4 to 7 of GPRs
                                        `register`, `register`+1, ..., 31, 0, ...; the rest of the last word and
                                        all high words become 0. No register changes when a storage interrupt
                                        happens. A count of 0 does nothing.
    store_string(register, ea, count)   the same bytes the other way; all of the storage is checked for
                                        write access before any byte of it changes.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1

REF = "Book I 3.3.6"
REF_STRING = "Book I 3.3.7"


def move(b: Builder, routine: str, register: Value, ea: Value, count: Value) -> None:
    """Call the routine, unless the mode is little-endian: then an alignment interrupt."""
    if b.mode.little is None:
        little = b.ne(b.get("little"), 0)
    else:
        little = b.const(int(b.mode.little), I1)
    b.interrupt_if(little, "ALIGNMENT", ea)
    b.helper(routine, register, ea, count)


def loads_beside(count: Callable[[int], int]) -> Callable[[int], bool]:
    """RA is not among the `count(word)` registers from RT on."""
    def accept(word: int) -> bool:
        rt, ra = word >> 21 & 31, word >> 16 & 31
        return (ra - rt) % 32 >= count(word)
    return accept


def _count(b: Builder, i: Fields) -> Value:
    """NB, where 0 stands for 32."""
    return b.select(b.eq(i.NB, 0), b.const(32), i.NB)


@insn("D", "101110 RT RA D", "RT,D(RA)", ref=REF,
      accept=loads_beside(lambda word: 32 - (word >> 21 & 31)))
def lmw(b: Builder, i: Fields) -> None:
    """Words from EA = (RA|0) + EXTS(D) on into the low words of RT .. R31."""
    ea = b.ea(b.gpr_or_zero(i.RA), i.D)
    move(b, "load_string", i.RT, ea, b.sub(128, b.shl(i.RT, 2)))


@insn("D", "101111 RS RA D", "RS,D(RA)", ref=REF)
def stmw(b: Builder, i: Fields) -> None:
    """The low words of RS .. R31 to EA = (RA|0) + EXTS(D) on."""
    ea = b.ea(b.gpr_or_zero(i.RA), i.D)
    move(b, "store_string", i.RS, ea, b.sub(128, b.shl(i.RS, 2)))


@insn("X", "011111 RT RA NB 1001010101 /", "RT,RA,NB", ref=REF_STRING,
      accept=loads_beside(lambda word: ((word >> 11 & 31 or 32) + 3) // 4))
def lswi(b: Builder, i: Fields) -> None:
    """NB bytes (32 for 0) from EA = (RA|0) on into the low words of RT, RT+1, ..."""
    move(b, "load_string", i.RT, b.ea(b.gpr_or_zero(i.RA)), _count(b, i))


@insn("X", "011111 RT RA RB 1000010101 /", "RT,RA,RB", ref=REF_STRING,
      accept=lambda word: word >> 21 & 31 not in (word >> 16 & 31, word >> 11 & 31))
def lswx(b: Builder, i: Fields) -> None:
    """XER[57:63] bytes from EA = (RA|0) + (RB) on into the low words of RT, RT+1, ..."""
    ea = b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))
    move(b, "load_string", i.RT, ea, b.zext(b.get("xer_low")))


@insn("X", "011111 RS RA NB 1011010101 /", "RS,RA,NB", ref=REF_STRING)
def stswi(b: Builder, i: Fields) -> None:
    """NB bytes (32 for 0) of the low words of RS, RS+1, ... to EA = (RA|0) on."""
    move(b, "store_string", i.RS, b.ea(b.gpr_or_zero(i.RA)), _count(b, i))


@insn("X", "011111 RS RA RB 1010010101 /", "RS,RA,RB", ref=REF_STRING)
def stswx(b: Builder, i: Fields) -> None:
    """XER[57:63] bytes of the low words of RS, RS+1, ... to EA = (RA|0) + (RB) on."""
    ea = b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))
    move(b, "store_string", i.RS, ea, b.zext(b.get("xer_low")))
