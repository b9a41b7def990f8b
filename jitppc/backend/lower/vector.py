"""Lowering of vector ops: an i128 is bitcast to LLVM lanes; Power's element 0 is LLVM's last."""

from __future__ import annotations

from jitppc.ir.block import Value

from .emitter import Emitter, lowers


def lanes(e: Emitter, value: Value, lane: int) -> str:
    """An i128 operand as LLVM's <n x iLANE> (element k of the book is LLVM's n - 1 - k)."""
    return e.tmp(f"bitcast i128 {e.of(value)} to <{128 // lane} x i{lane}>")


def whole(e: Emitter, vector: str, lane: int) -> str:
    """The inverse of `lanes`."""
    return e.tmp(f"bitcast <{128 // lane} x i{lane}> {vector} to i128")


@lowers("vadd", "vsub", "vmul")
def _arithmetic(e: Emitter, v: Value) -> str:
    x, y = (lanes(e, a, v.attr) for a in v.args)
    return whole(e, e.tmp(f"{v.op.name[1:]} <{128 // v.attr} x i{v.attr}> {x}, {y}"), v.attr)
