"""Predecoders: from the block of a row with symbolic fields to the function that fills a cell."""

from __future__ import annotations

from jitppc.ir.block import Block, Value
from jitppc.ir.layout import CELL_BYTES, PAIR

from .binding import DoesNotFit, Slots, field_of_word
from .cells import HANDLER_AT, IMM_AT, SLOT_AT, WORD_AT
from .lower.emitter import LOWER, Emitter


class Predecoder(Emitter):
    """Emits the computation of static values from the word."""

    def lower(self, value: Value) -> None:
        if value.op.name == "field" and value.attr[0] == PAIR:
            self.names[value] = self.tmp("call i64 @rt_pair(ptr %cell, i64 %index)")
        elif value.op.name == "field":
            self.names[value] = field_of_word(self, value, "%word")
        else:
            result = LOWER[value.op.name](self, value)
            assert result is not None
            self.names[value] = result


def predecoder(
    name: str, block: Block, slots: Slots, relative: Value | None
) -> Predecoder:
    """The function `p_<name>(cell, word, index, number)`; a prefixed word is prefix << 32 | suffix.

    `index` is the word's number in its page, which branches need; `number` is the handler's. The
    text does not hold the number, so that it stays the same when other rows come and go.
    """
    e = Predecoder()
    for value in block.values:
        if value.is_static and value.constant is None:
            e.lower(value)
    for position, (value, register) in enumerate(slots.small):
        text, bits = e.of(value), value.type.bits
        if register is not None:
            scaled = e.tmp(f"mul i64 {text}, {register.stride}")
            text, bits = e.tmp(f"add i64 {scaled}, {register.offset}"), 64
        if bits != 16:
            text = e.tmp(f"{'trunc' if bits > 16 else 'zext'} i{bits} {text} to i16")
        pointer = e.tmp(f"getelementptr i8, ptr %cell, i64 {SLOT_AT + 2 * position}")
        e.line(f"store i16 {text}, ptr {pointer}")
    entry, handler = f"@{name}", "%number"
    if slots.wide is not None:
        wide = e.of(slots.wide)
        if slots.wide.type.bits < 64:
            wide = e.tmp(f"zext {slots.wide.type} {wide} to i64")
        if relative is not None and slots.wide is relative.args[-1]:
            wide, entry, handler = _near_or_far(e, name, wide)
        e.line(f"store i64 {wide}, ptr {e.tmp(f'getelementptr i8, ptr %cell, i64 {IMM_AT}')}")
    elif relative is not None:
        raise DoesNotFit("a relative displacement must be the wide slot")
    e.line(f"store i16 {handler}, ptr {e.tmp(f'getelementptr i8, ptr %cell, i64 {HANDLER_AT}')}")
    if block.size_bytes == 8:           # the next cell keeps the suffix
        suffix = e.tmp("trunc i64 %word to i32")
        behind = e.tmp(f"getelementptr i8, ptr %cell, i64 {CELL_BYTES + WORD_AT}")
        e.line(f"store i32 {suffix}, ptr {behind}")
        own = e.tmp(f"trunc i64 {e.tmp('lshr i64 %word, 32')} to i32")
    else:
        own = e.tmp("trunc i64 %word to i32")
    e.line(f"store i32 {own}, ptr {e.tmp(f'getelementptr i8, ptr %cell, i64 {WORD_AT}')}")
    e.line(f"store ptr {entry}, ptr %cell")
    e.line("ret void")
    return e


def _near_or_far(e: Emitter, name: str, displacement: str) -> tuple[str, str, str]:
    """Choose the near form when the target is in the same page; its slot counts bytes of cells."""
    here = e.tmp("shl i64 %index, 2")
    target = e.tmp(f"add i64 {here}, {displacement}")
    near = e.tmp(f"icmp ult i64 {target}, 4096")
    cells = e.tmp(f"mul i64 {displacement}, {CELL_BYTES // 4}")
    wide = e.tmp(f"select i1 {near}, i64 {cells}, i64 {displacement}")
    entry = e.tmp(f"select i1 {near}, ptr @{name}, ptr @{name}_far")
    far = e.tmp("add i16 %number, 1")
    handler = e.tmp(f"select i1 {near}, i16 %number, i16 {far}")
    return wide, entry, handler
