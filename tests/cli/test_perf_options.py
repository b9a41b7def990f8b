"""`-perfmap`, `-jitdump` and `-symbols` on the command line."""

import os
from pathlib import Path

import fake_machine
import pytest

MAP = Path(f"/tmp/perf-{os.getpid()}.map")  # where perf looks for it


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A file that has no symbols, in the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("vmlinux").write_bytes(b"no ELF")
    yield "vmlinux"
    MAP.unlink(missing_ok=True)


def test_without_the_options_there_are_no_files(jitppc, kernel):
    assert 0 == jitppc("run", "-kernel", kernel, "-append", "poweroff")[0]
    assert fake_machine.FakeMachine.made[-1].perf is None
    assert ["vmlinux"] == [path.name for path in Path().iterdir()]
    assert not MAP.exists()


def test_the_files_are_complete_when_the_machine_has_ended(jitppc, kernel):
    Path("System.map").write_text("c000000000001000 T start\n")
    options = ["-perfmap", "-jitdump", "-symbols", "System.map"]
    assert 0 == jitppc("run", "-kernel", kernel, "-append", "poweroff", *options)[0]
    assert fake_machine.FakeMachine.made[-1].perf is not None
    assert MAP.exists()
    dump = Path(f"jit-{os.getpid()}.dump").read_bytes()
    assert (b"DTiJ", 56) == (dump[:4], len(dump))  # a header, and a record that says it is closed


def test_a_kernel_without_symbols_is_no_hindrance(jitppc, kernel):
    assert 0 == jitppc("run", "-kernel", kernel, "-append", "poweroff", "-perfmap")[0]


@pytest.mark.parametrize(
    ("symbols", "says"),
    [("none", "No such file"), ("vmlinux", "neither an ELF file"), (".", "directory")],
)
def test_symbols_that_cannot_be_read_are_named_in_one_line(jitppc, kernel, symbols, says):
    status, _output, errors = jitppc("run", "-kernel", kernel, "-perfmap", "-symbols", symbols)
    assert 2 == status
    assert errors.startswith(f"jitppc: -symbols {symbols}: ")
    assert says in errors
    assert 1 == errors.count("\n")
    assert not fake_machine.FakeMachine.made
    assert not MAP.exists()


def test_a_directory_that_cannot_be_written_is_named_in_one_line(jitppc, kernel, tmp_path):
    """Here, one that is gone; root could write any other."""
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    status, _output, errors = jitppc("run", "-kernel", str(tmp_path / kernel), "-jitdump")
    os.chdir(tmp_path)
    assert (2, 1) == (status, errors.count("\n"))
    assert "-jitdump" in errors
