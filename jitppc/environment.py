"""Where jitppc keeps its files, and what helper programs are told.

Nothing else reads the environment.
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


#: NumPy's library of linear algebra starts a thread for each processor; nothing here needs it
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def child_environment(**changes: str) -> dict[str, str]:
    """The environment for a helper program: ours, with `changes`."""
    return os.environ | ONE_THREAD | changes
