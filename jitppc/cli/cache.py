"""`jitppc cache`: what lies in the cache directory, whether it is sound, and its removal."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jitppc.environment import cache_directory
from jitppc.errors import OptionError, UserError
from jitppc.option_values import suggestion

#: what jitppc keeps, by the name of the directory
SAYS = {
    "packages": "kernels and programs of guests",
    "regions": "translations of guest code",
    "tier0": "the interpreter",
}


def cache_command(_settings: dict[str, Any], arguments: list[str]) -> int:
    actions = {"info": _info, "verify": _verify, "clear": _clear}
    if not arguments or arguments[0] not in actions:
        word = " ".join(arguments)
        guess = suggestion(word, actions) if word else ""
        raise OptionError(f"cache {word or 'what'}: say info, verify or clear{guess}")
    action, *parts = arguments
    if parts and action != "clear":
        raise OptionError(f"cache {action} takes no further word, and there is {parts[0]!r}")
    return actions[action](parts)


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


def _parts(root: Path) -> list[Path]:
    return sorted(root.iterdir()) if root.is_dir() else []


def _info(_parts_named: list[str]) -> int:
    root = cache_directory()
    print(f"{root}{'' if root.is_dir() else ' (empty)'}")
    if not root.is_dir():
        return 0
    for part in _parts(root):
        count = sum(1 for _ in _files(part)) if part.is_dir() else 1
        says = SAYS.get(part.name, "")
        size = human_size(size_bytes(part))
        print(f"  {part.name:24} {size:>10}  {count:5} files{says and '  '}{says}")
    print(f"  {'all':24} {human_size(size_bytes(root)):>10}")
    return 0


def _verify(_parts_named: list[str]) -> int:
    """Every entry is read and compared with its digest; 1 when something is wrong."""
    from jitppc.runtime.cache_check import check

    root, entries, files, size, wrong = cache_directory(), 0, 0, 0, 0
    for finding in check(root):
        files, size = files + 1, size + finding.size
        entries += finding.entries
        wrong += len(finding.problems)
        for problem in finding.problems:
            print(f"{finding.path}: {problem}")
    print(f"{root}: {entries} sound entries in {files} files, {human_size(size)}")
    if wrong:
        print(f"{wrong} not sound, and not used; `jitppc cache clear` removes what is there")
    return 1 if wrong else 0


def _clear(names: list[str]) -> int:
    root = cache_directory()
    present = [part.name for part in _parts(root)]
    for name in names:
        if name not in SAYS and name not in present:
            known = sorted({*SAYS, *present})
            guess = suggestion(name, known) or f"; parts: {', '.join(known)}"
            raise OptionError(f"cache clear {name}: no such part{guess}")
    freed = 0
    for path in [root / name for name in names] or [root]:
        freed += size_bytes(path)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif os.path.lexists(path):
                path.unlink()
        except OSError as error:
            raise UserError(f"{path} cannot be removed: {error.strerror}") from error
    print(f"{' '.join(str(root / name) for name in names) or root}: {human_size(freed)} freed")
    return 0
