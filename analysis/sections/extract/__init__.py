"""reports/extract.md: what was mined and what the architectures are made of."""
