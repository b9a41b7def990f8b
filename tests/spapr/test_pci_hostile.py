"""A guest that says anything to its PCI buses: registers, RTAS calls, MMIO, DMA tables.

Each interface gets 100,000 calls, half of them plausible; `--hostile-rounds N` makes it more. The
devices are whole ones with their threads. Judged: nothing raises, in no thread; nothing outside RAM
is touched; each thread ends; and the machine still works after a reset.
"""

import random
import struct
import threading
import time

import pytest
from devices.virtio.virtio_backends import MemoryDisk
from spapr_fakes import FakeRuntime, elf

from jitppc.devices.pci.function import Identity, PciFunction
from jitppc.ir.hcalls import H
from jitppc.spapr.hardware import Device, Drive, Hardware
from jitppc.spapr.machine import Machine
from jitppc.spapr.memory_map import MIB
from jitppc.spapr.rtas.table import RTAS_CALLS
from jitppc.spapr.tce import MAX_ENTRIES

RAM = 128 * MIB
CALLS = 100_000
BLOCK = 0x20000
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
PCI_CALLS = [0x2014, 0x2015, 0x2016, 0x2017, 0x2018, 0x2019, 0x2026, 0x2027, 0x2028, 0x2029]
BUIDS = [(0x08000000, 0x20000000), (0x08000000, 0x20000005)]
DEVFNS = [0x00, 0x08, 0x28, 0x39]
LIOBNS = [0x80000000, 0x80000001, 0x80000500, 0x80000501]
WORDS = [0, 1, 2, 3, 4, 7, 8, 0x40, 0x100, 0x1000, 0x8000, 0xFFFF, 0x10000, M32, M32 - 3, 1 << 31]
WIDE = [*WORDS, 1 << 32, 1 << 59, 1 << 60, 1 << 63, M64, M64 - 7, RAM - 4, RAM, RAM - 0x1000]
BEYOND_EVERYTHING = 30


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "vmlinux"
    path.write_bytes(elf())
    disk = MemoryDisk(1 << 20)
    devices = (
        Device("spapr-pci-host-bridge", {"id": "more", "index": "5"}),
        Device("virtio-rng-pci", {"bus": "pci.0", "vectors": "0"}),
        Device("virtio-blk-pci", {"bus": "pci.0", "drive": "disk", "num-queues": "2"}),
        Device("virtio-rng-pci", {"bus": "more.0", "addr": "5", "iommu_platform": "on"}),
        Device("virtio-balloon-pci", {"bus": "more.0", "addr": "7.1"}),
    )
    hardware = Hardware(drives=(Drive("disk", lambda: disk),), devices=devices)
    made = Machine(path, memory=RAM, runtime=FakeRuntime(), hardware=hardware)
    other = PciFunction("other", Identity(1, 2, 3))
    other.add_msi(8)
    made.board.bridges[0].plug(other, "7.1")
    disk.log = type("NoLog", (), {"append": lambda self, entry: None})()
    yield made
    made.close()


@pytest.fixture
def chance():
    return random.Random(20261121)


@pytest.fixture
def count(request):
    return CALLS * request.config.getoption("--hostile-rounds")


@pytest.fixture(autouse=True)
def judged(machine, monkeypatch):
    """After the calls: no thread has raised, all threads end, and a reset makes all well."""
    raised, before = [], threading.active_count()
    monkeypatch.setattr(threading, "excepthook", raised.append)
    yield
    assert raised == []
    assert machine.memory.violations == 0
    assert machine._latch._error is None
    machine.reset()
    bridge = machine.board.bridges[0]
    assert machine._tces.get(0x80000000).size_bytes == 1 << 30
    assert machine.board.mmio.load(0x2100_0000_0000 + 18, 2) == 1
    assert bridge.functions[8].config_read(0, 4) == 0x10421AF4
    machine.close()
    deadline = time.monotonic() + BEYOND_EVERYTHING
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def hcall(machine, *registers):
    """One hypercall, given to the dispatcher as a vCPU's thread would; r3 and r4 of the answer."""
    vcpu = machine.cpu
    vcpu.gpr[3 : 3 + len(registers)] = registers
    machine.hcalls.dispatch(machine._processors[0]._cpu)
    return vcpu.gpr[3], vcpu.gpr[4]


def word(chance):
    return chance.choice(WORDS) if chance.random() < 0.7 else chance.getrandbits(32)


def wide(chance):
    return chance.choice(WIDE) if chance.random() < 0.7 else chance.getrandbits(64)


def config_address(chance):
    if chance.random() < 0.1:
        return word(chance)
    return chance.choice(DEVFNS) << 8 | chance.randrange(256)


def rtas_arguments(chance, token, count):
    """Configuration addresses and BUIDs where they belong, then anything."""
    values = [config_address(chance), *chance.choice(BUIDS)]
    if token == 0x2028:
        values = [chance.choice(LIOBNS)]
    values += [word(chance) for _ in range(count)]
    if token in {0x2016, 0x2017} and count > 3:
        values[3] = size = chance.choice((1, 2, 4))
        values[0] &= -size
    if token == 0x2019 and count > 4:
        values[3:5] = chance.choice((1, 3, 4)), chance.choice((0, 1, 2, 3, 4, 9))
    if token == 0x2027 and count > 4:
        values[3] = chance.choice((12, 16, 21, 24))
        values[4] = values[3] + chance.randrange(30)
    return [value if chance.random() < 0.97 else word(chance) for value in values[:count]]


def test_rtas_calls_of_pci(machine, chance, count):
    answered = set()
    for _ in range(count):
        token = chance.choice(PCI_CALLS)
        nargs, nret = chance.choice(RTAS_CALLS[token].counts)
        block = [token, nargs, nret, *rtas_arguments(chance, token, nargs)]
        machine.memory.write(BLOCK, struct.pack(f">{len(block)}I", *block))
        where = BLOCK if chance.random() < 0.99 else wide(chance)
        code, _ = hcall(machine, 0xF000, where)
        status = machine.memory.read(BLOCK + 12 + 4 * nargs, 4)
        if where == BLOCK:
            assert code == 0
            if status == bytes(4):
                answered.add(token)
    # All but the two that name no host bridge.
    assert answered == set(PCI_CALLS) - {0x2014, 0x2015}


def test_configuration_space(machine, chance, count):
    functions = [f for bridge in machine.board.bridges for f in bridge.functions.values()]
    for _ in range(count):
        function, size = chance.choice(functions), chance.choice((1, 2, 4))
        offset = chance.randrange(256 // size) * size
        if chance.random() < 0.3:
            assert 0 <= function.config_read(offset, size) < 1 << 8 * size
        else:
            value = chance.choice((word(chance), 0x80000000, 0x2100, 7))
            function.config_write(offset, size, value & (1 << 8 * size) - 1)


def place(chance, places):
    """A guest real address: in a region, mostly in its common configuration, or anywhere."""
    draw = chance.random()
    if draw < 0.05:
        return wide(chance) | 0x2000_0000_0000
    gra, size = chance.choice(places)
    if draw < 0.6:
        return gra + chance.choice((*range(0, 24, 2), 20, 20, 21, 24, 26, 28, 32, 40, 48))
    if draw < 0.8:
        return gra + 0x3000 + 4 * chance.randrange(8)
    return gra + chance.randrange(size)


def test_loads_and_stores_of_registers(machine, chance, count):
    mmio = machine.board.mmio
    places = [(p.gra, p.region.size_bytes) for p in mmio.places]
    assert len(places) == 7
    values = (0, 1, 3, 7, 11, 15, 15, 64, 128, 0x100, 0x20000, 0x30001, M32)
    for _ in range(count):
        gra, size = place(chance, places), chance.choice((1, 2, 2, 4, 4, 8))
        if chance.random() < 0.3:
            assert 0 <= mmio.load(gra, size) < 1 << 8 * size
        else:
            value = chance.choice(values) if chance.random() < 0.9 else chance.getrandbits(64)
            mmio.store(gra, size, value & (1 << 8 * size) - 1)


class Driver:
    """Stores to one device's registers; counts them."""

    stores = 0

    def __init__(self, mmio, base):
        self.mmio, self.base = mmio, base

    def put(self, offset, width, value):
        Driver.stores += 1
        self.mmio.store(self.base + offset, width, value & (1 << 8 * width) - 1)

    def start(self, chance):
        """The device is set up as it should be, with rings that may be anywhere."""
        self.put(20, 1, 0)
        self.put(20, 1, 3)
        for half in (0, 1):
            self.put(0, 4, half)
            self.put(8, 4, half)
            self.put(12, 4, self.mmio.load(self.base + 4, 4))
        self.put(20, 1, 11)
        for queue in range(self.mmio.load(self.base + 18, 2)):
            self.put(22, 2, queue)
            self.put(24, 2, chance.choice((8, 64, 128)))
            for offset in (32, 40, 48):
                good = (0x30000, 0x34000, 0x38000)
                self.put(offset, 8, chance.choice((*good, RAM - 64, wide(chance))))
            self.put(28, 2, 1)
        self.put(20, 1, 15)


def test_drivers_that_begin_well(machine, chance, count):
    """Devices that are running: their threads meet rings of random bytes, resets and doorbells."""
    mmio = machine.board.mmio
    places = [p.gra for p in mmio.places if p.region.size_bytes == 0x4000]
    assert len(places) == 4
    Driver.stores = 0
    while Driver.stores < count:
        driver = Driver(mmio, chance.choice(places))
        machine.memory.write(0x30000, chance.randbytes(0x9000))
        driver.start(chance)
        assert mmio.load(driver.base + 20, 1) & 15 == 15
        for _ in range(chance.randrange(100)):
            driver.put(0x3000 + 4 * chance.randrange(4), 2, 0)


def test_tables_of_dma_windows(machine, chance, count):
    for _ in range(count):
        opcode = chance.choice((0x1C, 0x20, 0x138, 0x13C))
        liobn = chance.choice(LIOBNS) if chance.random() < 0.9 else wide(chance)
        ioba = chance.choice((0, 0x1000, (1 << 30) - 0x1000, 1 << 30, 1 << 59, wide(chance)))
        third = chance.choice((wide(chance), BLOCK, RAM - 0x1000, 3))
        pages = chance.choice((0, 1, 2, 512, 513, 1 << 18, MAX_ENTRIES, wide(chance)))
        if chance.random() < 0.01:
            machine.board.bridges[0].dma_windows.remove(0x80000001)
            machine.board.bridges[0].dma_windows.create(chance.choice((12, 16, 24)), 34)
        code, tce = hcall(machine, opcode, liobn, ioba, third, pages)
        assert code in {H.SUCCESS, H.PARAMETER & M64}
        assert 0 <= tce <= M64
