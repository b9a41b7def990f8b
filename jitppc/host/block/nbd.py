"""A client of the Network Block Device protocol: one connection, many requests under way.

Requests come from several threads. Whoever waits for a reply and finds nobody reading the socket
reads it, for all; so one request at a time costs no change of thread.
Ref: NBD protocol (doc/proto.md of the NetworkBlockDevice project).
"""

import errno
import logging
import os
import socket
import struct
import threading
from collections.abc import Sequence

from jitppc.devices.ports import BlockError
from jitppc.errors import OptionError

log = logging.getLogger(__name__)

_INIT_MAGIC = 0x4E42444D41474943  # "NBDMAGIC"
_OPTION_MAGIC = 0x49484156454F5054  # "IHAVEOPT"
_OPTION_REPLY_MAGIC = 0x3E889045565A9
_REQUEST_MAGIC = 0x25609513
_REPLY_MAGIC = 0x67446698

_FLAG_FIXED_NEWSTYLE, _FLAG_NO_ZEROES = 1, 2
_OPT_GO = 7
_REP_ACK, _REP_INFO, _REP_ERROR = 1, 3, 1 << 31
_INFO_EXPORT = 0

_HAS_FLAGS, _READ_ONLY, _SEND_FLUSH, _SEND_FUA = 1, 2, 4, 8
_SEND_TRIM, _SEND_WRITE_ZEROES = 1 << 5, 1 << 6

_CMD_READ, _CMD_WRITE, _CMD_DISC, _CMD_FLUSH, _CMD_TRIM, _CMD_WRITE_ZEROES = 0, 1, 2, 3, 4, 6
_CMD_FLAG_FUA, _CMD_FLAG_NO_HOLE = 1, 2

_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_IOV_MAX = 1024
MAX_TRANSFER = 32 << 20
"""Servers need not take more in one request."""
_ERRNOS = {1, 5, 12, 22, 28, 75, 95, 108}


class _Request:
    __slots__ = ("error", "is_done", "views")

    def __init__(self, views: Sequence[memoryview]) -> None:
        self.views = views
        self.is_done = False
        self.error = 0


class NbdClient:
    """The export of a server at the other end of a connected socket, which is ours from now on."""

    def __init__(
        self,
        connection: socket.socket,
        name: str,
        *,
        export: str = "",
        is_read_only: bool = False,
        is_write_through: bool = False,
        serial: str = "",
    ) -> None:
        """OptionError when the server does not speak the protocol or has no such export."""
        self._socket = connection
        self._name = name
        self.serial = serial
        self._sending = threading.Lock()
        self._state = threading.Condition()
        self._is_reading = False
        self._dead = ""
        self._is_closing = False
        self._requests: dict[int, _Request] = {}
        self._next_cookie = 0
        try:
            self.size, self._flags = _negotiate(connection, name, export)
        except (OSError, EOFError, struct.error) as error:
            connection.close()
            raise OptionError(f"{name}: the server went away while connecting") from error
        self.is_read_only = is_read_only or bool(self._flags & _READ_ONLY)
        self._is_write_through = is_write_through

    # Transfers.

    def read_into(self, offset: int, views: Sequence[memoryview]) -> None:
        self._check(offset, sum(view.nbytes for view in views))
        for at, pieces in _parts(offset, views):
            self._do(_CMD_READ, at, sum(view.nbytes for view in pieces), into=pieces)

    def write_from(self, offset: int, views: Sequence[memoryview]) -> None:
        self._check(offset, sum(view.nbytes for view in views), is_write=True)
        for at, pieces in _parts(offset, views):
            count = sum(view.nbytes for view in pieces)
            self._do(_CMD_WRITE, at, count, flags=self._durable(), data=pieces)
        self._after_write()

    def flush(self) -> None:
        if self._flags & _SEND_FLUSH:
            self._do(_CMD_FLUSH, 0, 0)

    def discard(self, offset: int, count: int) -> None:
        self._check(offset, count, is_write=True)
        if self._flags & _SEND_TRIM:
            for at, n in _ranges(offset, count):
                self._do(_CMD_TRIM, at, n)

    def write_zeroes(self, offset: int, count: int, may_unmap: bool) -> None:
        self._check(offset, count, is_write=True)
        if not self._flags & _SEND_WRITE_ZEROES:
            zeros = memoryview(bytes(min(count, MAX_TRANSFER)))
            for at, n in _ranges(offset, count):
                self.write_from(at, [zeros[:n]])
            return
        hole = 0 if may_unmap else _CMD_FLAG_NO_HOLE
        for at, n in _ranges(offset, count):
            self._do(_CMD_WRITE_ZEROES, at, n, flags=hole | self._durable())
        self._after_write()

    def close(self) -> None:
        """Durable, said good-bye, and the connection is gone."""
        try:
            if not self.is_read_only and not self._dead:
                self.flush()
        finally:
            self._is_closing = True
            with self._sending:
                try:
                    self._socket.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _CMD_DISC, 0, 0, 0))
                    # The server has let go of the image when it closes its end.
                    self._socket.settimeout(10)
                    while self._socket.recv(4096):
                        pass
                except OSError:
                    pass
                self._socket.close()

    def _durable(self) -> int:
        wants = self._is_write_through and self._flags & _SEND_FUA
        return _CMD_FLAG_FUA if wants else 0

    def _after_write(self) -> None:
        if self._is_write_through and not self._flags & _SEND_FUA:
            self.flush()

    def _check(self, offset: int, count: int, *, is_write: bool = False) -> None:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise BlockError(errno.EINVAL, f"{self._name}: outside the image")
        if is_write and self.is_read_only:
            raise BlockError(errno.EROFS, f"{self._name} is read-only")

    # Requests and replies.

    def _do(
        self,
        command: int,
        offset: int,
        count: int,
        *,
        flags: int = 0,
        data: Sequence[memoryview] = (),
        into: Sequence[memoryview] = (),
    ) -> None:
        """One request, and its reply has come."""
        request = _Request(into)
        with self._state:
            if self._dead:
                raise BlockError(errno.EIO, self._dead)
            cookie = self._next_cookie = self._next_cookie + 1
            self._requests[cookie] = request
        head = _REQUEST.pack(_REQUEST_MAGIC, flags, command, cookie, offset, count)
        try:
            with self._sending:
                _send(self._socket, [memoryview(head), *data])
        except OSError:
            self._died()
        self._wait(request)
        if request.error:
            number = request.error if request.error in _ERRNOS else errno.EIO
            raise BlockError(number, self._dead or f"{self._name}: {os.strerror(number)}")

    def _wait(self, request: _Request) -> None:
        """The reply is there; meanwhile those of others may be read here."""
        with self._state:
            while not request.is_done and self._is_reading:
                self._state.wait()
            if request.is_done:
                return
            self._is_reading = True
        try:
            while not request.is_done:
                self._read_reply()
        except (OSError, EOFError):
            self._died()
        finally:
            with self._state:
                self._is_reading = False
                self._state.notify_all()

    def _read_reply(self) -> None:
        magic, error, cookie = _REPLY.unpack(_receive(self._socket, _REPLY.size))
        with self._state:
            request = self._requests.pop(cookie, None)
        if magic != _REPLY_MAGIC or request is None:
            raise EOFError
        try:
            if not error:
                _receive_into(self._socket, request.views)
        except (OSError, EOFError):
            error = errno.EIO
            raise
        finally:
            with self._state:
                request.error, request.is_done = error, True
                self._state.notify_all()

    def _died(self) -> None:
        """Every request fails from now on, and it is said once."""
        with self._state:
            is_news = not self._dead
            self._dead = self._dead or f"{self._name}: its server has ended; the disk is gone"
            for request in self._requests.values():
                request.error, request.is_done = errno.EIO, True
            self._requests.clear()
            self._state.notify_all()
        if is_news and not self._is_closing:
            log.warning(self._dead)


def _negotiate(connection: socket.socket, name: str, export: str) -> tuple[int, int]:
    """Size and flags of the export. Ref: NBD protocol, "Fixed newstyle negotiation"."""
    magic, option_magic, flags = struct.unpack(">QQH", _receive(connection, 18))
    if magic != _INIT_MAGIC or option_magic != _OPTION_MAGIC or not flags & _FLAG_FIXED_NEWSTYLE:
        raise OptionError(f"{name}: its server does not speak NBD as of today")
    connection.sendall(struct.pack(">I", flags & (_FLAG_FIXED_NEWSTYLE | _FLAG_NO_ZEROES)))
    raw_name = export.encode()
    body = struct.pack(">I", len(raw_name)) + raw_name + struct.pack(">H", 0)
    connection.sendall(struct.pack(">QII", _OPTION_MAGIC, _OPT_GO, len(body)) + body)
    found: tuple[int, int] | None = None
    while True:
        magic, _, kind, length = struct.unpack(">QIII", _receive(connection, 20))
        if magic != _OPTION_REPLY_MAGIC or length > 1 << 16:
            raise OptionError(f"{name}: its server does not speak NBD as of today")
        payload = _receive(connection, length)
        if kind == _REP_ACK and found is not None:
            return found
        if kind & _REP_ERROR or kind == _REP_ACK:
            said = payload.decode("utf-8", "replace") or f"answer {kind:#x}"
            raise OptionError(f"{name}: the server refuses the export {export!r}: {said}")
        if kind == _REP_INFO and length >= 12 and payload[:2] == bytes(2):
            size, export_flags = struct.unpack_from(">QH", payload, 2)
            found = size, export_flags if export_flags & _HAS_FLAGS else 0


def _parts(offset: int, views: Sequence[memoryview]) -> list[tuple[int, Sequence[memoryview]]]:
    """Pieces of at most MAX_TRANSFER bytes with their offsets."""
    if sum(view.nbytes for view in views) <= MAX_TRANSFER:
        return [(offset, views)]
    parts: list[tuple[int, Sequence[memoryview]]] = []
    for view in views:
        for at in range(0, view.nbytes, MAX_TRANSFER):
            piece = view[at : at + MAX_TRANSFER]
            parts.append((offset, [piece]))
            offset += piece.nbytes
    return parts


def _ranges(offset: int, count: int) -> list[tuple[int, int]]:
    end = offset + count
    return [(at, min(MAX_TRANSFER, end - at)) for at in range(offset, end, MAX_TRANSFER)]


def _send(connection: socket.socket, views: list[memoryview]) -> None:
    while views:
        sent = connection.sendmsg(views[:_IOV_MAX])
        views = _rest(views, sent)


def _receive(connection: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    _receive_into(connection, [memoryview(data)])
    return bytes(data)


def _receive_into(connection: socket.socket, views: Sequence[memoryview]) -> None:
    rest = [view for view in views if view.nbytes]
    while rest:
        n = connection.recvmsg_into(rest[:_IOV_MAX])[0]
        if n == 0:
            raise EOFError
        rest = _rest(rest, n)


def _rest(views: list[memoryview], count: int) -> list[memoryview]:
    for index, view in enumerate(views):
        if count < view.nbytes:
            return [view[count:], *views[index + 1 :]]
        count -= view.nbytes
    return []
