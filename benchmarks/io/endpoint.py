"""The other end of a guest's connections: a server on this host, for `net.c`."""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Self

BLOCK = 65536
LINE = 16
M64 = (1 << 64) - 1
IP_FREEBIND = 15


def blocks() -> Iterator[bytes]:
    """What is sent, either way: the block's number, then always the same bytes."""
    rest, x = bytearray(), 88172645463325252
    for _ in range(BLOCK // 8 - 1):
        x ^= x << 13 & M64
        x ^= x >> 7
        x ^= x << 17 & M64
        rest += x.to_bytes(8, "little")
    number = 0
    while True:
        yield number.to_bytes(8, "little") + bytes(rest)
        number += 1


def checksum(count: int) -> str:
    """SHA-256 of the first `count` bytes."""
    found = hashlib.sha256()
    for block in blocks():
        found.update(block[:count])
        count -= len(block)
        if count <= 0:
            break
    return found.hexdigest()


class Endpoint:
    """Listens at an address that this host has or will have; a thread for each connection.

    A context manager.

    `connections` counts the exchanges that were whole, `received` the bytes sent here.
    """

    def __init__(self, address: str = "127.0.0.1", *, has_checksum: bool = True) -> None:
        self._has_checksum = has_checksum
        self._socket = socket.socket()
        self._socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._socket.bind((address, 0))
        self._socket.listen(1024)
        self.port: int = self._socket.getsockname()[1]
        self._lock = threading.Lock()
        self.connections = self.received = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        """One connection; one that is cut off counts nothing."""
        with stream, contextlib.suppress(OSError):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = b""
            while len(line) < LINE and (data := stream.recv(LINE - len(line))):
                line += data
            kind, count, seconds = [*line.decode("latin-1").split(), *("0" * 3)][:3]
            if kind == "send":
                self._take(stream)
            elif kind == "give":
                give(stream, int(count), float(seconds))
            elif kind == "request":
                while byte := stream.recv(1):
                    stream.sendall(byte)
                with self._lock:
                    self.connections += 1

    def _take(self, stream: socket.socket) -> None:
        buffer, found = bytearray(1 << 20), hashlib.sha256()
        view, total = memoryview(buffer), 0
        while n := stream.recv_into(buffer):
            total += n
            if self._has_checksum:
                found.update(view[:n])
        stream.sendall(f"{total} {found.hexdigest()}\n".encode())
        with self._lock:
            self.received += total


def give(stream: socket.socket, count: int, seconds: float = 0) -> None:
    """So many bytes, or for so long. Who closes while bytes are on their way has them resent."""
    end = time.monotonic() + seconds
    for block in blocks():
        stream.sendall(block[:count] if count else block)
        if not count and time.monotonic() > end:
            return
        if count and (count := count - len(block)) <= 0:
            return
