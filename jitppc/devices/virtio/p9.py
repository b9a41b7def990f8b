"""virtio-9p: a folder of the host in the guest, by messages to a 9P server.

Requests and answers go through as they are, but for the one that says which tree is wanted and
by whom: that is the host's to say.

Ref: virtio 1.2, 5.1.1 (device ids: 9); the 9P2000.L protocol; the driver of Linux for the layout
of the configuration space, which the specification leaves out.
"""

import contextlib
import socket
import struct
import threading

from jitppc.devices.ports import FolderServer
from jitppc.devices.virtio.queue import Chain
from jitppc.devices.virtio.served import ServedDevice, ServedQueue

F_MOUNT_TAG = 1 << 0

QUEUE_SIZE = 128
#: size, type, tag
HEADER = struct.Struct("<IBH")
#: The greatest message; clients and server agree on less.
MAX_MESSAGE = 1 << 20
T_ATTACH, T_FLUSH, R_FLUSH, R_LERROR = 104, 108, 109, 7
EIO = 5


class LostServer(Exception):
    """The server has gone, or says what no server may."""


def attach_as(message: bytes, tree: str, user: int | None) -> bytes:
    """A Tattach for `tree`, by `user` when given; one that cannot be read stays as it is.

    Its fields: fid[4] afid[4] uname[s] aname[s] n_uname[4].
    """
    try:
        at = HEADER.size + 8
        for _ in range(2):
            at += 2 + struct.unpack_from("<H", message, at)[0]
        (who,) = struct.unpack_from("<I", message, at)
    except struct.error:
        return message
    fids = message[HEADER.size : HEADER.size + 8]
    name = tree.encode()
    who = who if user is None else user
    body = fids + bytes(2) + struct.pack("<H", len(name)) + name + struct.pack("<I", who)
    tag = HEADER.unpack_from(message)[2]
    return HEADER.pack(HEADER.size + len(body), T_ATTACH, tag) + body


class Session:
    """One connection to the server and the requests under way on it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()

    def send(self, message: bytes) -> None:
        try:
            self._connection.sendall(message)
        except OSError as error:
            raise LostServer from error

    def receive(self) -> bytes:
        """The next message; waits for it."""
        while len(self._received) < HEADER.size or len(self._received) < self._size():
            try:
                data = self._connection.recv(1 << 18)
            except OSError as error:
                raise LostServer from error
            if not data:
                raise LostServer
            self._received += data
        size = self._size()
        message = bytes(self._received[:size])
        del self._received[:size]
        return message

    def _size(self) -> int:
        (size,) = struct.unpack_from("<I", self._received)
        if not HEADER.size <= size <= MAX_MESSAGE:
            raise LostServer
        return size

    def close(self) -> None:
        """Whoever waits in `receive` gets LostServer."""
        with contextlib.suppress(OSError):  # the server closed it first
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Virtio9p(ServedDevice):
    """Each session with the server begins when the driver is ready, and ends with a reset."""

    device_id = 9
    class_code = 0x000200
    name = "virtio-9p"

    def __init__(self, tag: str, server: FolderServer) -> None:
        super().__init__(F_MOUNT_TAG, [QUEUE_SIZE])
        self._tag = tag.encode()
        self._server = server
        self._lock = threading.Lock()  # of the ring's used side and `_pending`
        self._pending: dict[int, Chain] = {}
        self._flushes: dict[int, int] = {}  # tag of a Tflush: tag of what it wants flushed
        self._session: Session | None = None
        self._reader: threading.Thread | None = None

    def config(self) -> bytes:
        return struct.pack("<H", len(self._tag)) + self._tag

    # Life.

    def activated(self) -> None:
        try:
            self._session = Session(self._server.connect())
        except OSError:
            return
        args = self.queues[0], self._session
        self._reader = threading.Thread(target=self._read, args=args, name="9p", daemon=True)
        self._reader.start()

    def deactivated(self) -> None:
        session, reader = self._session, self._reader
        self._session = self._reader = None
        if session is not None:
            session.close()
        if reader is not None:
            reader.join()
        with self._lock:
            self._pending.clear()
            self._flushes.clear()

    # Requests.

    def serve(self, queue: ServedQueue) -> None:
        for chains in queue.batches():
            for chain in chains:
                self._request(queue, chain)
            if not self.is_active:
                return

    def _request(self, queue: ServedQueue, chain: Chain) -> None:
        """The server has the request; what is no message of 9P is answered with an error."""
        message = chain.read(MAX_MESSAGE + 1)
        size, kind, tag = HEADER.unpack_from(message.ljust(HEADER.size, b"\0"))
        session = self._session
        with self._lock:
            is_sound = HEADER.size <= size <= min(len(message), MAX_MESSAGE)
            if not is_sound or tag in self._pending or session is None:
                self._answer(queue, chain, error_message(tag))
                return
            self._pending[tag] = chain
            if kind == T_FLUSH and size >= HEADER.size + 2:
                (self._flushes[tag],) = struct.unpack_from("<H", message, HEADER.size)
        message = message[:size]
        if kind == T_ATTACH:
            message = attach_as(message, self._server.tree, self._server.user)
        try:
            session.send(message)
        except LostServer:
            self._fail_all(queue)

    # Answers.

    def _read(self, queue: ServedQueue, session: Session) -> None:
        """The thread of a session: its answers, until it ends."""
        try:
            while True:
                message = session.receive()
                with self._lock:
                    if not self.is_active:
                        return
                    if not self.guarded(lambda: self._answered(queue, message)):  # noqa: B023
                        return
        except LostServer:
            if session is self._session:
                self._session = None
                self._fail_all(queue)

    def _answered(self, queue: ServedQueue, message: bytes) -> None:
        _, kind, tag = HEADER.unpack_from(message)
        old = self._flushes.pop(tag, None)
        if kind == R_FLUSH and old is not None and old in self._pending:
            # No answer comes for what was flushed: its buffer goes back empty.
            self._answer(queue, self._pending.pop(old), b"")
        chain = self._pending.pop(tag, None)
        if chain is not None:
            self._answer(queue, chain, message)

    def _answer(self, queue: ServedQueue, chain: Chain, message: bytes) -> None:
        """The driver has its buffer back. An answer that does not fit becomes an error."""
        if len(message) > chain.writable_bytes():
            message = error_message(HEADER.unpack_from(message)[2])
        queue.give_back(chain, chain.write(message))

    def _fail_all(self, queue: ServedQueue) -> None:
        """Nobody answers any more."""
        with self._lock:
            if self.is_active:
                for tag, chain in self._pending.items():
                    self._answer(queue, chain, error_message(tag))
            self._pending.clear()
            self._flushes.clear()


def error_message(tag: int) -> bytes:
    """Rlerror: ecode[4]."""
    return HEADER.pack(HEADER.size + 4, R_LERROR, tag) + struct.pack("<I", EIO)
