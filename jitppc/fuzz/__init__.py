"""Fuzzing an instruction set: cases, references that judge them, and what differs."""
