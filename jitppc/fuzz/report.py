"""A finding in words: code, section of the book, registers before and after on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .cases import MEMORY, Kind
from .program import rows_of
from .replay import Replay, listing

#: scalars of a state that have fewer than 64 bits
_DIGITS = {"cr": 8, "xer": 8, "fpscr": 16, "vscr": 8}
_LINE = "  {:<8} {:<36} {:<36} {}".format


def report(replay: Replay, *, verbose: bool = False) -> str:
    """The finding; with `verbose` also every register that is not zero."""
    case, ours, theirs = replay.case[0], replay.ours[0], replay.theirs[0]
    name = " ".join(str(v) for v in replay.identity.values())
    lines = [f"{replay.tier} differs from {replay.reference} ({name}) on {replay.model}"]
    lines += [f"  {line}" for line in listing(case)]
    for row in rows_of(case, replay.model):
        lines.append(f"  {row.name}: {row.ref}")
        lines += [f"      {line.strip()}" for line in row.says.splitlines() if line.strip()]
    lines.append(_LINE("", "before", replay.tier, replay.reference).rstrip())
    kinds = [Kind(int(side["kind"])).name for side in (ours, theirs)]
    if kinds[0] != kinds[1] or verbose:
        lines.append(_LINE("ends", "", *kinds))
    if ours["ea"] != theirs["ea"] and ours["ea"] and theirs["ea"]:
        lines.append(_LINE("ea", "", f"{int(ours['ea']):016x}", f"{int(theirs['ea']):016x}"))
    for label, before, left, right in _registers(replay.fields, case, ours, theirs):
        if left != right or (verbose and any(set(v) - set("0_") for v in (before, left))):
            mark = "  <-" if left != right and verbose else ""
            lines.append(_LINE(label, before, left, right + mark).rstrip())
    if not verbose:
        lines += _inputs(replay.fields, case, ours, theirs)
    lines += list(_memory(case, ours, theirs))
    if replay.origin:
        origin = ", ".join(f"{k} {v}" for k, v in replay.origin.items())
        lines.append(f"  from {origin}")
    return "\n".join(lines)


def _names(name: str) -> str:
    return {"gpr": "r", "vsr": "vs", "sprg": "sprg"}.get(name, name)


def _registers(
    fields: tuple[str, ...], *records: np.void
) -> Iterator[tuple[str, str, str, str]]:
    """(name, before, ours, theirs) of every register that both sides know."""
    states = [record["state"] for record in records]
    for name in fields:
        if name == "vsr":
            for n in range(64):
                texts = [f"{int(s[name][n][1]):016x}_{int(s[name][n][0]):016x}" for s in states]
                yield f"vs{n}", texts[0], texts[1], texts[2]
        elif states[0][name].ndim:
            for n in range(len(states[0][name])):
                texts = [f"{int(s[name][n]):016x}" for s in states]
                yield f"{_names(name)}{n}", texts[0], texts[1], texts[2]
        else:
            digits = _DIGITS.get(name, 16)
            texts = [f"{int(s[name]):0{digits}x}" for s in states]
            yield name, texts[0], texts[1], texts[2]


def _inputs(fields: tuple[str, ...], case: np.void, ours: np.void, theirs: np.void) -> list[str]:
    """The registers that were not zero before and are the same on both sides, in short."""
    found = [
        f"{label}={before.lstrip('0') or '0'}"
        for label, before, left, right in _registers(fields, case, ours, theirs)
        if before.strip("0_") and left == right and label not in {"nia", "msr"}
    ]
    shown = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
    return [f"  given {shown}"] if found else []


def _memory(case: np.void, ours: np.void, theirs: np.void) -> Iterator[str]:
    """Pieces of 16 bytes that differ between the sides."""
    pieces = [side["memory"].reshape(-1, 16) for side in (case, ours, theirs)]
    for n in np.flatnonzero(np.any(pieces[1] != pieces[2], axis=1)):
        shown = [piece[n].tobytes().hex() for piece in pieces]
        yield _LINE(f"@{16 * int(n):03x}", *shown)
        yield f"           (memory at {MEMORY + 16 * int(n):x})"
