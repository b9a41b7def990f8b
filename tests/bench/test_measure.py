"""A matrix is run interleaved; what fails is a record, and the rest goes on."""

from pathlib import Path

import pytest
from fake_engines import Scripted, run_record, workloads

from benchmarks.bars import MARKS, goals, markdown, write_between
from jitppc.bench.engines import Job
from jitppc.bench.measure import FILLING, measure, order
from jitppc.bench.plan import PART, Plan, choose_workloads, find_workloads, make_parts
from jitppc.bench.summary import summarise
from jitppc.bench.table import _time


def records_of(engines, *names, repeats=1):
    plan = Plan(tuple(engines), (Job(workloads(*names), runs=2),), repeats)
    return list(measure(plan, lambda _text, _fraction: None))


def problems(records):
    return [(r["workload"], r["text"]) for r in records if r["what"] == "problem"]


def ran(records, engine):
    return [r["workload"] for r in records if r["what"] == "run" and r["engine"] == engine]


def test_engines_take_turns_and_each_is_first_once():
    engines = [Scripted(name) for name in "abc"]
    parts = (Job(workloads("x")), Job(workloads("y")))
    plan = Plan(tuple(engines), parts, 3)
    turns = [(engine.name, *part.workloads, repeat) for engine, part, repeat in order(plan)]
    expected = [
        (name, part, repeat)
        for repeat, names in enumerate(("abc", "bca", "cab"))
        for part in "xy"
        for name in names
    ]
    assert expected == turns


def test_a_strategy_that_keeps_translations_runs_once_before_and_that_does_not_count():
    engine = Scripted("warm", script={"x": [2.0, 1.0]}, fills=True)
    records = records_of([engine, Scripted("cold")], "x", repeats=2)
    assert [FILLING, FILLING, 0, 0, 1, 1] == [
        r["repeat"] for r in records if r["what"] == "run" and r["engine"] == "warm"
    ]
    assert [2.0, 2.0] == summarise(records).cell("x", "warm").firsts


def test_after_a_guest_died_another_runs_the_workloads_behind():
    engine = Scripted("a", script={"y": "dies"})
    records = records_of([engine, Scripted("b")], "x", "y", "z")
    assert [["x", "y", "z"], ["z"]] == engine.jobs
    assert ["x", "x", "z", "z"] == ran(records, "a")
    assert ["x", "x", "y", "y", "z", "z"] == ran(records, "b")
    assert [("y", "the guest ended early (status 0)")] == problems(records)


def test_a_workload_that_fails_alone_costs_nothing_else():
    engine = Scripted("a", script={"x": -14, "y": 3})
    records = records_of([engine], "x", "y", "z")
    assert [["x", "y", "z"]] == engine.jobs
    expected = [("x", "not done after 60 s (-limit)"), ("y", "ended with status 3")]
    assert expected == problems(records)
    assert ["z", "z"] == ran(records, "a")


def test_an_engine_that_does_not_even_boot_is_asked_once():
    engine = Scripted("a", boots=False)
    records = records_of([engine, Scripted("b")], "x", "y", repeats=3)
    assert 1 == len(engine.jobs)
    assert [(None, "the guest ended early (status 1)")] == problems(records)
    assert 12 == len(ran(records, "b"))


def test_a_peer_that_is_not_installed_is_one_line():
    engine = Scripted("qemu", "peer", missing="qemu-system-ppc64 is not installed")
    records = records_of([engine, Scripted("b")], "x", repeats=2)
    assert [] == engine.jobs
    assert [(None, "qemu-system-ppc64 is not installed")] == problems(records)
    assert ["qemu: qemu-system-ppc64 is not installed"] == summarise(records).problems


def test_medians_first_runs_and_means():
    records = [
        *(run_record("qemu", "x", n, s) for n, s in enumerate((4.0, 2.0, 2.0, 8.0))),
        *(run_record("fast", "x", n, s) for n, s in enumerate((2.0, 1.0, 0.5, 1.0))),
        *(run_record("qemu", "y", n, s) for n, s in enumerate((8.0, 8.0))),
        *(run_record("fast", "y", n, s) for n, s in enumerate((1.0, 1.0))),
    ]
    summary = summarise(records)
    assert "qemu" == summary.reference
    assert (2.0, 1.0) == (summary.cell("x", "fast").first, summary.cell("x", "fast").later)
    assert (2.0, 2.0) == (summary.speed("x", "fast"), summary.speed("x", "fast", first=True))
    assert 4.0 == pytest.approx(summary.mean_speed("fast", "integer"))
    assert ["fast", "qemu"] == list(summary.engines)


def test_a_mean_with_a_hole_is_no_mean():
    records = [run_record("qemu", "x", 0, 1.0), run_record("qemu", "y", 0, 1.0)]
    records.append(run_record("fast", "x", 0, 1.0))
    assert summarise(records).mean_speed("fast", "integer") is None


def test_checksums_that_differ_are_a_problem_also_in_filling_runs():
    records = [run_record("a", "x", 0, 1.0), run_record("b", "x", 0, 1.0, checksum="1", repeat=-1)]
    assert ["x: checksums differ: a: 0; b: 1"] == summarise(records).problems


def test_cpu_time_is_another_view_of_the_same_records():
    records = [run_record("a", "x", 0, 4.0, cpu_seconds=1.0), run_record("b", "x", 0, 2.0)]
    assert 2.0 == summarise(records).speed("x", "b")
    assert 0.5 == summarise(records, "cpu").speed("x", "b")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (123.4, "   123"), (12.34, "  12.3"), (1.0, "  1.00"), (0.9999, "  1.00"), (0.5, "  500m"),
        (0.0999, " 99.9m"), (0.00123, " 1.23m"), (4.5e-5, " 45.0µ"), (1e-7, "  100n"),
        (0, "  0.00"),
    ],
)  # fmt: skip
def test_times_have_three_digits_that_count(seconds, text):
    assert text == _time(seconds)


def test_parts_hold_whole_groups_and_boots_are_alone():
    known = find_workloads()
    parts = make_parts(choose_workloads(["all"], known), 4, 60)
    assert list(known) == [name for part in parts for name in part.workloads]
    assert [False] * (len(parts) - 1) + [True] == [part.is_boot for part in parts]
    for part in parts:
        groups = {row.group for row in part.workloads.values()}
        assert len(groups) == 1 or len(part.workloads) <= PART
    assert 1 == len(make_parts(choose_workloads(["quick"], known), 4, 60))


def test_goals_are_judged_by_the_right_strategy():
    def times(engine, workload, group, first, later):
        pairs = enumerate((first, later))
        return [run_record(engine, workload, n, s, group=group) for n, s in pairs]

    records = [
        *times("qemu", "fib", "integer", 4.0, 4.0),
        *times("native", "fib", "integer", 0.5, 0.5),
        *times("regions", "fib", "integer", 1.0, 1.0),
        *times("cold", "fib", "integer", 5.0, 1.0),
        *times("qemu", "matmul", "float", 10.0, 10.0),
        *times("native", "matmul", "float", 0.2, 0.2),
        *times("regions", "matmul", "float", 1.0, 0.9),
        *times("cold", "matmul", "float", 9.0, 0.9),
    ]
    expected = [
        ("integer, mean: 3 times as fast as QEMU", "4.00×", True),
        ("integer, mean: of native's time, at most 3×", "2.00×", True),
        ("matmul: 10 times as fast as QEMU", "11.11×", True),
        ("matmul: of native's time, at most 4×", "4.50×", False),
        ("fib: first run, cold, not slower than QEMU", "0.80×", False),
        ("matmul: first run, cold, not slower than QEMU", "1.11×", True),
    ]
    assert expected == list(goals(summarise(records), "regions", "cold"))


def test_results_stand_between_the_marks_of_a_page(tmp_path):
    records = [run_record("qemu", "fib", 0, 2.0), run_record("regions", "fib", 0, 1.0)]
    text = "\n".join(markdown(summarise(records)))
    assert "| fib | 1.000 | 2.000 | 1.000 | 2.000 | 2.00× |" in text
    page = tmp_path / "page.md"
    page.write_text(f"before {MARKS[0]} old {MARKS[1]} behind")
    for _ in range(2):
        write_between(page, text)
    assert f"before {MARKS[0]}\n{text}\n{MARKS[1]} behind" == page.read_text()
    page.write_text("no place")
    with pytest.raises(SystemExit, match="has no place between"):
        write_between(page, text)


def test_the_page_of_benchmarks_has_a_place_for_results():
    page = Path(__file__).parents[2] / "docs/benchmarks.md"
    assert all(1 == page.read_text().count(mark) for mark in MARKS)
