"""The plots of a report, as Vega-Lite charts over a summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt

from jitppc.bench.sampling import CATEGORIES, REST, TIERS
from jitppc.bench.summary import Summary

WIDTH = 720
#: Colours that differ for all eyes (Okabe and Ito), strategies first; peers are grey and black.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6FDF", "#7A5C3E")
_PEER_COLOURS = {"qemu": "#7F7F7F", "native": "#111111"}
_KIND_COLOURS = (
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#F0E442",
    "#999999",
    "#D55E00",
    "#CC79A7",
    "#8A6FDF",
    "#56B4E9",
    "#333333",
)

Row = dict[str, Any]


#: What each plot shows; {reference} is the engine that ratios refer to.
RATIOS = """Times as fast as {reference}, on a logarithmic scale: filled marks are later runs,
open ones the first run in a process. The dashed line is 1."""
TIMES = """What the processor's thread was doing in each fifth of a second of the first round, the
guest's boot included: in regions, in units of stencils, in the interpreter, or elsewhere."""
COSTS = """CPU seconds of the compile workers while a workload ran, against how many times faster
its later runs are than with the interpreter alone."""
PROFILE = """Samples of the processor's thread while each workload ran in the first round, by what
it was doing; CPU seconds, all runs together."""


def charts(summary: Summary) -> Iterator[tuple[str, str, Any]]:
    """Title, one sentence and chart, for each plot that there is data for."""
    colour, ours = _colour(summary), _colour(summary, only="strategy")
    reference = summary.reference
    if ratios := list(_ratios(summary)):
        says = RATIOS.format(reference=reference)
        yield f"Speed against {reference}", says, _ratio_chart(ratios, summary, colour)
    if tiers := list(_tiers(summary)):
        yield "Tiers over time", TIMES, _tier_chart(tiers)
    if costs := list(_costs(summary)):
        yield "Compile cost against gain", COSTS, _cost_chart(costs, ours)
    if profile := list(_profile(summary)):
        yield "Where the time goes", PROFILE, _profile_chart(profile, list(summary.engines))


def _colour(summary: Summary, only: str = "") -> Any:
    """Each engine has one colour in all plots; the legend shows all, or those of one kind."""
    free = iter(_COLOURS * 4)
    colours = {
        engine: _PEER_COLOURS.get(engine) or next(free)
        for engine, kind in summary.engines.items()
        if kind == only or not only
    }
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("engine:N", scale=scale, title=None, legend=alt.Legend(orient="top"))


def _ratios(summary: Summary) -> Iterator[Row]:
    for name, group in summary.workloads.items():
        for engine in summary.engines:
            for run in ("first", "later"):
                speed = summary.speed(name, engine, first=run == "first")
                seconds = getattr(summary.cell(name, engine), run)
                if speed and engine != summary.reference:
                    yield {
                        "workload": name,
                        "group": group,
                        "engine": engine,
                        "run": run,
                        "speed": round(speed, 4),
                        "seconds": round(seconds, 5),
                    }


def _ratio_chart(rows: list[Row], summary: Summary, colour: Any) -> Any:
    x = alt.X(
        "speed:Q", scale=alt.Scale(type="log"), title=f"times as fast as {summary.reference}"
    )
    one = alt.Chart(alt.Data(values=[{}])).mark_rule(color="#888", strokeDash=[4, 3])
    groups = []
    for group in summary.groups:
        names = [name for name, of in summary.workloads.items() if of == group]
        mine = alt.Data(values=[row for row in rows if row["group"] == group])
        marks = alt.Chart(mine).encode(
            x=x,
            y=alt.Y("workload:N", sort=names, title=None),
            color=colour,
            tooltip=["workload:N", "engine:N", "run:N", "speed:Q", "seconds:Q"],
        )
        first = marks.mark_point(size=55, strokeWidth=1.4).transform_filter("datum.run == 'first'")
        later = marks.mark_circle(size=85, opacity=0.9).transform_filter("datum.run == 'later'")
        layers = alt.layer(one.encode(x=alt.datum(1)), first, later)
        groups.append(
            layers.properties(width=WIDTH, height=22 * len(names), title=_title(group))
        )
    return alt.vconcat(*groups, spacing=8).resolve_scale(x="shared")


def _title(text: str) -> Any:
    return alt.Title(text, anchor="start", fontSize=12)


def _by(rows: list[Row], key: str) -> dict[str, list[Row]]:
    """The rows of each value of a key, in the order of their first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _tiers(summary: Summary) -> Iterator[Row]:
    for guest in summary.guests:
        if guest["repeat"] != 0:
            continue
        names = list(guest["workloads"])
        part = ", ".join(names) if len(names) < 5 else f"{names[0]} to {names[-1]}"
        for point in guest.get("timeline", []):
            total = sum(point["tiers"].values())
            for place, (tier, seconds) in enumerate(point["tiers"].items()):
                if total:
                    yield {
                        "guest": f"{guest['engine']}: {part}",
                        "seconds": point["seconds"],
                        "tier": tier,
                        "place": place,
                        "share": round(seconds / total, 3),
                        "regions": point["regions"],
                    }


def _tier_chart(rows: list[Row]) -> Any:
    colours = [_KIND_COLOURS[CATEGORIES.index(tier)] for tier in TIERS]
    tier = alt.Color(
        "tier:N",
        scale=alt.Scale(domain=[*TIERS, REST], range=[*colours, "#CCCCCC"]),
        title=None,
        legend=alt.Legend(orient="top"),
    )
    last = max(row["seconds"] for row in rows)
    strips = [
        alt.Chart(alt.Data(values=mine))
        .mark_area(interpolate="step-before")
        .encode(
            x=alt.X(
                "seconds:Q",
                scale=alt.Scale(domain=[0, last]),
                title="seconds since the guest was started",
            ),
            y=alt.Y(
                "share:Q",
                title=None,
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", values=[0, 0.5, 1]),
            ),
            color=tier,
            order=alt.Order("place:Q"),
            tooltip=["tier:N", "seconds:Q", "share:Q", "regions:Q"],
        )
        .properties(width=WIDTH, height=56, title=_title(guest))
        for guest, mine in _by(rows, "guest").items()
    ]
    return alt.vconcat(*strips, spacing=6)


def _costs(summary: Summary) -> Iterator[Row]:
    if "interp" not in summary.engines:
        return
    seen: dict[tuple[str, str], list[float]] = {}
    for guest in summary.guests:
        for name, cost in guest.get("workload_costs", {}).items():
            seen.setdefault((name, guest["engine"]), []).append(cost["compile_seconds"])
    for (name, engine), seconds in seen.items():
        slow = summary.cell(name, "interp").later
        fast = summary.cell(name, engine).later
        if engine != "interp" and slow and fast:
            yield {
                "workload": name,
                "engine": engine,
                "compile": round(sum(seconds) / len(seconds), 3),
                "gain": round(slow / fast, 3),
            }


def _cost_chart(rows: list[Row], colour: Any) -> Any:
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("compile:Q", title="CPU seconds of compiling"),
        y=alt.Y("gain:Q", scale=alt.Scale(type="log"), title="times as fast as interp"),
    )
    one = (
        alt.Chart(alt.Data(values=[{"gain": 1}]))
        .mark_rule(color="#888", strokeDash=[4, 3])
        .encode(y="gain:Q")
    )
    points = base.mark_circle(size=80, opacity=0.85).encode(
        color=colour, tooltip=["workload:N", "engine:N", "compile:Q", "gain:Q"]
    )
    names = base.mark_text(align="left", dx=7, fontSize=10).encode(
        text="workload:N", color=colour
    )
    return alt.layer(one, points, names).properties(width=WIDTH, height=330)


def _profile(summary: Summary) -> Iterator[Row]:
    for guest in summary.guests:
        if guest["repeat"] != 0:
            continue
        for name, cost in guest.get("workload_costs", {}).items():
            for kind, seconds in cost["profile"]["kinds"].items():
                yield {
                    "workload": name,
                    "engine": guest["engine"],
                    "kind": kind,
                    "place": CATEGORIES.index(kind),
                    "seconds": seconds,
                }


def _profile_chart(rows: list[Row], engines: list[str]) -> Any:
    present = [kind for kind in CATEGORIES if any(row["kind"] == kind for row in rows)]
    colours = [_KIND_COLOURS[CATEGORIES.index(kind) % len(_KIND_COLOURS)] for kind in present]
    kind = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=present, range=colours),
        title=None,
        legend=alt.Legend(orient="top", columns=3, labelLimit=260),
    )
    bars = [
        alt.Chart(alt.Data(values=mine))
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="CPU seconds"),
            y=alt.Y("engine:N", title=None, sort=engines),
            color=kind,
            order=alt.Order("place:Q"),
            tooltip=["workload:N", "engine:N", "kind:N", "seconds:Q"],
        )
        .properties(width=WIDTH // 2 - 70, height=alt.Step(15), title=_title(name))
        for name, mine in _by(rows, "workload").items()
    ]
    return alt.concat(*bars, columns=2)
