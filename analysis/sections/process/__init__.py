"""reports/process.md: families, names and representatives."""
