"""What MSR may be when a case begins. Ref: Book III 4.2.1."""

from __future__ import annotations

from collections.abc import Iterable

from jitppc.ir.layout import MSR

from .cases import USER_LE64

_SUPERVISOR = USER_LE64 & ~MSR.PR

MODES: dict[str, tuple[int, str]] = {
    "le64": (USER_LE64, "little-endian 64-bit problem state"),
    "be64": (USER_LE64 & ~MSR.LE, "big-endian 64-bit problem state"),
    "le32": (USER_LE64 & ~MSR.SF, "little-endian 32-bit problem state"),
    "be32": (USER_LE64 & ~(MSR.SF | MSR.LE), "big-endian 32-bit problem state"),
    "supervisor": (_SUPERVISOR, "little-endian 64-bit privileged state"),
    "no-fp": (USER_LE64 & ~MSR.FP, "without the floating-point facility"),
    "no-vec": (USER_LE64 & ~MSR.VEC, "without the vector facility"),
    "no-vsx": (USER_LE64 & ~MSR.VSX, "without the vector-scalar facility"),
    "quiet": (USER_LE64 & ~(MSR.FE0 | MSR.FE1), "floating-point exceptions ignored"),
}


def msr_values(names: Iterable[str]) -> list[int]:
    """The values of these modes."""
    return [MODES[name][0] for name in names]
