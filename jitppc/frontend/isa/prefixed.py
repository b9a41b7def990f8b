"""Prefixed fixed-point and floating-point instructions of ISA 3.1: 34-bit displacements, relative to CIA with R = 1.

A row's picture is prefix and suffix. R and RA both not 0 is an invalid form. The cell of the suffix is passed over.
Ref: Book I 1.6.3, 3.3, 4.6.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1

from .fp_registers import require_for, set_fpr
from .prefix import prefixed
from .vsx_pairs import load_pair, store_pair

REF = "Book I 3.3"
#: prefixes: modified load/store, eight-byte load/store
MLS, ELS = "000001 10 0 // R:1 // si0", "000001 00 0 // R:1 // si0"
SI1 = "si1:16"


def is_valid(word: int) -> bool:
    """RA is 0 when R is 1."""
    return not word >> 52 & 1 or not word >> 16 & 31


def address(b: Builder, i: Fields) -> Value:
    """EA <- (RA|0) + d, or CIA + d."""
    if i.R:
        b.invalid_form_if(b.ne(i.RA, 0))
        return b.ea(b.cia(), i.SI34)
    return b.ea(b.gpr_or_zero(i.RA), i.SI34)


Body = Callable[[Builder, Fields], None]


def row(name: str, picture: str, asm: str, body: Body, *, static: tuple[str, ...] = (), ref: str = REF) -> None:
    """Register a row; R makes forms of its own."""
    prefixed("8LS:D" if picture.startswith(ELS) else "MLS:D", picture, asm, ref=ref, name=name,
             static=("R", *static), accept=is_valid)(body)


@prefixed("MLS:D", f"{MLS} 001110 RT RA {SI1}", "RT,RA,SI34,R", ref="Book I 3.3.9", static=("R",),
      accept=is_valid)
def paddi(b: Builder, i: Fields) -> None:
    """RT <- (RA|0) + EXTS(si), or CIA + EXTS(si)."""
    if i.R:
        b.invalid_form_if(b.ne(i.RA, 0))
        b.set_gpr(i.RT, b.add(b.cia(), i.SI34))
    else:
        b.set_gpr(i.RT, b.add(b.gpr_or_zero(i.RA), i.SI34))


# --- fixed-point loads and stores
def load(name: str, prefix: str, opcode: str, bits: int, *, algebraic: bool = False) -> None:
    """RT <- MEM(EA), extended."""
    def body(b: Builder, i: Fields) -> None:
        value = b.load(bits, address(b, i))
        b.set_gpr(i.RT, b.sext(value) if algebraic else b.zext(value))

    body.__doc__ = f"RT <- {'EXTS' if algebraic else ''}(MEM(EA, {bits // 8})), EA = (RA|0) or CIA, + EXTS(d0 || d1)."
    row(name, f"{prefix} {opcode} RT RA {SI1}", "RT,SI34(RA),R", body)


def store(name: str, prefix: str, opcode: str, bits: int) -> None:
    """MEM(EA) <- (RS)."""
    def body(b: Builder, i: Fields) -> None:
        b.store(bits, address(b, i), b.gpr(i.RS))

    body.__doc__ = f"MEM(EA, {bits // 8}) <- (RS), EA = (RA|0) or CIA, + EXTS(d0 || d1)."
    row(name, f"{prefix} {opcode} RS RA {SI1}", "RS,SI34(RA),R", body)


load("plbz", MLS, "100010", 8)
load("plhz", MLS, "101000", 16)
load("plha", MLS, "101010", 16, algebraic=True)
load("plwz", MLS, "100000", 32)
load("plwa", ELS, "101001", 32, algebraic=True)
load("pld", ELS, "111001", 64)
store("pstb", MLS, "100110", 8)
store("psth", MLS, "101100", 16)
store("pstw", MLS, "100100", 32)
store("pstd", ELS, "111101", 64)


def in_register_order(b: Builder, low: Value, high: Value) -> tuple[Value, Value]:
    """The doublewords at the lower and the higher address, of the halves of a quadword; both ways."""
    if b.mode.little is not None:
        return (low, high) if b.mode.little else (high, low)
    little = b.ne(b.get("little"), 0)
    return b.select(little, low, high), b.select(little, high, low)


@prefixed("8LS:D", f"{ELS} 111000 RTp RA {SI1}", "RTp,SI34(RA),R", ref="Book I 3.3.4", static=("R",),
      accept=lambda word: is_valid(word) and not word >> 21 & 1 and word >> 21 & 31 != word >> 16 & 31)
def plq(b: Builder, i: Fields) -> None:
    """RTp || RTp+1 <- MEM(EA, 16): unlike lq, RTp gets the doubleword at the lower address in both byte orders."""
    b.invalid_form_if(b.ne(b.and_(i.RTp, 1), 0))
    value = b.load(128, address(b, i))
    first, second = in_register_order(b, b.lo(value), b.hi(value))
    b.set_gpr(i.RTp, first)
    b.set_gpr(b.or_(i.RTp, 1), second)


@prefixed("8LS:D", f"{ELS} 111100 RSp RA {SI1}", "RSp,SI34(RA),R", ref="Book I 3.3.4", static=("R",),
      accept=lambda word: is_valid(word) and not word >> 21 & 1)
def pstq(b: Builder, i: Fields) -> None:
    """MEM(EA, 16) <- RSp || RSp+1, RSp at the lower address in both byte orders."""
    b.invalid_form_if(b.ne(b.and_(i.RSp, 1), 0))
    low, high = in_register_order(b, b.gpr(i.RSp), b.gpr(b.or_(i.RSp, 1)))
    b.store(128, address(b, i), b.pack(high, low))


# --- floating point
def load_float(name: str, opcode: str, bits: int) -> None:
    """FRT <- MEM(EA), made double."""
    def body(b: Builder, i: Fields) -> None:
        b.require("FP")
        loaded = b.load(bits, address(b, i))
        set_fpr(b, i.FRT, loaded if bits == 64 else b.double_of_single(loaded))

    body.__doc__ = f"FRT <- MEM(EA, {bits // 8}), as double."
    row(name, f"{MLS} {opcode} FRT RA {SI1}", "FRT,SI34(RA),R", body, ref="Book I 4.6.2")


def store_float(name: str, opcode: str, bits: int) -> None:
    """MEM(EA) <- (FRS), made single when it is one."""
    def body(b: Builder, i: Fields) -> None:
        b.require("FP")
        value = b.get("fpr", i.FRS)
        b.store(bits, address(b, i), value if bits == 64 else b.single_of_double(value))

    body.__doc__ = f"MEM(EA, {bits // 8}) <- (FRS)."
    row(name, f"{MLS} {opcode} FRS RA {SI1}", "FRS,SI34(RA),R", body, ref="Book I 4.6.3")


load_float("plfs", "110000", 32)
load_float("plfd", "110010", 64)
store_float("pstfs", "110100", 32)
store_float("pstfd", "110110", 64)


# --- VSX
def load_scalar(name: str, opcode: str, bits: int) -> None:
    """VRT.dword[0] <- MEM(EA), made double; the rest 0."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VECTOR")
        loaded = b.load(bits, address(b, i))
        b.set("vr", i.VRT, b.pack(loaded if bits == 64 else b.double_of_single(loaded), 0))

    body.__doc__ = f"VRT.dword[0] <- MEM(EA, {bits // 8}), as double."
    row(name, f"{ELS} {opcode} VRT RA {SI1}", "VRT,SI34(RA),R", body, ref="Book I 7.6.3")


def store_scalar(name: str, opcode: str, bits: int) -> None:
    """MEM(EA) <- VRS.dword[0], made single when it is one."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VECTOR")
        value = b.hi(b.get("vr", i.VRS))
        b.store(bits, address(b, i), value if bits == 64 else b.single_of_double(value))

    body.__doc__ = f"MEM(EA, {bits // 8}) <- VRS.dword[0]."
    row(name, f"{ELS} {opcode} VRS RA {SI1}", "VRS,SI34(RA),R", body, ref="Book I 7.6.3")


load_scalar("plxsd", "101010", 64)
load_scalar("plxssp", "101011", 32)
store_scalar("pstxsd", "101110", 64)
store_scalar("pstxssp", "101111", 32)


@prefixed("8LS:D", f"{ELS} 11001 TX T RA {SI1}", "XT,SI34(RA),R", ref="Book I 7.6.3", static=("R", "TX"),
      accept=is_valid)
def plxv(b: Builder, i: Fields) -> None:
    """VSR[XT] <- MEM(EA, 16)."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.load(128, address(b, i)))


@prefixed("8LS:D", f"{ELS} 11011 SX S RA {SI1}", "XS,SI34(RA),R", ref="Book I 7.6.3", static=("R", "SX"),
      accept=is_valid)
def pstxv(b: Builder, i: Fields) -> None:
    """MEM(EA, 16) <- VSR[XS]."""
    require_for(b, i.SX, "VSX")
    b.store(128, address(b, i), b.get("vsr", i.XS))


@prefixed("8LS:D", f"{ELS} 111010 Tp TX RA {SI1}", "XTp,SI34(RA),R", ref="Book I 7.6.3", static=("R",),
      accept=is_valid)
def plxvp(b: Builder, i: Fields) -> None:
    """VSR[XTp] and VSR[XTp+1] <- MEM(EA, 32)."""
    b.require("VSX")
    load_pair(b, i.XTp, address(b, i))


@prefixed("8LS:D", f"{ELS} 111110 Sp SX RA {SI1}", "XSp,SI34(RA),R", ref="Book I 7.6.3", static=("R",),
      accept=is_valid)
def pstxvp(b: Builder, i: Fields) -> None:
    """MEM(EA, 32) <- VSR[XSp] and VSR[XSp+1]."""
    b.require("VSX")
    store_pair(b, i.XSp, address(b, i))


# --- nothing
#: suffixes that no pnop may have, as (mask, value): branches, system linkage, stop, mtmsr and mtmsrd with L = 0
EXCLUDED = (
    *((0xFC000000, opcode << 26) for opcode in (16, 17, 18)),
    *((0xFC0007FE, 19 << 26 | extended << 1) for extended in (16, 528, 560, 146, 82, 18, 274, 306, 370)),
    *((0xFC0107FE, 31 << 26 | extended << 1) for extended in (146, 178)),
    (0xFC0007FE, 256 << 1),
)


def may_follow(word: int) -> bool:
    """The suffix is none of those excluded."""
    return all(word & mask != value for mask, value in EXCLUDED)


@prefixed("MRR:*", "000001 11 0000 // 000000000000000000 suffix:32", "", ref="Book I 3.3.19",
      accept=may_follow)
def pnop(b: Builder, i: Fields) -> None:
    """Nothing, whatever the suffix is, but for those that are excluded."""
    excluded = b.const(0, I1)
    for mask, value in EXCLUDED:
        excluded = b.or_(excluded, b.eq(b.and_(i.suffix, mask), value))
    b.invalid_form_if(excluded)
