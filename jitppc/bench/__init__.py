"""Comparing translation strategies: workloads, where they run, results. See docs/bench.md."""
