"""VSX loads and stores of ISA 3.1: pairs of registers, rightmost elements, and constants. Ref: Book I 7.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_load_store import x_form
from .fp_registers import require_for
from .vsx_load_store import dq_form

REF = "Book I 7.6.3"


def halves_of(b: Builder, number: Value) -> tuple[Value, Value]:
    """The registers of a pair, of the quadword at the lower and of that at the higher address."""
    if b.mode.little is not None:
        return (b.or_(number, 1), number) if b.mode.little else (number, b.or_(number, 1))
    odd = b.ne(b.get("little"), 0)
    return (b.select(odd, b.or_(number, 1), number), b.select(odd, number, b.or_(number, 1)))


def load_pair(b: Builder, number: Value, ea: Value) -> None:
    """A pair <- 32 bytes; in little-endian mode the odd register has the lower address."""
    first, second = b.load(128, ea), b.load(128, b.ea(ea, 16))
    at_first, at_second = halves_of(b, number)
    b.set("vsr", at_first, first)
    b.set("vsr", at_second, second)


def store_pair(b: Builder, number: Value, ea: Value) -> None:
    """32 bytes <- a pair. Both halves are checked before either is stored."""
    b.touch(128, b.ea(ea, 16))
    at_first, at_second = halves_of(b, number)
    first, second = b.get("vsr", at_first), b.get("vsr", at_second)
    b.store(128, ea, first)
    b.store(128, b.ea(ea, 16), second)


@insn("DQ", "000110 Tp TX RA DQ 0000", "XTp,DQ(RA)", since="3.1", ref=REF)
def lxvp(b: Builder, i: Fields) -> None:
    """VSR[XTp] and VSR[XTp+1] <- MEM((RA|0) + EXTS(DQ || 0b0000), 32)."""
    b.require("VSX")
    load_pair(b, i.XTp, dq_form(b, i))


@insn("DQ", "000110 Sp SX RA DQ 0001", "XSp,DQ(RA)", since="3.1", ref=REF)
def stxvp(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + EXTS(DQ || 0b0000), 32) <- VSR[XSp] and VSR[XSp+1]."""
    b.require("VSX")
    store_pair(b, i.XSp, dq_form(b, i))


@insn("X", "011111 Tp TX RA RB 0101001101 /", "XTp,RA,RB", since="3.1", ref=REF)
def lxvpx(b: Builder, i: Fields) -> None:
    """VSR[XTp] and VSR[XTp+1] <- MEM((RA|0) + (RB), 32)."""
    b.require("VSX")
    load_pair(b, i.XTp, x_form(b, i))


@insn("X", "011111 Sp SX RA RB 0111001101 /", "XSp,RA,RB", since="3.1", ref=REF)
def stxvpx(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + (RB), 32) <- VSR[XSp] and VSR[XSp+1]."""
    b.require("VSX")
    store_pair(b, i.XSp, x_form(b, i))


def rightmost(letter: str, bits: int, load_xo: str, store_xo: str) -> None:
    """The load and the store of a VSR's rightmost element."""
    @insn("X", f"011111 T RA RB {load_xo} TX", "XT,RA,RB", since="3.1", ref=REF, name=f"lxvr{letter}x", static=("TX",))
    def _load(b: Builder, i: Fields) -> None:
        """VSR[XT] <- an element, zero-extended."""
        require_for(b, i.TX, "VSX")
        b.set("vsr", i.XT, b.zext(b.load(bits, x_form(b, i)), 128))

    @insn("X", f"011111 S RA RB {store_xo} SX", "XS,RA,RB", since="3.1", ref=REF, name=f"stxvr{letter}x",
          static=("SX",))
    def _store(b: Builder, i: Fields) -> None:
        """MEM(EA) <- the rightmost element of VSR[XS]."""
        require_for(b, i.SX, "VSX")
        b.store(bits, x_form(b, i), b.get("vsr", i.XS))


rightmost("b", 8, "0000001101", "0010001101")
rightmost("h", 16, "0000101101", "0010101101")
rightmost("w", 32, "0001001101", "0011001101")
rightmost("d", 64, "0001101101", "0011101101")

#: the quads of lxvkq: high doublewords of 1 to 7, infinity, a NaN, and the negative ones; the low doublewords are 0
CONSTANTS = {
    1: 0x3FFF000000000000, 2: 0x4000000000000000, 3: 0x4000800000000000, 4: 0x4001000000000000,
    5: 0x4001400000000000, 6: 0x4001800000000000, 7: 0x4001C00000000000, 8: 0x7FFF000000000000,
    9: 0x7FFF800000000000, 16: 0x8000000000000000, 17: 0xBFFF000000000000, 18: 0xC000000000000000,
    19: 0xC000800000000000, 20: 0xC001000000000000, 21: 0xC001400000000000, 22: 0xC001800000000000,
    23: 0xC001C00000000000, 24: 0xFFFF000000000000,
}


@insn("X", "111100 T 11111 UIM 0101101000 TX", "XT,UIM", since="3.1", ref=REF,
      accept=lambda word: word >> 11 & 31 in CONSTANTS)
def lxvkq(b: Builder, i: Fields) -> None:
    """VSR[XT] <- the quad-precision constant UIM; other numbers are invalid forms."""
    b.require("VSX")
    high = b.const(0)
    for number, quad in CONSTANTS.items():
        high = b.select(b.eq(i.UIM, number), b.const(quad), high)
    b.invalid_form_if(b.eq(high, 0))
    b.set("vsr", i.XT, b.pack(high, 0))
