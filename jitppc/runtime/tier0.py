"""Tier 0 of a machine: all rows through the handler generator, compiled to objects.

The composition of front end (rows) and back end (handlers); the two rooms do not know each other.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jitppc.backend import glue, objects
from jitppc.backend.lower.effects import METADATA
from jitppc.backend.lower.floating_slow import slow_module
from jitppc.backend.tier0 import Handler, make_handler
from jitppc.frontend.decode import rows
from jitppc.frontend.routines import ROUTINES
from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Block
from jitppc.ir.builder import ANY, LE64, Builder, Mode

from .workers import WorkerPool

MODES = (LE64, ANY)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Tier0Text:
    """LLVM text of all handlers: modules to compile, the glue, and how many numbers they have."""

    modules: list[str]
    glue: str
    count: int


def _candidates(mode: Mode, first_number: int, exact: bool) -> tuple[list[Handler], int]:
    handlers, number = [], first_number
    ordered = sorted(rows().values(), key=lambda r: (-r.picture.mask.bit_count(), r.key))
    for row in ordered:
        for flags in row.variants():
            mask, value = row.picture.mask, row.picture.value
            for name, flag in flags.items():
                shift, width = row.picture.fields[name]
                mask |= ((1 << width) - 1) << shift
                value |= flag << shift
            symbol, block = _symbol(row, flags, mode), translate_row(row, flags, mode)
            handler = make_handler(symbol, block, mask, value, number, exact)
            handlers.append(handler)
            number += handler.numbers
    handlers.append(make_handler(f"unknown_{mode.name}", _unknown(mode), 0, 0, number, exact))
    return handlers, number + 1


def _unknown(mode: Mode) -> Block:
    b = Builder(mode)
    b.helper("unknown", b.field("word", 32, 0))
    return b.block


def _symbol(row: Row, flags: dict[str, int], mode: Mode) -> str:
    suffix = "".join(f"_{k}{v}" for k, v in flags.items())
    return f"h_{row.key.replace('.', '_dot_')}{suffix}_{mode.name}"


def generate(exact: bool = False, chunks: int = 12) -> Tier0Text:
    """Text of all handlers of all modes."""
    everything: list[Handler] = []
    matches: dict[str, Sequence[glue.Match]] = {}
    number = 0
    for mode in MODES:
        handlers, number = _candidates(mode, number, exact)
        matches[mode.name] = [glue.Match(h.mask, h.value, h.name) for h in handlers[:-1]]
        everything += handlers
    names = []
    for handler in everything:
        names += [handler.name, f"{handler.name}_far"][:handler.numbers]
    prologue = glue.declarations(ROUTINES)
    modules = []
    for start in range(chunks):
        part = everything[start::chunks]
        needs: dict[str, str] = {}
        for handler in part:
            needs.update(handler.needs)
        definitions = "\n".join(needs.values())
        functions = "".join(h.text for h in part)
        modules.append(f"{prologue}{definitions}\n{functions}{METADATA}")
    modules.append(slow_module(name for handler in everything for name in handler.needs))
    return Tier0Text(modules, glue.glue_module(matches, ROUTINES, names), number)


def build(exact: bool = False, progress: Progress | None = None) -> list[bytes]:
    """Compile everything: handlers in worker processes, the native routines and the glue here."""
    text = generate(exact)
    with contextlib.closing(WorkerPool(2, niceness=0)) as pool:
        futures = [pool.submit("compile_module", module, 1) for module in text.modules]
        from jitppc.runtime.native.exports import native_ir, routines

        natives: list[str] = []
        total = len(routines()) + len(futures)

        def report() -> None:
            done = len(natives) // 2 + sum(future.done() for future in futures)
            if progress is not None:
                progress("compiling the interpreter", done, total)

        report()
        for pair in native_ir():
            natives += pair
            report()
        main = objects.compile_text(text.glue, 2, tuple(natives))
        for _future in concurrent.futures.as_completed(futures):
            report()
        return [main] + [future.result() for future in futures]
