"""The client's side of gdb's remote protocol, as much of it as QEMU's stub needs to run cases.

Packets that need no answer between them go out in one write: an emulator spends its time on
system calls, not on registers. Ref: GDB manual, appendix E.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence

from jitppc.errors import ReferenceFailure

_LONGEST = 1 << 16


class Silence(Exception):
    """The stub has not answered within the time."""


class GdbRemote:
    """A connection to a stub that waits for its first command."""

    def __init__(self, connected: socket.socket, patience_seconds: float) -> None:
        self._socket, self._patience = connected, patience_seconds
        self._received = b""

    def close(self) -> None:
        """The connection is gone."""
        self._socket.close()

    def ask(self, packets: Sequence[bytes]) -> list[bytes]:
        """The answers to packets that leave the processor stopped, or whose last one runs it.

        Raises Silence, or ConnectionError when the stub is gone.
        """
        text = b"".join(b"$%s#%02x" % (p, sum(p) & 255) + b"+" for p in packets[:-1])
        last = packets[-1]
        self._socket.sendall(text + b"$%s#%02x" % (last, sum(last) & 255))
        until = time.monotonic() + self._patience
        answers = [self._answer(until) for _ in packets]
        self._socket.sendall(b"+")
        return answers

    def _answer(self, until: float) -> bytes:
        """The next packet, without what frames it."""
        while True:
            start, end = self._received.find(b"$"), self._received.find(b"#")
            if 0 <= start < end <= len(self._received) - 3:
                found = self._received[start + 1 : end]
                self._received = self._received[end + 3 :]
                return found
            left = until - time.monotonic()
            if left <= 0:
                raise Silence
            self._socket.settimeout(left)
            try:
                more = self._socket.recv(_LONGEST)
            except TimeoutError as error:
                raise Silence from error
            if not more:
                raise ConnectionError("the stub is gone")
            self._received += more

    def describe(self, name: str) -> str:
        """One of the stub's XML descriptions of the target, whole."""
        text = b""
        while True:
            (part,) = self.ask([b"qXfer:features:read:%s:%x,%x" % (name.encode(), len(text), 2048)])
            text += part[1:]
            if part[:1] != b"m":
                return text.decode()

    def registers(self) -> dict[str, tuple[int, int]]:
        """Number and width in bits of every register, by name: of equal names, the first."""
        found: dict[str, tuple[int, int]] = {}
        number = 0
        for file in re.findall(r'<xi:include href="([^"]+)"', self.describe("target.xml")):
            for entry in re.findall(r"<reg\b([^>]*)>", self.describe(file)):
                given = dict(re.findall(r'(\w+)="([^"]*)"', entry))
                number = int(given.get("regnum", number))
                found.setdefault(given["name"], (number, int(given["bitsize"])))
                number += 1
        if not found:
            raise ReferenceFailure("the emulator's gdb stub describes no registers")
        return found
