"""Loads of a region through the window to the kernel's linear map (runtime/native/linear_map.py).

The test is a subtraction and a comparison with a field of the record, and what follows it does not
wait for it. What is elsewhere goes through the data TLB, which stands behind.
"""

from __future__ import annotations

from jitppc.ir.layout import LINEAR_MAP

from .lower.effects import LIKELY, READ, EffectEmitter, probe


def through_window(e: EffectEmitter, ea: str, size: int) -> str:
    """As `probe` to read, if the load does not go through the window."""
    inside, other, behind, on = (e.fresh(name) for name in ("inside", "other", "behind", "on"))
    at = e.tmp(f"sub i64 {ea}, {LINEAR_MAP}")
    size_of_window = e.tmp(f"load i64, ptr {e.field_pointer('window_size')}{e.tlb_load}")
    is_inside = e.tmp(f"icmp ult i64 {at}, {size_of_window}")
    e.line(f"br i1 {is_inside}, label %{inside}, label %{other}, {LIKELY}")
    e.line(f"{inside}:")
    base = e.tmp(f"load ptr, ptr {e.field_pointer('window_host')}{e.tlb_load}")
    straight = e.tmp(f"getelementptr i8, ptr {base}, i64 {ea}")
    e.line(f"br label %{on}")
    e.line(f"{other}:")
    found = probe(e, ea, size, READ)
    e.line(f"br label %{behind}")
    e.line(f"{behind}:")
    e.line(f"br label %{on}")
    e.line(f"{on}:")
    return e.tmp(f"phi ptr [{straight}, %{inside}], [{found}, %{behind}]")
