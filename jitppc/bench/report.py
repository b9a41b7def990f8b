"""One HTML file with everything in it: the table, the plots, and what ran where."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator

import vl_convert

from jitppc.bench.charts import charts
from jitppc.bench.summary import Summary
from jitppc.bench.table import rows

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .3rem 0 .8rem; color: #444; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
table { font-size: .88rem; }
th, td { padding: .12rem .35rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #1a1a1a; } tr.gap td { border-top: 1px solid #bbb; }
tr.mean { font-weight: 600; }
td span { display: inline-block; min-width: 3.7em; margin-left: .2em; }
.green { color: #00734f; } .red { color: #b3261e; } .dim { color: #999; }
.wide { overflow-x: auto; } ul.problems { color: #b3261e; } details { margin: .4rem 0; }
code { font-size: .92em; }
"""


def report(summary: Summary) -> str:
    """The whole page. It loads nothing from anywhere."""
    parts = ["<!doctype html><html lang='en'><head><meta charset='utf-8'>"]
    parts.append("<title>jitppc bench</title>")
    parts.append("<meta name='viewport' content='width=device-width'>")
    parts.append(f"<style>{_STYLE}</style><script>{_library()}</script></head><body>")
    parts.append(f"<h1>Translation strategies compared</h1>{_host(summary)}")
    parts += _problems(summary)
    parts += _table(summary)
    drawn = []
    for number, (title, says, chart) in enumerate(charts(summary)):
        parts.append(f"<h2>{html.escape(title)}</h2><p>{html.escape(says)}</p>")
        parts.append(f"<div class='wide'><div id='chart{number}'></div></div>")
        drawn.append(chart.to_dict())
    parts += _names(summary)
    specs = json.dumps(drawn).replace("</", "<\\/")
    parts.append(
        f"<script>const specs = {specs};\n"
        "Promise.all(specs.map((spec, n) => vegaEmbed('#chart' + n, spec,"
        " {actions: false, renderer: 'svg'})))"
        ".then(() => document.body.dataset.drawn = specs.length)"
        ".catch(error => document.body.dataset.failed = error);</script>"
    )
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _library() -> str:
    """Vega, Vega-Lite and vegaEmbed, once, as a script that sets `vegaEmbed`."""
    text: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return text.replace("</script", "<\\/script")


def _host(summary: Summary) -> str:
    host = summary.host
    facts = [
        host.get("at", ""),
        f"{host.get('cpu', '?')}, {host.get('cores', '?')} cores",
        f"load {host.get('load', '?')} at the start",
        f"jitppc {host.get('jitppc', '?')} {host.get('commit', '')}".strip(),
        f"QEMU {host['qemu']}" if host.get("qemu") else "",
        f"Linux {host.get('kernel', '?')}",
    ]
    return f"<p>{html.escape(' · '.join(fact for fact in facts if fact))}</p>"


def _problems(summary: Summary) -> Iterator[str]:
    if summary.problems:
        yield "<h2>What went wrong</h2><ul class='problems'>"
        yield from (f"<li>{html.escape(text)}</li>" for text in summary.problems)
        yield "</ul>"


def _table(summary: Summary) -> Iterator[str]:
    reference = html.escape(summary.reference)
    yield "<h2>Medians</h2>"
    yield (
        "<p>First run in a process, later runs (seconds; m: milliseconds), and how many times "
        f"as fast as {reference} the later runs are. Means are geometric, of first and later runs."
        "</p><div class='wide'><table><thead><tr><th></th>"
    )
    yield "".join(f"<th>{html.escape(engine)}</th>" for engine in summary.engines)
    yield "</tr></thead><tbody>"
    gap = ""
    for name, cells in rows(summary):
        if not name:
            gap = "gap "
            continue
        kind = f"{gap}{'mean' if name.endswith(', mean') else ''}"
        texts = [_spans(text, style) for text, style in cells]
        yield f"<tr class='{kind}'><td>{html.escape(name)}</td>{''.join(texts)}</tr>"
        gap = ""
    yield "</tbody></table></div>"


def _spans(text: str, style: str) -> str:
    words = text.split()
    first = [f"<span>{html.escape(word)}</span>" for word in words[:-1]]
    return f"<td>{''.join(first)}<span class='{style}'>{html.escape(words[-1])}</span></td>"


def _names(summary: Summary) -> Iterator[str]:
    """The hottest names of each guest, to unfold."""
    guests = [guest for guest in summary.guests if guest["repeat"] == 0 and "profile" in guest]
    if not guests:
        return
    yield "<h2>Hottest places</h2>"
    yield "<p>Of each guest of jitppc in the first round, boot included: CPU seconds by name.</p>"
    for guest in guests:
        title = f"{guest['engine']}: {', '.join(guest['workloads'])}"
        yield f"<details><summary>{html.escape(title)}</summary><table><tbody>"
        for name, seconds in guest["profile"]["names"].items():
            yield f"<tr><td><code>{html.escape(name)}</code></td><td>{seconds:.3f}</td></tr>"
        yield "</tbody></table></details>"
