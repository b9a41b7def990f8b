"""A TAP device of the host: a network interface whose cable ends here. Ref: Linux, tuntap.rst."""

import contextlib
import errno
import fcntl
import os
import select
import struct
import subprocess
import threading
from collections.abc import Callable

from jitppc.errors import OptionError

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 2, 0x1000
_MAX_FRAME = 65536 + 64


class Tap:
    """A NetBackend. Frames that the interface cannot take at once are dropped, as by a cable."""

    def __init__(
        self, name: str = "", script: str = "", downscript: str = "", fd: int | None = None
    ) -> None:
        """`name` may have a %d for a free number; `fd` is a TAP device opened by someone else."""
        self.name, self._downscript = name, downscript
        if fd is None:
            self._fd = self._open(name)
        else:
            self._fd = fd
        os.set_blocking(self._fd, False)
        if script:
            _run(script, self.name)
        self._wake_read, self._wake_write = os.pipe()
        self._thread: threading.Thread | None = None

    def _open(self, name: str) -> int:
        try:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise OptionError(f"/dev/net/tun: {error.strerror}") from None
        request = struct.pack("16sH22x", (name or "tap%d").encode()[:15], _IFF_TAP | _IFF_NO_PI)
        try:
            answer = fcntl.ioctl(fd, _TUNSETIFF, request)
        except OSError as error:
            os.close(fd)
            raise OptionError(f"TAP device {name or 'tap%d'}: {error.strerror}") from None
        self.name = answer[:16].rstrip(b"\0").decode()
        return fd

    def start(self, receive: Callable[[bytes], None], link: Callable[[bool], None]) -> None:
        link(True)
        self._thread = threading.Thread(
            target=self._run, args=(receive,), name=f"net {self.name}", daemon=True
        )
        self._thread.start()

    def _run(self, receive: Callable[[bytes], None]) -> None:
        while True:
            ready = select.select([self._fd, self._wake_read], [], [])[0]
            if self._wake_read in ready:
                return
            try:
                receive(os.read(self._fd, _MAX_FRAME))
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.EBADFD:
                    return
                # An interface that is down (EIO) has nothing to say until it is up.
                if select.select([self._wake_read], [], [], 0.2)[0]:
                    return

    def send(self, frame: bytes | memoryview) -> None:
        with contextlib.suppress(OSError):
            os.write(self._fd, frame)

    def close(self) -> None:
        os.write(self._wake_write, b"\0")
        if self._thread is not None:
            self._thread.join(10)
        if self._downscript:
            with contextlib.suppress(OptionError):
                _run(self._downscript, self.name)
        for fd in (self._fd, self._wake_read, self._wake_write):
            os.close(fd)


def _run(script: str, name: str) -> None:
    try:
        status = subprocess.run([script, name], check=False, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OptionError(f"network script {script}: {error}") from None
    if status:
        raise OptionError(f"network script {script} ends with status {status}")
