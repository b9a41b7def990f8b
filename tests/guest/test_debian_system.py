"""`jitppc debian` makes a Debian system and boots it: console, ssh, apt, shutdown, fsck.

It takes many minutes and the network, so it runs when asked for: `make test-debian`, or
`pytest --debian DIRECTORY tests/guest/test_debian_system.py`. A disk that is in the directory
already is used as it is.
"""

import re
import socket
import subprocess
import sys
import time

import pytest
from console_session import Session, kill_passt

pytestmark = pytest.mark.slow

MAKE_SECONDS = 4 * 3600
BOOT_SECONDS = 3600
COMMAND_SECONDS = 3600
PACKAGE = "hello"


@pytest.fixture(scope="module")
def directory(request, require_tool):
    given = request.config.getoption("--debian")
    if given is None:
        pytest.skip("takes many minutes; run it by `make test-debian`")
    for program in ("mke2fs", "e2fsck", "passt", "ssh", "ssh-keygen"):
        require_tool(program)
    given.mkdir(parents=True, exist_ok=True)
    return given


@pytest.fixture(scope="module")
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


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ssh(directory, port, command):
    """What the command prints in the guest; it has to succeed."""
    done = try_ssh(directory, port, command)
    assert 0 == done.returncode, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def try_ssh(directory, port, command):
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    options += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-i", str(directory / "key")]
    return subprocess.run(
        ["ssh", "-q", *options, "-p", str(port), "root@127.0.0.1", command],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def is_clean(disk):
    done = subprocess.run(
        ["e2fsck", "-f", "-n", str(disk)], capture_output=True, text=True, check=False, timeout=300
    )
    return (0, "") if done.returncode == 0 else (done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize("bus", ["virtio", "scsi"])
def test_the_system_is_used_and_shut_down_clean(directory, disk, bus):
    from jitppc.debian.disk import APPEND, boot_files

    port = free_port()
    nic = f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"
    if bus == "virtio":
        words = ["debian", "-disk", str(disk), "-nic", nic]
    else:
        kernel, initrd = boot_files(disk)
        words = ["run", "-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND]
        words += ["-drive", f"file={disk},format=raw,if=scsi", "-nic", nic]
    session = Session(*words)
    try:
        session.expect("login: ", BOOT_SECONDS)
        session.type("root\n")
        session.expect("Password: ", COMMAND_SECONDS)
        session.type((directory / "password").read_text() + "\n")
        session.expect(r"root@debian:~# ", COMMAND_SECONDS)
        session.type("systemctl is-system-running --wait; findmnt -n -o SOURCE /\n")
        device = "vda" if bus == "virtio" else "sda"
        session.expect(rf"running\s+/dev/{device}", COMMAND_SECONDS)
        assert "ppc64le" in ssh(directory, port, "uname -m")
        ssh(directory, port, f"apt-get -q update && apt-get -q -y install {PACKAGE}")
        assert "Hello, world!" in ssh(directory, port, PACKAGE)
        ssh(directory, port, f"apt-get -q -y purge {PACKAGE}")
        assert "" == ssh(directory, port, "dpkg --audit")
        kill_passt(session.process.pid)
        # The guest's link has been down; it asks for its address again.
        end = time.monotonic() + COMMAND_SECONDS
        while try_ssh(directory, port, "uname -m").stdout != "ppc64le\n":
            assert time.monotonic() < end
        session.type("poweroff\n")
        assert 0 == session.process.wait(COMMAND_SECONDS)
    finally:
        session.process.kill()
    assert (0, "") == is_clean(disk)
