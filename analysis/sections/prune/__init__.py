"""reports/prune.md: what each method costs, under one protocol."""
