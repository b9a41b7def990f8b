"""The module of slow floating-point functions: compiled with tier 0, called by all that comes
later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import floating_functions, floating_quad


def _of_symbol(text: str) -> tuple[str, Any]:
    """The inverse of `symbol`, but for True and False, which come back as 1 and 0."""
    name, *parts = text.split(".")
    values = tuple(int(p) if p.isdigit() else None if p == "None" else p for p in parts)
    return name, values if len(values) > 1 else values[0]


def slow_module(names: Iterable[str]) -> str:
    """Definitions of the slow functions among the names that modules need."""
    needs: dict[str, str] = {}
    text = []
    slow = floating_functions.SLOW
    for symbol in sorted(name for name in set(names) if name.endswith(slow)):
        name, attr = _of_symbol(symbol.removesuffix(slow))
        room = floating_quad if name in floating_quad.NAMES else floating_functions
        definition, declarations = room.definition(name, attr)
        needs |= declarations
        text.append(definition)
    return "\n".join([*needs.values(), *text])
