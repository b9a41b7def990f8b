"""What becomes of a piece of guest code: `jitppc explain`. See docs/explain.md."""
