"""Checked access to buffers that a guest names: an answer or None, never an exception."""

from jitppc.spapr.ports import GuestMemory


def read_or_none(memory: GuestMemory, gra: int, n: int) -> bytes | None:
    """The n bytes at gra, or None when one of them is outside RAM."""
    if n < 0 or not memory.contains(gra, n):
        return None
    return memory.read(gra, n) if n else b""


def write_if_inside(memory: GuestMemory, gra: int, data: bytes) -> bool:
    """True when all of data lies in RAM and has been written."""
    if not memory.contains(gra, len(data)):
        return False
    if data:
        memory.write(gra, data)
    return True


def read_cells(memory: GuestMemory, gra: int, count: int) -> list[int] | None:
    """The `count` big-endian 32-bit cells at gra, or None outside RAM."""
    data = read_or_none(memory, gra, 4 * count)
    if data is None:
        return None
    return [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]


def read_c_string(memory: GuestMemory, gra: int, limit: int) -> str | None:
    """The NUL-terminated ASCII text at gra, or None when it has no end within `limit` or in RAM."""
    n = min(limit, memory.size - gra) if 0 <= gra < memory.size else 0
    data = read_or_none(memory, gra, n)
    if not data or b"\0" not in data:
        return None
    text = data[: data.index(b"\0")]
    return text.decode("ascii") if text.isascii() else None
