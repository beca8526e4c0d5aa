"""Benchmarks: what a request costs, in counts and in ratios against peers of the same run (docs/performance.md)."""
