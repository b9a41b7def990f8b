"""`jitppc boot`: the Debian installer for ppc64el, fetched when it is not there yet."""

from typing import Any

from jitppc.cli.commands import BOOT_APPEND
from jitppc.cli.progress import Progress
from jitppc.cli.run import run
from jitppc.config import run_config


def boot_command(settings: dict[str, Any], _arguments: list[str]) -> int:
    # Contradictions are found before anything is fetched.
    run_config({"kernel": "", **settings})
    from jitppc.host import installer

    with Progress() as progress:
        files = installer.fetch(progress)
    return run(
        run_config(
            {"append": BOOT_APPEND, **settings, "kernel": files.kernel, "initrd": files.initrd}
        )
    )
