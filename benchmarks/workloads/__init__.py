"""Workloads in C, and a small runner for developers; the whole one is `jitppc bench`."""
