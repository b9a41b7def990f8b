"""`jitppc prepare`: what the first start would compile, compiled now."""

from typing import Any

from jitppc.cli.progress import Progress
from jitppc.errors import OptionError, UserError


def prepare_command(_settings: dict[str, Any], arguments: list[str]) -> int:
    if arguments:
        raise OptionError(f"prepare {' '.join(arguments)}: it takes no arguments")
    from jitppc.runtime.tier0_cache import PACKAGE, prepare

    with Progress() as progress:
        try:
            file = prepare(lambda what, done, total: progress(what, done / total))
        except OSError as error:
            raise UserError(f"{PACKAGE} cannot be written: {error.strerror or error}") from error
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
    return 0
