"""The results in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from jitppc.bench.summary import Summary


def rows(summary: Summary) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Names and cells, (text, style) each; "" as a name stands for a line between groups."""
    has_means = len(summary.workloads) > len(summary.groups)
    for number, group in enumerate(summary.groups):
        if number and has_means:
            yield "", []
        for name in (n for n, of in summary.workloads.items() if of == group):
            yield name, [_cell(summary, name, engine) for engine in summary.engines]
        if sum(of == group for of in summary.workloads.values()) > 1:
            yield f"{group}, mean", [_mean(summary, engine, group) for engine in summary.engines]
    if len([group for group in summary.groups if group != "boot"]) > 1:
        yield "", []
        yield "all, mean", [_mean(summary, engine, "") for engine in summary.engines]


def _cell(summary: Summary, name: str, engine: str) -> tuple[str, str]:
    cell = summary.cell(name, engine)
    if cell.first is None or cell.later is None:
        return "–", "dim"
    speed = summary.speed(name, engine)
    return f"{_time(cell.first)} {_time(cell.later)} {_times(speed)}", _style(speed)


def _mean(summary: Summary, engine: str, group: str) -> tuple[str, str]:
    first = summary.mean_speed(engine, group, first=True)
    speed = summary.mean_speed(engine, group)
    return f"{_times(first)} {_times(speed)}", _style(speed)


def _time(seconds: float) -> str:
    """Seconds in six columns: three digits that count, with the unit's letter below a second."""
    for unit, letter in ((1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")):
        if seconds >= 0.9995 * unit:
            value = seconds / unit
            digits = 2 - (value >= 9.995) - (value >= 99.95)
            return f"{value:{6 - len(letter)}.{digits}f}{letter}"
    return f"{0:6.2f}"


def _times(ratio: float | None) -> str:
    if ratio is None:
        return "     –"
    return f"{ratio:5.2f}×" if ratio < 100 else f"{ratio:5.0f}×"


def _style(speed: float | None) -> str:
    if speed is None or 0.98 < speed < 1.02:
        return ""
    return "green" if speed > 1 else "red"


def show(summary: Summary) -> None:
    """Print everything: with rich in colour, and plain without it."""
    reference = summary.reference
    what = f"first, later runs (m: ms), × as fast as {reference}"
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        _show_plain(summary, what)
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _width(summary))
    table: Any = Table(caption=what, header_style="bold", pad_edge=False)
    table.add_column("")
    for engine in summary.engines:
        table.add_column(engine, justify="right", no_wrap=True)
    for name, cells in rows(summary):
        if not name:
            table.add_section()
            continue
        style = "bold" if name.endswith(", mean") else ""
        texts = [f"[{style or 'default'}]{text}[/]" if style else text for text, style in cells]
        table.add_row(name, *texts, style=style)
    console.print(table)
    for problem in summary.problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)


def _width(summary: Summary) -> int:
    """Enough for every column, where there is no terminal to ask."""
    return 24 + 24 * len(summary.engines)


def _show_plain(summary: Summary, what: str) -> None:
    print(" ".join([f"{'':16}", *(f"{engine:>21}" for engine in summary.engines)]))
    for name, cells in rows(summary):
        print(" ".join([f"{name:16}", *(f"{text:>21}" for text, _ in cells)]).rstrip())
    print(what)
    for problem in summary.problems:
        print(problem)


def show_profile(summary: Summary) -> None:
    """Of each workload on each strategy: CPU seconds by kind, and the hottest names."""
    for guest in summary.guests:
        for name, cost in guest.get("workload_costs", {}).items():
            kinds, names = cost["profile"]["kinds"], cost["profile"]["names"]
            total = sum(kinds.values()) or 1.0
            share = cost["in_regions"] / max(1, cost["instructions"])
            print(
                f"\n{guest['engine']}, {name}: {total:.2f} s, {cost['regions']} regions made in "
                f"{cost['compile_seconds']:.2f} s, {share:.0%} of {cost['instructions']:.3g} "
                "instructions in regions"
            )
            for kind, seconds in sorted(kinds.items(), key=lambda item: -item[1]):
                print(f"  {seconds / total:6.1%}  {kind}")
            hottest = [f"{n} {s / total:.0%}" for n, s in list(names.items())[:6]]
            print(f"          {', '.join(hottest)}")
