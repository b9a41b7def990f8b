"""`jitppc bench` as a user meets it: bad input is one line, and the docs are true."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_engines import guest_record, run_record

DOCS = Path(__file__).parents[2] / "docs/bench.md"


@pytest.fixture
def bench(tmp_path):
    """Runs `jitppc bench` in a directory of its own; (status, output, errors)."""

    def run(*words: str, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "jitppc", "bench", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=120,
            env=os.environ | environment,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fob"], "unknown workload 'fob'; did you mean fib?"),
        (["-strategies", "regoins"], "unknown strategy 'regoins'; did you mean regions?"),
        (["-peers", "nativ"], "unknown peer 'nativ'; did you mean native?"),
        (["-peers", "bochs"], "unknown peer 'bochs'; there are qemu, native"),
        (["-strategies", ""], "nothing to measure: name strategies or peers"),
        ([""], "nothing to measure: name a suite or a workload"),
        (["-repeat", "0"], "-repeat 0: '0' is not a number from 1"),
        (["-limit", "0.5"], "is not a number of seconds from 1 to 86400"),
        (["-time", "guest"], "unknown value 'guest'"),
        (["-strategy-file", "none.py"], "none.py: there is no such file"),
        (["-workload-file", "none.c"], "none.c: No such file or directory"),
        (["-out", "no/such/place", "-strategies", "interp"], "-out no/such/place: No such file"),
        (["-reread", "none.jsonl"], "-reread none.jsonl"),
        (["-scheduler", "local:x", "fib"], "local:N, with N processes from 1"),
        (["-scheduler", "tcp://127.0.0.1:1", "fib"], "-scheduler tcp://127.0.0.1:1: "),
        (["-schedule", "x"], "unknown option -schedule; did you mean -scheduler?"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(words, says, bench, tmp_path):
    status, output, errors = bench(*words)
    assert (2, "") == (status, output)
    assert says in errors
    assert 1 == errors.count("\n")
    assert [] == list(tmp_path.iterdir())


def test_what_there_is_can_be_listed(bench):
    status, output, _ = bench("-list")
    assert 0 == status
    for name in ("quick", "programs", "boot-language", "sha256", "no-chaining", "native"):
        assert f"\n  {name} " in output


def test_native_runs_alone_and_can_be_read_again(bench, tmp_path, require_tool):
    require_tool("gcc")
    words = ["fib", "matmul", "-strategies", "", "-peers", "native", "-runs", "2", "-out", "first"]
    status, output, _ = bench(*words)
    assert 0 == status
    assert {"first.jsonl", "first.html"} == {path.name for path in tmp_path.iterdir()}
    records = [json.loads(line) for line in (tmp_path / "first.jsonl").read_text().splitlines()]
    assert ["host"] + ["run"] * 4 == [record["what"] for record in records]
    assert output == bench("-reread", "first.jsonl")[1]
    status, _, errors = bench(*words)
    assert (2, "jitppc: -out first: first.jsonl is there already\n") == (status, errors)


def test_a_missing_peer_is_a_line_and_the_rest_goes_on(bench, tmp_path, require_tool):
    gcc = Path(require_tool("gcc"))
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("gcc", "as", "ld", "sh"):
        (tools / name).symlink_to(require_tool(name) if name != "gcc" else gcc)
    words = ["fib", "-strategies", "", "-peers", "qemu,native", "-runs", "1", "-out", "x"]
    status, output, _ = bench(*words, PATH=str(tools))
    assert 1 == status
    assert "qemu: qemu-system-ppc64 is not installed (Debian: qemu-system-ppc)" in output
    assert re.search(r"fib .*\d", output)


def test_checksums_that_differ_end_with_status_1(bench, tmp_path):
    records = [run_record("interp", "fib", 0, 1.0), run_record("qemu", "fib", 0, 1.0, checksum="1")]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "x.jsonl").write_text(text)
    status, output, _ = bench("-reread", "x.jsonl", "-no-report")
    assert 1 == status
    assert "fib: checksums differ: interp: 0; qemu: 1" in output


@pytest.mark.parametrize("text", ["", "[]\n", '{"a": 1}\n', "what?", "\0"])
def test_a_file_that_is_no_result_is_refused(text, bench, tmp_path):
    (tmp_path / "x.jsonl").write_text(text)
    status, output, errors = bench("-reread", "x.jsonl")
    assert (2, "", 1) == (status, output, errors.count("\n"))


def test_the_strategies_of_the_documentation_stand_in_the_list(bench, tmp_path):
    (text,) = code_blocks("python")
    (tmp_path / "mine.py").write_text(text)
    status, output, errors = bench("-list", "-strategy-file", "mine.py")
    assert (0, "") == (status, errors)
    assert "\n  tiny           regions of 12 instructions\n" in output
    assert "\n  blocks-o0      single blocks at LLVM level 0\n" in output


def test_the_workload_of_the_documentation_runs(bench, tmp_path, require_tool):
    require_tool("gcc")
    (text,) = code_blocks("c")
    (tmp_path / "collatz.c").write_text(text)
    words = ["-workload-file", "collatz.c", "-strategies", "", "-peers", "native", "-out", "x"]
    status, output, _ = bench("collatz", *words)
    assert 0 == status
    assert "collatz" in output
    sums = {json.loads(line).get("checksum") for line in (tmp_path / "x.jsonl").open()}
    steps = 0
    for number in range(1, 100_000):
        n = number
        while n > 1:
            n = 3 * n + 1 if n & 1 else n // 2
            steps += 1
    assert {None, f"{steps:016x}"} == sums


def test_every_option_of_regions_is_in_the_documentation():
    import dataclasses

    from jitppc.strategies import RegionOptions

    for option in dataclasses.fields(RegionOptions):
        assert f"| `{option.name}` |" in DOCS.read_text()


def test_an_installed_package_brings_strategies(bench, tmp_path):
    package = tmp_path / "other"
    info = package / "other-1.dist-info"
    info.mkdir(parents=True)
    (package / "other.py").write_text(
        "from jitppc.strategies import Strategy\n"
        "MINE = Strategy('others', 'from elsewhere', None)\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[jitppc.strategies]\nothers = other:MINE\n")
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    status, output, errors = bench("-list", PYTHONPATH=path)
    assert (0, "") == (status, errors)
    assert "\n  others         from elsewhere\n" in output


def test_a_cluster_of_two_processes_measures_the_same(bench, tmp_path, require_tool):
    require_tool("gcc")
    words = ["fib", "matmul", "-strategies", "", "-peers", "native", "-runs", "1"]
    status, _, errors = bench(*words, "-repeat", "3", "-scheduler", "local:2", "-out", "x")
    assert 0 == status, errors
    records = [json.loads(line) for line in (tmp_path / "x.jsonl").open()]
    runs = sorted((r["workload"], r["repeat"]) for r in records if r["what"] == "run")
    assert [(name, n) for name in ("fib", "matmul") for n in range(3)] == runs
    assert all(r["where"] for r in records if r["what"] == "run")


@pytest.fixture
def hanging(tmp_path, require_tool):
    """A bench whose workload never ends, and the process of that workload."""
    require_tool("gcc")
    text = '#include "workload.h"\nWORKLOAD(zz_hangs, "integer", "never ends")\n{ for (;;) ; }\n'
    (tmp_path / "hangs.c").write_text(text)
    command = [sys.executable, "-m", "jitppc", "bench", "fib,zz_hangs", "-strategies", ""]
    command += ["-peers", "native", "-runs", "1", "-workload-file", "hangs.c", "-out", "x"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "native: zz_hangs" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (child := children.read_text().strip()):
        time.sleep(0.05)
    return process, child


def wait_until_gone(pid):
    """It was killed; whether its new parent has taken note of it is nothing to us."""
    deadline = time.monotonic() + 30
    status = Path(f"/proc/{pid}/status")
    with contextlib.suppress(OSError):
        while "State:\tZ" not in status.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_ctrl_c_keeps_what_there_is_and_leaves_no_process(hanging, tmp_path):
    process, child = hanging
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (130, "jitppc: interrupted\n") == (process.returncode, errors)
    assert re.search(r"fib .*\d", output)
    assert ["host", "run"] == [json.loads(line)["what"] for line in (tmp_path / "x.jsonl").open()]
    wait_until_gone(child)


def test_a_kill_leaves_no_process(hanging):
    process, child = hanging
    process.kill()
    process.communicate()
    wait_until_gone(child)


def test_where_the_time_went_can_be_said_in_words(bench, tmp_path):
    records = [run_record("cold", "fib", 0, 1.0), guest_record("cold", ["fib"])]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "x.jsonl").write_text(text)
    _, output, _ = bench("-reread", "x.jsonl", "-no-report", "-profile")
    assert "cold, fib: 0.82 s, 59 regions made in 0.40 s, 58% of 5.9e+07 instructions" in output
    assert "   61.0%  regions\n   36.6%  interpreter\n    2.4%  decoding\n" in output
