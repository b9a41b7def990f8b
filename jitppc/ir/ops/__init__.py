"""THE op table: every operation of the IR with its types, effects and meaning, one row each.

The rows live in one file per subject; `OPS` joins them and refuses duplicates. A row's `evaluate` is used by
the evaluator, by constant folding, and by the tests of the back end: it is the meaning of the op.
"""

from __future__ import annotations

from . import decimal, digest, floating, integer, memory, state, vector
from .row import Effect, Op

OPS: dict[str, Op] = {}
for _subject in (integer, digest, vector, floating, decimal, state, memory):
    for _row in _subject.ROWS:
        if _row.name in OPS:
            raise ValueError(f"op {_row.name} is defined twice")
        OPS[_row.name] = _row

__all__ = ["OPS", "Effect", "Op"]
