"""What differs between two answers to the same cases, and what of it has an explanation.

All is done on arrays; Python looks at single rows of the table only where something differs.
"""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np

from jitppc.frontend.decode import decode, is_prefix, rows
from jitppc.frontend.levels import model_named
from jitppc.frontend.rows import Row

from . import waivers, waivers_decimal, waivers_system, waivers_vector, waivers_vsx
from .cases import MEMORY, Batch, Flag, Kind
from .waiver import Found, Waiver

ALL_WAIVERS = (
    *waivers.WAIVERS, *waivers_decimal.WAIVERS, *waivers_vector.WAIVERS, *waivers_vsx.WAIVERS,
    *waivers_system.WAIVERS,
)  # fmt: skip
#: how a case may end without anything to compare
UNJUDGED = (Kind.NOT_JUDGED, Kind.SPILLED, Kind.TIMEOUT, Kind.CRASH)


class Side(Protocol):
    """What is asked of a reference here."""

    name: str
    fields: tuple[str, ...]

    @property
    def version(self) -> tuple[int, ...]:
        """Its program's version; empty when there is none."""


def differing(
    batch: Batch,
    ours: np.ndarray,
    theirs: np.ndarray,
    undefined: np.ndarray | None,
    side: Side,
    excused: set[Waiver] | None = None,
    keys: np.ndarray | None = None,
) -> np.ndarray:
    """For each case, whether the answers differ in a way that no waiver explains.

    Waivers that explained something are added to `excused`. `keys` are those of the rows of the
    cases' first words, where they are known.
    """
    result = np.zeros(len(batch), bool)
    judged = ~(np.isin(ours["kind"], UNJUDGED) | np.isin(theirs["kind"], UNJUDGED))
    bits = _differences(batch, ours, theirs, undefined, side.fields)
    places = np.flatnonzero(_any(bits, len(batch)) & judged)
    if not len(places):
        return result
    single = _is_single(batch.cases[places])
    result[places[~single]] = True
    groups: dict[str, tuple[Row | None, list[int]]] = {}
    for place in places[single]:
        if keys is None or not keys[place]:
            row = row_of(batch.cases[place], batch.model)
        else:
            row = rows()[str(keys[place])]
        groups.setdefault(row.key if row else "", (row, []))[1].append(int(place))
    for row, members in groups.values():
        chosen = np.array(members)
        some = {name: field[chosen] for name, field in bits.items()}
        if row is not None:
            found = Found(row, batch.cases[chosen], ours[chosen], theirs[chosen], some)
            _explain(found, batch.model, side, excused)
        result[chosen] = _any(some, len(chosen))
    return result


def _any(bits: dict[str, np.ndarray], count: int) -> np.ndarray:
    """For each case, whether a bit is left."""
    left = np.zeros(count, bool)
    for field in bits.values():
        left |= field.any(axis=tuple(range(1, field.ndim)))
    return left


def _explain(found: Found, model: str, side: Side, excused: set[Waiver] | None) -> None:
    """Clear what waivers explain."""
    for waiver in _waivers_of(found.row.key, side.name, side.version):
        if waiver.clear(found, model, counts=excused is not None) and excused is not None:
            excused.add(waiver)
        if excused is None and not _any(found.bits, len(found)).any():
            return


@functools.lru_cache(1 << 14)
def _waivers_of(key: str, name: str, version: tuple[int, ...]) -> tuple[Waiver, ...]:
    return tuple(
        waiver for waiver in ALL_WAIVERS
        if waiver.reference == name and waiver.applies(key) and version < waiver.fixed_in
    )  # fmt: skip


def has_waiver(key: str, side: Side) -> bool:
    """Something is known about this row and this reference: what comes behind it in a line of
    instructions cannot be compared.
    """
    return any(not waiver.in_lines for waiver in _waivers_of(key, side.name, side.version))


def _differences(
    batch: Batch,
    ours: np.ndarray,
    theirs: np.ndarray,
    undefined: np.ndarray | None,
    fields: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """Bits that differ, by field; `outcome` is where and how the cases ended."""
    found: dict[str, np.ndarray] = {}
    for name in fields:
        if name != "nia":
            found[name] = ours["state"][name] ^ theirs["state"][name]
            if undefined is not None:
                found[name] &= ~undefined["state"][name]
    ended = (ours["kind"] != theirs["kind"]) | (ours["state"]["nia"] != theirs["state"]["nia"])
    if undefined is not None:
        ended &= undefined["kind"] == 0
    found["outcome"] = ended.astype(np.uint64)
    memory = ours["memory"] ^ theirs["memory"]
    memory[batch.cases["flags"] & Flag.USES_MEMORY == 0] = 0
    if undefined is not None:
        memory &= ~undefined["memory"]
    found["memory"] = memory
    return found


@functools.lru_cache(1 << 16)
def _row(word: int, model: str) -> Row | None:
    insn = decode(word, model_named(model))
    return None if insn is None else insn.row


def row_of(case: np.void, model: str) -> Row | None:
    """The row of a case's first instruction."""
    word = int(case["words"][0])
    if is_prefix(word):
        word = word << 32 | int(case["words"][1])
    return _row(word, model)


def _is_single(cases: np.ndarray) -> np.ndarray:
    """Cases of one instruction, or of mtspr and the mfspr that reads it back."""
    first, second = cases["words"][:, 0], cases["words"][:, 1]
    two = cases["count"] == 2
    prefixed = first >> np.uint32(26) == 1
    written = first & np.uint32(0xFC0007FE) == 31 << 26 | 467 << 1
    read = second & np.uint32(0xFC0007FE) == 31 << 26 | 339 << 1
    same = (first ^ second) & np.uint32(0x001FF800) == 0
    return (cases["count"] == 1) | two & (prefixed | written & read & same)


def parts(
    batch: Batch, ours: np.ndarray, theirs: np.ndarray, place: int,
    fields: tuple[str, ...] | None = None,
) -> dict[str, tuple[str, str]]:
    """What differs in one case, by name: (ours, theirs), as text."""
    one = slice(place, place + 1)
    known = fields or tuple(n for n in ours["state"].dtype.names or () if not n.startswith("spare"))
    bits = _differences(batch.part(one), ours[one], theirs[one], None, known)
    found: dict[str, tuple[str, str]] = {}
    both = (ours[place], theirs[place])
    if bits.pop("outcome").any():
        a, b = (f"{Kind(int(s['kind'])).name} at {int(s['state']['nia']):x}" for s in both)
        found["outcome"] = a, b
    changed = np.flatnonzero(bits.pop("memory")[0])
    if len(changed):
        piece = slice(int(changed[0]), int(changed[-1]) + 1)
        a, b = (s["memory"][piece].tobytes().hex() for s in both)
        found[f"memory {MEMORY + piece.start:x}"] = a, b
    for name, differ in bits.items():
        for index in {int(n) for n in np.argwhere(np.atleast_1d(differ[0]))[:, 0]}:
            values = [np.atleast_1d(s["state"][name])[index] for s in both]
            label = f"{name}{index}" if differ[0].ndim else name
            a, b = ("_".join(f"{int(v):016x}" for v in np.atleast_1d(x)[::-1]) for x in values)
            found[label] = a, b
    return found


