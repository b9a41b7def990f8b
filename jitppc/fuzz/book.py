"""Every instruction of the book: what we have of it, and who has judged it how often.

`data/mnemonics.txt` lists the book's instructions, `data/judgements.txt` the judgements; both are
data, and tests hold them against GNU objdump and against the references.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import UserError
from jitppc.frontend.decode import rows
from jitppc.frontend.rows import Row

DATA = Path(__file__).parent / "data"
MNEMONICS, JUDGEMENTS = DATA / "mnemonics.txt", DATA / "judgements.txt"

IMPLEMENTED, REFUSED_STATE, MISSING = "implemented", "refused", "missing"
STATES = (IMPLEMENTED, REFUSED_STATE, MISSING)

_HYPERVISOR = "hypervisor only; in a partition it is privileged in every state"
_ULTRAVISOR = "ultravisor only; in a partition it is privileged in every state"
_PHASED_OUT = "phased out in ISA 2.06, and in no POWER7 or later"
#: instructions that a partition cannot execute, and why
REFUSED = {
    "attn": "for the support processor; illegal in a partition",
    "hrfid": _HYPERVISOR,
    "urfid": _ULTRAVISOR,
    "msgsnd": _HYPERVISOR,
    "msgclr": _HYPERVISOR,
    "msgsync": _HYPERVISOR,
    "doze": _HYPERVISOR,
    "nap": _HYPERVISOR,
    "sleep": _HYPERVISOR,
    "rvwinkle": _HYPERVISOR,
    "lbzcix": _HYPERVISOR,
    "lhzcix": _HYPERVISOR,
    "lwzcix": _HYPERVISOR,
    "ldcix": _HYPERVISOR,
    "stbcix": _HYPERVISOR,
    "sthcix": _HYPERVISOR,
    "stwcix": _HYPERVISOR,
    "stdcix": _HYPERVISOR,
    "icswx": "starts a coprocessor that PAPR gives to no partition; gone in ISA 3.0",
    "msgsndu": _ULTRAVISOR,
    "msgclru": _ULTRAVISOR,
    "stop": _HYPERVISOR,
    "lfdp": _PHASED_OUT,
    "lfdpx": _PHASED_OUT,
    "stfdp": _PHASED_OUT,
    "stfdpx": _PHASED_OUT,
    "tlbia": "optional in the book, and in no POWER7 or later",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """An instruction of the book by its base mnemonic, with a word of it."""

    mnemonic: str
    level: str
    form: str
    word: int


@functools.cache
def mnemonics() -> dict[str, Listed]:
    """The book's instructions."""
    found = {}
    for line in MNEMONICS.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            name, level, form, word = line.split()
            found[name] = Listed(name, level, form, int(word, 16))
    return found


@functools.cache
def rows_by_mnemonic() -> dict[str, tuple[Row, ...]]:
    """The rows of each of the book's instructions that has any."""
    found: dict[str, list[Row]] = {}
    for row in rows().values():
        found.setdefault(listed_name(row), []).append(row)
    return {name: tuple(some) for name, some in found.items()}


def listed_name(row: Row) -> str:
    """The base mnemonic under which the book has a row's instruction."""
    known = mnemonics()
    if row.name in known:
        return row.name
    for flags in row.variants():
        if row.mnemonic(flags) in known:
            return row.mnemonic(flags)
    return row.name


Judgements = dict[str, Counter[str]]


def read_judgements(path: Path = JUDGEMENTS) -> Judgements:
    """How often which reference has judged a row, by row key and reference (with its model)."""
    found: Judgements = {}
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return found
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error
    for line in lines:
        if line.startswith("#") or not line.strip():
            continue
        key, *counts = line.split()
        try:
            pairs = (count.rsplit("=", 1) for count in counts)
            found[key] = Counter({name: int(number) for name, number in pairs})
        except ValueError as error:
            raise UserError(f"{path}: {line[:60]!r} is no line of judgements") from error
    return found


def write_judgements(judged: Mapping[str, Mapping[str, int]], path: Path = JUDGEMENTS) -> None:
    """The file anew."""
    head = (
        "# How many cases of each row which reference has judged: the row in the interpreter and\n"
        "# the reference ended the same way, and nothing unexplained differed. Interrupts for\n"
        "# illegal and privileged words do not count. Written by `jitppc isa -judge`.\n"
    )
    lines = []
    for key in sorted(judged):
        counts = [f"{name}={count}" for name, count in sorted(judged[key].items()) if count]
        if counts:
            lines.append(" ".join([key, *counts]) + "\n")
    path.write_text(head + "".join(lines), encoding="ascii")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be said about one of the book's instructions."""

    mnemonic: str
    level: str
    form: str
    state: str
    reason: str
    rows: tuple[str, ...]
    judged: dict[str, int]
    unjudged: tuple[str, ...]       # rows that no independent reference has judged

    def as_json(self) -> dict[str, object]:
        """For `-json`."""
        return {name: getattr(self, name) for name in self.__slots__}


def entries(judged: Judgements | None = None) -> list[Entry]:
    """All instructions of the book."""
    judged = read_judgements() if judged is None else judged
    found = []
    for name, listed in sorted(mnemonics().items()):
        own = rows_by_mnemonic().get(name, ())
        state = REFUSED_STATE if name in REFUSED else IMPLEMENTED if own else MISSING
        total: Counter[str] = Counter()
        for row in own:
            total.update(judged.get(row.key, {}))
        unjudged = tuple(row.key for row in own if not judged.get(row.key))
        keys = tuple(sorted(row.key for row in own))
        found.append(Entry(
            name, listed.level, listed.form, state, REFUSED.get(name, ""),
            keys, dict(sorted(total.items())), unjudged,
        ))  # fmt: skip
    return found
