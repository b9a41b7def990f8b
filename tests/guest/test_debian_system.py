"""`jitppc debian` makes a Debian system and boots it: console, ssh, apt, shutdown, fsck.

It takes many minutes and the network, so it runs when asked for: `make test-debian`, or
`pytest --debian DIRECTORY tests/guest/test_debian_system.py`. A disk that is in the directory
already is used as it is.
"""

import subprocess
import time

import pytest
from console_session import Session, free_port, kill_passt, ssh, try_ssh

pytestmark = pytest.mark.slow

BOOT_SECONDS = 3600
COMMAND_SECONDS = 3600
PACKAGE = "hello"
#: systemd gives up after 90 s otherwise, on a host that has other things to do
PATIENT = "systemd.default_timeout_start_sec=3600 systemd.default_device_timeout_sec=3600"


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
        words = ["debian", "-disk", str(disk), "-nic", nic, "-append", PATIENT]
    else:
        kernel, initrd = boot_files(disk)
        words = ["run", "-kernel", str(kernel), "-initrd", str(initrd), "-append"]
        words += [f"{APPEND} {PATIENT}"]
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
