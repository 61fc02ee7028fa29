"""Programs that run in a peer's own environment: the work of the peers in `python -m benchmarks --peers`."""
