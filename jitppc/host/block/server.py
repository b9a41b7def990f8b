"""Images of other formats: a qemu-nbd of ours serves each over a socket nobody else can reach.

The server gets a listening socket on which our connection already waits, and ends when the
connection does. So it ends with us, however we end, and needs no one to clean up.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from jitppc.errors import OptionError
from jitppc.host.block.nbd import NbdClient
from jitppc.host.block.options import ImageOptions

SERVER = "qemu-nbd"
# LISTEN_PID is the server's own number, which only it can say. Ref: sd_listen_fds(3).
_START = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 </dev/null'
END_SECONDS = 20.0


class ServedImage(NbdClient):
    """An image behind a server that was started for it."""

    def __init__(self, options: ImageOptions, image_format: str) -> None:
        if shutil.which(SERVER) is None:
            why = "snapshot=on" if image_format == "raw" else f"format {image_format}"
            raise OptionError(
                f"{options.path}: {why} needs {SERVER} (Debian package qemu-utils), "
                "which is not installed"
            )
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the server)
        connection, self._process = _start(_command(options, image_format), self._log)
        try:
            super().__init__(
                connection,
                str(options.path),
                is_read_only=options.is_read_only,
                is_write_through=options.is_write_through,
                serial=options.serial,
            )
        except OptionError as error:
            self._end()
            raise OptionError(f"{options.path}: {self._said() or error}") from None

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._end()
            self._log.close()

    def _end(self) -> None:
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()

    def _said(self) -> str:
        """The last line that the server wrote, without its name."""
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].removeprefix(f"{SERVER}: ") if lines else ""


def _command(options: ImageOptions, image_format: str) -> list[str]:
    command = [SERVER, "--shared=1", f"--cache={options.cache}", f"--discard={options.discard}"]
    command += ["--aio=threads"]
    if options.is_read_only:
        command.append("--read-only")
    if options.is_snapshot:
        command.append("--snapshot")
    if options.is_locked:
        return [*command, f"--format={image_format}", "--", str(options.path.absolute())]
    escaped = str(options.path.absolute()).replace(",", ",,")
    spec = f"driver={image_format},file.driver=file,file.locking=off,file.filename={escaped}"
    return [*command, "--image-opts", spec]


def _start(command: list[str], log: IO[bytes]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A connection that the server, started after it, will find waiting."""
    with tempfile.TemporaryDirectory(prefix="jitppc-") as directory:
        path = str(Path(directory) / "nbd")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind(path)
            listening.listen(1)
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            process = subprocess.Popen(
                ["sh", "-c", _START, "sh", *command],
                stdin=listening.fileno(),
                stdout=log,
                stderr=log,
                process_group=0,  # not a session: see `runtime/workers.py`
            )
    return connection, process
