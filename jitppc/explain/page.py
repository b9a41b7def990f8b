"""An explanation as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .stages import Explanation

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --head: Canvas; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
p { color: GrayText; margin: 0 0 1rem; }
table { border-collapse: collapse; }
th { position: sticky; top: 0; background: var(--head); text-align: left; font-weight: 600; }
th, td { padding: .3rem .8rem .3rem .4rem; vertical-align: top; }
th, td { border-bottom: 1px solid var(--line); }
td pre { margin: 0; font: 12px/1.45 ui-monospace, monospace; max-width: 72ch; }
td pre { white-space: pre-wrap; overflow-wrap: anywhere; }
th small { color: GrayText; font-weight: 400; }
tr:hover td { background: var(--line); }
"""


def as_page(what: Explanation, stages: Sequence[str]) -> str:
    """The file's text."""
    title = escape(f"{what.title}, explained by jitppc")
    heads = "".join(f"<th>{escape(s)} <small>{what.counts[s]}</small></th>" for s in stages)
    rows = "".join(
        "<tr>" + "".join(
            f"<td><pre>{escape(chr(10).join(part.lines[s]))}</pre></td>" for s in stages
        ) + "</tr>\n"
        for part in what.parts
        if any(part.lines[s] for s in stages)
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{_STYLE}</style>
<h1>{escape(what.title)}</h1>
<p>One row for each basic block; what LLVM put before and behind them stands at the top and the end.
The numbers count instructions and ops.</p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}</tbody>
</table>
</html>
"""
