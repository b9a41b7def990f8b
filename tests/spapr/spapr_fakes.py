"""A vCPU whose guest is a Python generator, and RAM in a bytearray.

Of the runtime room they take what is native on every machine: the interrupt controllers' events.
"""

import ctypes
import functools
import struct
import threading
import time
from enum import Enum
from typing import Any, NamedTuple

from jitppc.ir.layout import CPU_STATE
from jitppc.runtime.code_space import aligned_zeros
from jitppc.runtime.engine import Engine
from jitppc.runtime.xics_events import XicsEvents
from jitppc.runtime.xive_events import XiveEvents
from jitppc.spapr.boot import STACK_GRA
from jitppc.spapr.memory_map import MIB

Reason = Enum("Reason", "HCALL STOP_REQUESTED BUDGET CHECKSTOP")


class FakeExit(NamedTuple):
    reason: Any
    detail: Any


SCRATCH = STACK_GRA


class FakeMemory:
    """RAM that counts accesses outside itself instead of only raising."""

    def __init__(self, size):
        self.size = size
        self.data = bytearray(size)
        self.violations = 0

    def make_hash_table(self, size_log2, page_limit_log2=16):
        self.hash_table_log2 = size_log2

    def contains(self, gra, n):
        return gra >= 0 and n >= 0 and gra + n <= self.size

    def _check(self, gra, n):
        if not self.contains(gra, n):
            self.violations += 1
            raise IndexError(f"{n} bytes at {gra:#x}")

    def read(self, gra, n):
        self._check(gra, n)
        return bytes(self.data[gra : gra + n])

    def write(self, gra, data):
        self._check(gra, len(data))
        self.data[gra : gra + len(data)] = data

    def view(self, gra, n):
        """Its IndexError is how devices find the end of RAM: no violation."""
        if not self.contains(gra, n):
            raise IndexError(f"{n} bytes at {gra:#x}")
        return memoryview(self.data)[gra : gra + n]

    def written(self, gra, n):
        self._check(gra, n)

    def give_back(self, gra, n):
        if self.contains(gra, n):
            self.data[gra : gra + n] = bytes(n)

    def attach_mmio(self, ranges, mmio, fail):
        self.mmio = mmio


@functools.cache
def engine():
    """Tier 0, of all fakes."""
    return Engine()


class Line:
    """What an interrupt controller drives: `external` of a record as native code knows it."""

    def __init__(self):
        self.record = aligned_zeros(CPU_STATE.itemsize).view(CPU_STATE)

    @property
    def external(self):
        return bool(self.record[0]["external"])

    def set_external(self, level):
        self.record[0]["external"] = level


def fake_xics(lines):
    """The controller's memory for these lines."""
    return XicsEvents(engine(), [line.record.ctypes.data for line in lines])


def fake_xive(lines, memory):
    """The controller's memory for these lines."""
    ram = ctypes.addressof(ctypes.c_char.from_buffer(memory.data))
    cpus = [line.record.ctypes.data for line in lines]
    return XiveEvents(engine(), cpus, ram, memory.size, 0, lambda gra: None)


class FakeVcpu(Line):
    """`program(vcpu)` is a generator that yields at each `sc 1`; when it ends the guest idles."""

    def __init__(self, memory=None, vcpu_id=0, program=None):
        super().__init__()
        self.memory = memory
        self.vcpu_id = vcpu_id
        self.program = program
        self.spr = {}
        self.wakes = threading.Condition()
        self.vpa = self.dispatches = 0
        self.is_prodded = self.waits_for_prod = self.shows_hcalls = False
        self.reset()

    def reset(self, *, keeps_time=False):
        self.gpr = [0] * 32
        self.nia = self.msr = self.lr = self.ctr = self.cr = self.lpcr = self.sprg0 = 0
        self.set_external(False)
        self.system_reset = False
        self.process_table = None
        self.ail = 0
        self.ile = False
        self.guest = None
        self.stop = getattr(self, "stop", False)

    timebase = 12345

    def run(self):
        if self.stop:
            self.stop = False
            return FakeExit(Reason.STOP_REQUESTED, None)
        if self.guest is None and self.program is not None:
            self.guest = self.program(self)
        if self.guest is not None:
            for outcome in self.guest:
                self.nia += 4
                return outcome or FakeExit(Reason.HCALL, None)
        self.wait_for_interrupt(None)
        self.stop = False
        return FakeExit(Reason.STOP_REQUESTED, None)

    def request_stop(self):
        with self.wakes:
            self.stop = True
            self.wakes.notify_all()

    def wait_for_interrupt(self, timeout_s):
        """Native code sets `external` and tells nobody."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        with self.wakes:
            while not (self.stop or self.external or self.system_reset or self.is_prodded):
                if end is not None and time.monotonic() >= end:
                    return False
                self.wakes.wait(0.005)
        return True

    def set_process_table(self, dw1):
        self.process_table = dw1

    def set_watchpoint(self, number, address, control):
        self.spr[f"DAWR{number}"], self.spr[f"DAWRX{number}"] = address, control

    def set_ail(self, ail):
        self.ail = ail

    def set_hash_mode(self, is_on):
        self.hash_mode = is_on

    def resize_hash_table(self, size_log2):
        self.hash_table_log2 = size_log2
        return True

    def set_compat(self, family):
        self.compat = family

    def set_ile(self, little):
        self.ile = little

    def pend_system_reset(self):
        with self.wakes:
            self.system_reset = True
            self.wakes.notify_all()

    # What guest programs use.

    def hcall(self, opcode, *args):
        """`r3, r4, ... = yield from vcpu.hcall(opcode, ...)`."""
        self.gpr[3 : 4 + len(args)] = [opcode, *args]
        yield
        return self.gpr[3:13]

    def put(self, text):
        for i in range(0, len(text), 16):
            piece = text[i : i + 16].ljust(16, b"\0")
            hi, lo = struct.unpack(">QQ", piece)
            yield from self.hcall(0x58, 0, len(text[i : i + 16]), hi, lo)

    def call_block(self, opcode, head, args, nret):
        """An argument block in SCRATCH, given to `opcode`; its results come back."""
        words = [head, len(args), nret, *args]
        self.memory.write(SCRATCH, struct.pack(f">{len(words)}I", *words))
        yield from self.hcall(opcode, SCRATCH)
        raw = self.memory.read(SCRATCH + 4 * len(words), 4 * nret)
        return list(struct.unpack(f">{nret}I", raw))

    def rtas(self, token, *args, nret=1):
        return (yield from self.call_block(0xF000, token, args, nret))

    def prom(self, service, *args, nret=1):
        """Strings and bytes among the arguments are placed in memory."""
        gra = SCRATCH + 0x400
        cells = []
        for value in [service, *args]:
            if isinstance(value, str | bytes):
                data = value if isinstance(value, bytes) else value.encode() + b"\0"
                self.memory.write(gra, data)
                cells.append(gra)
                gra += (len(data) + 15) & ~15
            else:
                cells.append(value & 0xFFFFFFFF)
        return (yield from self.call_block(0xF005, cells[0], cells[1:], nret))


class FakeRuntime:
    """What `Machine(runtime=...)` takes."""

    def __init__(self, program=None):
        self.program = program

    def memory(self, size):
        return FakeMemory(size)

    def vcpus(self, memory, model, topology):
        return [FakeVcpu(memory, number, self.program) for number in range(topology.cpus)]

    def xics(self, memory, vcpus):
        return fake_xics(vcpus)

    def xive(self, memory, vcpus):
        return fake_xive(vcpus, memory)


def elf(
    machine=21, elf_class=2, data=1, elf_type=2, body=None, memsz=None, vaddr=0xC000000000000000
):
    """A one-segment ELF file; 21 is PowerPC64."""
    body = b"\x08\x00\x00\x48 ibm,client-architecture-support\0" if body is None else body
    end = "<" if data == 1 else ">"
    ident = b"\x7fELF" + bytes((elf_class, data, 1)) + bytes(9)
    if elf_class == 2:
        header = struct.pack(
            end + "HHIQQQIHHHHHH", elf_type, machine, 1, vaddr, 64, 0, 2, 64, 56, 1, 64, 0, 0
        )
        size = len(body) if memsz is None else memsz
        segment = struct.pack(end + "IIQQQQQQ", 1, 7, 120, vaddr, vaddr, len(body), size, 0x10000)
    else:
        header = struct.pack(
            end + "HHIIIIIHHHHHH", elf_type, machine, 1, 0, 0, 0, 0, 52, 32, 0, 40, 0, 0
        )
        segment = b""
    return ident + header + segment + body


RAM = 128 * MIB
