"""The module of slow floating-point functions: compiled with tier 0, called by all that comes
later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import (
    floating_functions,
    floating_outer,
    floating_quad,
    floating_settle,
    floating_vector,
)


def _of_symbol(text: str) -> tuple[str, Any]:
    """The inverse of `symbol`, but for True and False, which come back as 1 and 0."""
    name, *parts = text.split(".")
    values = tuple(int(p) if p.isdigit() else None if p == "None" else p for p in parts)
    return name, values if len(values) > 1 else values[0]


def slow_module(names: Iterable[str]) -> str:
    """Definitions of the slow functions among the names that modules need, and `jit_settle`."""
    settle, declarations = floating_settle.settle_function()
    needs = dict(declarations)
    text = {floating_settle.NAME: settle}
    names = (*names, *declarations)
    slow = floating_functions.SLOW
    files = (floating_quad, floating_vector, floating_outer)
    rooms = {name: file for file in files for name in file.NAMES}
    wanted = sorted(name for name in set(names) if name.endswith(slow))
    while wanted:
        symbol = wanted.pop()
        if symbol in text:
            continue
        name, attr = _of_symbol(symbol.removesuffix(slow))
        text[symbol], declarations = rooms.get(name, floating_functions).definition(name, attr)
        wanted += [other for other in declarations if other.endswith(slow)]
        needs |= declarations
    declared = [text for name, text in needs.items() if not name.endswith(slow)]
    return "\n".join([*declared, *text.values()])
