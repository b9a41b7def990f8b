"""H_PUT_TERM_CHAR in native code and in Python: the same answers, and all of it in order."""

import random
import threading
from types import SimpleNamespace

import pytest
from hostile_values import value64
from native_calls import Caller

from jitppc.ir.hcalls import H
from jitppc.ir.vty_layout import MAX_PACKETS
from jitppc.runtime.vty import NativeOutput
from jitppc.spapr.hcall.term import h_put_term_char
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.vty import Vty
from jitppc.spapr.vio.vty_output import ConsoleOutput

PUT, UNITS = 0x58, (0x71000000, 0x71000001)
M64 = (1 << 64) - 1


class Log:
    """Back ends of several consoles: what came, in order."""

    def __init__(self):
        self.items = []

    def line(self, name):
        return SimpleNamespace(write=lambda data: self.items.append((name, data)))

    def joined(self):
        """Neighbours of the same console are one."""
        found = []
        for name, data in self.items:
            if found and found[-1][0] == name:
                found[-1] = name, found[-1][1] + data
            else:
                found.append((name, data))
        return found


class Consoles:
    """Two consoles, with or without native code."""

    def __init__(self, packets=None):
        self.log, self.failures = Log(), []
        self.output = ConsoleOutput(packets, self.failures.append)
        self.vtys = [
            Vty(Slot(unit, 0x1100, lambda: None), self.log.line(n), self.output)
            for n, unit in enumerate(UNITS)
        ]

    def vty(self, unit):
        """As `PaprCpu.vty`."""
        return self.vtys[0] if unit == 0 else dict(zip(UNITS, self.vtys, strict=True)).get(unit)


class Guest:
    """A vCPU that prints, by native code if that will."""

    def __init__(self):
        self.caller = Caller()
        self.packets = NativeOutput(self.caller.memory)
        self.consoles = Consoles(self.packets)
        self.log, self.output = self.consoles.log, self.consoles.output

    def put(self, *arguments):
        answer = self.caller.call(PUT, *arguments)
        if answer is None:
            self.output.settle()
            return python_put(self.consoles, *arguments)
        return answer


def python_put(consoles, *arguments):
    return int(h_put_term_char(consoles, *arguments)) & M64


def words(text):
    padded = text.ljust(16, b"\0")
    return int.from_bytes(padded[:8], "big"), int.from_bytes(padded[8:], "big")


def say(guest, unit, text):
    return guest.put(unit, len(text), *words(text))


@pytest.fixture
def guest():
    return Guest()


def test_native_code_and_python_answer_and_print_the_same(guest, pytestconfig):
    rng, judge = random.Random(58), Consoles()
    guest.packets.open()
    statuses = set()
    for _ in range(3000 * pytestconfig.getoption("hostile_rounds")):
        unit = rng.choice((*UNITS, *UNITS, 0, 0x71000002, value64(rng)))
        count = rng.choice((rng.randrange(18), rng.randrange(18), value64(rng)))
        arguments = unit, count, rng.getrandbits(64), rng.getrandbits(64)
        status = guest.put(*arguments)
        statuses.add(status)
        assert python_put(judge, *arguments) == status
    guest.output.settle()
    assert judge.log.joined() == guest.log.joined()
    assert statuses == {H.SUCCESS, int(H.PARAMETER) & M64}
    assert guest.output.count > 500
    assert not guest.consoles.failures


def test_what_finds_no_room_is_left_to_python_and_stays_in_order(guest):
    guest.packets.open()
    texts = [b"%06d" % n for n in range(MAX_PACKETS + 5)]
    for n, text in enumerate(texts):
        assert (guest.caller.call(PUT, UNITS[0], 6, *words(text)) is None) == (n >= MAX_PACKETS)
        if n >= MAX_PACKETS:
            break
    assert guest.log.items == []
    for text in texts[MAX_PACKETS:]:
        assert say(guest, UNITS[0], text) == H.SUCCESS
    guest.output.settle()
    assert guest.log.joined() == [(0, b"".join(texts))]


def test_native_code_takes_nothing_that_nobody_passes_on(guest):
    assert guest.caller.call(PUT, UNITS[0], 1, 0, 0) is None
    with guest.output.carried(is_wanted=False):
        assert guest.caller.call(PUT, UNITS[0], 1, 0, 0) is None
    with guest.output.carried(is_wanted=True):
        assert guest.caller.call(PUT, UNITS[0], 1, 0, 0) == H.SUCCESS
        guest.output.stop_collecting()
        assert guest.caller.call(PUT, UNITS[0], 1, 0, 0) is None
    assert guest.caller.call(PUT, UNITS[0], 1, 0, 0) is None


def test_a_thread_passes_on_what_is_put_now_and_then_and_what_is_put_without_end(guest):
    """Alone, a packet is passed on without anything else being done; many come in fewer pieces."""
    arrived = threading.Event()
    inner = guest.consoles.vtys[0].chardev.write
    guest.consoles.vtys[0].chardev.write = lambda data: (inner(data), arrived.set())
    with guest.output.carried(is_wanted=True):
        for n in range(3):
            assert say(guest, UNITS[0], b"%d" % n) == H.SUCCESS
            assert arrived.wait(20)
            arrived.clear()
        assert guest.log.joined() == [(0, b"012")]
        for n in range(3 * MAX_PACKETS):
            assert say(guest, UNITS[0], b"%07d" % n) == H.SUCCESS
        guest.output.settle()
    assert guest.log.joined() == [
        (0, b"012" + b"".join(b"%07d" % n for n in range(3 * MAX_PACKETS)))
    ]
    assert len(guest.log.items) < MAX_PACKETS


def test_what_a_back_end_raises_is_told_and_the_rest_is_passed_on(guest):
    def broken(data):
        raise OSError(data)

    guest.consoles.vtys[0].chardev.write = broken
    guest.packets.open()
    for unit, text in ((UNITS[0], b"lost"), (UNITS[1], b"kept"), (UNITS[0], b"too")):
        assert guest.caller.call(PUT, unit, len(text), *words(text)) == H.SUCCESS
    assert guest.output.settle()
    assert [error.args for error in guest.consoles.failures] == [(b"lost",), (b"too",)]
    assert guest.log.items == [(1, b"kept")]
    assert guest.packets.is_empty
