"""Serial lines on descriptors of the host: files, pseudo-terminals, sockets, nothing.

None of them makes the guest wait: what nobody takes is dropped once `MAX_WAITING` bytes of it are
kept. Output that came before a client connected to a socket is kept as far.
"""

import contextlib
import logging
import os
import select
import socket
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from jitppc.errors import OptionError
from jitppc.host.net.frames import Endpoint

log = logging.getLogger(__name__)

MAX_WAITING = 1 << 20


class NullLine:
    """Output goes nowhere, and nothing is ever typed."""

    def start(self, receive: Callable[[bytes], object]) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class FileLine:
    """Output is written to a file; nothing is ever typed."""

    def __init__(self, path: Path, *, appends: bool = False) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags | (os.O_APPEND if appends else os.O_TRUNC), 0o644)
        except OSError as error:
            raise OptionError(f"{path}: {error.strerror}") from None
        self._has_failed = False

    def start(self, receive: Callable[[bytes], object]) -> None: ...

    def write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                log.warning(f"{self._path}: {error.strerror}; console output is lost")

    def close(self) -> None:
        os.close(self._fd)


class _Pump:
    """A thread that moves bytes between a line and one descriptor at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._receive: Callable[[bytes], object] = lambda _: None

    def start(self, receive: Callable[[bytes], object]) -> None:
        self._receive = receive
        self._thread = threading.Thread(target=self._run, name=f"line {self._name}", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._waiting += data[: MAX_WAITING - len(self._waiting)]
        self._wake()

    def close(self) -> None:
        self._stopped.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(10)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def _run(self) -> None:
        raise NotImplementedError

    def _serve(self, fd: int) -> bool:
        """Bytes move both ways until the other end has gone (True) or the line is closed."""
        os.set_blocking(fd, False)
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(fd, select.POLLIN)
        while True:
            wants = select.POLLOUT if self._waiting else 0
            poll.modify(fd, select.POLLIN | wants)
            for ready, events in poll.poll():
                if ready == self._wake_read:
                    os.read(self._wake_read, 4096)
                    continue
                if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    try:
                        typed = os.read(fd, 4096)
                    except BlockingIOError:
                        continue
                    except OSError:
                        typed = b""
                    if not typed:
                        return True
                    self._receive(typed)
            self._drain(fd)
            if self._stopped.is_set():
                return False

    def _drain(self, fd: int) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._waiting:
                del self._waiting[: os.write(fd, self._waiting)]


class PtyLine(_Pump):
    """A pseudo-terminal; `name` is what to open. Whoever closes it may open it again."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        # The slave end stays open here, so that the master never sees the last one close.
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)
        super().__init__(self.name)

    def _run(self) -> None:
        self._serve(self._master)

    def close(self) -> None:
        super().close()
        os.close(self._master)
        os.close(self._slave)


class SocketLine(_Pump):
    """A stream socket; when the other end goes, the next one is waited for (or called again)."""

    def __init__(self, endpoint: Endpoint, first: socket.socket | None = None) -> None:
        super().__init__(endpoint.name)
        self._endpoint = endpoint
        self._first = first

    def _run(self) -> None:
        stream, self._first = self._first, None
        while not self._stopped.is_set():
            if stream is not None:
                with stream:
                    self._serve(stream.fileno())
                stream = None
                continue
            try:
                stream = self._endpoint.connect(self._stopped)
                if stream is None:
                    break
            except OSError:
                self._stopped.wait(0.5)

    def close(self) -> None:
        super().close()
        self._endpoint.close()
