"""Settings that hold for every test: one Hypothesis profile, and how a missing tool is treated."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: the first example of a law may compile. Blobs are printed so that a failure of CI
# can be reproduced anywhere with @reproduce_failure.
settings.register_profile(
    "jitppc",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("jitppc")

# A job in the background of a shell is started with SIGINT ignored, and so would be all programs
# that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@pytest.fixture(scope="session")
def require_tool():
    """A function that returns a program's path; without it the test is skipped, in CI it fails."""

    def require(*names: str) -> str:
        for name in names:
            if path := shutil.which(name):
                return path
        message = f"needs one of {', '.join(names)} on PATH (`make test` installs it as root)"
        if IN_CI:
            pytest.fail(message)
        pytest.skip(message)

    return require


def pytest_addoption(parser):
    parser.addoption(
        "--hostile-rounds",
        type=int,
        default=1,
        help="how many times 100,000 values are thrown at each device",
    )
    parser.addoption(
        "--power-losses",
        type=int,
        default=2,
        help="how many times jitppc is killed while a guest writes, for each kind of disk",
    )
    parser.addoption(
        "--smp-boots",
        type=int,
        help="boot machines of several processors so often (minutes; see tests/README.md)",
    )
    parser.addoption(
        "--smp-seconds",
        type=int,
        help="litmus tests and stress-ng on several processors for so long (see tests/README.md)",
    )
    parser.addoption(
        "--network-mib",
        type=int,
        help="prove networks with so many MiB each way (minutes; see tests/README.md)",
    )
    parser.addoption(
        "--firmware-table",
        action="store_true",
        help="boot everything that firmware can boot, by SLOF too (many minutes)",
    )
    parser.addoption(
        "--all-programs",
        action="store_true",
        help="run all recorded programs in the evaluator (minutes; see tests/README.md)",
    )
    parser.addoption(
        "--fio-mib",
        type=int,
        help="let fio verify so many MiB of each kind of disk (minutes; see tests/README.md)",
    )
    parser.addoption(
        "--debian",
        type=Path,
        metavar="DIRECTORY",
        help="make a Debian system there and use it (many minutes; see tests/README.md)",
    )
