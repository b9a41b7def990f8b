"""The `jitppc` command. No logic: options become a configuration, the rooms do the work.

Nothing heavy is imported here, so that `jitppc --help` answers at once; each subcommand's module is
imported when it is used.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from jitppc import __version__
from jitppc.errors import OptionError, UserError


def main(words: Sequence[str] | None = None) -> int:
    """The whole command; returns its exit status and never raises for what a user can cause."""
    arguments = list(sys.argv[1:] if words is None else words)
    _occupy_standard_fds()
    previous = _end_on_sigterm()
    try:
        status = _dispatch(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough; Python shall not complain again when it flushes.
        _forget_stdout()
        return 0
    except UserError as error:
        _complain(str(error))
        return 2
    except OSError as error:
        # A full or read-only disk is the user's to mend, wherever it was met.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            raise
        _forget_stdout()
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror}")
        return 2
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)
    return status


def _dispatch(arguments: list[str]) -> int:
    from jitppc.cli.commands import COMMANDS
    from jitppc.cli.line import parse
    from jitppc.option_values import suggestion

    name = arguments[0] if arguments else "help"
    if name.lstrip("-") in {"h", "help"}:
        from jitppc.cli.command import general_help

        print(general_help(COMMANDS, __version__))
        return 0
    if name.lstrip("-") == "version":
        print(f"jitppc {__version__}")
        return 0
    if name.startswith("-"):
        # A QEMU line with another program's name before it.
        arguments.insert(0, "run")
        name = "run"
    for command in COMMANDS:
        if command.name == name:
            settings, free = parse(arguments[1:], command.all_options, command.arguments)
            if settings.pop("help", False):
                print(command.help())
                return 0
            return command.do(settings, free)
    names = [command.name for command in COMMANDS]
    guess = suggestion(name, names) or f"; commands: {', '.join(names)}"
    raise OptionError(f"unknown command {name!r}{guess}")


def _complain(message: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"jitppc: {message}", file=sys.stderr, flush=True)


def _occupy_standard_fds() -> None:
    """Descriptors 0, 1 and 2 are open, so that no file of ours gets such a number by chance."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _forget_stdout() -> None:
    if sys.stdout is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _end_on_sigterm() -> Any:
    """SIGTERM unwinds like an exception, so that terminals and partial files are tidied."""

    def unwind(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        return signal.signal(signal.SIGTERM, unwind)
    except ValueError:  # not the main thread
        return None
