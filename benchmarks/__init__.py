"""How fast voicekit is, each figure beside a floor measured in the same process: `python -m benchmarks`."""
