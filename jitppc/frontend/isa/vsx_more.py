"""VSX instructions of ISA 3.1 on bytes and bfloats, and permute controls from masks. Ref: Book I 7.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import OWN_BYTES, each
from .vmx_masks import signs_of
from .vsx_convert import deliver_each, singles, source
from .vsx_families import controls_of
from .vsx_lanes import of_words, words

REF = "Book I 7.6.3"
#: the numbers 15 to 0 in the bytes from the left
MIRRORED = int.from_bytes(bytes(range(15, -1, -1)), "big")
#: and in nibbles
NIBBLES_UP, NIBBLES_DOWN = 0x0123456789ABCDEF, 0xFEDCBA9876543210


@insn("XX2", "111100 T 10000 B 111011011 BX TX", "XT,XB", since="3.1", ref=REF)
def xvcvbf16spn(b: Builder, i: Fields) -> None:
    """XT's words <- the bfloats in the right halves of XB's words, as singles."""
    b.set("vsr", i.XT, b.vshl(32, source(b, i), each(32, 16)))


@insn("XX2", "111100 T 10001 B 111011011 BX TX", "XT,XB", since="3.1", ref=REF)
def xvcvspbf16(b: Builder, i: Fields) -> None:
    """XT's words <- XB's singles rounded to bfloat, in the right halves; the left halves 0."""
    controls = controls_of(b)
    numbers = singles(b, words(b, source(b, i)))
    results = [b.f_narrow("bfloat", x, controls) for x in numbers]
    deliver_each(b, i, results, lambda found: of_words(b, found))


@insn("XX2", "111100 BF // 00010 B 111011011 BX /", "BF,XB", since="3.1", ref=REF)
def xvtlsbb(b: Builder, i: Fields) -> None:
    """CR field BF <- all bytes' rightmost bits are 1 || 0 || all are 0 || 0."""
    bits = b.and_(source(b, i), each(8, 1))
    all_one = b.select(b.eq(bits, each(8, 1)), b.const(8), b.const(0))
    b.set_crf(i.BF, b.trunc(b.select(b.eq(bits, 0), b.const(2), all_one), 8))


# --- permute controls: what vperm needs to expand or compress elements under a mask
def before(b: Builder, mask: Value, left: bool) -> Value:
    """In each byte, how many bytes of the mask are ones in front of it: at its left, or at its right."""
    total = b.vlshr(8, mask, each(8, 7))
    own = total
    for step in (8, 16, 32, 64):
        total = b.vadd(8, total, b.lshr(total, step) if left else b.shl(total, step))
    return b.vsub(8, total, own)


def expanding(b: Builder, mask: Value, left: bool) -> Value:
    """Bytes under the mask number successive bytes from one end; the others their own bytes of the second operand."""
    own = b.vadd(8, OWN_BYTES if left else MIRRORED, each(8, 16))
    return b.vselect(mask, before(b, mask, left), own)


def compressing(b: Builder, mask: Value, left: bool) -> Value:
    """Successive bytes from one end number the bytes under the mask; zeros behind them."""
    bits = b.vsigns(8, mask)
    nibbles = b.mul(b.pdep(bits, 0x1111111111111111), 15)
    packed = b.pext(b.const(NIBBLES_UP if left else NIBBLES_DOWN), nibbles)
    if left:
        packed = b.shl(packed, b.shl(b.sub(16, b.popcnt(bits)), 2))
    spread = 0x0F0F0F0F0F0F0F0F
    return b.pack(b.pdep(b.lshr(packed, 32), spread), b.pdep(b.and_(packed, 0xFFFFFFFF), spread))


def control_row(letter: str, lane: int, xo: str) -> None:
    """xxgenpcv: IMM tells compress from expand, and the end to count from."""
    @insn("X", f"111100 T 000 IMM:2 VRB {xo} TX", "XT,VRB,IMM", since="3.1", ref=REF, name=f"xxgenpcv{letter}m",
          static=("IMM",))
    def _control(b: Builder, i: Fields) -> None:
        """VSR[XT] <- a permute control for the elements whose leftmost bit in VRB is 1."""
        b.require("VSX")
        mask = signs_of(b, lane, b.get("vr", i.VRB))
        make = compressing if i.IMM & 1 else expanding
        b.set("vsr", i.XT, make(b, mask, left=not i.IMM & 2))


control_row("b", 8, "1110010100")
control_row("h", 16, "1110010101")
control_row("w", 32, "1110110100")
control_row("d", 64, "1110110101")
