"""Raw images: the bytes of a file or a block device of the host are the disk.

Writes go straight from guest memory to the file (pwritev) and back (preadv). What a cache mode
promises is what Linux promises for O_DIRECT, RWF_DSYNC and fdatasync.
"""

import ctypes
import errno
import mmap
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jitppc.devices.ports import BlockError, HostFile
from jitppc.errors import OptionError
from jitppc.host.block.locks import lock
from jitppc.host.block.options import ImageOptions

SECTOR = 512
IOV_MAX = 1024
DIRECT_ALIGN = 4096
"""Enough for every disk: offsets, lengths and addresses of direct transfers are multiples."""

# Ref: fallocate(2).
_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 1, 2, 16
_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV, errno.ENOTTY}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class RawImage:
    """One open image. A size that is no multiple of 512 is rounded up; the rest reads as zeros."""

    def __init__(self, options: ImageOptions) -> None:
        """The image is open and locked; OptionError says in one line why it cannot be."""
        self._options = options
        self.is_read_only = options.is_read_only
        self.serial = options.serial
        self._fd = self._open(0)
        self._direct: int | None = None
        try:
            if options.is_locked:
                lock(self._fd, options.path, is_writer=not self.is_read_only)
            self.size = -(-os.lseek(self._fd, 0, os.SEEK_END) // SECTOR) * SECTOR
            if options.is_direct:
                self._direct = self._open(os.O_DIRECT)
        except BaseException:
            os.close(self._fd)
            raise
        self._write_flags = os.RWF_DSYNC if options.is_write_through else 0
        self._flushes = not (options.cache == "unsafe" or self.is_read_only)
        self._flush_error = np.zeros(1, np.uint64)      # as HostFile has it
        self._bounce = threading.local()

    def _open(self, flags: int) -> int:
        path = self._options.path
        access = os.O_RDONLY if self.is_read_only else os.O_RDWR
        try:
            fd = os.open(path, access | flags | os.O_CLOEXEC)
        except OSError as error:
            hint = ""
            if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM} and not self.is_read_only:
                hint = "; to read only: readonly=on"
            if error.errno == errno.EINVAL and flags:
                hint = f"; its file system has no direct access: not cache={self._options.cache}"
            raise OptionError(f"{path}: {error.strerror}{hint}") from None
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            os.close(fd)
            raise OptionError(f"{path} is neither a file nor a block device")
        return fd

    @property
    def file(self) -> HostFile:
        """As `devices.ports.FileBackend`."""
        flush_error = self._flush_error.ctypes.data if self._flushes else 0
        if self._direct is not None:
            return HostFile(self._direct, DIRECT_ALIGN, self._write_flags, flush_error)
        return HostFile(self._fd, 1, self._write_flags, flush_error)

    # Transfers.

    def read_into(self, offset: int, views: Sequence[memoryview]) -> None:
        count = self._check(offset, sum(view.nbytes for view in views))
        direct = self._direct
        if direct is not None and _is_aligned(offset | count):
            if _are_aligned(views):
                self._read(direct, offset, views)
                return
            bounce = self._bounce_buffer(count)
            self._read(direct, offset, [bounce])
            at = 0
            for view in views:
                view[:] = bounce[at : at + view.nbytes]
                at += view.nbytes
            return
        self._read(self._fd, offset, views)

    def write_from(self, offset: int, views: Sequence[memoryview]) -> None:
        count = self._check(offset, sum(view.nbytes for view in views), is_write=True)
        direct = self._direct
        if direct is not None and _is_aligned(offset | count):
            if not _are_aligned(views):
                bounce = self._bounce_buffer(count)
                at = 0
                for view in views:
                    bounce[at : at + view.nbytes] = view
                    at += view.nbytes
                views = [bounce]
            self._write(direct, offset, views)
        else:
            self._write(self._fd, offset, views)

    def _read(self, fd: int, offset: int, views: Sequence[memoryview]) -> None:
        for pieces in _batches(views):
            rest = pieces
            while rest:
                try:
                    n = os.preadv(fd, rest, offset)
                except OSError as error:
                    raise self._failed("read", error) from None
                if n == 0:  # behind the end of a file of odd size
                    for view in rest:
                        view[:] = bytes(view.nbytes)
                    n = sum(view.nbytes for view in rest)
                offset += n
                rest = _after(rest, n)
                if not _is_aligned(n):
                    fd = self._fd

    def _write(self, fd: int, offset: int, views: Sequence[memoryview]) -> None:
        for pieces in _batches(views):
            rest = pieces
            while rest:
                try:
                    n = os.pwritev(fd, rest, offset, self._write_flags)
                except OSError as error:
                    raise self._failed("write", error) from None
                offset += n
                rest = _after(rest, n)
                if not _is_aligned(n):
                    fd = self._fd

    def flush(self) -> None:
        """Once it has failed it fails for good: Linux forgets pages that it could not write."""
        if not self._flushes:
            return
        if not self._flush_error[0]:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._flush_error[0] = error.errno or errno.EIO
        number = int(self._flush_error[0])
        if number:
            raise self._failed("flush", OSError(number, os.strerror(number)))

    def discard(self, offset: int, count: int) -> None:
        self._check(offset, count, is_write=True)
        if self._options.discard == "unmap" and count:
            self._allocate(_PUNCH_HOLE | _KEEP_SIZE, offset, count)

    def write_zeroes(self, offset: int, count: int, may_unmap: bool) -> None:
        self._check(offset, count, is_write=True)
        if not count:
            return
        ways = [_ZERO_RANGE | _KEEP_SIZE]
        if may_unmap and self._options.discard == "unmap":
            ways.insert(0, _PUNCH_HOLE | _KEEP_SIZE)
        if not any(self._allocate(way, offset, count) for way in ways):
            zeros = memoryview(bytes(min(count, 1 << 20)))
            for at in range(0, count, len(zeros)):
                self._write(self._fd, offset + at, [zeros[: count - at]])
        elif self._options.is_write_through:
            self.flush()

    def _allocate(self, mode: int, offset: int, count: int) -> bool:
        """`fallocate` did it; False when this file cannot."""
        if _libc.fallocate(self._fd, mode, offset, count) == 0:
            return True
        number = ctypes.get_errno()
        if number in _CANNOT:
            return False
        raise self._failed("discard", OSError(number, os.strerror(number)))

    def close(self) -> None:
        try:
            self.flush()
        finally:
            for fd in (self._fd, self._direct):
                if fd is not None:
                    os.close(fd)

    def _check(self, offset: int, count: int, *, is_write: bool = False) -> int:
        if offset < 0 or count < 0 or offset + count > self.size:
            raise BlockError(errno.EINVAL, f"{self._options.path}: outside the image")
        if is_write and self.is_read_only:
            raise BlockError(errno.EROFS, f"{self._options.path} is read-only")
        return count

    def _failed(self, verb: str, error: OSError) -> BlockError:
        return BlockError(
            error.errno or errno.EIO, f"{self._options.path}: {verb} failed: {error.strerror}"
        )

    def _bounce_buffer(self, count: int) -> memoryview:
        """Aligned memory of this thread."""
        kept: mmap.mmap | None = getattr(self._bounce, "memory", None)
        if kept is None or len(kept) < count:
            kept = mmap.mmap(-1, max(count, 1 << 20))
            self._bounce.memory = kept
        return memoryview(kept)[:count]


def _is_aligned(value: int) -> bool:
    return value % DIRECT_ALIGN == 0


def _are_aligned(views: Sequence[memoryview]) -> bool:
    """Direct transfers take them as they lie in memory."""
    return all(
        _is_aligned(np.frombuffer(view, np.uint8).__array_interface__["data"][0] | view.nbytes)
        for view in views
    )


def _batches(views: Sequence[memoryview]) -> Iterator[Sequence[memoryview]]:
    """Pieces that one system call takes."""
    if len(views) <= IOV_MAX:
        yield views
        return
    for at in range(0, len(views), IOV_MAX):
        yield views[at : at + IOV_MAX]


def _after(views: Sequence[memoryview], count: int) -> Sequence[memoryview]:
    """What is left when the first `count` bytes are done."""
    for index, view in enumerate(views):
        if count < view.nbytes:
            return [view[count:], *views[index + 1 :]]
        count -= view.nbytes
    return ()


def create(path: Path, size: int) -> None:
    """A sparse file of this size, which must not be there yet."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.truncate(fd, size)
    finally:
        os.close(fd)
