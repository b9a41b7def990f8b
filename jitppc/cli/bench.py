"""`jitppc bench`: workloads under translation strategies and on peers, compared."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jitppc.cli.progress import Progress
from jitppc.errors import UserError

DEFAULT_SUITE = "quick"
DEFAULT_STRATEGIES = ("interp", "cold", "regions")


def bench_command(settings: dict[str, Any], arguments: list[str]) -> int:
    from jitppc.bench import plan

    plan.load_plugins(settings.get("strategy_files", ()))
    known = plan.find_workloads(settings.get("workload_files", ()))
    if settings.get("list"):
        _list(known)
        return 0
    if "reread" in settings:
        out = settings.get("out") or settings["reread"][0].with_suffix("")
        return _status(_show(_reread(settings["reread"]), settings, out))
    names = [name for word in arguments or [DEFAULT_SUITE] for name in word.split(",") if name]
    parts = plan.make_parts(
        plan.choose_workloads(names, known), settings.get("runs", 4), settings.get("limit", 60)
    )
    engines = plan.choose_engines(
        settings.get("strategies", DEFAULT_STRATEGIES), settings.get("peers", ())
    )
    if not parts:
        raise UserError("nothing to measure: name a suite or a workload; see jitppc bench -list")
    made = plan.Plan(engines, parts, settings.get("repeat", 1))
    out = settings.get("out") or Path(time.strftime("jitppc-bench-%Y%m%d-%H%M%S"))
    return _measure(made, settings, out)


def _measure(made: Any, settings: dict[str, Any], out: Path) -> int:
    """All records, on disk as they come; what there is is shown, also after Ctrl-C."""
    from jitppc.bench.measure import measure

    records: list[dict[str, Any]] = []
    is_whole = False
    try:
        file = out.with_name(f"{out.name}.jsonl").open("x", encoding="utf-8")
    except FileExistsError:
        raise UserError(f"-out {out}: {out.name}.jsonl is there already") from None
    except OSError as error:
        raise UserError(f"-out {out}: {error.strerror}") from error
    with file:
        try:
            with Progress() as progress:
                source: Iterator[dict[str, Any]]
                if "scheduler" in settings:
                    from jitppc.bench.cluster import measure_on

                    source = measure_on(settings["scheduler"], made, progress)
                else:
                    source = measure(made, progress)
                for record in source:
                    records.append(record)
                    file.write(json.dumps(record) + "\n")
                    file.flush()
            is_whole = True
        finally:
            if not is_whole and len(records) < 2:
                file.close()
                Path(file.name).unlink()
            else:
                summary = _show(records, settings, out)
    return _status(summary)


def _status(summary: Any) -> int:
    return 1 if summary.problems else 0


def _reread(files: Iterable[Path]) -> list[dict[str, Any]]:
    records = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            found = [json.loads(line) for line in text.splitlines()]
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise UserError(f"-reread {path}: {error}") from error
        if not found or any(not isinstance(r, dict) or "what" not in r for r in found):
            raise UserError(f"-reread {path}: this is not a file that `jitppc bench` has written")
        records += found
    return records


def _show(records: list[dict[str, Any]], settings: dict[str, Any], out: Path) -> Any:
    """The table, and the report beside the records."""
    from jitppc.bench.summary import summarise
    from jitppc.bench.table import show, show_profile

    summary = summarise(records, settings.get("time", "wall"))
    show(summary)
    if settings.get("profile"):
        show_profile(summary)
    if settings.get("no_report"):
        return summary
    try:
        from jitppc.bench.report import report
    except ImportError as error:
        print(f"no report: {error.name} is not installed (pip install 'jitppc[bench]')")
        return summary
    path = out.with_name(f"{out.name}.html")
    try:
        path.write_text(report(summary), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    print(f"{out.name}.jsonl: every run; {out.name}.html: the report")
    return summary


def _list(known: dict[str, Any]) -> None:
    from jitppc.bench import plan
    from jitppc.strategies import strategies

    print("suites:")
    for name, members in plan.suites(known).items():
        print(f"  {name:14} {' '.join(members) if len(members) < 9 else f'{len(members)} of them'}")
    print("\nworkloads:")
    for row in known.values():
        print(f"  {row.name:14} {row.group:8} {row.says}")
    print("\nstrategies:")
    for strategy in strategies().values():
        print(f"  {strategy.name:14} {strategy.says}")
    print("\npeers:")
    for name, peer in plan.PEERS.items():
        print(f"  {name:14} {(peer.__doc__ or '').partition(chr(10))[0]}")
