"""The references, one file each; see `jitppc.fuzz.reference` for what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitppc.errors import ReferenceFailure

if TYPE_CHECKING:
    from jitppc.fuzz.reference import Reference

TIERS = ("interp", "exact", "regions")
NAMES = ("evaluator", *TIERS, "qemu-user", "qemu-system")


def open_reference(name: str, model: str) -> Reference:
    """The reference of this name; ReferenceFailure when there is none, or none of this model."""
    if name not in NAMES:
        raise ReferenceFailure(f"unknown reference {name!r}; there are {', '.join(NAMES)}")
    reference = _open(name)
    if model not in reference.models:
        has = ", ".join(reference.models)
        reference.close()
        raise ReferenceFailure(f"{name} knows no {model}; it knows {has}")
    return reference


def _open(name: str) -> Reference:
    if name in TIERS:
        from .native import NativeReference

        return NativeReference(name)
    if name == "evaluator":
        from .evaluator import EvaluatorReference

        return EvaluatorReference()
    if name == "qemu-system":
        from .qemu_system import QemuSystemReference

        return QemuSystemReference()
    from .qemu_user import QemuUserReference

    return QemuUserReference()
