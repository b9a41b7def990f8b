"""Every hypercall and RTAS call, with whatever a guest may pass, on a machine with every device.

Nothing raises, on any thread; nothing outside RAM is touched; the machine closes in time.
"""

import random
import struct
import threading
import time

import pytest
from devices.device_fakes import MemoryDisk
from hostile_values import BLOCK, M32, M64, RAM, UNITS, value32, value64
from spapr_fakes import FakeRuntime, elf

from jitppc.spapr.device_models import DEVICE_MODELS
from jitppc.spapr.hardware import CharBackend, Device, Drive, Hardware, Netdev
from jitppc.spapr.hcall.table import HCALLS
from jitppc.spapr.machine import Machine
from jitppc.spapr.rtas.table import RTAS_CALLS

CALLS_EACH = 2000
"""In a round; 50 rounds are a hundred thousand of each call."""
REFRESH = 2000

# These wait for other vCPUs, of which there are none here.
WAITING = {0xE0, 0xE4, 0x298}
FILLED_PAGES = 64


class Silence:
    """The host's end of a network or a serial line: takes everything."""

    def start(self, *_receivers):
        pass

    def send(self, frame):
        pass

    def write(self, data):
        return len(data)

    def close(self):
        pass


class NoTimer:
    """No host thread is started for a guest's watchdog."""

    def start(self):
        pass

    def cancel(self):
        pass


def hardware():
    """Every row of the table that needs no host folder."""
    drives = tuple(
        Drive(f"d{n}", lambda n=n: MemoryDisk(1 << 20, read_only=n % 2 == 1)) for n in range(5)
    )
    netdevs = tuple(Netdev(f"n{n}", Silence) for n in range(2))
    chardevs = tuple(CharBackend(f"c{n}", Silence) for n in range(4))
    devices = [
        Device("spapr-vscsi", {"id": "vscsi"}),
        Device("scsi-hd", {"drive": "d0", "bus": "vscsi.0"}),
        Device("scsi-cd", {"drive": "d1", "bus": "vscsi.0"}),
        Device("spapr-vlan", {"netdev": "n0"}),
        Device("spapr-vty", {"chardev": "c0"}),
        Device("spapr-pci-host-bridge", {"index": "1"}),
        Device("virtio-blk-pci", {"drive": "d2"}),
        Device("virtio-net-pci", {"netdev": "n1"}),
        Device("virtio-scsi-pci", {"id": "pscsi"}),
        Device("scsi-hd", {"drive": "d4", "bus": "pscsi.0"}),
        Device("scsi-cd", {"drive": "d3", "bus": "pscsi.0"}),
        Device("virtio-rng-pci"),
        Device("spapr-rng"),
        Device("virtio-balloon-pci"),
        Device("virtio-serial-pci", {"id": "lines"}),
        Device("virtconsole", {"chardev": "c1"}),
        Device("virtserialport", {"chardev": "c2", "name": "port"}),
    ]
    return Hardware(drives, netdevs, chardevs, devices=tuple(devices))


def test_the_machine_has_every_device():
    plugged = {DEVICE_MODELS[device.model].name for device in hardware().devices}
    missing = {row.name for row in DEVICE_MODELS.values()} - plugged
    assert {"spapr-nvram", "virtio-9p-pci"} == missing, "plug it here, or say why not"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine whose threads must not fail, and which must close."""
    path = tmp_path_factory.mktemp("hostile") / "vmlinux"
    path.write_bytes(elf())
    failed, before = [], threading.excepthook
    threading.excepthook = failed.append
    threads = set(threading.enumerate())
    made = Machine(path, memory=RAM, runtime=FakeRuntime(), hardware=hardware())
    made._watchdogs._make_timer = lambda timeout_s, expire: NoTimer()
    try:
        yield made
        started = time.monotonic()
        made.close()
        assert time.monotonic() - started < 20
        assert set(threading.enumerate()) <= threads
    finally:
        threading.excepthook = before
    assert [] == failed


def give(machine, *registers):
    """One hypercall, given to the dispatcher as a vCPU's thread would."""
    vcpu = machine.cpu
    vcpu.msr = 0
    vcpu.gpr[3 : 3 + len(registers)] = registers
    machine.hcalls.dispatch(machine._processors[0]._cpu)
    assert all(0 <= value <= M64 for value in vcpu.gpr)
    machine._latch._event.clear()
    machine._latch._stop = machine._latch._error = None
    return vcpu.gpr[3]


def refresh(machine, rng):
    """What devices will find: windows mapped, adapters open, noise in memory."""
    for page in range(0, 1 << 20, 4096 * FILLED_PAGES):
        machine.memory.write(BLOCK + page, rng.randbytes(4096 * FILLED_PAGES))
    for unit in UNITS:
        for page in range(0, 1 << 20, 4096):
            give(machine, 0x20, unit, page, BLOCK + page | 3)
        ring = rng.randrange(16) * 4096
        give(machine, 0xFC, unit, ring, 4096)
        give(machine, 0x104, unit, 1)
        give(machine, 0x114, unit, ring, 1 << 63 | 4096 << 32 | 0x10000, 0x11000, 0x525400123456)


@pytest.mark.parametrize("opcode", sorted(HCALLS.keys() - WAITING), ids=lambda op: op.name)
def test_no_hypercall_raises_or_leaves_ram(machine, opcode, pytestconfig):
    rng = random.Random(opcode)
    for n in range(CALLS_EACH * pytestconfig.getoption("hostile_rounds")):
        if n % REFRESH == 0:
            refresh(machine, rng)
        arguments = [value64(rng) for _ in range(9)]
        if rng.random() < 0.5:
            arguments[0] = rng.choice(UNITS)
        give(machine, opcode, *arguments)
    assert 0 == machine.memory.violations


@pytest.mark.parametrize("token", sorted(RTAS_CALLS), ids=lambda token: RTAS_CALLS[token].name)
def test_no_rtas_call_raises_or_leaves_ram(machine, token, pytestconfig):
    rng, counts = random.Random(token), RTAS_CALLS[token].counts
    for n in range(CALLS_EACH * pytestconfig.getoption("hostile_rounds")):
        if n % REFRESH == 0:
            refresh(machine, rng)
        nargs, nret = rng.choice(counts)
        if rng.random() < 0.05:
            nargs, nret = value32(rng), value32(rng)
        cells = [value32(rng) for _ in range(min(nargs, 20))]
        words = [token, nargs & M32, nret & M32, *cells]
        machine.memory.write(BLOCK, struct.pack(f">{len(words)}I", *words))
        give(machine, 0xF000, BLOCK if rng.random() < 0.98 else value64(rng))
    assert 0 == machine.memory.violations


def test_no_mixture_of_calls_raises_or_leaves_ram(machine, pytestconfig):
    """A hundred thousand hypercalls one after the other, unknown ones among them."""
    rng, opcodes = random.Random(0), sorted(HCALLS.keys() - WAITING - {0xF005})
    for n in range(100_000 * pytestconfig.getoption("hostile_rounds")):
        if n % (10 * REFRESH) == 0:
            refresh(machine, rng)
        opcode = rng.choice(opcodes) if rng.random() < 0.98 else value64(rng)
        if opcode not in WAITING:
            give(machine, opcode, *[value64(rng) for _ in range(9)])
    assert 0 == machine.memory.violations
