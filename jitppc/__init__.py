"""jitppc runs PowerPC pseries (sPAPR) Linux guests on x86-64 by translating their code with LLVM.

from jitppc import Machine

m = Machine(kernel="vmlinux", initrd="initrd.gz", memory="2G")
m.run(until="login:")
m.cpu.gpr[3]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__version__ = "0.1.0"

__all__ = ["Machine", "__version__"]


def __getattr__(name: str) -> Any:
    """`jitppc.Machine` exists, and its room is loaded on first use.

    The import is dynamic so that `import jitppc` (and `jitppc --help`) loads neither NumPy nor
    LLVM, and so that no room can reach another one through this package.
    """
    if name == "Machine":
        return import_module("jitppc.spapr.machine").Machine
    raise AttributeError(f"module 'jitppc' has no attribute {name!r}")


def __dir__() -> "Sequence[str]":
    return __all__
