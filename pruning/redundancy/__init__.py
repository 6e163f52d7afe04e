"""Redundancy analyses: measurements of a dense model that may foretell what pruning costs."""
