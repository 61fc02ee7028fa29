"""One file per case; the runner imports them all. How to write one: `benchmarks/case.py`."""
