"""XICS' hypercalls as a guest executes them: `sc 1`, without Python where nobody looks."""

from __future__ import annotations

import threading

import pytest
from bench import CODE, HCALL, PVR, STAY, engine

from jitppc.ir import xics_layout
from jitppc.ir.layout import COUNTER, MSR
from jitppc.runtime.exits import ExitReason
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.runtime.xics_events import XicsEvents

H_EOI, H_CPPR, H_IPI, H_IPOLL, H_XIRR, H_XIRR_X = 0x64, 0x68, 0x6C, 0x70, 0x74, 0x2FC
H_CEDE, H_PARAMETER = 0xE0, (1 << 64) - 4
EXTERNAL, CPPR_5 = 0x500, 5 << 24
SOURCE = 0x1100
KERNEL = MSR.SF | MSR.LE | MSR.ME


class Pair:
    """Two vCPUs and their controller, in use."""

    def __init__(self):
        self.memory = GuestMemory(4 << 20)
        self.cpus = [Vcpu(engine(exact=False), self.memory, n, PVR) for n in range(2)]
        self.xics = XicsEvents(engine(exact=False), self.memory.vcpu_addresses)
        self.memory.attach_xics(self.xics.address)
        self.xics.ask(xics_layout.RESET)
        self.xics.ask(xics_layout.CLAIM, SOURCE)
        self.xics.is_active = True
        words = (HCALL, STAY)
        self.memory.write(CODE, b"".join(w.to_bytes(4, "little") for w in words))
        self.memory.write(EXTERNAL, STAY.to_bytes(4, "little"))
        for number in range(2):
            self.cpus[number].set_ile(True)
            self.call(number, H_CPPR, 0xFF)

    def start(self, number, call, *args, msr=KERNEL):
        cpu = self.cpus[number]
        cpu.msr, cpu.nia = msr, CODE
        for place, value in enumerate((call, *args), 3):
            cpu.gpr[place] = value
        return cpu

    def call(self, number, call, *args, msr=KERNEL):
        """r3, r4, r5 after a hypercall that native code answers."""
        cpu = self.start(number, call, *args, msr=msr)
        before = int(cpu.state["counters"][COUNTER["xics_calls"]])
        assert cpu.run_for(2).reason is ExitReason.BUDGET
        assert before + 1 == int(cpu.state["counters"][COUNTER["xics_calls"]])
        return [cpu.gpr[n] for n in (3, 4, 5)]


@pytest.fixture
def pair():
    return Pair()


def test_an_interrupt_from_its_source_to_its_end(pair):
    pair.xics.ask(xics_layout.SET_XIVE, SOURCE, 1, 5)
    pair.xics.ask(xics_layout.PULSE, SOURCE)
    assert [int(cpu.state["external"]) for cpu in pair.cpus] == [0, 1]
    assert pair.call(0, H_IPOLL, 1) == [0, 0xFF << 24 | SOURCE, 0xFF]
    assert pair.call(0, H_XIRR)[:2] == [0, 0xFF << 24]
    assert pair.call(1, H_XIRR)[:2] == [0, 0xFF << 24 | SOURCE]
    assert pair.call(1, H_XIRR)[:2] == [0, CPPR_5]
    assert pair.call(1, H_EOI, 0xFF << 24 | SOURCE)[0] == 0
    assert pair.call(1, H_IPOLL, 1) == [0, 0xFF << 24, 0xFF]


def test_a_processor_interrupts_another(pair):
    assert pair.call(0, H_IPI, 1, 4)[0] == 0
    assert [int(cpu.state["external"]) for cpu in pair.cpus] == [0, 1]
    earlier = pair.cpus[1].timebase
    status, xirr, ticks = pair.call(1, H_XIRR_X)
    assert (status, xirr) == (0, 0xFF000002)
    assert earlier < ticks < pair.cpus[1].timebase
    assert pair.call(1, H_IPI, 1, 0xFF)[0] == 0
    assert pair.call(1, H_EOI, 0xFF000002)[0] == 0
    assert not pair.cpus[1].state["external"]


@pytest.mark.parametrize("server", [2, 1 << 32, (1 << 64) - 1])
@pytest.mark.parametrize("call", [H_IPI, H_IPOLL])
def test_there_are_no_other_servers(pair, call, server):
    assert pair.call(0, call, server, 4)[0] == H_PARAMETER


@pytest.mark.parametrize("call", [H_IPI, H_CPPR, H_EOI])
def test_what_a_call_lets_through_interrupts_its_caller_at_once(pair, call):
    """MSR[EE] is on: the instruction behind `sc` is not executed."""
    cpu = pair.cpus[0]
    if call == H_IPI:
        pair.start(0, H_IPI, 0, 4, msr=KERNEL | MSR.EE)
    else:
        pair.call(0, H_CPPR, 0)
        pair.call(0, H_IPI, 0, 4)
        value = 0xFF if call == H_CPPR else 0xFF << 24
        pair.start(0, call, value, msr=KERNEL | MSR.EE)
    cpu.run_for(2)
    assert (cpu.nia, cpu.spr["SRR0"]) == (EXTERNAL, CODE + 4)


def test_python_answers_while_somebody_looks_or_xive_is_in_use(pair):
    cpu = pair.cpus[0]
    cpu.shows_hcalls = True
    pair.start(0, H_XIRR)
    assert cpu.run().reason is ExitReason.HCALL
    cpu.shows_hcalls = pair.xics.is_active = False
    pair.start(0, H_XIRR)
    assert cpu.run().reason is ExitReason.HCALL


def test_who_idles_is_woken_by_another_processor(pair):
    """One waits in H_CEDE, in native code; the other's H_IPI ends that, without Python."""
    idle = pair.start(1, H_CEDE)

    def wait():
        while idle.nia != EXTERNAL:
            idle.run_for(1)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        while not idle.state["waited_for"]:
            assert thread.is_alive()
        pair.call(0, H_IPI, 1, 4)
    finally:
        thread.join(20)
    assert not thread.is_alive()
    assert (idle.nia, idle.gpr[3]) == (EXTERNAL, 0)
