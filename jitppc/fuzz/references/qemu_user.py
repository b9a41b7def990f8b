"""QEMU's user mode as a reference: a resident harness and a file of cases that both have mapped.

`qemu-ppc64le` and `qemu-ppc64` execute user programs: no privileged state, no 32-bit mode.
"""

from __future__ import annotations

import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import time
from typing import Any, Literal

import numpy as np

from jitppc.errors import ReferenceFailure
from jitppc.frontend.levels import in_model
from jitppc.frontend.rows import Row
from jitppc.fuzz.cases import (
    BORDER,
    CODE,
    CODE_BYTES,
    OUTCOME,
    USER_FIELDS,
    Batch,
    Flag,
    Kind,
    unanswered,
)
from jitppc.ir.layout import MSR

from .qemu_build import (
    ENTER,
    FILE_BYTES,
    HEADER_BYTES,
    PLACE_BYTES,
    PLACED,
    PLACES,
    PLACES_BYTES,
    SLOT,
    SLOTS,
    SPILLED,
    build_harness,
)

CPUS = {"power8": "POWER8", "power9": "POWER9", "power10": "POWER10"}
EMULATORS = {"little": "qemu-ppc64le", "big": "qemu-ppc64"}
#: the harness is hung when nothing is done for so long
PATIENCE_SECONDS = 10.0
#: deaths in a row without a case done between them
MOST_DEATHS = 3
_KINDS = {
    0: Kind.NEXT, signal.SIGILL: Kind.ILLEGAL, signal.SIGTRAP: Kind.TRAP,
    signal.SIGSEGV: Kind.STORAGE, signal.SIGBUS: Kind.ALIGNMENT, signal.SIGFPE: Kind.FLOATING,
    signal.SIGALRM: Kind.TIMEOUT,
}  # fmt: skip
_ILL_PRVOPC, _ILL_PRVREG = 5, 6
#: rows that mean something else to an emulator of user mode: hypervisor SPRs that it knows or
#: refuses, translation that it has not
#: the process has transactional memory, and cases have MSR[TM] off; event-based branches go where
#: nothing is; keys of hash checks are random; what only a supervisor executes it calls illegal
NOT_HERE = {
    "sc", "scv", "mfspr", "mtspr", "mtspr.UAMR", "rfebb", "mfbhrbe", "clrbhrb", "hashst", "hashchk",
    "hashstp", "hashchkp", "tbegin.", "tend.", "tabort.", "tabortwc.", "tabortwci.", "tabortdc.",
    "tabortdci.", "tsr.", "tcheck", "treclaim.", "trechkpt.", "urfid", "msgsndu", "msgclru",
    "slbfee.", "slbsync", "slbieg", "slbiag",
    *(f"m{way}spr.{name}" for way in "ft" for name in (
        "TFHAR", "TFIAR", "TEXASR", "TEXASRU", "BESCRS", "BESCRSU", "BESCRR", "BESCRRU",
        "UDEXCR", "USIER2", "USIER3", "UMMCR3",
    )),
}  # fmt: skip
#: words that end the emulator: alignment interrupts of little-endian mode, facility interrupts
_EBB_SPRS = (800, 801, 802, 803, 804, 805, 806)
_ALWAYS_DEADLY = [(0xFC6007FE, 0x7C00003C)] + [
    (0xFC1FFFFE, 31 << 26 | (number & 31) << 16 | number >> 5 << 11 | extended << 1)
    for number in _EBB_SPRS for extended in (339, 467)
]  # fmt: skip
_LITTLE_DEADLY = [(0xFC000000, 46 << 26), (0xFC000000, 47 << 26)] + [
    (0xFC0007FE, 31 << 26 | extended << 1) for extended in (533, 597, 661, 725)
]
_MFSPR_TAR = 31 << 26 | (815 & 31) << 16 | 815 >> 5 << 11 | 339 << 1
#: MSR bits that the emulated process runs with, byte order apart
_MODE = np.uint64(MSR.SF | MSR.PR | MSR.FP | MSR.VEC | MSR.VSX | MSR.FE0 | MSR.FE1)


class Harness:
    """One emulator process of a model and a byte order, with its file."""

    def __init__(self, model: str, order: str, emulator: str | None = None) -> None:
        self.order = order
        name = emulator or EMULATORS[order]
        path = shutil.which(name)
        if path is None:
            raise ReferenceFailure(f"no {name}; install qemu-user")
        self._fd = os.memfd_create("jitppc-cases")
        os.ftruncate(self._fd, FILE_BYTES)
        self._command = [path, "-cpu", CPUS[model], str(build_harness(order)), str(self._fd)]
        self._map = mmap.mmap(self._fd, FILE_BYTES)
        byte_order: Literal["<", ">"] = "<" if order == "little" else ">"
        number = np.dtype(f"{byte_order}u8")
        self._done = np.frombuffer(self._map, number, 1)
        self.slots = np.frombuffer(
            self._map, SLOT.newbyteorder(byte_order), SLOTS, HEADER_BYTES
        )
        self._pair = struct.Struct(f"{byte_order}II")
        self._process: subprocess.Popen[bytes] | None = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                stderr=subprocess.DEVNULL, pass_fds=(self._fd,), start_new_session=True,
            )  # fmt: skip
        return self._process

    def stop(self) -> None:
        """The process is gone."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()

    def close(self) -> None:
        """The process and the file are gone."""
        self.stop()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def run(self, count: int) -> list[tuple[int, Kind]]:
        """The first `count` slots are done, but for those that killed it: (slot, CRASH or
        TIMEOUT).
        """
        lost: list[tuple[int, Kind]] = []
        first = deaths = 0
        while first < count:
            ended = self._order(first, count - first)
            if ended is None:
                return lost
            done = int(self._done[0])
            deaths = deaths + 1 if done == first else 1
            if done >= count or deaths > MOST_DEATHS:
                raise ReferenceFailure(f"{self._command[0]} dies again and again")
            lost.append((done, ended))
            first = done + 1
        return lost

    def _order(self, first: int, count: int) -> Kind | None:
        """Run slots; None when all are done, otherwise how the process was lost."""
        process = self._start()
        self._done[0] = first
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(self._pair.pack(first, count))
        except BrokenPipeError:
            return Kind.CRASH
        seen, since = -1, time.monotonic()
        while not select.select([process.stdout], [], [], 1.0)[0]:
            if (done := int(self._done[0])) != seen:
                seen, since = done, time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                self.stop()
                return Kind.TIMEOUT
        if process.stdout.read(1):
            return None
        self.stop()
        return Kind.CRASH


class QemuUserReference:
    """`qemu-ppc64le` and `qemu-ppc64` on the processors that they know."""

    name = "qemu-user"
    is_independent = True
    fields: tuple[str, ...] = (*USER_FIELDS, "vrsave")
    models: tuple[str, ...] = tuple(CPUS)

    def __init__(self, emulators: dict[str, str] | None = None) -> None:
        self._emulators = emulators or EMULATORS
        self._version: tuple[int, ...] | None = None
        self._harnesses: dict[tuple[str, str], Harness] = {}

    @property
    def version(self) -> tuple[int, ...]:
        """The emulator's version."""
        if self._version is None:
            words = self.identity()["version"].split(".")
            self._version = tuple(int(word) for word in words if word.isdigit())
        return self._version

    def identity(self) -> dict[str, str]:
        program = self._emulators["little"]
        try:
            text = subprocess.check_output([program, "--version"], text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise ReferenceFailure(f"no {program}; install qemu-user") from error
        return {"program": program, "version": text.split("version ")[1].split(" ")[0]}

    def can_judge(self, row: Row, model: str) -> bool:
        return model in self.models and in_model(row, model) and row.key not in NOT_HERE

    def undefined(self, batch: Batch, outcomes: np.ndarray) -> np.ndarray | None:
        """A signal's frame has no room for the upper half of FPSCR."""
        signalled = outcomes["kind"] != Kind.NEXT
        if not signalled.any():
            return None
        open_bits = np.zeros(len(outcomes), OUTCOME)
        open_bits["state"]["fpscr"][signalled] = 0xFFFF_FFFF_0000_0000
        return open_bits

    def close(self) -> None:
        for harness in self._harnesses.values():
            harness.close()
        self._harnesses.clear()

    def _harness(self, model: str, order: str) -> Harness:
        if (model, order) not in self._harnesses:
            if model not in CPUS:
                raise ReferenceFailure(f"{self.name} has no {model}; it has {', '.join(CPUS)}")
            self._harnesses[model, order] = Harness(model, order, self._emulators[order])
        return self._harnesses[model, order]

    def run(self, batch: Batch) -> np.ndarray:
        outcomes = unanswered(batch.cases)
        msr = batch.cases["state"]["msr"]
        little = msr & np.uint64(MSR.LE) != 0
        possible = (msr & _MODE == _MODE) & ~_calls_system(batch.cases)
        possible &= ~_is_deadly(batch.cases, little) & ~_waits_for_itself(batch.cases)
        possible &= ~_reaches_its_code(batch.cases)
        for order, fits in (("little", little), ("big", ~little)):
            chosen = np.flatnonzero(possible & fits)
            for start in range(0, len(chosen), SLOTS):
                part = chosen[start : start + SLOTS]
                harness = self._harness(batch.model, order)
                outcomes[part] = _run_part(harness, batch.cases[part])
        return outcomes


def _calls_system(cases: np.ndarray) -> np.ndarray:
    """The case holds a system call, or a branch to where the harness's own code is."""
    words = cases["words"]
    used = np.arange(words.shape[1]) < cases["count"][:, None]
    primary = words >> np.uint32(26)
    displacement = (words & np.uint32(0x03FFFFFC)).astype(np.int64)
    displacement = (displacement ^ 0x02000000) - 0x02000000
    places = cases["state"]["nia"].astype(np.int64)[:, None] + 4 * np.arange(words.shape[1])
    target = np.where(words & np.uint32(2), 0, places) + displacement
    leads_in = (primary == 18) & (target >= ENTER) & (target < PLACES + PLACES_BYTES)
    return ((leads_in | (primary == 17)) & used).any(axis=1)


def _waits_for_itself(cases: np.ndarray) -> np.ndarray:
    """The only word of the case is a relative branch to itself: at best it counts CTR down."""
    words = cases["words"][:, 0]
    b, bc = words & np.uint32(0xFFFFFFFE) == 18 << 26, words & np.uint32(0xFC00FFFE) == 16 << 26
    return np.asarray((cases["count"] == 1) & (b | bc))


def _reaches_its_code(cases: np.ndarray) -> np.ndarray:
    """An access relative to CIA meets the case's words, or the way out behind them."""
    prefix, suffix = cases["words"][:, :-1], cases["words"][:, 1:]
    relative = prefix & np.uint32(0xFD100000) == 0x04100000
    away = (prefix & np.uint32(0x3FFFF)).astype(np.int64) << 16 | (suffix & np.uint32(0xFFFF))
    away = (away ^ 1 << 33) - (1 << 33) + 4 * np.arange(prefix.shape[1])
    end = 4 * cases["count"].astype(np.int64)[:, None] + 8
    return np.asarray((relative & (away > -32) & (away < end)).any(axis=1))


def _is_deadly(cases: np.ndarray, little: np.ndarray) -> np.ndarray:
    """The case holds a word that is known to end the emulator."""
    words = cases["words"]
    deadly = np.zeros(words.shape, bool)
    for mask, value in _LITTLE_DEADLY:
        deadly |= words & np.uint32(mask) == value
    deadly &= little[:, None]
    for mask, value in _ALWAYS_DEADLY:
        deadly |= words & np.uint32(mask) == value
    deadly[:, 1:] &= words[:, :-1] >> np.uint32(26) != 1  # behind a prefix it means something else
    return np.asarray(deadly.any(axis=1))


def _run_part(harness: Harness, cases: np.ndarray) -> np.ndarray:
    """Up to SLOTS cases of one byte order."""
    slots = harness.slots[: len(cases)]
    fill_slots(slots, cases, harness.order)
    away = _move(slots, cases)
    lost = harness.run(len(cases))
    slots["nia"] -= away
    outcomes = outcomes_of(slots, cases, harness.order)
    for number, kind in lost:
        outcomes[number] = unanswered(cases[number : number + 1])[0]
        outcomes["kind"][number] = kind
    return outcomes


def _move(slots: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """Slots whose words do not care where they are get places of their own; how far that is."""
    cia = cases["state"]["nia"]
    places = PLACES + PLACE_BYTES * np.arange(len(cases), dtype=np.uint64)
    places += cia % np.uint64(64)
    fits = cia % np.uint64(64) + 4 * cases["count"].astype(np.uint64) < PLACE_BYTES
    moved = fits & _may_be_anywhere(cases)
    slots["nia"][moved] = places[moved]
    slots["state"]["tar"][moved] = places[moved]
    slots["flags"][moved] |= np.uint32(PLACED)
    return np.where(moved, places - cia, np.uint64(0))


def _may_be_anywhere(cases: np.ndarray) -> np.ndarray:
    """No word tells where it is, or what is in TAR, and no register leads to the words."""
    words = cases["words"]
    primary = words >> np.uint32(26)
    tells = (primary >= 16) & (primary <= 19)                   # branches, addpcis
    tells |= words & np.uint32(0xFD100000) == 0x04100000        # a prefix that says: from CIA
    tells |= words & np.uint32(0xFC1FFFFE) == _MFSPR_TAR
    used = np.arange(words.shape[1]) < cases["count"][:, None]
    state, near = cases["state"], np.uint64(CODE - (1 << 20))
    leads = (state["gpr"] - near < np.uint64(1 << 23)).any(axis=1)
    stores = cases["flags"] & (Flag.STORES_TO_CODE | Flag.MAY_LOOP) != 0
    return np.asarray(~(tells & used).any(axis=1) & ~leads & ~stores)


def fill_slots(slots: np.ndarray, cases: np.ndarray, order: str) -> None:
    """Put cases into slots."""
    high_first, states = slots["state"], cases["state"]
    word = 0 if order == "little" else 1
    for name in ("gpr", "cr", "xer", "lr", "ctr", "fpscr", "tar", "vrsave"):
        high_first[name] = states[name]
    high_first["vsr"] = states["vsr"][:, :, ::-1]
    high_first["vscr"] = 0
    high_first["vscr"][:, word] = states["vscr"]
    slots["nia"] = states["nia"]
    for name in ("words", "count", "flags", "memory"):
        slots[name] = cases[name]


def outcomes_of(slots: np.ndarray, cases: np.ndarray, order: str) -> np.ndarray:
    """What the harness has left in the slots of these cases."""
    high_first, states = slots["state"], cases["state"]
    word = 0 if order == "little" else 1
    outcomes = np.zeros(len(cases), OUTCOME)
    outcomes["state"], found = states, outcomes["state"]
    for name in ("gpr", "cr", "xer", "lr", "ctr", "fpscr", "vrsave"):
        found[name] = high_first[name]
    found["vsr"] = high_first["vsr"][:, :, ::-1]
    found["vscr"] = high_first["vscr"][:, word] & np.uint64(0xFFFFFFFF)
    found["nia"] = slots["nia"]
    outcomes["memory"] = slots["memory"]
    outcomes["kind"] = _kinds(slots, outcomes)
    return outcomes


def _kinds(slots: Any, outcomes: np.ndarray) -> np.ndarray:
    """How the cases ended, from the signals; the address of storage interrupts goes along."""
    numbers = slots["signal"] & np.uint64(0xFF)
    code, address = slots["code"].astype(np.int64), slots["address"].astype(np.uint64)
    kinds = np.full(len(slots), Kind.CRASH, np.uint32)
    for number, kind in _KINDS.items():
        kinds[numbers == number] = kind
    is_illegal = kinds == Kind.ILLEGAL
    kinds[is_illegal & ((code == _ILL_PRVOPC) | (code == _ILL_PRVREG))] = Kind.PRIVILEGED
    nia = outcomes["state"]["nia"]
    outside = (nia < CODE) | (nia >= CODE + CODE_BYTES)
    kinds[outside & (numbers != 0) & (kinds != Kind.TIMEOUT)] = Kind.LEFT
    is_storage = kinds == Kind.STORAGE
    outcomes["ea"] = np.where(is_storage, address, 0)
    beside = is_storage & (address >= BORDER - 0x10000) & (address < BORDER + 0x10000)
    kinds[beside | (slots["signal"] & np.uint64(SPILLED) != 0)] = Kind.SPILLED
    return kinds



