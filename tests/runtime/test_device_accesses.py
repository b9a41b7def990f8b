"""Loads and stores of device addresses, and memory that devices change while code runs."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator

import pytest
from bench import CODE, STAY, Bench, bench
from isa.vectors import new_state

from jitppc.ir.layout import LPCR, MSR

START, BYTES = 0x2000_0000_0000, 0x1_0000
BASE = MSR.SF | MSR.ME | MSR.FP | MSR.VEC | MSR.VSX
LI, LWZ = 0x38600000, 0x80A40000
BL, BLR = 0x48000001, 0x4E800020

#: load and store of r5 at (r4), and how many bytes
ACCESSES = {
    "lbz stb": (0x88A40000, 0x98A40000, 1),
    "lhz sth": (0xA0A40000, 0xB0A40000, 2),
    "lwz stw": (0x80A40000, 0x90A40000, 4),
    "ld std": (0xE8A40000, 0xF8A40000, 8),
    "lhbrx sthbrx": (0x7CA0262C, 0x7CA0272C, 2),
    "lwbrx stwbrx": (0x7CA0242C, 0x7CA0252C, 4),
}


class Registers:
    """A device: bytes that can be read and written, and a record of how."""

    def __init__(self) -> None:
        self.data = bytearray(range(256)) * (BYTES // 256)
        self.calls: list[tuple[str, int, int]] = []
        self.failures: list[BaseException] = []

    def load(self, gra: int, size: int, vcpu_id: int) -> int:
        self.calls.append(("load", gra - START, size))
        return int.from_bytes(self.data[gra - START : gra - START + size], "little")

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None:
        self.calls.append(("store", gra - START, size))
        self.data[gra - START : gra - START + size] = value.to_bytes(size, "little")


@pytest.fixture(params=["exact", "interp", "units"])
def native(request) -> Iterator[Bench]:
    found = bench(request.param)
    found.load_state(new_state())
    found.vcpu.lpcr = LPCR.LD | LPCR.ILE
    found.place_vectors(little=True)
    yield found
    found.memory.state[0]["mmio_end"] = 0


def attach(native: Bench) -> Registers:
    registers = Registers()

    def fail(error: BaseException) -> None:
        registers.failures.append(error)

    native.memory.attach_mmio([(START, START + BYTES)], registers, fail)
    return registers


def execute(native: Bench, words: list[int], msr: int = BASE | MSR.LE, **gprs: int) -> None:
    native.place(CODE, [*words, STAY], little=bool(msr & MSR.LE))
    for name, value in gprs.items():
        native.vcpu.gpr[int(name[1:])] = value
    native.vcpu.msr, native.vcpu.nia = msr, CODE
    native.vcpu.run_for(len(words) + 1)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("name", ACCESSES)
def test_a_device_is_read_and_written_as_memory_is(native, name, order):
    """The same bytes in RAM and in a device give the same register, and the other way round."""
    load, store, size = ACCESSES[name]
    msr = BASE | (MSR.LE if order == "little" else 0)
    device = attach(native)
    at = 0x40000
    native.memory.write(at, bytes(range(0x21, 0x31)))
    device.data[0x100:0x110] = bytes(range(0x21, 0x31))
    execute(native, [load], msr, r4=at, r5=0)
    expected = native.vcpu.gpr[5]
    execute(native, [load], msr, r4=START + 0x100, r5=0)
    assert native.vcpu.gpr[5] == expected != 0
    assert device.calls == [("load", 0x100, size)]
    value = 0x8182838485868788
    execute(native, [store], msr, r4=at, r5=value)
    execute(native, [store], msr, r4=START + 0x100, r5=value)
    assert device.data[0x100:0x110] == native.memory.read(at, 16)
    assert device.calls[1:] == [("store", 0x100, size)]


@pytest.mark.parametrize("order", ["little", "big"])
def test_sixteen_bytes_are_two_accesses(native, order):
    """lvx and stvx."""
    msr = BASE | (MSR.LE if order == "little" else 0)
    device = attach(native)
    execute(native, [0x7C0020CE, 0x7C0029CE], msr, r4=START + 0x20, r5=START + 0x80)
    assert device.data[0x80:0x90] == device.data[0x20:0x30]
    assert [call[2] for call in device.calls] == [8, 8, 8, 8]
    assert {call[1] for call in device.calls} == {0x20, 0x28, 0x80, 0x88}


def test_an_access_over_a_page_border_is_done_by_bytes(native):
    device = attach(native)
    execute(native, [LWZ], r4=START + 0xFFE, r5=0)
    assert native.vcpu.gpr[5] == struct.unpack("<I", device.data[0xFFE:0x1002])[0]
    assert device.calls == [("load", 0xFFE + n, 1) for n in range(4)]


@pytest.mark.parametrize("gra", [START - 4, START + BYTES, 1 << 40])
def test_outside_the_window_there_is_nothing(native, gra):
    """Ref: Book III 7.5.2 (machine check)."""
    device = attach(native)
    execute(native, [LWZ], r4=gra)
    assert native.vcpu.nia == 0x200
    assert not device.calls


@pytest.mark.parametrize(
    ("word", "vector", "dsisr"),
    [(0x7C0027EC, 0x600, 0), (0x7CA02028, 0x300, 0x0400_0000)],
    ids=["dcbz", "lwarx"],
)
def test_what_needs_caches_is_refused(native, word, vector, dsisr):
    """Ref: Book III 7.5.3, 7.5.8."""
    device = attach(native)
    execute(native, [word], r4=START)
    assert native.vcpu.nia == vector
    assert native.vcpu.spr["DSISR"] == dsisr
    assert native.vcpu.spr["DAR"] == START
    assert not device.calls


def test_an_exception_of_the_device_is_reported(native):
    class Broken(Registers):
        def load(self, gra: int, size: int, vcpu_id: int) -> int:
            raise RuntimeError("broken")

    heard: list[BaseException] = []
    native.memory.attach_mmio([(START, START + BYTES)], Broken(), heard.append)
    execute(native, [LWZ], r4=START)
    assert [str(error) for error in heard] == ["broken"]
    assert native.vcpu.gpr[5] == 0xFFFFFFFF


def test_a_device_may_write_memory_from_its_register(native):
    """The store's handler changes code that runs right after it."""
    class Writer(Registers):
        def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None:
            native.memory.write(CODE + 0x2000, (LI | value).to_bytes(4, "little"))

    native.memory.attach_mmio([(START, START + BYTES)], Writer(), lambda _: None)
    native.place(CODE + 0x2000, [LI | 1, BLR])
    words = [0x90A40000, BL | 0x2000 - 4]
    for number in (7, 8):
        execute(native, words, r4=START, r5=number)
        native.vcpu.run_for(4)
        assert native.vcpu.gpr[3] == number


def test_code_that_a_thread_replaces_is_what_runs(native):
    """A guest calls a routine on and on; what another thread writes there is what it returns."""
    native.place(CODE + 0x3000, [LI | 1, BLR])
    native.place(CODE, [BL | 0x3000, 0x90640000, 0x48000000 | (-8 & 0x03FFFFFC)])
    native.load_state(new_state())
    vcpu, answer = native.vcpu, 0x40000
    vcpu.gpr[4], vcpu.msr, vcpu.nia = answer, BASE | MSR.LE, CODE
    ended = threading.Event()

    def guest() -> None:
        while not ended.is_set():
            vcpu.run()

    thread = threading.Thread(target=guest)
    thread.start()
    try:
        for number in range(2, 200):
            native.memory.view(CODE + 0x3000, 4)[:] = (LI | number).to_bytes(4, "little")
            native.memory.written(CODE + 0x3000, 4)
            limit = time.monotonic() + 20
            while native.memory.read(answer, 4) != number.to_bytes(4, "little"):
                assert time.monotonic() < limit, f"version {number} never ran"
    finally:
        ended.set()
        vcpu.request_stop()
        thread.join()
