"""Between the states of cases and the records that our executors run on, thousands at a time."""

from __future__ import annotations

import numpy as np

from jitppc.frontend.levels import MODELS, rank
from jitppc.fuzz.cases import STATE
from jitppc.ir.layout import CPU_STATE, MSR, NO_TAG

#: XER bits that have a field of their own in CPU_STATE. Ref: Book I 3.2.2
XER_BITS = {"so": 31, "ov": 30, "ca": 29, "ov32": 19, "ca32": 18}
XER_LOW = 0x7F
XER_MID = 0x000FFFFF & ~(1 << 19 | 1 << 18 | XER_LOW)
#: the special purpose registers of a STATE that CPU_STATE keeps by number
SPRS = {
    "lr": 8, "ctr": 9, "tar": 815, "vrsave": 256, "srr0": 26, "srr1": 27, "dar": 19, "dsisr": 18,
    "dscr": 17,
}  # fmt: skip
SPRG = 272
FSCR = 153

_FIELDS = CPU_STATE.fields
assert _FIELDS is not None
#: the part of CPU_STATE before its array of SPRs: every other architected register is in it
PREFIX_BYTES = int(_FIELDS["spr"][1])
_names = [name for name, field in _FIELDS.items() if field[1] < PREFIX_BYTES]
PREFIX = np.dtype({
    "names": _names,
    "formats": [_FIELDS[name][0] for name in _names],
    "offsets": [_FIELDS[name][1] for name in _names],
    "itemsize": PREFIX_BYTES,
})  # fmt: skip
_CR_SHIFTS = np.arange(28, -4, -4, dtype=np.uint64)


def load(states: np.ndarray, records: np.ndarray) -> None:
    """Fill PREFIX (or CPU_STATE) records from STATE records. SPRs are `load_sprs`'s."""
    for name in ("gpr", "vsr", "msr", "nia", "fpscr", "vscr"):
        records[name] = states[name]
    records["crf"] = states["cr"][:, None] >> _CR_SHIFTS & np.uint64(15)
    xer = states["xer"]
    for name, shift in XER_BITS.items():
        records[name] = xer >> np.uint64(shift) & np.uint64(1)
    records["xer_low"] = xer & np.uint64(XER_LOW)
    records["xer_mid"] = xer & np.uint64(XER_MID)
    msr = states["msr"]
    records["little"] = msr & np.uint64(MSR.LE) != 0
    records["sixty_four"] = msr & np.uint64(MSR.SF) != 0
    records["ea_mask"] = np.where(records["sixty_four"], np.uint64(NO_TAG), np.uint64(0xFFFFFFFF))
    records["nia"] &= records["ea_mask"]
    records["reserve_ea"] = NO_TAG


def unload(records: np.ndarray, states: np.ndarray) -> None:
    """Fill STATE records from PREFIX (or CPU_STATE) records. SPRs are `unload_sprs`'s."""
    for name in ("gpr", "vsr", "msr", "nia", "fpscr", "vscr"):
        states[name] = records[name]
    fields = records["crf"].astype(np.uint64) << _CR_SHIFTS
    states["cr"] = np.bitwise_or.reduce(fields, axis=1)
    xer = records["xer_mid"] | records["xer_low"].astype(np.uint64)
    for name, shift in XER_BITS.items():
        xer = xer | records[name].astype(np.uint64) << np.uint64(shift)
    states["xer"] = xer


def hide_newer(states: np.ndarray, model: str) -> None:
    """XER as mfxer of the model shows it: OV32 and CA32 came with ISA 3.0, and before that a
    processor's record may hold anything in their places.
    """
    if rank(MODELS[model].level) < rank("3.0"):
        states["xer"] &= np.uint64(~(1 << XER_BITS["ov32"] | 1 << XER_BITS["ca32"]) & NO_TAG)


def load_sprs(states: np.ndarray, sprs: np.ndarray) -> None:
    """Fill rows of 1024 SPRs from STATE records."""
    for name, number in SPRS.items():
        sprs[:, number] = states[name]
    sprs[:, SPRG : SPRG + 4] = states["sprg"]
    sprs[:, FSCR] = NO_TAG


def unload_sprs(sprs: np.ndarray, states: np.ndarray) -> None:
    """Fill STATE records from rows of 1024 SPRs."""
    for name, number in SPRS.items():
        states[name] = sprs[:, number]
    states["sprg"] = sprs[:, SPRG : SPRG + 4]


def to_cpu_states(states: np.ndarray) -> np.ndarray:
    """CPU_STATE records for an executor in Python."""
    records = np.zeros(len(states), CPU_STATE)
    load(states, records)
    load_sprs(states, records["spr"])
    return records


def from_cpu_states(records: np.ndarray) -> np.ndarray:
    """STATE records of CPU_STATE records."""
    states = np.zeros(len(records), STATE)
    unload(records, states)
    unload_sprs(records["spr"], states)
    return states
