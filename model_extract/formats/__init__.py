"""Parsers of foreign bytes: pure functions that return frozen dataclasses and raise nothing but `UnreadableError`."""
