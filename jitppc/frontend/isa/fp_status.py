"""Floating-Point Status and Control Register instructions. Ref: Book I 4.6.10."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import FPSCR

from .fp_registers import flag, record_cr1, set_fpr, set_fpscr, summarized

REF = "Book I 4.6.10"
#: what the light forms of mffs read
CONTROLS = FPSCR.DRN | FPSCR.CONTROLS
#: the exceptions that mcrfs clears and mtfsb1 counts
STICKY = FPSCR.FX | FPSCR.EXCEPTIONS


def replace(b: Builder, fpscr: Value, wanted: Value, mask: Value | int) -> Value:
    """The FPSCR with the bits of the mask taken from `wanted`, and its summaries."""
    return summarized(b, b.xor(fpscr, b.and_(b.xor(fpscr, wanted), mask)))


def finish(b: Builder, i: Fields, fpscr: Value) -> None:
    """Write CR1, with Rc, and the FPSCR."""
    if i.Rc:
        record_cr1(b, fpscr)
    set_fpscr(b, fpscr)


@insn("X", "111111 FRT 00000 ///// 1001000111 Rc", "FRT", ref=REF)
def mffs(b: Builder, i: Fields) -> None:
    """FRT <- FPSCR."""
    b.require("FP")
    fpscr = b.get("fpscr")
    set_fpr(b, i.FRT, fpscr)
    if i.Rc:
        record_cr1(b, fpscr)


@insn("X", "111111 FRT 00001 ///// 1001000111 /", "FRT", since="3.0", ref=REF)
def mffsce(b: Builder, i: Fields) -> None:
    """FRT <- FPSCR; VE OE UE ZE XE <- 0."""
    b.require("FP")
    fpscr = b.get("fpscr")
    set_fpr(b, i.FRT, fpscr)
    b.set("fpscr", b.and_(fpscr, ~(FPSCR.ENABLES | FPSCR.FEX)))


def read_controls(b: Builder, i: Fields, wanted: Value, mask: int) -> None:
    """FRT <- the control bits; those of the mask <- `wanted`."""
    fpscr = b.get("fpscr")
    set_fpr(b, i.FRT, b.and_(fpscr, CONTROLS))
    b.set("fpscr", b.or_(b.and_(fpscr, ~mask), b.and_(wanted, mask)))


@insn("X", "111111 FRT 10100 FRB 1001000111 /", "FRT,FRB", since="3.0", ref=REF)
def mffscdrn(b: Builder, i: Fields) -> None:
    """FRT <- control bits of the FPSCR; DRN <- (FRB)[29:31]."""
    b.require("FP")
    read_controls(b, i, b.get("fpr", i.FRB), FPSCR.DRN)


@insn("X", "111111 FRT 10101 // DRM 1001000111 /", "FRT,DRM", since="3.0", ref=REF)
def mffscdrni(b: Builder, i: Fields) -> None:
    """FRT <- control bits of the FPSCR; DRN <- DRM."""
    b.require("FP")
    read_controls(b, i, b.shl(i.DRM, 32), FPSCR.DRN)


@insn("X", "111111 FRT 10110 FRB 1001000111 /", "FRT,FRB", since="3.0", ref=REF)
def mffscrn(b: Builder, i: Fields) -> None:
    """FRT <- control bits of the FPSCR; RN <- (FRB)[62:63]."""
    b.require("FP")
    read_controls(b, i, b.get("fpr", i.FRB), FPSCR.RN)


@insn("X", "111111 FRT 10111 /// RM 1001000111 /", "FRT,RM", since="3.0", ref=REF)
def mffscrni(b: Builder, i: Fields) -> None:
    """FRT <- control bits of the FPSCR; RN <- RM."""
    b.require("FP")
    read_controls(b, i, i.RM, FPSCR.RN)


@insn("X", "111111 FRT 11000 ///// 1001000111 /", "FRT", since="3.0", ref=REF)
def mffsl(b: Builder, i: Fields) -> None:
    """FRT <- control bits and non-sticky status bits of the FPSCR."""
    b.require("FP")
    set_fpr(b, i.FRT, b.and_(b.get("fpscr"), CONTROLS | FPSCR.FR | FPSCR.FI | FPSCR.FPRF))


@insn("X", "111111 BF // BFA // ///// 0001000000 /", "BF,BFA", ref=REF)
def mcrfs(b: Builder, i: Fields) -> None:
    """CR field BF <- FPSCR field BFA; the exception bits copied <- 0."""
    b.require("FP")
    fpscr = b.get("fpscr")
    right = b.sub(28, b.shl(i.BFA, 2))
    b.set_crf(i.BF, b.trunc(b.and_(b.lshr(fpscr, right), 15), 8))
    kept = b.not_(b.and_(b.shl(b.const(15), right), STICKY))
    b.set("fpscr", summarized(b, b.and_(fpscr, kept)))


@insn("X", "111111 BF // //// W U / 0010000110 Rc", "BF,U,W", ref=REF)
def mtfsfi(b: Builder, i: Fields) -> None:
    """FPSCR field BF + 8 * (1 - W) <- U; VX and FEX follow from the rest."""
    b.require("FP")
    from_right = b.add(b.sub(28, b.shl(i.BF, 2)), b.shl(i.W, 5))
    zero = b.get("zero")        # keeps mask and value out of the cell, which has room for one wide number
    mask, value = b.shl(b.or_(zero, 15), from_right), b.shl(b.or_(zero, i.U), from_right)
    finish(b, i, replace(b, b.get("fpscr"), value, mask))


def spread(b: Builder, flm: Value) -> Value:
    """Each of eight bits, four times."""
    x = b.and_(b.or_(flm, b.shl(flm, 12)), 0x000F000F)
    x = b.and_(b.or_(x, b.shl(x, 6)), 0x03030303)
    x = b.and_(b.or_(x, b.shl(x, 3)), 0x11111111)
    return b.mul(x, 15)


@insn("XFL", "111111 L FLM W FRB 1011000111 Rc", "FLM,FRB,L,W", ref=REF)
def mtfsf(b: Builder, i: Fields) -> None:
    """FPSCR <- (FRB), in the fields of the half W that FLM selects, or with L in all; VX and FEX follow."""
    b.require("FP")
    some = b.shl(spread(b, i.FLM), b.shl(i.W, 5))
    mask = b.select(b.ne(i.L, 0), b.const(-1), some)
    finish(b, i, replace(b, b.get("fpscr"), b.get("fpr", i.FRB), mask))


@insn("X", "111111 BT ///// ///// 0001000110 Rc", "BT", ref=REF)
def mtfsb0(b: Builder, i: Fields) -> None:
    """FPSCR[BT + 32] <- 0."""
    b.require("FP")
    finish(b, i, summarized(b, b.and_(b.get("fpscr"), b.not_(b.lshr(b.const(1 << 31), i.BT)))))


@insn("X", "111111 BT ///// ///// 0000100110 Rc", "BT", ref=REF)
def mtfsb1(b: Builder, i: Fields) -> None:
    """FPSCR[BT + 32] <- 1; FX too, if that is an exception bit that was 0."""
    b.require("FP")
    fpscr, bit = b.get("fpscr"), b.lshr(b.const(1 << 31), i.BT)
    fresh = b.ne(b.and_(b.and_(bit, b.not_(fpscr)), FPSCR.EXCEPTIONS), 0)
    finish(b, i, summarized(b, b.or_(b.or_(fpscr, bit), flag(b, fresh, FPSCR.FX))))
