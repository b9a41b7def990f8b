"""Cases per second of one process, by reference and strategy.

Generation, both sides and the comparison are counted; making findings small is not. The goals:
20,000 single instructions a second against recorded vectors, 5,000 against the resident QEMU.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jitppc.fuzz.events import Done
from jitppc.fuzz.judge import Judge
from jitppc.fuzz.plan import Plan

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/fuzz.jsonl"
KINDS = (
    ("vectors", "single", "interp"),
    ("qemu-user", "single", "interp"),
    ("qemu-user", "block", "interp"),
    ("qemu-user", "loop", "interp"),
    ("qemu-user", "pages", "interp"),
    ("qemu-user", "changing", "interp"),
    ("interp", "single", "exact"),
    ("interp", "block", "exact"),
    ("interp", "block", "regions"),
    ("evaluator", "single", "interp"),
)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("-s", "--seconds", type=float, default=5, help="for each (5)")
    parser.add_argument("--only", help="a reference; all others are left out")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON lines are added here")
    options = parser.parse_args(words)
    rows = []
    for reference, strategy, tier in KINDS:
        if options.only in {None, reference}:
            record = measure(reference, strategy, tier, options.seconds)
            rows.append(record)
            print(line(record), file=sys.stderr, flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
    print("| reference | strategy | tier | cases/s by CPU time | by the clock |")
    print("|---|---|---|---|---|")
    for record in rows:
        print(line(record))
    return 0


def measure(reference: str, strategy: str, tier: str, seconds: float) -> dict:
    """Batches for so long, after one that warms up."""
    batch = 256 if reference == "evaluator" else 4096
    judge = Judge(Plan(reference, (tier,), strategies=(strategy,), batch=batch))
    judge.shrinks = False
    try:
        ready = judge.ready()
        run_batch(judge, 0)
        cases, number, began, cpu = 0, 1, time.perf_counter(), cpu_seconds()
        while time.perf_counter() - began < seconds:
            if ready.batches is not None:
                number %= ready.batches
            cases += run_batch(judge, number)
            number += 1
        spent, burnt = time.perf_counter() - began, cpu_seconds() - cpu
    finally:
        judge.close()
    return {
        "reference": reference, "strategy": strategy, "tier": tier, "cases": cases,
        "seconds": spent, "cpu_seconds": burnt, "per_second": cases / spent,
        "per_cpu_second": cases / burnt, "load": os.getloadavg()[0], "host": platform.node(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip


def run_batch(judge: Judge, number: int) -> int:
    """Run a batch; how many cases it had."""
    return sum(event.cases for event in judge.run(number) if isinstance(event, Done))


def cpu_seconds() -> float:
    """CPU time of this process and of its children that live: QEMU works beside us."""
    total = time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def line(record: dict) -> str:
    """A row of the table."""
    rates = f"{record['per_cpu_second']:,.0f} | {record['per_second']:,.0f}"
    return f"| {record['reference']} | {record['strategy']} | {record['tier']} | {rates} |"
