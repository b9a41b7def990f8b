"""What a lowering function writes to: one LLVM function under construction, as text.

Text is 50 times cheaper than llvmlite's IRBuilder objects (docs/design.md), and every op is a line
or two.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Value


class Emitter:
    """Lines of one function, and what the module around it must declare or define."""

    #: 128-bit values are mostly vectors, and what is done to them bit by bit is done there
    has_vectors = False
    #: host arithmetic tells the guest's inexact results (host_flags.py)
    watches = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.names: dict[Value, str] = {}
        self._count = 0

    def of(self, value: Value) -> str:
        """The operand text of an IR value: a literal, or the name its lowering returned."""
        constant = value.constant
        return self.names[value] if constant is None else str(constant)

    def fresh(self, stem: str = "t") -> str:
        """A new name without the percent sign, for values or labels."""
        self._count += 1
        return f"{stem}{self._count}"

    def tmp(self, rhs: str) -> str:
        """Append `%tN = rhs` and return `%tN`."""
        name = "%" + self.fresh()
        self.lines.append(f" {name} = {rhs}")
        return name

    def line(self, text: str) -> None:
        """Append a line without a result (a store, a branch, or `label:`)."""
        self.lines.append(text if text.endswith(":") else " " + text)

    def definition(self, head: str) -> str:
        """The function; `head` is what stands before its opening brace."""
        return f"define {head} {{\n" + "\n".join(self.lines) + "\n}\n"

    def need(self, name: str, text: str) -> None:
        """Ask for a module-level declaration or definition, by a unique name, once per module."""
        self.declarations[name] = text


Lowering = Callable[[Emitter, Value], str | None]
LOWER: dict[str, Lowering] = {}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register the lowering of pure ops: f(emitter, value) returns the result's operand text."""
    def register(function: Lowering) -> Lowering:
        for name in names:
            if name in LOWER:
                raise ValueError(f"op {name} is lowered twice")
            LOWER[name] = function
        return function
    return register
