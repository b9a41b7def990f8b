"""Host memory that is taken before the guest needs it: which, when, and that nothing goes on."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time

import numpy as np
import pytest

from jitppc.ir.layout import GRANULE_LOG2
from jitppc.runtime import fill_ahead
from jitppc.runtime.fill_ahead import CELLS_IN_HAND, CELLS_OF_OTHERS, PIECE, FillAhead, Pieces
from jitppc.runtime.memory import GuestMemory

RAM = 16 * PIECE
_libc = ctypes.CDLL(None, use_errno=True)


def resident(address: int, size: int) -> int:
    """Bytes of a mapping that the host has memory for."""
    start = address & -mmap.PAGESIZE
    pages = (ctypes.c_ubyte * (-(-(address + size - start) // mmap.PAGESIZE)))()
    assert _libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(pages) * 4096), pages) == 0
    return sum(page & 1 for page in pages) * mmap.PAGESIZE


@pytest.fixture
def memory():
    made = GuestMemory(RAM)
    yield made
    made.close()


@pytest.fixture
def filler(memory):
    """One that has no thread."""
    return FillAhead(memory.base, RAM, memory.spaces, memory)


def pieces_of(memory: GuestMemory) -> list[int]:
    """Which pieces of RAM the host has taken whole."""
    found = [resident(memory.base + at, PIECE) for at in range(0, RAM, PIECE)]
    return [number for number, size in enumerate(found) if size == PIECE]


def touch(memory: GuestMemory, real: int) -> None:
    """As native code does, when a vCPU may write there."""
    memory.spaces[0].write_slots[real >> GRANULE_LOG2, 0] = 1


def test_each_piece_is_taken_once_and_none_beyond_the_end():
    taken = []
    pieces = Pieces(0x10000, 3 * PIECE + 4096, lambda *what: taken.append(what) or True)
    assert pieces.fill(PIECE - 1, PIECE + 1)
    assert taken == [(0x10000, PIECE), (0x10000 + PIECE, PIECE)]
    assert not pieces.fill(0, 2 * PIECE)
    assert pieces.fill(2 * PIECE, 100 * PIECE)
    assert taken[2:] == [(0x10000 + 2 * PIECE, PIECE), (0x10000 + 3 * PIECE, 4096)]


def test_a_host_that_refuses_is_asked_once():
    asked = []
    pieces = Pieces(0, 8 * PIECE, lambda *what: bool(asked.append(what)))
    assert pieces.fill(0, PIECE)
    assert not pieces.fill(0, 8 * PIECE)
    assert len(asked) == 1


def test_what_is_written_to_is_filled_up(memory, filler):
    filler.look()
    assert pieces_of(memory) == []
    for real in (3 * PIECE + 0x50000, 4 * PIECE - 1, RAM - 1):
        touch(memory, real)
    assert filler.look()
    assert pieces_of(memory) == [3, 15]
    assert not filler.look()


def test_what_the_guest_gave_back_stays_the_hosts(memory, filler):
    touch(memory, 0)
    assert filler.look()
    memory.give_back(0, PIECE)
    assert not filler.look()
    assert pieces_of(memory) == []


def test_around_what_the_guest_gave_back_nothing_is_taken(memory):
    memory.give_back(2 * PIECE + 0x10000, 0x10000)
    memory.fill_ahead([(PIECE, 4 * PIECE)])
    deadline = time.monotonic() + 20
    while pieces_of(memory) != [1, 3]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    memory.close()
    assert pieces_of(memory) == [1, 3]


def test_what_is_in_ram_is_not_changed(memory, filler):
    memory.write(PIECE + 5, b"something")
    touch(memory, PIECE)
    filler.look()
    assert memory.read(PIECE + 5, 9) == b"something"
    assert np.count_nonzero(memory.view(PIECE, PIECE)) == 9


def test_cells_are_ahead_of_those_in_use(memory, filler):
    """Up to a piece more, and one of the host's huge pages."""
    spaces = memory.spaces[0], memory.join(1, 0)
    filler.look()
    first = [resident(int(space.state["pool"]), 2 * CELLS_IN_HAND) for space in spaces]
    assert CELLS_IN_HAND <= first[0] <= CELLS_IN_HAND + 2 * PIECE
    assert first[1] == 0
    for space, in_hand in zip(spaces, (CELLS_IN_HAND, CELLS_OF_OTHERS), strict=True):
        space.state["pool_next"] += 3 * PIECE + 33_000
        filler.look()
        found = resident(int(space.state["pool"]) + 3 * PIECE, 2 * CELLS_IN_HAND)
        assert in_hand < found <= in_hand + 3 * PIECE


def test_the_thread_ends_when_nothing_is_new_and_begins_again(memory, monkeypatch):
    monkeypatch.setattr(fill_ahead, "PATIENCE", 0.05)

    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "jitppc-fill"]

    def wait_until_it_ends() -> None:
        deadline = time.monotonic() + 20
        while threads() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threads() == []

    wait_until_it_ends()  # those of other tests' machines
    memory.fill_ahead([(PIECE, PIECE + 1)])
    assert len(threads()) == 1
    wait_until_it_ends()
    assert pieces_of(memory) == [1]
    memory.fill_ahead([(2 * PIECE, 4 * PIECE)])
    wait_until_it_ends()
    assert pieces_of(memory) == [1, 2, 3]
    monkeypatch.setattr(fill_ahead, "PATIENCE", 1000)
    memory.fill_ahead()
    assert len(threads()) == 1
    memory.close()
    assert threads() == []
