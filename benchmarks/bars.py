"""What a run of `jitppc bench` found, in Markdown, and which of the goals for speed it reaches.

    jitppc bench programs boot -strategies cold,regions -peers qemu,native -out NAME
    python -m benchmarks.bars NAME.jsonl [--time cpu] [--write docs/benchmarks.md]
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from jitppc.bench.summary import Summary, summarise

#: group -> how many times faster than QEMU each workload is to be, and of native's time at most
EACH = {"float": (10.0, 4.0), "memory": (3.0, None), "kernel": (1.0, None)}
INTEGER_MEAN, INTEGER_OF_NATIVE = 3.0, 3.0
BOOT_WARM = 1 / 0.7

MARKS = ("<!-- results of jitppc bench -->", "<!-- end of results -->")

#: goal, measured, reached; None where one of both is missing
Line = tuple[str, str, bool | None]
ANSWERS = {True: "yes", False: "**no**", None: "not measured"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="written by jitppc bench")
    parser.add_argument("--warm", default="regions", help="strategy with kept translations")
    parser.add_argument("--cold", default="cold", help="strategy without any")
    parser.add_argument("--time", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--write", type=Path, help="a page with a place for it (see MARKS)")
    options = parser.parse_args()
    records = [
        json.loads(line)
        for path in options.files
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    summary = summarise(records, options.time)
    found = list(goals(summary, options.warm, options.cold))
    text = "\n".join(page(summary, found, options.time))
    if options.write is None:
        print(text)
    else:
        write_between(options.write, text)
    return 0 if all(is_reached for _, _, is_reached in found) else 1


def page(summary: Summary, found: list[Line], time: str) -> Iterator[str]:
    """When and where, the table, problems, and the goals."""
    host = summary.host
    clock = "by the clock" if time == "wall" else "CPU time, seen from outside"
    yield f"{host['at'][:10]}, {host['cores']} cores of {host['cpu']}, load {host['load']} at the"
    yield f"start, commit {host['commit']}, QEMU {host['qemu'].split()[0]}; seconds, {clock}:"
    yield ""
    yield from markdown(summary)
    yield ""
    for problem in summary.problems:
        yield f"* {problem}"
    yield from ("| goal | measured | reached |", "|---|---|---|")
    for goal, measured, is_reached in found:
        yield f"| {goal} | {measured} | {ANSWERS[is_reached]} |"


def write_between(path: Path, text: str) -> None:
    """The text is what stands between the two marks of the page."""
    before, first, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    _, second, after = rest.partition(MARKS[1])
    if not first or not second:
        sys.exit(f"{path} has no place between {MARKS[0]} and {MARKS[1]}")
    path.write_text(f"{before}{first}\n{text}\n{second}{after}", encoding="utf-8")


def markdown(summary: Summary) -> Iterator[str]:
    """The medians as a table for a page of the documentation: seconds, and × as fast as QEMU."""
    engines = list(summary.engines)
    heads = [f"{engine}: first" for engine in engines] + [f"{engine}: later" for engine in engines]
    faster = [engine for engine in engines if engine != summary.reference]
    heads += [f"{engine} / {summary.reference}" for engine in faster]
    yield f"| | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for name in summary.workloads:
        cells = [summary.cell(name, engine) for engine in engines]
        texts = [_seconds(cell.first) for cell in cells] + [_seconds(cell.later) for cell in cells]
        texts += [_times(summary.speed(name, engine)) for engine in faster]
        yield f"| {name} | {' | '.join(texts)} |"
    for group in summary.groups:
        means = [_times(summary.mean_speed(engine, group)) for engine in faster]
        yield f"| **{group}, mean** | {'| ' * 2 * len(engines)}{' | '.join(means)} |"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"


def goals(summary: Summary, warm: str, cold: str) -> Iterator[Line]:
    """Each goal, what was measured, and whether that is enough."""
    yield from _integer(summary, warm)
    for group, (speed, of_native) in EACH.items():
        names = [name for name, of in summary.workloads.items() if of == group]
        for name in names:
            goal = f"{name}: {speed:g} times as fast as QEMU"
            yield _at_least(goal, summary.speed(name, warm), speed)
            if of_native:
                yield _at_most(f"{name}: of native's time", _ratio(summary, name, warm), of_native)
    names = [name for name, of in summary.workloads.items() if of != "boot"]
    for name in names:
        first = summary.speed(name, cold, first=True)
        yield _at_least(f"{name}: first run, cold, not slower than QEMU", first, 1.0)
    for name in (name for name, of in summary.workloads.items() if of == "boot"):
        yield _at_least(f"{name}: cold, not slower than QEMU", summary.speed(name, cold), 1.0)
        yield _at_least(f"{name}: warm, 0.7 of QEMU's time", summary.speed(name, warm), BOOT_WARM)


def _integer(summary: Summary, engine: str) -> Iterator[Line]:
    mean = summary.mean_speed(engine, "integer")
    native = summary.mean_speed("native", "integer")
    yield _at_least("integer, mean: 3 times as fast as QEMU", mean, INTEGER_MEAN)
    of_native = native / mean if native and mean else None
    yield _at_most("integer, mean: of native's time", of_native, INTEGER_OF_NATIVE)


def _ratio(summary: Summary, name: str, engine: str) -> float | None:
    mine, native = summary.cell(name, engine).later, summary.cell(name, "native").later
    return mine / native if mine and native else None


def _at_least(goal: str, speed: float | None, wanted: float) -> Line:
    return (goal, "–", None) if speed is None else (goal, f"{speed:.2f}×", speed >= wanted)


def _at_most(goal: str, ratio: float | None, allowed: float) -> Line:
    goal = f"{goal}, at most {allowed:g}×"
    return (goal, "–", None) if ratio is None else (goal, f"{ratio:.2f}×", ratio <= allowed)


if __name__ == "__main__":
    sys.exit(main())
