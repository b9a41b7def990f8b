"""One-instruction experiments on floating-point state: under qemu-ppc64le, under the evaluator, and their comparison."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_word
from jitppc.ir.fpscr import FPSCR, with_summaries
from jitppc.ir.interp import Evaluator, StorageInterrupt
from jitppc.ir.layout import CPU_STATE, MSR, REGISTERS

U64 = "<u8"
STATE = [("vsr", U64, (64, 2)), ("gpr", U64, 8), ("fpscr", U64), ("cr", U64), ("xer", U64)]
MEMORY, MEMORY_BYTES = 0x20000000, 128
RECORD = np.dtype([("word", U64), ("signal", U64), *STATE, ("memory", "u1", MEMORY_BYTES)])
RUNNER = Path(__file__).parent / "fp_runner.c"

#: FPSCR bits that QEMU does not compute: FR always reads 0 there
MASK_QEMU = 0xFFFFFFFF & ~0x00040000


def build_runner(directory: Path) -> Path:
    """Compile the runner for a POWER9 in user mode."""
    out = directory / "fp_runner"
    subprocess.run(
        ["powerpc64le-linux-gnu-gcc", "-O1", "-static", "-o", str(out), str(RUNNER)], check=True)
    return out


def run_qemu(runner: Path, records: np.ndarray) -> np.ndarray:
    """The records as QEMU leaves them."""
    done = subprocess.run(["qemu-ppc64le", "-cpu", "POWER9", str(runner)], input=records.tobytes(),
                          capture_output=True, check=True)
    return np.frombuffer(done.stdout, RECORD)


class Bytes:
    """The runner's memory, for the evaluator."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def _at(self, ea: int, size: int) -> int:
        if not MEMORY <= ea <= MEMORY + MEMORY_BYTES - size:
            raise StorageInterrupt(hex(ea))
        return ea - MEMORY

    def load(self, ea: int, size_bytes: int) -> bytes:
        at = self._at(ea, size_bytes)
        return self.data[at:at + size_bytes].tobytes()

    def store(self, ea: int, data: bytes) -> None:
        at = self._at(ea, len(data))
        self.data[at:at + len(data)] = np.frombuffer(data, np.uint8)


def evaluate(record: np.void, msr: int = MSR.FP | MSR.VEC | MSR.VSX | MSR.SF | MSR.LE) -> tuple[np.void, str]:
    """The record as the evaluator leaves it, and how the instruction ended."""
    record = record.copy()
    state = np.zeros(1, CPU_STATE)
    state["msr"], state["little"], state["sixty_four"], state["ea_mask"] = msr, 1, 1, 2**64 - 1
    state["fpscr"] = record["fpscr"]
    state["gpr"][0, 3:11] = record["gpr"]
    state["vsr"][0] = record["vsr"][:, ::-1]
    state["crf"][0] = [int(record["cr"]) >> shift & 15 for shift in range(28, -1, -4)]
    machine = Evaluator(state, Bytes(record["memory"]))
    outcome = machine.run(translate_word(int(record["word"])), 0x1000)
    record["gpr"] = state["gpr"][0, 3:11]
    record["vsr"] = state["vsr"][0][:, ::-1]
    record["fpscr"] = state["fpscr"][0]
    record["cr"] = sum(int(f) << 28 - 4 * n for n, f in enumerate(state["crf"][0]))
    return record, outcome.kind if outcome.kind != "interrupt" else outcome.detail


def differences(expected: np.void, actual: np.void, fpscr_mask: int = MASK_QEMU) -> list[str]:
    """What differs between two records, in words."""
    found = []
    for n in range(64):
        (high, low), (our_high, our_low) = expected["vsr"][n], actual["vsr"][n]
        if high != our_high or low not in (our_low, *((low,) if our_low == 0 else ())):
            words = ["".join(f"{int(d):016x}" for d in r["vsr"][n]) for r in (expected, actual)]
            found.append(f"vs{n} expected {words[0]} got {words[1]}")
    for n in range(8):
        if expected["gpr"][n] != actual["gpr"][n]:
            found.append(f"r{n + 3} expected {int(expected['gpr'][n]):x} got {int(actual['gpr'][n]):x}")
    if (int(expected["fpscr"]) ^ int(actual["fpscr"])) & fpscr_mask:
        found.append(f"fpscr expected {int(expected['fpscr']):08x} got {int(actual['fpscr']):08x}")
    if expected["cr"] != actual["cr"]:
        found.append(f"cr expected {int(expected['cr']):08x} got {int(actual['cr']):08x}")
    if expected["memory"].tobytes() != actual["memory"].tobytes():
        found.append(f"memory expected {expected['memory'].tobytes().hex()} got {actual['memory'].tobytes().hex()}")
    return found


# --- interesting numbers --------------------------------------------------------------------------------

SPECIAL_DOUBLES = (
    0, 1, 1 << 63, 0x7FF << 52, 0xFFF << 52, 0x7FF8000000000000, 0x7FF0000000000001, 0xFFF8000000000123,
    0xFFF7FFFFE0000000, 0x3FF0000000000000, 0xBFF0000000000000, 0x3FEFFFFFFFFFFFFF, 0x3FE0000000000000,
    0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x8010000000000001, 0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF,
    0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x3810000000000000, 0x380FFFFFE0000000, 0x36A0000000000000,
    0x3690000000000000, 0xB6A0000000000001, 0x43E0000000000000, 0xC3E0000000000000, 0x43EFFFFFFFFFFFFF,
    0x43F0000000000000, 0x41DFFFFFFFC00000, 0x41E0000000000000, 0xC1E0000000200000, 0x41EFFFFFFFF00000,
    0x4330000000000001, 0x4320000000000001, 0x3FF8000000000000, 0x4004000000000000, 0xC00C000000000000,
    0x40EFFC0000000000, 0x40EFFE0000000000, 0x3F10000000000000, 0x3E70000000000000, 0x5FE0000000000000,
    0x20B0000000000000, 0x1FF0000000000000, 0x6000000000000000,
)  # fmt: skip
SPECIAL_SINGLES = (
    0, 1, 1 << 31, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC00123, 0xFFBFFFFF, 0x3F800000, 0xBF800000,
    0x3F7FFFFF, 0x3F000000, 0x007FFFFF, 0x00800000, 0x80800001, 0x7F7FFFFF, 0xFF7FFFFF, 0x5F000000, 0xDF000000,
    0x5F7FFFFF, 0x5F800000, 0x4F000000, 0xCF000000, 0x4EFFFFFF, 0x4F7FFFFF, 0x4B000001, 0x4A800001, 0x3FC00000,
    0x477FE000, 0x477FF000, 0x38800000, 0x33000000, 0x33800000,
)  # fmt: skip


def a_double(source: random.Random) -> int:
    """A double, often one where operations behave unusually."""
    kind = source.randrange(8)
    if kind < 2:
        return source.choice(SPECIAL_DOUBLES)
    if kind == 2:       # near a special
        return source.choice(SPECIAL_DOUBLES) + source.randrange(-3, 4) & 2**64 - 1
    if kind == 3:
        return source.getrandbits(64)
    exponent = source.choice((1023, 1023, 1023 + 52, 1023 + 62, 1023 - 126, 1023 + 127)) + source.randrange(-30, 31)
    fraction = source.choice((source.getrandbits(52), source.getrandbits(23) << 29, source.getrandbits(24) << 28,
                              source.getrandbits(6) << 46))
    return source.getrandbits(1) << 63 | exponent << 52 | fraction


def a_single(source: random.Random) -> int:
    """A single, often one where operations behave unusually."""
    kind = source.randrange(6)
    if kind < 2:
        return source.choice(SPECIAL_SINGLES)
    if kind == 2:
        return source.choice(SPECIAL_SINGLES) + source.randrange(-3, 4) & 2**32 - 1
    if kind == 3:
        return source.getrandbits(32)
    fraction = source.choice((source.getrandbits(23), source.getrandbits(5) << 18))
    return source.getrandbits(1) << 31 | (127 + source.randrange(-30, 31)) << 23 | fraction


def a_doubleword(source: random.Random, singles: bool) -> int:
    """A doubleword of a register file."""
    if singles:
        return a_single(source) << 32 | a_single(source)
    return a_double(source)


def a_record(source: random.Random, word: int, *, singles: bool = False, fpscr: int | None = None) -> np.void:
    """An experiment with a word: random registers, r3 to r5 chosen so that addresses stay within the memory."""
    record = np.zeros((), RECORD)
    record["word"] = word
    record["vsr"] = [[a_doubleword(source, singles) for _ in range(2)] for _ in range(64)]
    record["gpr"] = [MEMORY + 40, source.randrange(24), MEMORY + 48 + source.randrange(8),
                     *(source.choice((source.getrandbits(64), a_double(source))) for _ in range(5))]
    sticky = source.getrandbits(32) & 0x1FF80700 | FPSCR.FX if source.randrange(2) else 0
    record["fpscr"] = with_summaries(
        sticky | source.getrandbits(32) & 0x1F003 if fpscr is None else fpscr)
    record["cr"] = source.getrandbits(32)
    record["memory"] = np.frombuffer(source.randbytes(MEMORY_BYTES), np.uint8)
    at = source.randrange(8)
    for n in range(0, 112, 8):
        size = 4 if singles or source.randrange(2) else 8
        value = a_single(source) if size == 4 else a_double(source)
        record["memory"][at + n:at + n + size] = np.frombuffer(value.to_bytes(size, "little"), np.uint8)
    return record


def rows_of(prefixes: tuple[str, ...]) -> list[str]:
    """The keys of the rows that stand in files of frontend/isa with these prefixes."""
    return sorted(k for k, r in rows().items() if r.body.__module__.split(".")[-1].startswith(prefixes))
