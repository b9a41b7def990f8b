"""Stores of a guest to doorbells, where they are executed."""

import os

from jitppc.bell import Bell
from jitppc.ir.layout import COUNTER, MSR
from jitppc.ir.virtq_layout import MAX_DOORBELLS
from jitppc.runtime.engine import Engine
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu

RAM, CODE, START, END = 1 << 20, 0x8000, 0x2000_0000_0000, 0x2000_0001_0000
BELL = START + 0x3000
STW, STH, STD, LWZ = 0x90850000, 0xB0850000, 0xF8850000, 0x80850000  # r4, 0(r5)


class Noted:
    """A device that notes accesses."""

    def __init__(self):
        self.seen = []

    def load(self, gra, size, vcpu_id):
        self.seen.append((gra, size, None))
        return 0

    def store(self, gra, size, value, vcpu_id):
        self.seen.append((gra, size, value))


class Guest:
    def __init__(self):
        self.memory, self.device = GuestMemory(RAM), Noted()
        self.vcpu = Vcpu(Engine(), self.memory, 0, 0x004E1202)
        self.memory.attach_mmio([(START, END)], self.device, self.fail)
        self.failure = None

    def fail(self, error):
        self.failure = error

    def touch(self, word, gra):
        """One access; what the device has seen of it."""
        self.device.seen.clear()
        self.memory.write(CODE, word.to_bytes(4, "big") + (0x48000000).to_bytes(4, "big"))
        self.vcpu.gpr[4], self.vcpu.gpr[5] = 0x01020304, gra
        self.vcpu.msr, self.vcpu.nia = MSR.SF | MSR.ME, CODE
        self.vcpu.run_for(1)
        assert self.failure is None
        return list(self.device.seen)

    @property
    def rung(self):
        """By native code, ever."""
        return int(self.vcpu.state["counters"][COUNTER["doorbells"]])


def count(bell):
    """How often it was rung after the last time this was asked."""
    os.set_blocking(bell.number, False)
    try:
        return int.from_bytes(os.read(bell.number, 8), "little")
    except BlockingIOError:
        return 0


def test_a_store_rings_and_does_nothing_else():
    guest, first, second = Guest(), Bell(), Bell()
    guest.memory.use_doorbells([(BELL, first.number), (BELL + 8, second.number)])
    for word, gra in ((STW, BELL), (STH, BELL), (STH, BELL + 2), (STD, BELL)):
        assert [] == guest.touch(word, gra)
    assert (4, 0) == (count(first), count(second))
    assert [] == guest.touch(STW, BELL + 8)
    assert (0, 1) == (count(first), count(second))
    assert 5 == guest.rung


def test_everything_else_is_the_devices():
    guest, bell = Guest(), Bell()
    guest.memory.use_doorbells([(BELL, bell.number)])
    assert [(BELL, 4, None)] == guest.touch(LWZ, BELL)
    assert [(BELL + 4, 4, 0x04030201)] == guest.touch(STW, BELL + 4)
    assert [(START, 4, 0x04030201)] == guest.touch(STW, START)
    guest.memory.use_doorbells([])
    assert [(BELL, 4, 0x04030201)] == guest.touch(STW, BELL)
    assert 0 == count(bell) == guest.rung


def test_those_beyond_the_limit_are_the_devices():
    guest, bell = Guest(), Bell()
    rows = [(BELL + 4 * n, bell.number) for n in range(MAX_DOORBELLS + 1)]
    guest.memory.use_doorbells(rows)
    assert [] == guest.touch(STW, rows[-2][0])
    assert [(rows[-1][0], 4, 0x04030201)] == guest.touch(STW, rows[-1][0])
    assert 1 == count(bell)
