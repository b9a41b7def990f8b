"""The machine's side of consoles: output is passed on, some of it kept, patterns looked for."""

import re
import threading
from collections.abc import Callable

from jitppc.errors import OptionError
from jitppc.spapr.ports import Chardev

KEPT = 4 << 20
SEARCH_WINDOW = 4096
"""A pattern matches at most this many bytes, so that looking for it stays cheap."""
MAX_UNSEARCHED = 1 << 20


class UserConsole:
    """What the caller of `Machine` gave as its console; `fail` hears what it raises."""

    def __init__(self, user: Chardev | None, fail: Callable[[BaseException], None]) -> None:
        self._user = user
        self._fail = fail
        self.receive: Callable[[bytes], object] | None = None
        """Takes what is typed; None as long as no device is there."""

    def start(self, receive: Callable[[bytes], object]) -> None:
        self.receive = receive

    def write(self, data: bytes) -> None:
        """Output of the guest. What the user's code raises stops the machine, not the call."""
        if self._user is None:
            return
        try:
            self._user.write(data)
        except BaseException as error:  # noqa: BLE001 (it leaves `run` on the caller's thread)
            self._fail(error)

    def close(self) -> None:
        """The console is the caller's, and stays."""


class ConsoleTap:
    """In front of the first console's chardev; `fail` hears of exceptions of the user's code."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        self.chardev: Chardev | None = None
        self._fail = fail
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._fresh = bytearray()
        self._pattern: re.Pattern[bytes] | None = None
        self._on_match: Callable[[str], None] = lambda _: None
        self.on_output: Callable[[bytes], None] | None = None

    @property
    def output(self) -> bytes:
        """The last mebibytes of output."""
        with self._lock:
            return bytes(self._kept)

    def write(self, data: bytes) -> None:
        """Output of the guest. What the user's code raises stops the machine, not the call."""
        with self._lock:
            self._kept += data
            if len(self._kept) > 2 * KEPT:
                del self._kept[:-KEPT]
            self._fresh += data
            if len(self._fresh) > 2 * MAX_UNSEARCHED:
                del self._fresh[:-MAX_UNSEARCHED]
            found = self._search(len(self._fresh) - len(data) - SEARCH_WINDOW)
        if self.chardev is not None:
            self.chardev.write(data)
        try:
            if self.on_output is not None:
                self.on_output(data)
        except BaseException as error:  # noqa: BLE001 (it leaves `run` on the caller's thread)
            self._fail(error)
        if found is not None:
            self._on_match(found)

    def expect(self, pattern: str | bytes | None, on_match: Callable[[str], None]) -> None:
        """`on_match` is called with the text when `pattern` appears after the previous match."""
        raw = pattern.encode() if isinstance(pattern, str) else pattern
        try:
            compiled = None if raw is None else re.compile(raw, re.MULTILINE)
        except re.error as error:
            raise OptionError(f"{pattern!r} is not a regular expression: {error}") from error
        with self._lock:
            self._pattern = compiled
            self._on_match = on_match
            found = self._search(0)
        if found is not None:
            on_match(found)

    def _search(self, start: int) -> str | None:
        if self._pattern is None:
            return None
        match = self._pattern.search(self._fresh, max(0, start))
        if match is None:
            return None
        self._pattern = None
        text = match[0].decode("utf-8", "replace")
        end = match.end()
        del match
        del self._fresh[:end]
        return text
