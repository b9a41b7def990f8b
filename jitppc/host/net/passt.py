"""User networking: passt, a program of its own, turns the guest's frames into sockets of the host.

It is started with one end of a pair of sockets and ends when the other is closed, so it ends with
us. When it ends before, the guest's link goes down, another is started, and the link comes up.
The guest sees the addresses that QEMU's user network has: itself 10.0.2.15, the host 10.0.2.2,
name service 10.0.2.3.
"""

import contextlib
import ipaddress
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import OptionError
from jitppc.host.net.frames import FrameNet

PROGRAM = "passt"
START_SECONDS = 10.0
BUFFER_BYTES = 4 << 20
"""Of the pair of sockets. passt drops frames that do not fit, and waits two seconds for an
acknowledgement before it sends them again. Only for sockets that it has opened does it make room.
"""
UNPRIVILEGED = "nobody"
"""Whom it becomes when it is started by root."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Connections to a port of the host go to a port of the guest."""

    protocol: str
    host_address: str
    host_port: int
    guest_port: int


@dataclass(frozen=True, slots=True)
class UserNet:
    """Fields:
    forwards: ports of the host that lead to the guest.
    network: the guest's network; it is number 15, the host number 2, name service number 3.
    has_ipv6: the guest gets IPv6 too, with the host's own address.
    is_restricted: the guest reaches nothing outside (`restrict=on`).
    """

    forwards: tuple[Forward, ...] = ()
    network: str = "10.0.2.0/24"
    address: str = ""
    host: str = ""
    dns: str = ""
    has_ipv6: bool = False


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


def open_user_net(options: UserNet) -> FrameNet:
    """The network is up; OptionError says in one line why it cannot be."""
    if not is_installed():
        raise OptionError(
            "user networking needs passt (Debian package passt), which is not installed; "
            "-nic none goes without a network"
        )
    source = _Passt(options)
    try:
        return FrameNet(source, source.start())
    except OSError as error:
        source.close()
        raise OptionError(f"passt cannot be started: {error}") from None


def command_of(options: UserNet) -> list[str]:
    """passt's arguments for these options."""
    network = ipaddress.ip_network(options.network, strict=False)
    address = options.address or str(network[15])
    host = options.host or str(network[2])
    dns = options.dns or str(network[3])
    command = [PROGRAM, "--foreground", "--quiet"]
    command += ["--address", address, "--netmask", str(network.prefixlen), "--gateway", host]
    # Questions to this address go to the host's own name service.
    command += ["--dns-forward", dns]
    if not options.has_ipv6:
        command.append("--ipv4-only")
    if os.geteuid() == 0:
        command += ["--runas", UNPRIVILEGED]
    for protocol, flag in (("tcp", "--tcp-ports"), ("udp", "--udp-ports")):
        rules = [rule for rule in options.forwards if rule.protocol == protocol]
        for rule in rules:
            at = f"{rule.host_address}/" if rule.host_address else ""
            command += [flag, f"{at}{rule.host_port}:{rule.guest_port}"]
        if not rules:
            command += [flag, "none"]
    return command


class _Passt:
    """Starts passt as often as it is needed; a Source."""

    name = "user"

    def __init__(self, options: UserNet) -> None:
        self._command = command_of(options)
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self, stopped: threading.Event) -> socket.socket | None:
        return self.start()

    def start(self) -> socket.socket:
        """A new passt serves the other end. OSError tells what it said when it cannot."""
        self._end()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        with tempfile.TemporaryDirectory(prefix="jitppc-") as directory, theirs:
            pid_file = Path(directory) / "pid"
            if os.geteuid() == 0:
                os.chown(directory, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
            with (Path(directory) / "log").open("w+b") as log:
                command = [*self._command, "--fd", str(theirs.fileno()), "--pid", str(pid_file)]
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    process_group=0,  # not a session: see `runtime/workers.py`
                )
                if not _is_ready(self._process, pid_file):
                    ours.close()
                    log.seek(0)
                    raise OSError(_complaint(log.read().decode("utf-8", "replace")))
        return ours

    def close(self) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        if process.poll() is None:
            process.kill()
            process.wait()


def _is_ready(process: "subprocess.Popen[bytes]", pid_file: Path) -> bool:
    """passt writes its number when its ports are bound and it is about to serve."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            if pid_file.stat().st_size:
                return True
        time.sleep(0.002)
    return False


def _complaint(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip() and "to syslog" not in line]
    return lines[-1] if lines else "it ended without a word"
