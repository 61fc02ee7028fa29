"""Programs that run in a peer's own environment, not in ours: what `python -m benchmarks --peers` gives them to do."""
