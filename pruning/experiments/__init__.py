"""Experiments: what is planned, how one is done, how results reach the store."""
