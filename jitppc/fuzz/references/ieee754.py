"""The IEEE 754 vectors as a recording: each line once for each instruction of its operation.

Made with Berkeley TestFloat; see jitppc/fuzz/data/README.md. Payloads of NaNs are left open.
"""

from __future__ import annotations

import functools
import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jitppc.fuzz.cases import OUTCOME, Batch, Kind, ends, new_cases
from jitppc.ir.fpscr import FPSCR

from .ieee754_forms import CR_FIELD, WIDTHS, Form, forms_of
from .words import word_of

DATA = Path(__file__).parents[1] / "data"
ROUNDING = {"rne": 0, "rtz": 1, "rup": 2, "rdn": 3}
INEXACT, UNDERFLOW, OVERFLOW, DIVIDE, INVALID = 1, 2, 4, 8, 16
_EXCEPTIONS = ((INEXACT, FPSCR.XX), (UNDERFLOW, FPSCR.UX), (OVERFLOW, FPSCR.OX),
               (DIVIDE, FPSCR.ZX), (INVALID, FPSCR.VX))  # fmt: skip
#: what the vectors say about FPSCR
_SAID = sum(bit for _, bit in _EXCEPTIONS) | FPSCR.FX | FPSCR.FEX | FPSCR.CONTROLS
#: numbers of the registers in the words; X fields name the upper half of the VSRs
_NUMBERS = {"T": 1, "A": 2, "B": 3, "C": 4}
U64 = np.uint64
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of one function and rounding mode: operands and results as (high, low) doublewords."""

    function: str
    mode: str
    operands: tuple[Pair, ...]
    result: Pair
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.flags)


@functools.cache
def sections() -> tuple[Section, ...]:
    """The whole file."""
    text = lzma.decompress((DATA / "ieee754_vectors.txt.xz").read_bytes()).decode("ascii")
    found = []
    for part in text.split("# ")[1:]:
        head, *lines = part.splitlines()
        function, mode = head.split()
        columns = list(zip(*(line.split() for line in lines), strict=True))
        pairs = [_pair(column) for column in columns[:-1]]
        flags = np.array([int(word, 16) for word in columns[-1]], U64)
        found.append(Section(function, mode, tuple(pairs[:-1]), pairs[-1], flags))
    return tuple(found)


def _pair(column: tuple[str, ...]) -> Pair:
    high = np.array([int(word[:-16] or "0", 16) for word in column], U64)
    return high, np.array([int(word[-16:], 16) for word in column], U64)


class Ieee754Recording:
    """All lines whose operation has an instruction, in the order of the file."""

    name = "ieee754"
    is_independent = True
    fields: tuple[str, ...] = ("gpr", "vsr", "cr", "xer", "lr", "ctr", "fpscr", "vscr", "nia")
    version: tuple[int, ...] = ()

    def __init__(self, model: str) -> None:
        self.model = model
        self.pieces = [(s, f) for s in sections() for f in forms_of(s.function, s.mode)]
        self._starts = np.cumsum([0] + [len(section) for section, _ in self.pieces])

    def identity(self) -> dict[str, str]:
        return {"program": "Berkeley TestFloat", "version": "3", "file": "ieee754_vectors.txt.xz"}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        stop = min(stop, len(self))
        cases = new_cases(max(stop - start, 0))
        outcomes, undefined = np.zeros(len(cases), OUTCOME), np.zeros(len(cases), OUTCOME)
        number = int(np.searchsorted(self._starts, start, "right")) - 1
        at = start
        while at < stop:
            section, form = self.pieces[number]
            first, last = at - self._starts[number], min(stop, self._starts[number + 1])
            lines = slice(int(first), int(last - self._starts[number]))
            here = slice(at - start, int(last) - start)
            _fill(section, form, lines, cases[here], outcomes[here], undefined[here])
            at, number = int(last), number + 1
        return Batch(cases, self.model), outcomes, undefined


def _fill(
    section: Section, form: Form, lines: slice, cases: np.ndarray, outcomes: np.ndarray,
    undefined: np.ndarray,
) -> None:
    names = {name: name[-1] for name in _register_fields(form)}
    numbers = {name: _NUMBERS[role] + 32 * name.startswith("X") for name, role in names.items()}
    cases["words"][:, 0], cases["count"] = word_of(form.key, **numbers, **form.fields), 1
    state = cases["state"]
    state["fpscr"] = ROUNDING[section.mode]
    for index, name in enumerate(form.places):
        high, low = (part[lines] for part in section.operands[index])
        pair = _spread(form.kind, high, low)
        if form.flips == index:
            pair = _flipped(form.kind, pair)
        register = numbers[name] + 32 * name.startswith("V")
        state["vsr"][:, register, 0], state["vsr"][:, register, 1] = pair[1], pair[0]
    outcomes["state"] = state
    outcomes["state"]["nia"], outcomes["kind"] = ends(cases), Kind.NEXT
    flags = section.flags[lines]
    _expect_fpscr(form, flags, outcomes["state"], undefined["state"])
    result = (section.result[0][lines], section.result[1][lines])
    if form.result.kind.startswith("cr_"):
        _expect_cr(form.result.kind[3:], result[1], outcomes["state"], undefined["state"])
        return
    _expect_register(form, numbers, result, flags, outcomes["state"], undefined["state"])


def _register_fields(form: Form) -> list[str]:
    """The fields that name registers: those of the operands, and the target."""
    prefix = form.places[0][:-1]
    target = [] if form.result.kind.startswith("cr_") else [f"{prefix}T"]
    return list(dict.fromkeys([*form.places, *target]))


def _spread(kind: str, high: np.ndarray, low: np.ndarray) -> Pair:
    """An operand or result in a whole register."""
    if kind == "qp":
        return high, low
    value = low
    if kind == "sp_dp":
        value = single_as_double(low)
    elif kind == "sx":
        value = low.astype(np.uint32).astype(np.int32).astype(np.int64).astype(U64)
    width = WIDTHS[kind]
    while width < 64:
        value = value << U64(width) | value
        width *= 2
    return value, value


def single_as_double(single: np.ndarray) -> np.ndarray:
    """The double of the same value; a NaN keeps its payload, signalling or not."""
    bits = single.astype(np.uint32)
    is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    with np.errstate(invalid="ignore"):
        wide = bits.view(np.float32).astype(np.float64).view(U64)
    sign, payload = (single & U64(1 << 31)) << U64(32), (single & U64(0x7FFFFF)) << U64(29)
    return np.where(is_nan, sign | U64(0x7FF << 52) | payload, wide)


def _flipped(kind: str, pair: Pair) -> Pair:
    high, low = pair
    if kind == "qp":
        return high ^ U64(1 << 63), low
    signs = U64(1 << 63 | 1 << 31) if kind == "sp" else U64(1 << 63)
    return high ^ signs, low ^ signs


def _expect_fpscr(
    form: Form, flags: np.ndarray, state: np.ndarray, open_bits: np.ndarray
) -> None:
    seen = flags if form.says_inexact else flags & U64(~INEXACT & 0xFF)
    for flag, bit in _EXCEPTIONS:
        state["fpscr"] |= np.where(seen & U64(flag) != 0, U64(bit | FPSCR.FX), U64(0))
    open_bits["fpscr"] = U64(~_SAID & (1 << 64) - 1)


def _expect_cr(
    relation: str, holds: np.ndarray, state: np.ndarray, open_bits: np.ndarray
) -> None:
    """LT GT EQ SO of the field; a relation tells some of them."""
    shift = U64(28 - 4 * CR_FIELD)
    true = holds != 0
    yes, said_yes, said_no = {
        "eq": (0b0010, 0b1111, 0b0010), "lt": (0b1000, 0b1111, 0b1000), "le": (0, 0b0101, 0b1010),
    }[relation]  # fmt: skip
    state["cr"] = np.where(true, U64(yes), U64(0)) << shift
    said = np.where(true, U64(said_yes), U64(said_no))
    open_bits["cr"] = (~said & U64(15)) << shift


_NAN_BITS = {"hp": 0x7E00, "sp": 0x7FC00000, "dp": 0x7FF8 << 48, "sp_dp": 0x7FF8 << 48,
             "qp": 0x7FFF8 << 108}  # fmt: skip
_NAN_FROM = {"hp": 0x7C00, "sp": 0x7F800000, "sp_dp": 0x7F800000, "dp": 0x7FF0 << 48}


def _expect_register(
    form: Form, numbers: dict[str, int], result: Pair, flags: np.ndarray, state: np.ndarray,
    open_bits: np.ndarray,
) -> None:
    kind = form.result.kind
    high, low = result
    if kind == "mask":
        high = low = np.where(low != 0, U64((1 << 64) - 1), U64(0))
    else:
        high, low = _spread(kind, high, low)
    if form.negated:
        high, low = _flipped("sp" if kind == "sp" else kind, (high, low))
    said_high = np.full(len(flags), form.result.high, U64)
    said_low = np.full(len(flags), form.result.low, U64)
    if kind in _NAN_BITS:
        said_high, said_low = _without_payloads(kind, result, said_high, said_low)
    elif kind in ("w", "d"):
        is_invalid = flags & U64(INVALID) != 0
        said_high, said_low = (np.where(is_invalid, U64(0), x) for x in (said_high, said_low))
    target = next(name for name in numbers if name.endswith("T"))
    register = numbers[target] + 32 * target.startswith("V")
    state["vsr"][:, register, 1], state["vsr"][:, register, 0] = high, low
    open_bits["vsr"][:, register, 1], open_bits["vsr"][:, register, 0] = ~said_high, ~said_low


def _without_payloads(
    kind: str, result: Pair, said_high: np.ndarray, said_low: np.ndarray
) -> Pair:
    """Of a NaN only that it is a quiet one."""
    if kind == "qp":
        magnitude = result[0] & U64((1 << 63) - 1)
        is_nan = (magnitude > U64(0x7FFF << 48)) | (
            (magnitude == U64(0x7FFF << 48)) & (result[1] != 0)
        )
        high, low = U64(0x7FFF8 << 44), U64(0)
    else:
        sign = U64(1) << U64(WIDTHS["sp" if kind == "sp_dp" else kind] - 1)
        is_nan = (result[1] & ~sign) > U64(_NAN_FROM[kind])
        pattern = np.array([_NAN_BITS[kind]], U64)
        width = WIDTHS[kind]
        while width < 64:
            pattern = pattern << U64(width) | pattern
            width *= 2
        high = low = pattern[0]
    return np.where(is_nan, said_high & high, said_high), np.where(is_nan, said_low & low, said_low)
