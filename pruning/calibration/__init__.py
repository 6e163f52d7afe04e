"""Calibration: what the inputs of a model's matrices are on some text, one layer in memory at a time."""
