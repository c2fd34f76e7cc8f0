"""Measurements, one file a question; each is run with `python -m benchmarks.<question>`."""
