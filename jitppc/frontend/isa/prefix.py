"""What all prefixed instructions share: the facility that FSCR may withhold. Ref: Book I 1.6.3, Book III 7.2.12."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitppc.frontend.rows import Body, Fields, insn
from jitppc.ir.builder import Builder

from .spr import PREFIX_FACILITY, facility


def prefixed(form: str, picture: str, asm: str = "", **options: Any) -> Callable[[Body], Body]:
    """As `insn`, for a row of ISA 3.1 with a prefix."""
    def register(body: Body) -> Body:
        def whole(b: Builder, i: Fields) -> None:
            facility(b, PREFIX_FACILITY)
            body(b, i)

        whole.__name__, whole.__doc__, whole.__module__ = body.__name__, body.__doc__, body.__module__
        return insn(form, picture, asm, since="3.1", **options)(whole)
    return register
