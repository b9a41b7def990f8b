"""The vocabulary of the vector facility: registers, lanes, saturation and CR6, and rows made from tables.

Families whose members differ in their lanes alone are tables of (mnemonic, XO as the book prints it, lane width).
Ref: Book I 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

Meaning = Callable[..., Value]
Family = Iterable[tuple[str, int, int]]

#: 0, 1, ... 15 in the bytes: the numbers of a vector's own bytes
OWN_BYTES = int.from_bytes(bytes(range(16)), "big")


def each(lane: int, element: int) -> int:
    """A vector constant of equal elements."""
    return int.from_bytes((element & (1 << lane) - 1).to_bytes(lane // 8, "big") * (128 // lane), "big")


# --- registers
def read(b: Builder, *numbers: Value) -> list[Value]:
    """The contents of vector registers, if the vector facility is available."""
    b.require("VECTOR")
    return [b.get("vr", number) for number in numbers]


def write(b: Builder, i: Fields, result: Value) -> None:
    """VR[VRT] <- result."""
    b.set("vr", i.VRT, result)


def set_saturated(b: Builder, saturated: Value) -> None:
    """VSCR[SAT], which is sticky, from an i1."""
    b.set("vscr", b.or_(b.get("vscr"), b.zext(saturated)))


def record_cr6(b: Builder, result: Value) -> None:
    """CR6 from a comparison's masks: LT when all lanes are true, EQ when none is."""
    none = b.select(b.eq(result, 0), b.const(2, b.get("so").type), 0)
    b.set_crf(6, b.select(b.eq(result, -1), 8, none))


# --- pairs of lanes: element 0 of a pair is the even one, at the left of the lane of twice the width
def even_unsigned(b: Builder, lane: int, x: Value) -> Value:
    """Each even element, zero-extended to the pair's width."""
    return b.vlshr(2 * lane, x, each(2 * lane, lane))


def odd_unsigned(b: Builder, lane: int, x: Value) -> Value:
    """Each odd element, zero-extended."""
    return b.and_(x, each(2 * lane, (1 << lane) - 1))


def even_signed(b: Builder, lane: int, x: Value) -> Value:
    """Each even element, sign-extended."""
    return b.vashr(2 * lane, x, each(2 * lane, lane))


def odd_signed(b: Builder, lane: int, x: Value) -> Value:
    """Each odd element, sign-extended."""
    return b.vashr(2 * lane, b.vshl(2 * lane, x, each(2 * lane, lane)), each(2 * lane, lane))


# --- bytes
def bytes_of(lane: int, elements: Iterable[int]) -> tuple[int, ...]:
    """The numbers of the bytes that make up the numbered elements: an attribute of `vshuffle`."""
    size = lane // 8
    return tuple(element * size + k for element in elements for k in range(size))


def numbers_from(b: Builder, first: Value) -> Value:
    """Sixteen byte numbers, counting up from a doubleword's low byte: an operand of `vperm`."""
    return b.vadd(8, b.vsplat(8, first), OWN_BYTES)


def splat_low_byte(b: Builder, x: Value) -> Value:
    """Byte 15 in every byte."""
    return b.vshuffle((15,) * 16, x, x)


def zero(b: Builder) -> Value:
    """A vector of zeros."""
    return b.const(0, I128)


# --- rows from tables
def _register(form: str, picture: str, asm: str, says: str, body: Callable[[Builder, Fields], None],
              name: str, since: str, ref: str) -> None:
    body.__doc__ = says
    insn(form, picture, asm, since=since, ref=ref, name=name)(body)


def binary(says: str, family: Family, meaning: Meaning, *, since: str = "2.03", ref: str) -> None:
    """VX rows: VRT <- meaning(b, lane, (VRA), (VRB))."""
    for name, xo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            vra, vrb = read(b, i.VRA, i.VRB)
            write(b, i, meaning(b, lane, vra, vrb))
        _register("VX", f"000100 VRT VRA VRB {xo:011b}", "VRT,VRA,VRB", says, body, name, since, ref)


def saturating(says: str, family: Family, meaning: Meaning, *, since: str = "2.03", ref: str) -> None:
    """VX rows: VRT, VSCR[SAT] <- meaning(b, lane, (VRA), (VRB)), a vector and an i1."""
    for name, xo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            vra, vrb = read(b, i.VRA, i.VRB)
            result, saturated = meaning(b, lane, vra, vrb)
            set_saturated(b, saturated)
            write(b, i, result)
        _register("VX", f"000100 VRT VRA VRB {xo:011b}", "VRT,VRA,VRB", says, body, name, since, ref)


def unary(says: str, family: Family, meaning: Meaning, *, since: str = "2.03", ref: str) -> None:
    """VX rows with VRB alone: VRT <- meaning(b, lane, (VRB))."""
    for name, xo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            [vrb] = read(b, i.VRB)
            write(b, i, meaning(b, lane, vrb))
        _register("VX", f"000100 VRT ///// VRB {xo:011b}", "VRT,VRB", says, body, name, since, ref)


def extended(says: str, family: Family, meaning: Meaning, *, since: str = "3.0", ref: str) -> None:
    """Rows of XO 1538, told apart by the field after VRT (EO): VRT <- meaning(b, lane, (VRB))."""
    for name, eo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            [vrb] = read(b, i.VRB)
            write(b, i, meaning(b, lane, vrb))
        _register("VX", f"000100 VRT {eo:05b} VRB 11000000010", "VRT,VRB", says, body, name, since, ref)


def ternary(says: str, family: Family, meaning: Meaning, *, since: str = "2.03", ref: str) -> None:
    """VA rows: VRT <- meaning(b, lane, (VRA), (VRB), (VRC))."""
    for name, xo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
            write(b, i, meaning(b, lane, vra, vrb, vrc))
        _register("VA", f"000100 VRT VRA VRB VRC {xo:06b}", "VRT,VRA,VRB,VRC", says, body, name, since, ref)


def comparison(says: str, family: Family, meaning: Meaning, *, since: str = "2.03", ref: str) -> None:
    """VC rows: VRT <- masks meaning(b, lane, (VRA), (VRB)), with Rc CR6."""
    for name, xo, lane in family:
        def body(b: Builder, i: Fields, lane: int = lane) -> None:
            vra, vrb = read(b, i.VRA, i.VRB)
            result = meaning(b, lane, vra, vrb)
            write(b, i, result)
            if i.Rc:
                record_cr6(b, result)
        _register("VC", f"000100 VRT VRA VRB Rc {xo:010b}", "VRT,VRA,VRB", says, body, name, since, ref)


