"""What each subcommand prints and returns."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from jitppc.errors import PackageError

RUN = ("run", "-kernel", "vmlinux")


def test_help_names_every_command(jitppc):
    status, output, errors = jitppc("--help")
    assert (0, "") == (status, errors)
    for name in ("boot", "run", "dis", "doctor", "cache"):
        assert f"\n  {name} " in output


@pytest.mark.parametrize("name", ["boot", "run", "dis", "bench", "doctor", "cache"])
def test_every_command_has_help(jitppc, name):
    status, output, _errors = jitppc(name, "--help")
    assert 0 == status
    assert output.startswith(f"usage: jitppc {name}")
    assert max(map(len, output.splitlines())) <= 100


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from jitppc.cli import main; main(['run', '--help']); "
        "sys.exit(' '.join({'numpy', 'numba', 'llvmlite', 'rich', 'elftools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "" == done.stderr.strip()


@pytest.mark.parametrize(
    ("append", "words", "expected"),
    [
        ("poweroff", [], 0),
        ("reboot", ["-no-reboot"], 0),
        ("say:hello_world", ["--until", "lo w"], 0),
        ("", ["--timeout", "0.05"], 124),
        ("panic:no_init", [], 1),
    ],
)
def test_exit_statuses(jitppc, append, words, expected):
    status, _output, _errors = jitppc(*RUN, "-append", append, *words)
    assert expected == status


def test_a_panic_is_reported_with_its_reason(jitppc):
    _status, _output, errors = jitppc(*RUN, "-append", "panic:no_init")
    assert "jitppc: the guest panicked: no init\n" == errors


def test_a_timeout_says_what_was_waited_for(jitppc):
    _status, _output, errors = jitppc(*RUN, "--until", "login:", "--timeout", "0.05")
    assert "jitppc: 0.05 seconds are over for /login:/\n" == errors


def test_a_clean_run_says_nothing_of_its_own(jitppc_process):
    done = jitppc_process(*RUN, "-append", "say:hello poweroff")
    assert (0, "hello", "") == (done.returncode, done.stdout, done.stderr)


def test_serial_none_shows_nothing(jitppc_process):
    done = jitppc_process(*RUN, "-serial", "none", "-append", "say:hello poweroff")
    assert (0, "") == (done.returncode, done.stdout)


def test_statistics_are_written_as_json(jitppc, tmp_path):
    path = tmp_path / "stats.json"
    assert 0 == jitppc(*RUN, "-append", "poweroff", "-stats", str(path))[0]
    assert '"guest_instructions": 5' in path.read_text()


def test_statistics_that_cannot_be_written_are_one_line(jitppc, tmp_path):
    status, _output, errors = jitppc(*RUN, "-append", "poweroff", "-stats", str(tmp_path))
    assert (2, 1) == (status, errors.count("\n"))
    assert "Is a directory" in errors


def test_a_closed_standard_output_is_one_line(jitppc_process):
    done = jitppc_process(*RUN, "-append", "poweroff", preexec_fn=lambda: __import__("os").close(1))
    assert 2 == done.returncode
    assert "jitppc: standard output is closed" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_an_output_that_nobody_reads_ends_the_guest(tmp_path):
    errors = tmp_path / "errors"
    fake = Path(__file__).with_name("fake_machine.py")
    line = f"{sys.executable} {fake} run -kernel k -append 'ready say:x say:y' 2>{errors} | true"
    started = time.monotonic()
    subprocess.run(["bash", "-c", line + "; exit ${PIPESTATUS[0]}"], timeout=30, check=False)
    assert time.monotonic() - started < 25
    assert "Traceback" not in errors.read_text()


def test_help_into_a_closed_pipe_is_silent(jitppc_process):
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m jitppc run --help | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    assert done.stdout.startswith("usage:")


def test_a_full_disk_is_one_line(jitppc_process):
    with Path("/dev/full").open("w") as full:
        done = jitppc_process("--help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (2, "jitppc: No space left on device\n") == (done.returncode, done.stderr)


def test_unknown_commands_are_named_with_the_nearest(jitppc):
    status, _output, errors = jitppc("bot")
    assert (2, "jitppc: unknown command 'bot'; did you mean boot?\n") == (status, errors)


def test_a_line_without_command_is_run(jitppc):
    assert 0 == jitppc("-M", "pseries", "-kernel", "k", "-append", "poweroff")[0]


def test_boot_passes_options_through(jitppc, monkeypatch):
    from fake_machine import FakeMachine

    from jitppc.host import installer

    files = installer.Installer(Path("/k/vmlinux"), Path("/k/initrd.gz"))
    monkeypatch.setattr(installer, "fetch", lambda progress: files)
    status, _output, _errors = jitppc("boot", "-m", "512M", "--timeout", "0.05", "-append", "ready")
    assert 124 == status
    (machine,) = FakeMachine.made
    assert (files.kernel, files.initrd) == (machine.config.kernel, machine.config.initrd)
    assert (512 << 20, "ready") == (machine.config.memory, machine.config.append)


def test_boot_gives_the_console_by_default(jitppc, monkeypatch):
    from jitppc.cli.commands import BOOT_APPEND

    assert "console=hvc0" == BOOT_APPEND


def test_boot_refuses_bad_options_before_it_fetches(jitppc, monkeypatch):
    monkeypatch.setattr("jitppc.host.installer.fetch", lambda progress: pytest.fail("fetched"))
    assert 2 == jitppc("boot", "-strategy", "interp", "-lockstep", "interp,exact")[0]
    status, _output, errors = jitppc("boot", "-kernel", "x")
    assert 2 == status
    assert "brings its own" in errors


def test_boot_without_package_client_says_how_to_pass_a_kernel(jitppc, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _output, errors = jitppc("boot")
    assert (2, 1) == (status, errors.count("\n"))
    assert "jitppc run -kernel FILE -initrd FILE" in errors


def test_a_failing_fetch_is_one_line(jitppc, monkeypatch):
    def fail(progress):
        raise PackageError("apt-get cannot\n download it")

    monkeypatch.setattr("jitppc.host.installer.fetch", fail)
    assert (2, "", "jitppc: apt-get cannot download it\n") == jitppc("boot")


def test_doctor_reports_versions_and_cache(jitppc, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    status, output, _errors = jitppc("doctor")
    assert 0 == status
    for word in ("llvmlite", "numba", "LLVM", str(tmp_path / "jitppc"), "writable", "apt-get"):
        assert word in output


def test_cache_info_and_clear(jitppc, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "(empty)" in jitppc("cache", "info")[1]
    (tmp_path / "jitppc/objects").mkdir(parents=True)
    (tmp_path / "jitppc/objects/a").write_bytes(bytes(100_000))
    assert "objects" in jitppc("cache", "info")[1]
    assert "freed" in jitppc("cache", "clear")[1]
    assert not (tmp_path / "jitppc").exists()
    assert 0 == jitppc("cache", "clear")[0]


@pytest.mark.parametrize("words", [(), ("inof",)])
def test_cache_wants_one_action(jitppc, words):
    status, _output, errors = jitppc("cache", *words)
    assert 2 == status
    assert "say info, verify or clear" in errors


def test_devices_and_their_properties_are_listed_without_a_kernel(jitppc):
    status, output, errors = jitppc("run", "-device", "help")
    assert (0, "") == (status, errors)
    assert "virtio-blk-pci" in output
    status, output, _ = jitppc("-device", "virtio-blk-pci,help")
    assert 0 == status
    assert "  drive " in output
    status, _, errors = jitppc("-device", "virtio-blk-pcy,help")
    assert 2 == status
    assert "did you mean virtio-blk-pci?" in errors
