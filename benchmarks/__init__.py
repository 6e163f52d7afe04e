"""Measurements that back the promises of the README and of the issues. Run one with `python -m benchmarks.NAME`."""
