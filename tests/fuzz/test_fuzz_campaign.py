"""Campaigns: what they find, make small, count, keep and go on from."""

import json
import sqlite3
import time
from dataclasses import replace

import pytest
from campaigns import Here, plan, run

from jitppc.errors import UserError
from jitppc.fuzz.events import Found
from jitppc.fuzz.export import tables, write_json, write_parquet
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.ledger import Ledger
from jitppc.fuzz.plan import Plan
from jitppc.fuzz.replay import from_text, read, to_text
from jitppc.fuzz.report import report
from jitppc.fuzz.rerun import rerun
from jitppc.fuzz.shrink import shrink


def test_honest_sides_agree(tmp_path):
    standing, ear, _ = run(tmp_path, plan("liars:Honest"), cases=256)
    assert (256, 0, []) == (standing.cases, standing.findings, ear.found_ones)
    assert {"addi", "ori", "ld"} == standing.covered()


def test_a_difference_is_found_once_and_made_as_small_as_can_be(tmp_path):
    standing, ear, _ = run(tmp_path, plan(), cases=256)
    assert 1 == standing.findings
    assert standing.differing > 1
    [(_, found, kind)] = ear.found_ones
    assert "differs" == kind
    case = found.case[0]
    assert 1 == case["count"]
    # `addi 0,0,1`, and nothing in the registers
    assert 0x38000001 == case["words"][0]
    assert not case["state"]["gpr"].any()
    assert not case["state"]["vsr"].any()
    assert not case["memory"].any()


def test_of_a_line_only_the_guilty_instruction_is_left(tmp_path):
    a_plan = plan(strategies=("block",))
    _, ear, _ = run(tmp_path, a_plan, cases=128, findings=1)
    found = ear.found_ones[0][1]
    assert 1 == found.case["count"][0]
    assert 14 == found.case["words"][0, 0] >> 26


def test_making_small_ends_in_time_with_what_it_has():
    """A condition that is slow ends it soon; the result still fails."""
    generator = Generator(Plan("evaluator", rows="ld,std,add").chosen_rows(), "power9")
    case = generator.batch("block", 1, 3, 0).batch.cases

    def fails(cases):
        time.sleep(0.02)
        return cases["state"]["gpr"][:, 5] > 1000

    case["state"]["gpr"][0, 5] = 123456789
    began = time.monotonic()
    small = shrink(case, "power9", fails, 1.5)
    assert time.monotonic() - began < 30
    assert 1000 < small["state"]["gpr"][0, 5] <= 123456789
    assert 1 == small["count"][0]


def test_later_lines_with_the_same_fault_are_counted_not_reported(tmp_path):
    standing, ear, _ = run(tmp_path, plan(strategies=("block",)), cases=512)
    assert 1 == len(ear.found_ones) == standing.findings
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        [record] = ledger.table("finding")
    assert record["times"] > 1


def test_the_report_says_what_a_reader_needs(tmp_path):
    _, ear, _ = run(tmp_path, plan(), cases=128)
    found = ear.found_ones[0][1]
    text = report(found)
    assert "evaluator differs from liars:Wrong" in text
    assert "38000001" in text
    assert "addi r0,r0,1" in text
    assert "Book I 3.3.9" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["r3", "0" * 16, "0" * 16, "0" * 15 + "1"] in lines
    assert "r0 " not in text
    verbose = report(found, verbose=True)
    assert ["r0", "0" * 16, "0" * 15 + "1", "0" * 15 + "1"] in [
        line.split() for line in verbose.splitlines()
    ]


def test_a_replay_file_is_exact(tmp_path):
    _, ear, _ = run(tmp_path, plan(strategies=("block", "single")), cases=256)
    for number, found, _ in ear.found_ones:
        path = tmp_path / "findings" / f"finding-{number}.json"
        again = read(path)
        for name in ("case", "theirs", "ours"):
            assert getattr(found, name).tobytes() == getattr(again, name).tobytes()
        assert to_text(again) == path.read_text(encoding="utf-8").rstrip("\n")
        verdict = rerun(again)
        assert verdict.differs
        assert "otherwise than" not in verdict.text


def test_every_case_survives_a_replay_file(tmp_path):
    from jitppc.fuzz.generate import STRATEGIES
    from jitppc.fuzz.references import open_reference
    from jitppc.fuzz.replay import Replay

    chosen = Plan("evaluator", rows="l*,st*,f*,xv*").chosen_rows()
    generator, side = Generator(chosen, "power9"), open_reference("evaluator", "power9")
    for strategy in STRATEGIES:
        batch = generator.batch(strategy, 8, 1, 1).batch
        outcomes = side.run(batch)
        for n in range(8):
            one = slice(n, n + 1)
            given = Replay("power9", "interp", "evaluator", side.identity(), side.fields, {},
                           batch.cases[one], outcomes[one], outcomes[one])  # fmt: skip
            again = from_text(to_text(given), "here")
            assert given.case.tobytes() == again.case.tobytes()
            assert given.theirs.tobytes() == again.theirs.tobytes()


@pytest.mark.parametrize("damage", [
    lambda data: data.pop("words"),
    lambda data: data.update(words=[]),
    lambda data: data.update(words=["zz"]),
    lambda data: data.update(words=["60000000"] * 99),
    lambda data: data.update(model="power4"),
    lambda data: data.update(format="something"),
    lambda data: data["state"].update(gpr={"77": "0x1"}),
    lambda data: data["state"].update(nonsense="0x1"),
    lambda data: data["theirs"].update(kind="HOW"),
    lambda data: data.update(memory={"9999": "00"}),
    lambda data: data.update(version=99),
])  # fmt: skip
def test_a_damaged_replay_file_is_named_in_one_line(damage, tmp_path):
    _, ear, _ = run(tmp_path, plan(), cases=64)
    data = json.loads(to_text(ear.found_ones[0][1]))
    damage(data)
    with pytest.raises(UserError, match=r"mine\.json") as caught:
        from_text(json.dumps(data), "mine.json")
    assert "\n" not in str(caught.value)


def test_rows_are_chosen_by_patterns():
    def chosen(text):
        return {row.key for row in Plan("evaluator", rows=text).chosen_rows()}

    assert {"addi", "addis"} == chosen("addi,addis")
    assert chosen("add*") - {"addi"} == chosen("add*,!addi")
    assert chosen("*") - {"addi"} == chosen("!addi")
    assert "paddi" not in chosen("*")


# --- going on
def test_the_same_plan_goes_on_where_it_was(tmp_path):
    run(tmp_path, plan(), cases=128)
    standing, ear, workers = run(tmp_path, plan(), cases=320)
    assert [2, 3, 4] == workers.taken
    assert (320, 192, []) == (standing.cases, standing.here, ear.found_ones)
    _, _, workers = run(tmp_path, plan(seed=1), cases=64)
    assert [0] == workers.taken
    _, ear, workers = run(tmp_path, plan(), cases=64, fresh=True)
    assert ([0], 1) == (workers.taken, len(ear.found_ones))


def test_what_was_found_before_an_interruption_is_kept(tmp_path):
    class Interrupted(Here):
        def run(self, numbers):
            for event in super().run(numbers):
                yield event
                if len(self.taken) == 3:
                    raise KeyboardInterrupt

    a_plan = plan()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, a_plan, Interrupted(a_plan), cases=640)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert 2 == len(ledger.table("batch"))
        assert 1 == len(ledger.table("finding"))
    assert (tmp_path / "findings" / "finding-1.json").is_file()
    standing, _, workers = run(tmp_path, a_plan, cases=256)
    assert ([2, 3], 256) == (workers.taken, standing.cases)


def test_a_finding_that_is_being_made_small_is_kept_too(tmp_path):
    class Interrupted(Here):
        def run(self, numbers):
            for event in super().run(numbers):
                yield event
                if type(event).__name__ == "Found":
                    raise KeyboardInterrupt

    a_plan = plan()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, a_plan, Interrupted(a_plan), cases=640)
    found = read(tmp_path / "findings" / "finding-1.json")
    assert rerun(found).differs


# --- the ledger and what comes out of it
def test_judgements_are_counted_by_row_and_tier(tmp_path):
    run(tmp_path, plan("liars:Honest"), cases=192)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        found = {(r["row"], r["tier"]): r["cases"] for r in ledger.table("judged")}
        exported = tables(ledger)
    assert {"evaluator"} == {tier for _, tier in found}
    assert 192 == sum(found.values())
    ops = {record["op"]: record["cases"] for record in exported["ops"]}
    assert found["ld", "evaluator"] == ops["load"]
    assert ops["add"] >= found["addi", "evaluator"]


def test_nothing_counts_as_judged_without_an_answer(tmp_path):
    standing, _, _ = run(tmp_path, plan("liars:Silent"), cases=64)
    assert (64, set()) == (standing.cases, standing.covered())


def test_the_ledger_goes_out_as_json_and_parquet(tmp_path):
    import pyarrow.parquet as pq

    run(tmp_path, plan(), cases=128)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write_json(ledger, tmp_path / "all.json")
        files = write_parquet(ledger, tmp_path / "all.parquet")
    data = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert ["all.parquet", "all-ops.parquet", "all-findings.parquet"] == [f.name for f in files]
    for name, path in zip(("judged", "ops", "findings"), files, strict=True):
        assert data[name] == pq.read_table(path).to_pylist()
    assert "liars:Wrong" == data["findings"][0]["reference"]


def test_a_damaged_ledger_is_named_in_one_line(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"nonsense" * 500)
    with pytest.raises(UserError, match=r"ledger\.sqlite"):
        Ledger(path)
    path.write_text("this is no database at all, but long enough" * 9, encoding="utf-8")
    with pytest.raises(UserError, match=r"ledger\.sqlite"):
        Ledger(path)


def test_a_full_disk_ends_a_campaign_in_one_line_and_loses_nothing(tmp_path):
    class Full(Here):
        """From the second batch on the file may not grow, and findings are large."""

        def run(self, numbers):
            for event in super().run(numbers):
                if len(self.taken) > 1:
                    ledgers[0]._db.execute("PRAGMA max_page_count = 1")
                    if isinstance(event, Found):
                        yield replace(event, sign="new", replay=event.replay + " " * 10**6)
                yield event

    ledgers, opened = [], Ledger.__enter__
    a_plan = plan()

    def remember(self):
        ledgers.append(self)
        return opened(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "__enter__", remember)
        with pytest.raises(UserError, match="full"):
            run(tmp_path, a_plan, Full(a_plan), cases=6400)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        assert ("ok",) == db.execute("PRAGMA integrity_check").fetchone()
        assert (1,) == db.execute("SELECT count(*) FROM finding").fetchone()
        assert (1,) == db.execute("SELECT count(*) FROM batch").fetchone()
    assert (tmp_path / "findings" / "finding-1.json").is_file()
