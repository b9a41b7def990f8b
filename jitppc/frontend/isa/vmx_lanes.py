"""The vocabulary of the vector facility: registers, lanes, saturation and CR6, and rows made from tables.

Families whose members differ in their lanes alone are tables, with opcodes as the book prints them.
Ref: Book I 6.2, 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I8, I128

#: mnemonic, XO, lane width, and the ISA level where it is not the family's
Members = Iterable[tuple[str, int, int] | tuple[str, int, int, str]]

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
    none = b.select(b.eq(result, 0), b.const(2, I8), 0)
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
Body = Callable[[Builder, Fields], None]


class Family:
    """Where rows come from: form, picture (with {} for the opcode's last field) and printed operands."""

    def __init__(self, form: str, picture: str, asm: str, body_of: Callable[[int, Callable[..., Any]], Body]) -> None:
        self.form, self.picture, self.asm, self.body_of = form, picture, asm, body_of

    def __call__(self, says: str, members: Members, meaning: Callable[..., Any], *, since: str = "2.03",
                 ref: str) -> None:
        """Register the rows of all members, with the meaning as said below for each family."""
        for name, opcode, lane, *newer in members:
            body = self.body_of(lane, meaning)
            body.__doc__ = says
            insn(self.form, self.picture.format(opcode), self.asm, since=newer[0] if newer else since, ref=ref,
                 name=name)(body)


def _binary(lane: int, meaning: Callable[..., Value]) -> Body:
    def body(b: Builder, i: Fields) -> None:
        vra, vrb = read(b, i.VRA, i.VRB)
        write(b, i, meaning(b, lane, vra, vrb))
    return body


def _saturating(lane: int, meaning: Callable[..., tuple[Value, Value]]) -> Body:
    def body(b: Builder, i: Fields) -> None:
        vra, vrb = read(b, i.VRA, i.VRB)
        result, saturated = meaning(b, lane, vra, vrb)
        set_saturated(b, saturated)
        write(b, i, result)
    return body


def _unary(lane: int, meaning: Callable[..., Value]) -> Body:
    def body(b: Builder, i: Fields) -> None:
        [vrb] = read(b, i.VRB)
        write(b, i, meaning(b, lane, vrb))
    return body


def _ternary(lane: int, meaning: Callable[..., Value]) -> Body:
    def body(b: Builder, i: Fields) -> None:
        vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
        write(b, i, meaning(b, lane, vra, vrb, vrc))
    return body


def _comparison(lane: int, meaning: Callable[..., Value]) -> Body:
    def body(b: Builder, i: Fields) -> None:
        vra, vrb = read(b, i.VRA, i.VRB)
        result = meaning(b, lane, vra, vrb)
        write(b, i, result)
        if i.Rc:
            record_cr6(b, result)
    return body


#: VRT <- meaning(b, lane, (VRA), (VRB))
binary = Family("VX", "000100 VRT VRA VRB {:011b}", "VRT,VRA,VRB", _binary)
#: VRT, VSCR[SAT] <- meaning(b, lane, (VRA), (VRB)), a vector and an i1
saturating = Family("VX", "000100 VRT VRA VRB {:011b}", "VRT,VRA,VRB", _saturating)
#: VRT <- meaning(b, lane, (VRB))
unary = Family("VX", "000100 VRT ///// VRB {:011b}", "VRT,VRB", _unary)
#: the same for XO 1538; its rows are told apart by the field after VRT
extended = Family("VX", "000100 VRT {:05b} VRB 11000000010", "VRT,VRB", _unary)
#: VRT <- meaning(b, lane, (VRA), (VRB), (VRC))
ternary = Family("VA", "000100 VRT VRA VRB VRC {:06b}", "VRT,VRA,VRB,VRC", _ternary)
#: VRT <- masks meaning(b, lane, (VRA), (VRB)), with Rc CR6
comparison = Family("VC", "000100 VRT VRA VRB Rc {:010b}", "VRT,VRA,VRB", _comparison)
