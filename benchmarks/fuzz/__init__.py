"""How many cases a second the fuzzer judges: generation, both sides and comparison included."""
