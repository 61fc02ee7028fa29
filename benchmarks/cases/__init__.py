"""The cases, one file for each; the runner imports them all. `benchmarks/case.py` shows how to write a case."""
