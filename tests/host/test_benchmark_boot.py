"""The boot benchmark, on a program that only prints what a guest would."""

import sys

from benchmarks.boot import run
from jitppc.bench.watch import watch

GUEST = """
import sys, time
print("Run /init as init process", flush=True)
time.sleep(0.3)
sys.stdout.write("Select a lang"); sys.stdout.flush()
time.sleep(0.1)
print("uage", flush=True)
sys.stdin.read(1)
"""


def test_milestones_are_timed_and_memory_is_seen():
    boot = watch([sys.executable, "-c", GUEST], {}, timeout=20, patience=0.2)
    assert ["init", "language"] == list(boot.seconds)
    assert 0 < boot.seconds["init"] < boot.seconds["language"] < 15
    assert boot.peak_bytes > 1 << 20


def test_a_program_that_ends_early_reaches_no_milestone():
    boot = watch([sys.executable, "-c", "print('oops')"], {}, timeout=20, patience=0.2)
    assert {} == boot.seconds
    assert b"oops" in boot.tail


def test_a_time_limit_ends_the_wait():
    boot = watch([sys.executable, "-c", "input()"], {}, timeout=0.3, patience=0.2)
    assert {} == boot.seconds


def test_speed_and_shares_are_derived_from_the_counts():
    counts = {"instructions": 4_000_000, "region_instructions": 3_000_000, "run_seconds": 2.0}
    shown = run.derived(counts | {"python_seconds": 0.5})
    assert ["2", "75.0%", "25.0%", "25.0%"] == list(shown.values())
    assert {} == run.derived({})


def test_the_table_shows_medians_by_machine_and_kind():
    same = {"kind": "qemu", "peak_mib": 900, "statistics": {}}
    records = [
        {"machine": machine, "seconds": {"init": seconds}, **same}
        for machine, seconds in (("old", 1.0), ("old", 9.0), ("old", 2.0), ("new", 3.0))
    ]
    assert "| old | qemu | 2.0 | – | 900 |" in run.table(records)
    assert "| new | qemu | 3.0 | – | 900 |" in run.table(records)
