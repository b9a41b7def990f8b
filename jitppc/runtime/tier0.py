"""Tier 0 of a machine: all rows through the handler generator, compiled to objects.

The composition of front end (rows) and back end (handlers); the two rooms do not know each other.
One module holds the handlers of one file of rows, so that a change there compiles little.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jitppc.backend import glue
from jitppc.backend.decode_tables import Match
from jitppc.backend.decoding import UNDECODED
from jitppc.backend.image import as_image
from jitppc.backend.lower.decimal import decimal_module
from jitppc.backend.lower.effects import METADATA
from jitppc.backend.lower.floating_slow import slow_module
from jitppc.backend.stencil_tables import stencils_of, table_module
from jitppc.backend.stencils import go_on_text, stencil_module, stencil_text
from jitppc.backend.tier0 import Handler, make_handler
from jitppc.frontend.decode import precedence, rows
from jitppc.frontend.levels import models_of
from jitppc.frontend.routines import ROUTINES
from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Block
from jitppc.ir.builder import ANY, BE64, LE64, Builder, Mode
from jitppc.ir.layout import CROSSING

from .native_source import native_key, native_object
from .tier0_cache import Progress
from .workers import WorkerPool

MODES = (LE64, ANY)
HANDLERS_PER_MODULE = 60


@dataclass(frozen=True, slots=True)
class Tier0Text:
    """LLVM text of all handlers: modules to compile, the glue, and modules of stencils.

    `names` are those of the handlers in the order of their numbers; those in `same` have the
    stencil of another one.
    """

    modules: list[str]
    glue: str
    stencils: list[str]
    names: list[str]
    same: dict[str, str]


class Parts(Protocol):
    """Objects that earlier builds made: those whose text is the same are not compiled again."""

    def read(self, key: str) -> bytes | None:
        """The object, if it is there."""

    def write(self, key: str, content: bytes) -> None:
        """Keep an object."""


def _handlers(mode: Mode, exact: bool) -> list[tuple[str, Handler, Block]]:
    """All handlers of a mode in order of precedence, each with the file of its row, and the block
    that its stencils are made from: of the mode, or for all modes, of big-endian 64-bit mode.
    """
    handlers = []
    for row in sorted(rows().values(), key=precedence):
        for flags in row.variants():
            mask, value = row.picture.mask, row.picture.value
            for name, flag in flags.items():
                shift, width = row.picture.fields[name]
                mask |= ((1 << width) - 1) << shift
                value |= flag << shift
            symbol, block = _symbol(row, flags, mode), translate_row(row, flags, mode)
            handler = make_handler(symbol, block, mask, value, exact, models_of(row))
            twin = translate_row(row, flags, BE64) if mode is ANY and not exact else block
            handlers.append((row.body.__module__, handler, twin))
    for name, block, mask, value in (
        ("crossing", _crossing(mode), (1 << 64) - 1, CROSSING), ("unknown", _unknown(mode), 0, 0),
    ):
        handler = make_handler(f"{name}_{mode.name}", block, mask, value, exact)
        handlers.append((__name__, handler, block))
    return handlers


def _unknown(mode: Mode) -> Block:
    b = Builder(mode)
    b.helper("unknown", b.field("word", 64, 0))
    return b.block


def _crossing(mode: Mode) -> Block:
    """A prefixed instruction that crosses a boundary of 64 bytes. Ref: Book I 1.6.3."""
    b = Builder(mode)
    b.interrupt_if(1, "ALIGNMENT_PREFIX")
    return b.block


def _symbol(row: Row, flags: dict[str, int], mode: Mode) -> str:
    suffix = "".join(f"_{k}{v}" for k, v in flags.items())
    return f"h_{row.key.replace('.', '_dot_')}{suffix}_{mode.name}"


def generate(exact: bool = False) -> Tier0Text:
    """Text of all handlers of all modes, and of stencils of the 64-bit modes."""
    files: dict[str, list[Handler]] = defaultdict(list)
    copies = _Copies()
    matches: dict[str, Sequence[Match]] = {}
    names = [UNDECODED]
    for mode in MODES:
        chain = matches[mode.name] = list[Match]()
        for file, handler, block in _handlers(mode, exact):
            number = len(names)
            chain.append(
                Match(handler.mask, handler.value, handler.name, number, handler.models))
            names += [handler.name, f"{handler.name}_far"][:handler.numbers]
            files[file].append(handler)
            if not exact:
                copies.add(file, handler, block)
    everything = [handler for handlers in files.values() for handler in handlers]
    modules = [
        _module(handlers[start:start + HANDLERS_PER_MODULE])
        for handlers in files.values()
        for start in range(0, len(handlers), HANDLERS_PER_MODULE)
    ]
    needed = [name for handler in everything for name in handler.needs]
    modules += [slow_module(needed), decimal_module(needed)]
    stencils = [] if exact else copies.modules()
    glued = glue.glue_module(matches, ROUTINES, names)
    return Tier0Text(modules, glued, stencils, names, copies.same)


class _Copies:
    """Stencils of handlers by the file of their rows. Most are the same in both byte orders."""

    def __init__(self) -> None:
        self._files: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
        self._known: dict[str, Handler] = {}
        self.same: dict[str, str] = {}

    def add(self, file: str, handler: Handler, block: Block) -> None:
        text, needs = stencil_text(handler, block)
        known = self._known.setdefault(text.replace(handler.name, "NAME"), handler)
        if not text or known is handler:
            self._files[file].append((text, needs))
            return
        for form in ("", "_far")[:handler.numbers]:
            self.same[handler.name + form] = known.name + form

    def modules(self) -> list[str]:
        """One for each file, and one with what stands between units."""
        found = [_stencils(texts) for texts in self._files.values() if any(t for t, _ in texts)]
        return [*found, _stencils([(go_on_text(), {})])]


def _stencils(texts: list[tuple[str, dict[str, str]]]) -> str:
    needs = {name: text for _, declared in texts for name, text in declared.items()}
    joined = "".join(text for text, _ in texts)
    return stencil_module(joined, needs, glue.declarations(ROUTINES))


def _module(handlers: list[Handler]) -> str:
    needs: dict[str, str] = {}
    for handler in handlers:
        needs.update(handler.needs)
    definitions = "\n".join(needs.values())
    functions = "".join(h.text for h in handlers)
    return f"{glue.declarations(ROUTINES)}{definitions}\n{functions}{METADATA}"


def build(exact: bool, progress: Progress | None, parts: Parts) -> list[bytes]:
    """Every image of tier 0; what `parts` lacks is compiled, by two worker processes."""
    text = generate(exact)
    tasks: dict[str, tuple[Any, ...]] = {
        native_key(): (native_object.__name__,),
        _key(text.glue): ("compile_module", text.glue, 2),
    }
    for module in sorted(text.modules + text.stencils, key=len, reverse=True):
        tasks[_key(module)] = ("compile_module", module, 1)
    with contextlib.closing(WorkerPool(2, niceness=0)) as pool:
        found = _compile(pool, tasks, progress, parts)
        stencils = [found.pop(_key(module)) for module in text.stencils]
        if stencils:
            tables = table_module(text.names, stencils_of(stencils), text.same)
            found |= _compile(pool, {_key(tables): ("compile_module", tables, 0)}, None, parts)
    return [as_image(content).to_bytes() for content in found.values()]


def _compile(
    pool: WorkerPool, tasks: dict[str, tuple[Any, ...]], progress: Progress | None, parts: Parts
) -> dict[str, bytes]:
    """What the tasks make, by their keys; those that `parts` has are not run."""
    found = {key: content for key in tasks if (content := parts.read(key)) is not None}
    futures = {pool.submit(*task): key for key, task in tasks.items() if key not in found}
    for done, future in enumerate(concurrent.futures.as_completed(futures)):
        if progress is not None:
            progress("compiling the interpreter", done, len(futures))
        content = found[futures[future]] = future.result()
        parts.write(futures[future], content)
    return {key: found[key] for key in tasks}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
