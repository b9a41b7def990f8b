"""Back ends for tests, kept in memory."""

import errno
import threading

from jitppc.devices.ports import BlockError


class MemoryDisk:
    """A disk image; `log` has every call, `failing` the errno that the next calls end with."""

    def __init__(self, size: int, *, read_only: bool = False, serial: str = "") -> None:
        self.data = bytearray(size)
        self.is_read_only = read_only
        self.serial = serial
        self.log: list[tuple] = []
        self.failing = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return len(self.data)

    def _check(self, what: str, offset: int, count: int, is_write: bool) -> None:
        with self._lock:
            self.log.append((what, offset, count))
        if self.failing:
            raise BlockError(self.failing, what)
        if is_write and self.is_read_only:
            raise BlockError(errno.EROFS, what)
        if not 0 <= offset <= offset + count <= self.size:
            raise BlockError(errno.EINVAL, what)

    def read_into(self, offset, views):
        self._check("read", offset, sum(map(len, views)), is_write=False)
        for view in views:
            view[:] = self.data[offset : offset + len(view)]
            offset += len(view)

    def write_from(self, offset, views):
        self._check("write", offset, sum(map(len, views)), is_write=True)
        for view in views:
            self.data[offset : offset + len(view)] = view
            offset += len(view)

    def flush(self):
        self._check("flush", 0, 0, is_write=False)

    def discard(self, offset, count):
        self._check("discard", offset, count, is_write=True)

    def write_zeroes(self, offset, count, may_unmap):
        self._check("unmap" if may_unmap else "zero", offset, count, is_write=True)
        self.data[offset : offset + count] = bytes(count)

    def close(self):
        self.log.append(("close", 0, 0))


class Line:
    """A serial line's host end: what was written, and a way to type."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.type = None
        self.arrived = threading.Condition()

    def start(self, receive):
        self.type = receive

    def write(self, data):
        with self.arrived:
            self.output += data
            self.arrived.notify_all()

    def wait_for(self, text: bytes, seconds: float = 20) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: text in self.output, seconds), self.output

    def close(self):
        self.type = None
