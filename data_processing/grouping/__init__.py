"""Which models belong together, and where the evidence disagrees."""
