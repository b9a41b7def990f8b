"""Segments of the region store: files that are written once, whole, and only read from then on.

    header | rows | contents

A row names a page of guest code by the hash of its bytes, says what is known about it, and where
the content lies. The header holds a digest of the rows, each row one of its content, so opening a
file reads only the rows; a content is checked when it is wanted.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jitppc.ir.layout import PageMode

SUFFIX = ".regions"
MAGIC = b"jitppc regions 1\n".ljust(24, b"\0")
_HEADER = struct.Struct("<24sQQ24s")       # magic, rows, bytes of the file, digest
HASH_BYTES = 16

#: What a row is about: a translation, what the profile says of a page, that the page was used.
REGION, PROFILE, USE = range(3)
ROW = np.dtype([
    ("page", "V16"),            # hash of the page's bytes
    ("kind", "<u2"),
    ("index", "<u2"),           # of a region: number of its first word
    ("instructions", "<u4"),    # of a region: guest instructions
    ("offset", "<u8"),          # of the content, from the start of the file
    ("size", "<u4"),
    ("stamp", "<u4"),           # seconds since 1970 when the page was last used
    ("check", "V16"),           # hash of the content and of what the row says of it
    ("spare", "<u8"),
])


class DamagedError(ValueError):
    """The bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing known of a page, not written yet."""

    page: bytes
    kind: int
    index: int
    instructions: int
    stamp: int
    content: bytes


def page_hash(page: bytes, models: int = 0, mode: int = PageMode.LE64) -> bytes:
    """The name of a page of code for a set of processor models (see levels.py) and a PageMode."""
    person = struct.pack("<QQ", models, mode & PageMode.EXECUTION)
    return hashlib.blake2b(page, digest_size=HASH_BYTES, person=person).digest()


def page_contents(name: bytes) -> int:
    """What regions of other pages compare to see that a page has contents of this name; not 0."""
    return int.from_bytes(name[:8], "little") or 1


def _check(page: bytes, kind: int, index: int, instructions: int, content: bytes) -> bytes:
    what = page + struct.pack("<HHI", kind, index, instructions)
    return hashlib.blake2b(content, digest_size=HASH_BYTES, key=what).digest()


def encode(rows: Iterable[Row]) -> list[bytes]:
    """The parts of a file with these rows, to be written one behind the other."""
    listed = list(rows)
    table = np.zeros(len(listed), ROW)
    at = _HEADER.size + table.nbytes
    for record, row in zip(table, listed, strict=True):
        check = _check(row.page, row.kind, row.index, row.instructions, row.content)
        record["page"], record["check"] = np.void(row.page), np.void(check)
        record["kind"], record["index"] = row.kind, row.index
        record["instructions"], record["stamp"] = row.instructions, row.stamp
        record["offset"], record["size"] = at, len(row.content)
        at += len(row.content)
    raw = table.tobytes()
    header = _HEADER.pack(MAGIC, len(listed), at, _digest(len(listed), at, raw))
    return [header, raw, *(row.content for row in listed)]


def _digest(count: int, size: int, rows: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(struct.pack("<QQ", count, size), digest_size=24)
    digest.update(rows)
    return digest.digest()


class Source(Protocol):
    """What a segment is read from."""

    size: int

    def read(self, at: int, size: int) -> bytes:
        """That many bytes, or fewer where it ends."""


class Segment:
    """The rows of one file; contents are read when they are asked for."""

    def __init__(self, source: Source) -> None:
        """DamagedError when the rows are not as they were written."""
        self._source = source
        header = source.read(0, _HEADER.size)
        if len(header) < _HEADER.size:
            raise DamagedError("it is too short")
        magic, count, size, digest = _HEADER.unpack(header)
        if magic != MAGIC:
            raise DamagedError("it is no such file, or of another version")
        end = _HEADER.size + count * ROW.itemsize
        if size != source.size or end > size:
            raise DamagedError("it is truncated, or longer than it was")
        rows = source.read(_HEADER.size, end - _HEADER.size)
        if _digest(count, size, rows) != digest:
            raise DamagedError("its index is damaged")
        self.rows = np.frombuffer(rows, ROW)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._source.size

    def content(self, number: int) -> bytes:
        """What belongs to a row; DamagedError when it is not as it was written."""
        row = self.rows[number]
        try:
            content = self._source.read(int(row["offset"]), int(row["size"]))
        except OSError as error:
            raise DamagedError(f"entry {number} cannot be read: {error.strerror}") from error
        page, kind = row["page"].tobytes(), int(row["kind"])
        check = _check(page, kind, int(row["index"]), int(row["instructions"]), content)
        if len(content) != row["size"] or check != row["check"].tobytes():
            raise DamagedError(f"entry {number} is damaged")
        return content

    def entries(self) -> Iterator[tuple[int, bytes, int, int, int, int]]:
        """(number, page, kind, index, instructions, stamp) of every row."""
        pages = [self.rows["page"][n].tobytes() for n in range(len(self.rows))]
        columns = [self.rows[name].tolist() for name in ("kind", "index", "instructions", "stamp")]
        yield from zip(range(len(pages)), pages, *columns, strict=True)
