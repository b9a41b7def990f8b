"""H_PUT_TCE and its kind in native code, with those in Python as their judge."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from native_calls import RAM, Caller

from jitppc.ir.hcalls import H
from jitppc.ir.layout import COUNTER
from jitppc.spapr.hcall import tce
from jitppc.spapr.runtime_factory import share_windows
from jitppc.spapr.tce import TceTable, TceTables

PAGE, LIST = 4096, 0x40000
UNIT, OTHER, MOVING = 0x71000002, 0x71000003, 0x80000000
PAGES = 600
PUT, STUFF, INDIRECT = 0x20, 0x138, 0x13C
JUDGES = {
    PUT: (tce.h_put_tce, 3),
    STUFF: (tce.h_stuff_tce, 4),
    INDIRECT: (tce.h_put_tce_indirect, 4),
}
M64 = (1 << 64) - 1


def tables():
    made = TceTables()
    made.add(TceTable(UNIT, 0, 12, PAGES, stays=True))
    made.add(TceTable(MOVING, 1 << 59, 16, PAGES))
    made.add(TceTable(OTHER, 1 << 40, 16, PAGES, stays=True))
    return made


class TceCaller(Caller):
    """With tables for it and for the judge."""

    def __init__(self):
        super().__init__()
        self.mine, self.judges = tables(), tables()
        share_windows(self.memory, self.mine)
        platform = SimpleNamespace(tces=self.judges)
        self.judge = SimpleNamespace(platform=platform, memory=self.memory)

    def judged(self, opcode, *arguments):
        handler, count = JUDGES[opcode]
        return handler(self.judge, *arguments[:count])


def entries(of):
    return {table.liobn: np.array(table._entries) for table in of}


@pytest.fixture(scope="module")
def caller():
    return TceCaller()


def arguments(rng):
    opcode, liobn = rng.choice((PUT, STUFF, INDIRECT)), rng.choice((UNIT, UNIT, OTHER, MOVING, 7))
    shift, base = {OTHER: (16, 1 << 40), MOVING: (16, 1 << 59)}.get(liobn, (12, 0))
    edges = (base - 1, base + (PAGES << shift), base + (PAGES << shift) - 1, M64, 1 << 63)
    ioba = base + (rng.randrange(PAGES) << shift) + rng.choice((0, 0, 1, (1 << shift) - 1))
    ioba = rng.choice(edges) & M64 if rng.random() < 0.1 else ioba
    count = rng.choice((0, 1, 2, 16, 512, 513, PAGES, rng.randrange(PAGES), rng.getrandbits(64)))
    third = rng.getrandbits(64)
    if opcode == INDIRECT and rng.random() < 0.9:
        third = rng.choice((LIST, LIST | 15 << 60, RAM - PAGE, RAM, RAM + PAGE, 1 << 59, LIST + 8))
    return opcode, liobn, ioba, third, count


def test_native_code_and_python_put_the_same_entries(caller, pytestconfig):
    rng = random.Random(5)
    caller.memory.write(LIST, rng.randbytes(PAGE))
    caller.memory.write(RAM - PAGE, rng.randbytes(PAGE))
    answered = set()
    for _ in range(2000 * pytestconfig.getoption("hostile_rounds")):
        opcode, *rest = arguments(rng)
        answer = caller.call(opcode, *rest)
        if answer is None:
            is_empty = opcode != PUT and rest[3] == 0
            assert rest[0] == MOVING or is_empty or caller.judged(opcode, *rest) == H.PARAMETER
        else:
            answered.add((opcode, rest[0]))
            assert answer == H.SUCCESS == caller.judged(opcode, *rest)
        mine, judges = entries(caller.mine), entries(caller.judges)
        for liobn in (UNIT, OTHER):
            assert np.array_equal(mine[liobn], judges[liobn]), (opcode, rest)
    assert answered == {(opcode, liobn) for opcode in JUDGES for liobn in (UNIT, OTHER)}
    assert caller.count(COUNTER["tce_calls"]) > 0


def test_a_reset_empties_what_native_code_has_put(caller):
    table = caller.mine.get(UNIT)
    table.reset()
    assert caller.call(PUT, UNIT, 5 * PAGE, 0x7003) == H.SUCCESS
    assert table.get(5) == 0x7003
    address = table.address
    table.reset()
    assert (table.get(5), table.address) == (0, address)


def test_who_watches_hypercalls_sees_them(caller):
    caller.vcpu.shows_hcalls = True
    assert caller.call(PUT, UNIT, 0, 0x7003) is None
    caller.vcpu.shows_hcalls = False
    assert caller.call(PUT, UNIT, 0, 0x7003) == H.SUCCESS
