"""From instructions to IR: run the row's body over a builder, with fields known (a word) or
symbolic (a handler).
"""

from __future__ import annotations

from jitppc.ir.block import Block
from jitppc.ir.builder import LE64, Builder, Mode
from jitppc.ir.layout import NOT_PLAIN

from .decode import Insn, decode
from .levels import Model
from .rows import Fields, Row


def emit(b: Builder, insn: Insn) -> None:
    """Append one instruction's meaning to the builder's block."""
    b.block.size_bytes = insn.row.size_bytes
    insn.row.body(b, Fields(b, insn.row, insn.flags, insn.word))


def translate_word(
    word: int, mode: Mode = LE64, model: Model | None = None, pair: int = NOT_PLAIN
) -> Block:
    """The block of one instruction; of a word without a row, the illegal-instruction interrupt.

    Args:
        pair: of a store conditional, what pairs.py says of the words before it.
    """
    b = Builder(mode, pair)
    insn = decode(word, model)
    if insn is None:
        b.invalid_form()
    else:
        emit(b, insn)
    return b.block


def translate_row(row: Row, flags: dict[str, int], mode: Mode = LE64) -> Block:
    """The block of a row with symbolic fields: what a tier-0 handler is made from."""
    b = Builder(mode, None)
    b.block.size_bytes = row.size_bytes
    row.body(b, Fields(b, row, flags, None))
    return b.block
