"""Folders of the host for the guest, served by diod, a 9P server of its own.

Each session is a process, which ends when its connection does.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from jitppc.errors import OptionError

PROGRAM = "diod"
PLACES = "/usr/sbin:/usr/local/sbin"  # it is a daemon: not everybody's PATH leads to it
END_SECONDS = 5.0


def find_diod() -> str | None:
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path=PLACES)


class DiodFolder:
    """A FolderServer. With `as_guest_users` the guest's users are the host's: for root only."""

    def __init__(
        self, path: Path, *, read_only: bool = False, as_guest_users: bool = False
    ) -> None:
        if not path.is_dir():
            raise OptionError(f"{path} is not a folder")
        if as_guest_users and os.getuid() != 0:
            raise OptionError("security_model=passthrough is for root; give security_model=none")
        program = find_diod()
        if program is None:
            raise OptionError("sharing a folder needs diod: apt install diod")
        self.tree = str(path.resolve())
        self.user = None if as_guest_users else os.getuid()
        self._command = [program, "-f", "-n", "-N", "-c", "/dev/null", "-L", "/dev/null"]
        self._command += ["-o", "ro"] if read_only else []
        self._command += ["-e", self.tree]
        self._processes: list[subprocess.Popen] = []
        # diod wants cores of any size, and has been seen to crash at its end
        self._directory = tempfile.TemporaryDirectory(prefix="jitppc-diod-")

    def connect(self) -> socket.socket:
        """A process of its own serves the other end."""
        ours, theirs = socket.socketpair()
        with theirs:
            fd = str(theirs.fileno())
            command = [*self._command, "-r", fd, "-w", fd]
            try:
                process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=self._directory.name,
                )
            except OSError:
                ours.close()
                raise
        self._processes = [known for known in self._processes if known.poll() is None]
        self._processes.append(process)
        return ours

    def close(self) -> None:
        """No process of ours is left; they have lost their connections already."""
        for process in self._processes:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._directory.cleanup()
