"""Back ends for tests of devices: they check what they are asked for."""

import errno

from jitppc.devices.ports import BlockError


class MemoryDisk:
    """A disk in a bytearray. `flushed` is what would survive a crash of the host."""

    def __init__(self, size=1 << 20, *, read_only=False, serial="S123"):
        self.data = bytearray(size)
        self.flushed = bytes(size)
        self.is_read_only = read_only
        self.serial = serial
        self.discarded = []
        self.fails_with = None

    @property
    def size(self):
        return len(self.data)

    def _check(self, offset, count, is_write):
        if self.fails_with is not None:
            raise BlockError(self.fails_with, "told to fail")
        if offset < 0 or offset + count > self.size:
            raise AssertionError(f"{count} bytes at {offset} are outside of the image")
        if is_write and self.is_read_only:
            raise BlockError(errno.EROFS, "read-only")

    def read_into(self, offset, views):
        self._check(offset, sum(len(view) for view in views), is_write=False)
        for view in views:
            view[:] = self.data[offset : offset + len(view)]
            offset += len(view)

    def write_from(self, offset, views):
        self._check(offset, sum(len(view) for view in views), is_write=True)
        for view in views:
            self.data[offset : offset + len(view)] = view
            offset += len(view)

    def flush(self):
        self._check(0, 0, is_write=False)
        self.flushed = bytes(self.data)

    def discard(self, offset, count):
        self._check(offset, count, is_write=True)
        self.discarded.append((offset, count))
        self.data[offset : offset + count] = b"\xdd" * count

    def write_zeroes(self, offset, count, may_unmap):
        self._check(offset, count, is_write=True)
        self.data[offset : offset + count] = bytes(count)

    def close(self):
        self.flush()
