"""Command lines in QEMU's manner: long options with one dash or two, each with its value after it.

argparse is not used because it reads `-monitro` as `-m onitro`, and cannot name the nearest option.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from jitppc.errors import OptionError
from jitppc.option import Option
from jitppc.option_values import suggestion
from jitppc.options import INSTEAD, NOT_YET


def parse(
    words: Sequence[str], options: Iterable[Option], arguments: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The values by `dest`, and the words that are no options.

    Args:
        arguments: what such words are called in messages; "" when none may be given.
    """
    by_name = {name: option for option in options for name in option.names}
    settings: dict[str, Any] = {}
    free: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            free.extend(rest)
            break
        if not word.startswith("-") or word == "-":
            free.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        option = by_name.get(name)
        if option is None:
            raise _unknown(word.partition("=")[0], name, by_name)
        if not option.metavar:
            if equals:
                raise OptionError(f"{word}: -{name} takes no value")
            _store(settings, option, True)
            continue
        if not equals:
            value = _value(word, option, rest, by_name)
        try:
            _store(settings, option, option.parse(value))
        except ValueError as error:
            raise OptionError(f"-{name} {value}: {error}") from None
    if free and not arguments:
        hint = "; for a kernel: -kernel FILE" if "kernel" in by_name else ""
        raise OptionError(f"{free[0]!r} belongs to no option{hint}")
    return settings, free


def _store(settings: dict[str, Any], option: Option, value: Any) -> None:
    """The last word wins, except that properties of the machine add up, and some options repeat."""
    if not option.dest:
        return
    if option.repeats:
        value = (*settings.get(option.dest, ()), value)
    if isinstance(value, dict):
        value = settings.get(option.dest, {}) | value
    settings[option.dest] = value


def _value(word: str, option: Option, rest: Any, by_name: dict[str, Option]) -> str:
    value = next(rest, None)
    if value is None:
        raise OptionError(f"{word} needs a value: {option.metavar}")
    if not option.free_text and value.startswith("-") and value.lstrip("-") in by_name:
        raise OptionError(f"{word} needs a value ({option.metavar}), and is followed by {value}")
    return value


def _unknown(word: str, name: str, known: Iterable[str]) -> OptionError:
    if name in NOT_YET:
        reason = INSTEAD.get(name, "jitppc does not have this option of QEMU yet")
        return OptionError(f"{word}: {reason}")
    guess = suggestion(name, known)
    if guess:
        guess = guess.replace("mean ", "mean -")
    return OptionError(f"unknown option {word}{guess or '; see jitppc --help'}")
