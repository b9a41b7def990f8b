"""Words made from rows: a row's opcode and the contents of its fields."""

from __future__ import annotations

from jitppc.frontend.decode import rows
from jitppc.frontend.forms import COMBINED


def word_of(key: str, **fields: int) -> int:
    """The word of a row with these raw fields, the others 0; split fields by their whole name."""
    picture = rows()[key].picture
    word = picture.value
    for name, whole in fields.items():
        value = whole
        for piece in reversed(COMBINED[name] if name not in picture.fields else (name,)):
            shift, width = picture.fields[piece]
            word |= (value & (1 << width) - 1) << shift
            value >>= width
    return word
