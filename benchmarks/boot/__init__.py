"""Boots of the Debian installer, timed from outside. See docs/benchmarks.md."""
