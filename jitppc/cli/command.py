"""What a subcommand is, and its help text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from jitppc.option import Option

WIDTH = 96
_COLUMN = 30

HELP = Option(("h", "help"), "", "show this text", "help", group="general")

GROUPS = {
    "disk": "Disk",
    "machine": "Machine",
    "guest": "Guest",
    "devices": "Devices",
    "running": "Running",
    "translation": "Translation",
    "cases": "Cases",
    "sides": "Sides",
    "length": "Length",
    "results": "Results",
    "general": "General",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand as data: its name, one sentence, options, and the function that does it.

    `do(settings, arguments)` returns the exit status.
    """

    name: str
    says: str
    do: Callable[[dict[str, Any], list[str]], int]
    options: tuple[Option, ...] = ()
    arguments: str = ""
    notes: str = ""

    @property
    def all_options(self) -> tuple[Option, ...]:
        return (*self.options, HELP)

    def help(self) -> str:
        """The text of `jitppc NAME --help`."""
        arguments = f" {self.arguments}" if self.arguments else ""
        lines = [f"usage: jitppc {self.name} [options]{arguments}", "", self.says]
        for group, title in GROUPS.items():
            options = [
                option for option in self.all_options if option.group == group and option.shown
            ]
            if options:
                lines += ["", f"{title}:"]
                for option in options:
                    lines += two_columns(option_title(option), option.says)
        if self.notes:
            lines += ["", *self.notes.splitlines()]
        return "\n".join(lines)


def option_title(option: Option) -> str:
    """The spellings and the value, as in `-M, -machine pseries`."""
    names = ", ".join(f"-{name}" for name in option.names)
    return f"{names} {option.metavar}".rstrip()


def two_columns(left: str, right: str) -> list[str]:
    """Lines of a help text; a long left side gets a line of its own."""
    lines = wrap(right, WIDTH - _COLUMN)
    first = f"  {left}".ljust(_COLUMN)
    if len(first.rstrip()) >= _COLUMN:
        return [first, *(" " * _COLUMN + line for line in lines)]
    return [first + lines[0], *(" " * _COLUMN + line for line in lines[1:])]


def general_help(commands: Sequence[Command], version: str) -> str:
    """The text of `jitppc --help`."""
    lines = [
        f"jitppc {version}: runs PowerPC pseries Linux guests by translating their code with LLVM",
        "",
        "usage: jitppc COMMAND [options]",
        "",
        "Commands:",
    ]
    for command in commands:
        lines += two_columns(command.name, command.says)
    lines += [
        "",
        "A QEMU command line works too: `jitppc -M pseries -m 2G -kernel FILE -initrd FILE ...`",
        "is `jitppc run ...`. Options take one dash or two. `jitppc COMMAND --help` lists them.",
    ]
    return "\n".join(lines)
