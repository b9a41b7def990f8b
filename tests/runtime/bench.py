"""Native code on a bench: words at a real address, a state, a small memory; and the judge.

`Bench` runs a vCPU of a strategy in real mode. `Judge` steps the same words with the evaluator over
a memory of its own. Both start from the same record and must end in the same one.
"""

from __future__ import annotations

import ctypes
import functools
import random
from dataclasses import dataclass

import numpy as np
from strategies import random_state

from jitppc.frontend.decode import is_prefix
from jitppc.frontend.forms import words_of
from jitppc.frontend.levels import ALL_MODELS
from jitppc.frontend.translate import translate_word
from jitppc.ir.block import Block
from jitppc.ir.builder import ANY, LE64, Mode
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.layout import (
    CELL,
    CELL_BYTES,
    CELLS_PER_PAGE,
    COUNTER,
    INTERRUPTS,
    LPCR,
    MSR,
    NO_TAG,
    PAGE_INFO,
    PAGE_INFO_OFFSET,
    SRR1_PREFIXED,
    PageMode,
)
from jitppc.runtime.engine import Engine
from jitppc.runtime.exits import Exit
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.runtime.worker import compile_region
from jitppc.strategies import RegionOptions

RAM = 512 << 10
CODE = 0x30000
#: a boundary of 64 KiB granules, and so of pages, lies in the middle
WINDOW, WINDOW_BYTES = 0x60000 - 0x2000, 0x4000
#: registers that random programs take addresses from
BASES, INDEX = (28, 29, 30), 27
PVR = 0x004E1202
HCALL = 0x44000022  # sc 1
STAY = 0x48000000  # b .: a slice ends here
BASE_MSR = MSR.SF | MSR.LE | MSR.ME
REAL_MASK = (1 << 60) - 1

#: fields of CPU_STATE that a program can see
ARCHITECTED = (
    "gpr", "vsr", "spr", "crf", "so", "ov", "ca", "ov32", "ca32", "xer_low", "xer_mid", "fpscr",
    "vscr", "msr", "little", "sixty_four", "ea_mask", "lpcr", "slb", "process_table", "doorbell",
)  # fmt: skip

REGIONS = RegionOptions()

MODES: dict[str, tuple[Mode, int]] = {
    "le64": (LE64, MSR.SF | MSR.LE),
    "le32": (ANY, MSR.LE),
    "be64": (ANY, MSR.SF),
    "be32": (ANY, 0),
}
FACILITIES = MSR.FP | MSR.VEC | MSR.VSX


@functools.cache
def engine(*, exact: bool) -> Engine:
    """The native code of tier 0; one for the whole session."""
    return Engine(exact=exact)


@functools.cache
def bench(strategy: str, ram: int = RAM) -> Bench:
    """A bench for the whole session: what earlier cases left in its tables must not matter."""
    return Bench(strategy, ram)


@functools.lru_cache(1 << 16)
def block(word: int, mode: Mode) -> Block:
    return translate_word(word, mode)


def program_state(seed: int, mode_name: str) -> np.ndarray:
    """A random state with every facility, and base registers that point into the window."""
    mode, bits = MODES[mode_name]
    state = random_state(seed, mode)
    source = random.Random(seed)
    for number in BASES:
        state[0]["gpr"][number] = WINDOW + source.randrange(0x400, WINDOW_BYTES - 0x1000) & -16
    state[0]["gpr"][BASES[0]] += np.uint64(source.randrange(16))
    state[0]["gpr"][INDEX] = source.randrange(0x200) & -source.choice((1, 16, 16, 16))
    state[0]["spr"][9] = source.randrange(1, 12)
    state[0]["pvr"] = PVR
    state[0]["lpcr"] = LPCR.ILE if bits & MSR.LE else 0
    set_msr(state[0], bits | FACILITIES | MSR.ME | MSR.RI)
    return state


def set_msr(state: np.ndarray, msr: int) -> None:
    """MSR and the fields that follow from it."""
    state["msr"] = msr
    state["little"], state["sixty_four"] = bool(msr & MSR.LE), bool(msr & MSR.SF)
    state["ea_mask"] = NO_TAG if msr & MSR.SF else 0xFFFFFFFF


def _record(address: int, kind: np.dtype, count: int = 1) -> np.ndarray:
    return np.frombuffer((ctypes.c_char * (kind.itemsize * count)).from_address(address), kind)


@dataclass(frozen=True, slots=True)
class Result:
    """Where a run ended, in which state, and how many instructions it took."""

    nia: int
    state: np.ndarray
    retired: int
    exit: Exit


class Bench:
    """A vCPU over its own memory, in real mode, of a strategy: "interp", "units" or "exact"."""

    def __init__(self, strategy: str, ram: int = RAM) -> None:
        self.engine = engine(exact=strategy == "exact")
        self.memory = GuestMemory(ram)
        self.vcpu = Vcpu(self.engine, self.memory, 0, PVR, clock="insns")
        if strategy == "units":
            self.engine.give_units(self.memory)
        # a processor that executes every row
        self.vcpu.state["models"] = self.vcpu.state["problem_models"] = ALL_MODELS
        self.regions = 0

    def load_state(self, state: np.ndarray) -> None:
        """The architected part of a record, and the MSR's consequences."""
        target = self.vcpu.state
        for name in ARCHITECTED:
            target[name] = state[0][name]
        for name in ("reserve_ea", "reserve_low", "reserve_high", "reserve_bits"):
            target[name] = state[0][name]
        for name in (
            "pmu_on", "external", "system_reset", "doorbell", "dec_pending", "stop_request",
        ):  # fmt: skip
            target[name] = 0
        target["dec_deadline"] = state[0]["dec_deadline"]
        self.vcpu.msr = int(state[0]["msr"])

    def place(self, address: int, words: list[int], little: bool = True) -> None:
        """Words of code in memory."""
        order = "little" if little else "big"
        parts = (part for word in words for part in words_of(word))
        self.memory.write(address, b"".join(part.to_bytes(4, order) for part in parts))

    def run(self, nia: int, limit: int) -> Result:
        """Execute up to about `limit` instructions (exactly, with the exact strategy)."""
        vcpu = self.vcpu
        vcpu.nia = nia
        before = vcpu.retired
        exit_ = vcpu.run_for(limit)
        return Result(vcpu.nia, vcpu._record.copy(), vcpu.retired - before, exit_)

    def place_vectors(self, little: bool) -> None:
        """Every interrupt vector stays where it is."""
        page = STAY.to_bytes(4, "little" if little else "big") * 1024
        if self.memory.read(0, 4096) != page:
            self.memory.write(0, page)
            self.memory.write(0x17000, page)

    # --- units
    def make_unit(self, gra: int) -> int:
        """Make the cell at an address that has run a unit's head; returns how long the unit is."""
        address = int(self.memory.code_pages[gra >> 12])
        if not address:
            return 0
        before = self.counter("unit_insns")
        self.vcpu.nia = gra
        self.engine.call("rt_hot", self.vcpu.address, address + ((gra & 4095) >> 2) * CELL_BYTES)
        return self.counter("unit_insns") - before

    def counter(self, name: str) -> int:
        """A statistic of the vCPU."""
        return int(self.vcpu.state["counters"][COUNTER[name]])

    # --- regions
    def cells(self, gra: int) -> np.ndarray:
        """The cells of a page of code that has been executed."""
        address = int(self.memory.code_pages[gra >> 12])
        assert address
        return _record(address, CELL, CELLS_PER_PAGE)

    def page_info(self, gra: int) -> np.ndarray:
        """The record about a page of code that has been executed."""
        address = int(self.memory.code_pages[gra >> 12])
        assert address
        return _record(address + PAGE_INFO_OFFSET, PAGE_INFO)[0]

    @staticmethod
    def put_words(address: int, words: tuple[int, ...]) -> None:
        """Doublewords of host memory."""
        for number, word in enumerate(words):
            ctypes.c_uint64.from_address(address + 8 * number).value = word

    @staticmethod
    def words_at(address: int) -> int:
        """A doubleword of host memory."""
        return ctypes.c_uint64.from_address(address).value

    def install_region(self, gra: int, options: RegionOptions = REGIONS) -> bool:
        """Compile the region at an address that has run and put it into its cell.

        False when there is none, or the page has been stored to.
        """
        address = int(self.memory.code_pages[gra >> 12])
        if not address:
            return False
        info = _record(address + PAGE_INFO_OFFSET, PAGE_INFO)[0]
        mode = int(info["mode"]) & PageMode.EXECUTION
        if not info["active"] or mode & PageMode.NARROW:
            return False
        page = self.memory.read(gra & ~4095, 4096)
        index = (gra & 4095) >> 2
        symbols = self.engine.arena.symbols
        undecoded = [symbols["decode_me_le64"], symbols["decode_me_any"]]
        has_run = ~np.isin(self.cells(gra)["entry"], np.array(undecoded, np.uint64))
        if not has_run[index]:
            return False
        pages = {0: (page, has_run.astype(np.uint8).tobytes())}
        answer = compile_region(pages, index, options, ALL_MODELS, mode=mode)
        if answer is None:
            return False
        placed = self.engine.arena.load([answer[0]])[0]
        self.cells(gra)["entry"][index] = placed.symbols["region"]
        self.regions += 1
        return True


def execute(
    native: Bench, words: list[int], msr: int = BASE_MSR, count: int | None = None, **gprs: int
) -> Vcpu:
    """Run words at CODE, to wherever they lead; r3=7 and the like are values of GPRs."""
    vcpu = native.vcpu
    native.place(CODE, [*words, STAY])
    for name, value in gprs.items():
        vcpu.gpr[int(name[1:])] = value
    vcpu.msr, vcpu.nia = msr, CODE
    vcpu.run_for(count or len(words))
    return vcpu


class RealMemory:
    """The judge's memory: RAM by effective address in real mode."""

    def __init__(self, data: bytearray, mask: int = NO_TAG) -> None:
        self.data, self.mask = data, mask
        self.first_ea: int | None = None

    def _places(self, ea: int, size: int) -> list[int]:
        if self.first_ea is None:
            self.first_ea = ea
        places = [(ea + n & self.mask) & REAL_MASK for n in range(size)]
        if max(places) >= len(self.data):
            raise StorageInterrupt(ea)
        return places

    def load(self, ea: int, size_bytes: int) -> bytes:
        at = ea & REAL_MASK
        if at + size_bytes <= len(self.data) and self.first_ea is not None:
            return bytes(self.data[at : at + size_bytes])
        return bytes(self.data[place] for place in self._places(ea, size_bytes))

    def store(self, ea: int, data: bytes) -> None:
        for place, byte in zip(self._places(ea, len(data)), data, strict=True):
            self.data[place] = byte


class JudgingEvaluator(Evaluator):
    """The evaluator with the bench's clock and random numbers."""

    timebase = 0
    random_state = 0

    def _timebase(self, _value: object) -> int:
        return self.timebase

    def _random(self, _value: object) -> int:
        x = self.random_state
        x ^= x << 13 & NO_TAG
        x ^= x >> 7
        x ^= x << 17 & NO_TAG
        self.random_state = x
        return x * 0x2545F4914F6CDD1D & NO_TAG


class Judge:
    """Steps words with the evaluator until something ends it."""

    def __init__(self, state: np.ndarray, ram: bytes, mode: Mode = LE64) -> None:
        self.state, self.mode = state, mode
        self.memory = RealMemory(bytearray(ram), int(state[0]["ea_mask"]))
        self.evaluator = JudgingEvaluator(state, self.memory)
        self.retired = 0

    def fetch(self, nia: int) -> int:
        at = nia & REAL_MASK
        order = "little" if self.state[0]["little"] else "big"
        word = int.from_bytes(self.memory.data[at : at + 4], order)
        if is_prefix(word):
            return word << 32 | int.from_bytes(self.memory.data[at + 4 : at + 8], order)
        return word

    def step(self, nia: int) -> Outcome:
        """One instruction; a storage interrupt is an outcome too."""
        word = self.fetch(nia)
        try:
            outcome = self.evaluator.run(block(word, self.mode), nia)
        except StorageInterrupt:
            outcome = Outcome("interrupt", nia, "STORAGE")
        self.retired += 1
        return outcome

    def run(self, nia: int, limit: int) -> int:
        """`limit` instructions; interrupts go to their vectors. Returns where execution goes on."""
        while self.retired < limit:
            if nia & REAL_MASK >= len(self.memory.data):
                nia = expect_interrupt(self.state, "FETCH", nia)
            if self.fetch(nia) == STAY:
                self.retired = limit
                break
            outcome = self.step(nia)
            nia = outcome.nia & int(self.state[0]["ea_mask"])
            if outcome.kind == "interrupt":
                word = self.fetch(outcome.nia)
                nia = expect_interrupt(
                    self.state, outcome.detail, outcome.nia, outcome.value, word)
            assert outcome.kind != "helper", f"{outcome} has no model here"
        return nia


SRR1_CAUSE = {
    "PROGRAM_TRAP": 1 << (63 - 46),
    "PROGRAM_ILLEGAL": 1 << (63 - 44),
    "PROGRAM_PRIVILEGED": 1 << (63 - 45),
    "PROGRAM_FP_ENABLED": 1 << (63 - 43),
}
#: in real mode: no such memory, for a datum and for an instruction
NOT_RAM_CAUSE = {"STORAGE": 1 << (63 - 42), "FETCH": 1 << (63 - 45)}
SRR1_OWN = sum(1 << (63 - n) for n in (*range(33, 37), *range(42, 48)))


def expect_interrupt(
    state: np.ndarray, kind: str, cia: int, value: int = 0, word: int = 0
) -> int:
    """What Book III 7.5 says an interrupt of real mode does to the state; returns its vector."""
    record = state[0]
    msr = int(record["msr"])
    new = MSR.SF | msr & MSR.ME
    if int(record["lpcr"]) >> (63 - 38) & 1:
        new |= MSR.LE
    if kind == "SYSTEM_CALL_VECTORED":
        record["spr"][8], record["spr"][9] = cia + 4 & NO_TAG, msr & ~SRR1_OWN
        set_msr(record, new | msr & (MSR.EE | MSR.RI))
        return 0x17000 + 32 * value
    if kind in NOT_RAM_CAUSE:
        cause, vector = NOT_RAM_CAUSE[kind], 0x200
    else:
        cause, vector = SRR1_CAUSE.get(kind, 0), INTERRUPTS[kind]
    if kind in ("ALIGNMENT", "AMO_FUNCTION"):
        record["spr"][19], record["spr"][18] = value, 4 if kind == "AMO_FUNCTION" else 0
    if kind == "FACILITY_UNAVAILABLE":
        record["spr"][153] = int(record["spr"][153]) & (1 << 56) - 1 | value << 56
    record["spr"][26] = cia + 4 & NO_TAG if kind == "SYSTEM_CALL" else cia
    record["spr"][27] = msr & ~SRR1_OWN | cause | (SRR1_PREFIXED if word >> 32 else 0)
    set_msr(record, new)
    return vector


def differences(expected: np.ndarray, found: np.ndarray, skip: tuple[str, ...] = ()) -> list[str]:
    """The architected registers that differ, as lines."""
    lines = []
    for name in ARCHITECTED:
        a, b = np.asarray(expected[0][name]), np.asarray(found[0][name])
        if name in skip or np.array_equal(a, b):
            continue
        for place in np.argwhere(np.atleast_1d(a != b)):
            at = tuple(place) if a.ndim else ()
            label = name + "".join(f"[{n}]" for n in at)
            if label not in skip:
                lines.append(f"{label}: expected {int(a[at]):#x}, found {int(b[at]):#x}")
    return lines


def memory_differences(expected: bytearray, found: bytes) -> list[str]:
    """The bytes of memory that differ."""
    if bytes(expected) == found:
        return []
    a, b = np.frombuffer(bytes(expected), np.uint8), np.frombuffer(found, np.uint8)
    places = np.flatnonzero(a != b)
    first, last = int(places[0]), int(places[-1]) + 1
    shown = slice(first, min(last, first + 64))
    return [f"memory {first:#x}..{last:#x}: {a[shown].tobytes().hex()}, {b[shown].tobytes().hex()}"]
