"""Benchmarks: each prints a table and can write JSON. Times are of this machine; compare by ratio, in one run."""
