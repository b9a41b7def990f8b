"""Where a vCPU's thread spends its time: its host address, noted by a timer of its CPU time.

The signal handler is native code of a few instructions: it writes the address at which the thread
was interrupted into an array. Nothing of Python runs in it, so it may interrupt translated code.
"""

from __future__ import annotations

import bisect
import ctypes
import re
import signal
import threading
from collections import Counter
from typing import Any

import numpy as np

CAPACITY = 1 << 19
PERIOD_NS = 4_000_000
_SA_SIGINFO, _SA_ONSTACK, _SA_RESTART = 4, 0x08000000, 0x10000000
_SIGEV_THREAD_ID = 4
#: of REG_RIP in the ucontext that a handler is given. Ref: the psABI's mcontext, gregs[16].
_RIP_AT = 168
#: of si_overrun in a timer's siginfo: expirations since the last signal that had none of their own
_OVERRUN_AT = 20

_libc = ctypes.CDLL(None, use_errno=True)


class _Sigaction(ctypes.Structure):
    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class _Sigevent(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("rest", ctypes.c_int * 11),
    )


def _handler_text(count_at: int, samples_at: int) -> str:
    """The handler: a sample for the period that ended, and for each that was missed before."""
    return f"""define void @note(i32 %signal, ptr %info, ptr %context) nounwind {{
 %p_rip = getelementptr i8, ptr %context, i64 {_RIP_AT}
 %rip = load i64, ptr %p_rip
 %p_missed = getelementptr i8, ptr %info, i64 {_OVERRUN_AT}
 %missed = load i32, ptr %p_missed
 %p_count = inttoptr i64 {count_at} to ptr
 br label %next
next:
 %left = phi i32 [%missed, %0], [%fewer, %keep]
 %count = load i64, ptr %p_count
 %has_room = icmp ult i64 %count, {CAPACITY}
 br i1 %has_room, label %keep, label %done
keep:
 %samples = inttoptr i64 {samples_at} to ptr
 %p_sample = getelementptr i64, ptr %samples, i64 %count
 store i64 %rip, ptr %p_sample
 %more = add i64 %count, 1
 store i64 %more, ptr %p_count
 %fewer = add i32 %left, -1
 %is_last = icmp sle i32 %left, 0
 br i1 %is_last, label %done, label %next
done:
 ret void
}}
"""


class Sampler:
    """Samples one thread, every PERIOD_NS of its CPU time, from `start` to `stop`.

    `addresses[:count]` are the samples so far.
    """

    def __init__(self) -> None:
        from jitppc.backend.arena import Arena
        from jitppc.backend.objects import compile_text

        self._count = np.zeros(1, np.uint64)
        self.addresses = np.zeros(CAPACITY, np.uint64)
        self._arena = Arena(1 << 16)
        text = _handler_text(self._count.ctypes.data, self.addresses.ctypes.data)
        self._handler = self._arena.load([compile_text(text)])[0].symbols["note"]
        self._timer: ctypes.c_void_p | None = None

    @property
    def count(self) -> int:
        return int(self._count[0])

    def start(self) -> None:
        """Sample the calling thread from now on."""
        action = _Sigaction(self._handler, flags=_SA_SIGINFO | _SA_ONSTACK | _SA_RESTART)
        event = _Sigevent(None, signal.SIGPROF, _SIGEV_THREAD_ID, threading.get_native_id())
        # The clock of this thread's CPU time. Ref: Linux, MAKE_THREAD_CPUCLOCK.
        clock = ctypes.c_int((~threading.get_native_id() << 3) | 6)
        timer = ctypes.c_void_p()
        period = (ctypes.c_long * 4)(0, PERIOD_NS, 0, PERIOD_NS)
        _must(_libc.sigaction(int(signal.SIGPROF), ctypes.byref(action), None))
        _must(_libc.timer_create(clock, ctypes.byref(event), ctypes.byref(timer)))
        _must(_libc.timer_settime(timer, 0, ctypes.byref(period), None))
        self._timer = timer

    def stop(self) -> None:
        """No more samples are taken."""
        if self._timer is not None:
            _libc.timer_delete(self._timer)
            ignore = _Sigaction(int(signal.SIG_IGN))
            _must(_libc.sigaction(int(signal.SIGPROF), ctypes.byref(ignore), None))
            self._timer = None


def _must(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, "the profiling timer cannot be set")


#: Prefixes of names in the arena -> what time there is spent on.
KINDS = {
    "h_": "interpreter",
    "f_": "floating point, rare cases",
    "q_": "floating point, rare cases",
    "fv_": "floating point, rare cases",
    "p_": "decoding",
    "decode_": "decoding",
    "predecode_": "decoding",
    "unknown_": "decoding",
    "rt_fetch": "decoding",
    "native.code.": "decoding",
    "rt_load": "memory, slow path",
    "rt_store": "memory, slow path",
    "rt_touch": "memory, slow path",
    "rt_zero_block": "memory, slow path",
    "native.access.": "memory, slow path",
    "native.radix.": "memory, slow path",
    "native.contexts.": "changes of context",
    "rt_": "interrupts and system registers",
    "native.": "interrupts and system registers",
    "help_": "interrupts and system registers",
}
REGIONS, UNITS, INTERPRETER = "regions", "units of stencils", "interpreter"
JUMPS, HOST = "jumps between regions and pages", "Python and the host's kernel"
#: what the tiers are; all else is what they need around them
TIERS, REST = (REGIONS, UNITS, INTERPRETER), "all else"
CATEGORIES = (REGIONS, UNITS, *dict.fromkeys(KINDS.values()), JUMPS, HOST)


def readable(name: str) -> str:
    """A symbol of Numba's as module and function; others as they are."""
    if not name.startswith("_ZN"):
        return name
    parts, rest = [], name[3:]
    while found := re.match(r"\d+", rest):
        size = int(found[0])
        parts.append(rest[found.end() : found.end() + size])
        rest = rest[found.end() + size :]
    return ".".join(parts[2:]) or name


def kind_of(name: str) -> str:
    """What the time at a symbol is spent on."""
    fitting = [prefix for prefix in KINDS if name.startswith(prefix)]
    return KINDS[max(fitting, key=len)] if fitting else JUMPS


class Places:
    """Names of host addresses: what stays in an arena, regions above it, the host outside.

    Args:
        units: where units of stencils are made, from and to; nowhere if both are the same.
    """

    def __init__(self, arena: Any, units: tuple[int, int] = (0, 0)) -> None:
        self._units = range(*units)
        placed = sorted((at, name) for name, (at, _size) in arena.places.items())
        self._starts = [at for at, _ in placed]
        self._names = [readable(name) for _, name in placed]
        self._base, self._regions, self._top = arena.base, arena.end, arena.base + arena.size

    def name(self, address: int) -> str:
        if address in self._units:
            return UNITS
        if self._regions <= address < self._top:
            return REGIONS
        if not self._base <= address < self._top:
            return HOST
        index = bisect.bisect_right(self._starts, address) - 1
        return self._names[index] if index >= 0 else HOST

    def tiers(self, addresses: np.ndarray) -> dict[str, float]:
        """Seconds in each tier, and in the rest."""
        kinds = self.profile(addresses)["kinds"]
        found = {tier: kinds.get(tier, 0.0) for tier in TIERS}
        return found | {REST: round(sum(kinds.values()) - sum(found.values()), 3)}

    def profile(self, addresses: np.ndarray) -> dict[str, Any]:
        """Seconds by kind, and of the 20 names with most."""
        names: Counter[str] = Counter()
        for address, times in zip(*np.unique(addresses, return_counts=True), strict=True):
            names[self.name(int(address))] += int(times)
        kinds: Counter[str] = Counter()
        for name, times in names.items():
            kinds[name if name in {REGIONS, UNITS, HOST} else kind_of(name)] += times
        second = PERIOD_NS / 1e9
        return {
            "kinds": {kind: round(kinds[kind] * second, 3) for kind in CATEGORIES if kinds[kind]},
            "names": {name: round(times * second, 3) for name, times in names.most_common(20)},
        }
