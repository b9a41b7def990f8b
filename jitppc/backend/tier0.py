"""Tier 0: from the block of a row with symbolic fields to its handler, as LLVM text.

Static values (see binding.py) come from the cell; the rest of the block is the handler's work.
Each row variant has a fast handler and, where it can leave, a cold one that does the same with
calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jitppc.ir.block import Block, Value
from jitppc.ir.layout import (
    CELL_BYTES,
    INTERRUPT_NUMBER,
    MODEL_NAMES,
    SRR1_PREFIXED,
    Register,
    offset,
)
from jitppc.ir.ops import Effect

from .binding import DoesNotFit, Slots, field_of_word, upper_bound
from .cells import ARGS, IMM_AT, SLOT_AT, WORD_AT, arrive, probe_code, tail
from .lower import floating_settle
from .lower.effects import EFFECTS, UNLIKELY, EffectEmitter
from .lower.emitter import LOWER
from .predecoder import predecoder

#: a handler of every processor model
ALL_MODELS = (1 << len(MODEL_NAMES)) - 1


class HandlerEmitter(EffectEmitter):
    """Emits one handler. `cold` names the handler to leave to; None while emitting that one."""

    def __init__(
        self, slots: Slots, cold: str | None, exact: bool, size_bytes: int = 4
    ) -> None:
        super().__init__()
        self._size_bytes = size_bytes
        self.slots, self.cold, self.exact = slots, cold, exact
        self.leaves = False
        #: the text of static values, and of pointers to registers: keys are (index, register)
        self._slot_values: dict[Any, str] = {}

    def of(self, value: Value) -> str:
        if value.constant is not None or not value.is_static:
            return super().of(value)
        if value in self._slot_values:
            return self._slot_values[value]
        if not self.slots.has_room(value, None, upper_bound(value) < 1 << 16):
            result = self._from_word(value)
        elif upper_bound(value) < 1 << 16:
            result = self.slot_value(self.slots.small_slot(value, None), value.type.bits)
        else:
            self.slots.wide_slot(value)
            result = self.wide_value(value.type.bits)
        self._slot_values[value] = result
        return result

    def _from_word(self, value: Value) -> str:
        """Compute a static value that found no slot here and now, from the word."""
        if value.constant is not None:
            return str(value.constant)
        if value.op.name == "field":
            return field_of_word(self, value, self._word())
        held = {a: self._from_word(a) for a in value.args}
        saved, self._slot_values = self._slot_values, dict(held)
        try:
            result = LOWER[value.op.name](self, value)
        finally:
            self._slot_values = saved
        assert result is not None
        return result

    def slot_value(self, number: int, bits: int) -> str:
        """A small static value, as an integer of so many bits."""
        raw = self._load_slot(number)
        resize = "trunc" if bits < 16 else "zext"
        return raw if bits == 16 else self.tmp(f"{resize} i16 {raw} to i{bits}")

    def slot_pointer(self, number: int) -> str:
        """The register that a slot names."""
        at = self.tmp(f"zext i16 {self._load_slot(number)} to i64")
        return self.tmp(f"getelementptr i8, ptr %cpu, i64 {at}")

    def wide_value(self, bits: int) -> str:
        """The wide static value, as an integer of so many bits."""
        raw = self.tmp(f"load i64, ptr {self._cell_pointer(IMM_AT)}")
        return raw if bits == 64 else self.tmp(f"trunc i64 {raw} to i{bits}")

    def _word(self) -> str:
        """The instruction's word; the suffix of a prefixed one is in the next cell."""
        word = self.tmp(f"load i32, ptr {self._cell_pointer(WORD_AT)}")
        first = self.tmp(f"zext i32 {word} to i64")
        if self._size_bytes == 4:
            return first
        suffix = self.tmp(f"load i32, ptr {self._cell_pointer(CELL_BYTES + WORD_AT)}")
        high = self.tmp(f"shl i64 {first}, 32")
        return self.tmp(f"or i64 {high}, {self.tmp(f'zext i32 {suffix} to i64')}")

    def _cell_pointer(self, at: int) -> str:
        return self.tmp(f"getelementptr i8, ptr %cell, i64 {at}")

    def _load_slot(self, number: int) -> str:
        return self.tmp(f"load i16, ptr {self._cell_pointer(SLOT_AT + 2 * number)}")

    def register_pointer(self, register: Register, index: Value | None) -> str:
        if index is None or index.constant is not None:
            return super().register_pointer(register, index)
        if not index.is_static or not self.slots.has_room(index, register, True):
            text = self._from_word(index) if index.is_static else self.of(index)
            scaled = self.tmp(f"mul i64 {text}, {register.stride}")
            base = self.tmp(f"getelementptr i8, ptr %cpu, i64 {register.offset}")
            return self.tmp(f"getelementptr i8, ptr {base}, i64 {scaled}")
        key = (index, register)
        if key not in self._slot_values:
            self._slot_values[key] = self.slot_pointer(self.slots.small_slot(index, register))
        return self._slot_values[key]

    def cia(self) -> str:
        address = self.tmp("ptrtoint ptr %cell to i64")
        return self.tmp(f"add i64 {self.tmp(f'lshr i64 {address}, 3')}, %delta")

    def left(self) -> str:
        return "%icount"

    def leave_if(self, condition: str) -> None:
        assert self.cold is not None
        self.leaves = True
        stay, go = self.fresh("stay"), self.fresh("go")
        self.line(f"br i1 {condition}, label %{go}, label %{stay}, {UNLIKELY}")
        self.line(f"{go}:")
        self.line(tail(f"@{self.cold}"))
        self.line(f"{stay}:")

    # --- ends of a handler
    def next(self) -> None:
        """Go on behind the instruction."""
        cell = self._cell_pointer(self._size_bytes // 4 * CELL_BYTES)
        left = self.tmp("add i64 %icount, -1")
        if self.exact:
            done = self.tmp(f"icmp sle i64 {left}, 0")
            stop, go = self.fresh("stop"), self.fresh("go")
            self.line(f"br i1 {done}, label %{stop}, label %{go}, {UNLIKELY}")
            self.line(f"{stop}:")
            self.line(tail("@slice_end", cell, left))
            self.line(f"{go}:")
        entry = self.tmp(f"load ptr, ptr {cell}")
        self.line(tail(entry, cell, left))

    def go_near(self, displacement: str) -> None:
        """Go on at a cell of the same page, `displacement` bytes of cells away."""
        cell = self.tmp(f"getelementptr i8, ptr %cell, i64 {displacement}")
        left = self.tmp("add i64 %icount, -1")
        arrive(self, cell, left, "%delta")

    def note_target(self, target: str) -> None:
        """The cell remembers where its jump went last, if nothing of the instruction is there."""
        if self.slots.wide is None:
            self.line(f"store i64 {target}, ptr {self._cell_pointer(IMM_AT)}")

    def go_far(self, target: str) -> None:
        """Go on at an effective address.

        The probe is inline: each handler's own indirect jump predicts better.
        """
        left = self.tmp("add i64 %icount, -1")
        if self.cold is None:
            self.line(tail("@far_jump", "%cell", left, target))
        else:
            probe_code(self, target, left)

    def raise_interrupt(self, kind: str, value: str) -> None:
        """Leave to the delivery of an interrupt."""
        scratch = offset("scratch")
        pointer = self.tmp(f"getelementptr i8, ptr %cpu, i64 {scratch}")
        self.line(f"store i64 {INTERRUPT_NUMBER[kind]}, ptr {pointer}")
        second = self.tmp(f"getelementptr i8, ptr %cpu, i64 {scratch + 8}")
        self.line(f"store i64 {value}, ptr {second}")
        self._note_prefix(SRR1_PREFIXED)
        self.line(tail("@raise_interrupt"))

    def _note_prefix(self, bit: int) -> None:
        """Of a prefixed instruction: what SRR1 gets if it is interrupted now."""
        if self._size_bytes == 8:
            self.set_field("prefixed", str(bit))

    # --- ops that the two kinds of handler lower differently
    def lower(self, value: Value) -> None:
        name = value.op.name
        own = getattr(self, f"_{name}", None)
        if own is None and self.cold is None:
            own = getattr(self, f"_cold_{name}", None)
        if own is None:
            super().lower(value)
            return
        result = own(value)
        if result is not None:
            self.names[value] = result

    def _get(self, value: Value) -> str | None:
        """The FPSCR is settled first, on the slow path."""
        if value.attr == "fpscr" and self.cold is not None:
            self.leave_if(self.tmp(f"icmp ne i64 {self.get_field('fp_kind')}, 0"))
        elif value.attr == "fpscr":
            self.need(floating_settle.NAME, floating_settle.DECLARATION)
            self.line(f"call void @{floating_settle.NAME}(ptr %cpu)")
        return EFFECTS["get"](self, value)

    def _interrupt_if(self, value: Value) -> None:
        condition = value.args[0]
        detail = self.of(value.args[1])
        stay, go = self.fresh("stay"), self.fresh("go")
        self.line(f"br i1 {self.of(condition)}, label %{go}, label %{stay}, {UNLIKELY}")
        self.line(f"{go}:")
        self.raise_interrupt(value.attr, detail)
        self.line(f"{stay}:")

    def _helper(self, value: Value) -> None:
        for number, operand in enumerate(value.args):
            widened = self._widen(operand)
            pointer = self.tmp(f"getelementptr i8, ptr %cpu, i64 {offset('scratch') + 8 * number}")
            self.line(f"store i64 {widened}, ptr {pointer}")
        self.line(tail(f"@help_{value.attr}"))

    def _widen(self, value: Value) -> str:
        text = self.of(value)
        return text if value.type.bits == 64 else self.tmp(f"zext {value.type} {text} to i64")

    def _timebase(self, _value: Value) -> str:
        self._publish()
        return self.tmp("call i64 @rt_timebase(ptr %cpu)")

    def _random(self, _value: Value) -> str:
        return self.tmp("call i64 @rt_random(ptr %cpu)")

    def _publish(self) -> None:
        """Let called code see where we are and how many instructions are left."""
        self.set_field("cia", self.cia())
        self.set_field("icount", "%icount")
        self._note_prefix(SRR1_PREFIXED)

    def _after_call(self) -> None:
        """If the call delivered an interrupt, go where it says."""
        fault = self.get_field("fault")
        bad, good = self.fresh("bad"), self.fresh("good")
        condition = self.tmp(f"icmp ne i64 {fault}, 0")
        self.line(f"br i1 {condition}, label %{bad}, label %{good}, {UNLIKELY}")
        self.line(f"{bad}:")
        self.line(tail("@dispatch"))
        self.line(f"{good}:")
        self._note_prefix(0)

    def _cold_load(self, value: Value) -> str:
        bits = value.attr
        self._publish()
        low = self.tmp(f"call i64 @rt_load(ptr %cpu, i64 {self.of(value.args[0])}, i64 {bits})")
        self._after_call()
        return self._assemble(low, bits)

    def _assemble(self, low: str, bits: int) -> str:
        if bits == 64:
            return low
        if bits < 64:
            return self.tmp(f"trunc i64 {low} to i{bits}")
        high = self.tmp(f"zext i64 {self.get_field('scratch')} to i128")
        low = self.tmp(f"zext i64 {low} to i128")
        return self.tmp(f"or i128 {self.tmp(f'shl i128 {high}, 64')}, {low}")

    def _halves(self, value: Value) -> tuple[str, str]:
        text, bits = self.of(value), value.type.bits
        if bits < 128:
            return (text if bits == 64 else self.tmp(f"zext i{bits} {text} to i64")), "0"
        high = self.tmp(f"trunc i128 {self.tmp(f'lshr i128 {text}, 64')} to i64")
        return self.tmp(f"trunc i128 {text} to i64"), high

    def _cold_store(self, value: Value) -> None:
        self._publish()
        low, high = self._halves(value.args[1])
        ea = self.of(value.args[0])
        self.tmp(f"call i64 @rt_store(ptr %cpu, i64 {ea}, i64 {value.attr}, i64 {low}, i64 {high})")
        self._after_call()

    def _cold_load_reserve(self, value: Value) -> str:
        self._publish()
        ea = self.of(value.args[0])
        low = self.tmp(f"call i64 @rt_load_reserve(ptr %cpu, i64 {ea}, i64 {value.attr})")
        self._after_call()
        return self._assemble(low, value.attr)

    def _cold_store_conditional(self, value: Value) -> str:
        self._publish()
        low, high = self._halves(value.args[1])
        ea = self.of(value.args[0])
        far = self.of(value.args[2])
        operands = f"ptr %cpu, i64 {ea}, i64 {value.attr}, i64 {low}, i64 {high}, i64 {far}"
        done = self.tmp(f"call i64 @rt_store_conditional({operands})")
        self._after_call()
        return self.tmp(f"trunc i64 {done} to i1")

    def _cold_zero_block(self, value: Value) -> None:
        self._publish()
        self.tmp(f"call i64 @rt_zero_block(ptr %cpu, i64 {self.of(value.args[0])})")
        self._after_call()

    def _cold_touch(self, value: Value) -> None:
        self._publish()
        self.tmp(f"call i64 @rt_touch(ptr %cpu, i64 {self.of(value.args[0])}, i64 {value.attr})")
        self._after_call()


@dataclass(frozen=True, slots=True)
class Handler:
    """The text of one row variant: its functions, and what they need declared.

    A word is one of this variant when `word & mask == value`, on the models of the set.
    """

    name: str     # the fast handler; `p_<name>` predecodes
    mask: int
    value: int
    text: str
    needs: dict[str, str]
    numbers: int  # handler numbers taken: 2 when it has a far form
    slots: Slots  # where its cells keep the static values
    models: int


def relative_jump(block: Block) -> Value | None:
    """The jump to a displacement that the word holds, if the block ends in one."""
    last = block.values[-1] if block.values else None
    if last is None or last.op.name not in ("jump_rel", "jump_rel_if"):
        return None
    return last if last.args[-1].constant is None else None


def emit_body(e: HandlerEmitter, block: Block, near: bool) -> None:
    """The work of a handler, and its ways out."""
    live = _live(block)
    for value in block.values:
        if value.is_static or (value.op.evaluate is not None and value not in live):
            continue
        if value.op.effects & Effect.ENDS_BLOCK and value.op.name != "helper":
            _terminator(e, value, near)
        else:
            e.lower(value)
    if not block.ends:
        e.next()


def _live(block: Block) -> set[Value]:
    live: set[Value] = set()
    for value in reversed(block.values):
        if value.op.evaluate is None or value in live:
            live.update(value.args)
    return live


def _terminator(e: HandlerEmitter, value: Value, near: bool) -> None:
    name, target = value.op.name, value.args[-1]
    if name.endswith("_if"):
        taken, other = e.fresh("taken"), e.fresh("other")
        e.line(f"br i1 {e.of(value.args[0])}, label %{taken}, label %{other}")
        e.line(f"{other}:")
        saved = dict(e._slot_values)
        e.next()
        e._slot_values = saved
        e.line(f"{taken}:")
    if target.constant is not None and name.startswith("jump_rel"):
        if target.constant != 4:
            raise DoesNotFit("a constant displacement other than to the next instruction")
        e.go_near(str(CELL_BYTES))
    elif name.startswith("jump_rel"):
        displacement = e.of(target)
        if near:
            e.go_near(displacement)
        else:
            e.go_far(e.tmp(f"add i64 {e.cia()}, {displacement}"))
    else:
        if is_computed(target):
            e.note_target(e.of(target))
        e.go_far(e.of(target))


def is_computed(target: Value) -> bool:
    """A jump goes where no word says, and is no return."""
    if target.constant is not None or target.is_static:
        return False
    if target.op.name == "get":
        return bool(target.attr != "lr")
    return all(is_computed(a) for a in target.args if a.constant is None)


def make_handler(
    name: str, block: Block, mask: int, value: int, exact: bool = False, models: int = ALL_MODELS
) -> Handler:
    """The functions of one row variant.

    Raises DoesNotFit when a cell cannot hold its static values.
    """
    slots = Slots()
    relative = relative_jump(block)
    texts, needs = [], {}
    forms = [(name, True)] + ([(f"{name}_far", False)] if relative is not None else [])
    for form, near in forms:
        fast = HandlerEmitter(slots, f"{name}_cold", exact, block.size_bytes)
        emit_body(fast, block, near)
        texts.append(fast.definition(f"preserve_nonecc void @{form}({ARGS}) nounwind"))
        needs.update(fast.declarations)
        if fast.leaves and near:
            cold = HandlerEmitter(slots, None, exact, block.size_bytes)
            emit_body(cold, block, near)
            head = f"internal preserve_nonecc void @{name}_cold({ARGS}) cold nounwind"
            texts.append(cold.definition(head))
            needs.update(cold.declarations)
    decoding = predecoder(name, block, slots, relative)
    needs.update(decoding.declarations)
    head = f"void @p_{name}(ptr %cell, i64 %word, i64 %index, i16 %number) nounwind"
    texts.append(decoding.definition(head))
    return Handler(name, mask, value, "".join(texts), needs, len(forms), slots, models)
