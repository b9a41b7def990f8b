"""Stencils: each handler once more, with holes where the cell's values go, to be copied one behind
the other.

A unit is a straight line of instructions from a head cell, made by copying their stencils (runtime/
native/stitch.py). It does what the handlers do without fetching cells and without an indirect jump
for each instruction. `%head` stays the head's cell; `%cell` and `%icount` are those of the
instruction, and only its ways out need them.

Holes are LLVM symbols with known ranges, so that LLVM chooses immediates and displacements as for
constants; the object's relocations say where they ended up. This module makes the text; what
becomes of the objects is in stencil_tables.py.
"""

from __future__ import annotations

from jitppc.ir.block import Block, Value

from .binding import Slots
from .cells import TYPES, arrive, tail
from .lower.effects import METADATA, UNLIKELY
from .tier0 import Handler, HandlerEmitter, emit_body, relative_jump

#: A body whose text is longer gains nothing from a copy of its own.
LONGEST_TEXT = 6000
SECTION = ".text.s."
ARGS = "ptr noalias %cpu, ptr %head, ptr %dtlb, i64 %dmask, i64 %count, i64 %delta"
#: the stencil between units: goes on at the cell behind
GO_ON = "go_on"
SLOT_HOLES = ("S0", "S1", "S2", "S3")
_PROLOGUE = """ %cell = getelementptr i8, ptr %head, i64 ptrtoint (ptr @AT to i64)
 %icount = sub i64 %count, ptrtoint (ptr @DONE to i64)"""
_KINDS = dict.fromkeys((*SLOT_HOLES, "DONE", "AT"), 10) | {"WIDE": 11, "NARROW": 12}
_HOLES = "".join(
    f"@{name} = external global i8, !absolute_symbol !{kind}\n" for name, kind in _KINDS.items()
)
_RANGES = """!10 = !{i64 0, i64 65536}
!11 = !{i64 -1, i64 -1}
!12 = !{i64 -2147483648, i64 2147483648}
"""
_NEXT = "NEXT"


class StencilEmitter(HandlerEmitter):
    """Emits one stencil. Whatever is unusual is left to the tier-0 handler."""

    def __init__(self, slots: Slots, is_narrow: bool) -> None:
        super().__init__(slots, "side_exit", exact=False)
        self._wide_hole = "NARROW" if is_narrow else "WIDE"

    def slot_value(self, number: int, bits: int) -> str:
        return f"ptrtoint (ptr @{SLOT_HOLES[number]} to i{bits})"

    def slot_pointer(self, number: int) -> str:
        at = self.slot_value(number, 64)
        return self.tmp(f"getelementptr i8, ptr %cpu, i64 {at}")

    def wide_value(self, bits: int) -> str:
        return f"ptrtoint (ptr @{self._wide_hole} to i{bits})"

    def next(self) -> None:
        self.line(tail(f"@{_NEXT}", "%head", "%count"))

    def leave_if(self, condition: str) -> None:
        self.leaves = True
        stay = self.fresh("stay")
        self.line(f"br i1 {condition}, label %leave, label %{stay}, {UNLIKELY}")
        self.line(f"{stay}:")

    def text(self, name: str) -> str:
        """The finished function, in a section of its own."""
        if self.leaves:
            self.line("leave:")
            self.line(tail("@side_exit"))
        head = f'preserve_nonecc void @s_{name}({ARGS}) nounwind section "{SECTION}{name}" align 1'
        self.lines.insert(0, _PROLOGUE)
        return self.definition(head)


def stencil_text(handler: Handler, block: Block) -> tuple[str, dict[str, str]]:
    """The stencils of a handler, and what they need declared; empty when they do not pay.

    The block is the handler's, or its twin for a mode that the handler asks the state for.
    """
    if block.size_bytes != 4:            # a unit is made of cells one behind the other
        return "", {}
    relative = relative_jump(block)
    slots = handler.slots.of_twin(block)
    wide = slots.wide
    is_narrow = wide is not None and (
        (relative is not None and wide is relative.args[-1]) or _signed_bits(wide) <= 32)
    text, needs = "", {}
    for form, near in [(handler.name, True), (f"{handler.name}_far", False)][:handler.numbers]:
        e = StencilEmitter(slots, is_narrow)
        emit_body(e, block, near)
        text += e.text(form)
        needs.update(e.declarations)
    fits = len(text) <= LONGEST_TEXT and len(slots) == len(handler.slots)
    return (text, needs) if fits else ("", {})


def _signed_bits(value: Value) -> int:
    """Bits that hold a static value with its sign."""
    constants = [a.constant for a in value.args]
    if value.constant is not None and value.constant < 1 << 31:
        return 32
    if value.op.name == "field":
        return int(value.attr[1]) + 1
    if value.op.name == "ashr" and constants[1] is not None:
        return value.type.bits - constants[1]
    if value.op.name == "shl" and constants[1] is not None:
        return _signed_bits(value.args[0]) + constants[1]
    return value.type.bits


def stencil_module(text: str, needs: dict[str, str], declarations: str) -> str:
    """A module of stencils."""
    own = f"declare preserve_nonecc void @{_NEXT}({TYPES})\n"
    own += f"declare preserve_nonecc void @side_exit({TYPES})\n"
    return "".join(
        [declarations, own, _HOLES, "\n".join(needs.values()), "\n", text, METADATA, _RANGES])


def go_on_text() -> str:
    """The stencil at the end of a unit that does not end in a jump."""
    e = StencilEmitter(Slots(), is_narrow=False)
    arrive(e, "%cell", "%icount", "%delta")
    return e.text(GO_ON)
