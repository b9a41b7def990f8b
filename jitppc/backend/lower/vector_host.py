"""What the host's vector unit offers beyond what LLVM finds by itself. Everything has a form for any host too."""

from __future__ import annotations

import functools


@functools.cache
def features() -> frozenset[str]:
    """Names of LLVM's target features of this processor; empty where its intrinsics are not x86's."""
    import platform

    import llvmlite.binding

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return frozenset()
    return frozenset(name for name, on in llvmlite.binding.get_host_cpu_features().items() if on)


def has(feature: str) -> bool:
    """True when code for this host may use an x86 feature."""
    return feature in features()
