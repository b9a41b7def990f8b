"""References by what a user calls them: ours by name, a user's own as MODULE:CLASS."""

from __future__ import annotations

import importlib

from jitppc.errors import ReferenceFailure

from .reference import Reference
from .references import open_reference


def open_side(name: str, model: str) -> Reference:
    """The reference, opened for a processor model.

    `MODULE:CLASS` names a class that Python can import; it is called without arguments and must be
    what `reference.Reference` describes. Raises ReferenceFailure when there is none.
    """
    module, colon, kind = name.partition(":")
    if not colon:
        return open_reference(name, model)
    try:
        reference: Reference = getattr(importlib.import_module(module), kind)()
    except (ImportError, AttributeError) as error:
        raise ReferenceFailure(f"no reference {name}: {error}") from error
    if model not in reference.models:
        has = ", ".join(reference.models)
        raise ReferenceFailure(f"{name} knows no {model}; it knows {has}")
    return reference
