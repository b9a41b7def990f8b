"""Guest registers in a region: variables of the function, and the state behind them."""

from __future__ import annotations

from collections.abc import Mapping

from jitppc.ir.block import Value
from jitppc.ir.layout import offset
from jitppc.ir.types import BY_BITS

from .lower.effects import EffectEmitter, register_align
from .region_compare import COMPARED, COMPARED_UNSIGNED, SIGN, Comparison, comparison
from .region_graph import Graph, RegionBlock

VSR_AT, VSR_END = offset("vsr"), offset("spr")
#: where the numbers of the pending record are (ir/ops/floating_ordinary.py)
RECORD = frozenset(offset(name) for name in ("fp_x", "fp_y", "fp_z", "fp_class"))
#: what a variable holds: operand text, or a pair that was compared and whether as signed numbers
Held = str | tuple[str, str, bool]


class RegisterEmitter(EffectEmitter):
    """Emits reads and writes of registers, block by block.

    Variables become LLVM values by its SROA pass. Subclasses say which block is emitted.
    """

    has_vectors = True

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph
        self._block = next(iter(graph.blocks.values()))
        #: what the block has given its variables so far, by their number
        self._held: dict[int, Held] = {}
        #: variables whose state is not up to date
        self._dirty = 0

    def _variable(self, number: int) -> str:
        return f"%v{self._graph.places[number][0]}"

    def _type(self, number: int) -> str:
        return str(BY_BITS[self._graph.places[number][1]])

    def _kept(self, number: int) -> str:
        """The type of the variable itself: what LLVM is to find a host register for."""
        at, bits = self._graph.places[number]
        if bits == 128:
            return "<2 x i64>"
        is_float = at in RECORD or (VSR_AT <= at < VSR_END and (at - VSR_AT) % 16 == 8)
        return "double" if is_float else self._type(number)

    def _as(self, text: str, kind: str, wanted: str) -> str:
        """The same bits as another type."""
        return text if kind == wanted else self.tmp(f"bitcast {kind} {text} to {wanted}")

    def _load_variable(self, number: int) -> str:
        kept = self._kept(number)
        text = self.tmp(f"load {kept}, ptr {self._variable(number)}")
        return self._as(text, kept, self._type(number))

    def _store_variable(self, number: int, text: str) -> None:
        kept = self._kept(number)
        text = self._as(text, self._type(number), kept)
        self.line(f"store {kept} {text}, ptr {self._variable(number)}")

    def _state(self, number: int) -> str:
        at = self._graph.places[number][0]
        return self.tmp(f"getelementptr i8, ptr %cpu, i64 {at}")

    def _align(self, number: int) -> int:
        return register_align(BY_BITS[self._graph.places[number][1]])

    def _store(self, number: int, value: str) -> None:
        kept = self._kept(number)
        value = self._as(value, self._type(number), kept)
        kind, at = self.set_word + kept, self._state(number)
        self.line(f"store {kind} {value}, ptr {at}, align {self._align(number)}")

    def _flush(self, dirty: int, held: Mapping[int, Held]) -> None:
        """Bring the state up to date."""
        while dirty:
            number = (dirty & -dirty).bit_length() - 1
            dirty &= dirty - 1
            value = held.get(number)
            self._store(number, self._text(number, value))

    def _fetch(self, wanted: int) -> None:
        """Load variables from the state."""
        for number in range(wanted.bit_length()):
            if wanted >> number & 1:
                kind, align = self._kept(number), self._align(number)
                value = self.tmp(f"load {kind}, ptr {self._state(number)}, align {align}")
                self.line(f"store {kind} {value}, ptr {self._variable(number)}")

    def _text(self, number: int, held: Held | None) -> str:
        """What a variable holds, whether the block has given it that or not."""
        if isinstance(held, str):
            return held
        if held is not None:
            x, y, is_signed = held
            return self._compare(x, y, "slt" if is_signed else "ult")
        value, variable = self._load_variable(number), self._variable(number)
        if number not in self._graph.compared:
            return value
        is_unsigned = self.tmp(f"icmp eq i8 {value}, {COMPARED_UNSIGNED - 256}")
        turn = self.tmp(f"select i1 {is_unsigned}, i64 {-SIGN}, i64 0")
        x, y = (
            self.tmp(f"xor i64 {self.tmp(f'load i64, ptr {variable}{part}')}, {turn}")
            for part in "xy")
        known = self.tmp(f"icmp ult i8 {value}, {COMPARED_UNSIGNED - 256}")
        return self.tmp(f"select i1 {known}, i8 {value}, i8 {self._compare(x, y, 'slt')}")

    def _compare(self, x: str, y: str, predicate: str) -> str:
        """The bits of a CR field for two numbers."""
        less, greater = (self.tmp(f"icmp {predicate} i64 {a}, {b}") for a, b in ((x, y), (y, x)))
        rest = self.tmp(f"select i1 {greater}, i8 4, i8 2")
        code = self.tmp(f"select i1 {less}, i8 8, i8 {rest}")
        so = self.get_field("so", "i8")
        overflow = self.tmp(f"and i8 {so}, 1")       # as it is: so LLVM knows its other bits
        return self.tmp(f"or i8 {code}, {overflow}")

    def _keep(self, number: int, value: Held) -> None:
        """Into the variable, for blocks behind this one."""
        if isinstance(value, str):
            self._store_variable(number, value)
            return
        variable = self._variable(number)
        x, y, is_signed = value
        mark = COMPARED if is_signed else COMPARED_UNSIGNED
        self.line(f"store i8 {mark - 256}, ptr {variable}")
        for part, text in (("x", x), ("y", y)):
            self.line(f"store i64 {text}, ptr {variable}{part}")

    def _comparison(self, value: Value, block: RegionBlock) -> Comparison | None:
        """What a `set` compares, if its variable keeps that in this block."""
        number = self._graph.variable(value)
        if number in self._graph.compared and block.lazy >> number & 1:
            return comparison(value.args[-1])
        return None

    def _unused(self, item: RegionBlock) -> set[Value]:
        """Values that are needed for nothing but bits of comparisons that are not made here."""
        if not self._graph.compared:
            return set()
        used: set[Value] = set()
        unused: set[Value] = set()
        for value in reversed(item.block.values):
            is_pure = value.op.evaluate is not None and not value.op.effects
            if (is_pure or value.op.name == "get") and value not in used:
                unused.add(value)
                continue
            kept = self._comparison(value, item) if value.op.name == "set" else None
            used.update(value.args if kept is None else (kept.x, kept.y))
        return unused

    def _read(self, number: int) -> str:
        text = self._text(number, self._held.get(number))
        if number not in self._graph.compared:       # a pair goes on being kept as one
            self._held[number] = text
        return text

    def _write(self, number: int, text: str) -> None:
        self._held[number] = text
        if self._block.lazy >> number & 1:
            self._dirty |= 1 << number
        else:
            self._store(number, text)
