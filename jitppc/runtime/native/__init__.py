"""Native routines (Numba) called by handlers, all over one CPU_STATE record.

They never allocate and never raise.
"""
