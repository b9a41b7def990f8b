"""Vector loads and stores: addresses are aligned down to the operand. Ref: Book I 6.7."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import numbers_from

REF = "Book I 6.7"


def aligned_ea(b: Builder, i: Fields, size: int) -> Value:
    """(RA|0) + (RB), the low bits cleared, if the vector facility is available."""
    b.require("VECTOR")
    return b.and_(b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB)), -size)


def element_at(b: Builder, ea: Value, size: int) -> Value:
    """Number of the element that stands for the storage at `ea`: bytes count from the left, or in little-endian
    mode from the right.
    """
    number = b.lshr(b.and_(ea, 15), size.bit_length() - 1)
    last = 16 // size - 1
    if b.mode.little is None:
        return b.xor(number, b.select(b.ne(b.get("little"), 0), b.const(last), 0))
    return b.xor(number, last) if b.mode.little else number


def load_element(b: Builder, i: Fields, size: int) -> None:
    """Load one element; the others, undefined in the book, stay."""
    ea = aligned_ea(b, i, size)
    loaded = b.zext(b.load(8 * size, ea))
    b.set("vr", i.VRT, b.vinsert(8 * size, b.get("vr", i.VRT), element_at(b, ea, size), loaded))


def store_element(b: Builder, i: Fields, size: int) -> None:
    """Store the element that stands for the address."""
    ea = aligned_ea(b, i, size)
    b.store(8 * size, ea, b.vextract(8 * size, b.get("vr", i.VRS), element_at(b, ea, size)))


@insn("X", "011111 VRT RA RB 0000000111 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvebx(b: Builder, i: Fields) -> None:
    """The byte of VRT that stands for EA <- MEM(EA, 1)."""
    load_element(b, i, 1)


@insn("X", "011111 VRT RA RB 0000100111 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvehx(b: Builder, i: Fields) -> None:
    """The halfword of VRT that stands for EA <- MEM(EA & ~1, 2)."""
    load_element(b, i, 2)


@insn("X", "011111 VRT RA RB 0001000111 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvewx(b: Builder, i: Fields) -> None:
    """The word of VRT that stands for EA <- MEM(EA & ~3, 4)."""
    load_element(b, i, 4)


def load_vector(b: Builder, i: Fields) -> None:
    """VRT <- MEM(EA & ~15, 16)."""
    b.set("vr", i.VRT, b.load(128, aligned_ea(b, i, 16)))


def store_vector(b: Builder, i: Fields) -> None:
    """MEM(EA & ~15, 16) <- (VRS)."""
    ea = aligned_ea(b, i, 16)
    b.store(128, ea, b.get("vr", i.VRS))


@insn("X", "011111 VRT RA RB 0001100111 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvx(b: Builder, i: Fields) -> None:
    """VRT <- MEM(EA & ~15, 16)."""
    load_vector(b, i)


@insn("X", "011111 VRT RA RB 0101100111 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvxl(b: Builder, i: Fields) -> None:
    """VRT <- MEM(EA & ~15, 16), with a hint that it will not be wanted soon."""
    load_vector(b, i)


@insn("X", "011111 VRS RA RB 0010000111 /", "VRS,RA,RB", since="2.03", ref=REF)
def stvebx(b: Builder, i: Fields) -> None:
    """MEM(EA, 1) <- the byte of VRS that stands for EA."""
    store_element(b, i, 1)


@insn("X", "011111 VRS RA RB 0010100111 /", "VRS,RA,RB", since="2.03", ref=REF)
def stvehx(b: Builder, i: Fields) -> None:
    """MEM(EA & ~1, 2) <- the halfword of VRS that stands for EA."""
    store_element(b, i, 2)


@insn("X", "011111 VRS RA RB 0011000111 /", "VRS,RA,RB", since="2.03", ref=REF)
def stvewx(b: Builder, i: Fields) -> None:
    """MEM(EA & ~3, 4) <- the word of VRS that stands for EA."""
    store_element(b, i, 4)


@insn("X", "011111 VRS RA RB 0011100111 /", "VRS,RA,RB", since="2.03", ref=REF)
def stvx(b: Builder, i: Fields) -> None:
    """MEM(EA & ~15, 16) <- (VRS)."""
    store_vector(b, i)


@insn("X", "011111 VRS RA RB 0111100111 /", "VRS,RA,RB", since="2.03", ref=REF)
def stvxl(b: Builder, i: Fields) -> None:
    """MEM(EA & ~15, 16) <- (VRS), with a hint that it will not be wanted soon."""
    store_vector(b, i)


@insn("X", "011111 VRT RA RB 0000000110 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvsl(b: Builder, i: Fields) -> None:
    """VRT <- sixteen bytes counting up from EA[60:63]."""
    b.require("VECTOR")
    shift = b.and_(b.add(b.gpr_or_zero(i.RA), b.gpr(i.RB)), 15)
    b.set("vr", i.VRT, numbers_from(b, shift))


@insn("X", "011111 VRT RA RB 0000100110 /", "VRT,RA,RB", since="2.03", ref=REF)
def lvsr(b: Builder, i: Fields) -> None:
    """VRT <- sixteen bytes counting up from 16 - EA[60:63]."""
    b.require("VECTOR")
    shift = b.and_(b.add(b.gpr_or_zero(i.RA), b.gpr(i.RB)), 15)
    b.set("vr", i.VRT, numbers_from(b, b.sub(16, shift)))


def hint(b: Builder, i: Fields) -> None:
    """No effect: data streams were phased out of the architecture, and POWER9 does nothing for them."""


for _name, _picture, _asm in (
        ("dst", "0 // STRM:2 RA RB 0101010110", "RA,RB,STRM"),
        ("dstt", "1 // STRM:2 RA RB 0101010110", "RA,RB,STRM"),
        ("dstst", "0 // STRM:2 RA RB 0101110110", "RA,RB,STRM"),
        ("dststt", "1 // STRM:2 RA RB 0101110110", "RA,RB,STRM"),
        ("dss", "0 // STRM:2 ///// ///// 1100110110", "STRM"),
        ("dssall", "1 // // ///// ///// 1100110110", "")):
    insn("X", f"011111 {_picture} /", _asm, name=_name, since="2.03", ref="Book II 4.3.2 of ISA 2.03")(hint)
