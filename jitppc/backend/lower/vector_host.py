"""What the host's vector unit offers that LLVM does not find by itself."""

from __future__ import annotations

import functools


@functools.cache
def features() -> frozenset[str]:
    """LLVM's names of this processor's features; none where its intrinsics are not x86's."""
    import platform

    import llvmlite.binding

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return frozenset()
    return frozenset(name for name, on in llvmlite.binding.get_host_cpu_features().items() if on)


def has(feature: str) -> bool:
    """True when code for this host may use an x86 feature."""
    return feature in features()
