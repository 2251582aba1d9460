"""Benchmarks: `make bench-NAME` runs `tests/bench/NAME.py`; `docs/benchmarks.md` holds what they said."""
