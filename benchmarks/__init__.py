"""Measurements; a claim about speed has its entry here. See docs/benchmarks.md."""
