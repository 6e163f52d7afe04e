"""The protocol from Python, on a user's own model and text."""
