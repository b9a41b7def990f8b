"""The references, one file each; see `jitppc.fuzz.reference` for what they have in common."""
