"""Lowering of floating-point ops."""
