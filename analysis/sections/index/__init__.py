"""The first page, README.md: what changed, what was found, who leads, what failed."""
