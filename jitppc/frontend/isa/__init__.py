"""The instruction set: one file per chapter of the Power ISA, one row and body per instruction."""
