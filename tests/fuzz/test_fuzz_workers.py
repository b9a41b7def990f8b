"""Campaigns over processes: those that die or hang, Ctrl-C, a cluster; by the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from campaigns import Ear, plan

from jitppc.fuzz import workers
from jitppc.fuzz.campaign import Campaign, Limits
from jitppc.fuzz.ledger import Ledger
from jitppc.fuzz.workers import LocalWorkers

ROOT = Path(__file__).parents[2]
#: three rows, one of them poisonous at times for liars.py
ROWS = ("-rows", "addi,ori,ld", "-tiers", "evaluator", "-batch", "64")


def command(*words):
    return [sys.executable, "-m", "jitppc", "fuzz", *words]


def environment():
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "fuzz")))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def fuzz(folder, *words, timeout=120):
    return subprocess.run(
        command(*words), cwd=folder, env=environment(), capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip


def one_line(done):
    """The complaint, which must be all there is on standard error but for progress."""
    lines = [line for line in done.stderr.splitlines() if not re.search(r"\d cases, ", line)]
    assert 1 == len(lines), done.stderr
    return lines[0]


@pytest.fixture(autouse=True)
def _liars_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "fuzz"))


def test_a_campaign_by_the_command_line(tmp_path):
    done = fuzz(tmp_path, "-reference", "liars:Wrong", *ROWS, "-cases", "256", "-jobs", "2")
    assert 1 == done.returncode, done.stderr
    assert "evaluator differs from liars:Wrong" in done.stdout
    assert "again: jitppc fuzz replay jitppc-fuzz-findings/finding-1.json" in done.stdout
    summary = done.stdout.splitlines()[-1]
    assert re.search(r"256 cases, .* 3 of 3 instructions, .* IR operations, \d+ differ", summary)
    again = fuzz(tmp_path, "replay", "jitppc-fuzz-findings/finding-1.json")
    assert 1 == again.returncode
    assert "it differs" in again.stdout
    exported = fuzz(tmp_path, "export", "-json", "all.json")
    assert 0 == exported.returncode
    data = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert ["differs"] == [finding["kind"] for finding in data["findings"]]
    ended = fuzz(tmp_path, "-reference", "liars:Honest", *ROWS, "-for", "3s", "-jobs", "1")
    assert 0 == ended.returncode, ended.stderr


@pytest.mark.parametrize(("kind", "reference"), [("died", "Dying"), ("hung", "Hanging")])
def test_a_deadly_case_is_found_and_the_campaign_goes_on(kind, reference, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "SILENCE_SECONDS", 6.0)
    monkeypatch.setattr(workers, "CASE_SECONDS", 3.0)
    a_plan, ear = plan(f"liars:{reference}", rows="addi", batch=16), Ear()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        campaign = Campaign(a_plan, ledger, Limits(cases=64), ear, tmp_path / "findings")
        standing = campaign.run(LocalWorkers(a_plan, 1))
        assert {kind} == {record["kind"] for record in ledger.table("finding")}
    assert standing.cases + 16 * len(ear.found_ones) == 64
    for _, found, how in ear.found_ones:
        assert kind == how
        assert 0x7FFF == found.case["words"][0, 0] & 0xFFFF
        assert f"liars:{reference}" == found.tier


def test_a_reference_that_gives_up_ends_it_in_one_line(tmp_path):
    done = fuzz(tmp_path, "-reference", "liars:Giving", *ROWS, "-cases", "6400", "-jobs", "1")
    assert 2 == done.returncode
    line = one_line(done)
    assert "liars:Giving: the machine at the other end has been switched off" in line
    assert "jitppc-fuzz.sqlite has all so far" in line
    assert (tmp_path / "jitppc-fuzz-findings" / "finding-1.json").is_file()
    with Ledger(tmp_path / "jitppc-fuzz.sqlite") as ledger:
        assert 3 >= len(ledger.table("batch")) >= 1
        assert 1 == len(ledger.table("finding"))


def test_ctrl_c_ends_it_in_one_line_and_keeps_everything(tmp_path):
    words = command("-reference", "liars:Wrong", *ROWS, "-jobs", "2", "-findings", "999")
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (tmp_path / "jitppc-fuzz-findings" / "finding-1.json").is_file():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # a terminal signals all of them
    out, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert "jitppc: interrupted" == err.splitlines()[-1]
    assert "Traceback" not in err + out
    assert "the same command goes on" in out
    with Ledger(tmp_path / "jitppc-fuzz.sqlite") as ledger:
        assert 1 == len(ledger.table("finding"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-reference", "qemu-usr"), "qemu-usr"),
        (("-reference", "no.such.module:Class"), "no.such.module:Class"),
        (("-reference", "gone.parquet"), "there is no trace file gone.parquet"),
        (("-reference", "evaluator", "-rows", "nonsense*"), "nonsense*"),
        (("-reference", "evaluator", "-strategy", "singel"), "singel"),
        (("-reference", "evaluator", "-model", "power4"), "power4"),
        (("-reference", "evaluator", "-for", "soon"), "soon"),
        (("-reference", "evaluator", "-cases", "0"), "a number such as"),
        (("-reference", "qemu-user", "-strategy", "interrupted"), "interrupted"),
        (("-scheduler", "tcp://127.0.0.1:1"), "tcp://127.0.0.1:1"),
        (("replay", "gone.json"), "gone.json"),
        (("replay",), "replay what?"),
        (("export", "-json", "x.json"), "there is no ledger jitppc-fuzz.sqlite"),
        (("export",), "-parquet FILE or -json FILE"),
        (("record", "-reference", "evaluator"), "-o FILE"),
        (("record", "-answers", "gone", "-o", "x.parquet"), "gone"),
        (("recorder",), "-o FILE.c"),
        (("recorder", "-o", "x.c", "-mode", "supervisor"), "user programs"),
        (("relpay", "x"), "replay"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(words, says, tmp_path):
    done = fuzz(tmp_path, *words)
    assert 2 == done.returncode, done.stdout
    line = one_line(done)
    assert line.startswith("jitppc: ")
    assert says in line


def test_a_full_disk_where_replay_files_go_still_tells_the_finding(tmp_path):
    (tmp_path / "jitppc-fuzz-findings").symlink_to("/dev/full")
    done = fuzz(tmp_path, "-reference", "liars:Wrong", *ROWS, "-cases", "256", "-jobs", "1")
    assert 2 == done.returncode
    assert one_line(done).startswith("jitppc: cannot write ")
    assert "evaluator differs from liars:Wrong" in done.stdout
    with Ledger(tmp_path / "jitppc-fuzz.sqlite") as ledger:
        assert 1 == len(ledger.table("finding"))


def test_the_same_campaign_runs_on_a_dask_cluster(tmp_path, monkeypatch):
    import distributed

    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        words = ("-reference", "liars:Wrong", *ROWS, "-cases", "256")
        done = fuzz(tmp_path, *words, "-scheduler", cluster.scheduler_address)
        assert 1 == done.returncode, done.stderr
        assert "evaluator differs from liars:Wrong" in done.stdout, done.stderr
    local = tmp_path / "local"
    local.mkdir()
    fuzz(local, *words, "-jobs", "1")
    kept = []
    for folder in (tmp_path, local):
        with Ledger(folder / "jitppc-fuzz.sqlite") as ledger:
            judged = {(r["row"], r["tier"]): r["cases"] for r in ledger.table("judged")}
            batches = {r["number"]: (r["cases"], r["differing"]) for r in ledger.table("batch")}
            kept.append((judged, batches, {r["sign"] for r in ledger.table("finding")}))
    assert kept[0] == kept[1]
