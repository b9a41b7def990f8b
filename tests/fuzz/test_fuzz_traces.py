"""Trace files and the recorder for real hardware."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from campaigns import plan, run

from jitppc.cli import main
from jitppc.errors import UserError
from jitppc.fuzz import differences
from jitppc.fuzz.cases import OUTCOME, Batch, Kind
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.plan import Plan
from jitppc.fuzz.record import record, take_answers
from jitppc.fuzz.recorder import read_answers, write_recorder
from jitppc.fuzz.references import open_reference
from jitppc.fuzz.traces import GROUP, TraceWriter, open_traces, provenance

#: rows of all kinds that no emulator dies of
ROWS = "add*,subf*,ld,std,lxv,stxv,fadd,fdiv,xsaddqp,vaddu*,b,bc,cmp*,rld*"


def silent(_what, _fraction):
    return


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("traces") / "t.parquet"
    count = record(Plan("interp", rows=ROWS, strategies=("single", "block")), 1000, path, silent)
    assert 900 < count <= 1000
    return path


def test_a_trace_gives_back_what_was_recorded(tmp_path):
    a_plan = Plan("interp", rows=ROWS)
    side = open_reference("interp", "power9")
    generator = Generator(a_plan.chosen_rows(), "power9")
    path = tmp_path / "t.parquet"
    batches = [generator.batch("single", 3000, 0, n).batch for n in range(2)]
    outcomes = [side.run(batch) for batch in batches]
    with TraceWriter(path, provenance(side, "power9", {})) as writer:
        for batch, outcome in zip(batches, outcomes, strict=True):
            writer.add(batch.cases, outcome)
    cases = np.concatenate([batch.cases for batch in batches])
    outcomes = np.concatenate(outcomes)
    said = ~np.isin(outcomes["kind"], differences.UNJUDGED)
    trace = open_traces(path)
    assert (said.sum(), "interp") == (len(trace), trace.name)
    assert len(trace) > GROUP
    for start, stop in ((0, len(trace)), (10, 20), (GROUP - 5, GROUP + 5), (len(trace) - 1, 10**9)):
        batch, answers, undefined = trace.part(start, stop)
        assert undefined is None
        assert cases[said][start:stop].tobytes() == batch.cases.tobytes()
        for name in OUTCOME.names:
            assert np.array_equal(outcomes[said][start:stop][name], answers[name])


def test_a_campaign_judges_against_a_trace(trace, tmp_path):
    standing, ear, _ = run(tmp_path, plan(str(trace), tiers=("exact",), rows="*", batch=256))
    assert (len(open_traces(trace)), []) == (standing.cases, ear.found_ones)
    assert {"addi", "ld", "fadd"} <= standing.covered()


def test_a_wrong_answer_in_a_trace_is_a_finding(trace, tmp_path):
    old = open_traces(trace)
    batch, outcomes, _ = old.part(0, len(old))
    outcomes["state"]["gpr"][7, 3] ^= np.uint64(1)
    path = tmp_path / "wrong.parquet"
    with TraceWriter(path, provenance(old, "power9", {})) as writer:
        writer.add(batch.cases, outcomes)
    standing, ear, _ = run(tmp_path, plan(str(path), tiers=("exact",), rows="*", batch=256))
    assert 1 == standing.findings
    found = ear.found_ones[0][1]
    assert batch.cases[7:8].tobytes() == found.case.tobytes()


def test_a_trace_says_where_it_comes_from(trace):
    about = open_traces(trace).about
    assert ("jitppc trace", 1, "power9") == (about["format"], about["version"], about["model"])
    assert "jitppc" == about["reference"]["program"]
    assert {"strategies", "rows", "seed", "modes"} == set(about["cases"])
    assert about["recorded"].endswith("Z")


def test_other_tools_can_read_a_trace(trace):
    import pyarrow.parquet as pq

    table = pq.read_table(trace, columns=["rows", "words", "before_gpr", "after_gpr", "kind"])
    record = next(r for r in table.to_pylist() if r["rows"] == "addi" and r["kind"] == "NEXT")
    [word] = record["words"]
    target, source = word >> 21 & 31, word >> 16 & 31
    value = record["before_gpr"][source] if source else 0
    immediate = (word & 0xFFFF ^ 0x8000) - 0x8000
    assert (value + immediate) % 2**64 == record["after_gpr"][target]


def _flip(data):
    place = len(data) // 3
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [
    lambda data: data[: len(data) // 2], lambda data: data[:-3], lambda data: b"",
    lambda data: b"PAR1" + bytes(100) + b"PAR1", _flip, lambda data: b"not at all",
])  # fmt: skip
def test_a_damaged_trace_is_named_in_one_line(damage, trace, tmp_path):
    path = tmp_path / "bad.parquet"
    path.write_bytes(damage(trace.read_bytes()))
    with pytest.raises(UserError, match=r"bad\.parquet") as caught:
        run(tmp_path, plan(str(path), tiers=("exact",), rows="*"))
    assert "\n" not in str(caught.value)


def test_the_command_says_nothing_else_of_a_damaged_trace(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("bad.parquet").write_bytes(b"not at all")
    assert main(["fuzz", "-reference", "bad.parquet", "-jobs", "1"]) == 2
    out, err = capfd.readouterr()
    assert ("", 1) == (out, err.count("\n"))


def test_a_parquet_file_of_something_else_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"x\.parquet is no trace file"):
        open_traces(tmp_path / "x.parquet")


def test_a_trace_of_another_model_is_refused(trace, tmp_path):
    with pytest.raises(UserError, match="recorded on power9: give -model power9"):
        run(tmp_path, plan(str(trace), model="power8", rows="*"))


def test_recording_that_ends_early_leaves_a_whole_file(tmp_path):
    def stop(_what, fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    path = tmp_path / "t.parquet"
    with pytest.raises(KeyboardInterrupt):
        record(Plan("interp", rows="add", batch=64), 256, path, stop)
    assert 192 == len(open_traces(path))
    assert [path] == list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_trace(tmp_path, monkeypatch):
    a_plan = Plan("interp", rows="add", batch=64)
    with pytest.raises(UserError, match="cannot write"):
        record(a_plan, 64, tmp_path / "no" / "such" / "folder" / "t.parquet", silent)
    import pyarrow.parquet as pq

    def full(*_arguments, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(UserError, match="No space left on device"):
        record(a_plan, 64, tmp_path / "t.parquet", silent)
    assert [] == list(tmp_path.iterdir())


# --- real hardware, here played by an emulator
@pytest.fixture(scope="module")
def recorded(require_tool, tmp_path_factory):
    """(folder, plan): `recorder` has been compiled, and has filled rec.cases."""
    compiler = require_tool("powerpc64le-linux-gnu-gcc")
    emulator = require_tool("qemu-ppc64le-static", "qemu-ppc64le")
    folder = tmp_path_factory.mktemp("recorder")
    a_plan = Plan("qemu-user", rows=ROWS, strategies=("single", "changing"))
    place = write_recorder(a_plan, 600, folder / "rec.c")
    flags = ["-O2", "-Wall", "-Werror", "-mno-vsx", "-mno-altivec", "-fno-stack-protector"]
    program = folder / "recorder"
    subprocess.run([compiler, *flags, "-static", "-o", program, folder / "rec.c"], check=True)
    done = subprocess.run(
        [emulator, "-cpu", "POWER9", program, place], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert "600 cases recorded" in done.stdout
    return folder, a_plan


def test_the_recorder_answers_as_the_resident_reference(recorded, require_tool):
    folder, a_plan = recorded
    recorder, model, made, cases, outcomes = read_answers(folder / "rec.cases")
    assert (a_plan.model, a_plan.rows) == (model, made["rows"])
    assert "kernel" in recorder.identity()
    side = open_reference("qemu-user", "power9")
    theirs = side.run(Batch(cases, "power9"))
    side.close()
    assert (outcomes["kind"] == theirs["kind"]).all()
    assert (outcomes["kind"] == Kind.NEXT).mean() > 0.7
    for name in recorder.fields:
        assert np.array_equal(outcomes["state"][name], theirs["state"][name]), name
    assert np.array_equal(outcomes["memory"], theirs["memory"])


def test_answers_become_a_trace(recorded, tmp_path):
    folder, _ = recorded
    count = take_answers(folder / "rec.cases", tmp_path / "hw.parquet")
    trace = open_traces(tmp_path / "hw.parquet")
    assert count == len(trace) > 500
    assert "recorder" == trace.identity()["program"]


def test_answers_that_are_not_complete_or_damaged_are_refused(recorded, tmp_path):
    data = (recorded[0] / "rec.cases").read_bytes()
    bad = tmp_path / "bad.cases"
    for changed, says in (
        ((599).to_bytes(8, "little") + data[8:], "599 of 600 cases"),
        (data[:-1] + bytes([data[-1] ^ 1]), "not those that were written"),
        (data[:5000], "damaged"),
        (data[:40], "no cases of a recorder"),
        (b"", "no cases of a recorder"),
    ):
        bad.write_bytes(changed)
        with pytest.raises(UserError, match=says):
            read_answers(bad)


def test_the_program_goes_on_behind_a_case_that_ended_it(recorded, require_tool, tmp_path):
    folder, _ = recorded
    emulator = require_tool("qemu-ppc64le-static", "qemu-ppc64le")
    place = tmp_path / "again.cases"
    data = bytearray((folder / "rec.cases").read_bytes())
    data[:8] = (100).to_bytes(8, "little")  # it ended in case 100
    place.write_bytes(data)
    command = [emulator, "-cpu", "POWER9", str(folder / "recorder"), str(place)]
    assert 0 == subprocess.run(command, capture_output=True, check=False).returncode
    _, _, _, _, outcomes = read_answers(place)
    assert [100] == np.flatnonzero(outcomes["kind"] == Kind.CRASH).tolist()


def test_the_program_refuses_other_files(recorded, require_tool, tmp_path):
    emulator = require_tool("qemu-ppc64le-static", "qemu-ppc64le")
    program = str(recorded[0] / "recorder")
    other = tmp_path / "other"
    other.write_bytes(bytes(9000))
    for words in ([], [str(other)], [str(tmp_path / "gone")]):
        done = subprocess.run(
            [emulator, program, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode in {1, 2}
        assert 1 == done.stderr.count("\n")


def test_the_program_explains_itself(recorded):
    text = (recorded[0] / "rec.c").read_text(encoding="utf-8")
    assert "./recorder rec.cases" in text
    assert "jitppc fuzz record -answers rec.cases" in text
    assert Path("rec.c").name in text
