"""`jitppc explain`: a piece of guest code, and all that becomes of it."""

import shutil
import sys
from pathlib import Path
from typing import Any

from jitppc import strategies
from jitppc.errors import OptionError, UserError
from jitppc.option_values import STAGES


def explain_command(settings: dict[str, Any], arguments: list[str]) -> int:
    from jitppc.explain.guest import guest_code
    from jitppc.explain.page import as_page
    from jitppc.explain.stages import explain
    from jitppc.explain.text import as_text

    stages = settings.get("stages", STAGES)
    strategy = strategies.find(settings.get("strategy", "regions"))
    if strategy.regions is None:
        raise OptionError(f"-strategy {strategy.name} compiles nothing")
    what = explain(guest_code(arguments), strategy.regions)
    page: Path | None = settings.get("html")
    if page is None:
        is_terminal = sys.stdout.isatty()
        print(as_text(what, stages, shutil.get_terminal_size().columns if is_terminal else None))
        return 0
    try:
        page.write_text(as_page(what, stages), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page}: {error.strerror}") from error
    print(page)
    return 0

