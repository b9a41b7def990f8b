"""`jitppc fuzz`: campaigns, replays, exports, recordings."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitppc.errors import OptionError, ReferenceFailure, UserError
from jitppc.option_values import suggestion

if TYPE_CHECKING:
    from jitppc.fuzz.campaign import Workers
    from jitppc.fuzz.plan import Plan

LEDGER = Path("jitppc-fuzz.sqlite")
FOLDER = Path("jitppc-fuzz-findings")
FINDINGS = 50
#: of a recording, when -cases does not say
RECORDED = 100_000
#: of the file that goes to real hardware
CARRIED = 20_000


def fuzz_command(settings: dict[str, Any], arguments: list[str]) -> int:
    name, *rest = arguments or ["campaign"]
    if name not in VERBS:
        guess = suggestion(name, VERBS) or f"; there are {', '.join(VERBS)}"
        raise OptionError(f"jitppc fuzz {name}: no such thing{guess}")
    return VERBS[name](settings, rest)


def plan_of(settings: dict[str, Any]) -> "Plan":
    """The plan that the options describe."""
    from jitppc.fuzz.plan import Plan

    names = ("reference", "tiers", "model", "strategies", "modes", "rows", "seed", "batch")
    chosen = {name: settings[name] for name in names if name in settings}
    chosen.setdefault("reference", "qemu-user")
    plan = Plan(**chosen)
    plan.check()
    return plan


def _campaign(settings: dict[str, Any], rest: list[str]) -> int:
    from jitppc.cli.fuzz_show import Show
    from jitppc.fuzz.campaign import Campaign, Limits
    from jitppc.fuzz.ledger import Ledger

    _nothing_more(rest)
    plan = plan_of(settings)
    limits = Limits(
        settings.get("seconds"), settings.get("cases"), settings.get("findings", FINDINGS)
    )
    folder, place = settings.get("folder", FOLDER), settings.get("ledger", LEDGER)
    with ExitStack() as stack:
        show = stack.enter_context(Show(plan, limits, folder, verbose="verbose" in settings))
        ledger = stack.enter_context(Ledger(place))
        campaign = Campaign(plan, ledger, limits, show, folder, fresh="fresh" in settings)
        try:
            standing = campaign.run(_workers(plan, settings))
        except KeyboardInterrupt:
            show.end(campaign.standing, f"interrupted; the same command goes on, {place} has all")
            raise
        except ReferenceFailure as error:
            kept = ""
            if campaign.standing.cases:
                show.end(campaign.standing)
                kept = f"; {place} has all so far"
            raise ReferenceFailure(f"{plan.reference}: {error}{kept}") from error
        show.end(standing)
        return 1 if standing.findings else 0


def _workers(plan: "Plan", settings: dict[str, Any]) -> "Workers":
    if "scheduler" in settings:
        from jitppc.fuzz.cluster import ClusterWorkers

        return ClusterWorkers(plan, settings["scheduler"])
    from jitppc.fuzz.workers import LocalWorkers

    return LocalWorkers(plan, settings.get("jobs", os.cpu_count() or 1))


def _replay(settings: dict[str, Any], rest: list[str]) -> int:
    from jitppc.fuzz.replay import read
    from jitppc.fuzz.rerun import rerun

    if not rest:
        raise UserError("replay what? give a replay file")
    differs = False
    for name in rest:
        verdict = rerun(read(Path(name)), verbose="verbose" in settings)
        print(verdict.text)
        differs |= verdict.differs
    return 1 if differs else 0


def _export(settings: dict[str, Any], rest: list[str]) -> int:
    from jitppc.fuzz.export import write_json, write_parquet
    from jitppc.fuzz.ledger import Ledger

    _nothing_more(rest)
    if not {"parquet", "json"} & set(settings):
        raise UserError("export to where? give -parquet FILE or -json FILE")
    with Ledger(settings.get("ledger", LEDGER), create=False) as ledger:
        try:
            if "json" in settings:
                write_json(ledger, settings["json"])
            if "parquet" in settings:
                for path in write_parquet(ledger, settings["parquet"]):
                    print(path)
        except OSError as error:
            raise UserError(f"cannot write {error.filename}: {error.strerror}") from error
    return 0


def _record(settings: dict[str, Any], rest: list[str]) -> int:
    from jitppc.cli.progress import Progress
    from jitppc.fuzz.record import record, take_answers

    _nothing_more(rest)
    if "output" not in settings:
        raise UserError("record to where? give -o FILE.parquet")
    with Progress() as progress:
        if "answers" in settings:
            count = take_answers(settings["answers"], settings["output"])
        else:
            cases = settings.get("cases", RECORDED)
            count = record(plan_of(settings), cases, settings["output"], progress)
    print(f"{settings['output']}: {count} cases", file=sys.stderr)
    return 0


def _recorder(settings: dict[str, Any], rest: list[str]) -> int:
    from jitppc.fuzz.recorder import write_recorder

    _nothing_more(rest)
    if "output" not in settings:
        raise UserError("write the program to where? give -o FILE.c")
    cases = settings.get("cases", CARRIED)
    path = write_recorder(plan_of(settings), cases, settings["output"])
    print(f"{settings['output']}: the program; {path}: its cases", file=sys.stderr)
    return 0


def _nothing_more(rest: list[str]) -> None:
    if rest:
        raise OptionError(f"{rest[0]!r} belongs to no option")


VERBS: dict[str, Callable[[dict[str, Any], list[str]], int]] = {
    "campaign": _campaign,
    "replay": _replay,
    "export": _export,
    "record": _record,
    "recorder": _recorder,
}
