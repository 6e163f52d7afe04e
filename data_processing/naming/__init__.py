"""Which family a model says it is of: its metadata, its config, its name."""
