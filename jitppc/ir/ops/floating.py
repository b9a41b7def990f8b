"""Floating-point ops on the bits of IEEE 754 values."""

from __future__ import annotations

from .row import Op

ROWS: tuple[Op, ...] = ()
