"""How fast voicekit is: each figure is compared with a floor measured in the same process (`python -m benchmarks`)."""
