"""Replay files: one case, what the reference answered and what we did, as JSON that people can
read and edit. A file says everything that is needed to run the case again bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jitppc.errors import UserError
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.levels import MODELS

from .cases import CASE, MAX_WORDS, MEMORY_BYTES, OUTCOME, STATE, Batch, Kind, new_cases

FORMAT, VERSION = "jitppc fuzz replay", 1


@dataclass(frozen=True, slots=True)
class Replay:
    """A case and the answers to it. `case`, `theirs` and `ours` are arrays of one record."""

    model: str
    tier: str
    reference: str
    identity: Mapping[str, str]
    fields: tuple[str, ...]  # of a state that the reference knows
    origin: Mapping[str, Any]
    case: np.ndarray
    theirs: np.ndarray
    ours: np.ndarray

    @property
    def batch(self) -> Batch:
        """The case as a batch."""
        return Batch(self.case, self.model)


def to_text(replay: Replay) -> str:
    """The contents of a replay file."""
    case = replay.case[0]
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "model": replay.model,
            "tier": replay.tier,
            "reference": {"name": replay.reference, **replay.identity},
            "fields": list(replay.fields),
            "origin": dict(replay.origin),
            "words": [f"{int(word):08x}" for word in case["words"][: case["count"]]],
            "listing": listing(case),
            "flags": int(case["flags"]),
            "state": _state_json(case["state"]),
            "memory": _memory_json(case["memory"]),
            "theirs": _outcome_json(replay.theirs[0], case),
            "ours": _outcome_json(replay.ours[0], case),
        },
        indent=1,
    )


def from_text(text: str, name: str) -> Replay:
    """The replay in a file's contents; UserError names what is wrong with it."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError("it is something else")
        if data["version"] != VERSION:
            raise UserError(f"{name} is a replay of version {data['version']}, not {VERSION}")
        if data["model"] not in MODELS:
            raise ValueError(f"no processor model {data['model']!r}")
        case = _case(data)
        reference = dict(data["reference"])
        return Replay(
            str(data["model"]),
            str(data["tier"]),
            str(reference.pop("name")),
            reference,
            tuple(name for name in data["fields"] if name in (STATE.names or ())),
            dict(data["origin"]),
            case,
            _outcome(data["theirs"], case),
            _outcome(data["ours"], case),
        )
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{name} is no replay file: {why}") from error


def read(path: Path) -> Replay:
    """The replay in a file."""
    try:
        return from_text(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def listing(case: np.void) -> list[str]:
    """The case's words, disassembled, with their addresses."""
    lines, at = [], 0
    nia, count = int(case["state"]["nia"]), int(case["count"])
    while at < count:
        word = int(case["words"][at])
        suffix = int(case["words"][at + 1]) if word >> 26 == 1 and at + 1 < count else None
        shown = f"{word:08x}" if suffix is None else f"{word:08x} {suffix:08x}"
        cia = nia + 4 * at
        whole = word if suffix is None else word << 32 | suffix
        lines.append(f"{cia:x}:  {shown:<17}  {disassemble(whole, cia)}")
        at += 1 if suffix is None else 2
    return lines


# --- records as JSON: what is zero, or as it was, is left out
def _state_json(state: np.void, before: np.void | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in STATE.names or ():
        value = state[name]
        old = np.zeros_like(value) if before is None else before[name]
        if np.array_equal(value, old):
            continue
        if name == "vsr":
            places = np.flatnonzero(np.any(value != old, axis=1))
            found[name] = {str(n): f"{int(value[n][1]):016x}_{int(value[n][0]):016x}"
                           for n in places}  # fmt: skip
        elif value.ndim:
            found[name] = {str(n): hex(value[n]) for n in np.flatnonzero(value != old)}
        else:
            found[name] = hex(value)
    return found


def _memory_json(memory: np.ndarray, before: np.ndarray | None = None) -> dict[str, str]:
    """Lines of 32 bytes, by their place."""
    old = np.zeros_like(memory) if before is None else before
    differs = np.any((memory != old).reshape(-1, 32), axis=1)
    return {str(32 * n): memory[32 * n : 32 * n + 32].tobytes().hex()
            for n in np.flatnonzero(differs)}  # fmt: skip


def _outcome_json(outcome: np.void, case: np.void) -> dict[str, Any]:
    return {
        "kind": Kind(int(outcome["kind"])).name,
        "retired": int(outcome["retired"]),
        "ea": hex(outcome["ea"]),
        "state": _state_json(outcome["state"], case["state"]),
        "memory": _memory_json(outcome["memory"], case["memory"]),
    }


def _case(data: Mapping[str, Any]) -> np.ndarray:
    case = new_cases(1, msr=0)
    case["state"]["nia"] = 0
    words = [int(word, 16) for word in data["words"]]
    if not 0 < len(words) <= MAX_WORDS:
        raise ValueError(f"{len(words)} words")
    case["words"][0, : len(words)] = words
    case["count"], case["flags"] = len(words), data["flags"]
    _fill_state(case["state"], data["state"])
    _fill_memory(case["memory"], data["memory"])
    assert case.dtype == CASE
    return case


def _outcome(data: Mapping[str, Any], case: np.ndarray) -> np.ndarray:
    outcome = np.zeros(1, OUTCOME)
    outcome["state"], outcome["memory"] = case["state"], case["memory"]
    outcome["kind"], outcome["retired"] = Kind[data["kind"]], data["retired"]
    outcome["ea"] = int(data["ea"], 16)
    _fill_state(outcome["state"], data["state"])
    _fill_memory(outcome["memory"], data["memory"])
    return outcome


def _fill_state(state: np.ndarray, data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        if name not in (STATE.names or ()):
            raise ValueError(f"no register {name!r}")
        if name == "vsr":
            for n, text in value.items():
                high, low = text.split("_")
                state[name][0, int(n)] = int(low, 16), int(high, 16)
        elif isinstance(value, Mapping):
            for n, text in value.items():
                state[name][0, int(n)] = int(text, 16)
        else:
            state[name] = int(value, 16)


def _fill_memory(memory: np.ndarray, data: Mapping[str, str]) -> None:
    for at, text in data.items():
        piece = bytes.fromhex(text)
        if int(at) < 0 or int(at) + len(piece) > MEMORY_BYTES:
            raise ValueError(f"memory at {at}")
        memory[0, int(at) : int(at) + len(piece)] = np.frombuffer(piece, np.uint8)
