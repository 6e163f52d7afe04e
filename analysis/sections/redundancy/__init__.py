"""reports/redundancy.md: where the fat is, measured on dense models."""
