"""`jitppc cache`: what lies in the cache directory, and its removal."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jitppc.config import cache_directory
from jitppc.errors import OptionError, UserError
from jitppc.option_values import suggestion


def cache_command(_settings: dict[str, Any], arguments: list[str]) -> int:
    actions = {"info": _info, "clear": _clear}
    if len(arguments) != 1 or arguments[0] not in actions:
        word = " ".join(arguments)
        guess = suggestion(word, actions) if word else ""
        raise OptionError(f"cache {word or 'what'}: say info or clear{guess}")
    actions[arguments[0]]()
    return 0


def size_bytes(path: Path) -> int:
    """Bytes on disk below `path`; what cannot be read counts nothing."""
    return sum(entry.lstat().st_blocks * 512 for entry in _files(path))


def human_size(number: float) -> str:
    """`1.5 MB`, for people."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _files(path: Path) -> Iterator[Path]:
    for directory, _names, files in os.walk(path):
        for name in files:
            entry = Path(directory) / name
            if os.path.lexists(entry):
                yield entry


def _info() -> None:
    root = cache_directory()
    print(f"{root}{'' if root.is_dir() else ' (empty)'}")
    if not root.is_dir():
        return
    for part in sorted(root.iterdir()):
        count = sum(1 for _ in _files(part)) if part.is_dir() else 1
        print(f"  {part.name:24} {human_size(size_bytes(part)):>10}  {count} files")
    print(f"  {'all':24} {human_size(size_bytes(root)):>10}")


def _clear() -> None:
    root = cache_directory()
    freed = size_bytes(root)
    try:
        if root.exists():
            shutil.rmtree(root)
    except OSError as error:
        raise UserError(f"{root} cannot be removed: {error.strerror}") from error
    print(f"{root}: {human_size(freed)} freed")
