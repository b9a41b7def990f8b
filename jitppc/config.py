"""Where jitppc keeps its files, and every option of the command line as data.

This is the only file that reads the environment.
"""

import os
from pathlib import Path


def cache_directory() -> Path:
    """The directory of everything that can be made again: `$XDG_CACHE_HOME/jitppc`.

    It is named, not created: whoever writes creates it, and goes on without it when that fails.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative values ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "jitppc"
