"""One command on its way: the descriptor block, the guest's memory for its data, its outcome."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jitppc.devices.scsi.sense import Sense, Status

CDB_SIZE = 16


class DataBuffer:
    """Guest memory that a command's data goes to or comes from, as a list of pieces.

    Whoever found the pieces (`DmaSpace.views`) also calls `DmaSpace.written` when data has come in.
    """

    def __init__(self, views: Sequence[memoryview] = ()) -> None:
        self.views = views
        self.size = sum(len(view) for view in views)

    def part(self, offset: int, count: int) -> list[memoryview]:
        """The pieces of [offset, offset + count); what is beyond the end is left out."""
        found: list[memoryview] = []
        for view in self.views:
            if count <= 0:
                break
            if offset < len(view):
                piece = view[offset : offset + count]
                found.append(piece)
                count -= len(piece)
                offset = 0
            else:
                offset -= len(view)
        return found

    def put(self, data: bytes, offset: int = 0) -> int:
        """As much of data as there is room for from `offset` on is in memory; how much that was."""
        done = 0
        for piece in self.part(offset, len(data)):
            piece[:] = data[done : done + len(piece)]
            done += len(piece)
        return done

    def get(self, offset: int, count: int) -> bytes:
        """The bytes of [offset, offset + count), fewer where the buffer ends."""
        return b"".join(bytes(piece) for piece in self.part(offset, count))


NO_DATA = DataBuffer()


@dataclass(slots=True)
class Task:
    """A command with its data buffers; `transferred` and `wanted` are filled in by its handler."""

    cdb: bytes
    data_out: DataBuffer = NO_DATA
    data_in: DataBuffer = NO_DATA
    transferred: int = field(default=0, init=False)
    wanted: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """The descriptor block has 16 bytes at least, so that every field can be read."""
        self.cdb = self.cdb.ljust(CDB_SIZE, b"\0")

    def number(self, start: int, end: int) -> int:
        """The bytes [start, end) of the descriptor block as a number."""
        return int.from_bytes(self.cdb[start:end], "big")

    def answer(self, data: bytes, allocation_length: int) -> None:
        """The guest has as much of data as it has made room for."""
        data = data[:allocation_length]
        self.wanted = len(data)
        self.transferred = self.data_in.put(data)

    def parameters(self, length: int) -> bytes | None:
        """The parameter list of `length` bytes, or None when the guest sent fewer."""
        self.wanted = length
        data = self.data_out.get(0, length)
        self.transferred = len(data)
        return data if len(data) == length else None


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a command.

    `transferred` bytes were moved; `wanted` is what the command asked for, which is more when the
    guest's buffers were too small for it.
    """

    status: Status
    sense: Sense | None = None
    transferred: int = 0
    wanted: int = 0
