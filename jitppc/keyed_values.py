"""Values made of keys: `virtio,file=a.img,readonly=on`, or the same as JSON.

Which keys there are is said by tables of `Key`; an unknown one is refused with the nearest.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jitppc.option_values import suggestion

Pairs = tuple[tuple[str, str], ...]
"""Keys and values in the order in which they were given; a key may occur again."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `values`: all that it may be, when they are few.

    `refused`: a reason for each value that is QEMU's and not ours; "" stands for every value.
    `is_idle`: taken and without effect here.
    """

    name: str
    says: str
    values: tuple[str, ...] = ()
    refused: Mapping[str, str] | None = None
    is_idle: bool = False
    parse: Callable[[str], Any] = str


SWITCH = ("on", "off")


def split(text: str) -> list[str]:
    """The pieces between commas; two commas are one comma of a value."""
    return [piece.replace(",,", ",") for piece in re.findall(r"(?:[^,]|,,)+", text)]


def pairs_of(text: str, implied: str = "") -> Pairs:
    """Keys and values of `text`; a first piece without an equals sign belongs to `implied`.

    Another piece without one is a switch that is on (or, as `noNAME`, off), as QEMU has it.
    """
    if text.lstrip().startswith("{"):
        return tuple(_flat(_json(text)))
    found = []
    for number, piece in enumerate(split(text)):
        key, equals, value = piece.partition("=")
        if equals:
            found.append((key, value))
        elif number == 0 and implied:
            found.append((implied, piece))
        elif piece:
            found.append((piece, "on"))
    return tuple(found)


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("JSON here is an object, {...}")  # noqa: TRY004 (a value of the user)
    return found


def _flat(found: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested objects and lists as keys with dots: `file.driver`, `addr.0`."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from _flat(value, f"{prefix}.{index}")
    elif isinstance(found, bool):
        yield prefix, "on" if found else "off"
    else:
        yield prefix, "" if found is None else str(found)


def check(pairs: Pairs, keys: Sequence[Key], of: str = "") -> None:
    """ValueError names a key that is not in the table, or a value that it cannot have."""
    table = {key.name: key for key in keys}
    for name, value in pairs:
        if name not in table:
            guess = suggestion(name, table) or f"; known: {', '.join(table)}"
            raise ValueError(f"unknown property {name!r}{' of ' + of if of else ''}{guess}")
        key = table[name]
        refused = key.refused or {}
        reason = refused.get(value, refused.get(""))
        if reason:
            raise ValueError(f"{name}={value}: {reason}")
        if key.values and value not in key.values:
            guess = suggestion(value, key.values)
            raise ValueError(f"{name} is one of {', '.join(key.values)}, not {value!r}{guess}")
        try:
            key.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}={value}: {error}") from None


def keyed(
    keys: Sequence[Key], implied: str = "", *, needs: Sequence[str] = ()
) -> Callable[[str], Pairs]:
    """A parser for values with these keys."""

    def parse(text: str) -> Pairs:
        pairs = pairs_of(text, implied)
        check(pairs, keys)
        for name in needs:
            if name not in dict(pairs):
                raise ValueError(f"{name}= is missing")
        return pairs

    return parse
