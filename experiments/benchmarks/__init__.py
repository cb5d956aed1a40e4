"""Benchmarks of the lab itself: ratios within one run, never absolute promises."""
