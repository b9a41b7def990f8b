"""`perf report` names what the guest's kernel does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SECONDS = 300


@pytest.fixture(scope="module")
def kernel():
    from jitppc.host import installer, packages

    if not packages.available():
        pytest.skip("needs apt-get and dpkg-deb to fetch the guest's programs")
    return installer.fetch().kernel


@pytest.fixture(scope="module")
def symbols(require_tool, kernel):
    """Names of the kernel's functions, read by binutils."""
    command = [require_tool("powerpc64le-linux-gnu-nm", "nm"), str(kernel)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in listed.splitlines()}


@pytest.fixture(scope="module")
def perf(require_tool):
    """The program, if this host lets it count."""
    path = require_tool("perf")
    command = [path, "stat", "-e", "cpu-clock", "true"]
    trial = subprocess.run(command, check=False, capture_output=True)
    if trial.returncode:
        pytest.skip(f"perf may not count here: {trial.stderr.decode(errors='replace')[-200:]}")
    return path


def names_in_report(perf, directory, kernel, option, *, inject):
    """Symbols of a profile of a boot without a root file system."""
    run = [sys.executable, "-m", "jitppc", "run", "-kernel", str(kernel), "-m", "512M"]
    run += ["-append", "console=hvc0 panic=-1", "-no-reboot", option]
    run += ["-until", "Unable to mount root", "-timeout", str(SECONDS)]
    record = [perf, "record", "-k", "mono", "-e", "cpu-clock", "-o", "data", "--", *run]
    environment = os.environ | {"HOME": str(directory)}
    environment.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    done = subprocess.run(
        record, check=False, cwd=directory, capture_output=True, timeout=SECONDS, env=environment
    )
    assert 0 == done.returncode, done.stderr.decode(errors="replace")[-2000:]
    data = "data"
    if inject:
        data = "injected"
        command = [perf, "inject", "--jit", "-i", "data", "-o", data]
        subprocess.run(command, cwd=directory, check=True, capture_output=True, env=environment)
    command = [perf, "report", "-i", data, "--sort", "sym", "--no-children", "-g", "none"]
    report = subprocess.run(
        command, cwd=directory, check=True, capture_output=True, env=environment
    )
    return re.findall(r"\[\.\] (\S.*?)\s*$", report.stdout.decode(errors="replace"), re.M)


@pytest.mark.parametrize(("option", "inject"), [("-perfmap", False), ("-jitdump", True)])
def test_the_report_names_guest_functions_and_handlers(
    tmp_path, perf, kernel, symbols, option, inject
):
    names = names_in_report(perf, tmp_path, kernel, option, inject=inject)
    assert any(name.startswith("tier0:ld") for name in names)
    functions = {match[1] for name in names if (match := re.match(r"guest:([a-z_][\w.]+)", name))}
    assert len(functions) >= 3
    assert functions <= symbols
