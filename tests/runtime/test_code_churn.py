"""Guests that write new code for ever: what they compute is right, and nothing grows."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from bench import CODE, PVR, RAM, STAY

from jitppc.ir.layout import CELL_PAGE_BYTES, COUNTER, MSR
from jitppc.runtime import region_store
from jitppc.runtime.engine import Engine
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.region_store import RegionStore
from jitppc.runtime.translator import Translator
from jitppc.runtime.vcpu import Vcpu
from jitppc.runtime.worker import TASKS
from jitppc.strategies import RegionOptions

#: the code that changes: r3 += N, CTR times
CHANGING = CODE + 0x8000
ADDI_R3, BDNZ, BDNZ_BACK, BLR = 0x38630000, 0x42000000, 0x4200FFFC, 0x4E800020
FILLING = [0x7D081A14, 0x7D294278] * 15         # add r8,r8,r3; xor r9,r9,r8
#: r5 is stored over its first instruction and counted up; it is called with CTR = r6; r7 times
OUTER = [
    0x90A40000,                                  # stw r5,0(r4)
    0x38A50001,                                  # addi r5,r5,1
    0x7CC903A6,                                  # mtctr r6
    0x48000001 | (CHANGING - CODE - 12),         # bl
    0x34E7FFFF,                                  # addic. r7,r7,-1
    0x40820000 | (-20 & 0xFFFC),                 # bne
    STAY,
]  # fmt: skip
VERSIONS, TIMES = 100, 6000
#: bytes of code, for about sixty regions
ROOM = 16 << 10
PAGES = 16


class InlinePool:
    """Compiles at once."""

    count = 1

    def __init__(self) -> None:
        self.compiled = 0

    def submit(self, task, *arguments):
        self.compiled += 1
        done: Future = Future()
        done.set_result(TASKS[task](*arguments))
        return done

    def close(self) -> None: ...


class Churn:
    """A vCPU in real mode whose translator has little room."""

    def __init__(self, room: int, store: RegionStore | None = None) -> None:
        self.engine, self.memory = Engine(), GuestMemory(RAM)
        self.vcpu = Vcpu(self.engine, self.memory, 0, PVR, clock="insns")
        self.vcpu.reset()
        self.vcpu.msr = MSR.SF | MSR.LE
        self.pool = InlinePool()
        self.translator = Translator(
            self.engine, self.memory, self.vcpu, self.pool, RegionOptions(), paced=True, room=room
        )
        if store is not None:
            self.translator._store = store

    def place(self, address: int, words: list[int]) -> None:
        self.memory.write(address, b"".join(word.to_bytes(4, "little") for word in words))

    def run_until_stay(self, nia: int, limit: int) -> None:
        self.vcpu.nia = nia
        end = self.vcpu.retired + limit
        while self.memory.read(self.vcpu.nia, 4) != STAY.to_bytes(4, "little"):
            assert self.vcpu.retired < end
            self.vcpu.run_for(1500)
            self.translator.tick()

    def churn(self, first: int, versions: int) -> int:
        """Runs the changing code; returns r3."""
        start = {3: 0, 4: CHANGING, 5: ADDI_R3 | first, 6: TIMES, 7: versions}
        for register, value in start.items():
            self.vcpu.gpr[register] = value
        self.place(CODE, OUTER)
        back = BDNZ | (-4 * (1 + len(FILLING)) & 0xFFFC)
        self.place(CHANGING, [ADDI_R3, *FILLING, back, BLR])
        self.run_until_stay(CODE, versions * (len(FILLING) + 3) * TIMES)
        return self.vcpu.gpr[3]


def expected(first: int, versions: int) -> int:
    return TIMES * sum(range(first, first + versions))


def test_the_arena_is_emptied_and_filled_again():
    churn = Churn(ROOM)
    arena = churn.engine.arena
    cache = churn.translator._cache
    for turn in range(3):
        first = 1 + turn * VERSIONS
        assert expected(first, VERSIONS) == churn.churn(first, VERSIONS)
        assert cache._segments.used <= ROOM
        assert arena.end + ROOM <= arena.base + arena.size
    found = churn.translator.statistics()
    assert found["regions"] > 2 * VERSIONS
    assert found["regions_failed"] == 0
    assert found["code_evictions"] >= 10
    placed = len(cache)
    assert placed < found["regions"] // 2
    assert sum(map(len, cache._hooks.values())) <= 2 * placed
    # of a version's 198,000 instructions, 64,000 make it hot and 60,000 pass until it arrives
    assert int(churn.vcpu.state["region_insns"]) > churn.vcpu.retired // 4


def test_what_was_evicted_comes_back_from_the_store():
    """The same versions again: nothing is compiled, although the arena had no room for all."""
    churn = Churn(ROOM)
    assert expected(1, VERSIONS) == churn.churn(1, VERSIONS)
    compiled = churn.pool.compiled
    assert churn.translator.statistics()["code_evictions"] >= 2
    assert expected(1, VERSIONS) == churn.churn(1, VERSIONS)
    assert churn.pool.compiled <= compiled + VERSIONS // 4
    assert churn.translator.statistics()["regions_kept"] > VERSIONS // 2


def test_the_store_holds_on_to_little(tmp_path, monkeypatch):
    """Hundreds of saves: files on disk, open files, and known pages stay few."""
    monkeypatch.setattr(region_store, "KNOWN_PAGES", 50)
    monkeypatch.setattr(region_store, "PENDING_BYTES", 1)
    store = RegionStore(tmp_path, "k" * 40, limit=200_000)
    for number in range(400):
        store.add(number.to_bytes(16, "little"), 0, 1, bytes(1000))
        assert len(store._pages) <= 200_000 // 1000 + 50
        assert store._segments <= 2 * region_store.MANY_SEGMENTS + 1
    files = list((tmp_path / "regions" / ("k" * 40)).glob("*.regions"))
    assert sum(path.stat().st_size for path in files) <= 200_000
    assert store.regions((399).to_bytes(16, "little"))[0].read() == bytes(1000)


@pytest.mark.parametrize("pages", [1, 3])
def test_cells_of_many_pages_take_the_room_of_few(pages):
    """A chain of jumps through sixteen pages of code, with cells for one, or for three."""
    churn = Churn(ROOM)
    state = churn.memory.state[0]
    state["pool_end"] = int(state["pool"]) + pages * CELL_PAGE_BYTES
    at = [CODE + 4096 * n for n in range(PAGES)]
    for number, address in enumerate(at):
        if number + 1 < PAGES:
            churn.place(address, [ADDI_R3 | number, 0x48000000 | (4096 - 4)])
        else:
            back = at[0] - address - 8
            churn.place(address, [0x34E7FFFF, 0x41820008, 0x48000000 | (back & 0x03FFFFFC), STAY])
    churn.vcpu.gpr[3], churn.vcpu.gpr[7] = 0, 500
    churn.run_until_stay(at[0], 10**6)
    assert churn.vcpu.gpr[3] == 500 * sum(range(PAGES - 1))
    assert int(churn.vcpu.state["counters"][COUNTER["flushes"]]) > 100
    assert int(state["pool_next"]) <= int(state["pool_end"])


def test_a_stale_region_does_not_reach_the_next_owner_of_its_cells():
    """Pages share one place for cells in turn: what is compiled for one is not put into another."""
    churn = Churn(ROOM)
    state = churn.memory.state[0]
    state["pool_end"] = int(state["pool"]) + CELL_PAGE_BYTES
    loops = [CODE + 4096 * n for n in range(4)]
    for number, address in enumerate(loops):
        churn.place(address, [ADDI_R3 | number + 1, BDNZ_BACK, STAY])
    for turn in range(40):
        number = turn % 4
        churn.vcpu.gpr[3] = 0
        churn.vcpu.ctr = 40_000 + turn
        churn.run_until_stay(loops[number], 200_000)
        assert churn.vcpu.gpr[3] == (number + 1) * (40_000 + turn)
    found = churn.translator.statistics()
    assert found["regions"] + found["regions_kept"] > 0


