"""Tier 1: a region of basic blocks as one LLVM function with a handler's signature.

A region replaces the entry of its first cell, so chaining is what cells do anyway: a tail call of a
cell's entry. It never calls: whatever the fast path cannot do is left to the instruction's tier-0
handler (`side_exit`). Whoever leaves first stores what lazily kept registers hold (see
region_graph.py), so the state is complete at every exit. The slice is checked on edges that do not
go forward: a cycle may go on in tier 0, and come back into the region's first word from the one
before it.

Words of other pages than the entry's are reached only while the code TLB leads to cells of a page
with the contents that the translation was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jitppc.ir.block import Value
from jitppc.ir.layout import (
    CELL_BYTES,
    CODE_MASK,
    CODE_SHIFT,
    PAGE_INFO,
    PAGE_INFO_OFFSET,
    offset,
)

from .cells import ARGS, TYPES, probe_code, tail
from .glue import WATCHED, WAYS_OUT
from .lower import host_flags
from .lower.effects import (
    LIKELY,
    METADATA,
    READ,
    UNLIKELY,
    WRITE,
    load_whole,
    store_whole,
)
from .objects import SHORT_LIST, Emit, compile_function, compile_text, to_object
from .region_graph import WORDS, Graph, RegionBlock, branch_target
from .region_memory import Group, shared_look_ups
from .region_registers import VSR_AT, VSR_END, Held, RegisterEmitter
from .region_window import through_window

EXITS = (*WAYS_OUT, "hot")
NAME = "region"
#: stands in the text of regions that keep registers in variables
HAS_VARIABLES = "; variables"
#: ... and numbers or vectors among them, which are worth all that LLVM can do
HAS_NUMBERS = "; numbers"
#: stands for the ways to a block until all are known
ARRIVALS = "phi i64 of block "
#: where a region looks at the host's flags
FLAGS = "%flags"
#: from so many words on a jump counts in words, and LLVM makes a table if they are dense. Fewer are
#: found by comparisons, in which the host predicts more (docs/regions.md)
LEAST_TABLE = 9
CONTENTS_AT = PAGE_INFO_OFFSET + offset("contents", PAGE_INFO)


class Exit(NamedTuple):
    """A way out: the routine, whose cell it is told of, which variables the state wants first."""

    routine: str
    page: int | None
    dirty: int

    @property
    def label(self) -> str:
        """Where its code stands."""
        page = "" if self.page is None else f"_{_label(self.page)}"
        return f"{self.routine}{page}_{self.dirty:x}"


class Leaver(NamedTuple):
    """Who takes it: how far the cell (or the address) is, what is left of the slice, the label."""

    distance: int
    left: str
    label: str


def _cells(page: int) -> str:
    """The variable that holds where another page's cells are, once that has been asked."""
    return f"%cells_{_label(page)}"


def _label(index: int) -> str:
    return f"b{index}" if index >= 0 else f"bm{-index}"


def _left(index: int) -> str:
    """What is left of the slice at the beginning of a block."""
    return f"%left_{_label(index)}"


class RegionEmitter(RegisterEmitter):
    """Emits one region, of blocks whose IR has been through the passes."""

    tlb_load = ", !invariant.load !2"

    def __init__(
        self,
        entry: int,
        blocks: Sequence[RegionBlock],
        contents: Mapping[int, int],
        *,
        chaining: bool,
        keep_dead: bool,
        windows: bool,
    ) -> None:
        super().__init__(Graph.of(blocks, lazy=not keep_dead))
        self._chaining, self._windows = chaining, windows
        self.watches = host_flags.can_watch(b.block for b in blocks)
        self.set_word = "volatile " if keep_dead else ""
        self._entry, self._contents = entry, contents
        self._blocks = tuple(self._graph.blocks.values())
        self._index = entry        # the instruction being emitted
        self._done = 0             # instructions of the current block before it
        self._groups = shared_look_ups(self._blocks)
        self._exit_label = ""
        self._exits: dict[Exit, list[Leaver]] = {}
        self._late: list[Callable[[], None]] = []
        self._keeps_fpscr = not any(
            v.op.name == "set" and v.attr == "fpscr" for b in blocks for v in b.block.values)
        #: what `steady` has made, and what it wrote for the prologue
        self._early: dict[str, str] = {}
        self._in_block: dict[str, str] = {}
        self._early_lines: list[str] = []
        #: block -> what is left of the slice on each way there, and the label it comes from
        self._arrivals: dict[int, list[str]] = {block.index: [] for block in self._blocks}
        self._arrivals[entry].append("[%icount, %entry]")
        self._here = "entry"       # the label of the code being emitted

    def line(self, text: str) -> None:
        """As any emitter, noting where it is."""
        if text.endswith(":"):
            self._here = text[:-1]
        super().line(text)

    def _arrive(self, index: int, left: str) -> None:
        """Branch to a block of the region."""
        self._arrivals[index].append(f"[{left}, %{self._here}]")
        self.line(f"br label %{_label(index)}")

    # --- addresses
    def _page_base(self, page: int) -> str:
        """Host address of a page's first cell."""
        if page == 0:
            return self.tmp(f"getelementptr i8, ptr %cell, i64 {-self._entry * CELL_BYTES}")
        return self.tmp(f"load ptr, ptr {_cells(page)}")

    def _delta(self, page: int) -> str:
        if page == 0:
            return "%delta"
        cells = self.tmp(f"ptrtoint ptr {self._page_base(page)} to i64")
        address = self._ea(page * WORDS)
        return self.tmp(f"sub i64 {address}, {self.tmp(f'lshr i64 {cells}, 3')}")

    def _ea(self, index: int) -> str:
        """The effective address of a word."""
        return self.tmp(f"add i64 %head, {(index - self._entry) * 4}")

    def cia(self) -> str:
        return self._ea(self._index)

    def left(self) -> str:
        start = _left(self._block.index)
        return self.tmp(f"sub i64 {start}, {self._done}") if self._done else start

    def steady(self, key: str, fpscr: str, write: Callable[[str], str]) -> str:
        """Made in the prologue if nothing in the region writes the FPSCR, else in each block."""
        known = self._early if self._keeps_fpscr else self._in_block
        if key not in known:
            lines = self.lines
            if self._keeps_fpscr:
                self.lines = self._early_lines
                fpscr = self.get_field("fpscr")
            known[key] = write(fpscr)
            self.lines = lines
        return known[key]

    # --- leaving
    def leave_if(self, condition: str) -> None:
        stay = self.fresh("stay")
        if not self._exit_label:
            self._exit_label = self.fresh("x")
            self._side_exit(self._exit_label)
        self.line(f"br i1 {condition}, label %{self._exit_label}, label %{stay}, {UNLIKELY}")
        self.line(f"{stay}:")

    def _side_exit(self, label: str) -> None:
        """The way out for this instruction: emitted behind the blocks, with what holds now."""
        dirty, held, index, done = self._dirty, dict(self._held), self._index, self._done
        start = _left(self._block.index)

        def emit() -> None:
            self.line(f"{label}:")
            left = self.tmp(f"sub i64 {start}, {done}") if done else start
            self._out("side_exit", index, index // WORDS, left, dirty, held)

        self._late.append(emit)

    def _out(
        self,
        routine: str,
        index: int,
        page: int | None,
        left: str,
        dirty: int | None = None,
        held: Mapping[int, Held] | None = None,
    ) -> None:
        """Leave for a word by the way out that all share who leave the same variables dirty.

        Args:
            page: whose cell the routine is told of; None if that is an address.
        """
        dirty = self._dirty if dirty is None else dirty
        for number, value in (self._held if held is None else held).items():
            if dirty >> number & 1:
                self._keep(number, value)
        first = self._entry if not page else page * WORDS
        distance = (index - first) * (4 if page is None else CELL_BYTES)
        way = Exit(routine, page, dirty)
        leavers = self._exits.setdefault(way, [])
        leavers.append(Leaver(distance, left, self._here))
        self.line(f"br label %{way.label}")

    def _emit_exits(self) -> None:
        for way, leavers in self._exits.items():
            self.line(f"{way.label}:")
            at = self.tmp("phi i64 " + ", ".join(f"[{n.distance}, %{n.label}]" for n in leavers))
            left = self.tmp("phi i64 " + ", ".join(f"[{n.left}, %{n.label}]" for n in leavers))
            self._flush(way.dirty, {})
            if way.page is None:
                self._leave(way.routine, "%cell", left, self.tmp(f"add i64 %head, {at}"))
                continue
            base = self._page_base(way.page) if way.page else "%cell"
            cell = self.tmp(f"getelementptr i8, ptr {base}, i64 {at}")
            self._leave(way.routine, cell, left, self._delta(way.page))

    def _account(self, left: str) -> None:
        """Add what ran in here to the statistics."""
        pointer = self.field_pointer("region_insns")
        ran = self.tmp(f"sub i64 %icount, {left}")
        total = self.tmp(f"add i64 {self.tmp(f'load i64, ptr {pointer}')}, {ran}")
        self.line(f"store i64 {total}, ptr {pointer}")

    def _leave(self, routine: str, cell: str, left: str, delta: str) -> None:
        self._account(left)
        watched = WATCHED if self.watches and routine in WAYS_OUT else ""
        self.line(tail(f"@{routine}{watched}", cell, left, delta))

    def _leave_far(self, target: str, left: str) -> None:
        """Leave for what a register holds, by a jump of our own: it mostly goes to one place."""
        self._account(left)
        if self.watches:
            tell, on = self.fresh("tell"), self.fresh("on")
            news = self.tmp(f"icmp ne i64 {host_flags.news(self, FLAGS)}, 0")
            self.line(f"br i1 {news}, label %{tell}, label %{on}, {UNLIKELY}")
            self.line(f"{tell}:")
            self.line(tail(f"@far_jump{WATCHED}", "%cell", left, target))
            self.line(f"{on}:")
        probe_code(self, target, left)

    # --- the function
    def emit_all(self) -> str:
        """The module's text."""
        for block in self._blocks:
            self._emit_block(block)
        for emit in self._late:
            emit()
        self._emit_exits()
        needs = "\n".join(self.declarations.values())
        exits = [*EXITS, *(name + WATCHED for name in WAYS_OUT if self.watches)]
        declares = "\n".join(f"declare preserve_nonecc void @{name}({TYPES})" for name in exits)
        body, self.lines = "\n".join(map(self._with_arrivals, self.lines)), []
        pages = {b.index // WORDS for b in self._blocks} - {0}
        self._prologue(sorted(pages))
        head = "\n".join(self.lines)
        return f"""{self._mark()}
{declares}
{needs}
define preserve_nonecc void @{NAME}({ARGS}) nounwind{" strictfp" if self.watches else ""} {{
{head}
{body}
}}
{METADATA}!2 = !{{}}
"""

    def _mark(self) -> str:
        """What the text says of the variables in it."""
        places = self._graph.places
        if any(VSR_AT <= at < VSR_END for at, _ in places):
            return HAS_NUMBERS
        return HAS_VARIABLES if places else ""

    def _with_arrivals(self, line: str) -> str:
        head, found, index = line.partition(ARRIVALS)
        return f"{head}phi i64 {', '.join(self._arrivals[int(index)])}" if found else line

    def _prologue(self, pages: list[int]) -> None:
        first = self._blocks[0]
        self.line("begin:")
        for number in range(len(self._graph.places)):
            self.line(f"{self._variable(number)} = alloca {self._kept(number)}")
            if number in self._graph.compared:
                for part in "xy":
                    self.line(f"{self._variable(number)}{part} = alloca i64")
        for page in pages:
            self.line(f"{_cells(page)} = alloca ptr")
        if self.watches:
            self._begin_to_watch()
        self.line("br label %entry")
        self.line("entry:")
        self.line("%head_n = ptrtoint ptr %cell to i64")
        self.line("%head_q = lshr i64 %head_n, 3")
        self.line("%head_b = add i64 %head_q, %delta")
        self.line("%head = and i64 %head_b, -4")     # as it is: so LLVM knows that LR may be one
        for page in pages:
            self.line(f"store ptr null, ptr {_cells(page)}")
        self._fetch(first.live_in)
        self.lines += self._early_lines
        self.line(f"br label %{_label(first.index)}")

    def _begin_to_watch(self) -> None:
        """Watch the host's flags, or go on with the handler of the first instruction."""
        self.line(f"{FLAGS} = alloca i32")
        refused, on = self.fresh("refused"), self.fresh("on")
        forbidden = host_flags.is_forbidden(self)
        self.line(f"br i1 {forbidden}, label %{refused}, label %{on}, {UNLIKELY}")
        self.line(f"{refused}:")
        self.line(tail("@side_exit"))
        self.line(f"{on}:")
        host_flags.clear(self, FLAGS)

    def _emit_block(self, item: RegionBlock) -> None:
        index, block = item.index, item.block
        self.line(f"{_label(index)}:")
        self.line(f"{_left(index)} = {ARRIVALS}{index}")
        self._block, self._held, self._dirty = item, {}, item.dirty_in
        self._exit_label, self._in_block = "", {}
        unused = self._unused(item)
        terminator = block.values[-1] if block.ends else None
        self._index, self._done = index, 0
        boundaries = sorted((at, byte // 4) for at, byte in block.starts)
        position = 0
        for at, value in enumerate(block.values):
            while position < len(boundaries) and boundaries[position][0] <= at:
                self._done = position
                self._index = index + boundaries[position][1]
                self._exit_label = ""
                position += 1
            if value is not terminator and value.op.name != "const" and value not in unused:
                self.lower(value)
        self._index, self._done = item.last, item.count - 1
        for number, held in self._held.items():
            if item.live_out >> number & item.writes >> number & 1:
                self._keep(number, held)
        left = self.tmp(f"sub i64 {_left(index)}, {item.count}")
        self._terminate(terminator, left)

    def lower(self, value: Value) -> None:
        name = value.op.name
        if name == "interrupt_if":
            self.leave_if(self.of(value.args[0]))
        elif name in ("get", "set"):
            number = self._graph.variable(value) if self._block.is_cyclic else None
            if number is None:
                super().lower(value)
            elif name == "get":
                self.names[value] = self._read(number)
            else:
                kept = self._comparison(value, self._block)
                if kept is None:
                    self._write(number, self.of(value.args[-1]))
                else:
                    self._held[number] = self.of(kept.x), self.of(kept.y), kept.is_signed
                    self._dirty |= 1 << number
        elif value in self._groups:
            self._access(value, *self._groups[value])
        else:
            super().lower(value)

    def look_up(self, ea: str, size: int, tag_field: int) -> str:
        """Through the window or the data TLB."""
        if self._windows and tag_field == READ:
            return through_window(self, ea, size)
        return super().look_up(ea, size, tag_field)

    def _access(self, value: Value, group: Group, distance: int) -> None:
        """A load or store of a group: the first one looks its granule up."""
        if not group.host:
            low = self.of(value.args[0])
            if distance != group.low:
                low = self.tmp(f"add i64 {low}, {group.low - distance}")
            kind = WRITE if group.writes else READ
            group.host = self.look_up(low, group.high - group.low, kind)
        pointer = self.tmp(f"getelementptr i8, ptr {group.host}, i64 {distance - group.low}")
        if value.op.name == "load":
            self.names[value] = load_whole(self, value.attr, pointer)
        else:
            store_whole(self, value.attr, self.of(value.args[1]), pointer)

    # --- where control goes
    def _terminate(self, terminator: Value | None, left: str) -> None:
        following = self._block.behind
        if terminator is None:
            self._go(following, left)
            return
        name, target = terminator.op.name, terminator.args[-1]
        if name.endswith("_if"):
            taken, other = self.fresh("taken"), self.fresh("other")
            self.line(f"br i1 {self.of(terminator.args[0])}, label %{taken}, label %{other}")
            self.line(f"{other}:")
            self._go(following, left)
            self.line(f"{taken}:")
        index = branch_target(terminator, self._index)
        if index is not None:
            self._go(index, left)
            return
        self._jump(self.of(target), left)

    def _jump(self, target: str, left: str) -> None:
        """Go on at an address: one of the words it is known to go to, or out."""
        known = [index for index in self._block.ways if index in self._graph.blocks]
        if known:
            out = self.fresh("out")
            distance = self.tmp(f"sub i64 {target}, %head")
            ways = [(index, self.fresh("back")) for index in known]
            unit = 4
            if len(known) >= LEAST_TABLE:
                unit, distance = 1, self.tmp(f"ashr i64 {distance}, 2")
            cases = " ".join(
                f"i64 {(index - self._entry) * unit}, label %{way}" for index, way in ways)
            self.line(f"switch i64 {distance}, label %{out} [{cases}]")
            for index, way in ways:
                self.line(f"{way}:")
                self._go(index, left)
            self.line(f"{out}:")
        self._flush(self._dirty, self._held)
        self._leave_far(target, left)

    def _go(self, index: int, left: str) -> None:
        """Go on at a word: a block of the region, or out."""
        here, there = self._index // WORDS, index // WORDS
        after = self._graph.blocks.get(index)
        if after is None:
            is_near = self._chaining and (here == there or index == (here + 1) * WORDS)
            if is_near:
                self._out("near_arrive", index, here, left)
            else:
                self._out("far_jump", index, None, left)
            return
        if index <= self._index:
            stop, on = self.fresh("stop"), self.fresh("on")
            done = self.tmp(f"icmp sle i64 {left}, 0")
            self.line(f"br i1 {done}, label %{stop}, label %{on}, {UNLIKELY}")
            self.line(f"{stop}:")
            if there in (here, 0):
                self._out("slice_end", index, there, left)
            else:
                self._out("far_jump", index, None, left)
            self.line(f"{on}:")
        if there not in (here, 0):
            self._check_page(there, index, left)
        self._flush(self._dirty & ~after.lazy, self._held)
        if not self._block.is_cyclic:
            self._fetch(after.live_in)
        self._arrive(index, left)

    def _check_page(self, page: int, index: int, left: str) -> None:
        """Leave unless the page is still mapped, and is what it was; asked once in a stay.

        Nothing in a region changes the code TLB or the contents of a page with code.
        """
        known, ask, right, wrong = (self.fresh(n) for n in ("known", "ask", "right", "wrong"))
        asked = self.tmp(f"icmp ne ptr {self._page_base(page)}, null")
        self.line(f"br i1 {asked}, label %{known}, label %{ask}, {LIKELY}")
        self.line(f"{ask}:")
        address = self._ea(index)
        wanted = self.tmp(f"and i64 {address}, -4096")
        at = self.tmp(f"and i64 {self.tmp(f'lshr i64 {address}, {CODE_SHIFT}')}, {CODE_MASK}")
        entry = self.tmp(f"getelementptr i8, ptr {self.get_field('itlb', 'ptr')}, i64 {at}")
        is_tag = self.tmp(f"icmp eq i64 {self.tmp(f'load i64, ptr {entry}')}, {wanted}")
        cells_at = self.tmp(f"getelementptr i8, ptr {entry}, i64 8")
        cells = self.tmp(f"load ptr, ptr {cells_at}")
        mapped = self.fresh("mapped")
        self.line(f"br i1 {is_tag}, label %{mapped}, label %{wrong}, {LIKELY}")
        self.line(f"{mapped}:")
        pointer = self.tmp(f"getelementptr i8, ptr {cells}, i64 {CONTENTS_AT}")
        contents = self.tmp(f"load i64, ptr {pointer}")
        same = self.tmp(f"icmp eq i64 {contents}, {self._contents[page]}")
        self.line(f"br i1 {same}, label %{right}, label %{wrong}, {LIKELY}")
        self.line(f"{wrong}:")
        self._out("far_jump", index, None, left)
        self.line(f"{right}:")
        self.line(f"store ptr {cells}, ptr {_cells(page)}")
        self.line(f"br label %{known}")
        self.line(f"{known}:")


def region_text(
    entry: int,
    blocks: Sequence[RegionBlock],
    contents: Mapping[int, int],
    *,
    chaining: bool = True,
    keep_dead: bool = False,
    windows: bool = False,
) -> str:
    """LLVM text of a region's module; the function is called `region`.

    Args:
        contents: how the region knows each other page that it has words of.
        chaining: an exit to a cell of the same page goes straight there; else it is looked up like
            one to any other page.
        keep_dead: no write of a register is put off or dropped.
        windows: loads are mostly from the kernel's linear map (region_window.py).
    """
    emitter = RegionEmitter(
        entry, blocks, contents, chaining=chaining, keep_dead=keep_dead, windows=windows)
    return emitter.emit_all()


def compile_region_text(text: str, level: int, emit: Emit = to_object) -> Any:
    """A region's module to an object, or what else `emit` makes of it.

    At level 0 no pass runs; at level 1 those that pay (none where no register became a variable);
    above, and for floating point and vectors in variables, LLVM's own pipeline.
    """
    if level > 1 or (level and HAS_NUMBERS in text):
        return compile_text(text, level, emit=emit)
    passes = SHORT_LIST if level and HAS_VARIABLES in text else ()
    return compile_function(text, level, passes, emit)
