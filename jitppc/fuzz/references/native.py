"""The tiers as references: the interpreter, the exactly counting one, and compiled regions.

They are judged, and judge each other; nobody outside wrote them.
"""

from __future__ import annotations

import numpy as np

from jitppc import __version__
from jitppc.errors import ReferenceFailure
from jitppc.frontend.levels import DEFAULT_MODEL, MODELS, in_model
from jitppc.frontend.rows import Row
from jitppc.fuzz.cases import (
    ALL_FIELDS,
    CODE,
    LOOP_LIMIT,
    MEMORY_BYTES,
    OUTCOME,
    Batch,
    Flag,
    Kind,
)
from jitppc.ir.layout import CELLS_PER_PAGE, LPCR, MSR, NO_TAG, ExitReason
from jitppc.runtime.code_space import aligned_zeros
from jitppc.runtime.engine import Engine
from jitppc.runtime.vcpu import Vcpu

from . import records
from .address_space import (
    BORDER_REAL,
    CODE_REAL,
    GRANULES_REAL,
    HYPERCALL,
    LOW_PID,
    PROCESS_TABLE,
    SYSTEM_CALL,
    AddressSpace,
)
from .native_loop import GRANULES_BYTES, IN_PLACE, JOB, PLACE, SPILLED, STAYS, load_loop
from .region_code import RegionCode

CHUNK = 512
PIDR = 48
PVR = {"power7": 0x003F0201, "power8": 0x004D0200, "power9": 0x004E1202, "power10": 0x00801200,
       "power11": 0x00821200}  # fmt: skip
#: SRR1 bits that tell program interrupts apart. Ref: Book III 7.5.9
_PROGRAM = ((0x20000, Kind.TRAP), (0x80000, Kind.ILLEGAL), (0x40000, Kind.PRIVILEGED),
            (0x100000, Kind.FLOATING))  # fmt: skip
_VECTORS = {
    0x200: Kind.MACHINE_CHECK, 0x300: Kind.STORAGE, 0x380: Kind.STORAGE, 0x400: Kind.LEFT,
    0x480: Kind.LEFT, 0x600: Kind.ALIGNMENT, 0x800: Kind.FP_UNAVAILABLE, 0xC00: Kind.SYSTEM_CALL,
    0xF20: Kind.VECTOR_UNAVAILABLE, 0xF40: Kind.VSX_UNAVAILABLE, 0xF60: Kind.FACILITY_UNAVAILABLE,
}  # fmt: skip
_SRR1_OWN = np.uint64(0x783F0000)


class NativeReference:
    """One of `interp`, `exact` and `regions`."""

    is_independent = False
    fields: tuple[str, ...] = ALL_FIELDS
    version: tuple[int, ...] = ()
    models: tuple[str, ...] = tuple(MODELS)

    def __init__(self, tier: str = "interp", *, use_cache: bool = True) -> None:
        self.name = tier
        self._engine = Engine(exact=tier == "exact", use_cache=use_cache)
        self._space = AddressSpace()
        self.vcpu = Vcpu(self._engine, self._space.memory, 0, PVR[DEFAULT_MODEL.name], "insns")
        self.vcpu.is_silent = True
        self.vcpu.shows_hcalls = True        # a case ends with one, whatever is in r3
        self.vcpu.set_process_table(PROCESS_TABLE)
        self.vcpu.set_ile(little=True)
        self.vcpu.lpcr &= ~LPCR.AIL
        self._loop = load_loop(self._engine)
        self._jobs = aligned_zeros(CHUNK * JOB.itemsize).view(JOB)
        self._place = self._make_place()
        self._regions = (
            RegionCode(self._engine, self._space.memory, self.vcpu) if tier == "regions" else None)

    def _make_place(self) -> np.ndarray:
        place, base = np.zeros(1, PLACE), self._space.memory.base
        self._zeros = aligned_zeros(GRANULES_BYTES)
        place["memory"] = base + BORDER_REAL - MEMORY_BYTES // 2
        place["granules"], place["zeros"] = base + GRANULES_REAL, self._zeros.ctypes.data
        place["code"], place["code_real"] = base + CODE_REAL, CODE_REAL
        return place

    def identity(self) -> dict[str, str]:
        return {"program": "jitppc", "version": __version__, "tier": self.name}

    def can_judge(self, row: Row, model: str) -> bool:
        return model in self.models and in_model(row, model)

    def close(self) -> None:
        self.vcpu.close()

    def undefined(self, batch: Batch, outcomes: np.ndarray) -> np.ndarray | None:
        return None

    # --- running
    def run(self, batch: Batch) -> np.ndarray:
        if batch.model not in self.models:
            raise ReferenceFailure(f"{self.name} is no {batch.model}")
        self.vcpu.set_model(MODELS[batch.model])
        self.vcpu.state["pvr"] = PVR[batch.model]
        outcomes = np.zeros(len(batch), OUTCOME)
        if self._regions is not None:
            self._run_regions(batch, outcomes)
        else:
            for start in range(0, len(batch), CHUNK):
                part = slice(start, start + CHUNK)
                outcomes[part] = self._run_chunk(batch.cases[part])
        records.hide_newer(outcomes["state"], batch.model)
        return outcomes

    def _run_regions(self, batch: Batch, outcomes: np.ndarray) -> None:
        """Cases with the same words share a region; tier 0 runs them first, which decodes."""
        assert self._regions is not None
        cases = batch.cases
        same = np.dtype([("words", cases["words"].dtype, cases["words"].shape[1]),
                         ("nia", np.uint64), ("msr", np.uint64)])  # fmt: skip
        keys = np.zeros(len(cases), same)
        keys["words"], keys["nia"] = cases["words"], cases["state"]["nia"]
        keys["msr"] = cases["state"]["msr"]
        _, which = np.unique(keys.view(f"V{same.itemsize}"), return_inverse=True)
        order = np.argsort(which, kind="stable")
        borders = np.flatnonzero(np.diff(which[order])) + 1
        for group in np.split(order, borders):
            for start in range(0, len(group), CHUNK):
                members = group[start : start + CHUNK]
                outcomes[members] = self._run_group(cases[members])

    def _run_group(self, cases: np.ndarray) -> np.ndarray:
        if np.any(cases["flags"] & Flag.STORES_TO_CODE):
            return self._run_changing(cases)
        assert self._regions is not None
        self._run_chunk(cases[:1], keep=STAYS)
        self._run_chunk(cases[1:], keep=STAYS | IN_PLACE)
        real = _code_real(cases)
        image = self._regions.compiled(real, self._regions.has_run(real))
        with self._regions.installed(real, image):
            return self._run_chunk(cases, keep=STAYS | IN_PLACE)

    def _run_changing(self, cases: np.ndarray) -> np.ndarray:
        """Each case changes the words, so each one finds them, and the region of them, anew.

        What a cell knows is lost with each store to its page, so all words count as executed.
        """
        assert self._regions is not None
        real, outcomes = _code_real(cases), np.zeros(len(cases), OUTCOME)
        first = (real & 4095) >> 2
        has_run = np.zeros(CELLS_PER_PAGE, bool)
        has_run[first : first + int(cases["count"].max())] = True
        image = None
        for n in range(len(cases)):
            self._run_chunk(cases[n : n + 1], keep=STAYS, only_end=True)
            image = image or self._regions.compiled(real, has_run)
            with self._regions.installed(real, image):
                outcomes[n] = self._run_chunk(cases[n : n + 1], keep=STAYS | IN_PLACE)[0]
        return outcomes

    def _run_chunk(self, cases: np.ndarray, *, keep: int = 0, only_end: bool = False) -> np.ndarray:
        """What comes out of each case; with `only_end` of nothing but the word that ends it."""
        jobs = self._jobs[: len(cases)]
        self._fill(cases, jobs)
        if only_end:
            jobs["prefix"]["nia"] += 4 * cases["count"].astype(np.uint64)
        self._place["keep_code"] = keep
        limit = LOOP_LIMIT if np.any(cases["flags"] & Flag.MAY_LOOP) else 1000
        self._place["limit"] = limit
        self._loop(self.vcpu.address, jobs.ctypes.data, len(jobs), self._place.ctypes.data)
        return _outcomes(cases, jobs)

    def _fill(self, cases: np.ndarray, jobs: np.ndarray) -> None:
        states = cases["state"]
        records.load(states, jobs["prefix"])
        jobs["sprs"] = 0
        records.load_sprs(states, jobs["sprs"])
        is_narrow = states["msr"] & np.uint64(MSR.SF) == 0
        jobs["sprs"][:, PIDR] = np.where(is_narrow, LOW_PID, 0)
        offsets = states["nia"] - np.uint64(CODE) & np.uint64(0xFFFF)
        jobs["code_real"] = offsets + np.uint64(CODE_REAL)
        jobs["code_host"] = jobs["code_real"] + np.uint64(self._space.memory.base)
        counts = cases["count"].astype(np.int64)
        jobs["code_bytes"] = 4 * counts + 4
        jobs["flags"], jobs["memory"] = cases["flags"], cases["memory"]
        words = jobs["words"]
        words[:, : cases["words"].shape[1]] = cases["words"]
        is_user = states["msr"] & np.uint64(MSR.PR) != 0
        words[np.arange(len(jobs)), counts] = np.where(is_user, SYSTEM_CALL, HYPERCALL)
        is_big = states["msr"] & np.uint64(MSR.LE) == 0
        if is_big.any():
            words[is_big] = words[is_big].byteswap()


def _code_real(cases: np.ndarray) -> int:
    """The real address at which cases begin that have their words in common."""
    return int(cases["state"]["nia"][0]) - CODE + CODE_REAL & 0xFFFF | CODE_REAL


def kinds_of_interrupts(vector: np.ndarray, srr1: np.ndarray) -> np.ndarray:
    """The kind of an interrupt by its vector and SRR1. Ref: Book III 7.5."""
    kinds = np.full(len(vector), Kind.OTHER_INTERRUPT, np.uint32)
    for number, kind in _VECTORS.items():
        kinds[vector == number] = kind
    for bit, kind in _PROGRAM:
        kinds[(vector == 0x700) & (srr1 & np.uint64(bit) != 0)] = kind
    return kinds


def returned_msr(srr1: np.ndarray) -> np.ndarray:
    """MSR as it was before the interrupt that has left this SRR1."""
    return srr1 & ~_SRR1_OWN


def _outcomes(cases: np.ndarray, jobs: np.ndarray) -> np.ndarray:
    """What the loop left, as outcomes."""
    outcomes = np.zeros(len(jobs), OUTCOME)
    states = outcomes["state"]
    records.unload(jobs["prefix"], states)
    records.unload_sprs(jobs["sprs"], states)
    mask = np.where(cases["state"]["msr"] & np.uint64(MSR.SF) != 0, np.uint64(NO_TAG),
                    np.uint64(0xFFFFFFFF))  # fmt: skip
    begin = cases["state"]["nia"] & mask
    end = begin + 4 * cases["count"].astype(np.uint64) & mask
    vector = states["nia"] - np.uint64(4)
    reason = jobs["reason"] & np.uint64(0xFFFFFFFF)
    srr0, srr1 = states["srr0"], states["srr1"]
    kinds = kinds_of_interrupts(vector, srr1)
    kinds[(vector >= 0x17000) & (vector < 0x18000)] = Kind.SYSTEM_CALL_VECTORED
    is_interrupt = (vector < 0x4000) | (kinds == Kind.SYSTEM_CALL_VECTORED)
    at_end = end + np.uint64(4) & mask
    fell = (vector == 0xC00) & (srr0 == at_end)
    called = ~is_interrupt & (states["nia"] == at_end)      # supervisor's: the hypercall itself
    kinds[~is_interrupt] = Kind.SYSTEM_CALL
    kinds[fell | called] = Kind.NEXT
    where = is_interrupt & (kinds != Kind.SYSTEM_CALL_VECTORED)
    states["msr"] = np.where(where, returned_msr(srr1), states["msr"])
    states["nia"] = np.where(where, srr0, states["nia"])
    vectored = kinds == Kind.SYSTEM_CALL_VECTORED
    states["nia"] = np.where(vectored, states["lr"], states["nia"])
    states["nia"][fell | called] = end[fell | called]
    storage = kinds == Kind.STORAGE
    outcomes["ea"] = np.where(storage | (kinds == Kind.ALIGNMENT), states["dar"], 0)
    for name in ("srr0", "srr1"):  # the system call at the end is not the case's
        states[name] = np.where(fell, cases["state"][name], states[name])
    kinds[reason == ExitReason.BUDGET] = Kind.TIMEOUT
    kinds[reason == ExitReason.CHECKSTOP] = Kind.MACHINE_CHECK
    kinds[jobs["reason"] & np.uint64(SPILLED) != 0] = Kind.SPILLED
    outcomes["kind"] = kinds
    overhead = np.where(fell, 3, np.where(called, 1, np.where(is_interrupt, 2, 0)))
    outcomes["retired"] = np.maximum(jobs["retired"].astype(np.int64) - overhead, 0)
    outcomes["memory"] = jobs["memory"]
    return outcomes
