"""reports/analyze.md: where the numbers come from."""
