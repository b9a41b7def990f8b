"""The decode chains of tier 0 as constants: which rows a word may be, in order of precedence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a decode chain."""

    mask: int
    value: int
    name: str
    number: int
    models: int


#: LLVM type of one candidate of a decode chain: mask, value, predecoder, models, handler number
CHAIN = "{i64, i64, ptr, i32, i16}"


def chain_tables(mode: str, matches: Sequence[Match]) -> str:
    """The decode tables: for each primary opcode and low 11 bits, where its chain of candidates is.
    Primary opcode 1 has the prefixed words, by the primary opcode of the suffix.

    `matches` come in order of precedence. The last matches everything: the unknown word ends every
    chain.
    """
    *matches, unknown = matches
    by_primary: list[list[Match]] = [[] for _ in range(64)]
    for match in matches:
        by_primary[1 if match.mask >> 32 else match.value >> 26].append(match)
    starts: dict[tuple[Match, ...], int] = {}
    entries: list[str] = []
    first: list[int] = []
    for primary in range(64):
        for low in range(2048):
            if primary == 1:
                chain = _prefixed_chain(by_primary[1], low)
            else:
                chain = _plain_chain(by_primary[primary], low, unknown.models)
            key = tuple(chain)
            if key not in starts:
                starts[key] = len(entries)
                entries += [_entry(m) for m in chain]
                entries.append(_entry(unknown))
            first.append(starts[key])
    if len(entries) >= 1 << 16:
        raise ValueError("decode chains need more than 16 bits")
    numbers = [f"i16 {n}" for n in first]
    return constant(f"first_{mode}", "i16", numbers) + constant(f"chains_{mode}", CHAIN, entries)


def _plain_chain(matches: Sequence[Match], low: int, every_model: int) -> list[Match]:
    """Those that may match a word with these low 11 bits, up to one that does so surely."""
    chain = []
    for match in matches:
        if not (low ^ match.value) & match.mask & 0x7FF:
            chain.append(match)
            if not match.mask & 0x3FFF800 and match.models == every_model:
                break
    return chain


def _prefixed_chain(matches: Sequence[Match], suffix: int) -> list[Match]:
    """Those that may match a prefixed word whose suffix has this primary opcode."""
    return [m for m in matches if not (suffix << 26 ^ m.value) & m.mask & 0xFC000000]


def _entry(m: Match) -> str:
    number = f"i32 {m.models}, i16 {m.number}"
    return f"{CHAIN} {{i64 {m.mask}, i64 {m.value}, ptr @p_{m.name}, {number}}}"


def constant(name: str, kind: str, items: Sequence[str]) -> str:
    """A table of the module."""
    return f"@{name} = constant [{len(items)} x {kind}] [{', '.join(items)}]\n"
