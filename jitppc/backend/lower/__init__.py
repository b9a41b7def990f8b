"""Lowering: one small function per IR op, to LLVM text.

Pure ops here; state, memory and control in `effects`.
"""

from . import (
    decimal,
    digest,
    floating,
    floating_ordinary,
    integer,
    vector,
    vector_crypto,
    vector_decimal,
    vector_float,
)
from .emitter import LOWER, Emitter, lowers

__all__ = [
    "LOWER",
    "Emitter",
    "decimal",
    "digest",
    "floating",
    "floating_ordinary",
    "integer",
    "lowers",
    "vector",
    "vector_crypto",
    "vector_decimal",
    "vector_float",
]
