"""The words of a case as instructions that can be left out: branches within go on to the same
place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jitppc.frontend.decode import decode
from jitppc.frontend.forms import field_value, words_of
from jitppc.frontend.levels import MODELS
from jitppc.frontend.rows import Row

NOP = 0x60000000
#: fields that hold the distance of a relative branch, in words
DISTANCES = ("BD", "LI")


@dataclass(frozen=True, slots=True)
class Item:
    """An instruction (prefix << 32 | suffix of a prefixed one), and where its branch goes.

    `target` is the number of an instruction, len(items) for the end, None for anything else.
    """

    word: int
    target: int | None = None


def split(case: np.void, model: str) -> list[Item]:
    """The instructions of a case."""
    words = [int(word) for word in case["words"][: case["count"]]]
    items: list[tuple[int, int]] = []
    starts, at = {}, 0
    while at < len(words):
        starts[at] = len(items)
        is_prefixed = words[at] >> 26 == 1 and at + 1 < len(words)
        word = words[at] << 32 | words[at + 1] if is_prefixed else words[at]
        items.append((at, word))
        at += 2 if is_prefixed else 1
    starts[at] = len(items)
    found = []
    for place, word in items:
        distance = _distance(word, model)
        target = None if distance is None else starts.get(place + distance)
        found.append(Item(word, target))
    return found


def join(items: Sequence[Item], case: np.ndarray) -> np.ndarray:
    """The case (an array of one) with these instructions; branches reach their targets."""
    starts = [0]
    for item in items:
        starts.append(starts[-1] + len(words_of(item.word)))
    words = [word for n, item in enumerate(items) for word in words_of(_branch(item, n, starts))]
    changed = case.copy()
    changed["words"] = 0
    changed["words"][0, : len(words)] = words
    changed["count"] = len(words)
    return changed


def without(items: Sequence[Item], gone: int) -> list[Item]:
    """All but one instruction; who branched to it branches to the next."""
    kept = []
    for n, item in enumerate(items):
        if n != gone:
            target = item.target
            if target is not None and target > gone:
                target -= 1
            kept.append(Item(item.word, target))
    return kept


def row_of(word: int, model: str) -> Row | None:
    """The row of an instruction, if it has one."""
    found = decode(word, MODELS[model])
    return found.row if found else None


def rows_of(case: np.void, model: str) -> list[Row]:
    """The rows of a case's instructions, each once, in order."""
    found = [row_of(item.word, model) for item in split(case, model)]
    return list({row.key: row for row in found if row is not None}.values())


def keys_of(cases: np.ndarray, model: str) -> np.ndarray:
    """Keys of the rows of all words: an array (cases, words) of text, "" where there is none."""
    words = cases["words"].astype(np.uint64)
    longest = int(cases["count"].max(initial=1))
    words = words[:, :longest]
    after = np.concatenate((words[:, 1:], np.zeros((len(words), 1), np.uint64)), axis=1)
    is_prefix = words >> np.uint64(26) == 1
    is_suffix = np.zeros_like(is_prefix)
    is_suffix[:, 1:] = is_prefix[:, :-1]
    whole = np.where(is_prefix, words << np.uint64(32) | after, words)
    used = (np.arange(longest) < cases["count"][:, None]) & ~is_suffix
    different, which = np.unique(whole, return_inverse=True)
    rows = [row_of(int(word), model) for word in different]
    names = np.array([row.key if row else "" for row in rows], object)
    return np.where(used, names[which.reshape(whole.shape)], "")


def _distance(word: int, model: str) -> int | None:
    row = row_of(word, model)
    if row is None or not _is_relative(row, word):
        return None
    name = next(name for name in DISTANCES if name in row.picture.fields)
    return field_value(row.picture, word, name) // 4


def _is_relative(row: Row, word: int) -> bool:
    fields = row.picture.fields
    return any(name in fields for name in DISTANCES) and not row.flag_values(word).get("AA")


def _branch(item: Item, number: int, starts: list[int]) -> int:
    if item.target is None:
        return item.word
    distance = starts[item.target] - starts[number]
    mask = 0x03FFFFFC if item.word >> 26 == 18 else 0xFFFC
    return item.word & ~mask | distance * 4 & mask
