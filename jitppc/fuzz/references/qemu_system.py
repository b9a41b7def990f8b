"""QEMU's whole system as a reference for privileged state: `qemu-system-ppc64` by its gdb stub.

Cases are run one instruction at a time until they fall out behind their words or an interrupt is
taken. There are no vectors and no hypercalls.
"""

from __future__ import annotations

import subprocess

import numpy as np

from jitppc.errors import ReferenceFailure
from jitppc.frontend.levels import in_model
from jitppc.frontend.rows import Row
from jitppc.fuzz.cases import CODE, MEMORY_BYTES, Batch, Flag, Kind, unanswered
from jitppc.fuzz.differences import row_of
from jitppc.fuzz.generate_registers import HARMLESS
from jitppc.ir.layout import MSR

from .address_space import BORDER_REAL, CODE_REAL
from .gdb_remote import Silence
from .native import kinds_of_interrupts, returned_msr
from .qemu_partition import CPUS, PROGRAM, Partition, store_words

#: what the stub calls the registers of a STATE
SPECIAL = {
    "srr0": "srr0", "srr1": "srr1", "dar": "dar", "dsisr": "dsisr", "dscr": "spr_dscr",
    "tar": "tar",
}  # fmt: skip
_SPRGS = tuple(f"sprg{n}" for n in range(4))
CORE = ("cr", "lr", "ctr", "xer")
_READ = (*SPECIAL.values(), *_SPRGS)
FIELDS = ("gpr", "cr", "xer", "lr", "ctr", "msr", "nia", "sprg", *SPECIAL)
#: what a case begins with besides its state, as our own executors do
_BEGINNING = {
    "pid": 0, "amr": 0, "iamr": 0, "fscr": (1 << 64) - 1, "bescr": 0, "ebbrr": 0, "mmcr0": 0,
    "bescrs": 0, "bescrsu": 0, "bescrr": 0, "bescrru": 0,
    "texasr": 0, "tfhar": 0, "tfiar": 0, "hashkeyr": 0, "hashpkeyr": 0, "mmcr1": 0, "mmcr2": 0,
    "usier": 0,
}  # fmt: skip
#: special registers by what mfspr's and mtspr's rows call them, where the stub does not
_OTHER_NAMES = {
    "DSCR": "spr_dscr", "CTRL": "spr_ctrl", "CFAR": "spr_cfar", "PIDR": "pid", "UAMR": "amr",
    "UDSCR": "spr_dscr", "FSCR": "",
}  # fmt: skip
_MEMORY_REAL = BORDER_REAL - MEMORY_BYTES // 2
#: what a case may have stored beside its memory
_AROUND = 4096 - MEMORY_BYTES // 2
_NEEDED = np.uint64(MSR.SF | MSR.IR | MSR.DR)
#: what is behind mtspr PIDR cannot be fetched, and nothing here fetches behind the last word
_SPR, _MTPIDR = np.uint32(0xFC1FFFFE), np.uint32(31 << 26 | 16 << 16 | 1 << 11 | 467 << 1)
#: their interrupt is taken at once when it is enabled; a stepped processor takes none
_MTDEC, _MSGSNDP = np.uint32(31 << 26 | 22 << 16 | 467 << 1), np.uint32(31 << 26 | 142 << 1)
_ANY_REGISTERS, _SLBMTE = 0xFC0007FE, 31 << 26 | 402 << 1
#: rfid and rfscv, and where they take MSR from
_RETURNS = {np.uint32(19 << 26 | 18 << 1): "srr1", np.uint32(19 << 26 | 82 << 1): "ctr"}
#: interrupt vectors end here; scv's are elsewhere
_VECTORS_END = 0x1000
_SCV, _SCV_END = 0x17000, 0x18000
#: rows that mean something else to it
NOT_HERE = {
    "wait": "the emulator's processor sleeps, and a step does not end",
    "stop": "as wait",
    "darn": "random numbers",
}


#: their key is random in user mode, and 0 here
HASHES = ("hashst", "hashchk", "hashstp", "hashchkp")
#: transactional memory, which fails there as it does here
TRANSACTIONAL = (
    "tbegin.", "tend.", "tabort.", "tabortwc.", "tabortwci.", "tabortdc.", "tabortdci.", "tsr.",
    "tcheck",
)  # fmt: skip


def is_privileged(row: Row) -> bool:
    """Rows of Book III, and those of Books I and II that its user mode does not know."""
    others = ("rfebb", "clrbhrb", "mfbhrbe", "mftb", *HASHES, *TRANSACTIONAL)
    return row.ref.startswith("Book III") or row.key in others


class QemuSystemReference:
    """A resident partition of each model that has been asked for."""

    name = "qemu-system"
    is_independent = True
    fields: tuple[str, ...] = FIELDS
    models: tuple[str, ...] = tuple(CPUS)

    def __init__(self) -> None:
        self._partitions: dict[str, Partition] = {}
        self._identity: dict[str, str] = {}

    @property
    def version(self) -> tuple[int, ...]:
        """The emulator's version."""
        words = self.identity()["version"].split(".")
        return tuple(int(word) for word in words if word.isdigit())

    def identity(self) -> dict[str, str]:
        if not self._identity:
            try:
                text = subprocess.check_output([PROGRAM, "--version"], text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise ReferenceFailure(f"no {PROGRAM}; install qemu-system-ppc") from error
            version = text.split("version ")[1].split()[0]
            self._identity = {"program": PROGRAM, "version": version}
        return self._identity

    def can_judge(self, row: Row, model: str) -> bool:
        return (
            model in self.models and in_model(row, model) and is_privileged(row)
            and row.key not in NOT_HERE
        )  # fmt: skip

    def undefined(self, batch: Batch, outcomes: np.ndarray) -> np.ndarray | None:
        return None

    def close(self) -> None:
        for partition in self._partitions.values():
            partition.stop()
        self._partitions.clear()

    def run(self, batch: Batch) -> np.ndarray:
        if batch.model not in CPUS:
            raise ReferenceFailure(f"{self.name} has no {batch.model}; it has {', '.join(CPUS)}")
        outcomes = unanswered(batch.cases)
        partition = self._partitions.setdefault(batch.model, Partition(batch.model))
        for number in np.flatnonzero(_possible(batch.cases)):
            partition.start()
            try:
                special = _other_special(partition, batch.cases[number], batch.model)
                _run(partition, batch.cases[number], special, outcomes[number : number + 1])
            except Silence:
                outcomes["kind"][number] = Kind.TIMEOUT
                partition.stop()
            except OSError:
                outcomes["kind"][number] = Kind.CRASH
                partition.stop()
        return outcomes


def _possible(cases: np.ndarray) -> np.ndarray:
    """Cases in 64-bit mode with translation, that store to no code and call nobody."""
    used = np.arange(cases["words"].shape[1]) < cases["count"][:, None]
    is_hypercall = cases["words"] & np.uint32(0xFC000002) == 17 << 26 | 2
    is_hypercall &= cases["words"] & np.uint32(0xFE0) != 0
    calls = (is_hypercall & used).any(axis=1)
    has_mode = cases["state"]["msr"] & _NEEDED == _NEEDED
    moves = (cases["count"] == 1) & (cases["words"][:, 0] & _SPR == _MTPIDR)
    words = cases["words"]
    wakes = (words & _SPR == _MTDEC) | (words & np.uint32(0xFC0007FE) == _MSGSNDP)
    enabled = cases["state"]["msr"] & np.uint64(MSR.EE | MSR.PR) == MSR.EE
    moves |= enabled & (wakes & used).any(axis=1)
    for word, source in _RETURNS.items():  # ME, for one, can be cleared there, and not here
        returns = words[:, 0] & np.uint32(0xFC0007FE) == word
        change = cases["state"][source] ^ cases["state"]["msr"]
        moves |= returns & (change & np.uint64(~HARMLESS & (1 << 64) - 1) != 0)
    keeps_code = cases["flags"] & Flag.STORES_TO_CODE == 0
    return np.asarray(has_mode & keeps_code & ~calls & ~moves)


def _other_special(partition: Partition, case: np.void, model: str) -> dict[str, int]:
    """The special register that the first word names begins as 0, if a STATE does not have it."""
    row = row_of(case, model)
    name = row.key.split(".")[1] if row is not None and row.key.count(".") else ""
    name = _OTHER_NAMES.get(name, name.lower())
    if name.startswith(("upmc", "ummcr", "usi", "usd")):  # what problem state reads of them
        name = name[1:]
    kept = ("pvr", "xer", "lr", "ctr", *_READ)
    return {name: 0} if name in partition.numbers and name not in kept else {}


def _run(partition: Partition, case: np.void, special: dict[str, int], outcome: np.ndarray) -> None:
    """One case; its outcome is filled in."""
    state, count = case["state"], int(case["count"])
    nia, msr = int(state["nia"]), int(state["msr"])
    end, little = nia + 4 * count, bool(msr & MSR.LE)
    words = [int(word) for word in case["words"][:count]]
    special = {n: v for n, v in _BEGINNING.items() if n in partition.numbers} | special
    special |= {theirs: int(state[ours]) for ours, theirs in SPECIAL.items()}
    special |= {name: int(state["sprg"][n]) for n, name in enumerate(_SPRGS)}
    partition.begin(msr)
    at = nia - CODE + CODE_REAL
    has_memory = case["flags"] & Flag.USES_MEMORY != 0
    if has_memory:
        partition.fill(_MEMORY_REAL, case["memory"].tobytes())
    partition.run([
        store_words(at, [*words, 0], little),
        *partition.settings(special),
        partition.core(state["gpr"], nia, msr, *(int(state[name]) for name in CORE)),
    ])  # fmt: skip
    core, found = partition.read(_READ)
    for _ in range(count):
        if core[32] == end or _is_vector(core):
            break
        partition.step()
        core, found = partition.read(_READ)
    partition.erase(at, 4 * count)
    if has_memory:
        outcome["memory"][0] = np.frombuffer(partition.fetch(_MEMORY_REAL, MEMORY_BYTES), np.uint8)
        partition.fill(_MEMORY_REAL - _AROUND, bytes(2 * _AROUND + MEMORY_BYTES))
    if core[32] == end and words[0] & _ANY_REGISTERS == _SLBMTE:
        _empty_entry(partition, at, msr, int(state["gpr"][words[0] >> 11 & 31]))
    # another mode is another way to fetch what is behind the words: nobody can tell that here
    if _is_vector(core) or not (core[33] ^ msr) & ~HARMLESS:
        _fill(outcome, core, found, end)


def _empty_entry(partition: Partition, at: int, msr: int, rb: int) -> None:
    """Zeros in the SLB entry that a case has written, as all have when a case begins."""
    gpr = np.zeros(32, np.uint64)
    gpr[1] = rb & 0xFFF
    partition.begin(msr)
    words = [_SLBMTE | 1 << 11, 0]
    nia = at - CODE_REAL + CODE
    partition.run([store_words(at, words, bool(msr & MSR.LE)), partition.core(gpr, nia, msr)])
    partition.erase(at, 4)


def _is_vector(core: list[int]) -> bool:
    """The processor is where interrupts lead."""
    nia, translates = core[32], core[33] & MSR.IR
    return (nia < _VECTORS_END or _SCV <= nia < _SCV_END) and not translates


def _fill(outcome: np.ndarray, core: list[int], special: list[int], end: int) -> None:
    """The outcome of a case that has stopped with these registers."""
    state = outcome["state"]
    state["gpr"][0] = core[:32]
    for name, value in zip(("nia", "msr", *CORE), core[32:], strict=True):
        state[name] = value
    for name, value in zip(SPECIAL, special, strict=False):
        state[name] = value
    state["sprg"][0] = special[len(SPECIAL) :]
    nia = core[32]
    if nia == end:
        outcome["kind"] = Kind.NEXT
    elif not _is_vector(core):
        outcome["kind"] = Kind.NOT_JUDGED
    elif _SCV <= nia < _SCV_END:
        outcome["kind"], state["nia"] = Kind.SYSTEM_CALL_VECTORED, state["lr"]
    else:
        kind = kinds_of_interrupts(np.array([nia], np.uint64), state["srr1"])
        outcome["kind"], state["nia"] = kind, state["srr0"]
        state["msr"] = returned_msr(state["srr1"])
        if kind[0] in (Kind.STORAGE, Kind.ALIGNMENT):
            outcome["ea"] = state["dar"]
