"""An explanation as text: the stages of each part side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from .stages import Explanation, Part

SEPARATOR = " │ "
NARROWEST = 16


def as_text(what: Explanation, stages: Sequence[str], width: int | None = None) -> str:
    """All parts; lines are cut where `width` columns are not enough."""
    widths = [_widest(what, stage) for stage in stages]
    if width is not None:
        widths = _fitted(widths, width - len(SEPARATOR) * (len(stages) - 1))
    lines = [what.title, ", ".join(f"{what.counts[s]} {s}" for s in stages), ""]
    lines += [_row(stages, widths), "─┼─".join("─" * w for w in widths)]
    for part in what.parts:
        lines += _part(part, stages, widths)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _widest(what: Explanation, stage: str) -> int:
    lines = [line for part in what.parts for line in part.lines[stage]]
    return max(map(len, [stage, *lines]))


def _fitted(widths: list[int], room: int) -> list[int]:
    """The widest columns give way until all fit, or are as narrow as can be."""
    widths = list(widths)
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _part(part: Part, stages: Sequence[str], widths: list[int]) -> Iterator[str]:
    if not any(part.lines[stage] for stage in stages):
        return
    for cells in zip_longest(*(part.lines[stage] for stage in stages), fillvalue=""):
        yield _row(cells, widths)
    yield "─┼─".join("─" * w for w in widths)


def _row(cells: Sequence[str], widths: list[int]) -> str:
    shown = [c if len(c) <= w else c[:w - 1] + "…" for c, w in zip(cells, widths, strict=True)]
    return SEPARATOR.join(c.ljust(w) for c, w in zip(shown, widths, strict=True))
