"""VSX loads and stores. Ref: Book I 7.6.3 (VSX storage access instructions), 7.6.1.1 to 7.6.1.3.

Scalars sit in doubleword 0; doubleword 1, undefined in the book, becomes 0 as on POWER9.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_load_store import x_form
from .fp_registers import require_for, scalar, set_scalar
from .vsx_lanes import reversed_elements

REF = "Book I 7.6.3"


def ds_form(b: Builder, i: Fields) -> Value:
    """(RA|0) + EXTS(DS || 0b00)."""
    return b.ea(b.gpr_or_zero(i.RA), i.DS)


def dq_form(b: Builder, i: Fields) -> Value:
    """(RA|0) + EXTS(DQ || 0b0000)."""
    return b.ea(b.gpr_or_zero(i.RA), i.DQ)


def in_element_order(b: Builder, value: Value, lane: int) -> Value:
    """Between a quadword in storage order of the mode and one whose elements of `lane` bits go from low to high
    addresses: nothing in big-endian mode, elements reversed in little-endian mode.
    """
    if b.mode.little is False:
        return value
    swapped = reversed_elements(b, value, lane)
    return swapped if b.mode.little else b.select(b.ne(b.get("little"), 0), swapped, value)


def load_elements(b: Builder, i: Fields, lane: int) -> None:
    """XT's elements <- successive elements in storage, each in the byte order of the mode."""
    b.require("VSX")
    b.set("vsr", i.XT, in_element_order(b, b.load(128, x_form(b, i)), lane))


def store_elements(b: Builder, i: Fields, lane: int) -> None:
    """Successive elements in storage <- XS's elements."""
    b.require("VSX")
    b.store(128, x_form(b, i), in_element_order(b, b.get("vsr", i.XS), lane))


# --- whole registers ----------------------------------------------------------------------------------

@insn("DQ", "111101 T RA DQ TX 001", "XT,DQ(RA)", since="3.0", ref=REF, static=("TX",))
def lxv(b: Builder, i: Fields) -> None:
    """VSR[XT] <- MEM((RA|0) + EXTS(DQ || 0b0000), 16)."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.load(128, dq_form(b, i)))


@insn("X", "011111 T RA RB 0100/01100 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxvx(b: Builder, i: Fields) -> None:
    """VSR[XT] <- MEM((RA|0) + (RB), 16)."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.load(128, x_form(b, i)))


@insn("DQ", "111101 S RA DQ SX 101", "XS,DQ(RA)", since="3.0", ref=REF, static=("SX",))
def stxv(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + EXTS(DQ || 0b0000), 16) <- VSR[XS]."""
    require_for(b, i.SX, "VSX")
    b.store(128, dq_form(b, i), b.get("vsr", i.XS))


@insn("X", "011111 S RA RB 0110001100 SX", "XS,RA,RB", since="3.0", ref=REF, static=("SX",))
def stxvx(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + (RB), 16) <- VSR[XS]."""
    require_for(b, i.SX, "VSX")
    b.store(128, x_form(b, i), b.get("vsr", i.XS))


@insn("X", "011111 T RA RB 1101001100 TX", "XT,RA,RB", since="2.06", ref=REF)
def lxvd2x(b: Builder, i: Fields) -> None:
    """Two doublewords."""
    load_elements(b, i, 64)


@insn("X", "011111 T RA RB 1100001100 TX", "XT,RA,RB", since="2.06", ref=REF)
def lxvw4x(b: Builder, i: Fields) -> None:
    """Four words."""
    load_elements(b, i, 32)


@insn("X", "011111 T RA RB 1100101100 TX", "XT,RA,RB", since="3.0", ref=REF)
def lxvh8x(b: Builder, i: Fields) -> None:
    """Eight halfwords."""
    load_elements(b, i, 16)


@insn("X", "011111 T RA RB 1101101100 TX", "XT,RA,RB", since="3.0", ref=REF)
def lxvb16x(b: Builder, i: Fields) -> None:
    """Sixteen bytes."""
    load_elements(b, i, 8)


@insn("X", "011111 S RA RB 1111001100 SX", "XS,RA,RB", since="2.06", ref=REF)
def stxvd2x(b: Builder, i: Fields) -> None:
    """Two doublewords."""
    store_elements(b, i, 64)


@insn("X", "011111 S RA RB 1110001100 SX", "XS,RA,RB", since="2.06", ref=REF)
def stxvw4x(b: Builder, i: Fields) -> None:
    """Four words."""
    store_elements(b, i, 32)


@insn("X", "011111 S RA RB 1110101100 SX", "XS,RA,RB", since="3.0", ref=REF)
def stxvh8x(b: Builder, i: Fields) -> None:
    """Eight halfwords."""
    store_elements(b, i, 16)


@insn("X", "011111 S RA RB 1111101100 SX", "XS,RA,RB", since="3.0", ref=REF)
def stxvb16x(b: Builder, i: Fields) -> None:
    """Sixteen bytes."""
    store_elements(b, i, 8)


@insn("X", "011111 T RA RB 0101001100 TX", "XT,RA,RB", since="2.06", ref=REF)
def lxvdsx(b: Builder, i: Fields) -> None:
    """A doubleword, in both elements."""
    b.require("VSX")
    b.set("vsr", i.XT, b.vsplat(64, b.load(64, x_form(b, i))))


@insn("X", "011111 T RA RB 0101101100 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxvwsx(b: Builder, i: Fields) -> None:
    """A word, in all four elements."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.vsplat(32, b.zext(b.load(32, x_form(b, i)))))


# --- scalars -------------------------------------------------------------------------------------------

@insn("X", "011111 T RA RB 1001001100 TX", "XT,RA,RB", since="2.06", ref=REF)
def lxsdx(b: Builder, i: Fields) -> None:
    """A doubleword."""
    b.require("VSX")
    set_scalar(b, i.XT, b.load(64, x_form(b, i)))


@insn("DS", "111001 VRT RA DS 10", "VRT,DS(RA)", since="3.0", ref=REF)
def lxsd(b: Builder, i: Fields) -> None:
    """A doubleword."""
    b.require("VECTOR")
    b.set("vr", i.VRT, b.pack(b.load(64, ds_form(b, i)), 0))


@insn("X", "011111 T RA RB 1000001100 TX", "XT,RA,RB", since="2.07", ref=REF)
def lxsspx(b: Builder, i: Fields) -> None:
    """A single, made double."""
    b.require("VSX")
    set_scalar(b, i.XT, b.double_of_single(b.load(32, x_form(b, i))))


@insn("DS", "111001 VRT RA DS 11", "VRT,DS(RA)", since="3.0", ref=REF)
def lxssp(b: Builder, i: Fields) -> None:
    """A single, made double."""
    b.require("VECTOR")
    b.set("vr", i.VRT, b.pack(b.double_of_single(b.load(32, ds_form(b, i))), 0))


@insn("X", "011111 T RA RB 0001001100 TX", "XT,RA,RB", since="2.07", ref=REF)
def lxsiwax(b: Builder, i: Fields) -> None:
    """A word, sign-extended."""
    b.require("VSX")
    set_scalar(b, i.XT, b.sext(b.load(32, x_form(b, i))))


@insn("X", "011111 T RA RB 0000001100 TX", "XT,RA,RB", since="2.07", ref=REF)
def lxsiwzx(b: Builder, i: Fields) -> None:
    """A word, zero-extended."""
    b.require("VSX")
    set_scalar(b, i.XT, b.zext(b.load(32, x_form(b, i))))


@insn("X", "011111 T RA RB 1100001101 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxsibzx(b: Builder, i: Fields) -> None:
    """A byte, zero-extended."""
    require_for(b, i.TX, "VSX")
    set_scalar(b, i.XT, b.zext(b.load(8, x_form(b, i))))


@insn("X", "011111 T RA RB 1100101101 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxsihzx(b: Builder, i: Fields) -> None:
    """A halfword, zero-extended."""
    require_for(b, i.TX, "VSX")
    set_scalar(b, i.XT, b.zext(b.load(16, x_form(b, i))))


@insn("X", "011111 S RA RB 1011001100 SX", "XS,RA,RB", since="2.06", ref=REF)
def stxsdx(b: Builder, i: Fields) -> None:
    """A doubleword."""
    b.require("VSX")
    b.store(64, x_form(b, i), scalar(b, i.XS))


@insn("DS", "111101 VRS RA DS 10", "VRS,DS(RA)", since="3.0", ref=REF)
def stxsd(b: Builder, i: Fields) -> None:
    """A doubleword."""
    b.require("VECTOR")
    b.store(64, ds_form(b, i), b.hi(b.get("vr", i.VRS)))


@insn("X", "011111 S RA RB 1010001100 SX", "XS,RA,RB", since="2.07", ref=REF)
def stxsspx(b: Builder, i: Fields) -> None:
    """A double, made single."""
    b.require("VSX")
    b.store(32, x_form(b, i), b.single_of_double(scalar(b, i.XS)))


@insn("DS", "111101 VRS RA DS 11", "VRS,DS(RA)", since="3.0", ref=REF)
def stxssp(b: Builder, i: Fields) -> None:
    """A double, made single."""
    b.require("VECTOR")
    b.store(32, ds_form(b, i), b.single_of_double(b.hi(b.get("vr", i.VRS))))


@insn("X", "011111 S RA RB 0010001100 SX", "XS,RA,RB", since="2.07", ref=REF)
def stxsiwx(b: Builder, i: Fields) -> None:
    """Word element 1."""
    b.require("VSX")
    b.store(32, x_form(b, i), scalar(b, i.XS))


@insn("X", "011111 S RA RB 1110001101 SX", "XS,RA,RB", since="3.0", ref=REF, static=("SX",))
def stxsibx(b: Builder, i: Fields) -> None:
    """Byte element 7."""
    require_for(b, i.SX, "VSX")
    b.store(8, x_form(b, i), scalar(b, i.XS))


@insn("X", "011111 S RA RB 1110101101 SX", "XS,RA,RB", since="3.0", ref=REF, static=("SX",))
def stxsihx(b: Builder, i: Fields) -> None:
    """Halfword element 3."""
    require_for(b, i.SX, "VSX")
    b.store(16, x_form(b, i), scalar(b, i.XS))


# --- with a length -------------------------------------------------------------------------------------

def with_length(b: Builder, i: Fields, name: str, register: Value) -> None:
    """Call the native routine (register, EA, bytes): (RB)[0:7] says how many bytes, more than 16 counting as 16."""
    length = b.lshr(b.gpr(i.RB), 56)
    at_most_16 = b.select(b.ult(length, 16), length, 16)
    b.helper(name, register, b.ea(b.gpr_or_zero(i.RA)), at_most_16)


@insn("X", "011111 T RA RB 0100001101 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxvl(b: Builder, i: Fields) -> None:
    """An integer of (RB)[0:7] bytes in the mode's byte order: right-justified in little-endian mode, else left."""
    require_for(b, i.TX, "VSX")
    with_length(b, i, "lxvl", i.XT)


@insn("X", "011111 T RA RB 0100101101 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def lxvll(b: Builder, i: Fields) -> None:
    """Bytes from byte element 0 on, as many as (RB)[0:7] says, the rest zero."""
    require_for(b, i.TX, "VSX")
    with_length(b, i, "lxvll", i.XT)


@insn("X", "011111 S RA RB 0110001101 SX", "XS,RA,RB", since="3.0", ref=REF, static=("SX",))
def stxvl(b: Builder, i: Fields) -> None:
    """The bytes lxvl would load back, as many as (RB)[0:7] says."""
    require_for(b, i.SX, "VSX")
    with_length(b, i, "stxvl", i.XS)


@insn("X", "011111 S RA RB 0110101101 SX", "XS,RA,RB", since="3.0", ref=REF, static=("SX",))
def stxvll(b: Builder, i: Fields) -> None:
    """Bytes from byte element 0 on, as many as (RB)[0:7] says."""
    require_for(b, i.SX, "VSX")
    with_length(b, i, "stxvll", i.XS)
