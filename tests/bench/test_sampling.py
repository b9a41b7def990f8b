"""Samples of a thread say where it was."""

import ctypes
import threading
import time

import numpy as np
import pytest

from jitppc.backend.arena import Arena
from jitppc.backend.objects import compile_text
from jitppc.bench.sampling import (
    HOST,
    PERIOD_NS,
    REGIONS,
    REST,
    UNITS,
    Places,
    Sampler,
    kind_of,
    readable,
)

SPIN = """define i64 @h_spin(i64 %n) {
 br label %loop
loop:
 %i = phi i64 [%n, %0], [%less, %loop]
 %x = phi i64 [1, %0], [%y, %loop]
 %a = mul i64 %x, 6364136223846793005
 %y = xor i64 %a, %i
 %less = add i64 %i, -1
 %more = icmp ne i64 %less, 0
 br i1 %more, label %loop, label %out
out:
 ret i64 %y
}
"""


def sampled(work):
    """The samples of a thread that does this work."""
    sampler = Sampler()

    def run():
        sampler.start()
        work()
        sampler.stop()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return sampler.addresses[: sampler.count]


def test_time_in_native_code_is_found_there_and_as_much_as_there_was():
    arena = Arena(1 << 20)
    arena.load([compile_text(SPIN)], export=True)
    spin = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(arena.symbols["h_spin"])
    started = 0.0
    ended = 0.0

    def work():
        nonlocal started, ended
        started = time.thread_time()
        while time.thread_time() < started + 0.5:
            spin(10_000_000)
        ended = time.thread_time()

    profile = Places(arena).profile(sampled(work))
    expected = ended - started
    assert expected == pytest.approx(profile["names"]["h_spin"], rel=0.15)
    assert profile["names"]["h_spin"] == profile["kinds"]["interpreter"]


def test_time_in_python_is_the_hosts():
    def work():
        ended = time.thread_time() + 40 * PERIOD_NS / 1e9
        while time.thread_time() < ended:
            pass

    profile = Places(Arena(1 << 20)).profile(sampled(work))
    assert [HOST] == list(profile["kinds"])


def test_what_lies_above_what_stays_is_regions():
    arena = Arena(1 << 20)
    arena.load([compile_text(SPIN)], export=True)
    arena.reserve(4096)
    assert REGIONS == Places(arena).name(arena.end + 100)
    assert "h_spin" == Places(arena).name(arena.symbols["h_spin"] + 8)
    assert HOST == Places(arena).name(1 << 40)


def test_units_are_a_tier():
    arena = Arena(1 << 20)
    arena.load([compile_text(SPIN)], export=True)
    arena.reserve(4096)
    places = Places(arena, (arena.end + 4096, arena.end + 8192))
    handler = arena.symbols["h_spin"]
    addresses = np.array([arena.end, arena.end + 5000, handler, handler, 4], np.uint64)
    expected = [(REGIONS, 1), (UNITS, 1), ("interpreter", 2), (REST, 1)]
    second = PERIOD_NS / 1e9
    assert expected == [(k, round(s / second)) for k, s in places.tiers(addresses).items()]


def test_names_become_kinds():
    numba = "_ZN6jitppc7runtime6native5radix4walkB2v8B38c8tJTIeFIjxB2"
    assert "native.radix.walk" == readable(numba)
    assert "memory, slow path" == kind_of(readable(numba))
    assert "decoding" == kind_of("rt_fetch")
    assert "interrupts and system registers" == kind_of("rt_rfid")
    assert "jumps between regions and pages" == kind_of("far_jump")
