"""Ethernet frames over a stream: each behind its length, 4 bytes, big-endian.

So do passt and QEMU's `-netdev stream` and `socket`. Where streams come from is the business of
the `connect` that is given; when one ends, the guest's link goes down and the next is waited for.
"""

import contextlib
import logging
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from jitppc.devices.ports import FrameCarrier

log = logging.getLogger(__name__)

MAX_FRAME = 65536 + 64
_BUFFER = 256 << 10
_LENGTH = struct.Struct(">I")
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Source(Protocol):
    """Where streams come from."""

    name: str

    def connect(self, stopped: threading.Event) -> socket.socket | None:
        """The next stream; OSError when there is none now, None when there will be none."""

    def close(self) -> None: ...


class FrameNet:
    """A network whose frames go over the streams of a source; a NetBackend."""

    def __init__(self, source: Source, first: socket.socket | None = None) -> None:
        """`first`: a stream that is there already, so that its failure was heard early."""
        self._source = source
        self._first = first
        self._stream: socket.socket | None = None
        self._sending = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, receive: Callable[[bytes], None], link: Callable[[bool], None]) -> None:
        def serve(stream: socket.socket) -> None:
            for frame in frames_of(stream):
                receive(frame)

        self._start(serve, link)

    def start_carried(self, carrier: FrameCarrier, link: Callable[[bool], None]) -> None:
        self._start(lambda stream: carrier.carry(stream.fileno()), link)

    def _start(
        self, serve: Callable[[socket.socket], None], link: Callable[[bool], None]
    ) -> None:
        """`serve` returns when its stream has ended."""
        self._thread = threading.Thread(
            target=self._run, args=(serve, link), name=f"net {self._source.name}", daemon=True
        )
        self._thread.start()

    def send(self, frame: bytes | memoryview) -> None:
        count = len(frame)
        stream = self._stream
        if stream is None or not 0 < count <= MAX_FRAME:
            return
        try:
            with self._sending:
                sent = stream.sendmsg([_LENGTH.pack(count), frame])
                if sent < count + 4:
                    stream.sendall((_LENGTH.pack(count) + bytes(frame))[sent:])
        except OSError:
            # The reading side finds out, and says it.
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._stopped.set()
        for stream in (self._stream, self._first):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.shutdown(socket.SHUT_RDWR)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)
        elif self._first is not None:
            self._first.close()
        self._source.close()

    def _run(
        self, serve: Callable[[socket.socket], None], link: Callable[[bool], None]
    ) -> None:
        for stream in self._streams():
            self._stream = stream
            link(True)
            with contextlib.suppress(OSError):
                serve(stream)
            self._stream = None
            stream.close()
            if not self._stopped.is_set():
                log.warning(f"network {self._source.name}: the other end has gone; link down")
                link(False)

    def _streams(self) -> Iterator[socket.socket]:
        tries = 0
        stream, self._first = self._first, None
        while not self._stopped.is_set():
            began = time.monotonic()
            if stream is not None:
                yield stream
                # One that lived is no reason to wait for the next.
                tries = 0 if time.monotonic() - began > RETRY_SECONDS[-1] else tries
            try:
                if self._stopped.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]):
                    return
                tries += 1
                stream = self._source.connect(self._stopped)
                if stream is None:
                    return
            except OSError:
                stream = None


def frames_of(stream: socket.socket) -> Iterator[bytes]:
    """Every frame that arrives, until the stream ends or a length cannot be one."""
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    begin = end = 0
    while True:
        while end - begin >= 4:
            (count,) = _LENGTH.unpack_from(buffer, begin)
            if count > MAX_FRAME:
                return
            if end - begin < 4 + count:
                break
            yield bytes(view[begin + 4 : begin + 4 + count])
            begin += 4 + count
        if begin:
            buffer[: end - begin] = buffer[begin:end]
            begin, end = 0, end - begin
        n = stream.recv_into(view[end:])
        if n == 0:
            return
        end += n


class Endpoint:
    """Streams to one address, by calling it or by being called there."""

    def __init__(
        self, name: str, address: str | tuple[str, int], *, is_server: bool, reconnects: bool = True
    ) -> None:
        """A server listens from now on; OSError when it cannot."""
        self.name = name
        self._address = address
        self._reconnects = reconnects or is_server
        self._connected = False
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self._listening: socket.socket | None = None
        self._path = address if is_server and isinstance(address, str) else None
        if is_server:
            self._listening = socket.socket(family)
            if family == socket.AF_INET:
                self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._listening.bind(address)
                self._listening.listen(1)
            except OSError:
                self._listening.close()
                raise

    @property
    def port(self) -> int:
        """Where a server listens, when the system chose."""
        assert self._listening is not None
        return int(self._listening.getsockname()[1])

    def first(self) -> socket.socket:
        """The first stream, waited for however long it takes; OSError when it cannot be had."""
        stream = self.connect(threading.Event())
        assert stream is not None
        return stream

    def connect(self, stopped: threading.Event) -> socket.socket | None:
        if self._connected and not self._reconnects:
            return None
        stream = self._accept(stopped) if self._listening is not None else self._call()
        self._connected = True
        return stream

    def _accept(self, stopped: threading.Event) -> socket.socket | None:
        assert self._listening is not None
        while not stopped.is_set():
            if select.select([self._listening], [], [], 0.1)[0]:
                return _prompt(self._listening.accept()[0])
        return None

    def _call(self) -> socket.socket:
        if isinstance(self._address, tuple):
            stream = socket.create_connection(self._address, timeout=5)
            stream.settimeout(None)
            return _prompt(stream)
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(self._address)
        except OSError:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            if self._path is not None:
                with contextlib.suppress(OSError):
                    Path(self._path).unlink()


def _prompt(stream: socket.socket) -> socket.socket:
    """Small writes leave at once."""
    if stream.family == socket.AF_INET:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
