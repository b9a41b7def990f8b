"""The workloads compute the same on both machines, with qemu-ppc64le as the judge."""

import re
import subprocess

import pytest

from jitppc.bench import workloads
from jitppc.bench.lines import All, Begin, Child, End, Run, read_line
from jitppc.bench.plan import load_plugins
from jitppc.errors import UserError
from jitppc.strategies import strategies

ISSUE = """sha256 qsort sieve fib indirect chase memcpy strlen matmul nbody mix lz bytecode search
linalg getppid faults fork pipe exec boot-init boot-language""".split()
#: qemu-user hands exec to the host's kernel, which cannot start a foreign program.
NEEDS_A_KERNEL = {"exec"}


@pytest.fixture(scope="module")
def programs(require_tool):
    """The program of each target, from a cache of this user."""
    require_tool("gcc")
    require_tool("powerpc64le-linux-gnu-gcc")
    rows = {name: row for name, row in workloads.find().items() if row.source}
    return [workloads.build(rows, target) for target in (workloads.NATIVE, workloads.GUEST)]


def checksums(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return re.findall(r"@run \S+ \d+ \d+ (\w{16})", done.stdout)


def test_every_workload_that_was_asked_for_is_there():
    assert set(ISSUE) == set(workloads.find())


@pytest.mark.parametrize("name", [name for name in ISSUE if not name.startswith("boot")])
def test_checksums_agree_and_repeat(name, programs, require_tool):
    native, guest = map(str, programs)
    found = checksums(native, name, "2")
    assert 2 == len(found)
    assert found[0] == found[1]
    assert found[0].strip("0"), "a checksum of zeros says that something failed"
    if name not in NEEDS_A_KERNEL:
        assert found[:1] == checksums(require_tool("qemu-ppc64le"), guest, name, "1")


def test_lines_are_read_wherever_they_stand():
    line = b"[  1.0] noise@run fib 3 1500000000 00000000008cccc9\r"
    assert Run("fib", 3, 1.5, "00000000008cccc9") == read_line(line)
    assert Begin("fib") == read_line(b"@begin fib\r")
    assert End("fib", -14) == read_line(b"@end fib -14")
    assert All() == read_line(b"@all")
    assert read_line(b"@run fib") is None


def test_a_process_that_says_nothing_is_given_up():
    child = Child(["sh", "-c", "echo one; exec sleep 1000"])
    assert [b"one"] == list(child.lines(0.3))
    assert child.timed_out
    assert child.close() < 0


def test_last_words_are_those_beside_events():
    child = Child(["sh", "-c", "echo @all; echo one; echo two >&2; echo @facts xyz"])
    seen = list(child.events(10))
    child.close()
    assert [All(), b"one", b"@facts xyz"] == seen
    assert {b"one", b"two"} == set(child.tail.split())


def test_a_last_line_without_an_end_is_a_line():
    child = Child(["printf", "a\\nb"])
    assert [b"a", b"b"] == list(child.lines(10))
    assert 0 == child.close()


def test_cpu_time_of_runs_is_seen_from_outside(programs):
    child = Child([str(programs[0]), "fib", "2"])
    runs = [event for event in child.events(30) if isinstance(event, Run)]
    child.close()
    assert all(0 < run.cpu_seconds < 10 * run.seconds + 0.1 for run in runs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("int x;\n", 'no line WORKLOAD(name, "group", "sentence")'),
        ('#include "workload.h"\nWORKLOAD(x, "silly", "s")\n', "x is of group 'silly'; there are"),
        ('#include "workload.h"\nWORKLOAD(x, "integer", "s")\n{ return y; }\n', "cannot compile"),
        (None, "No such file"),
    ],
)
def test_a_workload_file_that_is_wrong_is_one_line(text, says, tmp_path, require_tool):
    require_tool("gcc")
    source = tmp_path / "mine.c"
    if text is not None:
        source.write_text(text)
    with pytest.raises(UserError) as error:
        workloads.build({"x": workloads.find([source])["x"]}, workloads.NATIVE)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_compiler_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    rows = {"fib": workloads.find()["fib"]}
    says = r"powerpc64le-linux-gnu-gcc is not installed \(Debian: gcc"
    with pytest.raises(UserError, match=says):
        workloads.build(rows, workloads.GUEST)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("add(\n", "line 1: SyntaxError"),
        ("import jitppc.strategies as s\n\ns.add(s.Strategy('interp', ''))", "line 3: ValueError"),
        ("raise SystemError('no')", "line 1: SystemError: no"),
        ("x = 1", "adds no strategy"),
    ],
)
def test_a_strategy_file_that_is_wrong_is_one_line(text, says, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    before = dict(strategies())
    with pytest.raises(UserError) as error:
        load_plugins([path])
    assert says in str(error.value)
    assert before == strategies()


def test_the_programs_leave_nothing_but_themselves(programs):
    assert [] == list(programs[0].parent.glob("*partial*"))
