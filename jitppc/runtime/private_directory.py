"""A directory that only its owner can write, and files in it that appear whole or not at all.

What is loaded from the cache directory is executed, so nothing is read from a directory or a file
that somebody else (but root) owns or may write, and no symbolic link is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

UNFINISHED = ".unfinished"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class NotPrivateError(OSError):
    """Somebody else owns this, or may write it."""


def _check(status: os.stat_result, path: str | Path, *, mode: bool = True) -> None:
    if status.st_uid not in (os.geteuid(), 0):       # root can replace anything anyway
        raise NotPrivateError(f"{path} belongs to somebody else; not used")
    if mode and status.st_mode & _OTHERS_WRITE:
        raise NotPrivateError(f"{path} can be written by others; not used")


class PrivateFile:
    """A file to read from, open as long as somebody has it.

    It is not mapped: what happens to the file below us then is a short read, and no signal.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = 0

    def __del__(self) -> None:
        os.close(self.fd)

    def read(self, at: int, size: int) -> bytes:
        """That many bytes, or fewer where the file ends."""
        found = b""
        while len(found) < size:
            more = os.pread(self.fd, size - len(found), at + len(found))
            if not more:
                break
            found += more
        return found


class PrivateDirectory:
    """An open directory of our own. All names are those of files directly in it."""

    def __init__(self, root: Path, *parts: str, create: bool = False) -> None:
        """Open `root/parts...`.

        The root has to be ours; with a umask of 002 its group may write it. Who replaces what is
        below it by something of his own is found out, as that has to be ours alone.

        Raises NotPrivateError when it is not so, OSError when it is not there and cannot be made.
        """
        self.path = root.joinpath(*parts)
        if create:
            root.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                root.mkdir(mode=0o700)
        self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check(os.fstat(self._fd), root, mode=not parts)
            for part in parts:
                self._descend(part, create)
        except BaseException:
            os.close(self._fd)
            raise

    def _descend(self, part: str, create: bool) -> None:
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, mode=0o700, dir_fd=self._fd)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        below = os.open(part, flags, dir_fd=self._fd)
        os.close(self._fd)
        self._fd = below
        _check(os.fstat(below), self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def names(self) -> list[str]:
        """Names of all files, in order."""
        return sorted(entry.name for entry in os.scandir(self._fd))

    def status(self, name: str) -> os.stat_result:
        """Size and times of a file."""
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False)

    def open(self, name: str) -> PrivateFile:
        """A file to read from.

        Raises NotPrivateError for one that is not ours alone, OSError when there is none.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        file = PrivateFile(os.open(name, flags, dir_fd=self._fd))
        status = os.fstat(file.fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivateError(f"{self.path / name} is not a file; not used")
        _check(status, self.path / name)
        file.size = status.st_size
        return file

    def write(self, name: str, *contents: bytes | memoryview) -> None:
        """The file has these contents, for anyone who looks from now on. OSError otherwise."""
        unfinished = f"{name}.{secrets.token_hex(4)}{UNFINISHED}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(unfinished, flags, mode=0o600, dir_fd=self._fd)
        try:
            for content in contents:
                _write_all(fd, content)
            os.rename(unfinished, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(unfinished, dir_fd=self._fd)
            raise
        finally:
            os.close(fd)

    def remove(self, name: str) -> None:
        """The file is not there any more; whoever has it open may go on reading."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def touch(self, name: str) -> None:
        """The file was used now."""
        with contextlib.suppress(OSError):
            os.utime(name, dir_fd=self._fd, follow_symlinks=False)

    @contextlib.contextmanager
    def alone(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """No other process is in here with the same name.

        Without `wait` the value says whether that is so.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, mode=0o600, dir_fd=self._fd)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                is_ours = True
            except BlockingIOError:
                is_ours = False
            yield is_ours
        finally:
            os.close(fd)


def _write_all(fd: int, content: bytes | memoryview) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view):]
