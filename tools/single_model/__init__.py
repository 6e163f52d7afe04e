"""Prunes one model on demand for the workflow of that name: `python -m tools.single_model check|fetch|prune`."""
