"""Proofs that take long, and a Debian system for those who need a whole one: made once, where
`--debian` says.
"""

import re
import subprocess
import sys

import pytest

MAKE_SECONDS = 4 * 3600


@pytest.fixture(scope="session")
def long_proof(request):
    """proof(option, target): the option's value; without, the proof waits for its make target."""
    def proof(option, target):
        given = request.config.getoption(option)
        if not given:
            pytest.skip(f"takes many minutes; run it by `make {target}`")
        return given
    return proof


@pytest.fixture(scope="session")
def directory(long_proof, require_tool):
    given = long_proof("--debian", "test-debian")
    for program in ("mke2fs", "e2fsck", "passt", "ssh", "ssh-keygen"):
        require_tool(program)
    given.mkdir(parents=True, exist_ok=True)
    return given


@pytest.fixture(scope="session")
def disk(directory):
    """A finished disk whose root is let in by the key beside it."""
    key, path = directory / "key", directory / "disk.img"
    if not key.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
        subprocess.run(command, check=True, timeout=60)
    if not path.exists():
        command = [sys.executable, "-m", "jitppc", "debian", "-disk", str(path), "-size", "4G"]
        command += ["-ssh-key", f"{key}.pub", "-no-boot"]
        done = subprocess.run(
            command, check=False, timeout=MAKE_SECONDS, capture_output=True, text=True
        )
        assert 0 == done.returncode, done.stderr[-2000:]
        password = re.search(r"root's password is (\S+)", done.stderr)[1]
        (directory / "password").write_text(password)
    return path
