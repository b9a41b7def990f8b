"""A replay file's case once more, on both sides where both are here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jitppc.errors import UserError

from . import differences
from .cases import OUTCOME, Kind
from .reference import Reference
from .replay import Replay
from .report import report
from .sides import open_side


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out, in words."""

    text: str
    differs: bool


def rerun(found: Replay, *, verbose: bool = False) -> Verdict:
    """Run the case and compare with the reference's answer: a new one if it can be asked here,
    otherwise the recorded one.
    """
    tier = open_side(found.tier, found.model)
    reference = _ask(found)
    try:
        ours = tier.run(found.batch)
        theirs, undefined, notes = found.theirs, None, []
        if reference is None:
            notes.append(f"{found.reference} is not here: its recorded answer stands")
        else:
            theirs = reference.run(found.batch)
            undefined = reference.undefined(found.batch, theirs)
            notes += _changed(found.reference, found.theirs, theirs, reference.fields)
        notes += _changed(found.tier, found.ours, ours, tier.fields)
        side = reference or _Recorded(found)
        bad = bool(differences.differing(found.batch, ours, theirs, undefined, side)[0])
    finally:
        tier.close()
        if reference is not None:
            reference.close()
    lines = [report(replace(found, ours=ours, theirs=theirs), verbose=verbose)]
    lines += [f"  {note}" for note in notes]
    lines.append("  it differs" if bad else "  nothing differs (any more)")
    return Verdict("\n".join(lines), bad)


class _Recorded:
    """A reference that is known by its recorded answer alone."""

    def __init__(self, found: Replay) -> None:
        self.name, self.fields = found.reference, found.fields
        words = found.identity.get("version", "").split(".")
        self.version = tuple(int(word) for word in words if word.isdigit())


def _ask(found: Replay) -> Reference | None:
    """The replay's reference, if it can be opened and is the program that answered then."""
    try:
        reference = open_side(found.reference, found.model)
        if dict(reference.identity()) == dict(found.identity):
            return reference
        reference.close()
    except UserError:
        pass
    return None


def _changed(name: str, then: np.ndarray, now: np.ndarray, fields: tuple[str, ...]) -> list[str]:
    """A note when an answer is not what it was when the file was written."""
    if then["kind"][0] == Kind.NOT_JUDGED:
        return []
    same = all(np.array_equal(then["state"][f], now["state"][f]) for f in fields)
    same &= all(np.array_equal(then[f], now[f]) for f in (OUTCOME.names or ()) if f in
                {"kind", "memory"})  # fmt: skip
    return [] if same else [f"{name} answers otherwise than when the file was written"]
