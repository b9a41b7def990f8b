"""XIVE as Linux's driver uses it: hypercalls, then loads and stores of the pages."""

import random

import pytest
from spapr_fakes import FakeMemory, FakeRuntime, Line, elf, fake_xics, fake_xive
from test_spapr_open_firmware import cas_vector

from jitppc.errors import OptionError
from jitppc.ir.hcalls import H, Hcall
from jitppc.ir.xive_places import (
    CONTEXT_PAGES_GRA,
    OS_PAGE_GRA,
    PAGES_END,
    PAGES_START,
    QUEUE_PAGES_GRA,
    USER_PAGE_GRA,
    management_page,
    queue_page,
    trigger_page,
)
from jitppc.spapr.cas import Offer, negotiate
from jitppc.spapr.cpu_models import cpu_model
from jitppc.spapr.fdt_values import cells, cells64, get, text
from jitppc.spapr.interrupts import IcMode, Interrupts, ic_mode
from jitppc.spapr.machine import Machine
from jitppc.spapr.memory_map import MIB

RAM = 128 * MIB
M64 = (1 << 64) - 1
QUEUE = 0x10000
EDGE, LEVEL = 0x1300, 0x1200
NAMES = Hcall.__members__
READ, SET_READY, SET_OFF, SET_PENDING = 0x800, 0xC00, 0xD00, 0xE00


class Driver:
    """What a guest's driver does, on a controller with its lines."""

    def __init__(self, count=1):
        self.lines = [Line() for _ in range(count)]
        self.memory = FakeMemory(RAM)
        self.pages = fake_xive(self.lines, self.memory)
        self.interrupts = Interrupts(fake_xics(self.lines), self.pages, IcMode.DUAL)
        self.interrupts.claim(EDGE)
        self.interrupts.claim(LEVEL, is_level=True)
        self.interrupts.choose(is_xive=True)
        self.xive = self.interrupts.xive
        self.read = [0] * count

    def load(self, gra, size=8, vcpu=0):
        value = self.pages.load(gra, size, vcpu).to_bytes(size, "little")
        return int.from_bytes(value, "big")

    def store(self, gra, value=0, size=8, vcpu=0):
        data = value.to_bytes(size, "big")
        self.pages.store(gra, size, int.from_bytes(data, "little"), vcpu)

    def set_cppr(self, value, vcpu=0):
        self.store(OS_PAGE_GRA + 0x11, value, 1, vcpu)

    def acknowledge(self, vcpu=0):
        return self.load(OS_PAGE_GRA + 0x810, 2, vcpu)

    def manage(self, source, offset):
        return self.load(management_page(source) + offset)

    def set_queue(self, target, *, priority=6, size_log2=16, always=True):
        queue = self.xive.queue(target, priority)
        fresh = type(queue)(QUEUE << 4 * target, size_log2, always)
        self.xive.set_queue(target, priority, fresh)
        self.set_cppr(0xFF, target)

    def lead(self, source, target=0, priority=6):
        self.xive.configure(source, target, priority, source | 0x40000000, is_masked=False)
        self.manage(source, SET_READY)

    def entry(self, index, target=0):
        return int.from_bytes(self.memory.read((QUEUE << 4 * target) + 4 * index, 4), "big")


@pytest.fixture
def driver():
    made = Driver()
    made.set_queue(0)
    made.lead(EDGE)
    made.lead(LEVEL)
    return made


def test_an_event_is_in_the_queue_and_acknowledged_once(driver):
    driver.interrupts.pulse(EDGE)
    assert driver.lines[0].external
    assert driver.entry(0) == 1 << 31 | 0x40000000 | EDGE
    assert driver.load(OS_PAGE_GRA + 0x10, 8) == 0x80FF02FFFF000006
    assert driver.acknowledge() == 0x8006
    assert not driver.lines[0].external
    assert driver.acknowledge() == 0x0006
    assert driver.manage(EDGE, READ) == 0b10
    assert driver.manage(EDGE, SET_READY) == 0b10
    assert driver.manage(EDGE, READ) == 0
    driver.set_cppr(0xFF)
    assert not driver.lines[0].external


def test_an_edge_in_service_is_queued_and_comes_again_by_end_or_trigger(driver):
    driver.interrupts.pulse(EDGE)
    driver.acknowledge()
    driver.interrupts.pulse(EDGE)
    driver.interrupts.pulse(EDGE)
    assert driver.entry(1) == 0
    assert driver.manage(EDGE, SET_READY) == 0b11
    driver.store(trigger_page(EDGE))
    assert driver.entry(1) >> 31 == 1
    driver.interrupts.pulse(EDGE)
    assert driver.manage(EDGE, 0) == 1
    assert driver.entry(2) >> 31 == 1
    assert driver.manage(EDGE, 0) == 0
    assert driver.manage(EDGE, READ) == 0


def test_a_source_that_is_off_drops_events(driver):
    driver.manage(EDGE, SET_OFF)
    driver.interrupts.pulse(EDGE)
    assert driver.manage(EDGE, 0) == 0
    assert driver.manage(EDGE, SET_READY) == 0b01
    assert driver.entry(0) == 0


def test_a_level_comes_again_until_it_falls(driver):
    driver.interrupts.set_level(LEVEL, True)
    driver.interrupts.set_level(LEVEL, True)
    assert driver.entry(0) >> 31
    assert not driver.entry(1)
    assert driver.manage(LEVEL, 0) == 1
    assert driver.entry(1) >> 31
    driver.interrupts.set_level(LEVEL, False)
    assert driver.manage(LEVEL, 0) == 0
    assert not driver.entry(2)


def test_a_level_that_rose_while_off_comes_when_it_is_made_ready(driver):
    driver.manage(LEVEL, SET_OFF)
    driver.interrupts.set_level(LEVEL, True)
    assert not driver.entry(0)
    driver.manage(LEVEL, SET_READY)
    assert driver.entry(0) >> 31


def test_the_generation_changes_at_every_lap():
    driver = Driver()
    driver.set_queue(0, size_log2=12)
    driver.lead(EDGE)
    for _ in range(1024 + 2):
        driver.interrupts.pulse(EDGE)
        driver.manage(EDGE, SET_READY)
    assert [driver.entry(n) >> 31 for n in (0, 1, 2, 1023)] == [0, 0, 1, 1]


def test_a_queue_without_unconditional_notification_tells_once():
    driver = Driver()
    driver.set_queue(0, always=False)
    driver.lead(EDGE)
    driver.load(queue_page(0, 6) + 0x10000 + SET_READY)
    for expected in (0x8006, 0x0006):
        driver.interrupts.pulse(EDGE)
        driver.manage(EDGE, SET_READY)
        assert driver.acknowledge() == expected
        driver.set_cppr(0xFF) if expected == 0x8006 else None
        driver.set_cppr(6)
    assert driver.entry(1) >> 31
    assert driver.load(queue_page(0, 6) + 0x10000) == 1
    driver.set_cppr(0xFF)
    assert driver.acknowledge() == 0x8006


def test_priorities_nest_and_the_line_follows_the_cppr(driver):
    driver.set_queue(0, priority=2)
    driver.lead(EDGE, priority=2)
    driver.interrupts.set_level(LEVEL, True)
    driver.set_cppr(6)
    assert not driver.lines[0].external
    driver.interrupts.pulse(EDGE)
    assert driver.acknowledge() == 0x8002
    driver.set_cppr(7)
    assert driver.acknowledge() == 0x8006
    driver.set_cppr(0x55)
    assert driver.load(OS_PAGE_GRA + 0x11, 1) == 0xFF


def test_a_processor_interrupts_another_one():
    driver = Driver(2)
    driver.set_queue(0)
    driver.set_queue(1)
    driver.lead(1, target=1)
    driver.store(trigger_page(1), vcpu=0)
    assert [line.external for line in driver.lines] == [False, True]
    assert driver.acknowledge(0) == 0x00FF
    assert driver.acknowledge(1) == 0x8006
    driver.store(OS_PAGE_GRA + 0x812, 3, 1, vcpu=1)
    assert driver.acknowledge(1) == 0x8003


def test_what_is_not_there_reads_as_ones(driver):
    for gra in (trigger_page(EDGE), management_page(5), CONTEXT_PAGES_GRA, CONTEXT_PAGES_GRA - 8):
        assert driver.load(gra) == M64
        driver.store(gra, M64)
    assert driver.load(OS_PAGE_GRA + 0x810, 4) == 0xFFFFFFFF
    assert driver.load(OS_PAGE_GRA + 0x40, 8) == M64
    assert driver.load(USER_PAGE_GRA, 8) == 0
    assert driver.load(QUEUE_PAGES_GRA + 0x10000 + (99 << 17)) == M64


def test_switching_keeps_levels_and_forgets_the_rest(driver):
    driver.interrupts.set_level(LEVEL, True)
    driver.interrupts.choose(is_xive=False)
    assert not driver.lines[0].external
    xics = driver.interrupts.xics
    xics.set_cppr(0, 0xFF)
    xics.set_xive(LEVEL, 0, 5)
    assert xics.accept(0) == 0xFF000000 | LEVEL
    driver.interrupts.choose(is_xive=True)
    assert driver.manage(LEVEL, READ) == 0b01
    driver.set_queue(0)
    driver.lead(LEVEL)
    assert driver.lines[0].external


@pytest.mark.parametrize(
    ("name", "cpu", "newest", "expected"),
    [
        ("dual", "power9", None, IcMode.DUAL),
        ("xive", "power10", None, IcMode.XIVE),
        ("xics", "power9", None, IcMode.XICS),
        ("dual", "power8", None, IcMode.XICS),
        ("dual", "power10", "power8", IcMode.XICS),
    ],
)
def test_modes_follow_the_processor(name, cpu, newest, expected):
    assert expected is ic_mode(name, cpu_model(cpu), newest and cpu_model(newest))


def test_xive_alone_needs_a_processor_that_has_it():
    with pytest.raises(OptionError, match="needs POWER9"):
        ic_mode("xive", cpu_model("power8"), None)


@pytest.mark.parametrize(
    ("mode", "byte23", "cpu", "status", "is_xive"),
    [
        (IcMode.DUAL, 0x40, "power9", H.SUCCESS, True),
        (IcMode.DUAL, 0x00, "power9", H.SUCCESS, False),
        (IcMode.XIVE, 0x40, "power10", H.SUCCESS, True),
        (IcMode.XIVE, 0x00, "power10", H.UNSUPPORTED, False),
        (IcMode.XICS, 0x40, "power9", H.UNSUPPORTED, False),
        (IcMode.DUAL, 0x80, "power9", H.UNSUPPORTED, False),
    ],
)
def test_what_the_guest_asks_for_meets_what_there_is(mode, byte23, cpu, status, is_xive):
    vector = cas_vector(pvrs=((0xFFFFFFFF, cpu_model(cpu).pvr), (0, 0xF0000000)), byte23=byte23)

    class Memory:
        def contains(self, gra, n):
            return gra + n <= len(vector)

        def read(self, gra, n):
            return vector[gra : gra + n]

    result = negotiate(Memory(), 0, Offer(cpu_model(cpu), interrupts=mode))
    assert (result.status, result.is_xive) == (status, is_xive)
    if status == H.SUCCESS:
        assert result.architecture_vec_5[23] == byte23


# Hypercalls, on a machine.


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    path = tmp_path_factory.mktemp("xive") / "vmlinux"
    path.write_bytes(elf())
    return Machine(path, memory=RAM, ic_mode="xive", runtime=FakeRuntime())


def ask(machine, opcode, *args):
    """(status, r4, r5, ...) as signed and unsigned numbers."""
    vcpu = machine.cpu
    vcpu.msr = 0
    vcpu.gpr[3:13] = [opcode, *args, *[0] * (9 - len(args))]
    machine.hcalls.dispatch(machine._processors[0]._cpu)
    assert all(0 <= value <= M64 for value in vcpu.gpr)
    status = vcpu.gpr[3]
    return (status - (1 << 64) if status >> 63 else status), *vcpu.gpr[4:8]


def call(machine, name, *args):
    return ask(machine, NAMES[name], *args)


def test_hypercalls_configure_and_tell(machine):
    machine.reset()
    info = call(machine, "H_INT_GET_SOURCE_INFO", 0, 0x1000)
    assert info == (0, 0, management_page(0x1000), trigger_page(0x1000), 16)
    assert call(machine, "H_INT_GET_SOURCE_INFO", 0, LEVEL)[1] == 4
    assert call(machine, "H_INT_SET_QUEUE_CONFIG", 1, 0, 6, QUEUE, 16)[0] == 0
    assert call(machine, "H_INT_GET_QUEUE_INFO", 0, 0, 6)[:3] == (0, queue_page(0, 6), 16)
    assert call(machine, "H_INT_SET_SOURCE_CONFIG", 2, 0x1000, 0, 6, 77)[0] == 0
    assert call(machine, "H_INT_GET_SOURCE_CONFIG", 0, 0x1000)[:4] == (0, 0, 6, 77)
    assert call(machine, "H_INT_ESB", 0, 0x1000, SET_READY)[:2] == (0, 1)
    assert call(machine, "H_INT_SYNC", 0, 0x1000)[0] == 0
    machine.power_button()
    config = call(machine, "H_INT_GET_QUEUE_CONFIG", 1, 0, 6)
    assert config == (0, 1 << 62 | 1, QUEUE, 16, 1)
    assert machine.memory.read(QUEUE, 4) == cells(1 << 31 | 77)
    assert call(machine, "H_INT_SET_SOURCE_CONFIG", 0, 0x1000, 0, 0xFF)[0] == 0
    assert call(machine, "H_INT_GET_SOURCE_CONFIG", 0, 0x1000)[2] == 0xFF
    assert call(machine, "H_INT_RESET", 0)[0] == 0
    assert call(machine, "H_INT_ESB", 0, 0x1000, READ)[:2] == (0, 1)
    assert call(machine, "H_INT_GET_QUEUE_INFO", 0, 0, 6)[2] == 0


@pytest.mark.parametrize(
    ("name", "args", "status"),
    [
        ("H_INT_GET_SOURCE_INFO", (1, 0x1000), H.PARAMETER),
        ("H_INT_GET_SOURCE_INFO", (0, 0x1002), H.P2),
        ("H_INT_SET_SOURCE_CONFIG", (4, 0x1000, 0, 6), H.PARAMETER),
        ("H_INT_SET_SOURCE_CONFIG", (0, 9, 0, 6), H.P2),
        ("H_INT_SET_SOURCE_CONFIG", (0, 0x1000, 1, 6), H.P3),
        ("H_INT_SET_SOURCE_CONFIG", (0, 0x1000, 0, 7), H.P4),
        ("H_INT_SET_QUEUE_CONFIG", (2, 0, 6, QUEUE, 16), H.PARAMETER),
        ("H_INT_SET_QUEUE_CONFIG", (0, 1, 6, QUEUE, 16), H.P2),
        ("H_INT_SET_QUEUE_CONFIG", (0, 0, 7, QUEUE, 16), H.P3),
        ("H_INT_SET_QUEUE_CONFIG", (0, 0, 6, QUEUE + 4096, 16), H.P4),
        ("H_INT_SET_QUEUE_CONFIG", (0, 0, 6, RAM, 16), H.P4),
        ("H_INT_SET_QUEUE_CONFIG", (0, 0, 6, QUEUE, 13), H.P5),
        ("H_INT_ESB", (0, 0x1000, 0x10000), H.P3),
        ("H_INT_RESET", (1,), H.PARAMETER),
        ("H_INT_SET_OS_REPORTING_LINE", (0, 0, 0), H.FUNCTION),
        ("H_XIRR", (), H.HARDWARE),
        ("H_IPI", (0, 4), H.HARDWARE),
    ],
)
def test_hypercalls_refuse(machine, name, args, status):
    assert call(machine, name, *args)[0] == status


def test_xive_calls_are_no_functions_while_xics_is_in_use(machine_with):
    machine = machine_with()
    opcodes = [opcode for name, opcode in NAMES.items() if name.startswith("H_INT_")]
    assert len(opcodes) == 11
    assert {ask(machine, opcode)[0] for opcode in opcodes} == {H.FUNCTION}
    assert call(machine, "H_XIRR")[0] == 0


def test_the_tree_of_an_xive_machine_names_the_controller(machine):
    root = machine._client.state.tree.root
    node = root.get_subnode("interrupt-controller@60302031b0000")
    pages = cells64(0x60302031B0000, 0x10000, 0x60302031A0000, 0x10000)
    assert get(node, "compatible") == text("ibm,power-ivpe")
    assert get(node, "reg") == pages
    assert get(root, "ibm,plat-res-int-priorities") == cells(7, 0xF8)
    assert get(root.get_subnode("chosen"), "ibm,arch-vec-5-platform-support")[:2] == b"\x17\x40"
    assert root.get_subnode("interrupt-controller") is None


@pytest.mark.parametrize("seed", range(2))
def test_nothing_that_a_guest_does_raises_or_leaves_memory(machine, seed):
    """50,000 random calls, loads and stores each; the line agrees with the context afterwards."""
    machine.reset()
    rng = random.Random(seed)
    opcodes = [opcode for name, opcode in NAMES.items() if name.startswith("H_INT_")]
    sources = [0, 1, 0x1000, 0x1100, 0x1101, LEVEL, LEVEL + 1, 0x1FFF, 0x2000, M64]
    odd = [0, 1, 2, 6, 7, 8, 12, 16, 24, 0xFF, QUEUE, RAM - 4096, RAM, 1 << 60, M64]
    offsets = [0, 0x10, 0x11, 0x17, 0x3F, 0x400, READ, 0x810, 0x812, SET_READY, SET_PENDING, 0xF00]
    known = set(H)
    mmio, context = machine.memory.mmio, machine._xive
    for _ in range(50_000):
        kind = rng.random()
        if kind < 0.4:
            args = [rng.choice(odd) for _ in range(6)]
            args[0] = rng.choice((0, 0, 1, 2, M64))
            if rng.random() < 0.8:
                args[1] = rng.choice(sources)
            assert ask(machine, rng.choice(opcodes), *args)[0] in known
        elif kind < 0.5:
            machine._interrupts.set_level(LEVEL, rng.random() < 0.5)
            machine._interrupts.pulse(rng.choice((0, 0x1000, 0x1100, 0x1234)))
        else:
            size = rng.choice((1, 2, 4, 8))
            page = rng.choice((OS_PAGE_GRA, OS_PAGE_GRA, USER_PAGE_GRA, CONTEXT_PAGES_GRA,
                               management_page(rng.choice(sources[:-1])), trigger_page(0x1000),
                               queue_page(0, rng.randrange(16)) + 0x10000, PAGES_START))
            gra = page + (rng.choice(offsets) if rng.random() < 0.9 else rng.randrange(0xFFF8))
            gra = min(gra, PAGES_END - size)
            if kind < 0.75:
                assert 0 <= mmio.load(gra, size, 0) < 1 << 8 * size
            else:
                mmio.store(gra, size, rng.getrandbits(8 * size), 0)
        assert machine.cpu.external == bool(context.context(0)["is_presented"])
        assert machine.memory.violations == 0
