"""The native routines as one object, and what it depends on."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
ROOT = f"{PACKAGE.name}.runtime.native.exports"


@functools.cache
def native_key() -> str:
    """Hash of the sources that the routines are made of."""
    digest = hashlib.sha256()
    for name, source in sorted(sources().items()):
        digest.update(name.encode() + b"\0" + source)
    return digest.hexdigest()


def sources() -> dict[str, bytes]:
    """The modules behind the routines: `ROOT` and all it imports of ours, by name."""
    wanted, seen = [ROOT], dict[str, bytes]()
    while wanted:
        name = wanted.pop()
        path = _file(name)
        if path is not None and name not in seen:
            seen[name] = path.read_bytes()
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            wanted += _imports(seen[name], package)
    return seen


def _file(name: str) -> Path | None:
    """The source of a module of ours, or None if the name is something else's."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    choices = (path / "__init__.py", path.with_suffix(".py"))
    return next((choice for choice in choices if choice.is_file()), None)


def _imports(source: bytes, package: str) -> set[str]:
    """What a source imports from our package: modules, and names in them."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, package)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == PACKAGE.name}


def native_object() -> bytes:
    """Compile the routines. Takes Numba some seconds."""
    from jitppc.backend.objects import compile_text

    from .native.exports import native_ir

    return compile_text("", 2, tuple(text for pair in native_ir() for text in pair))
