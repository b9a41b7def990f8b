"""What an option of the command line is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its spellings, what its value is called, and what it does.

    Fields:
        names: without dashes; both `-name` and `--name` are taken. The first is shown in `--help`.
        metavar: what the value is called, "" for a switch.
        parse: text of the value to the value; ValueError gives the reason. Switches yield True.
        dest: the field of `RunConfig` (or of the command's own settings) that it sets; "" for an
            option that only has to be legal.
        free_text: the value may begin with a dash.
        shown: it stands in `--help`.
        repeats: it may be given several times; the values make a tuple, in order.
        keys: the table of keys that its value may have, for the reference.
    """

    names: tuple[str, ...]
    metavar: str
    says: str
    dest: str = ""
    parse: Callable[[str], Any] = str
    group: str = "running"
    free_text: bool = False
    shown: bool = True
    repeats: bool = False
    keys: str = ""
